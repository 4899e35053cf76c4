/* timed.h - messages in order of their deadlines, for the store that forgets. */
#ifndef PERSISTENCE_TIMED_H
#define PERSISTENCE_TIMED_H

#include "persistence/change.h"

enum { TIMED_LEVELS = 16 };

struct timed_entry {
	struct due due;
	struct message *message; /* a reference */
	struct timed_entry *next[]; /* on each of its levels */
};

/* A skip list: each entry is on the lowest level, and one in four of a level's
 * entries is on the next as well. Zero-initialised is empty. */
struct timed {
	struct timed_entry *first[TIMED_LEVELS];
	uint32_t random;
};

/* Adds an entry, whose due nobody else has; takes a reference. */
void timed_add(struct timed *, struct due, struct message *);

/* Nothing happens if it is not there. */
void timed_remove(struct timed *, struct due);

/* The first entry behind due, or NULL. */
const struct timed_entry *timed_after(const struct timed *, struct due);

static inline const struct timed_entry *
timed_next(const struct timed_entry *e)
{
	return e->next[0];
}

void timed_fini(struct timed *);

#endif
