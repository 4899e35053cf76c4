/* names.c - a hash table from AMQP names to things. */
#include "amqp/names.h"

#include <stdlib.h>

#include "amqp/xalloc.h"

enum { SIZE_MIN = 8 };

void
names_init(struct names *names)
{
	*names = (struct names){NULL, 0, 0};
}

void
names_fini(struct names *names)
{
	free(names->slots);
	names_init(names);
}

static inline size_t
home(const struct names *names, uint64_t hash)
{
	return hash & (names->size - 1);
}

static inline size_t
after(const struct names *names, size_t i)
{
	return (i + 1) & (names->size - 1);
}

/* The slot of that key, or the free one where it would go. Ends because there
 * is always a free slot. */
static inline struct names_slot *
seek(const struct names *names, uint64_t hash, struct bytes key)
{
	size_t i = home(names, hash);
	for (;; i = after(names, i)) {
		struct names_slot *slot = &names->slots[i];
		if (slot->thing == NULL)
			return slot;
		if (slot->hash == hash && bytes_eq(slot->key, key))
			return slot;
	}
}

static void
resize(struct names *names, size_t size)
{
	struct names old = *names;
	names->slots = xcalloc(size, sizeof *names->slots);
	names->size = size;
	for (size_t i = 0; i < old.size; i++) {
		struct names_slot *slot = &old.slots[i];
		if (slot->thing != NULL)
			*seek(names, slot->hash, slot->key) = *slot;
	}
	free(old.slots);
}

void *
names_get(const struct names *names, struct bytes key)
{
	if (names->count == 0)
		return NULL;
	return seek(names, bytes_hash(key), key)->thing;
}

void
names_put(struct names *names, struct bytes key, void *thing)
{
	if (names->count + 1 > names->size / 4 * 3)
		resize(names, names->size != 0 ? names->size * 2 : SIZE_MIN);
	uint64_t hash = bytes_hash(key);
	struct names_slot *slot = seek(names, hash, key);
	if (slot->thing == NULL)
		names->count++;
	*slot = (struct names_slot){hash, key, thing};
}

/* Frees slot i and moves back each later member of its run that may stand
 * there: one whose home does not lie between i and itself. */
static void
close_gap(struct names *names, size_t i)
{
	for (size_t j = after(names, i); names->slots[j].thing != NULL;
	     j = after(names, j)) {
		size_t from_home = j - home(names, names->slots[j].hash);
		size_t from_gap = j - i;
		if ((from_home & (names->size - 1)) <
		    (from_gap & (names->size - 1)))
			continue;
		names->slots[i] = names->slots[j];
		i = j;
	}
	names->slots[i] = (struct names_slot){0};
}

void *
names_take(struct names *names, struct bytes key)
{
	if (names->count == 0)
		return NULL;
	struct names_slot *slot = seek(names, bytes_hash(key), key);
	void *thing = slot->thing;
	if (thing == NULL)
		return NULL;
	close_gap(names, (size_t)(slot - names->slots));
	names->count--;
	if (names->size > SIZE_MIN && names->count < names->size / 8)
		resize(names, names->size / 2);
	return thing;
}

void *
names_each(const struct names *names, size_t *at)
{
	while (*at < names->size) {
		void *thing = names->slots[(*at)++].thing;
		if (thing != NULL)
			return thing;
	}
	return NULL;
}
