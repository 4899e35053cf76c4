/* gone.h - positions among those that are ready whose entries have expired, until
 * their removal is committed: a load may bring them, and a purge must not take
 * what is on its way to a dead letter exchange. */
#ifndef BROKER_GONE_H
#define BROKER_GONE_H

#include "persistence/change.h"

struct gone_position {
	uint64_t position;
	bool swept;	/* its entry, being settled, was brought by a sweep */
	bool committed; /* but a load that began before is on its way */
};

/* Zero-initialised is empty. */
struct gone {
	struct gone_position *all;
	size_t count, room;
	bool sorted;
};

void gone_add(struct gone *, uint64_t position, bool swept);

/* NULL if it is not among them. */
struct gone_position *gone_find(struct gone *, uint64_t position);

/* Puts them in order, from all[0] on. */
void gone_sort(struct gone *);

/* The change is committed: what it removes, or of what it would have put, from
 * position first on, was erased, is gone for good. */
void gone_committed(struct gone *, struct lane_change *, uint64_t first);

/* No load is on its way: what is committed need not be known. */
void gone_settle(struct gone *);
void gone_fini(struct gone *);

#endif
