/* test_lane.c - what must be true of the entries of a queue, in memory and
 * out. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/lane.h"
#include "tests/unit/unit.h"

enum { MOST = 4000 };

/* A lane beside a plain array of what must be in it. */
struct world {
	struct store *store;
	struct journal journal;
	struct lane lane;
	struct lane_mark mark;
	enum { GONE, READY, TAKEN } model[MOST];
	bool stored[MOST];
	struct entry taken[MOST];
	size_t taken_count;
	uint64_t next;
};

static void
wake(void *arg)
{
}

static struct world *at_work;

static void
before(struct lane_change *c)
{
	lane_hand_over(&at_work->lane, c);
}

static void
after(struct lane_change *c)
{
	lane_committed(&at_work->lane, c, &at_work->mark);
}

static struct world *
world_new(size_t mark)
{
	struct world *w = xcalloc(1, sizeof *w);

	w->store = store_memory_open();
	journal_init(&w->journal, committer_start(w->store, wake, w));
	lane_init(&w->lane, 1, w);
	w->mark = (struct lane_mark){mark, 1024};
	w->next = 1;
	at_work = w;
	return w;
}

static void
turn(struct world *w)
{
	size_t budget = SIZE_MAX;
	struct load *load;

	journal_promise(&w->journal, w->journal.seq);
	journal_turn(&w->journal, 0, before);
	journal_reap(&w->journal, &budget, after);
	lane_load(&w->lane, w->journal.committer, &w->mark);
	while ((load = committer_loaded(w->journal.committer)) != NULL)
		lane_loaded(&w->lane, load);
}

static void
world_free(struct world *w)
{
	while (w->taken_count > 0)
		message_unref(w->taken[--w->taken_count].message);
	turn(w);
	lane_fini(&w->lane);
	committer_stop(w->journal.committer);
	journal_fini(&w->journal);
	w->store->ops->close(w->store);
	free(w);
}

static void
push(struct world *w, bool stored)
{
	uint64_t body = w->next;
	struct message *m =
	    message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), sizeof body);

	memcpy((void *)message_body(m).p, &body, sizeof body);
	m->persistent = stored;
	lane_push(&w->lane, &w->journal, m, 0, stored);
	message_unref(m);
	w->model[w->next] = READY;
	w->stored[w->next++] = stored;
}

static uint64_t
number_of(const struct entry *e)
{
	uint64_t n;

	memcpy(&n, message_body(e->message).p, sizeof n);
	return n;
}

static uint64_t
first_ready(const struct world *w)
{
	for (uint64_t i = 1; i < w->next; i++)
		if (w->model[i] == READY)
			return i;
	return 0;
}

