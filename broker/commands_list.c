/* commands_list.c - listings of what is in the broker.
 *
 * A listing goes on each turn where it stopped. What is made and deleted
 * meanwhile may be missed; what stays is told. */
#include <stdio.h>
#include <string.h>

#include "broker/channel.h"
#include "amqp/xalloc.h"
#include "broker/commands.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/delayed.h"
#include "broker/deadletter.h"
#include "broker/policy.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/server.h"
#include "broker/vhost.h"
#include "exchanges/type.h"

#define COUNT(array) (unsigned)(sizeof(array) / sizeof *(array))

/* COLUMN(put_name, struct thing, put_text_value, expression of t) */
#define COLUMN(function, type, put, value)                                     \
	static void function(struct request *r, const void *thing)             \
	{                                                                      \
		const type *t = thing;                                         \
		put(r, value);                                                 \
	}

static void
put_string(struct request *r, const char *text)
{
	put_text_value(r, bytes_str(text != NULL ? text : ""));
}

/* "<0.7.0>", as the log calls what has a number. */
static void
put_pid(struct request *r, uint32_t id, unsigned channel)
{
	char pid[40];

	snprintf(pid, sizeof pid, "<0.%u.%u>", id, channel);
	put_string(r, pid);
}

static void
put_owner(struct request *r, const struct connection *c)
{
	if (c != NULL)
		put_pid(r, c->id, 0);
	else
		put_no_value(r);
}

/* --- vhosts ------------------------------------------------------------ */

COLUMN(vhost_name, struct vhost, put_text_value, t->name)

COLUMN(vhost_description, struct vhost, put_text_value, t->metadata.description)
COLUMN(vhost_queue_type, struct vhost, put_text_value,
    t->metadata.default_queue_type)

COLUMN(vhost_tracing, struct vhost, put_bool_value, t->traced)

static void
vhost_tags(struct request *r, const void *thing)
{
	const struct vhost *v = thing;
	char *tags = xasprintf("%.*s", BYTES_FMT(v->metadata.tags));

	put_list_value(r, tags);
	free(tags);
}

static const struct column vhost_columns[] = {
    {"name", vhost_name},
    {"description", vhost_description},
    {"tags", vhost_tags},
    {"default_queue_type", vhost_queue_type},
    {"tracing", vhost_tracing},
};

void
command_list_vhosts(struct request *r, size_t *budget)
{
	struct vhost *v;

	if (!r->begun) {
		request_banner(r, "Listing vhosts ...");
		if (!listing_begin(
			r, vhost_columns, COUNT(vhost_columns), "name"))
			return;
	}
	for (; *budget > 0; --*budget) {
		v = names_each(&r->server->vhosts, &r->at);
		if (v == NULL) {
			request_end(r);
			return;
		}
		listing_row(r, vhost_columns, v);
	}
}

/* --- queues ------------------------------------------------------------ */

static void
queue_exclusive_tag(struct request *r, const void *thing)
{
	const struct queue *q = thing;

	if (q->exclusive != NULL)
		put_text_value(r, q->exclusive->tag);
	else
		put_no_value(r);
}

static void
queue_single_tag(struct request *r, const void *thing)
{
	const struct queue *q = thing;

	if (q->single != NULL)
		put_text_value(r, q->single->tag);
	else
		put_no_value(r);
}

COLUMN(queue_name_, struct queue, put_text_value, queue_name(t))
COLUMN(queue_durable, struct queue, put_bool_value, t->durable)
COLUMN(queue_auto_delete, struct queue, put_bool_value, t->auto_delete)
COLUMN(queue_arguments, struct queue, put_table_value, t->arguments)
COLUMN(queue_owner, struct queue, put_owner, t->owner)
COLUMN(queue_exclusive, struct queue, put_bool_value, t->owner != NULL)
COLUMN(queue_ready, struct queue, put_int_value,
    (int64_t)lanes_ready(&t->lanes))
COLUMN(queue_unacked, struct queue, put_int_value, t->unacked)
COLUMN(queue_messages, struct queue, put_int_value,
    (int64_t)lanes_ready(&t->lanes) + t->unacked +
	(int64_t)deadletter_held(t))
COLUMN(queue_ready_ram, struct queue, put_int_value,
    (int64_t)lanes_in_memory(&t->lanes))
