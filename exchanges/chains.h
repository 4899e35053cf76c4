/* chains.h - a hash table of things that carry their own links. */
#ifndef EXCHANGES_CHAINS_H
#define EXCHANGES_CHAINS_H

#include <stddef.h>
#include <stdint.h>

/* Lies inside the thing. */
struct chain_link {
	struct chain_link *next; /* in the same bucket */
	uint64_t hash;
};

/* Linear hashing: it grows and shrinks by a bucket at a time, so that no single
 * addition takes long, however many things there are. Zero-initialised is empty
 * and ready. */
struct chains {
	struct chain_link **buckets;
	size_t count; /* things */
	size_t size;  /* buckets in use: as many as things, or more */
	size_t room;  /* buckets there is memory for; a power of two */
};

/* Frees the buckets; the things are the caller's. */
void chains_fini(struct chains *);

void chains_add(struct chains *, struct chain_link *, uint64_t hash);
void chains_remove(struct chains *, struct chain_link *);

/* The things of that hash: the first, and the one behind; NULL at the end. */
struct chain_link *chains_find(const struct chains *, uint64_t hash);
struct chain_link *chain_next(const struct chain_link *);

/* The thing around a link, which may be NULL. */
#define CHAIN_THING(link, type, member)                                        \
	((link) == NULL ? NULL                                                 \
			: (type *)((char *)(link)-offsetof(type, member)))

#endif
