/* message.c - what was published: immutable, counted, one allocation. */
#include "amqp/message.h"

#include <assert.h>

#include "amqp/props.h"

/* Where the body begins, or 0 if the sizes cannot be added up. */
static size_t
sum(size_t names, size_t props, uint64_t body, size_t *total)
{
	size_t front = sizeof(struct message) + names + props;
	if (props > UINT32_MAX || __builtin_add_overflow(front, body, total) ||
	    *total > PTRDIFF_MAX)
		return 0;
	return front;
}

/* Delivery-mode and priority stand at the front of the list; nothing else is
 * read, and nothing is read behind its end. */
static void
note_props(struct message *m, struct bytes props)
{
	struct reader r = reader_of(props);
	uint16_t flags = reader_u16(&r);
	if (flags & PROP_CONTENT_TYPE)
		reader_shortstr(&r);
	if (flags & PROP_CONTENT_ENCODING)
		reader_shortstr(&r);
	if (flags & PROP_HEADERS)
		reader_longstr(&r);
	if (flags & PROP_DELIVERY_MODE)
		m->persistent = reader_u8(&r) == 2;
	if (flags & PROP_PRIORITY)
		m->priority = reader_u8(&r);
}

struct message *
message_new(struct bytes exchange, struct bytes key, struct bytes props,
    uint64_t body_size)
{
	size_t total, names = exchange.n + key.n + 2;
	assert(exchange.n <= UINT8_MAX && key.n <= UINT8_MAX);
	if (sum(names, props.n, body_size, &total) == 0)
		return NULL;
	struct message *m = malloc(total);
	if (m == NULL)
		return NULL;
	*m = (struct message){.refs = 1,
	    .names_size = (uint16_t)names,
	    .props_size = (uint32_t)props.n,
	    .body_size = body_size};
	uint8_t *p = put_shortstr(put_shortstr(m->data, exchange), key);
	if (props.n != 0)
		memcpy(p, props.p, props.n);
	note_props(m, props);
	return m;
}

/* It takes the end of the body's room. */
struct message *
message_new_bcc(struct bytes exchange, struct bytes key, struct bytes props,
    uint64_t body_size, struct bytes bcc)
{
	uint64_t room;
	if (bcc.n > UINT32_MAX ||
	    __builtin_add_overflow(body_size, bcc.n, &room))
		return NULL;
	struct message *m = message_new(exchange, key, props, room);
	if (m == NULL || bcc.n == 0)
		return m;
	m->body_size = body_size;
	m->bcc_size = (uint32_t)bcc.n;
	memcpy((uint8_t *)message_bcc(m).p, bcc.p, bcc.n);
	return m;
}

struct message *
message_resize(struct message *m, uint64_t body_size)
{
	size_t total;
	assert(m->refs == 1 && body_size >= m->body_size);
	if (sum(m->names_size, (size_t)m->props_size + m->bcc_size, body_size,
		&total) == 0)
		return NULL;
	struct message *resized = realloc(m, total);
	if (resized == NULL)
		return NULL;
	const uint8_t *bcc = message_bcc(resized).p;
	resized->body_size = body_size;
	memmove((uint8_t *)message_bcc(resized).p, bcc, resized->bcc_size);
	return resized;
}
