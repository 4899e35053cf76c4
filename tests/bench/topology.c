/* topology.c - the queues and the exchange a run works with, and the messages
 * that reach them. */
#include <stdio.h>
#include <string.h>

#include "amqp/props.h"
#include "amqp/table.h"
#include "tests/bench/topology.h"

/* Bindings declared before the broker is asked whether it keeps up. */
enum { BINDINGS_AT_A_TIME = 1000 };

void
topology_queue(
    const struct options *o, unsigned index, char name[TOPOLOGY_NAME])
{
	snprintf(name, TOPOLOGY_NAME, "%s-%05u", o->name, index);
}

static void
exchange_name(const struct options *o, char name[TOPOLOGY_NAME])
{
	name[0] = '\0';
	if (o->exchange != NULL)
		snprintf(name, TOPOLOGY_NAME, "%s-%s", o->name, o->exchange);
	else if (o->delay > 0)
		snprintf(name, TOPOLOGY_NAME, "%s-delayed", o->name);
}

/* Messages wait in a queue until they expire? */
static bool
waits_in_queue(const struct options *o)
{
	return o->delay > 0 && o->expire;
}

/* By the exchange? */
static bool
waits_in_exchange(const struct options *o)
{
	return o->delay > 0 && !o->expire;
}

static bool
is(const struct options *o, const char *type)
{
	return o->exchange != NULL && strcmp(o->exchange, type) == 0;
}

/* A message for a queue has the queue's name as its key; with a topic exchange
 * it stands between two other words. */
static void
publish_key(const struct options *o, unsigned queue, char key[TOPOLOGY_NAME])
{
	char name[TOPOLOGY_NAME];

	topology_queue(o, queue, name);
	snprintf(key, TOPOLOGY_NAME, is(o, "topic") ? "load.%.240s.now" : "%s",
	    name);
}

static void
binding_key(const struct options *o, unsigned queue, char key[TOPOLOGY_NAME])
{
	char name[TOPOLOGY_NAME];

	topology_queue(o, queue, name);
	snprintf(
	    key, TOPOLOGY_NAME, is(o, "topic") ? "*.%.240s.#" : "%s", name);
}

static struct amqp_method
declaration(const struct options *o, const char *name, bool passive)
{
	struct amqp_method m = {.id = AMQP_queue_declare};

	m.queue_declare.queue = bytes_str(name);
	m.queue_declare.durable = o->durable;
	m.queue_declare.passive = passive;
	m.queue_declare.arguments = writer_view(&o->queue_arguments);
	return m;
}

static bool
declare_queues(struct client *c)
{
	char name[TOPOLOGY_NAME];
	struct amqp_method m, reply;

	for (unsigned i = 0; i < c->options->queues; i++) {
		topology_queue(c->options, i, name);
		m = declaration(c->options, name, false);
		if (!client_call(c, &m, AMQP_queue_declare_ok, &reply))
			return false;
	}
	return true;
}

/* What expires there goes to the queue its key names. */
static bool
declare_waiting(struct client *c)
{
	struct amqp_method m, reply;
	struct writer arguments = {0};
	char name[TOPOLOGY_NAME];
	bool ok;

	exchange_name(c->options, name);
	m = declaration(c->options, name, false);
	table_put_longstr(&arguments, "x-dead-letter-exchange", BYTES(""));
	m.queue_declare.arguments = writer_view(&arguments);
	ok = client_call(c, &m, AMQP_queue_declare_ok, &reply);
	writer_fini(&arguments);
	m = (struct amqp_method){.id = AMQP_queue_bind};
	m.queue_bind.queue = m.queue_bind.exchange = bytes_str(name);
	return ok && client_call(c, &m, AMQP_queue_bind_ok, &reply);
}

static struct bytes
exchange_type_of(const struct options *o)
{
	if (waits_in_exchange(o))
		return BYTES("x-delayed-message");
	if (waits_in_queue(o))
		return BYTES("fanout");
	return bytes_str(o->exchange);
}

/* One that delays follows the rule of direct, if nothing else is asked for. */
static bool
declare_exchange(struct client *c)
{
	struct amqp_method m = {.id = AMQP_exchange_declare}, reply;
	const struct options *o = c->options;
	struct writer arguments = {0};
	char name[TOPOLOGY_NAME];
	bool ok;

	exchange_name(o, name);
	if (waits_in_exchange(o))
		table_put_longstr(&arguments, "x-delayed-type",
		    bytes_str(o->exchange ? o->exchange : "direct"));
	m.exchange_declare.exchange = bytes_str(name);
	m.exchange_declare.type = exchange_type_of(o);
	m.exchange_declare.durable = o->durable;
	m.exchange_declare.arguments = writer_view(&arguments);
	ok = client_call(c, &m, AMQP_exchange_declare_ok, &reply);
	writer_fini(&arguments);
	return ok;
}

