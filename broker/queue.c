/* queue.c - entries in order, and the consumers waiting for them. */
#include "broker/queue.h"

#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/consumer.h"
#include "broker/deadletter.h"
#include "broker/deliver.h"
#include "broker/expiry.h"
#include "broker/held.h"
#include "broker/log.h"
#include "broker/overdue.h"
#include "broker/policy.h"
#include "broker/queue_type.h"
#include "broker/server.h"
#include "broker/vhost.h"

/* --- life -------------------------------------------------------------------- */

/* Reads what its arguments ask of it, or what policies make of them, and what
 * its type does. */
static void
read_limits(struct queue *q)
{
	limits_parse(&q->limits, q->merged.n > 0 ? q->merged : q->arguments,
	    q->server->config->default_delivery_limit);
	q->limits.wrong_overflow = !q->type->dead_refused &&
	    q->limits.overflow == OVERFLOW_REJECT_DLX;
	if (q->limits.wrong_overflow)
		q->limits.overflow = OVERFLOW_DROP_HEAD;
	q->limits.at_least_once &= q->type->holds;
}

/* What it asked for and does not get is said once. */
static void
take_limits(struct queue *q, bool first)
{
	struct writer w = {0};
	struct bytes old = q->merged;

	q->policies_seen = q->vhost->policies_changed;
	policy_merge(q, &w);
	q->merged = writer_view(&w); /* takes it */
	read_limits(q);
	if (first || !bytes_eq(old, q->merged))
		deadletter_warn(q);
	free((void *)old.p);
}

struct queue *
queue_new(struct vhost *v, struct bytes name, struct bytes arguments,
    uint64_t lane_id)
{
	struct queue *q = xcalloc(1, sizeof *q);

	q->destination.kind = TO_QUEUE;
	q->destination.name = xbytesdup(name);
	q->arguments = xbytesdup(arguments);
	q->vhost = v;
	v->refs++;
	q->server = v->server;
	q->refs = 1;
	TAILQ_INIT(&q->consumers);
	TAILQ_INIT(&q->active);
	TAILQ_INIT(&q->behind);
	TAILQ_INIT(&q->waiting);
	q->type = queue_type_of(q->arguments);
	if (q->type == NULL)
		q->type = queue_type_of(BYTES(""));
	q->stores_all = q->type->stores_all;
	take_limits(q, true);
	lanes_init(&q->lanes, lane_id, q->limits.max_priority, q);
	q->lanes.lowest.counts = q->type->counts;
	expiry_used(q);
	return q;
}

/* Freed at the end of the turn: somebody may still be looking at it. The open
 * batch may name it too: then queue_committed drops the last reference. */
void
queue_unref(struct queue *q)
{
	if (--q->refs > 0 || lanes_pending(&q->lanes))
		return;
	TAILQ_REMOVE(&q->server->deleted_queues, q, runnable_link);
	TAILQ_INSERT_TAIL(&q->server->dead_queues, q, runnable_link);
}

void
queue_free(struct queue *q)
{
	held_fini(q);
	expiry_fini(q);
	lanes_fini(&q->lanes);
	free((void *)q->destination.name.p);
	free((void *)q->arguments.p);
	free((void *)q->merged.p);
	vhost_unref(q->vhost);
	free(q);
}

/* --- in ----------------------------------------------------------------------- */

void
queue_wake(struct queue *q)
{
	if (q->runnable || q->deleted || TAILQ_EMPTY(&q->active))
		return;
	q->runnable = true;
	TAILQ_INSERT_TAIL(&q->server->runnable, q, runnable_link);
}

bool
queue_refuses(struct queue *q, struct message *m)
{
	if (q->limits.overflow == OVERFLOW_DROP_HEAD || !expiry_full(q, m))
		return false;
	if (q->limits.overflow == OVERFLOW_REJECT_DLX)
		deadletter_refused(q, m);
	return true;
}

/* A priority has no lane before it is used. */
static struct lane *
lane_for(struct queue *q, const struct message *m)
{
	uint8_t priority = lanes_priority(&q->lanes, m);
	struct lane *lane = lanes_find(&q->lanes, priority);

	if (lane->priority == priority)
		return lane;
	return vhost_add_lane(q->vhost, q, priority);
}

/* Over its limit: consumers that can take something now come first. */
static void
make_room(struct queue *q)
{
	size_t budget = q->server->budget + 1;

	queue_run(q, &budget);
	expiry_trim(q);
}

