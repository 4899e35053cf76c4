/* lanes.c - the lanes of a queue, the highest priority first. */
#include "broker/lanes.h"

#include <assert.h>

#include "amqp/xalloc.h"

void
lanes_init(struct lanes *l, uint64_t id, uint8_t max, void *owner)
{
	*l = (struct lanes){.max = max};
	lane_init(&l->lowest, id, owner);
}

void
lanes_fini(struct lanes *l)
{
	lane_fini(&l->lowest);
	for (unsigned i = 0; i < l->count; i++) {
		lane_fini(l->above[i]);
		free(l->above[i]);
	}
	free(l->above);
}

struct lane *
lanes_add(struct lanes *l, uint8_t priority, uint64_t id)
{
	struct lane *lane = xmalloc(sizeof *lane);
	unsigned at = l->count;

	assert(priority > 0 && priority <= l->max);
	lane_init(lane, id, l->lowest.owner);
	lane->priority = priority;
	l->above = xrealloc(l->above, (l->count + 1U) * sizeof *l->above);
	for (; at > 0 && l->above[at - 1]->priority < priority; at--)
		l->above[at] = l->above[at - 1];
	l->above[at] = lane;
	l->count++;
	return lane;
}

struct lane *
lanes_find(struct lanes *l, uint8_t priority)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->above[i]->priority == priority)
			return l->above[i];
	return &l->lowest;
}

/* --- sums --------------------------------------------------------------------- */

static size_t
in_memory(const struct lane *l)
{
	return l->head.count + l->incoming.count + l->requeued.count;
}

size_t
lanes_in_memory(const struct lanes *l)
{
	size_t n = in_memory(&l->lowest);

	for (unsigned i = 0; i < l->count; i++)
		n += in_memory(l->above[i]);
	return n;
}

size_t
lanes_memory(const struct lanes *l)
{
	size_t n = l->lowest.memory + l->count * sizeof l->lowest;

	for (unsigned i = 0; i < l->count; i++)
		n += l->above[i]->memory;
	return n;
}

bool
lanes_pending(struct lanes *l)
{
	struct lane *lane;

	for (unsigned i = 0; (lane = lanes_nth(l, i)) != NULL; i++)
		if (lane->change != NULL)
			return true;
	return false;
}

/* --- purge and delete ----------------------------------------------------------- */

static struct lanes_rest *
take_from_each(struct lanes *l, struct journal *j,
    void (*take)(struct lane *, struct journal *, struct lane_rest *))
{
	struct lanes_rest *r =
	    xcalloc(1, sizeof *r + (l->count + 1U) * sizeof *r->rests);
	struct lane *lane;

	while ((lane = lanes_nth(l, r->count)) != NULL)
		take(lane, j, &r->rests[r->count++]);
	return r;
}

struct lanes_rest *
lanes_purge(struct lanes *l, struct journal *j)
{
	return take_from_each(l, j, lane_purge);
}

struct lanes_rest *
lanes_delete(struct lanes *l, struct journal *j)
{
	return take_from_each(l, j, lane_delete);
}

bool
lanes_rest_told(const struct lanes_rest *r)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->rests[i].purged && r->rests[i].requeued.count > 0)
			return false;
	return true;
}

bool
lanes_rest_free(struct lanes_rest *r, struct journal *j, size_t *budget)
{
	for (; r->count > 0; r->count--)
		if (!lane_rest_free(&r->rests[r->count - 1], j, budget))
			return false;
	free(r);
	return true;
}

const struct entry *
lanes_first(struct lanes *l)
{
	const struct lane *lane = lanes_front(l);

	if (lane->requeued.count > 0)
		return heap_front(&lane->requeued);
	return lane->head.count > 0 ? ring_front(&lane->head) : NULL;
}
