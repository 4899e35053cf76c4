/* heap.c - a binary heap of entries by position. */
#include "broker/heap.h"

#include "amqp/xalloc.h"

enum { HEAP_MIN = 16 };

static bool
below(const struct heap *h, size_t a, size_t b)
{
	return h->entries[a].position < h->entries[b].position;
}

static void
swap(struct heap *h, size_t a, size_t b)
{
	struct entry e = h->entries[a];

	h->entries[a] = h->entries[b];
	h->entries[b] = e;
}

void
heap_push(struct heap *h, struct entry e)
{
	size_t i = h->count;

	if (h->count == h->room) {
		h->room = h->room ? h->room * 2 : HEAP_MIN;
		h->entries =
		    xrealloc(h->entries, h->room * sizeof *h->entries);
	}
	h->entries[h->count++] = e;
	for (; i > 0 && below(h, i, (i - 1) / 2); i = (i - 1) / 2)
		swap(h, i, (i - 1) / 2);
}

static void
sift_down(struct heap *h, size_t i)
{
	for (;;) {
		size_t least = i, left = 2 * i + 1;

		if (left < h->count && below(h, left, least))
			least = left;
		if (left + 1 < h->count && below(h, left + 1, least))
			least = left + 1;
		if (least == i)
			return;
		swap(h, i, least);
		i = least;
	}
}

struct entry
heap_pop(struct heap *h)
{
	struct entry e = h->entries[0];

	h->entries[0] = h->entries[--h->count];
	sift_down(h, 0);
	if (h->count == 0)
		heap_fini(h);
	return e;
}

void
heap_fini(struct heap *h)
{
	free(h->entries);
	*h = (struct heap){NULL, 0, 0};
}