bool
queue_push(struct queue *q, struct message *m, int64_t expires_in)
{
	struct lane *lane =
	    q->lanes.max == 0 ? &q->lanes.lowest : lane_for(q, m);
	bool stored = queue_stored(q) && (m->persistent || q->stores_all);
	int64_t deadline = expiry_deadline(q, expires_in);

	lane_push(lane, &q->server->journal, m, deadline, stored);
	q->published++;
	queue_wake(q);
	if (deadline != 0)
		expiry_watch(q);
	if (q->limits.bounded && expiry_over(q))
		make_room(q);
	return stored;
}

void
queue_pass_on(struct queue *q, struct message *m, int64_t expires_in)
{
	if (!q->type->refuses_all || !queue_refuses(q, m))
		queue_push(q, m, expires_in);
}

/* --- out ---------------------------------------------------------------------- */

/* The next of its priority stands in front now. */
static void
rotate(struct queue *q, struct consumer *c)
{
	struct consumer *before = TAILQ_LAST(&q->active, consumer_list);

	if (before == c)
		return;
	while (before->priority < c->priority)
		before = TAILQ_PREV(before, consumer_list, active_link);
	if (before == c)
		return;
	TAILQ_REMOVE(&q->active, c, active_link);
	TAILQ_INSERT_AFTER(&q->active, before, c, active_link);
}

static void
give(struct queue *q, struct lane *lane, struct consumer *c)
{
	struct ledger *ledger = &c->channel->ledger;
	struct entry e = lane_pop(lane);
	struct delivery *d;

	q->delivered++;
	q->server->stats.delivered++;
	if (q->server->traced_count > 0)
		trace_delivered(c->channel, q, &e);
	if (c->no_ack) {
		deliver(c, &e, ledger_skip(ledger), 0);
		lane_settle(lane, &q->server->journal, &e);
		message_unref(e.message);
		return;
	}
	deliver(c, &e, ledger_add(ledger, &d),
	    lane_count(lane, &q->server->journal, &e));
	*d = (struct delivery){queue_ref(q), c, e, overdue_stamp(q->server)};
	q->unacked++;
	q->unacked_bytes += e.message->body_size;
	c->unacked++;
	c->channel->consumed++;
}

/* A lane's share of what one queue may have in memory. */
static struct lane_mark
share(const struct queue *q)
{
	const struct lane_mark *mark = &q->server->mark;
	unsigned lanes = q->lanes.count + 1U;

	return (struct lane_mark){
	    mark->entries > lanes ? mark->entries / lanes : 1,
	    mark->bytes > lanes ? mark->bytes / lanes : 1};
}

void
queue_load(struct queue *q)
{
	struct lane *lane = lanes_front(&q->lanes);
	struct lane_mark mark;

	if (lane->out_count == 0)
		return;
	mark = share(q);
	if (!lane_load(lane, q->server->journal.committer, &mark))
		return;
	queue_ref(q); /* until queue_loaded */
	lane_unseal(lane, &q->server->journal);
}

void
queue_recount(struct queue *q)
{
	struct lane_mark mark;

	if (!q->type->counts || q->limits.delivery_limit == UINT64_MAX)
		return;
	mark = share(q);
	if (lane_recount(&q->lanes.lowest, q->server->journal.committer, &mark))
		queue_ref(q); /* until queue_loaded */
}

void
queue_seal(struct queue *q)
{
	struct lane *lane;

	for (unsigned i = 0; (lane = lanes_nth(&q->lanes, i)) != NULL; i++)
		lane_seal(lane, &q->server->journal);
}

void
queue_sweep(struct queue *q, int64_t now)
{
	struct lane_mark mark = share(q);
	struct lane *lane;

	for (unsigned i = 0; (lane = lanes_nth(&q->lanes, i)) != NULL; i++)
		if (lane_sweep(
			lane, q->server->journal.committer, &mark, now))
			queue_ref(q); /* until queue_loaded */
}

/* What a delivery costs of a turn: one, and one more for each KiB copied. */
static size_t
cost(const struct message *m)
{
	return 1 + (m->body_size < LEND_SIZE ? m->body_size / 1024 : 1);
}

