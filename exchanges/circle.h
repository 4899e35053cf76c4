/* circle.h - bindings at places on a circle of 2^64, the same whatever the order
 * they came in. */
#ifndef EXCHANGES_CIRCLE_H
#define EXCHANGES_CIRCLE_H

#include <stddef.h>

#include "exchanges/binding.h"

/* Has one or more spots. */
struct holder {
	struct binding *binding; /* NULL: it has gone */
	size_t spots;
};

struct spot {
	uint64_t place;
	struct holder *holder;
};

/* Sorted by place, those that came last apart until somebody looks; those that
 * have gone keep their spots until they are half of all. So that adding and
 * removing many costs little for each, and nothing is sorted twice.
 * Zero-initialised is empty. */
struct circle {
	struct spot *spots;
	size_t count, room;
	size_t sorted; /* so many of them, from the front */
	size_t gone;
};

/* All bindings must have gone. */
void circle_fini(struct circle *);

/* One spot more; the binding's type_data is the circle's. */
void circle_add(struct circle *, uint64_t place, struct binding *);

/* All its spots are gone. */
void circle_remove(struct circle *, struct binding *);

/* The first spot at or behind the place whose binding is there; at the end of
 * the circle comes its beginning. There must be one. */
const struct spot *circle_at(struct circle *, uint64_t place);

/* The binding of the nth spot, counted from the beginning. */
struct binding *circle_nth(struct circle *, size_t n);

#endif
