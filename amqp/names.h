/* names.h - a hash table from AMQP names to things. */
#ifndef AMQP_NAMES_H
#define AMQP_NAMES_H

#include "amqp/bytes.h"

struct names_slot {
	uint64_t hash;
	struct bytes key; /* borrowed from the thing */
	void *thing;	  /* NULL: the slot is free */
};

/* Open addressing with linear probing, at most three quarters full, no
 * tombstones (a take moves later members of the run back). */
struct names {
	struct names_slot *slots;
	size_t count;
	size_t size; /* a power of two, or 0 before the first put */
};

void names_init(struct names *);
void names_fini(struct names *); /* the things are the caller's to free */

/* The thing of that name, or NULL. */
void *names_get(const struct names *, struct bytes key);

/* Adds thing, or replaces the one of that name. The key must live as long as
 * the thing is in the table: it usually lies inside the thing. */
void names_put(struct names *, struct bytes key, void *thing);

/* Removes and returns the thing of that name, or NULL. */
void *names_take(struct names *, struct bytes key);

/* Walks in no particular order: start with *at = 0, ends with NULL. Putting or
 * taking in between may skip or repeat things. */
void *names_each(const struct names *, size_t *at);

#endif
