/* heap.h - entries that came back, the lowest position first. */
#ifndef BROKER_HEAP_H
#define BROKER_HEAP_H

#include "broker/deadlines.h"

/* Zero-initialised is empty. */
struct heap {
	struct entry *entries;
	size_t count, room;
};

/* Those with a deadline are in deadlines as well, while they are in the heap;
 * NULL if nobody needs to know. Push takes the reference, the others give it
 * back: of the first, and of any. */
void heap_push(struct heap *, struct entry, struct deadlines *);
struct entry heap_pop(struct heap *, struct deadlines *);
struct entry heap_take(struct heap *, struct entry *, struct deadlines *);
void heap_fini(struct heap *); /* must be empty */

/* The n-th in order of position, counted from 0; n must be less than count. */
const struct entry *heap_nth(const struct heap *, size_t n);

static inline struct entry *
heap_front(const struct heap *h)
{
	return h->entries;
}

#endif
