/* envelope.c - what a message's properties say of its way: CC and BCC are further
 * routing keys, reply_to may ask for replies without a queue. */
#include "broker/envelope.h"

#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/server.h"

#define TIME_HEADER "timestamp_in_ms"

void
copies_fini(struct copies *c)
{
	free(c->keys);
	*c = (struct copies){0};
}

/* The header's members, or nothing. */
static struct bytes
array_of(struct bytes headers, struct bytes name)
{
	struct amqp_value v;

	if (amqp_table_get(headers, name, &v) && v.tag == 'A')
		return v.bytes;
	return BYTES("");
}

static bool
has(struct bytes headers, struct bytes name)
{
	struct amqp_value v;

	return amqp_table_get(headers, name, &v);
}

/* --- when it comes ------------------------------------------------------------ */

/* Appends the headers without their first BCC, if that is an array; false if
 * there is no such thing. */
static bool
hide(struct writer *w, struct bytes headers, struct bytes *bcc)
{
	struct reader r = reader_of(headers);
	struct bytes key;
	struct amqp_value v;

	for (const uint8_t *from = r.p; amqp_table_next(&r, &key, &v);
	     from = r.p) {
		if (!bytes_eq(key, BYTES("BCC")))
			continue;
		if (v.tag != 'A')
			return false;
		*bcc = v.bytes;
		writer_bytes(w,
		    (struct bytes){headers.p, (size_t)(from - headers.p)});
		writer_bytes(w, (struct bytes){r.p, reader_left(&r)});
		return true;
	}
	return false;
}

/* From here on PROP_COPIED is certain. */
/* The headers with the time, in place of the one they may have. */
static void
put_time(struct writer *w, struct bytes headers, int64_t ms)
{
	struct reader r = reader_of(headers);
	struct bytes key;
	struct amqp_value v;

	for (const uint8_t *from = r.p; amqp_table_next(&r, &key, &v);
	     from = r.p)
		if (!bytes_eq(key, bytes_str(TIME_HEADER)))
			writer_bytes(
			    w, (struct bytes){from, (size_t)(r.p - from)});
	table_put_long(w, TIME_HEADER, ms);
}

/* As RabbitMQ's message interceptor set_header_timestamp. */
static void
stamp(struct server *s, struct writer *w, struct amqp_props *p)
{
	bool overwrite = s->config->stamp_overwrite;

	if (!config_is_set(s->config, SETTING_stamp_overwrite))
		return;
	server_tick(s);
	if (overwrite || !has(p->headers, bytes_str(TIME_HEADER))) {
		put_time(w, p->headers, s->clock.wall);
		p->headers = writer_view(w);
		p->flags |= PROP_HEADERS;
	}
	if (overwrite || !(p->flags & PROP_TIMESTAMP)) {
		p->timestamp = (uint64_t)s->clock.wall / 1000;
		p->flags |= PROP_TIMESTAMP;
	}
}

void
envelope_read(const struct message *m, struct amqp_props *p)
{
	amqp_props_parse(message_props(m), p);
	if (m->bcc_size > 0)
		p->flags |= PROP_COPIED;
	else if ((p->flags & PROP_COPIED) && !has(p->headers, BYTES("CC")) &&
	    !has(p->headers, BYTES("BCC")))
		p->flags &= (uint16_t)~PROP_COPIED;
}

struct message *
envelope_new(struct channel *ch, struct bytes exchange, struct bytes key,
    struct bytes wire, uint64_t body_size, struct amqp_props *p)
{
	struct writer headers = {0}, stamped = {0}, props = {0};
	struct bytes bcc = {NULL, 0};
	struct message *m;

	if (hide(&headers, p->headers, &bcc))
		p->headers = writer_view(&headers);
	if (replyto_is(p->reply_to) && ch->replies != NULL)
		p->reply_to = replyto_name(ch);
	stamp(ch->server, &stamped, p);
	amqp_props_write(&props, p);
	wire = writer_view(&props);
	m = message_new_bcc(exchange, key, wire, body_size, bcc);
	if (m != NULL)
		envelope_read(m, p);
	writer_fini(&headers);
	writer_fini(&stamped);
	writer_fini(&props);
	return m;
}

static int
check_copies(struct channel *ch, struct bytes headers, struct bytes name)
{
	struct amqp_value v;

	if (!amqp_table_get(headers, name, &v) || v.tag == 'A')
		return AMQP_OK;
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "invalid message: {unacceptable_type_in_header,\"%s\",%s}",
	    amqp_reply_word(name), amqp_type_name(v.tag));
}

int
envelope_check_copies(struct channel *ch, const struct amqp_props *p)
{
	int code = check_copies(ch, p->headers, BYTES("CC"));

	return code != AMQP_OK
	    ? code
	    : check_copies(ch, p->headers, BYTES("BCC"));
}

int
envelope_check_reply_to(struct channel *ch, const struct amqp_props *p)
{
	if (!replyto_is(p->reply_to))
		return AMQP_OK;
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "fast reply consumer does not exist");
}

/* --- when it goes ------------------------------------------------------------- */

static void
add_keys(struct copies *c, struct bytes array)
{
	struct reader r = reader_of(array);
	struct amqp_value v;

	while (amqp_array_next(&r, &v)) {
		if (v.tag != 'S')
			continue;
		if (c->count == c->room) {
			c->room = c->room ? c->room * 2 : 8;
			c->keys =
			    xrealloc(c->keys, c->room * sizeof *c->keys);
		}
		c->keys[c->count++] = v.bytes;
	}
}

struct routing
envelope_routing(const struct message *m, const struct amqp_props *p,
    struct copies *c)
{
	c->count = 0;
	if (p->flags & PROP_COPIED) {
		add_keys(c, array_of(p->headers, BYTES("CC")));
		add_keys(c, message_bcc(m));
	}
	return (struct routing){
	    message_key(m), p->headers, c->keys, c->count, p};
}

void
envelope_put_keys(struct writer *w, const struct message *m,
    const struct amqp_props *p)
{
	struct reader r = reader_of(array_of(p->headers, BYTES("CC")));
	struct amqp_value v;

	writer_u8(w, 'S');
	writer_longstr(w, message_key(m));
	while (amqp_array_next(&r, &v)) {
		if (v.tag != 'S')
			continue;
		writer_u8(w, 'S');
		writer_longstr(w, v.bytes);
	}
}
