/* heap.c - a binary heap of entries by position. */
#include "broker/heap.h"

#include <stdlib.h>

#include "amqp/xalloc.h"

enum { HEAP_MIN = 16 };

static void
put(struct heap *h, size_t i, struct entry e, struct deadlines *d)
{
	h->entries[i] = e;
	if (d != NULL)
		deadlines_moved(d, &h->entries[i], NULL);
}

static void
rise(struct heap *h, size_t i, struct entry e, struct deadlines *d)
{
	size_t above;

	for (; i > 0; i = above) {
		above = (i - 1) / 2;
		if (h->entries[above].position <= e.position)
			break;
		put(h, i, h->entries[above], d);
	}
	put(h, i, e, d);
}

static void
sink(struct heap *h, size_t i, struct entry e, struct deadlines *d)
{
	for (;;) {
		size_t least = 2 * i + 1;

		if (least + 1 < h->count &&
		    h->entries[least + 1].position < h->entries[least].position)
			least++;
		if (least >= h->count ||
		    h->entries[least].position > e.position)
			break;
		put(h, i, h->entries[least], d);
		i = least;
	}
	put(h, i, e, d);
}

static void
grow(struct heap *h, struct deadlines *d)
{
	h->room = h->room ? h->room * 2 : HEAP_MIN;
	h->entries = xrealloc(h->entries, h->room * sizeof *h->entries);
	for (size_t i = 0; d != NULL && d->count > 0 && i < h->count; i++)
		deadlines_moved(d, &h->entries[i], NULL);
}

void
heap_push(struct heap *h, struct entry e, struct deadlines *d)
{
	size_t i = h->count;

	if (h->count == h->room)
		grow(h, d);
	h->entries[h->count++] = e;
	if (d != NULL && e.deadline != 0)
		deadlines_add(d, &h->entries[i], NULL);
	rise(h, i, h->entries[i], d);
}

struct entry
heap_take(struct heap *h, struct entry *place, struct deadlines *d)
{
	size_t i = (size_t)(place - h->entries);
	struct entry taken = *place, last;

	if (d != NULL && taken.slot != 0)
		deadlines_remove(d, taken.slot);
	taken.slot = 0;
	last = h->entries[--h->count]; /* with the slot it has now */
	if (i < h->count && i > 0 &&
	    h->entries[(i - 1) / 2].position > last.position)
		rise(h, i, last, d);
	else if (i < h->count)
		sink(h, i, last, d);
	if (h->count == 0)
		heap_fini(h);
	return taken;
}

struct entry
heap_pop(struct heap *h, struct deadlines *d)
{
	return heap_take(h, h->entries, d);
}

void
heap_fini(struct heap *h)
{
	free(h->entries);
	*h = (struct heap){NULL, 0, 0};
}

static int
by_position(const void *a, const void *b)
{
	const struct entry *const *x = a, *const *y = b;

	return ((*x)->position > (*y)->position) -
	    ((*x)->position < (*y)->position);
}

const struct entry *
heap_nth(const struct heap *h, size_t n)
{
	const struct entry **all, *found;

	if (n == 0)
		return h->entries;
	all = xcalloc(h->count, sizeof *all);
	for (size_t i = 0; i < h->count; i++)
		all[i] = &h->entries[i];
	qsort(all, h->count, sizeof *all, by_position);
	found = all[n];
	free(all);
	return found;
}
