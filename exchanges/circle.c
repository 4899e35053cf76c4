/* circle.c - bindings at places on a circle. */
#include "exchanges/circle.h"

#include <stdlib.h>

#include "amqp/xalloc.h"
#include "exchanges/destination.h"

void
circle_fini(struct circle *c)
{
	free(c->spots);
	*c = (struct circle){0};
}

/* Two destinations at one place are all but impossible, but the order must not
 * be chance. */
static int
order(const void *left, const void *right)
{
	const struct spot *a = left, *b = right;

	if (a->place != b->place)
		return a->place < b->place ? -1 : 1;
	if (a->binding == NULL || b->binding == NULL)
		return 0;
	return bytes_cmp(a->binding->destination->name,
	    b->binding->destination->name);
}

void
circle_add(struct circle *c, uint64_t place, struct binding *b)
{
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 16;
		c->spots = xrealloc(c->spots, c->room * sizeof *c->spots);
	}
	c->spots[c->count++] = (struct spot){place, b};
}

/* Merges those that came last into the others, from behind. */
static void
sort(struct circle *c)
{
	size_t fresh = c->count - c->sorted, old = c->sorted, i = c->count;
	struct spot *last;

	if (fresh == 0)
		return;
	qsort(c->spots + old, fresh, sizeof *c->spots, order);
	last = xmalloc(fresh * sizeof *last);
	memcpy(last, c->spots + old, fresh * sizeof *last);
	while (fresh > 0)
		if (old > 0 && order(&c->spots[old - 1], &last[fresh - 1]) > 0)
			c->spots[--i] = c->spots[--old];
		else
			c->spots[--i] = last[--fresh];
	free(last);
	c->sorted = c->count;
}

/* The index of the first at or behind the place, or count. */
static size_t
search(const struct circle *c, uint64_t place)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->spots[middle].place < place)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
sweep(struct circle *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++)
		if (c->spots[i].binding != NULL)
			c->spots[kept++] = c->spots[i];
	c->count = c->sorted = kept;
	c->gone = 0;
}

void
circle_remove(struct circle *c, uint64_t place, struct binding *b)
{
	size_t i;

	sort(c);
	for (i = search(c, place); c->spots[i].binding != b; i++)
		;
	c->spots[i].binding = NULL;
	if (++c->gone * 2 > c->count)
		sweep(c);
}

const struct spot *
circle_at(struct circle *c, uint64_t place)
{
	size_t i;

	sort(c);
	i = search(c, place);
	for (;; i++) {
		if (i == c->count)
			i = 0;
		if (c->spots[i].binding != NULL)
			return &c->spots[i];
	}
}

struct binding *
circle_nth(struct circle *c, size_t n)
{
	sort(c);
	if (c->gone > 0)
		sweep(c);
	return c->spots[n].binding;
}
