/* props.c - a content header's properties, kept as wire bytes and read on
 * demand. */
#include "amqp/props.h"

#include "amqp/table.h"
#include "amqp/wire.h"

enum { FLAGS_UNUSED = 3 };

/* In the order of the wire, which is that of the flags from the highest bit
 * down (0-9-1 §4.2.6.1). */
#define PROPS(P)                                                               \
	P(PROP_CONTENT_TYPE, content_type, shortstr)                           \
	P(PROP_CONTENT_ENCODING, content_encoding, shortstr)                   \
	P(PROP_HEADERS, headers, longstr)                                      \
	P(PROP_DELIVERY_MODE, delivery_mode, u8)                               \
	P(PROP_PRIORITY, priority, u8)                                         \
	P(PROP_CORRELATION_ID, correlation_id, shortstr)                       \
	P(PROP_REPLY_TO, reply_to, shortstr)                                   \
	P(PROP_EXPIRATION, expiration, shortstr)                               \
	P(PROP_MESSAGE_ID, message_id, shortstr)                               \
	P(PROP_TIMESTAMP, timestamp, u64)                                      \
	P(PROP_TYPE, type, shortstr)                                           \
	P(PROP_USER_ID, user_id, shortstr)                                     \
	P(PROP_APP_ID, app_id, shortstr)                                       \
	P(PROP_CLUSTER_ID, cluster_id, shortstr)

static bool
check_headers(struct amqp_props *props)
{
	bool copied = false;
	bool sound = amqp_headers_check(props->headers, &copied);
	if (copied)
		props->flags |= PROP_COPIED;
	return sound;
}

bool
amqp_props_parse(struct bytes wire, struct amqp_props *props)
{
	struct reader r = reader_of(wire);
	*props = (struct amqp_props){.flags = reader_u16(&r)};
	if (props->flags & FLAGS_UNUSED)
		return false;
#define READ(flag, name, kind)                                                 \
	if (props->flags & flag)                                               \
		props->name = reader_##kind(&r);
	PROPS(READ)
#undef READ
	return reader_ok(&r) &&
	    (props->headers.n == 0 || check_headers(props));
}

void
amqp_props_write(struct writer *w, const struct amqp_props *props)
{
	writer_u16(w, props->flags & ~FLAGS_UNUSED);
#define WRITE(flag, name, kind)                                                \
	if (props->flags & flag)                                               \
		writer_##kind(w, props->name);
	PROPS(WRITE)
#undef WRITE
}
