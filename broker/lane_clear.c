/* lane_clear.c - all that is ready in a lane goes at once, or the lane itself. */
#include "broker/lane_inner.h"

#include <string.h>

static void
take_all(struct lane *l, struct lane_rest *rest)
{
	deadlines_fini(&l->deadlines);
	lane_sweep_end(l);
	gone_fini(&l->gone);
	l->out_deadline = 0;
	*rest =
	    (struct lane_rest){l, l->head, l->incoming, l->requeued, false};
	memset(&l->head, 0, sizeof l->head);
	memset(&l->incoming, 0, sizeof l->incoming);
	memset(&l->requeued, 0, sizeof l->requeued);
	l->memory = 0;
	l->ready = 0;
	l->ready_bytes = 0;
	l->out_count = 0;
	l->out_bytes = 0;
	l->waiting_count = 0;
	l->waiting_bytes = 0;
	l->loading = NULL;
	l->recounting = NULL;
	l->recount_from = 0;
	l->epoch++;
	l->split = false;
}

static void
erase_pending(struct lane *l, uint64_t first, uint64_t last)
{
	struct lane_change *c = l->change;

	if (first < c->first_put)
		first = c->first_put;
	for (; first <= last && first < c->first_put + c->put_count; first++)
		lane_erase(c, first);
}

/* All of a range, on disk or in the open batch. */
static void
remove_range(struct lane *l, struct journal *j, uint64_t first, uint64_t last)
{
	if (first > last)
		return;
	if (lane_is_pending(l, last)) {
		erase_pending(l, first, last);
		last = l->change->first_put - 1;
	}
	if (first <= last)
		lane_remove(lane_changing(l, j), first, last);
}

static void
remove_ready(struct lane *l, struct journal *j)
{
	uint64_t first = lane_ready_first(l);

	gone_sort(&l->gone);
	for (size_t i = 0; i < l->gone.count; i++) {
		uint64_t at = l->gone.all[i].position;

		if (at < first)
			continue;
		remove_range(l, j, first, at - 1);
		first = at + 1;
	}
	remove_range(l, j, first, l->next_position - 1);
}

void
lane_purge(struct lane *l, struct journal *j, struct lane_rest *rest)
{
	l->stored_count -= l->waiting_count;
	l->stored_bytes -= l->waiting_bytes;
	if (l->id != 0)
		remove_ready(l, j);
	take_all(l, rest);
	rest->purged = l->id != 0;
}

void
lane_delete(struct lane *l, struct journal *j, struct lane_rest *rest)
{
	if (l->id != 0)
		lane_drop(lane_changing(l, j));
	l->stored_count = l->stored_bytes = 0;
	take_all(l, rest);
}

bool
lane_rest_free(struct lane_rest *rest, struct journal *j, size_t *budget)
{
	while (rest->requeued.count > 0) {
		struct entry e;

		if (*budget == 0)
			return false;
		e = heap_pop(&rest->requeued, NULL);
		if (rest->purged && j != NULL)
			lane_settle(rest->lane, j, &e);
		message_unref(e.message);
		--*budget;
	}
	return ring_clear(&rest->head, budget) &&
	    ring_clear(&rest->incoming, budget);
}
