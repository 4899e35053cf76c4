/* test_lane_counts.c - what a lane knows of its deliveries after the end of a
 * broker. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/lane.h"
#include "tests/unit/unit.h"

enum { MOST = 16 };

struct world {
	struct store *store;
	struct journal journal;
	struct lane lane;
	struct lane_mark mark;
	struct entry taken[MOST];
	size_t taken_count;
};

static struct world *at_work;

static void
wake(void *arg)
{
}

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
world_new(bool counts)
{
	struct world *w = xcalloc(1, sizeof *w);

	w->store = store_memory_open();
	journal_init(&w->journal, committer_start(w->store, wake, w));
	lane_init(&w->lane, 1, w);
	w->lane.counts = counts;
	w->mark = (struct lane_mark){1000, 1024};
	at_work = w;
	return w;
}

static void
take_loads(struct world *w)
{
	struct load *load;

	while ((load = committer_loaded(w->journal.committer)) != NULL)
		lane_loaded(&w->lane, load);
}

static void
turn(struct world *w)
{
	size_t budget = SIZE_MAX;

	journal_promise(&w->journal, w->journal.seq);
	journal_turn(&w->journal, 0, before);
	journal_reap(&w->journal, &budget, after);
	lane_load(&w->lane, w->journal.committer, &w->mark);
	take_loads(w);
}

static void
forget_taken(struct world *w)
{
	while (w->taken_count > 0)
		message_unref(w->taken[--w->taken_count].message);
}

static void
world_free(struct world *w)
{
	turn(w);
	forget_taken(w);
	lane_fini(&w->lane);
	committer_stop(w->journal.committer);
	journal_fini(&w->journal);
	w->store->ops->close(w->store);
	free(w);
}

/* As many stored entries, committed: positions 1, 2 and so on. */
static void
push(struct world *w, int n)
{
	struct message *m =
	    message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), 0);

	for (; n > 0; n--)
		lane_push(&w->lane, &w->journal, m, 0, true);
	message_unref(m);
	turn(w);
}

static struct entry
take(struct world *w)
{
	for (int i = 0; i < 3 && lane_peek(&w->lane) == NULL; i++)
		turn(w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lane_peek(&w->lane));
	return lane_pop(&w->lane);
}

/* It is out until the broker ends, or it is settled. */
static void
keep(struct world *w, struct entry e)
{
	w->taken[w->taken_count++] = e;
}

static void
settle(struct world *w)
{
	struct entry e = w->taken[--w->taken_count];

	lane_settle(&w->lane, &w->journal, &e);
	message_unref(e.message);
}

/* What is next, out of the lane for good. */
static struct entry
next_of(struct world *w)
{
	struct entry e = take(w);

	lane_settle(&w->lane, &w->journal, &e);
	message_unref(e.message);
	return e;
}

/* Delivers what is next, of a lane that counts. */
static struct entry
deliver(struct world *w)
{
	struct entry e = take(w);

	lane_count(&w->lane, &w->journal, &e);
	return e;
}

static void
come_back(struct world *w, struct entry e)
{
	e.returns++;
	lane_requeue(&w->lane, e);
}