/* Takes the next one; it must be the lowest that is ready. */
static bool
take(struct world *w)
{
	uint64_t expected = first_ready(w);
	struct entry *e;

	for (int i = 0; i < 3 && lane_peek(&w->lane) == NULL && expected; i++)
		turn(w);
	if (expected == 0) {
		CU_ASSERT_PTR_NULL(lane_peek(&w->lane));
		return false;
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(lane_peek(&w->lane));
	e = &w->taken[w->taken_count++];
	*e = lane_pop(&w->lane);
	CU_ASSERT_EQUAL(number_of(e), expected);
	w->model[expected] = TAKEN;
	return true;
}

static struct entry
give_back(struct world *w)
{
	size_t i = (size_t)random() % w->taken_count;
	struct entry e = w->taken[i];

	w->taken[i] = w->taken[--w->taken_count];
	return e;
}

static void
settle(struct world *w)
{
	struct entry e = give_back(w);

	w->model[number_of(&e)] = GONE;
	lane_settle(&w->lane, &w->journal, &e);
	message_unref(e.message);
}

static void
requeue(struct world *w)
{
	struct entry e = give_back(w);

	w->model[number_of(&e)] = READY;
	lane_requeue(&w->lane, e);
}

static void
purge(struct world *w)
{
	struct lane_rest rest;
	size_t budget = SIZE_MAX;

	lane_purge(&w->lane, &w->journal, &rest);
	CU_ASSERT_TRUE(lane_rest_free(&rest, &w->journal, &budget));
	for (uint64_t i = 1; i < w->next; i++)
		if (w->model[i] == READY)
			w->model[i] = GONE;
}

static void
check_counts(const struct world *w)
{
	size_t ready = 0, stored = 0;

	for (uint64_t i = 1; i < w->next; i++) {
		ready += w->model[i] == READY;
		stored += w->model[i] != GONE && w->stored[i];
	}
	CU_ASSERT_EQUAL(w->lane.ready, ready);
	CU_ASSERT_EQUAL(w->lane.ready_bytes, ready * 8);
	CU_ASSERT_EQUAL(w->lane.stored_count, stored);
	CU_ASSERT_EQUAL(w->lane.stored_bytes, stored * 8);
}

static void
note_lane(void *arg, const struct lane_state *state)
{
	*(struct lane_state *)arg = *state;
}

static void
note_definition(void *arg, const struct definition *d)
{
}

/* What a restart would find: every stored one that is not gone, in order. */
static void
check_restart(struct world *w)
{
	struct lane_state state = {0};
	struct store_visitor visitor = {&state, note_definition, note_lane};
	uint64_t last_lane, n = 0;
	struct entry e;

	turn(w);
	w->store->ops->restore(w->store, &visitor, &last_lane);
	while (w->taken_count > 0)
		message_unref(w->taken[--w->taken_count].message);
	lane_fini(&w->lane);
	lane_init(&w->lane, 1, w);
	lane_restore(&w->lane, &state);
	for (uint64_t i = 1; i < w->next; i++) {
		if (w->model[i] == GONE || !w->stored[i])
			continue;
		n++;
		for (int t = 0; t < 3 && lane_peek(&w->lane) == NULL; t++)
			turn(w);
		CU_ASSERT_PTR_NOT_NULL_FATAL(lane_peek(&w->lane));
		e = lane_pop(&w->lane);
		CU_ASSERT_EQUAL(number_of(&e), i);
		lane_settle(&w->lane, &w->journal, &e);
		message_unref(e.message);
	}
	CU_ASSERT_EQUAL(state.count, n);
	CU_ASSERT_EQUAL(w->lane.ready, 0);
	CU_ASSERT_EQUAL(w->lane.stored_count, 0);
}

static void
play(unsigned seed, size_t mark, int transient_in)
{
	struct world *w = world_new(mark);

	srandom(seed);
	while (w->next < MOST - 1) {
		switch (random() % 12) {
		case 0:
		case 1:
		case 2:
		case 3:
			push(w, random() % transient_in != 0);
			break;
		case 4:
		case 5:
		case 6:
			take(w);
			break;
		case 7:
		case 8:
			if (w->taken_count > 0)
				settle(w);
			break;
		case 9:
			if (w->taken_count > 0)
				requeue(w);
			break;
		case 10:
			turn(w);
			break;
		case 11:
			if (random() % 60 == 0)
				purge(w);
			break;
		}
		if (w->next % 64 == 0)
			check_counts(w);
	}
	check_counts(w);
	check_restart(w);
	world_free(w);
}

static void
order_and_counts_hold_when_most_is_out(void)
{
	for (unsigned seed = 1; seed < 6; seed++)
		play(seed, 4, INT32_MAX);
}

static void
order_and_counts_hold_with_transient_ones_between(void)
{
	for (unsigned seed = 1; seed < 6; seed++)
		play(seed, 4, 3);
}

static void
order_and_counts_hold_in_memory(void)
{
	for (unsigned seed = 1; seed < 4; seed++)
		play(seed, 1000000, 2);
}

static void
a_lane_over_its_mark_keeps_only_its_head_in_memory(void)
{
	struct world *w = world_new(4);

	for (int i = 0; i < 1000; i++) {
		push(w, true);
		turn(w);
	}
	CU_ASSERT_TRUE(w->lane.head.count + w->lane.incoming.count < 40);
	CU_ASSERT_EQUAL(w->lane.ready, 1000);
	while (take(w))
		;
	CU_ASSERT_EQUAL(w->taken_count, 1000);
	world_free(w);
}

static void
what_is_settled_before_its_commit_is_never_written(void)
{
	struct world *w = world_new(1000);

	for (int i = 0; i < 100; i++) {
		push(w, true);
		take(w);
		settle(w);
	}
	CU_ASSERT_EQUAL(w->journal.open->changes, 0);
	CU_ASSERT_EQUAL(w->journal.open->bytes, 0);
	world_free(w);
}

static void
what_comes_back_is_redelivered_at_its_old_place(void)
{
	struct world *w = world_new(1000);

	push(w, true);
	push(w, true);
	take(w);
	requeue(w);
	CU_ASSERT_TRUE(lane_peek(&w->lane)->flags & ENTRY_REDELIVERED);
	take(w);
	CU_ASSERT_FALSE(lane_peek(&w->lane)->flags & ENTRY_REDELIVERED);
	world_free(w);
}

static const struct unit_test tests[] = {
    {"order and counts hold when most is out",
	order_and_counts_hold_when_most_is_out},
    {"order and counts hold with transient ones between",
	order_and_counts_hold_with_transient_ones_between},
    {"order and counts hold in memory", order_and_counts_hold_in_memory},
    {"a lane over its mark keeps only its head in memory",
	a_lane_over_its_mark_keeps_only_its_head_in_memory},
    {"what is settled before its commit is never written",
	what_is_settled_before_its_commit_is_never_written},
    {"what comes back is redelivered at its old place",
	what_comes_back_is_redelivered_at_its_old_place},
};

UNIT_MAIN("lane", tests)
