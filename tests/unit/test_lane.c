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
	enum { GONE, READY, TAKEN, EXPIRED } model[MOST];
	bool stored[MOST];
	int64_t deadlines[MOST];
	struct entry taken[MOST], expired[MOST];
	size_t taken_count, expired_count;
	uint64_t next;
	int64_t now;
	int64_t longest; /* life of an entry; 0: for ever */
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

static uint64_t
number_of(const struct entry *e)
{
	uint64_t n;

	memcpy(&n, message_body(e->message).p, sizeof n);
	return n;
}

/* It left the lane because its time has come. */
static void
note_expired(struct world *w, const struct entry *e)
{
	uint64_t n = number_of(e);

	CU_ASSERT_EQUAL(w->model[n], READY);
	CU_ASSERT_EQUAL(e->deadline, w->deadlines[n]);
	CU_ASSERT_TRUE(e->deadline != 0 && e->deadline < w->now);
	w->model[n] = EXPIRED;
	w->expired[w->expired_count++] = *e;
}

/* What came is as it was when it was asked for. */
static void
take_loads(struct world *w)
{
	struct load *load;
	struct entry e;

	while ((load = committer_loaded(w->journal.committer)) != NULL) {
		if (load->due == 0) {
			lane_loaded(&w->lane, load);
			continue;
		}
		lane_sweep_loaded(&w->lane, load);
		while (lane_swept(&w->lane, &w->journal, &e))
			note_expired(w, &e);
	}
}

static void
commit(struct world *w)
{
	size_t budget = SIZE_MAX;

	journal_promise(&w->journal, w->journal.seq);
	journal_turn(&w->journal, 0, before);
	journal_reap(&w->journal, &budget, after);
}

static void
ask_for_loads(struct world *w)
{
	lane_load(&w->lane, w->journal.committer, &w->mark);
	lane_sweep(&w->lane, w->journal.committer, &w->mark, w->now);
}

static void
turn(struct world *w)
{
	commit(w);
	ask_for_loads(w);
	take_loads(w);
}

static void
world_free(struct world *w)
{
	while (w->taken_count > 0)
		message_unref(w->taken[--w->taken_count].message);
	while (w->expired_count > 0)
		message_unref(w->expired[--w->expired_count].message);
	turn(w);
	while (w->expired_count > 0)
		message_unref(w->expired[--w->expired_count].message);
	lane_fini(&w->lane);
	committer_stop(w->journal.committer);
	journal_fini(&w->journal);
	w->store->ops->close(w->store);
	free(w);
}

static int64_t
draw_deadline(const struct world *w)
{
	if (w->longest == 0 || random() % 4 == 0)
		return 0;
	return w->now + random() % w->longest;
}

static void
push(struct world *w, bool stored)
{
	uint64_t body = w->next;
	int64_t deadline = draw_deadline(w);
	struct message *m =
	    message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), sizeof body);

	memcpy((void *)message_body(m).p, &body, sizeof body);
	m->persistent = stored;
	lane_push(&w->lane, &w->journal, m, deadline, stored);
	message_unref(m);
	w->deadlines[w->next] = deadline;
	w->model[w->next] = READY;
	w->stored[w->next++] = stored;
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
	uint64_t expected;
	struct entry *e;

	for (int i = 0; i < 3 && lane_peek(&w->lane) == NULL; i++)
		turn(w);
	expected = first_ready(w);
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

/* Time passes, and what is in memory goes. */
static void
expire(struct world *w)
{
	struct entry e;

	w->now += random() % 40;
	while (lane_expire(&w->lane, w->now, &e))
		note_expired(w, &e);
}

static void
settle_expired(struct world *w)
{
	struct entry e = w->expired[--w->expired_count];

	w->model[number_of(&e)] = GONE;
	lane_settle(&w->lane, &w->journal, &e);
	lane_expired(&w->lane, &w->journal, e.position);
	message_unref(e.message);
}