COLUMN(queue_bytes_ready, struct queue, put_int_value,
    (int64_t)lanes_ready_bytes(&t->lanes))
COLUMN(queue_consumers, struct queue, put_int_value, t->consumer_count)
COLUMN(queue_memory, struct queue, put_int_value,
    (int64_t)(lanes_memory(&t->lanes) + sizeof *t))
COLUMN(queue_state, struct queue, put_string, t->deleted ? "down" : "running")
COLUMN(queue_type_, struct queue, put_text_value, bytes_str(t->type->name))

static void
put_policy(struct request *r, const struct policy *p)
{
	put_text_value(r, p != NULL ? policy_name(p) : BYTES(""));
}

COLUMN(queue_policy, struct queue, put_policy, policy_for_queue(t, false))
COLUMN(queue_operators, struct queue, put_policy, policy_for_queue(t, true))

static void
queue_effective(struct request *r, const void *thing)
{
	char *text = policy_effective(thing);

	put_text_value(r, bytes_str(text));
	free(text);
}

static const struct column queue_columns[] = {
    {"name", queue_name_},
    {"durable", queue_durable},
    {"auto_delete", queue_auto_delete},
    {"arguments", queue_arguments},
    {"policy", queue_policy},
    {"operator_policy", queue_operators},
    {"effective_policy_definition", queue_effective},
    {"owner_pid", queue_owner},
    {"exclusive", queue_exclusive},
    {"exclusive_consumer_tag", queue_exclusive_tag},
    {"single_active_consumer_tag", queue_single_tag},
    {"messages_ready", queue_ready},
    {"messages_unacknowledged", queue_unacked},
    {"messages", queue_messages},
    {"messages_ready_ram", queue_ready_ram},
    {"message_bytes_ready", queue_bytes_ready},
    {"consumers", queue_consumers},
    {"memory", queue_memory},
    {"state", queue_state},
    {"type", queue_type_},
};

void
command_list_queues(struct request *r, size_t *budget)
{
	struct vhost *v;
	struct queue *q;

	if (!r->begun)
		request_banner(r, "Listing queues for vhost %s ...",
		    command_vhost_name(r));
	if ((v = command_vhost(r)) == NULL)
		return;
	if (!r->begun && !listing_begin(r, queue_columns, COUNT(queue_columns),
			     "name messages"))
		return;
	for (; *budget > 0; --*budget) {
		if ((q = names_each(&v->queues, &r->at)) == NULL) {
			request_end(r);
			return;
		}
		listing_row(r, queue_columns, q);
	}
}

/* --- exchanges --------------------------------------------------------- */

/* As the plugin's column is called. */
static void
put_delayed(struct request *r, const struct exchange *x)
{
	if (x->type == &type_delayed)
		put_int_value(r, (int64_t)((struct delayed *)x->kept)->count);
	else
		put_no_value(r);
}

COLUMN(exchange_name, struct exchange, put_text_value, t->destination.name)
COLUMN(exchange_type, struct exchange, put_string, t->type->name)
COLUMN(exchange_durable, struct exchange, put_bool_value, t->durable)
COLUMN(exchange_auto_delete, struct exchange, put_bool_value, t->auto_delete)
COLUMN(exchange_internal, struct exchange, put_bool_value, t->internal)
COLUMN(exchange_arguments, struct exchange, put_table_value, t->arguments)
COLUMN(exchange_delayed, struct exchange, put_delayed, t)
COLUMN(exchange_policy, struct exchange, put_policy,
    policy_for_exchange(command_vhost(r), t))

static const struct column exchange_columns[] = {
    {"name", exchange_name},
    {"type", exchange_type},
    {"durable", exchange_durable},
    {"auto_delete", exchange_auto_delete},
    {"internal", exchange_internal},
    {"arguments", exchange_arguments},
    {"messages_delayed", exchange_delayed},
    {"policy", exchange_policy},
};

