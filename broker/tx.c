/* tx.c - what a transactional channel has said and not yet committed. */
#include "broker/tx.h"

#include <stdlib.h>

#include "amqp/message.h"
#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/delayed.h"
#include "broker/deliver.h"
#include "broker/history.h"
#include "broker/queue.h"
#include "broker/server.h"

/* One publication, for a queue or to be kept; neither for one that led
 * nowhere and is to be returned. A message for several stands once for each. */
struct pending {
	struct message *message; /* a reference */
	struct queue *queue;	 /* a reference */
	struct delayed *delayed; /* a reference */
	struct history *history; /* a reference */
	int64_t expires_in;
};

struct mark {
	uint64_t tag;
	enum settlement how;
};

struct tx {
	struct pending *pending;
	size_t pending_count, pending_room;
	struct mark *marks;
	size_t mark_count, mark_room;
};

struct tx *
tx_new(void)
{
	return xcalloc(1, sizeof(struct tx));
}

static void
drop(struct pending *p)
{
	message_unref(p->message);
	if (p->queue != NULL)
		queue_unref(p->queue);
	if (p->delayed != NULL)
		delayed_unref(p->delayed);
	if (p->history != NULL)
		history_unref(p->history);
}

static void
forget(struct tx *tx)
{
	for (size_t i = 0; i < tx->pending_count; i++)
		drop(&tx->pending[i]);
	free(tx->pending);
	free(tx->marks);
	*tx = (struct tx){0};
}

void
tx_free(struct tx *tx)
{
	if (tx != NULL)
		forget(tx);
	free(tx);
}

/* --- collecting ------------------------------------------------------------- */

static void *
grow(void *old, size_t *room, size_t count, size_t size)
{
	if (count < *room)
		return old;
	*room = *room ? *room * 2 : 16;
	return xrealloc(old, *room * size);
}

static struct pending *
add(struct tx *tx, struct message *m)
{
	tx->pending = grow(tx->pending, &tx->pending_room, tx->pending_count,
	    sizeof *tx->pending);
	tx->pending[tx->pending_count] = (struct pending){message_ref(m)};
	return &tx->pending[tx->pending_count++];
}

static void
add_kept(struct tx *tx, struct message *m, const struct route *route)
{
	for (size_t i = 0; i < route->keeper_count; i++) {
		const struct exchange *x = route->keepers[i];

		if (x->type == &type_delayed)
			add(tx, m)->delayed = delayed_ref(x->kept);
		else
			add(tx, m)->history = history_ref(x->kept);
	}
}

void
tx_publish(struct channel *ch, struct message *m, int64_t expires_in,
    bool mandatory)
{
	const struct route_cache *way = &ch->cache;

	for (size_t i = 0; i < way->count; i++) {
		struct pending *p = add(ch->tx, m);

		p->queue = queue_ref(way->queues[i]);
		p->expires_in = expires_in;
	}
	if (way->kept)
		add_kept(ch->tx, m, &ch->server->route);
	if (way->count == 0 && mandatory && !way->held_back)
		add(ch->tx, m);
}

static bool
mark(struct channel *ch, uint64_t tag, enum settlement how)
{
	struct tx *tx = ch->tx;
	struct delivery *d = ledger_find(&ch->ledger, tag);

	if (d == NULL || d->marked)
		return false;
	d->marked = true;
	tx->marks = grow(
	    tx->marks, &tx->mark_room, tx->mark_count, sizeof *tx->marks);
	tx->marks[tx->mark_count++] = (struct mark){tag, how};
	return true;
}

bool
tx_settle(struct channel *ch, uint64_t tag, bool multiple, enum settlement how)
{
	struct ledger *l = &ch->ledger;
	uint64_t last = tag != 0 ? tag : l->next - 1;

	if (!multiple)
		return mark(ch, tag, how);
	if (tag != 0 && !mark(ch, tag, how))
		return false;
	if (l->count > 0)
		for (tag = ledger_first(l); tag <= last; tag++)
			mark(ch, tag, how);
	return true;
}

/* --- ending ------------------------------------------------------------------ */

void
tx_rollback(struct channel *ch)
{
	struct tx *tx = ch->tx;

	for (size_t i = 0; i < tx->mark_count; i++)
		ledger_find(&ch->ledger, tx->marks[i].tag)->marked = false;
	forget(tx);
}

/* A commit on its way. It holds everything itself: should the connection die
 * meanwhile, it is carried through all the same. */
struct committing {
	struct job job;
	struct server *server;
	struct channel *channel; /* good while its connection waits */
	struct tx tx;
	bool refused; /* a queue was full */
	struct delivery *deliveries; /* the marked ones, by index */
	size_t pushed, settled;
};

static void
push(struct committing *c, struct pending *p)
{
	if (p->delayed != NULL)
		delayed_hold(p->delayed, p->message);
	if (p->history != NULL)
		history_add(p->history, p->message);
	if (p->queue == NULL || p->queue->deleted)
		return;
	if (queue_refuses(p->queue, p->message))
		c->refused = true;
	else
		queue_push(p->queue, p->message, p->expires_in);
}

/* Publications before acknowledgements, as RabbitMQ. */
static bool
carry_out(struct committing *c, size_t *budget)
{
	for (; c->pushed < c->tx.pending_count; c->pushed++, --*budget) {
		if (*budget == 0)
			return false;
		push(c, &c->tx.pending[c->pushed]);
	}
	for (; c->settled < c->tx.mark_count; c->settled++, --*budget) {
		if (*budget == 0)
			return false;
		settle_delivery(&c->deliveries[c->settled],
		    c->tx.marks[c->settled].how);
	}
	return true;
}

static bool
step(struct job *job, size_t *budget)
{
	struct committing *c = (struct committing *)job;

	if (!carry_out(c, budget))
		return false;
	journal_release(&c->server->journal);
	if (job->asker != NULL)
		c->channel->partial = c->refused;
	forget(&c->tx);
	free(c->deliveries);
	free(c);
	return true;
}

static void
take_marked(struct channel *ch, struct committing *c)
{
	c->deliveries =
	    xcalloc(c->tx.mark_count + 1, sizeof *c->deliveries);
	for (size_t i = 0; i < c->tx.mark_count; i++)
		c->deliveries[i] =
		    ledger_take(&ch->ledger, c->tx.marks[i].tag);
}

/* What led nowhere goes back before commit-ok. */
static void
send_returns(struct channel *ch, const struct tx *tx)
{
	for (size_t i = 0; i < tx->pending_count; i++)
		if (tx->pending[i].queue == NULL &&
		    tx->pending[i].delayed == NULL &&
		    tx->pending[i].history == NULL)
			send_return(ch, tx->pending[i].message);
}

bool
tx_commit(struct channel *ch)
{
	struct server *s = ch->server;
	struct committing *c = xcalloc(1, sizeof *c);
	size_t budget = s->budget + 1;

	c->job.step = step;
	c->server = s;
	c->channel = ch;
	c->job.asker = ch->connection;
	c->tx = *ch->tx;
	*ch->tx = (struct tx){0};
	send_returns(ch, &c->tx);
	take_marked(ch, c);
	journal_hold(&s->journal);
	if (step(&c->job, &budget))
		return true;
	server_add_job(s, &c->job, ch->connection);
	return false;
}
