/* vhost.c - one namespace of exchanges, queues and bindings. */
#include "broker/vhost.h"

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/connection.h"
#include "broker/delayed.h"
#include "broker/evict.h"
#include "broker/history.h"
#include "broker/log.h"
#include "broker/parameters.h"
#include "broker/policy.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/trace.h"
#include "broker/vhost_defaults.h"
#include "exchanges/type.h"

/* Every vhost has these, durable; they are not stored. */
static const struct {
	const char *name;
	const struct exchange_type *type;
	bool internal;
} predeclared[] = {
    {"", &type_direct, false},
    {"amq.direct", &type_direct, false},
    {"amq.fanout", &type_fanout, false},
    {"amq.topic", &type_topic, false},
    {"amq.headers", &type_headers, false},
    {"amq.match", &type_headers, false},
    {"amq.rabbitmq.trace", &type_topic, true},
};

const struct exchange_type *
vhost_predeclared(struct bytes name)
{
	for (size_t i = 0; i < sizeof predeclared / sizeof *predeclared; i++)
		if (bytes_eq(bytes_str(predeclared[i].name), name))
			return predeclared[i].type;
	return NULL;
}

static bool
is_predeclared(struct bytes name)
{
	return name.n == 0 || bytes_starts(name, BYTES("amq."));
}

static struct exchange *
keep_exchange(struct vhost *v, struct exchange *x)
{
	policy_apply_to_exchange(v, x);
	names_put(&v->exchanges, x->destination.name, x);
	return x;
}

struct vhost *
vhost_new(struct server *s, struct bytes name)
{
	struct vhost *v = xcalloc(1, sizeof *v);
	size_t n = sizeof predeclared / sizeof *predeclared;

	v->server = s;
	v->refs = 1;
	v->max_connections = v->max_queues = -1;
	names_init(&v->parameters);
	v->name = xbytesdup(name);
	names_init(&v->exchanges);
	names_init(&v->queues);
	for (size_t i = 0; i < n; i++) {
		struct exchange *x = exchange_new(predeclared[i].type,
		    bytes_str(predeclared[i].name), BYTES(""));

		x->durable = true;
		x->internal = predeclared[i].internal;
		keep_exchange(v, x);
	}
	v->default_exchange = names_get(&v->exchanges, BYTES(""));
	names_put(&s->vhosts, v->name, v);
	return v;
}

static void
describe(struct vhost *v, const struct vhost_metadata *m)
{
	struct vhost_metadata old = v->metadata;

	v->metadata = (struct vhost_metadata){xbytesdup(m->description),
	    xbytesdup(m->tags), xbytesdup(m->default_queue_type)};
	free((void *)old.description.p);
	free((void *)old.tags.p);
	free((void *)old.default_queue_type.p);
}

static struct definition
define(const struct vhost *v)
{
	const struct vhost_metadata *m = &v->metadata;

	return (struct definition){DEF_vhost,
	    .vhost = {v->name, m->description, m->tags,
		m->default_queue_type}};
}

/* Stores a definition of something in it. A deleted vhost is out of the store,
 * and another may have its name. */
static void
tell(struct vhost *v, const struct definition *d)
{
	if (v->deleted)
		return;
	journal_put(&v->server->journal, d);
	server_stored(v->server);
}

static void
untell(struct vhost *v, const struct definition *d)
{
	if (v->deleted)
		return;
	journal_remove(&v->server->journal, d);
	server_stored(v->server);
}

void
vhost_describe(struct vhost *v, const struct vhost_metadata *m)
{
	struct definition def;

	describe(v, m);
	def = define(v);
	tell(v, &def);
}

struct vhost *
vhost_make(
    struct server *s, struct bytes name, const struct vhost_metadata *m)
{
	struct vhost *v = vhost_new(s, name);

	vhost_describe(v, m);
	if (s->vhost_defaults != NULL)
		vhost_defaults_apply(s->vhost_defaults, v);
	return v;
}

/* --- its end ------------------------------------------------------------------- */

static void
release(struct vhost *v)
{
	names_fini(&v->exchanges);
	names_fini(&v->queues);
	parameters_free(v);
	policies_free(v);
	free((void *)v->metadata.description.p);
	free((void *)v->metadata.tags.p);
	free((void *)v->metadata.default_queue_type.p);
	free(v->doomed);
	free((void *)v->name.p);
	free(v);
}

