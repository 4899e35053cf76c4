/* message.h - what was published: immutable, counted, one allocation.
 *
 * The counts are not atomic. One thread owns a message at a time: another that
 * was handed one reads it and gives it back through a list, and never changes
 * the count. */
#ifndef AMQP_MESSAGE_H
#define AMQP_MESSAGE_H

#include <stdlib.h>

#include "amqp/bytes.h"
#include "amqp/wire.h"

/* data holds, one behind the other: the exchange's name and the routing key,
 * each as a short string with its length octet (so that basic.deliver copies
 * both at once), the properties as they came on the wire (flags and list), the
 * body, and the BCC header that was taken out of the properties: further
 * routing keys, members of an array (table.h), which no consumer sees. */
struct message {
	uint32_t refs;
	uint16_t names_size; /* exchange and key with their length octets */
	uint8_t persistent;  /* delivery-mode 2 */
	uint8_t priority;
	uint32_t props_size;
	uint32_t bcc_size;
	uint64_t body_size;
	uint8_t data[];
};

/* A message with one reference whose data has room for the sizes named; names
 * and properties are copied, persistent and priority read from them, the body
 * is the caller's to fill in. Exchange and key are at most 255 bytes. NULL if
 * the memory for it cannot be had. */
struct message *message_new(struct bytes exchange, struct bytes key,
    struct bytes props, uint64_t body_size);

/* The same with a BCC header, copied too. */
struct message *message_new_bcc(struct bytes exchange, struct bytes key,
    struct bytes props, uint64_t body_size, struct bytes bcc);

/* Gives an unshared message room for body_size bytes of body, not less than it
 * has, and sets its body_size; all that was in it stays. The result takes the place of m; NULL,
 * with m as it was, if the memory cannot be had. */
struct message *message_resize(struct message *m, uint64_t body_size);

static inline struct message *
message_ref(struct message *m)
{
	m->refs++;
	return m;
}

static inline void
message_unref(struct message *m)
{
	if (--m->refs == 0)
		free(m);
}

/* Exchange and key as two short strings, in wire form. */
static inline struct bytes
message_names(const struct message *m)
{
	return (struct bytes){m->data, m->names_size};
}

static inline struct bytes
message_exchange(const struct message *m)
{
	return (struct bytes){m->data + 1, m->data[0]};
}

static inline struct bytes
message_key(const struct message *m)
{
	const uint8_t *key = m->data + 1 + m->data[0];
	return (struct bytes){key + 1, key[0]};
}

static inline struct bytes
message_props(const struct message *m)
{
	return (struct bytes){m->data + m->names_size, m->props_size};
}

static inline struct bytes
message_body(const struct message *m)
{
	return (struct bytes){
	    m->data + m->names_size + m->props_size, m->body_size};
}

static inline struct bytes
message_bcc(const struct message *m)
{
	return (struct bytes){m->data + m->names_size + m->props_size +
		m->body_size, m->bcc_size};
}

/* What it takes in memory, for accounting. */
static inline size_t
message_size(const struct message *m)
{
	return sizeof *m + m->names_size + m->props_size + m->bcc_size +
	    m->body_size;
}

#endif
