/* letter.c - what a dead letter says of its deaths. */
#include "broker/letter.h"

#include <stdlib.h>

#include "amqp/table.h"
#include "broker/envelope.h"
#include "broker/queue.h"
#include "exchanges/quote.h"

static const char *const reasons[] = {
    "rejected", "expired", "maxlen", "delivery_limit"};

struct bytes
letter_deaths(const struct amqp_props *p)
{
	struct amqp_value v;

	if (amqp_table_get(p->headers, BYTES("x-death"), &v) && v.tag == 'A')
		return v.bytes;
	return BYTES("");
}

static bool
text_is(struct bytes table, const char *key, struct bytes text)
{
	struct amqp_value v;

	return amqp_table_get(table, bytes_str(key), &v) && v.tag == 'S' &&
	    bytes_eq(v.bytes, text);
}

/* The entry of the same queue and reason in an x-death array, whole or empty. */
static struct bytes
find_death(struct bytes deaths, struct bytes queue, enum death why)
{
	struct reader r = reader_of(deaths);
	struct amqp_value v;

	while (amqp_array_next(&r, &v))
		if (v.tag == 'F' && text_is(v.bytes, "queue", queue) &&
		    text_is(v.bytes, "reason", bytes_str(reasons[why])))
			return v.bytes;
	return BYTES("");
}

static void
put_table_member(struct writer *w, struct bytes table)
{
	writer_u8(w, 'F');
	writer_longstr(w, table);
}

/* A pair as it stands, from where its key begins. */
static void
copy_pair(struct writer *w, const uint8_t *from, const struct reader *r)
{
	writer_bytes(w, (struct bytes){from, (size_t)(r->p - from)});
}

/* The entry again, counted once more. */
static void
put_counted(struct writer *w, struct bytes death)
{
	struct reader r = reader_of(death);
	struct bytes key;
	struct amqp_value v;
	size_t mark;

	writer_u8(w, 'F');
	mark = writer_mark(w);
	for (const uint8_t *from = r.p; amqp_table_next(&r, &key, &v);
	     from = r.p)
		if (bytes_eq(key, BYTES("count")) && amqp_value_integer(&v))
			table_put_long(w, "count", v.i + 1);
		else
			copy_pair(w, from, &r);
	writer_patch(w, mark);
}

static void
put_new(
    struct writer *w, const struct letter *l, const struct amqp_props *p)
{
	const struct message *m = l->entry.message;
	size_t mark, keys;

	writer_u8(w, 'F');
	mark = writer_mark(w);
	if (p->flags & PROP_EXPIRATION)
		table_put_longstr(w, "original-expiration", p->expiration);
	table_put_long(w, "count", 1);
	table_put_longstr(w, "reason", bytes_str(reasons[l->why]));
	table_put_longstr(w, "queue", queue_name(l->queue));
	table_put_timestamp(w, "time", (uint64_t)l->died / 1000);
	table_put_longstr(w, "exchange", message_exchange(m));
	writer_shortstr(w, BYTES("routing-keys"));
	writer_u8(w, 'A');
	keys = writer_mark(w);
	envelope_put_keys(w, m, p);
	writer_patch(w, keys);
	writer_patch(w, mark);
}

/* The newest first; the others as they were. */
static void
put_deaths(
    struct writer *w, const struct letter *l, const struct amqp_props *p)
{
	struct bytes before = letter_deaths(p);
	struct bytes same = find_death(before, queue_name(l->queue), l->why);
	struct reader r = reader_of(before);
	struct amqp_value v;
	size_t mark;

	writer_shortstr(w, BYTES("x-death"));
	writer_u8(w, 'A');
	mark = writer_mark(w);
	if (same.n > 0)
		put_counted(w, same);
	else
		put_new(w, l, p);
	while (amqp_array_next(&r, &v))
		if (v.tag == 'F' && v.bytes.p != same.p)
			put_table_member(w, v.bytes);
	writer_patch(w, mark);
}

