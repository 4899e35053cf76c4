/* keep.c - what exchanges that keep messages have in common. */
#include "broker/keep.h"

#include "amqp/props.h"
#include "amqp/text.h"
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

size_t
keep_send(struct server *s, struct vhost *v, struct exchange *x,
    struct message *m)
{
	struct route *r = &s->route;
	struct amqp_props p;
	struct routing routing;
	int64_t expires_in;

	envelope_read(m, &p);
	routing = envelope_routing(m, &p, &s->copies);
	expires_in = expiration_of(&p);
	route_begin(r);
	route(r, x, &routing, &v->exchanges, &v->queues);
	for (size_t i = 0; i < r->count; i++)
		queue_pass_on((struct queue *)r->queues[i], m, expires_in);
	keep(r, m);
	return 1 + r->count + r->work / 4;
}

void
keep_push(struct queue *q, struct message *m)
{
	struct amqp_props p;

	envelope_read(m, &p);
	queue_pass_on(q, m, expiration_of(&p));
}