void
vhost_unref(struct vhost *v)
{
	if (--v->refs == 0)
		release(v);
}

/* At the end, when nobody looks any more: all at once. */
void
vhost_free(struct vhost *v)
{
	struct exchange *x;
	struct queue *q;
	size_t at = 0;

	while ((x = names_each(&v->exchanges, &at)) != NULL)
		while (x->bindings != NULL)
			exchange_unbind(x->bindings);
	for (at = 0; (x = names_each(&v->exchanges, &at)) != NULL;) {
		if (x->type == &type_recent_history)
			history_unref(x->kept);
		exchange_free(x);
	}
	for (at = 0; (q = names_each(&v->queues, &at)) != NULL;)
		queue_free(q);
	vhost_unref(v);
}

/* What a deleted vhost held goes bit by bit. */
struct vanishing {
	struct job job;
	struct vhost *vhost; /* the first reference */
	struct eviction eviction;
};

static bool
delete_one(struct vhost *v)
{
	struct exchange *x;
	struct queue *q;
	size_t at = 0;

	if ((q = names_each(&v->queues, &at)) != NULL) {
		queue_delete(q);
		return true;
	}
	at = 0;
	if ((x = names_each(&v->exchanges, &at)) != NULL)
		vhost_delete_exchange(v, x);
	return x != NULL;
}

static bool
vanish(struct job *job, size_t *budget)
{
	struct vanishing *d = (struct vanishing *)job;

	if (d->vhost->connection_count > 0 &&
	    !evict_some(d->vhost->server, &d->eviction, budget))
		return false;
	for (; *budget > 0; budget_spend(budget, QUEUE_DELETION))
		if (!delete_one(d->vhost)) {
			vhost_unref(d->vhost);
			free(d->eviction.reason);
			free(d);
			return true;
		}
	return false;
}

void
vhost_delete(struct vhost *v)
{
	struct vanishing *d = xcalloc(1, sizeof *d);
	struct definition def = define(v);

	untell(v, &def);
	v->deleted = true;
	if (v->traced)
		trace_turn(v, false);
	auth_forget_vhost(v->server->auth, v->name);
	names_take(&v->server->vhosts, v->name);
	server_changed(v->server);
	d->job.step = vanish;
	d->vhost = v;
	d->eviction.vhost = v;
	d->eviction.reason = xasprintf("vhost '%s' is deleted", log_safe(v->name));
	server_add_job(v->server, &d->job, NULL);
}

/* --- what is in it --------------------------------------------------------------- */

bool
vhost_predeclares(const struct exchange *x)
{
	return is_predeclared(x->destination.name);
}

struct exchange *
vhost_exchange(const struct vhost *v, struct bytes name)
{
	return names_get(&v->exchanges, name);
}

struct queue *
vhost_queue(const struct vhost *v, struct bytes name)
{
	return names_get(&v->queues, name);
}

/* --- bindings ------------------------------------------------------------------ */

static bool
destination_durable(const struct destination *d)
{
	return d->kind == TO_QUEUE ? queue_stored((const struct queue *)d)
				   : ((const struct exchange *)d)->durable;
}

/* Both ends outlive the broker, so the binding does. */
static bool
binding_stored(const struct binding *b)
{
	return b->source->durable && destination_durable(b->destination);
}

static struct definition
define_binding(const struct vhost *v, const struct binding *b)
{
	return (struct definition){DEF_binding,
	    .binding = {v->name, b->source->destination.name,
		b->destination->kind == TO_EXCHANGE, b->destination->name,
		b->key, b->arguments}};
}

bool
vhost_bind(struct vhost *v, struct exchange *x, struct destination *d,
    struct bytes key, struct bytes arguments)
{
	bool added;
	struct binding *b = exchange_bind(x, d, key, arguments, &added);
	struct definition def;

	server_changed(v->server);
	if (!added || !binding_stored(b))
		return added;
	def = define_binding(v, b);
	tell(v, &def);
	return true;
}

static void
remove_binding(struct vhost *v, struct binding *b)
{
	if (binding_stored(b)) {
		struct definition def = define_binding(v, b);

		untell(v, &def);
	}
	exchange_unbind(b);
	server_changed(v->server);
}

