/* ring.h - entries in the order they came, in chunks, so that growing never
 * copies. One that is taken from the middle leaves a hole. */
#ifndef BROKER_RING_H
#define BROKER_RING_H

#include "broker/deadlines.h"

/* A hole has no message. The first of a chunk that is the ring's first is never
 * one, and no chunk is all holes. */
struct ring_chunk {
	struct ring_chunk *next, *before;
	uint32_t size, begin, end, holes;
	struct entry entries[];
};

/* Zero-initialised is empty. */
struct ring {
	struct ring_chunk *first, *last;
	size_t count;
};

/* Drops the references of up to *budget entries; true when it is empty. */
bool ring_clear(struct ring *, size_t *budget);

/* A new last chunk. */
struct ring_chunk *ring_add_chunk(struct ring *);

/* Room for one more at the end, in the last chunk, to be filled in at once. */
static inline struct entry *
ring_push(struct ring *r)
{
	struct ring_chunk *c = r->last;

	if (c == NULL || c->end == c->size)
		c = ring_add_chunk(r);
	r->count++;
	return &c->entries[c->end++];
}

/* The first entry; the ring must not be empty. */
static inline struct entry *
ring_front(const struct ring *r)
{
	return &r->first->entries[r->first->begin];
}

/* The n-th entry, counted from 0; n must be less than count. */
const struct entry *ring_nth(const struct ring *, size_t n);

/* The first chunk is used up, or has holes. */
void ring_advance(struct ring *);

/* Takes the first entry; its reference is the caller's. */
static inline struct entry
ring_pop(struct ring *r)
{
	struct ring_chunk *c = r->first;
	struct entry e = c->entries[c->begin++];

	r->count--;
	if (c->holes > 0 || c->begin == c->end)
		ring_advance(r);
	return e;
}

/* Takes any; others may move, of which deadlines are told. */
struct entry ring_take(struct ring *, struct ring_chunk *, struct entry *,
    struct deadlines *);

/* Appends all of b, which is then empty. */
void ring_join(struct ring *a, struct ring *b);

#endif