void
command_list_exchanges(struct request *r, size_t *budget)
{
	struct exchange *x;
	struct vhost *v;

	if (!r->begun)
		request_banner(r, "Listing exchanges for vhost %s ...",
		    command_vhost_name(r));
	if ((v = command_vhost(r)) == NULL)
		return;
	if (!r->begun && !listing_begin(r, exchange_columns,
			     COUNT(exchange_columns), "name type"))
		return;
	for (; *budget > 0; --*budget) {
		if ((x = names_each(&v->exchanges, &r->at)) == NULL) {
			request_end(r);
			return;
		}
		listing_row(r, exchange_columns, x);
	}
}

/* --- bindings: queue by queue, then what leads to exchanges ------------ */

static const char *
kind_name(const struct destination *d)
{
	return d->kind == TO_QUEUE ? "queue" : "exchange";
}

/* source is NULL for the default exchange, which has no bindings but acts as
 * if it had one to each queue. */
struct binding_view {
	struct bytes source, key, arguments;
	const struct destination *destination;
};

COLUMN(binding_source, struct binding_view, put_text_value, t->source)
COLUMN(binding_source_kind, struct binding_view, put_string,
    t->destination != NULL ? "exchange" : "")
COLUMN(binding_to, struct binding_view, put_text_value, t->destination->name)
COLUMN(
    binding_to_kind, struct binding_view, put_string, kind_name(t->destination))
COLUMN(binding_key, struct binding_view, put_text_value, t->key)
COLUMN(binding_arguments, struct binding_view, put_table_value, t->arguments)

static const struct column binding_columns[] = {
    {"source_name", binding_source},
    {"source_kind", binding_source_kind},
    {"destination_name", binding_to},
    {"destination_kind", binding_to_kind},
    {"routing_key", binding_key},
    {"arguments", binding_arguments},
};

static void
binding_rows(struct request *r, const struct destination *d, size_t *budget)
{
	const struct binding *b;

	for (b = d->bindings; b != NULL; b = b->to_next) {
		struct binding_view view = {
		    b->source->destination.name, b->key, b->arguments, d};

		listing_row(r, binding_columns, &view);
		*budget -= *budget > 0;
	}
}

/* False when all were told. */
static bool
bindings_to_queues(struct request *r, struct vhost *v, size_t *budget)
{
	struct queue *q = names_each(&v->queues, &r->at);
	struct binding_view view;

	if (q == NULL)
		return false;
	view = (struct binding_view){
	    BYTES(""), queue_name(q), BYTES(""), &q->destination};
	listing_row(r, binding_columns, &view);
	binding_rows(r, &q->destination, budget);
	return true;
}

static bool
bindings_to_exchanges(struct request *r, struct vhost *v, size_t *budget)
{
	struct exchange *x = names_each(&v->exchanges, &r->at);

	if (x == NULL)
		return false;
	binding_rows(r, &x->destination, budget);
	return true;
}

void
command_list_bindings(struct request *r, size_t *budget)
{
	struct vhost *v;

	if (!r->begun)
		request_banner(r, "Listing bindings for vhost %s...",
		    command_vhost_name(r));
	if ((v = command_vhost(r)) == NULL)
		return;
	if (!r->begun &&
	    !listing_begin(r, binding_columns, COUNT(binding_columns),
		"source_name source_kind destination_name destination_kind "
		"routing_key arguments"))
		return;
	for (; *budget > 0; *budget -= *budget > 0) {
		if (r->phase == 0 && bindings_to_queues(r, v, budget))
			continue;
		if (r->phase == 0) {
			r->phase = 1;
			r->at = 0;
		}
		if (!bindings_to_exchanges(r, v, budget)) {
			request_end(r);
			return;
		}
	}
}

/* --- connections ------------------------------------------------------- */

/* Our own end, out of "127.0.0.1:5 -> 127.0.0.1:5672". */
static struct bytes
local_host(const struct connection *c)
{
	const char *arrow = c->name != NULL ? strstr(c->name, " -> ") : NULL;
	const char *colon = arrow != NULL ? strrchr(arrow, ':') : NULL;

	if (colon == NULL)
		return BYTES("");
	arrow += strlen(" -> ");
	return (struct bytes){(const uint8_t *)arrow, (size_t)(colon - arrow)};
}

