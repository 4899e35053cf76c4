/* lane_view.c - looks into a lane, and takes nothing. */
#include "broker/lane.h"

const struct entry *
lane_nth(const struct lane *l, size_t n, size_t *skip)
{
	if (n < l->requeued.count)
		return heap_nth(&l->requeued, n);
	n -= l->requeued.count;
	if (n < l->head.count)
		return ring_nth(&l->head, n);
	n -= l->head.count;
	*skip = n;
	if (n < l->out_count)
		return NULL;
	return ring_nth(&l->incoming, n - l->out_count);
}
