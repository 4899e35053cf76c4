/* commands_list.c - listings of vhosts and what is in them.
 *
 * A listing goes on each turn where it stopped. What is made and deleted
 * meanwhile may be missed; what stays is told. */
#include <stdio.h>
#include <string.h>

#include "amqp/props.h"
#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/delayed.h"
#include "broker/held.h"
#include "broker/folder.h"
#include "broker/listing.h"
#include "broker/pattern.h"
#include "broker/policy.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/server.h"
#include "broker/vhost.h"
#include "exchanges/type.h"

void
put_string(struct request *r, const char *text)
{
	put_text_value(r, bytes_str(text != NULL ? text : ""));
}

void
put_pid(struct request *r, unsigned id, unsigned channel)
{
	char pid[40];

	snprintf(pid, sizeof pid, "<0.%u.%u>", id, channel);
	put_string(r, pid);
}

void
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
    t->metadata.default_queue_type.n > 0 ? t->metadata.default_queue_type
					 : BYTES("undefined"))

COLUMN(vhost_tracing, struct vhost, put_bool_value, t->traced)

static void
vhost_tags(struct request *r, const void *thing)
{
	const struct vhost *v = thing;
	char *tags = xasprintf("%.*s", BYTES_FMT(v->metadata.tags));

	put_list_value(r, tags);
	free(tags);
}

/* As RabbitMQ has it, of its one node. */
static void
vhost_state(struct request *r, const void *thing)
{
	char state[120];

	snprintf(state, sizeof state, "[{%s, running}]", node_name());
	put_string(r, state);
}

static const struct column vhost_columns[] = {
    {"name", vhost_name},
    {"description", vhost_description},
    {"tags", vhost_tags},
    {"default_queue_type", vhost_queue_type},
    {"tracing", vhost_tracing},
    {"cluster_state", vhost_state},
};