COLUMN(connection_pid, struct connection, put_owner, t)
COLUMN(connection_name, struct connection, put_string, t->name)
COLUMN(connection_given_name, struct connection, put_string, t->client_name)
COLUMN(connection_port, struct connection, put_int_value, t->local_port)
COLUMN(connection_host, struct connection, put_text_value, local_host(t))
COLUMN(connection_peer_port, struct connection, put_int_value, t->peer_port)
COLUMN(connection_peer_host, struct connection, put_string, t->peer_host)
COLUMN(connection_state_, struct connection, put_string,
    t->blocked ? "blocked" : connection_state_name(t))
COLUMN(connection_channels, struct connection, put_int_value,
    (int64_t)t->channel_count)
COLUMN(connection_protocol, struct connection, put_string,
    t->state > CONNECTION_HEADER ? "{0,9,1}" : "")
COLUMN(connection_mechanism, struct connection, put_string, t->mechanism)
COLUMN(connection_user, struct connection, put_text_value,
    t->user != NULL ? t->user->name : BYTES(""))
COLUMN(connection_vhost, struct connection, put_text_value,
    t->vhost != NULL ? t->vhost->name : BYTES(""))
COLUMN(connection_timeout, struct connection, put_int_value, t->heartbeat)
COLUMN(connection_frame_max, struct connection, put_int_value, t->frame_max)
COLUMN(connection_channel_max, struct connection, put_int_value, t->channel_max)
COLUMN(connection_properties, struct connection, put_table_value,
    t->client_properties)
COLUMN(connection_connected, struct connection, put_int_value, t->connected_at)
COLUMN(connection_received, struct connection, put_int_value,
    (int64_t)t->transport.bytes_in)
COLUMN(connection_sent, struct connection, put_int_value,
    (int64_t)t->transport.bytes_out)
COLUMN(connection_pending, struct connection, put_int_value,
    (int64_t)t->transport.pending)

static const struct column connection_columns[] = {
    {"pid", connection_pid},
    {"name", connection_name},
    {"user_provided_name", connection_given_name},
    {"port", connection_port},
    {"host", connection_host},
    {"peer_port", connection_peer_port},
    {"peer_host", connection_peer_host},
    {"state", connection_state_},
    {"channels", connection_channels},
    {"protocol", connection_protocol},
    {"auth_mechanism", connection_mechanism},
    {"user", connection_user},
    {"vhost", connection_vhost},
    {"timeout", connection_timeout},
    {"frame_max", connection_frame_max},
    {"channel_max", connection_channel_max},
    {"client_properties", connection_properties},
    {"connected_at", connection_connected},
    {"recv_oct", connection_received},
    {"send_oct", connection_sent},
    {"send_pend", connection_pending},
};

/* They stand in the order of their numbers; at is the last one told. */
static struct connection *
next_connection(struct request *r)
{
	struct connection *c;

	TAILQ_FOREACH(c, &r->server->connections, link)
	if (c->id > r->at) {
		r->at = c->id;
		return c;
	}
	return NULL;
}

/* The first is looked for, the others of this turn follow it. */
static bool
each_connection(struct request *r, struct connection **c, const size_t *budget)
{
	if (*budget == 0)
		return false;
	*c = *c == NULL ? next_connection(r) : TAILQ_NEXT(*c, link);
	if (*c != NULL)
		r->at = (*c)->id;
	else
		request_end(r);
	return *c != NULL;
}

void
command_list_connections(struct request *r, size_t *budget)
{
	struct connection *c = NULL;

	if (!r->begun) {
		request_banner(r, "Listing connections ...");
		if (!listing_begin(r, connection_columns,
			COUNT(connection_columns),
			"user peer_host peer_port state"))
			return;
	}
	for (; each_connection(r, &c, budget); --*budget)
		listing_row(r, connection_columns, c);
}

/* --- channels ---------------------------------------------------------- */

static void
channel_pid(struct request *r, const void *thing)
{
	const struct channel *ch = thing;

	put_pid(r, ch->connection->id, ch->number);
}

static void
channel_name(struct request *r, const void *thing)
{
	const struct channel *ch = thing;
	char name[256];

	snprintf(
	    name, sizeof name, "%s (%u)", ch->connection->name, ch->number);
	put_string(r, name);
}

static int64_t
unconfirmed(const struct channel *ch)
{
	return ch->confirming
		   ? (int64_t)(ch->published - ch->promises.confirmed)
		   : 0;
}

