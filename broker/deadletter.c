/* deadletter.c - why a message left its queue, told to its next exchange. */
#include "broker/deadletter.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "amqp/xalloc.h"
#include "broker/envelope.h"
#include "broker/keep.h"
#include "broker/expiry.h"
#include "broker/held.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/server.h"
#include "broker/vhost.h"

/* --- where it goes ---------------------------------------------------------- */

void
deadletter_settle(struct queue *q, struct entry *e, enum death why)
{
	struct lane *lane = lanes_of(&q->lanes, e->message);
	uint64_t position = e->position;

	queue_settle(q, e);
	if (why == DEATH_EXPIRED && !q->deleted)
		lane_expired(lane, &q->server->journal, position);
}

/* Replies, and exchanges that keep it. */
static void
send_elsewhere(struct server *s, struct letter *l, const struct exchange *x,
    const struct routing *routing)
{
	unsigned replies = 0;

	if (x == l->queue->vhost->default_exchange)
		replies = replyto_send(s, routing, l->message);
	keep(&s->route, l->message);
	l->elsewhere = (replies & REPLYTO_DELIVERED) != 0 ||
	    s->route.keeper_count > 0;
}

/* Those that have it already are passed by. */
static void
find_way(struct server *s, struct letter *l, struct exchange *x)
{
	struct vhost *v = l->queue->vhost;
	struct route *r = &s->route;
	struct amqp_props p;
	struct routing routing;

	envelope_read(l->message, &p);
	routing = envelope_routing(l->message, &p, &s->copies);
	route_begin(r);
	for (size_t i = 0; i < l->took_count; i++)
		route_pass_by(r, &l->took[i]->destination);
	route(r, x, &routing, &v->exchanges, &v->queues);
	if (!l->elsewhere)
		send_elsewhere(s, l, x, &routing);
	l->to = xmalloc((r->count + 1) * sizeof *l->to);
	l->to_count = r->count;
	for (size_t i = 0; i < r->count; i++)
		l->to[i] = queue_ref((struct queue *)r->queues[i]);
}

/* Nobody needs to try: a policy may have changed since it was posted. */
static bool
is_idle(const struct letter *l)
{
	const struct queue *q = l->queue;

	if (q->deleted || !q->limits.dead_letters)
		return true;
	if (!q->limits.at_least_once)
		return l->held;
	return !l->held && held_first(q);
}

static void
begin(struct server *s, struct letter *l)
{
	struct queue *q = l->queue;
	struct exchange *x;

	l->begun = true;
	l->full = false;
	journal_hold(&s->journal);
	if (is_idle(l) || (l->message = letter_write(l)) == NULL)
		return;
	x = vhost_exchange(q->vhost, q->limits.dead_exchange);
	if (x != NULL)
		find_way(s, l, x);
	else if (q->limits.at_least_once)
		held_warn_missing(q);
}

/* Once for a queue, as in RabbitMQ. */
static void
warn_circle(struct queue *q, struct bytes deaths, struct bytes queue)
{
	struct writer circle = {0};

	if (q->told_circle)
		return;
	q->told_circle = true;
	letter_put_circle(&circle, deaths, queue);
	log_of(LOG_DEFAULT, LEVEL_WARNING, 0,
	    "Message dropped. Dead-letter queues cycle detected: %s\n"
	    "This cycle will NOT be reported again.",
	    log_safe(writer_view(&circle)));
	writer_fini(&circle);
}

/* Would it go round for ever? */
static bool
comes_back(const struct letter *l, struct queue *to)
{
	struct amqp_props p;
	struct bytes deaths;

	if (l->why == DEATH_REJECTED)
		return false;
	envelope_read(l->message, &p);
	deaths = letter_deaths(&p);
	if (!letter_cycles(deaths, queue_name(to)))
		return false;
	if (l->queue->limits.at_least_once)
		held_warn_cycle(l->queue, l->message, deaths, queue_name(to));
	else
		warn_circle(l->queue, deaths, queue_name(to));
	return true;
}

/* True if the queue has it now. One that must not be lost is not given to a queue
 * that might refuse it. */
static bool
give(struct letter *l, struct queue *q)
{
	if (q->deleted || comes_back(l, q))
		return false;
	if (l->queue->limits.at_least_once &&
	    q->limits.overflow != OVERFLOW_DROP_HEAD &&
	    expiry_full(q, l->message)) {
		l->full = true;
		return false;
	}
	queue_pass_on(q, l->message, -1);
	return true;
}

/* False if there is more of its way left. */
static bool
give_some(struct letter *l, size_t *budget)
{
	bool note = l->queue->limits.at_least_once;
	size_t n = l->to_count, cost = n > 0 ? queue_push_cost(n) / n : 0;

	for (; l->to_next < n; l->to_next++) {
		struct queue **to = &l->to[l->to_next];

		if (*budget == 0)
			return false;
		budget_spend(budget, cost);
		if (give(l, *to) && note)
			continue;
		queue_unref(*to);
		*to = NULL;
	}
	return true;
}

/* Those on its way that took it. */
static void
note_takers(struct letter *l)
{
	size_t most = l->took_count + l->to_count;

	if (most > l->took_count)
		l->took = xrealloc(l->took, most * sizeof *l->took);
	for (size_t i = 0; i < l->to_count; i++)
		if (l->to[i] != NULL)
			l->took[l->took_count++] = l->to[i];
}

/* Must it stay, because nobody took it, or not all on its way? */
static bool
is_stuck(const struct letter *l)
{
	return !l->queue->deleted && l->queue->limits.at_least_once &&
	    (l->full || (l->took_count == 0 && !l->elsewhere));
}