/* --- exchanges ------------------------------------------------------------------ */

static uint64_t
lane_of(const struct exchange *x)
{
	return x->type == &type_delayed ? ((struct delayed *)x->kept)->lane
					: 0;
}

/* With the lane for what it holds, if it does. */
static void
begin_exchange(struct vhost *v, struct exchange *x, uint64_t lane)
{
	struct server *s = v->server;

	if (x->type == &type_delayed)
		x->kept = delayed_new(s, v, x, lane ? lane : ++s->last_lane);
	if (x->type == &type_recent_history)
		x->kept = history_new(x->arguments);
	keep_exchange(v, x);
}

static struct definition
define_exchange(const struct vhost *v, const struct exchange *x)
{
	return (struct definition){DEF_exchange,
	    .exchange = {v->name, x->destination.name,
		bytes_str(x->type->name), x->auto_delete, x->internal,
		(int64_t)lane_of(x), x->arguments}};
}

static bool
exchange_stored(const struct exchange *x)
{
	return x->durable && !is_predeclared(x->destination.name);
}

struct exchange *
vhost_add_exchange(struct vhost *v, const struct exchange_type *type,
    struct bytes name, struct bytes arguments, bool durable,
    bool auto_delete, bool internal)
{
	struct exchange *x = exchange_new(type, name, arguments);

	x->durable = durable;
	x->auto_delete = auto_delete;
	x->internal = internal;
	begin_exchange(v, x, 0);
	server_changed(v->server);
	if (exchange_stored(x)) {
		struct definition def = define_exchange(v, x);

		tell(v, &def);
	}
	return x;
}

/* It leaves the namespace at once, the rest follows in bury: one exchange's end
 * may be the end of a chain of them, as long as a client cared to make it. */
static void
doom(struct vhost *v, struct exchange *x)
{
	names_take(&v->exchanges, x->destination.name);
	if (exchange_stored(x)) {
		struct definition def = define_exchange(v, x);

		untell(v, &def);
	}
	if (v->doomed_count == v->doomed_room) {
		v->doomed_room = v->doomed_room ? v->doomed_room * 2 : 8;
		v->doomed = xrealloc(
		    v->doomed, v->doomed_room * sizeof *v->doomed);
	}
	v->doomed[v->doomed_count++] = x;
}

/* An auto-delete exchange goes with its last binding, once. */
static void
unbind(struct vhost *v, struct binding *b)
{
	struct exchange *source = b->source;

	remove_binding(v, b);
	if (source->auto_delete && source->binding_count == 0 &&
	    vhost_exchange(v, source->destination.name) == source)
		doom(v, source);
}

static void
bury(struct vhost *v)
{
	while (v->doomed_count > 0) {
		struct exchange *x = v->doomed[--v->doomed_count];

		while (x->bindings != NULL)
			remove_binding(v, x->bindings);
		while (x->destination.bindings != NULL)
			unbind(v, x->destination.bindings);
		if (x->type == &type_delayed)
			delayed_delete(x->kept);
		if (x->type == &type_recent_history)
			history_unref(x->kept);
		exchange_free(x);
	}
	server_changed(v->server);
}

void
vhost_delete_exchange(struct vhost *v, struct exchange *x)
{
	doom(v, x);
	bury(v);
}

void
vhost_unbind(struct vhost *v, struct binding *b)
{
	unbind(v, b);
	bury(v);
}

/* --- queues ---------------------------------------------------------------------- */

static struct definition
define_queue(const struct vhost *v, const struct queue *q)
{
	return (struct definition){DEF_queue,
	    .queue = {v->name, queue_name(q), (int64_t)q->lanes.lowest.id,
		q->auto_delete, q->owner != NULL, q->arguments}};
}

struct queue *
vhost_add_queue(struct vhost *v, struct bytes name, struct bytes arguments,
    bool durable, bool auto_delete, struct connection *owner)
{
	struct server *s = v->server;
	bool stored = durable && owner == NULL;
	struct queue *q =
	    queue_new(v, name, arguments, stored ? ++s->last_lane : 0);

	q->durable = durable;
	q->auto_delete = auto_delete;
	q->owner = owner;
	if (owner != NULL)
		TAILQ_INSERT_TAIL(&owner->owned, q, owner_link);
	names_put(&v->queues, queue_name(q), q);
	server_changed(s);
	if (stored) {
		struct definition def = define_queue(v, q);

		tell(v, &def);
	}
	return q;
}

