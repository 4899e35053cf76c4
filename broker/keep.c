/* keep.c - what exchanges that keep messages have in common. */
#include "broker/keep.h"

#include <stdlib.h>

#include "amqp/props.h"
#include "amqp/text.h"
#include "amqp/xalloc.h"
#include "broker/delayed.h"
#include "broker/envelope.h"
#include "broker/history.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"

bool
keep(const struct route *r, struct message *m)
{
	bool stored = false;

	for (size_t i = 0; i < r->keeper_count; i++)
		if (r->keepers[i]->type == &type_delayed)
			stored |= delayed_hold(r->keepers[i]->kept, m);
		else
			history_add(r->keepers[i]->kept, m);
	return stored;
}

/* As basic.publish found it to be. */
static int64_t
expiration_of(const struct amqp_props *p)
{
	struct bytes text = p->expiration;
	uint64_t ms;

	text_take(&text, '+');
	return (p->flags & PROP_EXPIRATION) != 0 &&
		text_unsigned(text, INT64_MAX, &ms)
	    ? (int64_t)ms
	    : -1;
}

void
keep_begin(struct keep_way *way, struct vhost *v, struct exchange *x,
    struct message *m, size_t *budget)
{
	struct server *s = v->server;
	struct route *r = &s->route;
	struct amqp_props p;
	struct routing routing;

	envelope_read(m, &p);
	routing = envelope_routing(m, &p, &s->copies);
	route_begin(r);
	route(r, x, &routing, &v->exchanges, &v->queues);
	budget_spend(budget, 1 + r->work / 4);
	*way = (struct keep_way){.message = message_ref(m),
	    .expires_in = expiration_of(&p),
	    .journal = &s->journal,
	    .to = xmalloc((r->count + 1) * sizeof *way->to),
	    .count = r->count};
	for (size_t i = 0; i < r->count; i++)
		way->to[i] = queue_ref((struct queue *)r->queues[i]);
	journal_hold(way->journal);
	keep(r, m);
}

static void
give_next(struct keep_way *way)
{
	struct queue *q = way->to[way->next++];

	if (!q->deleted)
		queue_pass_on(q, way->message, way->expires_in);
	queue_unref(q);
}

bool
keep_go_on(struct keep_way *way, size_t *budget)
{
	size_t n = way->count, cost = n > 0 ? queue_push_cost(n) / n : 0;

	if (way->message == NULL)
		return true;
	while (way->next < n) {
		if (*budget == 0)
			return false;
		give_next(way);
		budget_spend(budget, cost);
	}
	message_unref(way->message);
	free(way->to);
	journal_release(way->journal);
	*way = (struct keep_way){0};
	return true;
}

void
keep_push(struct queue *q, struct message *m)
{
	struct amqp_props p;

	envelope_read(m, &p);
	queue_pass_on(q, m, expiration_of(&p));
}