/* True if there is more to give than *budget allows. */
static bool
serve(struct queue *q, size_t *budget)
{
	struct consumer *c;
	struct lane *lane;
	const struct entry *e;
	size_t n;

	while ((c = TAILQ_FIRST(&q->active)) != NULL) {
		if (!consumer_ready(c)) {
			consumer_rest(c);
			continue;
		}
		lane = lanes_front(&q->lanes);
		if ((e = lane_peek(lane)) == NULL)
			break;
		if (*budget == 0)
			return true;
		n = cost(e->message);
		*budget -= n < *budget ? n : *budget;
		give(q, lane, c);
		rotate(q, c);
	}
	if (c != NULL)
		queue_load(q);
	return false;
}

bool
queue_run(struct queue *q, size_t *budget)
{
	bool more;

	if (q->timed && expiry_run(q, false))
		return true;
	more = serve(q, budget);
	if (!more && q->timed)
		expiry_watch(q);
	return more;
}

bool
queue_take(struct queue *q, struct entry *e, bool *wait)
{
	struct lane *lane;

	expiry_used(q);
	*wait = q->timed && expiry_run(q, true);
	if (*wait)
		return false;
	lane = lanes_front(&q->lanes);
	if (lane_peek(lane) == NULL) {
		*wait = lane_wants_load(lane);
		queue_load(q);
		return false;
	}
	*e = lane_pop(lane);
	q->delivered++;
	q->server->stats.delivered++;
	queue_load(q);
	if (q->timed)
		expiry_watch(q);
	return true;
}

uint64_t
queue_count(struct queue *q, const struct entry *e)
{
	return lane_count(lanes_of(&q->lanes, e->message),
	    &q->server->journal, e);
}

void
queue_settle(struct queue *q, struct entry *e)
{
	struct lane *lane = lanes_of(&q->lanes, e->message);

	if (!q->deleted)
		lane_settle(lane, &q->server->journal, e);
	message_unref(e->message);
	q->acked++;
	q->server->stats.acked++;
}

/* Counts that it came back, as the store has done since it was delivered; once
 * too often is false. */
static bool
may_come_back(const struct queue *q, struct entry *e)
{
	if (!q->type->counts)
		return true;
	e->returns += e->returns < RETURNS_MAX;
	return e->returns <= q->limits.delivery_limit;
}

void
queue_requeue(struct queue *q, struct entry e)
{
	struct lane *lane = lanes_of(&q->lanes, e.message);

	if (q->deleted) {
		message_unref(e.message);
		return;
	}
	if (!may_come_back(q, &e)) {
		deadletter(q, e, DEATH_DELIVERY_LIMIT);
		return;
	}
	lane_requeue(lane, e);
	queue_wake(q);
	expiry_trim(q);
	if (q->timed)
		expiry_watch(q);
}

/* --- limits that change --------------------------------------------------------- */

struct trimming {
	struct job job;
	struct queue *queue; /* a reference */
};

static bool
trim(struct job *job, size_t *budget)
{
	struct trimming *t = (struct trimming *)job;

	if (!t->queue->deleted && !expiry_trim_some(t->queue, budget))
		return false;
	queue_unref(t->queue);
	free(t);
	return true;
}

/* Another time is given to those who keep a message unacknowledged. */
static void
watch_consumers(struct queue *q)
{
	struct consumer *c;

	TAILQ_FOREACH(c, &q->consumers, queue_link)
	if (!c->no_ack)
		overdue_watch(c->channel, q);
}

void
queue_limit(struct queue *q)
{
	int64_t patience = q->limits.consumer_timeout;
	bool at_least_once = q->limits.at_least_once;
	struct trimming *t;

	take_limits(q, false);
	held_limit(q, at_least_once);
	if (q->limits.consumer_timeout != patience) {
		watch_consumers(q);
		overdue_hurry(q);
	}
	expiry_used(q);
	if (!q->limits.bounded || !expiry_over(q))
		return;
	t = xcalloc(1, sizeof *t);
	t->job.step = trim;
	t->queue = queue_ref(q);
	server_add_job(q->server, &t->job, NULL);
}

/* --- the journal's calls -------------------------------------------------------- */

void
queue_hand_over(struct lane_change *change)
{
	struct lane *lane = change->owner;

	lane_hand_over(lane, change);
	queue_ref(lane->owner); /* until queue_committed */
}

void
queue_committed(struct lane_change *change)
{
	struct lane *lane = change->owner;
	struct queue *q = lane->owner;

	if (!q->deleted) {
		struct lane_mark mark =
		    lane == q->lanes.dead ? held_mark : share(q);

		lane_committed(lane, change, &mark);
		queue_recount(q);
		if (lane == q->lanes.dead)
			held_go_on(q);
		if (q->timed) {
			queue_sweep(q, q->server->clock.wall);
			expiry_watch(q);
		}
		queue_wake(q);
	}
	queue_unref(q);
}

