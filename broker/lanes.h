/* lanes.h - the lanes of a queue, the highest priority first, and the one of its
 * dead letters that nobody took.
 *
 * A plain queue has one lane, embedded. A queue with priorities has one more for
 * each priority above 0 that was ever used: so order within a priority is the
 * lane's own, and what waits in a low one stays where it is while higher ones are
 * served. Lanes stay until the queue goes: pointers to them are good as long. */
#ifndef BROKER_LANES_H
#define BROKER_LANES_H

#include "broker/lane.h"

enum { LANE_DEAD = -1 }; /* the priority of what is not the queue's to give */

struct lanes {
	struct lane lowest;  /* of priority 0 */
	struct lane **above; /* the others, the highest first */
	struct lane *dead;   /* of dead letters; NULL if there never were any;
			      * none of those below but where it says so */
	uint8_t count;	     /* of them */
	uint8_t max;	     /* the highest priority there can be */
};

/* One empty lane. id 0: nothing of it is stored. */
void lanes_init(struct lanes *, uint64_t id, uint8_t max, void *owner);

/* Drops what is in memory, at the end. */
void lanes_fini(struct lanes *);

/* Adds the empty lane of a priority that has none yet, from 1 to max, or
 * LANE_DEAD. */
struct lane *lanes_add(struct lanes *, int priority, uint64_t id);

/* The lane of that priority; the lowest if it has none. */
struct lane *lanes_find(struct lanes *, uint8_t priority);

/* The priority by which a message is sorted in. */
static inline uint8_t
lanes_priority(const struct lanes *l, const struct message *m)
{
	return m->priority < l->max ? m->priority : l->max;
}

/* The lane an entry with that message was taken from. */
static inline struct lane *
lanes_of(struct lanes *l, const struct message *m)
{
	return l->max == 0 ? &l->lowest : lanes_find(l, lanes_priority(l, m));
}

/* The lane the next entry comes from: the highest that has one ready. */
static inline struct lane *
lanes_front(struct lanes *l)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->above[i]->ready > 0)
			return l->above[i];
	return &l->lowest;
}

/* For going through them, from i = 0, the highest first; NULL behind the
 * last. */
static inline struct lane *
lanes_nth(struct lanes *l, unsigned i)
{
	if (i < l->count)
		return l->above[i];
	return i == l->count ? &l->lowest : NULL;
}

/* Entries that can be taken, in all of them, and the bytes of their bodies. */
static inline size_t
lanes_ready(const struct lanes *l)
{
	size_t n = l->lowest.ready;

	for (unsigned i = 0; i < l->count; i++)
		n += l->above[i]->ready;
	return n;
}

static inline uint64_t
lanes_ready_bytes(const struct lanes *l)
{
	uint64_t n = l->lowest.ready_bytes;

	for (unsigned i = 0; i < l->count; i++)
		n += l->above[i]->ready_bytes;
	return n;
}

/* Entries the store knows or will know, taken ones among them and dead letters,
 * and the bytes of their bodies. */
static inline uint64_t
lanes_stored(const struct lanes *l)
{
	uint64_t n = l->lowest.stored_count;

	if (l->dead != NULL)
		n += l->dead->stored_count;
	for (unsigned i = 0; i < l->count; i++)
		n += l->above[i]->stored_count;
	return n;
}

static inline uint64_t
lanes_stored_bytes(const struct lanes *l)
{
	uint64_t n = l->lowest.stored_bytes;

	if (l->dead != NULL)
		n += l->dead->stored_bytes;
	for (unsigned i = 0; i < l->count; i++)
		n += l->above[i]->stored_bytes;
	return n;
}

/* The entry in front of all, if it is in memory; else NULL. */
const struct entry *lanes_first(struct lanes *);

/* Ready entries that are in memory, and the bytes that they, dead letters and
 * lanes take. */
size_t lanes_in_memory(const struct lanes *);
size_t lanes_memory(const struct lanes *);

/* Does the open batch name one of them, or that of dead letters? */
bool lanes_pending(struct lanes *);

/* What purge and delete leave to be freed in slices. */
struct lanes_rest {
	unsigned count;
	struct lane_rest rests[];
};

/* Takes away everything that is ready, in all lanes. */
struct lanes_rest *lanes_purge(struct lanes *, struct journal *);

/* The same for the lane of dead letters, which there must be. */
struct lanes_rest *lanes_purge_dead(struct lanes *, struct journal *);

/* All lanes go with everything they hold, in memory and in the store, dead letters
 * too. */
struct lanes_rest *lanes_delete(struct lanes *, struct journal *);

/* Has the store heard of all that was purged? */
bool lanes_rest_told(const struct lanes_rest *);

/* As lane_rest_free for each; when it is done, the rest itself is freed. */
bool lanes_rest_free(struct lanes_rest *, struct journal *, size_t *budget);

#endif