/* The arguments matter to a headers exchange only. */
static bool
bind_queue(struct client *c, unsigned queue, const char *key, bool wait)
{
	struct amqp_method m = {.id = AMQP_queue_bind}, reply;
	char name[TOPOLOGY_NAME], exchange[TOPOLOGY_NAME];
	struct writer arguments = {0};
	bool ok = true;

	topology_queue(c->options, queue, name);
	exchange_name(c->options, exchange);
	if (is(c->options, "headers")) {
		table_put_longstr(&arguments, "x-match", BYTES("all"));
		table_put_longstr(&arguments, "queue", bytes_str(key));
	}
	m.queue_bind.queue = bytes_str(name);
	m.queue_bind.exchange = bytes_str(exchange);
	m.queue_bind.routing_key = bytes_str(key);
	m.queue_bind.arguments = writer_view(&arguments);
	m.queue_bind.nowait = !wait;
	if (wait)
		ok = client_call(c, &m, AMQP_queue_bind_ok, &reply);
	else
		client_say(c, &m);
	writer_fini(&arguments);
	return ok;
}

static bool
bind_all(struct client *c)
{
	const struct options *o = c->options;
	char key[TOPOLOGY_NAME];

	for (unsigned i = 0; i < o->queues; i++) {
		binding_key(o, i, key);
		if (!bind_queue(c, i, key, true))
			return false;
	}
	for (unsigned i = 1; i <= o->bindings; i++) {
		bool wait = i % BINDINGS_AT_A_TIME == 0 || i == o->bindings;

		snprintf(key, sizeof key,
		    is(o, "topic") ? "idle.%u.*.never" : "idle.%u", i);
		if (!bind_queue(c, i % o->queues, key, wait))
			return false;
	}
	return true;
}

bool
topology_declare(struct client *c)
{
	if (!declare_queues(c))
		return false;
	if (c->options->exchange == NULL && c->options->delay == 0)
		return true;
	if (waits_in_queue(c->options))
		return declare_exchange(c) && declare_waiting(c);
	return declare_exchange(c) && bind_all(c);
}

bool
topology_delete(struct client *c)
{
	const struct options *o = c->options;
	struct amqp_method m, reply;
	char name[TOPOLOGY_NAME];

	if (o->keep)
		return true;
	for (unsigned i = 0; i < o->queues; i++) {
		topology_queue(o, i, name);
		m = (struct amqp_method){.id = AMQP_queue_delete};
		m.queue_delete.queue = bytes_str(name);
		if (!client_call(c, &m, AMQP_queue_delete_ok, &reply))
			return false;
	}
	if (o->exchange == NULL && o->delay == 0)
		return true;
	exchange_name(o, name);
	if (waits_in_queue(o)) {
		m = (struct amqp_method){.id = AMQP_queue_delete};
		m.queue_delete.queue = bytes_str(name);
		if (!client_call(c, &m, AMQP_queue_delete_ok, &reply))
			return false;
	}
	m = (struct amqp_method){.id = AMQP_exchange_delete};
	m.exchange_delete.exchange = bytes_str(name);
	return client_call(c, &m, AMQP_exchange_delete_ok, &reply);
}

bool
topology_count(struct client *c, uint64_t *count)
{
	struct amqp_method m, reply;
	char name[TOPOLOGY_NAME];

	*count = 0;
	for (unsigned i = 0; i < c->options->queues; i++) {
		topology_queue(c->options, i, name);
		m = declaration(c->options, name, true);
		if (!client_call(c, &m, AMQP_queue_declare_ok, &reply))
			return false;
		*count += reply.queue_declare_ok.message_count;
	}
	return true;
}

bool
topology_purge(struct client *c)
{
	struct amqp_method m, reply;
	char name[TOPOLOGY_NAME];

	for (unsigned i = 0; i < c->options->queues; i++) {
		topology_queue(c->options, i, name);
		m = (struct amqp_method){.id = AMQP_queue_purge};
		m.queue_purge.queue = bytes_str(name);
		if (!client_call(c, &m, AMQP_queue_purge_ok, &reply))
			return false;
	}
	return true;
}

