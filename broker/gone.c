/* gone.c - positions among those that are ready whose entries have expired.
 *
 * They come in any order and are sorted when somebody asks. */
#include "broker/gone.h"

#include <stdlib.h>

#include "amqp/xalloc.h"

void
gone_add(struct gone *g, uint64_t position, bool swept)
{
	if (g->count == g->room) {
		g->room = g->room > 0 ? 2 * g->room : 16;
		g->all = xrealloc(g->all, g->room * sizeof *g->all);
	}
	g->sorted = g->count == 0 ||
	    (g->sorted && g->all[g->count - 1].position < position);
	g->all[g->count++] = (struct gone_position){position, swept, false};
}

static int
by_position(const void *a, const void *b)
{
	const struct gone_position *x = a, *y = b;

	return (x->position > y->position) - (x->position < y->position);
}

void
gone_sort(struct gone *g)
{
	if (!g->sorted && g->count > 1)
		qsort(g->all, g->count, sizeof *g->all, by_position);
	g->sorted = true;
}

struct gone_position *
gone_find(struct gone *g, uint64_t position)
{
	struct gone_position key = {.position = position};

	if (g->count == 0)
		return NULL;
	gone_sort(g);
	return bsearch(&key, g->all, g->count, sizeof *g->all, by_position);
}

static int
compare_range(const void *key, const void *range)
{
	uint64_t position = *(const uint64_t *)key;
	const struct range *r = range;

	return (position > r->last) - (position < r->first);
}

static bool
is_removed(const struct lane_change *c, uint64_t position)
{
	return c->removal_count > 0 &&
	    bsearch(&position, c->removals, c->removal_count,
		sizeof *c->removals, compare_range) != NULL;
}

static bool
is_put(const struct lane_change *c, uint64_t position)
{
	uint64_t i = position - c->first_put;

	return position >= c->first_put && i < c->put_count &&
	    c->puts[i].message != NULL;
}

void
gone_committed(struct gone *g, struct lane_change *c, uint64_t first)
{
	if (g->count == 0)
		return;
	if (c->removal_count > 0)
		c->removal_count = ranges_join(c->removals, c->removal_count);
	for (size_t i = 0; i < g->count; i++) {
		uint64_t at = g->all[i].position;

		if (is_removed(c, at) ||
		    (at >= first && at < c->next_position && !is_put(c, at)))
			g->all[i].committed = true;
	}
}

void
gone_settle(struct gone *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->count; i++)
		if (!g->all[i].committed)
			g->all[n++] = g->all[i];
	g->count = n;
	if (n == 0)
		gone_fini(g);
}

void
gone_fini(struct gone *g)
{
	free(g->all);
	*g = (struct gone){NULL, 0, 0, false};
}