static void
deliver_and_lose(struct world *w, int n)
{
	for (; n > 0; n--)
		keep(w, deliver(w));
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

/* What was taken is forgotten, the lane is as the store has it. */
static struct lane_state
restart(struct world *w, bool counts)
{
	struct lane_state state = {0};
	struct store_visitor visitor = {&state, note_definition, note_lane};
	uint64_t last_lane;

	turn(w);
	w->store->ops->restore(w->store, &visitor, &last_lane);
	forget_taken(w);
	lane_fini(&w->lane);
	lane_init(&w->lane, 1, w);
	w->lane.counts = counts;
	lane_restore(&w->lane, &state);
	return state;
}

/* Out were: the first three times, the second twice, the third once, and the
 * fourth never. All of it counts, though only some of it came back before. */
static void
how_often_entries_were_out_outlives_a_restart(void)
{
	struct world *w = world_new(true);

	push(w, 4);
	come_back(w, deliver(w));
	come_back(w, deliver(w));
	deliver_and_lose(w, 1);
	come_back(w, deliver(w));
	deliver_and_lose(w, 2);
	CU_ASSERT_EQUAL(restart(w, true).noted, 1);
	CU_ASSERT_EQUAL(next_of(w).returns, 3);
	CU_ASSERT_EQUAL(next_of(w).returns, 2);
	CU_ASSERT_EQUAL(next_of(w).returns, 1);
	CU_ASSERT_EQUAL(next_of(w).returns, 0);
	turn(w);
	CU_ASSERT_FALSE(w->lane.noted);
	world_free(w);
}

static void
each_restart_with_an_entry_out_counts(void)
{
	struct world *w = world_new(true);

	push(w, 1);
	for (uint32_t i = 1; i < 5; i++) {
		deliver_and_lose(w, 1);
		restart(w, true);
	}
	restart(w, true); /* nobody had it this time */
	CU_ASSERT_EQUAL(next_of(w).returns, 4);
	world_free(w);
}

/* A first delivery is a number of the lane's: however many there are, a batch
 * has one change. */
static void
first_deliveries_are_one_change(void)
{
	struct world *w = world_new(true);

	push(w, 10);
	CU_ASSERT_EQUAL(w->journal.open->changes, 0);
	deliver_and_lose(w, 9);
	CU_ASSERT_EQUAL(w->journal.open->changes, 1);
	CU_ASSERT_EQUAL(restart(w, true).delivered_to, 10);
	world_free(w);
}

static uint64_t
count_next(struct world *w)
{
	struct entry e = take(w);

	keep(w, e);
	return lane_count(&w->lane, &w->journal, &e);
}

/* What is not yet with the store is written with its count. */
static void
what_the_store_has_waits_for_its_count(void)
{
	struct world *w = world_new(true);
	struct message *m =
	    message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), 0);

	push(w, 1);
	CU_ASSERT_EQUAL(count_next(w), w->journal.seq);
	turn(w);
	lane_push(&w->lane, &w->journal, m, 0, true);
	CU_ASSERT_EQUAL(count_next(w), 0);
	lane_push(&w->lane, &w->journal, m, 0, false);
	CU_ASSERT_EQUAL(count_next(w), 0);
	message_unref(m);
	CU_ASSERT_EQUAL(restart(w, true).delivered_to, 4);
	world_free(w);
}

/* Where nothing is counted no delivery is written: all that is stored may have
 * been delivered when the broker is killed, and not when it has ended. */
static void
what_was_delivered_is_exact_after_an_orderly_end(void)
{
	struct world *w = world_new(false);

	push(w, 3);
	keep(w, take(w));
	CU_ASSERT_EQUAL(w->journal.open->changes, 0);
	lane_seal(&w->lane, &w->journal);
	CU_ASSERT_EQUAL(restart(w, false).delivered_to, 2);
	CU_ASSERT_TRUE(next_of(w).flags & ENTRY_REDELIVERED);
	CU_ASSERT_FALSE(next_of(w).flags & ENTRY_REDELIVERED);
	restart(w, false);
	CU_ASSERT_TRUE(next_of(w).flags & ENTRY_REDELIVERED);
	world_free(w);
}

/* What an orderly end said counts until something of it may be delivered. */
static void
a_load_behind_an_orderly_end_is_told(void)
{
	struct world *w = world_new(false);

	push(w, 3);
	lane_seal(&w->lane, &w->journal);
	restart(w, false);
	CU_ASSERT_TRUE(lane_load(&w->lane, w->journal.committer, &w->mark));
	lane_unseal(&w->lane, &w->journal);
	CU_ASSERT_TRUE(w->journal.promised);
	CU_ASSERT_EQUAL(w->journal.open->changes, 1);
	take_loads(w);
	CU_ASSERT_EQUAL(count_next(w), w->journal.seq);
	turn(w);
	lane_unseal(&w->lane, &w->journal);
	CU_ASSERT_FALSE(w->journal.promised);
	CU_ASSERT_EQUAL(count_next(w), 0);
	CU_ASSERT_EQUAL(restart(w, false).delivered_to, 4);
	world_free(w);
}

/* Loads what was out, and takes what came back more than once. */
static struct entry
one_spent(struct world *w)
{
	struct entry e = {0}, none;
	struct load *load;
	size_t at = 0;

	CU_ASSERT_TRUE_FATAL(
	    lane_recount(&w->lane, w->journal.committer, &w->mark));
	load = committer_loaded(w->journal.committer);
	CU_ASSERT_EQUAL(load->count, 3);
	CU_ASSERT_TRUE(lane_spent(&w->lane, load, 1, &at, &e));
	CU_ASSERT_FALSE(lane_spent(&w->lane, load, 1, &at, &none));
	lane_loaded(&w->lane, load);
	return e;
}

