/* lane_inner.h - what the files of lane share, and nobody else needs. */
#ifndef BROKER_LANE_INNER_H
#define BROKER_LANE_INNER_H

#include "broker/lane.h"

/* What the open batch does to the lane. */
static inline struct lane_change *
lane_changing(struct lane *l, struct journal *j)
{
	if (l->change == NULL)
		l->change = batch_lane(j->open, l->id, l);
	return l->change;
}

/* Whether the open batch holds the put of this position. */
static inline bool
lane_is_pending(const struct lane *l, uint64_t position)
{
	return l->change != NULL && l->change->put_count > 0 &&
	    position >= l->change->first_put;
}

/* Where what is ready and not requeued begins (invariant 2). */
uint64_t lane_ready_first(const struct lane *);

/* A sweep is over, or is given up. */
void lane_sweep_end(struct lane *);

#endif
