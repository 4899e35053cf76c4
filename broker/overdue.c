/* overdue.c - a channel whose oldest delivery is not acknowledged in time is
 * closed.
 *
 * There is a timer for each channel, not for each delivery. It never runs for
 * longer than the shortest time any of the channel's queues gives, its patience:
 * so it goes off before a delivery made meanwhile can be due, and is set then
 * for the moment when the oldest one is. As in RabbitMQ only the oldest is looked
 * at. */
#include "broker/overdue.h"

#include "broker/channel.h"
#include "broker/consumer.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"

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

	log_at(LEVEL_WARNING, ch->connection->id,
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
	else if (ch->ledger.count == 0 && ch->consumer_count == 0)
		ch->patience = 0;
	else
		set_timer(ch, left < ch->patience ? left : ch->patience);
}

void
overdue_watch(struct channel *ch, const struct queue *q)
{
	int64_t timeout = timeout_of(q);

	if (timeout == 0 || (ch->patience != 0 && ch->patience <= timeout))
		return;
	if (ch->overdue_timer == NULL)
		ch->overdue_timer =
		    evtimer_new(ch->server->base, on_timer, ch);
	set_timer(ch, ch->patience == 0 ? timeout : 0);
	ch->patience = timeout;
}

void
overdue_fini(struct channel *ch)
{
	if (ch->overdue_timer != NULL)
		event_free(ch->overdue_timer);
	ch->overdue_timer = NULL;
}
