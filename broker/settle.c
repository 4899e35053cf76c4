/* settle.c - acknowledgements and returns of deliveries. */
#include "broker/settle.h"

#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/consumer.h"
#include "broker/deadletter.h"
#include "broker/queue.h"
#include "broker/server.h"

enum { AT_ONCE = 1024 }; /* deliveries settled without a job */

void
settle_delivery(struct delivery *d, enum settlement how)
{
	struct queue *q = d->queue;

	q->unacked--;
	q->unacked_bytes -= d->entry.message->body_size;
	if (how == SETTLE_REQUEUE)
		queue_requeue(q, d->entry);
	else if (how == SETTLE_DISCARD)
		deadletter(q, d->entry, DEATH_REJECTED);
	else
		queue_settle(q, &d->entry);
	if (d->consumer != NULL)
		consumer_settled(d->consumer);
	queue_unref(q);
}

/* --- many ------------------------------------------------------------------ */

struct settling {
	struct job job;
	struct connection *connection; /* stays until this is done */
	struct channel *channel; /* good while the job has an asker */
	bool counts;		 /* as the channel's */
	struct ledger ledger;
	enum settlement how;
};

static bool
settle_some(struct ledger *l, enum settlement how, size_t *budget)
{
	for (uint64_t tag = l->base; l->count > 0; tag++) {
		struct delivery taken;

		if (*budget == 0)
			return false;
		--*budget;
		if (ledger_find(l, tag) == NULL)
			tag = ledger_first(l);
		taken = ledger_take(l, tag);
		settle_delivery(&taken, how);
	}
	ledger_fini(l);
	return true;
}

/* What the channel's close waits for: the batch that is open now, and, if letters
 * may have been posted, that these are carried. What came back is only in memory,
 * unless its queue counts that. */
static inline void
note(struct channel *ch, enum settlement how)
{
	if (how != SETTLE_ACK) {
		if (how == SETTLE_REQUEUE && !ch->counts)
			return;
		ch->letters = ch->server->letters_posted;
	}
	ch->acked_seq = ch->server->journal.seq;
}

/* The same when the channel has gone, for the connection's close. */
static void
note_late(struct connection *c, enum settlement how, bool counts)
{
	if (how == SETTLE_REQUEUE && !counts)
		return;
	c->letters = c->server->letters_posted;
	c->close_seq = c->server->journal.seq;
}

static bool
step(struct job *job, size_t *budget)
{
	struct settling *s = (struct settling *)job;

	if (!settle_some(&s->ledger, s->how, budget))
		return false;
	if (job->asker != NULL)
		note(s->channel, s->how);
	else
		note_late(s->connection, s->how, s->counts);
	s->connection->settling--;
	free(s);
	return true;
}

/* True if it is done, false if a job has begun. */
static bool
settle_ledger(struct channel *ch, struct ledger *l, enum settlement how,
    struct connection *asker)
{
	struct settling *s;
	size_t budget = AT_ONCE;

	if (settle_some(l, how, &budget))
		return true;
	s = xcalloc(1, sizeof *s);
	s->job.step = step;
	s->connection = ch->connection;
	s->connection->settling++;
	s->channel = ch;
	s->counts = ch->counts;
	s->ledger = *l;
	s->how = how;
	server_add_job(ch->server, &s->job, asker);
	return false;
}

static void
settle_upto(struct channel *ch, uint64_t tag, enum settlement how)
{
	struct ledger part;

	ledger_split(&ch->ledger, tag, &part);
	settle_ledger(ch, &part, how, ch->connection);
}

/* False if there is no such delivery. What a transaction has marked stays. */
static inline bool
settle_one(struct channel *ch, uint64_t tag, enum settlement how)
{
	struct delivery *d = ledger_find(&ch->ledger, tag), taken;

	if (d == NULL || d->marked)
		return d != NULL;
	taken = ledger_take(&ch->ledger, tag);
	settle_delivery(&taken, how);
	return true;
}

/* Few and in a row: no need to split the ledger. */
static void
settle_range(
    struct channel *ch, uint64_t first, uint64_t last, enum settlement how)
{
	for (; first <= last; first++)
		settle_one(ch, first, how);
}

bool
settle(struct channel *ch, uint64_t tag, bool multiple, enum settlement how)
{
	struct ledger *l = &ch->ledger;
	uint64_t first;

	bool found;

	if (!multiple) {
		found = settle_one(ch, tag, how);
		note(ch, how);
		return found;
	}
	if (tag == 0) {
		if (l->count == 0)
			return true;
		tag = l->next - 1;
	} else if (ledger_find(l, tag) == NULL) {
		return false;
	}
	first = ledger_first(l);
	if (tag - first < AT_ONCE || ch->tx != NULL)
		settle_range(ch, first, tag, how);
	else
		settle_upto(ch, tag, how);
	note(ch, how);
	return true;
}

bool
settle_all(struct channel *ch, struct connection *asker)
{
	struct ledger all = ch->ledger;
	bool done;

	if (all.count == 0)
		return true;
	ledger_init(&ch->ledger);
	done = settle_ledger(ch, &all, SETTLE_REQUEUE, asker);
	note(ch, SETTLE_REQUEUE);
	return done;
}