void
queue_call_waiting(struct queue *q)
{
	struct connection *c;

	while ((c = TAILQ_FIRST(&q->waiting)) != NULL) {
		TAILQ_REMOVE(&q->waiting, c, waiting_link);
		c->waiting_for = NULL;
		connection_continue(c);
	}
}

static void
drop_spent(struct queue *q, struct lane *lane, struct load *load)
{
	struct entry e;
	size_t at = 0;

	while (lane_spent(lane, load, q->limits.delivery_limit, &at, &e))
		deadletter(q, e, DEATH_DELIVERY_LIMIT);
}

void
queue_loaded(struct load *load)
{
	struct lane *lane = load->owner;
	struct queue *q = lane->owner;

	if (lane == q->lanes.dead) {
		held_loaded(q, load);
	} else if (load->due != 0) {
		expiry_swept(q, lane, load);
	} else {
		if (q->type->counts)
			drop_spent(q, lane, load);
		lane_loaded(lane, load);
	}
	if (!q->deleted) {
		expiry_trim(q);
		if (q->timed)
			expiry_run(q, true);
		queue_recount(q);
	}
	queue_wake(q);
	queue_call_waiting(q);
	queue_unref(q);
}

/* --- purge and delete ------------------------------------------------------------ */

/* Frees what a purge or delete took away. */
struct clearing {
	struct job job;
	struct queue *queue; /* a reference */
	struct lanes_rest *rest;
};

static bool
clear(struct job *job, size_t *budget)
{
	struct clearing *c = (struct clearing *)job;
	struct queue *q = c->queue;

	if (!lanes_rest_free(
		c->rest, q->deleted ? NULL : &q->server->journal, budget))
		return false;
	queue_unref(q);
	free(c);
	return true;
}

static struct clearing *
clearing_new(struct queue *q)
{
	struct clearing *c = xcalloc(1, sizeof *c);

	c->job.step = clear;
	c->queue = queue_ref(q);
	return c;
}

void
queue_clear(struct queue *q, struct lanes_rest *rest)
{
	struct clearing *c = clearing_new(q);

	c->rest = rest;
	server_add_job(q->server, &c->job, NULL);
}

/* Requeued entries are removed from the store one by one: whoever asked waits
 * for that. The rest is only memory. */
size_t
queue_purge(struct queue *q, struct connection *asker)
{
	size_t count = lanes_ready(&q->lanes), budget = q->server->budget;
	struct clearing *c = clearing_new(q);

	c->rest = lanes_purge(&q->lanes, &q->server->journal);
	if (clear(&c->job, &budget))
		return count;
	if (lanes_rest_told(c->rest))
		asker = NULL;
	server_add_job(q->server, &c->job, asker);
	return count;
}

/* Tells the client, if it asked to be told; behind consume-ok and deliveries. */
static void
tell_cancelled(const struct consumer *c)
{
	struct amqp_method m = {
	    AMQP_basic_cancel, .basic_cancel = {c->tag, true}};

	if (!(c->channel->connection->capabilities & CAN_CONSUMER_CANCEL))
		return;
	if (c->waits || c->channel->promises.tags > 0)
		channel_reply(c->channel, &m);
	else
		channel_send(c->channel, &m);
}

static void
cancel_consumers(struct queue *q)
{
	struct consumer *c;

	while ((c = TAILQ_FIRST(&q->consumers)) != NULL) {
		tell_cancelled(c);
		consumer_cancel(c);
	}
}

size_t
queue_delete(struct queue *q)
{
	size_t count = lanes_ready(&q->lanes);
	struct clearing *c = clearing_new(q);

	q->deleted = true;
	held_delete(q);
	expiry_fini(q);
	cancel_consumers(q);
	queue_call_waiting(q);
	if (q->runnable)
		TAILQ_REMOVE(&q->server->runnable, q, runnable_link);
	q->runnable = false;
	TAILQ_INSERT_TAIL(&q->server->deleted_queues, q, runnable_link);
	if (q->owner != NULL)
		TAILQ_REMOVE(&q->owner->owned, q, owner_link);
	q->owner = NULL;
	c->rest = lanes_delete(&q->lanes, &q->server->journal);
	vhost_remove_queue(q->vhost, q);
	server_add_job(q->server, &c->job, NULL);
	queue_unref(q);
	return count;
}