void
command_list_vhosts(struct request *r, size_t *budget)
{
	struct vhost *v;

	if (!r->begun && !listing_begin(r, COLUMNS(vhost_columns), "name",
			     "Listing vhosts ..."))
		return;
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
queue_exclusive_channel(struct request *r, const void *thing)
{
	const struct queue *q = thing;

	if (q->exclusive != NULL)
		put_pid(r, q->exclusive->channel->connection->id,
		    q->exclusive->channel->number);
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
COLUMN(queue_ready, struct queue, put_int_value,
    (int64_t)lanes_ready(&t->lanes))
COLUMN(queue_unacked, struct queue, put_int_value, t->unacked)
COLUMN(queue_messages, struct queue, put_int_value,
    (int64_t)lanes_ready(&t->lanes) + t->unacked +
	(int64_t)held_count(t))
COLUMN(queue_ready_ram, struct queue, put_int_value,
    (int64_t)lanes_in_memory(&t->lanes))
COLUMN(queue_bytes_ready, struct queue, put_int_value,
    (int64_t)lanes_ready_bytes(&t->lanes))
COLUMN(queue_consumers, struct queue, put_int_value, t->consumer_count)
COLUMN(queue_memory, struct queue, put_int_value,
    (int64_t)(lanes_memory(&t->lanes) + sizeof *t))
COLUMN(queue_state, struct queue, put_string, t->deleted ? "down" : "running")
COLUMN(queue_type_, struct queue, put_text_value, bytes_str(t->type->name))

COLUMN(queue_bytes_unacked, struct queue, put_int_value,
    (int64_t)t->unacked_bytes)
COLUMN(queue_bytes, struct queue, put_int_value,
    (int64_t)(lanes_ready_bytes(&t->lanes) + t->unacked_bytes +
	held_bytes(t)))
COLUMN(queue_ram, struct queue, put_int_value,
    (int64_t)lanes_in_memory(&t->lanes) + t->unacked)
COLUMN(queue_persistent, struct queue, put_int_value,
    (int64_t)lanes_stored(&t->lanes))
COLUMN(queue_bytes_persistent, struct queue, put_int_value,
    (int64_t)lanes_stored_bytes(&t->lanes))
NOTHING(queue_nothing)

/* RabbitMQ says nothing about quorum queues here, which never are. */
static void
queue_exclusive(struct request *r, const void *thing)
{
	const struct queue *q = thing;

	if (q->type->bit == QUEUE_QUORUM)
		put_no_value(r);
	else
		put_bool_value(r, q->owner != NULL);
}

/* The share of time in which a consumer could take something, 1.0 or 0.0: now. A
 * whole 0, or nothing, without consumers. */
static void
queue_capacity(struct request *r, const void *thing)
{
	const struct queue *q = thing;

	if (q->consumer_count > 0)
		put_real_value(r, TAILQ_EMPTY(&q->active) ? 0.0 : 1.0);
	else if (q->type->bit == QUEUE_QUORUM)
		put_no_value(r);
	else
		put_int_value(r, 0);
}

/* Of what is in front and in memory. */
static void
queue_head_time(struct request *r, const void *thing)
{
	const struct queue *q = thing;
	const struct entry *e = lanes_first((struct lanes *)&q->lanes);
	struct amqp_props props;

	if (e != NULL &&
	    amqp_props_parse(message_props(e->message), &props) &&
	    (props.flags & PROP_TIMESTAMP) != 0)
		put_int_value(r, (int64_t)props.timestamp);
	else
		put_no_value(r);
}

/* A quorum queue's one member. */
static void
queue_leader(struct request *r, const void *thing)
{
	const struct queue *q = thing;

	if (strcmp(q->type->name, "quorum") == 0)
		put_string(r, node_name());
	else
		put_no_value(r);
}

static void
queue_members(struct request *r, const void *thing)
{
	const struct queue *q = thing;

	if (strcmp(q->type->name, "quorum") == 0)
		put_list_value(r, node_name());
	else
		put_no_value(r);
}

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
    {"exclusive_consumer_pid", queue_exclusive_channel},
    {"exclusive_consumer_tag", queue_exclusive_tag},
    {"single_active_consumer_tag", queue_single_tag},
    {"messages_ready", queue_ready},
    {"messages_unacknowledged", queue_unacked},
    {"messages", queue_messages},
    {"messages_ready_ram", queue_ready_ram},
    {"messages_unacknowledged_ram", queue_unacked},
    {"messages_ram", queue_ram},
    {"messages_persistent", queue_persistent},
    {"message_bytes", queue_bytes},
    {"message_bytes_ready", queue_bytes_ready},
    {"message_bytes_unacknowledged", queue_bytes_unacked},
    {"message_bytes_persistent", queue_bytes_persistent},
    {"message_bytes_ram", queue_nothing},
    {"head_message_timestamp", queue_head_time},
    {"disk_reads", queue_nothing},
    {"disk_writes", queue_nothing},
    {"consumers", queue_consumers},
    {"consumer_utilisation", queue_capacity},
    {"consumer_capacity", queue_capacity},
    {"memory", queue_memory},
    {"state", queue_state},
    {"type", queue_type_},
    {"pid", queue_nothing},
    {"leader", queue_leader},
    {"members", queue_members},
    {"online", queue_members},
    {"slave_pids", queue_nothing},
    {"synchronised_slave_pids", queue_nothing},
    {"mirror_pids", queue_nothing},
    {"synchronised_mirror_pids", queue_nothing},
};

void
command_list_queues(struct request *r, size_t *budget)
{
	bool offline = words_option(&r->words, "offline") != NULL;
	struct vhost *v;
	struct queue *q;

	if (!r->begun && !listing_begin(r, COLUMNS(queue_columns),
			     "name messages", "Listing queues for vhost %s ..."))
		return;
	if ((v = command_vhost(r)) == NULL)
		return;
	for (; pattern_spend(budget); --*budget) {
		q = offline ? NULL : names_each(&v->queues, &r->at);
		if (q == NULL) {
			request_end(r);
			return;
		}
		listing_row(r, queue_columns, q);
	}
}

/* One loop serves all queues: if this is told, they answer. */
void
command_list_unresponsive_queues(struct request *r, size_t *budget)
{
	if (listing_begin(r, COLUMNS(queue_columns), "name",
		"Listing unresponsive queues for vhost %s ..."))
		request_end(r);
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

	if (!r->begun && !listing_begin(r, COLUMNS(exchange_columns),
			     "name type", "Listing exchanges for vhost %s ..."))
		return;
	if ((v = command_vhost(r)) == NULL)
		return;
	for (; pattern_spend(budget); --*budget) {
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

/* In order, as RabbitMQ keeps them. */
static void
put_sorted(struct request *r, struct bytes table)
{
	struct writer w = {0};

	amqp_table_sort(&w, table);
	put_table_value(r, writer_view(&w));
	writer_fini(&w);
}

COLUMN(binding_arguments, struct binding_view, put_sorted, t->arguments)

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

	if (!r->begun &&
	    !listing_begin(r, COLUMNS(binding_columns),
		"source_name source_kind destination_name destination_kind "
		"routing_key arguments",
		"Listing bindings for vhost %s..."))
		return;
	if ((v = command_vhost(r)) == NULL)
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
