/* deliver.c - puts messages on the wire. */
#include "broker/deliver.h"

#include "amqp/frame.h"
#include "amqp/props.h"
#include "amqp/table.h"
#include "broker/channel.h"
#include "broker/consumer.h"
#include "broker/queue.h"
#include "broker/server.h"

enum {
	/* basic.deliver without consumer tag and names: class, method, the
	 * tag's length, delivery tag, redelivered */
	DELIVER_FIXED = 2 + 2 + 1 + 8 + 1,
	CLASS_BASIC = 60,
	/* what is written at once must fit a block */
	CONTIGUOUS_MAX = BLOCK_SIZE - 2048,
};

static uint8_t *
put_prefix(uint8_t *p, uint8_t type, uint16_t channel, size_t size)
{
	return put_u32(put_u16(put_u8(p, type), channel), (uint32_t)size);
}

static uint8_t *
put_deliver(uint8_t *p, const struct consumer *c, const struct entry *e,
    uint64_t tag)
{
	struct bytes names = message_names(e->message);

	p = put_prefix(p, FRAME_METHOD, c->channel->number,
	    DELIVER_FIXED + c->tag.n + names.n);
	p = put_u32(p, AMQP_basic_deliver);
	p = put_shortstr(p, c->tag);
	p = put_u64(p, tag);
	p = put_u8(p, (e->flags & ENTRY_REDELIVERED) != 0);
	p = put_bytes(p, names);
	return put_u8(p, FRAME_END);
}

/* The headers with the count in the place of one that a client may have sent. */
static void
put_count(struct writer *w, struct bytes headers, uint32_t returns)
{
	struct reader r = reader_of(headers);
	struct bytes key;
	struct amqp_value v;

	for (const uint8_t *from = r.p; amqp_table_next(&r, &key, &v);
	     from = r.p)
		if (!bytes_eq(key, BYTES("x-delivery-count")))
			writer_bytes(
			    w, (struct bytes){from, (size_t)(r.p - from)});
	table_put_long(w, "x-delivery-count", returns);
}

struct bytes
counted_props(struct writer *w, const struct message *m, uint32_t returns)
{
	struct writer headers = {0};
	struct amqp_props p;

	amqp_props_parse(message_props(m), &p);
	put_count(&headers, p.headers, returns);
	p.headers = writer_view(&headers);
	p.flags |= PROP_HEADERS;
	w->n = 0;
	amqp_props_write(w, &p);
	writer_fini(&headers);
	return writer_view(w);
}

/* The content header's frame up to where the properties go. */
static uint8_t *
put_header_start(uint8_t *p, uint16_t channel, const struct message *m,
    struct bytes props)
{
	p = put_prefix(
	    p, FRAME_HEADER, channel, FRAME_CONTENT_HEADER + props.n);
	p = put_u16(p, CLASS_BASIC);
	p = put_u16(p, 0);
	return put_u64(p, m->body_size);
}

static uint8_t *
put_header(uint8_t *p, uint16_t channel, const struct message *m,
    struct bytes props)
{
	p = put_bytes(put_header_start(p, channel, m, props), props);
	return put_u8(p, FRAME_END);
}

static uint8_t *
put_body(uint8_t *p, uint16_t channel, struct bytes body)
{
	p = put_bytes(put_prefix(p, FRAME_BODY, channel, body.n), body);
	return put_u8(p, FRAME_END);
}

/* Bodies that are lent, or do not fit one frame or one block. */
static void
send_body(struct connection *c, uint16_t channel, struct message *m)
{
	struct bytes body = message_body(m);
	size_t most = c->frame_max - FRAME_OVERHEAD;
	uint8_t *p;

	while (body.n > 0) {
		size_t n = body.n < most ? body.n : most;

		p = transport_room(&c->transport, FRAME_PREFIX);
		put_prefix(p, FRAME_BODY, channel, n);
		transport_used(&c->transport, FRAME_PREFIX);
		transport_lend(&c->transport, m, (struct bytes){body.p, n});
		*transport_room(&c->transport, 1) = FRAME_END;
		transport_used(&c->transport, 1);
		body.p += n;
		body.n -= n;
	}
}