static void
rest(struct server *s, struct letter *l)
{
	if (l->message != NULL)
		message_unref(l->message);
	free(l->to);
	l->message = NULL;
	l->to = NULL;
	l->to_count = l->to_next = 0;
	l->begun = false;
	journal_release(&s->journal);
}

/* Nobody needs it any more. */
static void
letter_done(struct letter *l)
{
	if (l->held) {
		held_done(l);
		return;
	}
	if (l->refused)
		message_unref(l->entry.message);
	else
		deadletter_settle(l->queue, &l->entry, l->why);
	letter_free(l);
}

/* All on its way have been asked. */
static void
end(struct server *s, struct letter *l)
{
	bool stuck;

	note_takers(l);
	stuck = is_stuck(l);
	if (stuck && !l->full && l->to != NULL)
		held_warn_nowhere(l->queue);
	rest(s, l);
	if (stuck)
		held_keep(l);
	else
		letter_done(l);
}

/* --- carrying --------------------------------------------------------------- */

enum { LETTER_COST = 16 }; /* of a turn: its headers are written anew */

/* The job that carries what has gathered; one for the server, while there is
 * something. */
struct carrier {
	struct job job;
	struct server *server;
	struct letters letters;
};

/* One more for each KiB copied, and what finding its way took. */
static void
begin_first(struct carrier *c, struct letter *l, size_t *budget)
{
	size_t cost = LETTER_COST + l->entry.message->body_size / 1024;

	begin(c->server, l);
	if (l->to_count > 0)
		cost += c->server->route.work / 4 + l->to_count;
	budget_spend(budget, cost);
}

/* As far as the budget goes. */
static void
carry_first(struct carrier *c, size_t *budget)
{
	struct letter *l = STAILQ_FIRST(&c->letters);

	if (!l->begun)
		begin_first(c, l, budget);
	if (!give_some(l, budget))
		return;
	STAILQ_REMOVE_HEAD(&c->letters, link);
	c->server->letters_carried++;
	end(c->server, l);
}

static bool
step(struct job *job, size_t *budget)
{
	struct carrier *c = (struct carrier *)job;

	while (!STAILQ_EMPTY(&c->letters)) {
		if (*budget == 0)
			return false;
		carry_first(c, budget);
	}
	c->server->carrier = NULL;
	free(c);
	return true;
}

static struct carrier *
carrier(struct server *s)
{
	struct carrier *c = s->carrier;

	if (c != NULL)
		return c;
	c = s->carrier = xcalloc(1, sizeof *c);
	c->job.step = step;
	c->server = s;
	STAILQ_INIT(&c->letters);
	server_add_job(s, &c->job, NULL);
	return c;
}

void
deadletter_send(struct letter *l)
{
	struct server *s = l->queue->server;

	STAILQ_INSERT_TAIL(&carrier(s)->letters, l, link);
	s->letters_posted++;
}

bool
deadletter_carry(struct server *s, uint64_t upto, size_t *budget)
{
	while (s->letters_carried < upto) {
		if (*budget == 0)
			return false;
		carry_first(s->carrier, budget);
	}
	return true;
}

/* --- in --------------------------------------------------------------------- */

static void
post(struct queue *q, struct entry e, enum death why, bool refused)
{
	struct letter *l = xmalloc(sizeof *l);

	*l = (struct letter){.queue = queue_ref(q),
	    .entry = e,
	    .why = why,
	    .died = q->server->clock.wall,
	    .refused = refused};
	deadletter_send(l);
}

void
deadletter(struct queue *q, struct entry e, enum death why)
{
	if (q->limits.dead_letters && !q->deleted)
		post(q, e, why, false);
	else
		deadletter_settle(q, &e, why);
}

void
deadletter_refused(struct queue *q, struct message *m)
{
	if (q->limits.dead_letters)
		post(q, (struct entry){.message = message_ref(m)},
		    DEATH_MAXLEN, true);
}

/* --- what cannot be had ----------------------------------------------------- */

static void
warn_disabled(const struct queue *q, const char *what, struct bytes value)
{
	log_warnx("Disabling dead-lettering for queue '%s' in vhost '%s' "
		  "despite configured %s '%s' because dead-letter-exchange is "
		  "not configured.",
	    log_safe(queue_name(q)), log_safe(q->vhost->name), what,
	    log_safe(value));
}

static void
warn_fallback(const struct queue *q)
{
	log_warnx("Falling back to dead-letter-strategy at-most-once for queue "
		  "'%s' in vhost '%s' because configured dead-letter-strategy "
		  "at-least-once is incompatible with effective overflow "
		  "strategy drop-head. To enable dead-letter-strategy "
		  "at-least-once, set overflow strategy to reject-publish.",
	    log_safe(queue_name(q)), log_safe(q->vhost->name));
}

static void
warn_overflow(const struct queue *q)
{
	log_warnx("Invalid overflow strategy <<\"reject-publish-dlx\">> for "
		  "quorum queue: queue '%s' in vhost '%s'",
	    log_safe(queue_name(q)), log_safe(q->vhost->name));
}

void
deadletter_warn(const struct queue *q)
{
	const struct limits *l = &q->limits;

	if (!q->type->holds)
		return;
	if (l->wrong_overflow)
		warn_overflow(q);
	if (!l->dead_letters && l->has_dead_strategy)
		warn_disabled(q, "dead-letter-strategy", l->dead_strategy);
	else if (!l->dead_letters && l->has_dead_key)
		warn_disabled(q, "dead-letter-routing-key", l->dead_key);
	else if (l->has_dead_strategy && !l->at_least_once &&
	    bytes_eq(l->dead_strategy, BYTES("at-least-once")))
		warn_fallback(q);
}
