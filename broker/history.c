/* history.c - what exchanges of type x-recent-history remember. */
#include "broker/history.h"

#include <stdlib.h>

#include "amqp/message.h"
#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/keep.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"
#include "exchanges/type.h"

enum {
	LENGTH = 20,	/* unless the exchange says otherwise */
	AT_ONCE = 1024, /* units of work without a job */
};

/* Messages are numbered as they come; those from first on are there. */
struct history {
	unsigned refs;
	uint64_t length; /* at most */
	uint64_t first, next;
	struct message **ring; /* references */
	size_t room;	       /* a power of two */
};

/* --- life ---------------------------------------------------------------------- */

struct history *
history_new(struct bytes arguments)
{
	struct history *h = xcalloc(1, sizeof *h);
	struct amqp_value v;

	h->refs = 1;
	h->length = LENGTH;
	if (amqp_table_get(
		arguments, BYTES("x-recent-history-length"), &v) &&
	    amqp_value_integer(&v) && v.i > 0)
		h->length = (uint64_t)v.i;
	return h;
}

struct history *
history_ref(struct history *h)
{
	h->refs++;
	return h;
}

static struct message **
at(const struct history *h, uint64_t n)
{
	return &h->ring[n & (h->room - 1)];
}

static void
forget_first(struct history *h)
{
	message_unref(*at(h, h->first++));
}

void
history_unref(struct history *h)
{
	if (--h->refs > 0)
		return;
	while (h->first < h->next)
		forget_first(h);
	free(h->ring);
	free(h);
}

/* --- in ------------------------------------------------------------------------ */

static void
grow(struct history *h)
{
	struct history old = *h;

	h->room = h->room ? h->room * 2 : 8;
	h->ring = xmalloc(h->room * sizeof *h->ring);
	for (uint64_t n = h->first; n < h->next; n++)
		*at(h, n) = *at(&old, n);
	free(old.ring);
}

void
history_add(struct history *h, struct message *m)
{
	if (h->next - h->first == h->length)
		forget_first(h);
	if (h->next - h->first == h->room)
		grow(h);
	*at(h, h->next++) = message_ref(m);
}

/* --- out ----------------------------------------------------------------------- */

struct replay {
	struct job job;
	struct history *history; /* a reference */
	uint64_t from, to;
	struct queue *queue;   /* a reference, or NULL: */
	struct bytes exchange; /* own, in: */
	struct vhost *vhost;   /* good while the job has an asker */
	struct keep_way way;   /* of the one before from */
};

static void
replay_free(struct replay *r)
{
	history_unref(r->history);
	if (r->queue != NULL)
		queue_unref(r->queue);
	free((void *)r->exchange.p);
	free(r);
}

static void
send_one(struct replay *r, struct message *m, size_t *budget)
{
	struct exchange *x;

	budget_spend(budget, 1);
	if (r->queue != NULL) {
		if (!r->queue->deleted)
			keep_push(r->queue, m);
		return;
	}
	x = vhost_exchange(r->vhost, r->exchange);
	if (x != NULL)
		keep_begin(&r->way, r->vhost, x, m, budget);
}

/* What was forgotten meanwhile was sent by the binding's own way, behind what
 * has come since. */
static bool
send_some(struct replay *r, size_t *budget)
{
	while (keep_go_on(&r->way, budget)) {
		struct message *m;

		if (r->from < r->history->first)
			r->from = r->history->first;
		if (r->from >= r->to)
			return true;
		if (*budget == 0)
			return false;
		m = message_ref(*at(r->history, r->from++));
		send_one(r, m, budget);
		message_unref(m);
	}
	return false;
}

/* Nobody is there any more who could see to an exchange. */
static bool
step(struct job *job, size_t *budget)
{
	struct replay *r = (struct replay *)job;

	if (r->queue == NULL && job->asker == NULL)
		r->from = r->to;
	if (!send_some(r, budget))
		return false;
	replay_free(r);
	return true;
}

void
history_replay(
    struct channel *ch, const struct exchange *x, struct destination *d)
{
	struct history *h = x->kept;
	struct replay *r;
	size_t budget = AT_ONCE;

	if (x->type != &type_recent_history || h->first == h->next)
		return;
	r = xcalloc(1, sizeof *r);
	r->job.step = step;
	r->history = history_ref(h);
	r->from = h->first;
	r->to = h->next;
	r->vhost = ch->connection->vhost;
	if (d->kind == TO_QUEUE)
		r->queue = queue_ref((struct queue *)d);
	else
		r->exchange = xbytesdup(d->name);
	if (send_some(r, &budget))
		replay_free(r);
	else
		server_add_job(ch->server, &r->job, ch->connection);
}
