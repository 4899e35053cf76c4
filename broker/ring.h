/* ring.h - entries in the order they came, in chunks, so that growing never
 * copies. */
#ifndef BROKER_RING_H
#define BROKER_RING_H

#include "broker/entry.h"

struct ring_chunk {
	struct ring_chunk *next;
	uint32_t size, begin, end;
	struct entry entries[];
};

/* Zero-initialised is empty. */
struct ring {
	struct ring_chunk *first, *last;
	size_t count;
};

/* Drops the references of up to *budget entries; true when it is empty. */
bool ring_clear(struct ring *, size_t *budget);

/* Room for one more at the end, to be filled in at once. */
struct entry *ring_push(struct ring *);

/* The first entry; the ring must not be empty. */
static inline struct entry *
ring_front(const struct ring *r)
{
	return &r->first->entries[r->first->begin];
}

static inline struct entry *
ring_back(const struct ring *r)
{
	return &r->last->entries[r->last->end - 1];
}

/* Takes the first entry; its reference is the caller's. */
struct entry ring_pop(struct ring *);

/* Appends all of b, which is then empty. */
void ring_join(struct ring *a, struct ring *b);

#endif
