/* deadletter.c - why a message left its queue, told to its next exchange. */
#include "broker/deadletter.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "amqp/xalloc.h"
#include "broker/envelope.h"
#include "broker/keep.h"
#include "broker/expiry.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"

/* --- where it goes --------------------------------------------------------------- */

/* Would a queue on the way refuse it? Or is there none? */
static bool
is_stuck(const struct route *route, unsigned taken, const struct message *m)
{
	if (route->count == 0)
		return taken == 0 && route->keeper_count == 0;
	for (size_t i = 0; i < route->count; i++) {
		const struct queue *q = (struct queue *)route->queues[i];

		if (q->limits.overflow != OVERFLOW_DROP_HEAD &&
		    expiry_full(q, m))
			return true;
	}
	return false;
}

static void
push_on(struct queue *q, struct message *m, enum death why, struct bytes deaths)
{
	if (why == DEATH_REJECTED || !letter_cycles(deaths, queue_name(q)))
		queue_pass_on(q, m, -1);
	else
		log_of(LOG_QUEUE, LEVEL_WARNING, 0, "a dead letter came back to queue '%s' by itself and "
			  "was dropped",
		    log_safe(queue_name(q)));
}

/* False if somebody must take it and nobody does: then nothing has happened. */
static bool
send_on(struct server *s, const struct queue *from, struct message *m,
    enum death why)
{
	struct vhost *v = from->vhost;
	struct exchange *x = vhost_exchange(v, message_exchange(m));
	struct amqp_props p;
	struct routing routing;
	struct bytes deaths;
	unsigned replies = 0;

	if (x == NULL)
		return !from->limits.at_least_once;
	envelope_read(m, &p);
	routing = envelope_routing(m, &p, &s->copies);
	deaths = letter_deaths(&p);
	route_begin(&s->route);
	route(&s->route, x, &routing, &v->exchanges, &v->queues);
	if (x == v->default_exchange)
		replies = replyto_send(s, &routing, m);
	if (from->limits.at_least_once &&
	    is_stuck(&s->route, replies & REPLYTO_DELIVERED, m))
		return false;
	for (size_t i = 0; i < s->route.count; i++)
		push_on((struct queue *)s->route.queues[i], m, why, deaths);
	keep(&s->route, m);
	return true;
}

/* --- carrying --------------------------------------------------------------------- */

/* The old queue is done with it. */
static void
settle_dead(struct queue *q, struct entry *e, enum death why)
{
	struct lane *lane = lanes_of(&q->lanes, e->message);
	uint64_t position = e->position;

	queue_settle(q, e);
	if (why == DEATH_EXPIRED && !q->deleted)
		lane_expired(lane, &q->server->journal, position);
}

/* What happened to a letter; it is done with. */
static void
letter_done(struct letter *l)
{
	struct queue *q = l->queue;

	if (l->refused)
		message_unref(l->entry.message);
	else
		settle_dead(q, &l->entry, l->why);
	queue_unref(q);
	free(l);
}

/* False if it must wait. A policy may have changed since it was posted. */
static bool
send_letter(struct server *s, struct letter *l)
{
	struct queue *q = l->queue;
	struct message *m;
	bool sent;

	if (q->deleted || !q->limits.dead_letters)
		return true;
	m = letter_write(l);
	if (m == NULL)
		return !q->limits.at_least_once;
	sent = send_on(s, q, m, l->why);
	message_unref(m);
	return sent;
}

/* The job that carries what has gathered; one for the server, while there is
 * something. */
struct carrier {
	struct job job;
	struct server *server;
	struct letters letters;
};

static void carry(struct server *, struct letter *);