bool
topology_confirm(struct client *c)
{
	struct amqp_method m = {.id = AMQP_confirm_select}, reply;

	return client_call(c, &m, AMQP_confirm_select_ok, &reply);
}

bool
topology_consume(struct client *c, unsigned first, unsigned step)
{
	const struct options *o = c->options;
	struct amqp_method m = {.id = AMQP_basic_qos}, reply;
	char name[TOPOLOGY_NAME], tag[16];

	m.basic_qos.prefetch_count = (uint16_t)o->prefetch;
	if (o->ack != 0 && !client_call(c, &m, AMQP_basic_qos_ok, &reply))
		return false;
	for (unsigned i = first; i < o->queues; i += step) {
		topology_queue(o, i, name);
		snprintf(tag, sizeof tag, "%u", i);
		m = (struct amqp_method){.id = AMQP_basic_consume};
		m.basic_consume.queue = bytes_str(name);
		m.basic_consume.consumer_tag = bytes_str(tag);
		m.basic_consume.no_ack = o->ack == 0;
		if (!client_call(c, &m, AMQP_basic_consume_ok, &reply))
			return false;
	}
	return true;
}

/* --- messages ------------------------------------------------------------ */

/* As many digits as any delay has. */
#define EXPIRATION BYTES("0000000000")

size_t
topology_find_delay(const struct options *o, struct bytes message)
{
	static const char header[] = "\007x-delayl", property[] = "\0120000000000";
	const char *before = o->expire ? property : header;
	const uint8_t *found =
	    memmem(message.p, message.n, before, strlen(before));

	if (o->delay == 0 || found == NULL)
		return 0;
	return (size_t)(found - message.p) + (o->expire ? 1 : strlen(before));
}

void
topology_write_delay(const struct options *o, uint8_t *to, uint64_t ms)
{
	if (!o->expire) {
		put_u64(to, ms);
		return;
	}
	for (size_t i = EXPIRATION.n; i-- > 0; ms /= 10)
		to[i] = (uint8_t)('0' + ms % 10);
}

static void
write_header(struct writer *w, const struct options *o, const char *key,
    uint8_t priority)
{
	struct amqp_props props = {0};
	struct writer headers = {0};
	size_t mark = amqp_frame_begin(w, FRAME_HEADER, CLIENT_CHANNEL);

	if (o->persistent) {
		props.flags |= PROP_DELIVERY_MODE;
		props.delivery_mode = 2;
	}
	if (priority > 0) {
		props.flags |= PROP_PRIORITY;
		props.priority = priority;
	}
	if (is(o, "headers")) {
		table_put_longstr(&headers, "queue", bytes_str(key));
		props.flags |= PROP_HEADERS;
	}
	if (waits_in_queue(o)) {
		props.expiration = EXPIRATION;
		props.flags |= PROP_EXPIRATION;
	}
	if (waits_in_exchange(o)) {
		table_put_long(&headers, "x-delay", o->delay);
		props.flags |= PROP_HEADERS;
	}
	props.headers = writer_view(&headers);
	writer_u16(w, AMQP_basic_publish >> 16);
	writer_u16(w, 0);
	writer_u64(w, o->size);
	amqp_props_write(w, &props);
	amqp_frame_end(w, mark);
	writer_fini(&headers);
}

static void
write_body(struct writer *w, const struct client *c, const uint8_t *body)
{
	uint64_t left = c->options->size;
	uint64_t most = c->frame_max - FRAME_OVERHEAD;

	while (left > 0) {
		size_t n = left < most ? left : most;
		size_t mark = amqp_frame_begin(w, FRAME_BODY, CLIENT_CHANNEL);

		writer_bytes(w, (struct bytes){body, n});
		amqp_frame_end(w, mark);
		body += n;
		left -= n;
	}
}

size_t
topology_message(struct writer *w, const struct client *c, unsigned queue,
    uint8_t priority, const uint8_t *body)
{
	const struct options *o = c->options;
	struct amqp_method m = {.id = AMQP_basic_publish};
	char exchange[TOPOLOGY_NAME], key[TOPOLOGY_NAME];
	size_t before = w->n, begin;

	exchange_name(o, exchange);
	publish_key(o, queue, key);
	m.basic_publish.exchange = bytes_str(exchange);
	m.basic_publish.routing_key = bytes_str(key);
	amqp_method_frame(w, CLIENT_CHANNEL, &m);
	write_header(w, o, key, priority);
	begin = w->n - before + FRAME_PREFIX;
	write_body(w, c, body);
	return begin;
}
