/* tx.c - what a transactional channel has said and not yet committed. */
#include "broker/tx.h"

#include <stdlib.h>

#include "amqp/message.h"
#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/deadletter.h"
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

size_t
tx_publications(const struct tx *tx)
{
	return tx->pending_count;
}

size_t
tx_acknowledgements(const struct tx *tx)
{
	return tx->mark_count;
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

/* Once for each queue on its way. */
static void
add_queues(struct tx *tx, struct message *m, const struct route_cache *way,
    int64_t expires_in)
{
	for (size_t i = 0; i < way->count; i++) {
		struct pending *p = add(tx, m);

		p->queue = queue_ref(way->queues[i]);
		p->expires_in = expires_in;
	}
}

void
tx_publish(struct channel *ch, struct message *m, int64_t expires_in,
    bool mandatory)
{
	const struct route_cache *way = &ch->cache;

	add_queues(ch->tx, m, way, expires_in);
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
	bool spread;	/* one publication, of the number: */
	uint64_t number; /* to be confirmed; 0: not so */
	bool stored;	/* a queue keeps it on disk */
	bool refused;	/* a queue was full */
	struct delivery *deliveries; /* the marked ones, by index */
	size_t pushed, settled;
	uint64_t letters; /* those up to here are of this commit */
};

static bool
leads_nowhere(const struct pending *p)
{
	return p->queue == NULL && p->delayed == NULL && p->history == NULL;
}

static void
push(struct committing *c, struct pending *p)
{
	if (p->delayed != NULL)
		c->stored |= delayed_hold(p->delayed, p->message);
	if (p->history != NULL)
		history_add(p->history, p->message);
	if (leads_nowhere(p) && c->job.asker != NULL)
		send_return(c->channel, p->message);
	if (p->queue == NULL || p->queue->deleted)
		return;
	if (queue_refuses(p->queue, p->message))
		c->refused = true;
	else
		c->stored |=
		    queue_push(p->queue, p->message, p->expires_in);
}

static bool
push_all(struct committing *c, size_t *budget)
{
	size_t n = c->tx.pending_count;
	size_t cost = n > 0 ? queue_push_cost(n) / n : 0;

	for (; c->pushed < n; c->pushed++) {
		if (*budget == 0)
			return false;
		push(c, &c->tx.pending[c->pushed]);
		budget_spend(budget, cost);
	}
	return true;
}

/* Publications before acknowledgements, as RabbitMQ; what led nowhere goes back
 * before commit-ok. */
static bool
carry_out(struct committing *c, size_t *budget)
{
	if (!push_all(c, budget))
		return false;
	for (; c->settled < c->tx.mark_count; c->settled++, --*budget) {
		if (*budget == 0)
			return false;
		settle_delivery(&c->deliveries[c->settled],
		    c->tx.marks[c->settled].how);
		c->letters = c->server->letters_posted;
	}
	return deadletter_carry(c->server, c->letters, budget);
}

/* Its channel is still there. */
static void
tell(struct committing *c)
{
	if (!c->spread)
		c->channel->partial = c->refused;
	else if (c->number != 0)
		promise_confirm(c->channel, c->number,
		    c->stored ? c->server->journal.seq : 0, c->refused);
}

static bool
step(struct job *job, size_t *budget)
{
	struct committing *c = (struct committing *)job;

	if (!carry_out(c, budget))
		return false;
	if (job->asker != NULL)
		tell(c);
	journal_release(&c->server->journal);
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

/* True if it is done already. For what is to be spread, finding its way was
 * enough. */
static bool
begin(struct channel *ch, struct committing *c)
{
	struct server *s = ch->server;
	size_t budget = c->spread ? 0 : s->budget + 1;

	c->job.step = step;
	c->server = s;
	c->channel = ch;
	c->job.asker = ch->connection;
	journal_hold(&s->journal);
	if (step(&c->job, &budget))
		return true;
	server_add_job(s, &c->job, ch->connection);
	s->budget = 0;
	return false;
}

bool
tx_commit(struct channel *ch)
{
	struct committing *c = xcalloc(1, sizeof *c);

	c->tx = *ch->tx;
	*ch->tx = (struct tx){0};
	take_marked(ch, c);
	return begin(ch, c);
}

void
tx_spread(struct channel *ch, struct message *m, int64_t expires_in)
{
	struct committing *c = xcalloc(1, sizeof *c);

	c->spread = true;
	c->number = ch->confirming ? ++ch->published : 0;
	add_queues(&c->tx, m, &ch->cache, expires_in);
	if (ch->cache.kept)
		add_kept(&c->tx, m, &ch->server->route);
	begin(ch, c);
}