/* Of five, three were out, the second of them twice. */
static void
what_came_back_too_often_leaves_the_lane_from_its_place(void)
{
	struct world *w = world_new(true);
	struct entry e;

	push(w, 5);
	deliver_and_lose(w, 1);
	come_back(w, deliver(w));
	deliver_and_lose(w, 2);
	restart(w, true);
	e = one_spent(w);
	CU_ASSERT_EQUAL(e.position, 2);
	CU_ASSERT_EQUAL(e.returns, 2);
	CU_ASSERT_EQUAL(w->lane.ready, 4);
	CU_ASSERT_EQUAL(w->lane.out_count, 4);
	CU_ASSERT_EQUAL(w->lane.stored_count, 5);
	lane_settle(&w->lane, &w->journal, &e);
	message_unref(e.message);
	CU_ASSERT_EQUAL(next_of(w).position, 1);
	CU_ASSERT_EQUAL(next_of(w).position, 3);
	CU_ASSERT_EQUAL(next_of(w).position, 4);
	CU_ASSERT_EQUAL(next_of(w).position, 5);
	CU_ASSERT_EQUAL(w->lane.stored_count, 0);
	turn(w);
	CU_ASSERT_FALSE(w->lane.noted);
	world_free(w);
}

static void
commit(struct world *w)
{
	journal_promise(&w->journal, w->journal.seq);
	journal_turn(&w->journal, 0, before);
	journal_reap(&w->journal, &(size_t){SIZE_MAX}, after);
}

/* What a load of those that were out brings goes if it came back at all. Returns
 * how many did. */
static size_t
drop_spent(struct world *w)
{
	struct load *load = committer_loaded(w->journal.committer);
	struct entry e;
	size_t at = 0, n = 0;

	for (; lane_spent(&w->lane, load, 0, &at, &e); n++) {
		lane_settle(&w->lane, &w->journal, &e);
		message_unref(e.message);
	}
	lane_loaded(&w->lane, load);
	return n;
}

/* Though the head has room for one load only, and nobody takes from it. */
static void
all_that_was_out_is_looked_at(void)
{
	struct world *w = world_new(true);
	size_t loads = 0, spent = 0;

	push(w, MOST);
	deliver_and_lose(w, MOST - 2);
	restart(w, true);
	w->mark.bytes = 512;
	for (; lane_recount(&w->lane, w->journal.committer, &w->mark); loads++) {
		spent += drop_spent(w);
		commit(w);
	}
	CU_ASSERT_TRUE(loads > 1);
	CU_ASSERT_EQUAL(spent, MOST - 2);
	CU_ASSERT_EQUAL(w->lane.ready, 2);
	CU_ASSERT_EQUAL(w->lane.gone.count, 0);
	CU_ASSERT_EQUAL(next_of(w).position, MOST - 1);
	CU_ASSERT_EQUAL(next_of(w).position, MOST);
	CU_ASSERT_EQUAL(w->lane.stored_count, 0);
	world_free(w);
}

/* For a consumer it is loaded as well, meanwhile. */
static void
what_a_load_brings_twice_goes_once(void)
{
	struct world *w = world_new(true);

	push(w, 3);
	deliver_and_lose(w, 3);
	restart(w, true);
	CU_ASSERT_TRUE_FATAL(
	    lane_recount(&w->lane, w->journal.committer, &w->mark));
	CU_ASSERT_TRUE_FATAL(
	    lane_load(&w->lane, w->journal.committer, &w->mark));
	CU_ASSERT_FALSE(
	    lane_recount(&w->lane, w->journal.committer, &w->mark));
	CU_ASSERT_EQUAL(drop_spent(w), 3);
	CU_ASSERT_EQUAL(drop_spent(w), 0);
	CU_ASSERT_EQUAL(w->lane.ready, 0);
	CU_ASSERT_PTR_NULL(lane_peek(&w->lane));
	world_free(w);
}

/* A start reads messages only where one may have come back too often. */
static void
nothing_is_counted_again_if_nothing_was_out(void)
{
	struct world *w = world_new(true);

	push(w, 5);
	deliver_and_lose(w, 2);
	settle(w);
	settle(w);
	restart(w, true);
	CU_ASSERT_EQUAL(w->lane.delivered_to, 3);
	CU_ASSERT_FALSE(
	    lane_recount(&w->lane, w->journal.committer, &w->mark));
	world_free(w);
}

static const struct unit_test tests[] = {
    {"how often entries were out outlives a restart",
	how_often_entries_were_out_outlives_a_restart},
    {"each restart with an entry out counts",
	each_restart_with_an_entry_out_counts},
    {"first deliveries are one change", first_deliveries_are_one_change},
    {"what the store has waits for its count",
	what_the_store_has_waits_for_its_count},
    {"what was delivered is exact after an orderly end",
	what_was_delivered_is_exact_after_an_orderly_end},
    {"a load behind an orderly end is told",
	a_load_behind_an_orderly_end_is_told},
    {"what came back too often leaves the lane from its place",
	what_came_back_too_often_leaves_the_lane_from_its_place},
    {"all that was out is looked at", all_that_was_out_is_looked_at},
    {"what a load brings twice goes once",
	what_a_load_brings_twice_goes_once},
    {"nothing is counted again if nothing was out",
	nothing_is_counted_again_if_nothing_was_out},
};

UNIT_MAIN("lane counts", tests)
