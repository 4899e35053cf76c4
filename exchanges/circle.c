/* circle.c - bindings at places on a circle. */
#include "exchanges/circle.h"

#include <stdlib.h>

#include "amqp/xalloc.h"
#include "exchanges/destination.h"

/* Two destinations at one place are all but impossible, but the order must not
 * be chance. */
static int
order(const struct spot *a, const struct spot *b)
{
	if (a->place != b->place)
		return a->place < b->place ? -1 : 1;
	if (a->holder->binding == NULL || b->holder->binding == NULL)
		return 0;
	return bytes_cmp(a->holder->binding->destination->name,
	    b->holder->binding->destination->name);
}

void
circle_add(struct circle *c, uint64_t place, struct binding *b)
{
	struct holder *h = b->type_data;

	if (h == NULL) {
		h = b->type_data = xcalloc(1, sizeof *h);
		h->binding = b;
	}
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 16;
		c->spots = xrealloc(c->spots, c->room * sizeof *c->spots);
	}
	c->spots[c->count++] = (struct spot){place, h};
	h->spots++;
}

/* Eight bits at a time. */
static void
deal(const struct spot *from, struct spot *to, size_t n, int shift)
{
	size_t ends[256] = {0}, sum = 0;

	for (size_t i = 0; i < n; i++)
		ends[from[i].place >> shift & 255]++;
	for (size_t i = 0; i < 256; i++) {
		size_t count = ends[i];

		ends[i] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		to[ends[from[i].place >> shift & 255]++] = from[i];
}

/* By the upper half of the bits first; that leaves next to nothing to do, for
 * places are hashes. */
static void
sort_spots(struct spot *s, size_t n, struct spot *spare)
{
	for (int shift = 32; shift < 64; shift += 16) {
		deal(s, spare, n, shift);
		deal(spare, s, n, shift + 8);
	}
	for (size_t i = 1; i < n; i++) {
		struct spot one = s[i];
		size_t j = i;

		for (; j > 0 && order(&s[j - 1], &one) > 0; j--)
			s[j] = s[j - 1];
		s[j] = one;
	}
}

/* Merges those that came last into the others, from behind. */
static void
sort(struct circle *c)
{
	size_t fresh = c->count - c->sorted, old = c->sorted, i = c->count;
	struct spot *last;

	if (fresh == 0)
		return;
	last = xmalloc(fresh * sizeof *last);
	sort_spots(c->spots + old, fresh, last);
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

/* Drops spots of those who have gone, and the holders with their last. */
static void
sweep(struct circle *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct holder *h = c->spots[i].holder;

		if (h->binding != NULL)
			c->spots[kept++] = c->spots[i];
		else if (--h->spots == 0)
			free(h);
	}
	c->count = c->sorted = kept;
	c->gone = 0;
}

void
circle_fini(struct circle *c)
{
	sweep(c);
	free(c->spots);
	*c = (struct circle){0};
}

void
circle_remove(struct circle *c, struct binding *b)
{
	struct holder *h = b->type_data;

	h->binding = NULL;
	c->gone += h->spots;
	if (c->gone * 2 > c->count) {
		sort(c);
		sweep(c);
	}
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
		if (c->spots[i].holder->binding != NULL)
			return &c->spots[i];
	}
}

struct binding *
circle_nth(struct circle *c, size_t n)
{
	sort(c);
	if (c->gone > 0)
		sweep(c);
	return c->spots[n].holder->binding;
}
