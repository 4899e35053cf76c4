/* lane.c - the entries of a queue in order of position, some of them in
 * memory. */
#include "broker/lane.h"

#include <assert.h>

#include "amqp/xalloc.h"

enum { LOAD_BYTES = 1024 * 1024 }; /* at most this much at once */

void
lane_init(struct lane *l, uint64_t id, void *owner)
{
	*l = (struct lane){.id = id, .next_position = 1, .owner = owner};
	l->committed_to = 1;
}

void
lane_fini(struct lane *l)
{
	size_t budget = SIZE_MAX;

	ring_clear(&l->head, &budget);
	ring_clear(&l->incoming, &budget);
	while (l->requeued.count > 0)
		message_unref(heap_pop(&l->requeued).message);
}

void
lane_restore(struct lane *l, const struct lane_state *s)
{
	l->next_position = l->committed_to = s->next_position;
	l->delivered_to = s->delivered_to;
	l->stored_count = l->out_count = l->ready = s->count;
	l->stored_bytes = l->out_bytes = l->ready_bytes = s->bytes;
	l->waiting_count = s->count;
	l->waiting_bytes = s->bytes;
	l->out_first = 0;
	l->out_last = s->next_position - 1;
	l->split = s->count > 0;
}

/* --- what the store is told ------------------------------------------------ */

static struct lane_change *
change(struct lane *l, struct journal *j)
{
	if (l->change == NULL)
		l->change = batch_lane(j->open, l->id, l);
	return l->change;
}

/* Whether the open batch holds the put of this position. */
static bool
is_pending(const struct lane *l, uint64_t position)
{
	return l->change != NULL && l->change->put_count > 0 &&
	    position >= l->change->first_put;
}

static void
forget(struct lane *l, struct journal *j, uint64_t position, uint64_t bytes)
{
	l->stored_count--;
	l->stored_bytes -= bytes;
	if (!is_pending(l, position) || !lane_erase(l->change, position))
		lane_remove(change(l, j), position, position);
}

void
lane_settle(struct lane *l, struct journal *j, const struct entry *e)
{
	if (e->flags & ENTRY_STORED)
		forget(l, j, e->position, e->message->body_size);
}

void
lane_hand_over(struct lane *l, struct lane_change *c)
{
	c->count = l->stored_count;
	c->bytes = l->stored_bytes;
	c->next_position = l->next_position;
	c->delivered_to = l->delivered_to;
	l->change = NULL;
}

/* --- in and out of memory -------------------------------------------------- */

/* The lane is over its mark: from now on what comes waits to move out. */
static bool
should_split(const struct lane *l, const struct lane_mark *mark)
{
	return l->head.count >= mark->entries || l->memory >= mark->bytes;
}

/* Nothing is out any more: the incoming follows the head. */
static void
unsplit(struct lane *l)
{
	if (!l->split || l->out_count > 0 || l->loading != NULL)
		return;
	ring_join(&l->head, &l->incoming);
	l->split = false;
}

void
lane_push(struct lane *l, struct journal *j, struct message *m,
    int64_t deadline, bool stored)
{
	struct entry *e = ring_push(l->split ? &l->incoming : &l->head);

	*e = (struct entry){message_ref(m), l->next_position++, deadline,
	    stored ? ENTRY_STORED : 0};
	l->memory += message_size(m);
	l->ready++;
	l->ready_bytes += m->body_size;
	if (!stored)
		return;
	lane_put(change(l, j), e->position, m, deadline);
	l->stored_count++;
	l->stored_bytes += m->body_size;
	l->waiting_count++;
	l->waiting_bytes += m->body_size;
}

static void
move_out(struct lane *l, const struct entry *e)
{
	if (l->out_count == 0)
		l->out_first = e->position;
	l->out_last = e->position;
	l->out_count++;
	l->out_bytes += e->message->body_size;
	l->memory -= message_size(e->message);
	message_unref(e->message);
}

/* Committed entries at the front of the incoming leave memory. A transient one
 * stays, and keeps those behind it: order is worth more than room. */
static void
move_incoming_out(struct lane *l)
{
	while (l->incoming.count > 0) {
		struct entry *e = ring_front(&l->incoming);

		if (!(e->flags & ENTRY_STORED) ||
		    e->position >= l->committed_to)
			return;
		move_out(l, e);
		ring_pop(&l->incoming);
	}
}

void
lane_committed(struct lane *l, const struct lane_change *c,
    const struct lane_mark *mark)
{
	if (c->next_position > l->committed_to)
		l->committed_to = c->next_position;
	if (should_split(l, mark))
		l->split = true;
	if (l->split)
		move_incoming_out(l);
}

static bool
head_suffices(const struct lane *l, const struct lane_mark *mark)
{
	return l->head.count > mark->entries / 4 || l->memory > mark->bytes / 2;
}

bool
lane_load(
    struct lane *l, struct committer *committer, const struct lane_mark *mark)
{
	struct load *load;