/* With a new key the further ones are gone, too. */
static bool
is_replaced(const struct queue *q, struct bytes key, bool first)
{
	return bytes_eq(key, BYTES("x-death")) ||
	    (q->limits.has_dead_key && bytes_eq(key, BYTES("CC"))) ||
	    bytes_starts(key, BYTES("x-last-death-")) ||
	    (first && bytes_starts(key, BYTES("x-first-death-")));
}

struct story {
	const char *reason, *queue, *exchange;
};

static const struct story first_death = {"x-first-death-reason",
    "x-first-death-queue", "x-first-death-exchange"};
static const struct story last_death = {
    "x-last-death-reason", "x-last-death-queue", "x-last-death-exchange"};

static void
put_story(struct writer *w, const struct story *keys, const struct letter *l)
{
	table_put_longstr(w, keys->reason, bytes_str(reasons[l->why]));
	table_put_longstr(w, keys->queue, queue_name(l->queue));
	table_put_longstr(w, keys->exchange, message_exchange(l->entry.message));
}

static void
put_headers(
    struct writer *w, const struct letter *l, const struct amqp_props *p)
{
	struct reader r = reader_of(p->headers);
	bool first = letter_deaths(p).n == 0;
	struct bytes key;
	struct amqp_value v;

	for (const uint8_t *from = r.p; amqp_table_next(&r, &key, &v);
	     from = r.p)
		if (!is_replaced(l->queue, key, first))
			copy_pair(w, from, &r);
	put_deaths(w, l, p);
	if (first)
		put_story(w, &first_death, l);
	put_story(w, &last_death, l);
}

struct message *
letter_write(const struct letter *l)
{
	const struct queue *q = l->queue;
	const struct message *m = l->entry.message;
	struct writer headers = {0}, props = {0};
	bool new_key = q->limits.has_dead_key;
	struct bytes key = new_key ? q->limits.dead_key : message_key(m);
	struct bytes bcc = new_key ? BYTES("") : message_bcc(m);
	struct amqp_props p;
	struct message *copy;

	amqp_props_parse(message_props(m), &p);
	put_headers(&headers, l, &p);
	p.headers = writer_view(&headers);
	p.flags = (uint16_t)((p.flags | PROP_HEADERS) & ~PROP_EXPIRATION);
	amqp_props_write(&props, &p);
	copy = message_new_bcc(q->limits.dead_exchange, key,
	    writer_view(&props), m->body_size, bcc);
	if (copy != NULL)
		put_bytes(
		    (uint8_t *)message_body(copy).p, message_body(m));
	writer_fini(&headers);
	writer_fini(&props);
	return copy;
}

void
letter_free(struct letter *l)
{
	for (size_t i = 0; i < l->took_count; i++)
		queue_unref(l->took[i]);
	free(l->took);
	queue_unref(l->queue);
	free(l);
}

bool
letter_cycles(struct bytes deaths, struct bytes queue)
{
	struct reader r = reader_of(deaths);
	struct amqp_value v;

	while (amqp_array_next(&r, &v)) {
		if (v.tag != 'F')
			continue;
		if (text_is(v.bytes, "reason", BYTES("rejected")))
			return false;
		if (text_is(v.bytes, "queue", queue))
			return true;
	}
	return false;
}

static void
put_name(struct writer *w, const char *between, struct bytes name)
{
	struct amqp_value v = {.tag = 'S', .bytes = name};

	writer_bytes(w, bytes_str(between));
	quote_value(w, &v);
}

void
letter_put_circle(struct writer *w, struct bytes deaths, struct bytes queue)
{
	struct reader r = reader_of(deaths);
	struct amqp_value v, name;

	put_name(w, "[", queue);
	while (amqp_array_next(&r, &v))
		if (v.tag == 'F' &&
		    amqp_table_get(v.bytes, BYTES("queue"), &name) &&
		    name.tag == 'S')
			put_name(w, ",", name.bytes);
	writer_u8(w, ']');
}
