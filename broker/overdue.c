/* overdue.c - a channel whose oldest delivery is not acknowledged in time is
 * closed.
 *
 * There is a timer for each channel, not for each delivery. It never runs for
 * longer than the shortest time any of the channel's queues gives, its patience:
 * so it goes off before a delivery made meanwhile can be due, and is set then
 * for the moment when the oldest one is. As in RabbitMQ only the oldest is looked
 * at. */
#include "broker/overdue.h"

#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/consumer.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"

/* Tells channels of a vhost that some of its queues give another time. */
struct hurry {
	struct job job;
	struct vhost *vhost; /* a reference */
	int64_t timeout;     /* the shortest of those */
	uint32_t told;	     /* connections with ids up to it were told */
};

enum {
	BUSY_MS = 100,	/* until a channel in the middle of a job is looked at
			 * again */
	MARKED_MAX = 1024, /* deliveries passed over at a time */
};

static int64_t
timeout_of(const struct queue *q)
{
	int64_t own = q->limits.consumer_timeout;

	return own >= 0 ? own : q->server->config->consumer_timeout;
}

static void
set_timer(struct channel *ch, int64_t ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	evtimer_add(ch->overdue_timer, &tv);
}

/* The oldest that is not acknowledged, not even in a transaction that is yet to
 * be committed; NULL if there is none, or it stands behind very many of
 * those. */
static struct delivery *
oldest(struct ledger *l, uint64_t *tag)
{
	uint64_t last;

	*tag = ledger_first(l);
	last = *tag + MARKED_MAX < l->next ? *tag + MARKED_MAX : l->next;
	for (; *tag < last; ++*tag) {
		struct delivery *d = ledger_find(l, *tag);

		if (d != NULL && !d->marked)
			return d;
	}
	return NULL;
}

/* Milliseconds until it is due, never too few. */
static int64_t
time_left(const struct server *s, const struct delivery *d)
{
	uint32_t age = overdue_stamp(s) - d->since;

	return timeout_of(d->queue) - ((int64_t)age - 1) * (1 << STAMP_SHIFT);
}

static void
give_up(struct channel *ch, const struct delivery *d, uint64_t tag)
{
	long long timeout = timeout_of(d->queue);

	log_of(LOG_CHANNEL, LEVEL_WARNING, ch->connection->id,
	    "Consumer '%s' on channel %u and queue '%s' in vhost '%s' has "
	    "timed out waiting for a consumer acknowledgement of a delivery "
	    "with delivery tag = %llu. Timeout used: %lld ms. This timeout "
	    "value can be configured, see consumers doc guide to learn more",
	    d->consumer != NULL ? log_safe(d->consumer->tag) : "none",
	    ch->number, log_safe(queue_name(d->queue)),
	    log_safe(d->queue->vhost->name), (unsigned long long)tag, timeout);
	ch->method = 0;
	channel_fail(ch,
	    channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		"delivery acknowledgement on channel %u timed out. Timeout "
		"value used: %lld ms. This timeout value can be configured, "
		"see consumers doc guide to learn more",
		ch->number, timeout),
	    ch->text);
}

static int64_t
shorter(int64_t a, int64_t b)
{
	return b == 0 || (a != 0 && a < b) ? a : b;
}

/* With nothing left to acknowledge, its consumers' queues say. */
static int64_t
patience_of(const struct channel *ch)
{
	const struct consumer *c;
	int64_t patience = 0;

	if (ch->ledger.count > 0)
		return ch->patience;
	TAILQ_FOREACH(c, &ch->consumers, channel_link)
	if (!c->no_ack)
		patience = shorter(patience, timeout_of(c->queue));
	return patience;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;
	struct delivery *d;
	uint64_t tag;
	int64_t left = ch->patience;

	server_tick(ch->server);
	if (ch->connection->suspended) {
		set_timer(ch, BUSY_MS);
		return;
	}
	d = oldest(&ch->ledger, &tag);
	if (d != NULL && timeout_of(d->queue) != 0)
		left = time_left(ch->server, d);
	if (left <= 0)
		give_up(ch, d, tag);
	else if ((ch->patience = patience_of(ch)) != 0)
		set_timer(ch, left < ch->patience ? left : ch->patience);
}

static void
watch(struct channel *ch, int64_t timeout)
{
	if (timeout == 0 || (ch->patience != 0 && ch->patience <= timeout))
		return;
	if (ch->overdue_timer == NULL)
		ch->overdue_timer =
		    evtimer_new(ch->server->base, on_timer, ch);
	set_timer(ch, ch->patience == 0 ? timeout : 0);
	ch->patience = timeout;
}

void
overdue_watch(struct channel *ch, const struct queue *q)
{
	watch(ch, timeout_of(q));
}

/* --- when queues give another time --------------------------------------------- */

/* Looks at its oldest delivery at once. */
static void
hurry(struct channel *ch, int64_t timeout)
{
	watch(ch, timeout);
	set_timer(ch, 0);
}

static void
tell(const struct connection *c, int64_t timeout)
{
	for (size_t i = 0; i < c->channel_room; i++)
		if (c->channels[i] != NULL && c->channels[i]->ledger.count > 0)
			hurry(c->channels[i], timeout);
}

static void
spend(size_t *budget, size_t units)
{
	*budget -= units < *budget ? units : *budget;
}

/* Connections stand in order of their ids. */
static bool
tell_some(struct job *job, size_t *budget)
{
	struct hurry *h = (struct hurry *)job;
	struct connection *c;

	TAILQ_FOREACH(c, &h->vhost->server->connections, link)
	{
		if (c->id <= h->told)
			continue;
		if (*budget == 0)
			return false;
		spend(budget, 1 + c->channel_room);
		h->told = c->id;
		if (c->vhost == h->vhost)
			tell(c, h->timeout);
	}
	h->vhost->hurry = NULL;
	vhost_unref(h->vhost);
	free(h);
	return true;
}

void
overdue_hurry(const struct queue *q)
{
	struct vhost *v = q->vhost;
	struct hurry *h = v->hurry;

	if (timeout_of(q) == 0)
		return;
	if (h == NULL) {
		h = v->hurry = xcalloc(1, sizeof *h);
		h->job.step = tell_some;
		h->vhost = v;
		v->refs++;
		server_add_job(v->server, &h->job, NULL);
	}
	h->timeout = shorter(h->timeout, timeout_of(q));
	h->told = 0;
}

/* --- life ----------------------------------------------------------------------- */

void
overdue_fini(struct channel *ch)
{
	if (ch->overdue_timer != NULL)
		event_free(ch->overdue_timer);
	ch->overdue_timer = NULL;
}
