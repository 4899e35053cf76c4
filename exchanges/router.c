/* router.c - follows exchange-to-exchange bindings and alternates, and names
 * each queue once. */
#include "exchanges/router.h"

#include <stdlib.h>

#include "amqp/xalloc.h"

/* One message on its way through the exchanges. */
struct walk {
	struct route *route;
	bool matched; /* the exchange at hand led somewhere */
};

/* Passes are numbered through the whole process, because routes of several
 * owners mark the same destinations. No destination has ever seen pass 0. */
static uint64_t passes;

void
route_fini(struct route *r)
{
	free(r->queues);
	free(r->todo);
	free(r->keepers);
	*r = (struct route){0};
}

void
route_begin(struct route *r)
{
	r->count = 0;
	r->work = 0;
	r->todo_count = 0;
	r->keeper_count = 0;
	r->held_back = false;
	r->by_key_only = true;
	r->pass = ++passes;
}

void
route_pass_by(struct route *r, struct destination *queue)
{
	queue->seen = r->pass;
}

static size_t
grown(size_t size)
{
	return size == 0 ? 16 : 2 * size;
}

static void
add_queue(struct route *r, struct destination *queue)
{
	if (queue->seen == r->pass)
		return;
	queue->seen = r->pass;
	if (r->count == r->size) {
		r->size = grown(r->size);
		r->queues = xrealloc(r->queues, r->size * sizeof *r->queues);
	}
	r->queues[r->count++] = queue;
}

static void
add_exchange(struct route *r, struct exchange *x)
{
	if (x->visited == r->pass)
		return;
	x->visited = r->pass;
	if (r->todo_count == r->todo_size) {
		r->todo_size = grown(r->todo_size);
		r->todo = xrealloc(r->todo, r->todo_size * sizeof *r->todo);
	}
	r->todo[r->todo_count++] = x;
	if (!x->rule->by_key_only || x->type->keeps != NULL)
		r->by_key_only = false;
}

static void
reached(struct binding *b, void *arg)
{
	struct walk *walk = arg;

	walk->matched = true;
	if (b->destination->kind == TO_QUEUE)
		add_queue(walk->route, b->destination);
	else /* an exchange begins with its destination */
		add_exchange(walk->route, (struct exchange *)b->destination);
}

static void
match_keys(struct walk *walk, struct exchange *x, const struct routing *routing)
{
	struct routing one = *routing;

	walk->route->work += x->rule->match(x, &one, reached, walk);
	if (!x->rule->every_key)
		return;
	for (size_t i = 0; i < routing->copy_count; i++) {
		one.key = routing->copies[i];
		walk->route->work += x->rule->match(x, &one, reached, walk);
	}
}

static void
add_keeper(struct route *r, struct exchange *x)
{
	if (r->keeper_count == r->keeper_size) {
		r->keeper_size = grown(r->keeper_size);
		r->keepers =
		    xrealloc(r->keepers, r->keeper_size * sizeof *r->keepers);
	}
	r->keepers[r->keeper_count++] = x;
}

/* Whether it holds the message back. */
static bool
keep(struct route *r, struct exchange *x, const struct routing *routing)
{
	enum keeping how = x->type->keeps(x, routing);

	if (how != KEEP_NOT)
		add_keeper(r, x);
	if (how == KEEP_BACK)
		r->held_back = true;
	return how == KEEP_BACK;
}

static void
follow(struct route *r, struct exchange *x, const struct routing *routing,
    const struct names *exchanges)
{
	struct walk walk = {.route = r};
	struct exchange *alternate;

	if (x->type->keeps != NULL && keep(r, x, routing))
		return;
	match_keys(&walk, x, routing);
	if (walk.matched || x->alternate.n == 0)
		return;
	alternate = names_get(exchanges, x->alternate);
	if (alternate != NULL)
		add_exchange(r, alternate);
}

/* The default exchange: the key is the queue's name. */
static void
route_by_name(struct route *r, struct bytes name, const struct names *queues)
{
	struct destination *queue = names_get(queues, name);

	r->work++;
	if (queue != NULL)
		add_queue(r, queue);
}

static void
route_by_names(
    struct route *r, const struct routing *routing, const struct names *queues)
{
	route_by_name(r, routing->key, queues);
	for (size_t i = 0; i < routing->copy_count; i++)
		route_by_name(r, routing->copies[i], queues);
}

void
route(struct route *r, struct exchange *x, const struct routing *routing,
    const struct names *exchanges, const struct names *queues)
{
	if (routing->copy_count > 0)
		r->by_key_only = false;
	if (x->destination.name.n == 0) {
		route_by_names(r, routing, queues);
		return;
	}
	add_exchange(r, x);
	while (r->todo_count > 0)
		follow(r, r->todo[--r->todo_count], routing, exchanges);
}