/* Properties too large for one block. */
static void
send_large_header(struct connection *c, uint16_t channel,
    const struct message *m, struct bytes props)
{
	uint8_t start[FRAME_PREFIX + FRAME_CONTENT_HEADER], end = FRAME_END;

	put_header_start(start, channel, m, props);
	transport_write(
	    &c->transport, (struct bytes){start, sizeof start});
	transport_write(&c->transport, props);
	transport_write(&c->transport, (struct bytes){&end, 1});
}

static bool
copies_body(const struct connection *c, const struct message *m)
{
	return m->body_size < LEND_SIZE &&
	    m->body_size <= c->frame_max - FRAME_OVERHEAD;
}

/* Those of an entry that came back before tell how often. */
static struct bytes
entry_props(struct writer *w, const struct entry *e)
{
	return e->returns == 0 ? message_props(e->message)
			       : counted_props(w, e->message, e->returns);
}

static void
deliver_now(struct consumer *consumer, const struct entry *e, uint64_t tag)
{
	struct connection *c = consumer->channel->connection;
	uint16_t channel = consumer->channel->number;
	struct message *m = e->message;
	struct bytes props = entry_props(&c->server->writer, e);
	bool small = props.n <= CONTIGUOUS_MAX - LEND_SIZE;
	bool copied = small && copies_body(c, m);
	size_t room = FRAME_OVERHEAD + DELIVER_FIXED + consumer->tag.n +
	    m->names_size;
	uint8_t *start, *p;

	if (small)
		room += FRAME_OVERHEAD + FRAME_CONTENT_HEADER + props.n;
	if (copied)
		room += FRAME_OVERHEAD + m->body_size;
	start = transport_room(&c->transport, room);
	p = put_deliver(start, consumer, e, tag);
	if (small)
		p = put_header(p, channel, m, props);
	if (copied && m->body_size > 0)
		p = put_body(p, channel, message_body(m));
	transport_used(&c->transport, (size_t)(p - start));
	if (!small)
		send_large_header(c, channel, m, props);
	if (!copied)
		send_body(c, channel, m);
}

void
encode_content(struct writer *w, struct channel *ch,
    const struct amqp_method *method, const struct message *m,
    struct bytes props)
{
	struct bytes body = message_body(m);
	size_t most = ch->connection->frame_max - FRAME_OVERHEAD;
	size_t cost = body.n / 1024, *budget = &ch->server->budget;
	uint8_t *p;

	*budget -= cost < *budget ? cost : *budget;
	amqp_method_frame(w, ch->number, method);
	p = writer_room(
	    w, FRAME_OVERHEAD + FRAME_CONTENT_HEADER + props.n);
	w->n += (size_t)(put_header(p, ch->number, m, props) - p);
	while (body.n > 0) {
		size_t n = body.n < most ? body.n : most;

		p = writer_room(w, FRAME_OVERHEAD + n);
		w->n += (size_t)(put_body(
				     p, ch->number, (struct bytes){body.p, n}) -
		    p);
		body.p += n;
		body.n -= n;
	}
}

void
deliver_behind(
    struct consumer *c, const struct entry *e, uint64_t tag, uint64_t seq)
{
	struct channel *ch = c->channel;
	struct writer *w = &ch->server->writer, counted = {0};
	struct amqp_method m = {AMQP_basic_deliver,
	    .basic_deliver = {c->tag, tag, (e->flags & ENTRY_REDELIVERED) != 0,
		message_exchange(e->message), message_key(e->message)}};

	w->n = 0;
	encode_content(w, ch, &m, e->message, entry_props(&counted, e));
	promise_delivery(ch, writer_view(w), seq);
	writer_fini(&counted);
}

void
deliver(struct consumer *c, const struct entry *e, uint64_t tag, uint64_t seq)
{
	if (seq == 0 && c->channel->promises.tags == 0)
		deliver_now(c, e, tag);
	else
		deliver_behind(c, e, tag, seq);
}

void
send_return(struct channel *ch, const struct message *m)
{
	struct writer *w = &ch->server->writer;
	struct amqp_method method = {AMQP_basic_return,
	    .basic_return = {AMQP_NO_ROUTE, BYTES("NO_ROUTE"),
		message_exchange(m), message_key(m)}};

	w->n = 0;
	encode_content(w, ch, &method, m, message_props(m));
	connection_send_encoded(ch->connection, writer_view(w));
	ch->server->stats.returned++;
}