/* Nothing that is due stays, wherever it is. */
static void
check_expiry(struct world *w)
{
	int64_t next;

	for (int i = 0; i < 400; i++) {
		next = lane_next_deadline(&w->lane);
		if (next != 0 && next >= w->now && !w->lane.sweep.under_way)
			break;
		expire(w);
		while (w->expired_count > 0)
			settle_expired(w);
		turn(w);
	}
	while (w->expired_count > 0)
		settle_expired(w);
	for (uint64_t i = 1; i < w->next; i++)
		if (w->model[i] == READY && w->deadlines[i] != 0)
			CU_ASSERT_TRUE(w->deadlines[i] >= w->now);
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

/* Looked at from outside, what is ready stands in order, and what is not in memory
 * is out. */
static void
check_nth(const struct world *w)
{
	const struct lane *l = &w->lane;
	size_t n = 0, out = 0, skip;

	for (uint64_t i = 1; i < w->next; i++) {
		const struct entry *e;

		if (w->model[i] != READY)
			continue;
		e = lane_nth(l, n++, &skip);
		if (e != NULL) {
			CU_ASSERT_EQUAL(number_of(e), i);
		} else {
			CU_ASSERT_EQUAL(skip, out++);
		}
	}
	CU_ASSERT_EQUAL(out, l->out_count);
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
	while (w->expired_count > 0)
		message_unref(w->expired[--w->expired_count].message);
	lane_fini(&w->lane);
	lane_init(&w->lane, 1, w);
	w->now = 0;
	lane_restore(&w->lane, &state);
	for (uint64_t i = 1; i < w->next; i++) {
		if (w->model[i] == GONE || !w->stored[i])
			continue;
		if (w->deadlines[i] != 0)
			CU_ASSERT_TRUE(state.next_deadline != 0 &&
			    state.next_deadline <= w->deadlines[i]);
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

/* After a restart everything with a deadline goes, touched or not, and the
 * others are there in order. */
static void
check_expiry_after_restart(struct world *w)
{
	struct lane_state state = {0};
	struct store_visitor visitor = {&state, note_definition, note_lane};
	uint64_t last_lane;

	turn(w);
	w->store->ops->restore(w->store, &visitor, &last_lane);
	while (w->taken_count > 0)
		message_unref(w->taken[--w->taken_count].message);
	while (w->expired_count > 0)
		message_unref(w->expired[--w->expired_count].message);
	lane_fini(&w->lane);
	lane_init(&w->lane, 1, w);
	lane_restore(&w->lane, &state);
	for (uint64_t i = 1; i < w->next; i++)
		if (w->model[i] != GONE)
			w->model[i] = w->stored[i] ? READY : GONE;
	w->now += w->longest + 1;
	check_expiry(w);
	CU_ASSERT_EQUAL(lane_next_deadline(&w->lane), 0);
	while (take(w))
		;
	CU_ASSERT_EQUAL(w->lane.stored_count, w->taken_count);
}

static void
play(unsigned seed, size_t mark, int transient_in, int64_t longest)
{
	struct world *w = world_new(mark);

	srandom(seed);
	w->longest = longest;
	w->now = 1000;
	while (w->next < MOST - 1) {
		switch (random() % 15) {
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
		case 12:
			if (random() % 2 == 0)
				commit(w);
			else
				ask_for_loads(w);
			break;
		case 13:
			expire(w);
			break;
		case 14:
			while (w->expired_count > 0 && random() % 8 != 0)
				settle_expired(w);
			break;
		case 11:
			if (random() % 60 == 0)
				purge(w);
			break;
		}
		if (w->next % 64 == 0)
			check_counts(w), check_nth(w);
		if (w->next % 512 == 0)
			check_expiry(w);
	}
	check_counts(w);
	if (longest > 0 && seed % 2 == 0)
		check_expiry_after_restart(w);
	else
		check_restart(w);
	world_free(w);
}

static void
order_and_counts_hold_when_most_is_out(void)
{
	for (unsigned seed = 1; seed < 6; seed++)
		play(seed, 4, INT32_MAX, 0);
}

static void
order_and_counts_hold_with_transient_ones_between(void)
{
	for (unsigned seed = 1; seed < 6; seed++)
		play(seed, 4, 3, 0);
}

static void
order_and_counts_hold_in_memory(void)
{
	for (unsigned seed = 1; seed < 4; seed++)
		play(seed, 1000000, 2, 0);
}

static void
entries_expire_wherever_they_stand(void)
{
	for (unsigned seed = 1; seed < 9; seed++) {
		play(seed, 4, INT32_MAX, 50);
		play(seed, 4, INT32_MAX, 5000);
		play(seed, 40, 3, 500);
		play(seed, 1000000, 2, 2000);
	}
}

static void
push_until(struct world *w, int64_t deadline)
{
	struct message *m =
	    message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), 0);

	lane_push(&w->lane, &w->journal, m, deadline, false);
	message_unref(m);
}

/* The next sweep waits until the store knows what this one took: other changes
 * may be held, this one is not. */
static void
what_a_sweep_took_is_hurried_to_the_store(void)
{
	struct world *w = world_new(4);

	w->longest = 1000;
	for (int i = 0; i < 200; i++) {
		push(w, true);
		commit(w);
	}
	CU_ASSERT_TRUE(w->lane.out_count > 100);
	w->now = 500;
	expire(w); /* in memory: no sweep begins before */
	while (w->expired_count > 0)
		settle_expired(w);
	commit(w);
	ask_for_loads(w);
	CU_ASSERT_TRUE(w->lane.sweep.under_way);
	take_loads(w);
	CU_ASSERT_TRUE(w->expired_count > 0);
	CU_ASSERT_FALSE(w->journal.promised);
	while (w->expired_count > 0)
		settle_expired(w);
	CU_ASSERT_TRUE(w->lane.sweep.under_way);
	CU_ASSERT_TRUE(w->journal.promised);
	journal_turn(&w->journal, 0, before);
	journal_reap(&w->journal, &(size_t){SIZE_MAX}, after);
	CU_ASSERT_FALSE(w->lane.sweep.under_way);
	world_free(w);
}

static void
what_grows_with_position_needs_no_index(void)
{
	struct world *w = world_new(SIZE_MAX);
	struct entry e;

	for (int64_t i = 1; i <= 1000; i++)
		push_until(w, i);
	CU_ASSERT_EQUAL(w->lane.deadlines.count, 0);
	push_until(w, 500);
	CU_ASSERT_EQUAL(w->lane.deadlines.count, 1);
	for (int64_t i = 1; i <= 1001; i++) {
		CU_ASSERT_TRUE(lane_expire(&w->lane, INT64_MAX, &e));
		CU_ASSERT_EQUAL(e.deadline, i <= 500 ? i : i - 1);
		message_unref(e.message);
	}
	CU_ASSERT_EQUAL(w->lane.ready, 0);
	CU_ASSERT_EQUAL(w->lane.deadlines.count, 0);
	world_free(w);
}

/* A few that stay must not keep the room of the many that went. */
static void
holes_give_their_room_back(void)
{
	struct world *w = world_new(SIZE_MAX);
	struct entry e;
	size_t chunks = 0;

	push_until(w, 0);
	for (int i = 0; i < 200; i++) {
		for (int n = 0; n < 512; n++)
			push_until(w, n == i ? 0 : 5);
		while (lane_expire(&w->lane, 6, &e))
			message_unref(e.message);
	}
	CU_ASSERT_EQUAL(w->lane.ready, 201);
	for (struct ring_chunk *c = w->lane.head.first; c != NULL; c = c->next)
		chunks++;
	CU_ASSERT_TRUE(chunks <= 8);
	for (int i = 0; i < 201; i++) {
		e = lane_pop(&w->lane);
		message_unref(e.message);
	}
	CU_ASSERT_EQUAL(w->lane.memory, 0);
	world_free(w);
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

/* Something expires between any two commits. */
static void
a_lane_that_expires_all_the_time_moves_out(void)
{
	struct world *w = world_new(4);
	struct entry e;

	w->longest = 1000000;
	for (int i = 0; i < 1000; i++) {
		push(w, true);
		push(w, true);
		push_until(w, 1);
		CU_ASSERT_TRUE(lane_expire(&w->lane, 2, &e));
		message_unref(e.message);
		commit(w);
	}
	CU_ASSERT_TRUE(w->lane.head.count + w->lane.incoming.count < 40);
	CU_ASSERT_EQUAL(w->lane.ready, 2000);
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

static uint32_t
returns_of_next(struct world *w)
{
	struct entry e;

	for (int i = 0; i < 3 && lane_peek(&w->lane) == NULL; i++)
		turn(w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lane_peek(&w->lane));
	e = lane_pop(&w->lane);
	lane_settle(&w->lane, &w->journal, &e);
	message_unref(e.message);
	return e.returns;
}

static void
push_noted(struct world *w, uint32_t note)
{
	struct message *m =
	    message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), 8);

	memset((uint8_t *)message_body(m).p, 0, 8);
	lane_push_noted(&w->lane, &w->journal, m, note, true, &w->mark);
	message_unref(m);
}

/* Without a commit between them, too, only those up to the mark stay. */
static void
a_note_stands_beside_an_entry_in_memory_and_out(void)
{
	struct world *w = world_new(4);

	for (uint32_t i = 1; i <= 100; i++)
		push_noted(w, i);
	CU_ASSERT_EQUAL(w->lane.head.count, 4);
	CU_ASSERT_EQUAL(w->lane.incoming.count, 96);
	commit(w);
	CU_ASSERT_EQUAL(w->lane.head.count, 4);
	CU_ASSERT_EQUAL(w->lane.out_count, 96);
	for (uint32_t i = 1; i <= 100; i++)
		CU_ASSERT_EQUAL(returns_of_next(w), i);
	turn(w);
	CU_ASSERT_EQUAL(w->lane.stored_count, 0);
	world_free(w);
}

static const struct unit_test tests[] = {
    {"order and counts hold when most is out",
	order_and_counts_hold_when_most_is_out},
    {"order and counts hold with transient ones between",
	order_and_counts_hold_with_transient_ones_between},
    {"order and counts hold in memory", order_and_counts_hold_in_memory},
    {"entries expire wherever they stand", entries_expire_wherever_they_stand},
    {"what a sweep took is hurried to the store",
	what_a_sweep_took_is_hurried_to_the_store},
    {"what grows with position needs no index",
	what_grows_with_position_needs_no_index},
    {"holes give their room back", holes_give_their_room_back},
    {"a lane over its mark keeps only its head in memory",
	a_lane_over_its_mark_keeps_only_its_head_in_memory},
    {"a lane that expires all the time moves out",
	a_lane_that_expires_all_the_time_moves_out},
    {"what is settled before its commit is never written",
	what_is_settled_before_its_commit_is_never_written},
    {"a note stands beside an entry in memory and out",
	a_note_stands_beside_an_entry_in_memory_and_out},
    {"what comes back is redelivered at its old place",
	what_comes_back_is_redelivered_at_its_old_place},
};

UNIT_MAIN("lane", tests)
