/* deadlines.h - the entries in memory that go before others in front of them,
 * the earliest first.
 *
 * It points at entries where they stand, and they know their slot in it, so that
 * one that leaves earlier is taken out without a search. Whoever moves an entry
 * says so. */
#ifndef BROKER_DEADLINES_H
#define BROKER_DEADLINES_H

#include "broker/entry.h"

struct ring_chunk;

struct deadline {
	int64_t at;
	struct entry *entry;
	struct ring_chunk *chunk; /* it stands in; NULL: not in a ring */
};

/* Zero-initialised is empty. */
struct deadlines {
	struct deadline *all;
	size_t count, room;
};

/* Adds an entry that stays where it is until it is removed or moved. */
void deadlines_add(
    struct deadlines *, struct entry *, struct ring_chunk *);

/* Takes out what has this slot; the entry itself is not touched. */
void deadlines_remove(struct deadlines *, uint32_t slot);

/* Forgets all. */
void deadlines_fini(struct deadlines *);

/* The earliest, of equal ones the one in front; NULL if there is none. */
static inline const struct deadline *
deadlines_first(const struct deadlines *d)
{
	return d->count > 0 ? d->all : NULL;
}

/* The entry, if it has a slot, stands here now. */
static inline void
deadlines_moved(
    struct deadlines *d, struct entry *e, struct ring_chunk *chunk)
{
	if (e->slot == 0)
		return;
	d->all[e->slot - 1].entry = e;
	d->all[e->slot - 1].chunk = chunk;
}

#endif
