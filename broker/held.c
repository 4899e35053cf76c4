/* held.c - dead letters that nobody took, until somebody does. */
#include "broker/held.h"

#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/deadletter.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"
#include "exchanges/quote.h"

enum {
	WINDOW = 32,
	WINDOW_BYTES = 8 * 1024 * 1024, /* then it is full before */
	RETRY_SECONDS = 1,
};

const struct lane_mark held_mark = {256, 4 * 1024 * 1024};

struct held {
	struct queue *queue;
	struct letters waiting; /* those of the window that are not on their
				 * way */
	unsigned count;		/* in the window */
	uint64_t bytes;		/* of their bodies */
	bool full;		/* a queue refused one of those that wait */
	uint64_t generation;	/* of topology when they were tried */
	struct event *timer;
	bool told_missing, told_nowhere, told_cycle;
};

/* --- how many --------------------------------------------------------------- */

uint64_t
held_count(const struct queue *q)
{
	const struct lane *lane = q->lanes.dead;

	return lane == NULL ? 0 : lane->ready + (q->held ? q->held->count : 0);
}

uint64_t
held_bytes(const struct queue *q)
{
	const struct lane *lane = q->lanes.dead;

	return lane == NULL
	    ? 0
	    : lane->ready_bytes + (q->held ? q->held->bytes : 0);
}

static bool
has_room(const struct held *h)
{
	return h->count < WINDOW && h->bytes < WINDOW_BYTES;
}

bool
held_first(const struct queue *q)
{
	return q->lanes.dead != NULL && q->held != NULL &&
	    (q->lanes.dead->ready > 0 || !has_room(q->held));
}

/* --- in and out of the window ----------------------------------------------- */

/* The first of the lane becomes the letter's entry. */
static void
admit(struct held *h, struct letter *l)
{
	l->entry = lane_pop(h->queue->lanes.dead);
	l->held = true;
	h->count++;
	h->bytes += l->entry.message->body_size;
}

static struct letter *
take(struct held *h)
{
	struct queue *q = h->queue;
	struct letter *l = xcalloc(1, sizeof *l);

	admit(h, l);
	l->queue = queue_ref(q);
	l->why = (enum death)(l->entry.returns - 1);
	l->died = q->server->clock.wall;
	return l;
}

/* Looks after them in a while. */
static void
wait_a_while(struct held *h)
{
	struct timeval tv = {RETRY_SECONDS, 0};

	if (!evtimer_pending(h->timer, NULL))
		evtimer_add(h->timer, &tv);
}

static void
hurry(struct held *h)
{
	struct timeval tv = {0, 0};

	h->full = true; /* for all we know */
	evtimer_add(h->timer, &tv);
}

/* While the disk is behind nothing more comes from it: what goes is stored anew. */
static void
refill(struct held *h)
{
	struct queue *q = h->queue;
	struct lane *lane = q->lanes.dead;

	if (server_behind(q->server)) {
		wait_a_while(h);
		return;
	}
	while (has_room(h) && lane_peek(lane) != NULL)
		deadletter_send(take(h));
	if (has_room(h) &&
	    lane_load(lane, q->server->journal.committer, &held_mark))
		queue_ref(q); /* until queue_loaded */
}

void
held_loaded(struct queue *q, struct load *load)
{
	lane_loaded(q->lanes.dead, load);
	held_go_on(q);
}

void
held_go_on(struct queue *q)
{
	if (!q->deleted && q->held != NULL)
		refill(q->held);
}

void
held_done(struct letter *l)
{
	struct queue *q = l->queue;
	struct held *h = q->held;

	h->count--;
	h->bytes -= l->entry.message->body_size;
	if (!q->deleted) {
		lane_settle(q->lanes.dead, &q->server->journal, &l->entry);
		refill(h);
	}
	message_unref(l->entry.message);
	letter_free(l);
}

