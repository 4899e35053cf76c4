/* props.h - a content header's properties, kept as wire bytes and read on
 * demand. */
#ifndef AMQP_PROPS_H
#define AMQP_PROPS_H

#include "amqp/bytes.h"

/* Property flags of class basic, highest bit first (0-9-1 §4.2.6.1). */
enum {
	PROP_CONTENT_TYPE = 1 << 15,
	PROP_CONTENT_ENCODING = 1 << 14,
	PROP_HEADERS = 1 << 13,
	PROP_DELIVERY_MODE = 1 << 12,
	PROP_PRIORITY = 1 << 11,
	PROP_CORRELATION_ID = 1 << 10,
	PROP_REPLY_TO = 1 << 9,
	PROP_EXPIRATION = 1 << 8,
	PROP_MESSAGE_ID = 1 << 7,
	PROP_TIMESTAMP = 1 << 6,
	PROP_TYPE = 1 << 5,
	PROP_USER_ID = 1 << 4,
	PROP_APP_ID = 1 << 3,
	PROP_CLUSTER_ID = 1 << 2,
	PROP_COPIED = 1 << 0, /* not of the wire: headers may name CC or BCC */
};

/* The properties, each borrowed from the wire; absent ones are empty or 0 and
 * their flag is not set. */
struct amqp_props {
	uint16_t flags;
	uint8_t delivery_mode;
	uint8_t priority;
	uint64_t timestamp;
	struct bytes content_type;
	struct bytes content_encoding;
	struct bytes headers; /* a table, see table.h */
	struct bytes correlation_id;
	struct bytes reply_to;
	struct bytes expiration;
	struct bytes message_id;
	struct bytes type;
	struct bytes user_id;
	struct bytes app_id;
	struct bytes cluster_id;
};

/* Reads property flags and list: what stands in a content header behind the
 * body size. False if it is malformed: cut short, octets left over, a bad
 * table, the unused flag bits 0 or 1 set. */
bool amqp_props_parse(struct bytes wire, struct amqp_props *);

/* Appends flags and list in wire form. */
struct writer;
void amqp_props_write(struct writer *, const struct amqp_props *);

#endif