	if (l->out_count == 0 || l->loading != NULL ||
	    (l->head.count > 0 && head_suffices(l, mark)))
		return false;
	load = xcalloc(1, sizeof *load);
	load->lane = l->id;
	load->first = l->out_first;
	load->last = l->out_last;
	load->max_bytes =
	    mark->bytes / 4 < LOAD_BYTES ? mark->bytes / 4 : LOAD_BYTES;
	load->epoch = l->epoch;
	load->owner = l;
	l->loading = load;
	committer_load(committer, load);
	return true;
}

static void
take_loaded(struct lane *l, struct loaded *loaded)
{
	struct entry *e = ring_push(&l->head);

	*e = (struct entry){loaded->message, loaded->position, loaded->deadline,
	    ENTRY_STORED};
	if (e->position < l->delivered_to)
		e->flags |= ENTRY_REDELIVERED;
	loaded->message = NULL;
	l->memory += message_size(e->message);
	l->out_count--;
	l->out_bytes -= e->message->body_size;
}

/* The store's count and its entries disagree: believe the entries. */
static void
out_is_empty(struct lane *l)
{
	l->ready -= l->out_count;
	l->ready_bytes -= l->out_bytes;
	l->stored_count -= l->out_count;
	l->stored_bytes -= l->out_bytes;
	l->waiting_count -= l->out_count;
	l->waiting_bytes -= l->out_bytes;
	l->out_count = 0;
	l->out_bytes = 0;
}

void
lane_loaded(struct lane *l, struct load *load)
{
	if (load == l->loading)
		l->loading = NULL;
	if (load->epoch == l->epoch && load->status == STORE_OK) {
		for (size_t i = 0; i < load->count && l->out_count > 0; i++)
			take_loaded(l, &load->entries[i]);
		l->out_first = load->next;
		if (load->next > l->out_last)
			out_is_empty(l);
	}
	load_free(load);
	unsplit(l);
}

/* --- taking and putting back ------------------------------------------------ */

static bool
requeued_first(const struct lane *l)
{
	return l->requeued.count > 0 && (l->head.count == 0 ||
	    heap_front(&l->requeued)->position < ring_front(&l->head)->position);
}

const struct entry *
lane_peek(const struct lane *l)
{
	if (requeued_first(l))
		return heap_front(&l->requeued);
	return l->head.count > 0 ? ring_front(&l->head) : NULL;
}

static void
left_head(struct lane *l, const struct entry *e)
{
	l->memory -= message_size(e->message);
	if (e->flags & ENTRY_STORED) {
		l->waiting_count--;
		l->waiting_bytes -= e->message->body_size;
	}
}

struct entry
lane_pop(struct lane *l)
{
	struct entry e;

	if (requeued_first(l)) {
		e = heap_pop(&l->requeued);
	} else {
		e = ring_pop(&l->head);
		left_head(l, &e);
		if (l->head.count == 0)
			unsplit(l);
	}
	l->ready--;
	l->ready_bytes -= e.message->body_size;
	if (e.position >= l->delivered_to)
		l->delivered_to = e.position + 1;
	return e;
}

void
lane_requeue(struct lane *l, struct entry e)
{
	l->ready++;
	l->ready_bytes += e.message->body_size;
	e.flags |= ENTRY_REDELIVERED;
	heap_push(&l->requeued, e);
}

/* --- purge and delete -------------------------------------------------------- */

static void
take_all(struct lane *l, struct lane_rest *rest)
{
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
	l->epoch++;
	l->split = false;
}

/* Where what is ready and not requeued begins (invariant 2). */
static uint64_t
ready_first(const struct lane *l)
{
	if (l->head.count > 0)
		return ring_front(&l->head)->position;
	if (l->out_count > 0)
		return l->out_first;
	if (l->incoming.count > 0)
		return ring_front(&l->incoming)->position;
	return l->next_position;
}

static void
erase_pending(struct lane *l, uint64_t first)
{
	struct lane_change *c = l->change;

	if (c == NULL || c->put_count == 0)
		return;
	if (first < c->first_put)
		first = c->first_put;
	for (; first < c->first_put + c->put_count; first++)
		lane_erase(c, first);
}

void
lane_purge(struct lane *l, struct journal *j, struct lane_rest *rest)
{
	uint64_t first = ready_first(l), last = l->next_position - 1;

	l->stored_count -= l->waiting_count;
	l->stored_bytes -= l->waiting_bytes;
	if (l->id != 0 && first <= last) {
		erase_pending(l, first);
		if (is_pending(l, last))
			last = l->change->first_put - 1;
		if (first <= last)
			lane_remove(change(l, j), first, last);
	}
	take_all(l, rest);
	rest->purged = l->id != 0;
}

void
lane_delete(struct lane *l, struct journal *j, struct lane_rest *rest)
{
	if (l->id != 0)
		lane_drop(change(l, j));
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
		e = heap_pop(&rest->requeued);
		if (rest->purged && j != NULL)
			lane_settle(rest->lane, j, &e);
		message_unref(e.message);
		--*budget;
	}
	return ring_clear(&rest->head, budget) &&
	    ring_clear(&rest->incoming, budget);
}
