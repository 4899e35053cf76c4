/* lanes.c - the lanes of a queue, the highest priority first, and the one of its
 * dead letters that nobody took. */
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
	if (l->dead != NULL)
		lane_fini(l->dead);
	free(l->dead);
}

static void
insert(struct lanes *l, struct lane *lane)
{
	int priority = lane->priority;
	unsigned at = l->count;

	assert(priority > 0 && priority <= l->max);
	l->above = xrealloc(l->above, (l->count + 1U) * sizeof *l->above);
	for (; at > 0 && l->above[at - 1]->priority < priority; at--)
		l->above[at] = l->above[at - 1];
	l->above[at] = lane;
	l->count++;
}

struct lane *
lanes_add(struct lanes *l, int priority, uint64_t id)
{
	struct lane *lane = xmalloc(sizeof *lane);

	lane_init(lane, id, l->lowest.owner);
	lane->priority = (int16_t)priority;
	if (priority == LANE_DEAD)
		l->dead = lane;
	else
		insert(l, lane);
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

	if (l->dead != NULL)
		n += l->dead->memory + sizeof *l->dead;
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
	return l->dead != NULL && l->dead->change != NULL;
}

/* --- purge and delete ----------------------------------------------------------- */

/* With room for all lanes. */
static struct lanes_rest *
rest_new(const struct lanes *l)
{
	struct lanes_rest *r;

	return xcalloc(1, sizeof *r + (l->count + 2U) * sizeof *r->rests);
}

static struct lanes_rest *
take_from_each(struct lanes *l, struct journal *j,
    void (*take)(struct lane *, struct journal *, struct lane_rest *))
{
	struct lanes_rest *r = rest_new(l);
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
lanes_purge_dead(struct lanes *l, struct journal *j)
{
	struct lanes_rest *r = rest_new(l);

	lane_purge(l->dead, j, &r->rests[r->count++]);
	return r;
}

struct lanes_rest *
lanes_delete(struct lanes *l, struct journal *j)
{
	struct lanes_rest *r = take_from_each(l, j, lane_delete);

	if (l->dead != NULL)
		lane_delete(l->dead, j, &r->rests[r->count++]);
	return r;
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