COLUMN(channel_connection, struct channel, put_owner, t->connection)
COLUMN(channel_number, struct channel, put_int_value, t->number)
COLUMN(channel_user, struct channel, put_text_value, t->connection->user->name)
COLUMN(
    channel_vhost, struct channel, put_text_value, t->connection->vhost->name)
COLUMN(channel_confirm, struct channel, put_bool_value, t->confirming)
COLUMN(channel_consumers, struct channel, put_int_value, t->consumer_count)
COLUMN(channel_unacked, struct channel, put_int_value, (int64_t)t->ledger.count)
COLUMN(channel_unconfirmed, struct channel, put_int_value, unconfirmed(t))
COLUMN(channel_prefetch, struct channel, put_int_value, t->limit_each)
COLUMN(channel_global_prefetch, struct channel, put_int_value, t->limit)

static const struct column channel_columns[] = {
    {"pid", channel_pid},
    {"connection", channel_connection},
    {"name", channel_name},
    {"number", channel_number},
    {"user", channel_user},
    {"vhost", channel_vhost},
    {"confirm", channel_confirm},
    {"consumer_count", channel_consumers},
    {"messages_unacknowledged", channel_unacked},
    {"messages_unconfirmed", channel_unconfirmed},
    {"prefetch_count", channel_prefetch},
    {"global_prefetch_count", channel_global_prefetch},
};

static void
channel_rows(struct request *r, const struct connection *c, size_t *budget)
{
	for (size_t i = 0; i < c->channel_room; i++)
		if (c->channels[i] != NULL && !c->channels[i]->ended) {
			listing_row(r, channel_columns, c->channels[i]);
			*budget -= *budget > 1;
		}
}

void
command_list_channels(struct request *r, size_t *budget)
{
	struct connection *c = NULL;

	if (!r->begun) {
		request_banner(r, "Listing channels ...");
		if (!listing_begin(r, channel_columns, COUNT(channel_columns),
			"pid user consumer_count messages_unacknowledged"))
			return;
	}
	for (; each_connection(r, &c, budget); --*budget)
		channel_rows(r, c, budget);
}

/* --- consumers --------------------------------------------------------- */

static void
consumer_channel(struct request *r, const void *thing)
{
	const struct consumer *c = thing;

	put_pid(r, c->channel->connection->id, c->channel->number);
}

static const char *
activity(const struct consumer *c)
{
	if (c->behind)
		return "waiting";
	return c->queue->single != NULL ? "single_active" : "up";
}

COLUMN(consumer_queue, struct consumer, put_text_value, queue_name(t->queue))
COLUMN(consumer_tag, struct consumer, put_text_value, t->tag)
COLUMN(consumer_ack, struct consumer, put_bool_value, !t->no_ack)
COLUMN(consumer_prefetch, struct consumer, put_int_value, t->limit)
COLUMN(consumer_active, struct consumer, put_bool_value, !t->behind)
COLUMN(consumer_activity, struct consumer, put_string, activity(t))
COLUMN(consumer_arguments, struct consumer, put_table_value, t->arguments)

static const struct column consumer_columns[] = {
    {"queue_name", consumer_queue},
    {"channel_pid", consumer_channel},
    {"consumer_tag", consumer_tag},
    {"ack_required", consumer_ack},
    {"prefetch_count", consumer_prefetch},
    {"active", consumer_active},
    {"activity_status", consumer_activity},
    {"arguments", consumer_arguments},
};

void
command_list_consumers(struct request *r, size_t *budget)
{
	struct consumer *c;
	struct vhost *v;
	struct queue *q;

	if (!r->begun)
		request_banner(r, "Listing consumers in vhost %s ...",
		    command_vhost_name(r));
	if ((v = command_vhost(r)) == NULL)
		return;
	if (!r->begun &&
	    !listing_begin(r, consumer_columns, COUNT(consumer_columns),
		"queue_name channel_pid consumer_tag ack_required "
		"prefetch_count active arguments"))
		return;
	for (; *budget > 0; --*budget) {
		if ((q = names_each(&v->queues, &r->at)) == NULL) {
			request_end(r);
			return;
		}
		TAILQ_FOREACH(c, &q->consumers, queue_link)
		{
			listing_row(r, consumer_columns, c);
			*budget -= *budget > 1;
		}
	}
}
