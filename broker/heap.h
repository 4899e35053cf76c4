/* heap.h - entries that came back, the lowest position first. */
#ifndef BROKER_HEAP_H
#define BROKER_HEAP_H

#include "broker/entry.h"

/* Zero-initialised is empty. */
struct heap {
	struct entry *entries;
	size_t count, room;
};

void heap_push(struct heap *, struct entry); /* takes its reference */
struct entry heap_pop(struct heap *);
void heap_fini(struct heap *); /* must be empty */

static inline struct entry *
heap_front(const struct heap *h)
{
	return h->entries;
}

#endif