/* One, and one more for each KiB copied. */
static void
carry_first(struct carrier *c, size_t *budget)
{
	struct letter *l = STAILQ_FIRST(&c->letters);
	size_t cost = 1 + l->entry.message->body_size / 1024;

	*budget -= cost < *budget ? cost : *budget;
	STAILQ_REMOVE_HEAD(&c->letters, link);
	c->server->letters_carried++;
	carry(c->server, l);
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

/* Into the carrier's hands: letters are carried in this order. */
static void
send_off(struct server *s, struct letter *l)
{
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

/* --- waiting ------------------------------------------------------------------------ */

enum { RETRY_AT_ONCE = 32, RETRY_SECONDS = 1 };

/* Letters of a queue that nobody took, and when they are tried again. */
struct held {
	struct letters letters;
	size_t count;
	struct event *timer;
};

size_t
deadletter_held(const struct queue *q)
{
	return q->held != NULL ? q->held->count : 0;
}

/* The first of them is on its way again. */
static void
retry_one(struct queue *q)
{
	struct letter *l = STAILQ_FIRST(&q->held->letters);

	STAILQ_REMOVE_HEAD(&q->held->letters, link);
	q->held->count--;
	l->again = true;
	send_off(q->server, l);
}

static void
wait_a_while(struct held *h)
{
	struct timeval tv = {RETRY_SECONDS, 0};

	if (h->count > 0 && !evtimer_pending(h->timer, NULL))
		evtimer_add(h->timer, &tv);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct queue *q = arg;

	server_tick(q->server);
	for (int i = 0; i < RETRY_AT_ONCE && q->held->count > 0; i++)
		retry_one(q);
	wait_a_while(q->held);
}

static void
hold(struct queue *q, struct letter *l)
{
	struct held *h = q->held;

	if (h == NULL) {
		h = q->held = xcalloc(1, sizeof *h);
		STAILQ_INIT(&h->letters);
		h->timer = evtimer_new(q->server->base, on_retry, q);
		log_of(LOG_QUEUE, LEVEL_WARNING, 0, "dead letters of queue '%s' in vhost '%s' wait: "
			  "nobody takes them",
		    log_safe(queue_name(q)), log_safe(q->vhost->name));
	}
	STAILQ_INSERT_TAIL(&h->letters, l, link);
	h->count++;
	wait_a_while(h);
}

/* Where one that had waited goes, the next may follow at once. */
static void
carry(struct server *s, struct letter *l)
{
	struct queue *q = l->queue;

	if (!send_letter(s, l)) {
		hold(q, l);
		return;
	}
	if (l->again && deadletter_held(q) > 0)
		retry_one(q);
	letter_done(l);
}

void
deadletter_let_go(struct queue *q)
{
	struct held *h = q->held;
	struct letter *l;

	if (h == NULL)
		return;
	q->held = NULL;
	while ((l = STAILQ_FIRST(&h->letters)) != NULL) {
		STAILQ_REMOVE_HEAD(&h->letters, link);
		send_off(q->server, l);
	}
	event_free(h->timer);
	free(h);
}

/* The store has them still, in their queue. */
void
deadletter_fini(struct queue *q)
{
	struct held *h = q->held;
	struct letter *l;

	if (h == NULL)
		return;
	while ((l = STAILQ_FIRST(&h->letters)) != NULL) {
		STAILQ_REMOVE_HEAD(&h->letters, link);
		message_unref(l->entry.message);
		free(l);
	}
	event_free(h->timer);
	free(h);
}

/* --- in ------------------------------------------------------------------------------ */

static void
post(struct queue *q, struct entry e, enum death why, bool refused)
{
	struct letter *l = xmalloc(sizeof *l);

	*l = (struct letter){.queue = queue_ref(q),
	    .entry = e,
	    .why = why,
	    .died = q->server->clock.wall,
	    .refused = refused};
	send_off(q->server, l);
}

void
deadletter(struct queue *q, struct entry e, enum death why)
{
	if (q->limits.dead_letters && !q->deleted)
		post(q, e, why, false);
	else
		settle_dead(q, &e, why);
}

void
deadletter_refused(struct queue *q, struct message *m)
{
	if (q->limits.dead_letters)
		post(q, (struct entry){.message = message_ref(m)},
		    DEATH_MAXLEN, true);
}