/* What is in the window and waits; what is on its way will find out itself. */
static void
drop_waiting(struct held *h)
{
	struct letter *l;

	while ((l = STAILQ_FIRST(&h->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&h->waiting, link);
		held_done(l);
	}
}

/* At-least-once is over. */
static void
forget(struct queue *q)
{
	log_info("Deleted %llu dead-lettered messages (with total messages "
		 "size of %llu bytes) in queue '%s' in vhost '%s'",
	    (unsigned long long)held_count(q),
	    (unsigned long long)held_bytes(q), log_safe(queue_name(q)),
	    log_safe(q->vhost->name));
	if (q->held == NULL)
		return;
	queue_clear(q, lanes_purge_dead(&q->lanes, &q->server->journal));
	drop_waiting(q->held);
}

/* --- trying again ----------------------------------------------------------- */

static void
send_all(struct held *h)
{
	struct letter *l;

	h->full = false;
	h->generation = h->queue->server->generation;
	while ((l = STAILQ_FIRST(&h->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&h->waiting, link);
		deadletter_send(l);
	}
	refill(h);
}

/* In vain, so far. */
static void
look_again(struct held *h)
{
	if (!STAILQ_EMPTY(&h->waiting))
		wait_a_while(h);
	refill(h);
}

/* A full queue may have room now; what led nowhere need not be tried before
 * something has changed. */
static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct held *h = arg;

	server_tick(h->queue->server);
	if (!h->queue->limits.at_least_once)
		forget(h->queue);
	else if (h->full || h->generation != h->queue->server->generation)
		send_all(h);
	else
		look_again(h);
}

static struct held *
held_of(struct queue *q)
{
	struct held *h = q->held;

	if (h != NULL)
		return h;
	h = q->held = xcalloc(1, sizeof *h);
	h->queue = q;
	STAILQ_INIT(&h->waiting);
	h->timer = evtimer_new(q->server->base, on_retry, h);
	if (q->lanes.dead == NULL)
		vhost_add_lane(q->vhost, q, LANE_DEAD);
	return h;
}

/* --- in --------------------------------------------------------------------- */

/* From its queue's lanes into that of the dead, in one batch. */
static void
change_lane(struct letter *l)
{
	struct queue *q = l->queue;

	lane_push_noted(q->lanes.dead, &q->server->journal, l->entry.message,
	    (uint32_t)l->why + 1, queue_stored(q), &held_mark);
	deadletter_settle(q, &l->entry, l->why);
}

void
held_keep(struct letter *l)
{
	struct queue *q = l->queue;
	struct held *h = held_of(q);
	bool first = !held_first(q);

	if (!l->held) {
		change_lane(l);
		if (!first || lane_peek(q->lanes.dead) == NULL) {
			letter_free(l);
			return;
		}
		admit(h, l);
	}
	STAILQ_INSERT_TAIL(&h->waiting, l, link);
	h->full |= l->full;
	wait_a_while(h);
}

void
held_restored(struct queue *q)
{
	if (q->lanes.dead->ready > 0)
		hurry(held_of(q));
}

/* --- what changes ----------------------------------------------------------- */

void
held_limit(struct queue *q, bool before)
{
	struct held *h = q->held;

	if (!q->limits.at_least_once) {
		if (before)
			forget(q);
		return;
	}
	if (h == NULL)
		return;
	h->told_missing = h->told_nowhere = h->told_cycle = false;
	hurry(h);
}

void
held_delete(struct queue *q)
{
	struct held *h = q->held;

	if (h == NULL)
		return;
	drop_waiting(h);
	event_free(h->timer);
	h->timer = NULL;
}

void
held_fini(struct queue *q)
{
	struct held *h = q->held;
	struct letter *l;

	if (h == NULL)
		return;
	while ((l = STAILQ_FIRST(&h->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&h->waiting, link);
		message_unref(l->entry.message);
		free(l->took);
		free(l);
	}
	if (h->timer != NULL)
		event_free(h->timer);
	free(h);
}

/* --- warnings --------------------------------------------------------------- */

void
held_warn_missing(struct queue *q)
{
	struct held *h = held_of(q);

	if (!h->told_missing)
		log_warnx("Cannot forward any dead-letter messages from "
			  "source quorum queue '%s' in vhost '%s' because its "
			  "configured dead-letter-exchange exchange '%s' in "
			  "vhost '%s' does not exist. Either create the "
			  "configured dead-letter-exchange or re-configure the "
			  "dead-letter-exchange policy for the source quorum "
			  "queue to prevent dead-lettered messages from piling "
			  "up in the source quorum queue. This message will "
			  "not be logged again.",
		    log_safe(queue_name(q)), log_safe(q->vhost->name),
		    log_safe(q->limits.dead_exchange),
		    log_safe(q->vhost->name));
	h->told_missing = true;
}

void
held_warn_nowhere(struct queue *q)
{
	struct held *h = held_of(q);

	if (!h->told_nowhere)
		log_warnx("Cannot forward any dead-letter messages from "
			  "source quorum queue '%s' in vhost '%s' with "
			  "configured dead-letter-exchange exchange '%s' in "
			  "vhost '%s' and configured dead-letter-routing-key "
			  "'%s'. This can happen either if the dead-letter "
			  "routing topology is misconfigured (for example no "
			  "queue bound to dead-letter-exchange or wrong "
			  "dead-letter-routing-key configured) or if "
			  "non-mirrored classic queues are bound whose host "
			  "node is down. Fix this issue to prevent "
			  "dead-lettered messages from piling up in the source "
			  "quorum queue. This message will not be logged "
			  "again.",
		    log_safe(queue_name(q)), log_safe(q->vhost->name),
		    log_safe(q->limits.dead_exchange),
		    log_safe(q->vhost->name),
		    q->limits.has_dead_key ? log_safe(q->limits.dead_key)
					   : "undefined");
	h->told_nowhere = true;
}

void
held_warn_cycle(struct queue *q, const struct message *letter,
    struct bytes deaths, struct bytes queue)
{
	struct held *h = held_of(q);
	struct amqp_value v = {.tag = 'S', .bytes = message_key(letter)};
	struct writer key = {0}, circle = {0};

	if (h->told_cycle)
		return;
	h->told_cycle = true;
	quote_value(&key, &v);
	letter_put_circle(&circle, deaths, queue);
	log_warnx("Dead-letter queues cycle detected for source quorum queue "
		  "'%s' in vhost '%s' with dead-letter exchange exchange '%s' "
		  "in vhost '%s' and routing keys [%.*s]: %.*s This message "
		  "will not be logged again.",
	    log_safe(queue_name(q)), log_safe(q->vhost->name),
	    log_safe(q->limits.dead_exchange), log_safe(q->vhost->name),
	    BYTES_FMT(writer_view(&key)), BYTES_FMT(writer_view(&circle)));
	writer_fini(&key);
	writer_fini(&circle);
}
