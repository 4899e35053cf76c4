/* trace.c - the firehose: what is published and delivered in a vhost, told to its
 * exchange amq.rabbitmq.trace. */
#include "broker/trace.h"

#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/folder.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/replyto.h"
#include "broker/server.h"
#include "broker/vhost.h"

#define TRACE_EXCHANGE "amq.rabbitmq.trace"

enum { KEY_MAX = 255 };

struct traced {
	struct queue *queue;	 /* a reference */
	struct message *message; /* a reference */
};

void
traces_fini(struct traces *t)
{
	route_fini(&t->route);
	copies_fini(&t->copies);
	free(t->list);
	*t = (struct traces){0};
}

void
trace_turn(struct vhost *v, bool on)
{
	if (v->traced == on) {
		log_info("Tracing is already %s for vhost '%s'",
		    on ? "enabled" : "disabled", log_safe(v->name));
		return;
	}
	log_info("%s tracing for vhost '%s'", on ? "Enabling" : "Disabling",
	    log_safe(v->name));
	v->traced = on;
	v->server->traced_count += on ? 1 : -1u;
	server_changed(v->server);
}

/* --- the headers ---------------------------------------------------------------- */

/* Integers are signed and of 32 bits, whatever they were. From the last property
 * to the first. */
static void
put_props(struct writer *w, const struct amqp_props *p)
{
	size_t inside;

#define TEXT(flag, name)                                                       \
	if (p->flags & flag)                                                   \
		table_put_longstr(w, #name, p->name);
#define NUMBER(flag, name)                                                     \
	if (p->flags & flag)                                                   \
		table_put_int(w, #name, (int32_t)p->name);
	TEXT(PROP_CLUSTER_ID, cluster_id)
	TEXT(PROP_APP_ID, app_id)
	TEXT(PROP_USER_ID, user_id)
	TEXT(PROP_TYPE, type)
	NUMBER(PROP_TIMESTAMP, timestamp)
	TEXT(PROP_MESSAGE_ID, message_id)
	TEXT(PROP_EXPIRATION, expiration)
	TEXT(PROP_REPLY_TO, reply_to)
	TEXT(PROP_CORRELATION_ID, correlation_id)
	NUMBER(PROP_PRIORITY, priority)
	NUMBER(PROP_DELIVERY_MODE, delivery_mode)
	if (p->flags & PROP_HEADERS) {
		inside = table_begin(w, "headers");
		writer_bytes(w, p->headers);
		table_end(w, inside);
	}
	TEXT(PROP_CONTENT_ENCODING, content_encoding)
	TEXT(PROP_CONTENT_TYPE, content_type)
#undef TEXT
#undef NUMBER
}

static size_t
array_begin(struct writer *w, const char *key)
{
	writer_shortstr(w, bytes_str(key));
	writer_u8(w, 'A');
	return writer_mark(w);
}

static void
put_text(struct writer *w, struct bytes text)
{
	writer_u8(w, 'S');
	writer_longstr(w, text);
}

static void
put_keys(struct writer *w, const struct routing *routing)
{
	size_t mark = array_begin(w, "routing_keys");

	put_text(w, routing->key);
	for (size_t i = 0; i < routing->copy_count; i++)
		put_text(w, routing->copies[i]);
	writer_patch(w, mark);
}

/* What is told of any message. */
static void
put_message(struct writer *w, const struct message *m,
    const struct amqp_props *p, const struct routing *routing)
{
	size_t inside;

	table_put_longstr(w, "exchange_name", message_exchange(m));
	put_keys(w, routing);
	inside = table_begin(w, "properties");
	put_props(w, p);
	table_end(w, inside);
	table_put_longstr(w, "node", bytes_str(node_name()));
}

static void
put_channel(struct writer *w, const struct channel *ch)
{
	const struct connection *c = ch->connection;

	table_put_longstr(w, "vhost", c->vhost->name);
	table_put_longstr(w, "connection", bytes_str(c->name));
	table_put_int(w, "channel", ch->number);
	table_put_longstr(w, "user", c->user->name);
}

static int
compare(const void *a, const void *b)
{
	return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* The default exchange tells what queues it was asked for, there or not, in
 * order. */
static void
put_asked(struct writer *w, const struct routing *routing)
{
	size_t n = routing->copy_count + 1;
	struct bytes *keys = xcalloc(n, sizeof *keys);

	keys[0] = routing->key;
	for (size_t i = 1; i < n; i++)
		keys[i] = routing->copies[i - 1];
	qsort(keys, n, sizeof *keys, compare);
	for (size_t i = 0; i < n; i++)
		if (!bytes_starts(keys[i], BYTES(REPLYTO ".")) &&
		    (i == 0 || !bytes_eq(keys[i], keys[i - 1])))
			put_text(w, keys[i]);
	free(keys);
}

static void
put_queues(struct writer *w, const struct message *m,
    const struct routing *routing, const struct route *route)
{
	size_t mark = array_begin(w, "routed_queues");

	if (message_exchange(m).n == 0)
		put_asked(w, routing);
	else
		for (size_t i = 0; i < route->count; i++)
			put_text(w, route->queues[i]->name);
	writer_patch(w, mark);
}

/* --- the way ---------------------------------------------------------------------- */

/* "publish." or "deliver." and a name, as much of it as fits. */
static struct bytes
make_key(uint8_t *room, struct bytes what, struct bytes name)
{
	if (name.n > KEY_MAX - what.n)
		name.n = KEY_MAX - what.n;
	put_bytes(put_bytes(room, what), name);
	return (struct bytes){room, what.n + name.n};
}

static struct message *
make_copy(struct bytes key, struct bytes headers, const struct message *m)
{
	struct amqp_props p = {.flags = PROP_HEADERS, .headers = headers};
	struct writer props = {0};
	struct message *copy;

	amqp_props_write(&props, &p);
	copy = message_new(BYTES(TRACE_EXCHANGE), key, writer_view(&props),
	    m->body_size);
	if (copy != NULL)
		put_bytes((uint8_t *)message_body(copy).p, message_body(m));
	writer_fini(&props);
	return copy;
}

static void
add(struct traces *t, struct queue *q, struct message *m)
{
	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 16;
		t->list = xrealloc(t->list, t->room * sizeof *t->list);
	}
	t->list[t->count++] = (struct traced){queue_ref(q), message_ref(m)};
}

/* Where nobody listens, nothing is copied. */
static void
tell(struct vhost *v, struct bytes key, struct bytes headers,
    const struct message *m)
{
	struct server *s = v->server;
	struct traces *t = &s->traces;
	struct exchange *x = vhost_exchange(v, BYTES(TRACE_EXCHANGE));
	struct routing routing = {.key = key, .headers = headers};
	size_t cost = m->body_size / 1024;
	struct message *copy;

	route_begin(&t->route);
	route(&t->route, x, &routing, &v->exchanges, &v->queues);
	cost += t->route.work;
	s->budget -= cost < s->budget ? cost : s->budget;
	if (t->route.count == 0 || (copy = make_copy(key, headers, m)) == NULL)
		return;
	for (size_t i = 0; i < t->route.count; i++)
		add(t, (struct queue *)t->route.queues[i], copy);
	message_unref(copy);
}

/* --- what happens ------------------------------------------------------------------ */

void
trace_published(struct channel *ch, const struct message *m,
    const struct amqp_props *p, const struct routing *routing,
    const struct route *route)
{
	struct writer headers = {0};
	uint8_t key[KEY_MAX];

	put_message(&headers, m, p, routing);
	put_channel(&headers, ch);
	put_queues(&headers, m, routing, route);
	tell(ch->connection->vhost,
	    make_key(key, BYTES("publish."), message_exchange(m)),
	    writer_view(&headers), m);
	writer_fini(&headers);
}

void
trace_delivered(
    struct channel *ch, const struct queue *q, const struct entry *e)
{
	const struct message *m = e->message;
	struct writer headers = {0};
	struct routing routing;
	struct amqp_props p;
	uint8_t key[KEY_MAX];

	if (!q->vhost->traced ||
	    bytes_eq(message_exchange(m), BYTES(TRACE_EXCHANGE)))
		return;
	envelope_read(m, &p);
	routing = envelope_routing(m, &p, &q->server->traces.copies);
	put_message(&headers, m, &p, &routing);
	table_put_int(
	    &headers, "redelivered", (e->flags & ENTRY_REDELIVERED) != 0);
	put_channel(&headers, ch);
	tell(q->vhost, make_key(key, BYTES("deliver."), queue_name(q)),
	    writer_view(&headers), m);
	writer_fini(&headers);
}

static void
enter(struct server *s, struct traced *t)
{
	if (!t->queue->deleted)
		queue_pass_on(t->queue, t->message, -1);
	queue_unref(t->queue);
	message_unref(t->message);
}

void
traces_enter(struct server *s)
{
	struct traces *t = &s->traces;

	for (size_t i = 0; i < t->count; i++)
		enter(s, &(struct traced){t->list[i].queue, t->list[i].message});
	t->count = 0;
}
