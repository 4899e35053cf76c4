/* agenda.h - messages in memory that wait for their time, the earliest first. */
#ifndef BROKER_AGENDA_H
#define BROKER_AGENDA_H

#include "persistence/change.h"

struct agenda_item {
	struct due due;
	struct message *message; /* a reference */
};

/* Zero-initialised is empty. */
struct agenda {
	struct agenda_item *items; /* a heap */
	size_t count, room;
	size_t bytes; /* of the messages' memory */
};

/* Adds a message; takes its reference. */
void agenda_add(struct agenda *, struct due, struct message *);

/* The earliest; there must be one. */
static inline const struct agenda_item *
agenda_first(const struct agenda *a)
{
	return a->items;
}

/* Takes it out; its reference is the caller's. */
struct agenda_item agenda_take(struct agenda *);

/* Drops what stands behind the edge. */
void agenda_cut(struct agenda *, struct due edge);

/* Drops the later half, at least one and more while the rest is larger than
 * bytes, but not the first; returns the edge: where the last one left stands. There
 * must be two. */
struct due agenda_halve(struct agenda *, size_t bytes);

/* Drops up to *budget of them; true when it is empty. */
bool agenda_clear(struct agenda *, size_t *budget);

#endif
