/* expiry.c - what leaves a queue by itself. */
#include "broker/expiry.h"

#include "broker/deadletter.h"
#include "broker/held.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"

enum { EXPIRE_AT_ONCE = 2048 }; /* entries of a queue in a turn */

static struct timeval
milliseconds(int64_t ms)
{
	if (ms < 0)
		ms = 0;
	return (struct timeval){ms / 1000, ms % 1000 * 1000};
}

/* --- deadlines ---------------------------------------------------------------- */

/* Never early: the clock tells whole milliseconds. But what lives no time at all
 * is given to whoever waits for it, if that is now. */
int64_t
expiry_deadline(const struct queue *q, int64_t expires_in)
{
	int64_t ttl = q->limits.ttl;

	if (ttl < 0 || (expires_in >= 0 && expires_in < ttl))
		ttl = expires_in;
	return ttl < 0 ? 0 : q->server->clock.wall + ttl + (ttl > 0);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct queue *q = arg;

	server_tick(q->server);
	q->watching = 0;
	if (!expiry_run(q, true))
		queue_call_waiting(q);
}

/* The earliest in any of its lanes; 0: none. */
static int64_t
next_deadline(struct queue *q)
{
	struct lane *lane;
	int64_t next = 0;

	for (unsigned i = 0; (lane = lanes_nth(&q->lanes, i)) != NULL; i++)
		next = deadline_min(next, lane_next_deadline(lane));
	return next;
}

void
expiry_watch(struct queue *q)
{
	int64_t next = next_deadline(q);
	struct timeval tv;

	if (next != 0)
		q->timed = true;
	if (q->deleted || next == 0 ||
	    (q->watching != 0 && q->watching <= next))
		return;
	if (q->deadline_timer == NULL)
		q->deadline_timer =
		    evtimer_new(q->server->base, on_deadline, q);
	q->watching = next;
	tv = clock_until(&q->server->clock, next);
	evtimer_add(q->deadline_timer, &tv);
}

/* Stops early if others must have a turn. */
static void
drop_expired(struct queue *q, struct lane *lane, int64_t now, int *left)
{
	size_t *budget = &q->server->expiry_budget;
	struct entry e;

	for (; *left > 0 && *budget > 0; --*left, --*budget) {
		if (!lane_expire(lane, now, &e))
			return;
		deadletter(q, e, DEATH_EXPIRED);
	}
}

bool
expiry_run(struct queue *q, bool reached)
{
	int64_t now = q->server->clock.wall + (reached ? 1 : 0), next;
	int left = EXPIRE_AT_ONCE;
	struct lane *lane;

	for (unsigned i = 0; (lane = lanes_nth(&q->lanes, i)) != NULL; i++)
		drop_expired(q, lane, now, &left);
	queue_sweep(q, now);
	next = next_deadline(q);
	expiry_watch(q);
	return next != 0 && next < now;
}

void
expiry_swept(struct queue *q, struct lane *lane, struct load *load)
{
	struct entry e;

	lane_sweep_loaded(lane, load);
	while (lane_swept(lane, &q->server->journal, &e))
		deadletter(q, e, DEATH_EXPIRED);
}

/* --- length ------------------------------------------------------------------- */

static bool
over(const struct queue *q, uint64_t entries, uint64_t bytes)
{
	return lanes_ready(&q->lanes) + entries > q->limits.max_length ||
	    lanes_ready_bytes(&q->lanes) + bytes > q->limits.max_bytes;
}

bool
expiry_full(const struct queue *q, const struct message *m)
{
	return over(q, 1 + held_count(q), held_bytes(q) + m->body_size);
}

bool
expiry_over(const struct queue *q)
{
	return over(q, 0, 0);
}

/* What is out has to be loaded before it can be dropped: then it is called
 * again. */
bool
expiry_trim_some(struct queue *q, size_t *budget)
{
	if (q->limits.overflow != OVERFLOW_DROP_HEAD)
		return true;
	while (q->limits.bounded && expiry_over(q)) {
		struct lane *lane = lanes_front(&q->lanes);

		if (lane_peek(lane) == NULL) {
			queue_load(q);
			return true;
		}
		if (*budget == 0)
			return false;
		--*budget;
		deadletter(q, lane_pop(lane), DEATH_MAXLEN);
	}
	return true;
}

void
expiry_trim(struct queue *q)
{
	size_t budget = SIZE_MAX;

	expiry_trim_some(q, &budget);
}

/* --- queues nobody uses --------------------------------------------------------- */

static void
on_unused(evutil_socket_t fd, short what, void *arg)
{
	struct queue *q = arg;

	if (q->consumer_count > 0 || q->deleted || q->limits.expires == 0)
		return;
	log_of(LOG_QUEUE, LEVEL_INFO, 0, "queue '%s' in vhost '%s' expired: it was not used for %lld ms",
	    log_safe(queue_name(q)), log_safe(q->vhost->name),
	    (long long)q->limits.expires);
	queue_delete(q);
}

void
expiry_used(struct queue *q)
{
	struct timeval tv = milliseconds(q->limits.expires);

	if (q->limits.expires == 0 || q->deleted)
		return;
	if (q->unused_timer == NULL)
		q->unused_timer = evtimer_new(q->server->base, on_unused, q);
	evtimer_add(q->unused_timer, &tv);
}

void
expiry_fini(struct queue *q)
{
	if (q->deadline_timer != NULL)
		event_free(q->deadline_timer);
	if (q->unused_timer != NULL)
		event_free(q->unused_timer);
	q->deadline_timer = q->unused_timer = NULL;
}