static struct definition
define_lane(
    const struct vhost *v, const struct queue *q, const struct lane *lane)
{
	return (struct definition){DEF_queue_lane,
	    .queue_lane = {v->name, queue_name(q), lane->priority,
		(int64_t)lane->id}};
}

struct lane *
vhost_add_lane(struct vhost *v, struct queue *q, int priority)
{
	struct server *s = v->server;
	uint64_t id = queue_stored(q) ? ++s->last_lane : 0;
	struct lane *lane = lanes_add(&q->lanes, priority, id);

	if (queue_stored(q) && !v->deleted) {
		struct definition def = define_lane(v, q, lane);

		journal_put(&s->journal, &def);
	}
	return lane;
}

static void
forget_queue(struct vhost *v, struct queue *q)
{
	struct definition def = define_queue(v, q);

	untell(v, &def);
	for (unsigned i = 0; i < q->lanes.count; i++) {
		def = define_lane(v, q, q->lanes.above[i]);
		untell(v, &def);
	}
	if (q->lanes.dead == NULL)
		return;
	def = define_lane(v, q, q->lanes.dead);
	untell(v, &def);
}

void
vhost_remove_queue(struct vhost *v, struct queue *q)
{
	if (queue_stored(q))
		forget_queue(v, q);
	names_take(&v->queues, queue_name(q));
	while (q->destination.bindings != NULL)
		unbind(v, q->destination.bindings);
	bury(v);
}

/* --- from the store ---------------------------------------------------------------- */

void
vhost_restore(struct server *s, const struct def_vhost *d)
{
	describe(vhost_new(s, d->name),
	    &(struct vhost_metadata){
		d->description, d->tags, d->default_queue_type});
}

void
vhost_restore_exchange(struct vhost *v, const struct def_exchange *d)
{
	const struct exchange_type *type = exchange_type_find(d->type);
	struct exchange *x;

	if (type == NULL || exchange_type_rule(type, d->arguments) == NULL) {
		log_warnx("exchange '%.*s' has the unknown type '%.*s'",
		    BYTES_FMT(d->name), BYTES_FMT(d->type));
		return;
	}
	x = exchange_new(type, d->name, d->arguments);
	x->durable = true;
	x->auto_delete = d->auto_delete;
	x->internal = d->internal;
	begin_exchange(v, x, (uint64_t)d->lane);
}

void
vhost_restore_queue(struct vhost *v, const struct def_queue *d)
{
	struct queue *q =
	    queue_new(v, d->name, d->arguments, (uint64_t)d->lane);

	q->durable = true;
	q->auto_delete = d->auto_delete;
	names_put(&v->queues, queue_name(q), q);
}

void
vhost_restore_lane(struct vhost *v, const struct def_queue_lane *d)
{
	struct queue *q = vhost_queue(v, d->queue);

	if (q == NULL || (d->priority != LANE_DEAD &&
			     (d->priority < 1 || d->priority > q->lanes.max)))
		log_warnx("lane %lld of the store is for priority %lld of "
			  "queue '%.*s', which has none",
		    (long long)d->lane, (long long)d->priority,
		    BYTES_FMT(d->queue));
	else
		lanes_add(&q->lanes, (int)d->priority, (uint64_t)d->lane);
}

void
vhost_restore_binding(struct vhost *v, const struct def_binding *d)
{
	struct exchange *x = vhost_exchange(v, d->source);
	struct exchange *to_exchange = d->to_exchange
	    ? vhost_exchange(v, d->destination)
	    : NULL;
	struct queue *q =
	    d->to_exchange ? NULL : vhost_queue(v, d->destination);

	if (x == NULL || (to_exchange == NULL && q == NULL)) {
		log_warnx("binding from '%.*s' to '%.*s' leads nowhere",
		    BYTES_FMT(d->source), BYTES_FMT(d->destination));
		return;
	}
	exchange_bind(x, q != NULL ? &q->destination : &to_exchange->destination,
	    d->routing_key, d->arguments, NULL);
}
