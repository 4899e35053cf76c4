/* consumer.c - who takes from a queue, and how much it may hold. */
#include "broker/consumer.h"

#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/expiry.h"
#include "broker/overdue.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/server.h"

static int32_t
priority_of(struct bytes arguments)
{
	struct amqp_value v;

	if (!amqp_table_get(arguments, BYTES("x-priority"), &v) ||
	    !amqp_value_integer(&v))
		return 0;
	return v.i > INT32_MAX ? INT32_MAX
	    : v.i < INT32_MIN  ? INT32_MIN
			       : (int32_t)v.i;
}

/* Behind those of its priority: the next in turn stands in front. */
static void
stand(struct consumer_list *list, struct consumer *c)
{
	struct consumer *before = TAILQ_LAST(list, consumer_list);

	while (before != NULL && before->priority < c->priority)
		before = TAILQ_PREV(before, consumer_list, active_link);
	if (before == NULL)
		TAILQ_INSERT_HEAD(list, c, active_link);
	else
		TAILQ_INSERT_AFTER(list, before, c, active_link);
}

/* --- the single active one ---------------------------------------------------- */

static void
compete(struct consumer *c)
{
	struct queue *q = c->queue;

	if (!q->limits.single_active)
		return;
	if (q->single == NULL) {
		q->single = c;
		return;
	}
	c->behind = true;
	if (q->type->single_rank)
		stand(&q->behind, c);
	else
		TAILQ_INSERT_TAIL(&q->behind, c, active_link);
}

static void
leave_behind(struct consumer *c)
{
	TAILQ_REMOVE(&c->queue->behind, c, active_link);
	c->behind = false;
}

static void
succeed(struct queue *q)
{
	struct consumer *next = TAILQ_FIRST(&q->behind);

	q->single = next;
	if (next == NULL)
		return;
	leave_behind(next);
	consumer_wake(next);
}

/* --- life ----------------------------------------------------------------------- */

/* --- tags --------------------------------------------------------------------- */

/* Few are looked through faster than they are indexed. */
enum { MANY = 32 };

static void
index_tag(struct channel *ch, struct consumer *new)
{
	struct consumer *c;

	if (ch->tags.size > 0)
		names_put(&ch->tags, new->tag, new);
	else if (ch->consumer_count > MANY)
		TAILQ_FOREACH(c, &ch->consumers, channel_link)
			if (!c->cancelled)
				names_put(&ch->tags, c->tag, c);
}

struct consumer *
consumer_find(const struct channel *ch, struct bytes tag)
{
	struct consumer *c;

	if (ch->tags.size > 0)
		return names_get(&ch->tags, tag);
	TAILQ_FOREACH(c, &ch->consumers, channel_link)
		if (!c->cancelled && bytes_eq(c->tag, tag))
			return c;
	return NULL;
}

/* --- life --------------------------------------------------------------------- */

struct consumer *
consumer_new(struct channel *ch, struct queue *q, struct bytes tag,
    struct bytes arguments, bool no_ack, bool exclusive)
{
	struct consumer *c = xcalloc(1, sizeof *c);

	c->queue = queue_ref(q);
	c->channel = ch;
	c->tag = xbytesdup(tag);
	c->arguments = xbytesdup(arguments);
	c->no_ack = no_ack;
	c->exclusive = exclusive;
	c->priority = priority_of(arguments);
	c->limit = ch->limit_each;
	TAILQ_INSERT_TAIL(&q->consumers, c, queue_link);
	TAILQ_INSERT_TAIL(&ch->consumers, c, channel_link);
	q->consumer_count++;
	q->had_consumer = true;
	ch->consumer_count++;
	index_tag(ch, c);
	if (exclusive)
		q->exclusive = c;
	compete(c);
	ch->counts |= q->type->counts;
	if (!no_ack)
		overdue_watch(ch, q);
	return c;
}

static void
consumer_free(struct consumer *c)
{
	if (c->channel != NULL)
		TAILQ_REMOVE(&c->channel->consumers, c, channel_link);
	queue_unref(c->queue);
	free((void *)c->tag.p);
	free((void *)c->arguments.p);
	free(c);
}

static void
leave_queue(struct consumer *c)
{
	struct queue *q = c->queue;

	if (c->active)
		TAILQ_REMOVE(&q->active, c, active_link);
	if (c->stalled)
		TAILQ_REMOVE(
		    &c->channel->connection->stalled, c, stalled_link);
	c->active = c->stalled = false;
	if (c->behind)
		leave_behind(c);
	TAILQ_REMOVE(&q->consumers, c, queue_link);
	q->consumer_count--;
	if (q->exclusive == c)
		q->exclusive = NULL;
	if (q->single == c)
		succeed(q);
}

void
consumer_cancel(struct consumer *c)
{
	struct queue *q = queue_ref(c->queue);

	leave_queue(c);
	promise_forget(c->channel, c);
	c->channel->consumer_count--;
	names_take(&c->channel->tags, c->tag);
	c->cancelled = true;
	if (c->unacked == 0)
		consumer_free(c);
	if (q->auto_delete && q->consumer_count == 0 && !q->deleted)
		queue_delete(q);
	else
		expiry_used(q);
	queue_unref(q);
}

bool
consumer_ready(struct consumer *c)
{
	const struct channel *ch = c->channel;

	return (c->limit == 0 || c->unacked < c->limit) &&
	    (ch->limit == 0 || c->no_ack || ch->consumed < ch->limit) &&
	    !c->waits && !connection_congested(ch->connection);
}

/* --- taking turns --------------------------------------------------------------- */

void
consumer_wake(struct consumer *c)
{
	if (c->cancelled || c->active || c->behind)
		return;
	if (c->stalled) {
		TAILQ_REMOVE(
		    &c->channel->connection->stalled, c, stalled_link);
		c->stalled = false;
	}
	stand(&c->queue->active, c);
	c->active = true;
	queue_wake(c->queue);
}

void
consumer_rest(struct consumer *c)
{
	struct connection *connection = c->channel->connection;

	TAILQ_REMOVE(&c->queue->active, c, active_link);
	c->active = false;
	if (connection_congested(connection)) {
		TAILQ_INSERT_TAIL(&connection->stalled, c, stalled_link);
		c->stalled = true;
	}
}

void
channel_wake(struct channel *ch)
{
	struct consumer *c;

	TAILQ_FOREACH(c, &ch->consumers, channel_link)
		consumer_wake(c);
}

void
consumer_settled(struct consumer *c)
{
	struct channel *ch = c->channel;
	bool was_full = c->limit != 0 && c->unacked >= c->limit;

	c->unacked--;
	if (ch != NULL) {
		ch->consumed--;
		if (ch->limit != 0 && ch->consumed + 1 == ch->limit)
			channel_wake(ch);
		else if (was_full)
			consumer_wake(c);
	}
	if (c->cancelled && c->unacked == 0)
		consumer_free(c);
}
