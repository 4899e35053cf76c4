/* test_lanes.c - the lanes of a queue together are one queue, in which a higher
 * priority comes first. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/lanes.h"
#include "tests/unit/unit.h"

enum { MAX = 9, MARK = 4 };

struct world {
	struct store *store;
	struct journal journal;
	struct lanes lanes;
	uint64_t last_lane;
};

static const struct lane_mark mark = {MARK, 1024};

static void
wake(void *arg)
{
}

static void
before(struct lane_change *c)
{
	lane_hand_over(c->owner, c);
}

static void
after(struct lane_change *c)
{
	lane_committed(c->owner, c, &mark);
}

static struct world *
world_new(void)
{
	struct world *w = xcalloc(1, sizeof *w);

	w->store = store_memory_open();
	journal_init(&w->journal, committer_start(w->store, wake, w));
	lanes_init(&w->lanes, ++w->last_lane, MAX, w);
	return w;
}

/* Commits, moves out what is too much, and loads what the front needs. */
static void
turn(struct world *w)
{
	size_t budget = SIZE_MAX;
	struct load *load;

	journal_promise(&w->journal, w->journal.seq);
	journal_turn(&w->journal, 0, before);
	journal_reap(&w->journal, &budget, after);
	lane_load(lanes_front(&w->lanes), w->journal.committer, &mark);
	while ((load = committer_loaded(w->journal.committer)) != NULL)
		lane_loaded(load->owner, load);
}

static void
world_free(struct world *w)
{
	turn(w);
	lanes_fini(&w->lanes);
	committer_stop(w->journal.committer);
	journal_fini(&w->journal);
	w->store->ops->close(w->store);
	free(w);
}

static struct lane *
lane_for(struct world *w, const struct message *m)
{
	uint8_t priority = lanes_priority(&w->lanes, m);
	struct lane *lane = lanes_of(&w->lanes, m);

	if (lane->priority == priority)
		return lane;
	return lanes_add(&w->lanes, priority, ++w->last_lane);
}

/* The body of n octets tells the messages apart. */
static void
push(struct world *w, uint8_t priority, uint64_t n)
{
	struct message *m =
	    message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), n);

	m->priority = priority;
	m->persistent = true;
	lane_push(lane_for(w, m), &w->journal, m, 0, true);
	message_unref(m);
}

static struct entry
take(struct world *w)
{
	for (int i = 0; i < 3 && lane_peek(lanes_front(&w->lanes)) == NULL; i++)
		turn(w);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lane_peek(lanes_front(&w->lanes)));
	return lane_pop(lanes_front(&w->lanes));
}

static void
settle(struct world *w, struct entry *e)
{
	lane_settle(lanes_of(&w->lanes, e->message), &w->journal, e);
	message_unref(e->message);
}

static void
expect(struct world *w, uint64_t n)
{
	struct entry e = take(w);

	CU_ASSERT_EQUAL(e.message->body_size, n);
	settle(w, &e);
}

static void
higher_priorities_come_first(void)
{
	struct world *w = world_new();

	push(w, 0, 1);
	push(w, 5, 2);
	push(w, 9, 3);
	push(w, 5, 4);
	push(w, 1, 5);
	CU_ASSERT_EQUAL(w->lanes.count, 3);
	CU_ASSERT_EQUAL(lanes_ready(&w->lanes), 5);
	CU_ASSERT_EQUAL(lanes_ready_bytes(&w->lanes), 15);
	expect(w, 3);
	expect(w, 2);
	expect(w, 4);
	push(w, 9, 6);
	expect(w, 6);
	expect(w, 5);
	expect(w, 1);
	CU_ASSERT_EQUAL(lanes_ready(&w->lanes), 0);
	CU_ASSERT_PTR_EQUAL(lanes_front(&w->lanes), &w->lanes.lowest);
	world_free(w);
}

static void
priorities_above_the_highest_count_as_it(void)
{
	struct world *w = world_new();

	push(w, 9, 1);
	push(w, 255, 2);
	push(w, 10, 3);
	push(w, 8, 4);
	CU_ASSERT_EQUAL(w->lanes.count, 2);
	for (uint64_t n = 1; n <= 4; n++)
		expect(w, n);
	world_free(w);
}

static void
lanes_stand_in_order_however_they_came(void)
{
	struct world *w = world_new();
	static const uint8_t came[] = {4, 9, 1, 7, 2, 8, 3, 6, 5};

	for (size_t i = 0; i < sizeof came; i++)
		push(w, came[i], came[i]);
	for (int i = 0; i < 9; i++)
		CU_ASSERT_EQUAL(lanes_nth(&w->lanes, i)->priority, 9 - i);
	CU_ASSERT_PTR_EQUAL(lanes_nth(&w->lanes, 9), &w->lanes.lowest);
	CU_ASSERT_PTR_NULL(lanes_nth(&w->lanes, 10));
	CU_ASSERT_EQUAL(lanes_find(&w->lanes, 7)->priority, 7);
	CU_ASSERT_PTR_EQUAL(lanes_find(&w->lanes, 10), &w->lanes.lowest);
	for (uint64_t n = 9; n > 0; n--)
		expect(w, n);
	world_free(w);
}

static void
what_comes_back_stands_at_its_old_place(void)
{
	struct world *w = world_new();
	struct entry e[3];

	push(w, 2, 1);
	push(w, 2, 2);
	push(w, 0, 3);
	for (int i = 0; i < 3; i++)
		e[i] = take(w);
	push(w, 1, 4);
	push(w, 2, 5);
	for (int i = 2; i >= 0; i--)
		lane_requeue(lanes_of(&w->lanes, e[i].message), e[i]);
	expect(w, 1);
	expect(w, 2);
	expect(w, 5);
	expect(w, 4);
	expect(w, 3);
	world_free(w);
}

/* Only the front is loaded; what overtakes it need not be. */
static void
a_low_lane_stays_out_while_higher_ones_are_served(void)
{
	struct world *w = world_new();

	for (uint64_t n = 1; n <= 100; n++) {
		push(w, 0, n);
		turn(w);
	}
	while (lane_peek(lanes_front(&w->lanes)) != NULL) {
		struct entry e = take(w);

		settle(w, &e);
		push(w, 3, 7);
		expect(w, 7);
	}
	push(w, 3, 200);
	for (int i = 0; i < 5; i++)
		turn(w);
	CU_ASSERT_EQUAL(w->lanes.lowest.head.count, 0);
	CU_ASSERT(w->lanes.lowest.out_count > 80);
	CU_ASSERT_EQUAL(lanes_in_memory(&w->lanes), 1);
	expect(w, 200);
	turn(w);
	CU_ASSERT(w->lanes.lowest.head.count > 0);
	push(w, 3, 201);
	expect(w, 201);
	world_free(w);
}

static void
a_purge_takes_what_is_ready_from_all(void)
{
	struct world *w = world_new();
	struct lanes_rest *rest;
	struct entry held, back;
	size_t none = 0, all = SIZE_MAX;

	push(w, 6, 1);
	push(w, 6, 2);
	push(w, 0, 3);
	held = take(w);
	back = take(w);
	turn(w);
	lane_requeue(lanes_of(&w->lanes, back.message), back);
	rest = lanes_purge(&w->lanes, &w->journal);
	CU_ASSERT_EQUAL(lanes_ready(&w->lanes), 0);
	CU_ASSERT_FALSE(lanes_rest_told(rest));
	CU_ASSERT_FALSE(lanes_rest_free(rest, &w->journal, &none));
	CU_ASSERT(lanes_rest_free(rest, &w->journal, &all));
	CU_ASSERT_EQUAL(lanes_find(&w->lanes, 6)->stored_count, 1);
	CU_ASSERT_EQUAL(w->lanes.lowest.stored_count, 0);
	lane_requeue(lanes_of(&w->lanes, held.message), held);
	expect(w, 1);
	CU_ASSERT_EQUAL(lanes_ready(&w->lanes), 0);
	world_free(w);
}

static void
count_lane(void *arg, const struct lane_state *state)
{
	++*(int *)arg;
}

static int
stored_lanes(struct world *w)
{
	int n = 0;
	struct store_visitor visitor = {&n, NULL, count_lane};
	uint64_t last_lane;

	w->store->ops->restore(w->store, &visitor, &last_lane);
	return n;
}

static void
all_lanes_are_deleted(void)
{
	struct world *w = world_new();
	struct lanes_rest *rest;
	size_t all = SIZE_MAX;

	CU_ASSERT_FALSE(lanes_pending(&w->lanes));
	push(w, 6, 1);
	CU_ASSERT(lanes_pending(&w->lanes));
	push(w, 9, 2);
	push(w, 0, 3);
	turn(w);
	CU_ASSERT_FALSE(lanes_pending(&w->lanes));
	CU_ASSERT_EQUAL(stored_lanes(w), 3);
	rest = lanes_delete(&w->lanes, &w->journal);
	CU_ASSERT(lanes_rest_told(rest));
	CU_ASSERT(lanes_rest_free(rest, NULL, &all));
	turn(w);
	CU_ASSERT_EQUAL(stored_lanes(w), 0);
	world_free(w);
}

/* A dead letter is not the queue's to give, and is stored as well. */
static void
push_dead(struct world *w, uint64_t n)
{
	struct message *m =
	    message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), n);

	if (w->lanes.dead == NULL)
		lanes_add(&w->lanes, LANE_DEAD, ++w->last_lane);
	lane_push_noted(w->lanes.dead, &w->journal, m, 1, true, &mark);
	message_unref(m);
}

static void
dead_letters_stand_apart(void)
{
	struct world *w = world_new();
	struct lanes_rest *rest;
	size_t all = SIZE_MAX;

	push_dead(w, 1);
	CU_ASSERT(lanes_pending(&w->lanes));
	push_dead(w, 2);
	push(w, 6, 3);
	CU_ASSERT_EQUAL(lanes_ready(&w->lanes), 1);
	CU_ASSERT_EQUAL(lanes_stored(&w->lanes), 3);
	CU_ASSERT_EQUAL(lanes_stored_bytes(&w->lanes), 6);
	rest = lanes_purge(&w->lanes, &w->journal);
	CU_ASSERT(lanes_rest_free(rest, &w->journal, &all));
	CU_ASSERT_EQUAL(lanes_stored(&w->lanes), 2);
	rest = lanes_purge_dead(&w->lanes, &w->journal);
	CU_ASSERT(lanes_rest_free(rest, &w->journal, &all));
	CU_ASSERT_EQUAL(lanes_stored(&w->lanes), 0);
	world_free(w);
}

static void
with_their_queue_dead_letters_go(void)
{
	struct world *w = world_new();
	struct lanes_rest *rest;
	size_t all = SIZE_MAX;

	push_dead(w, 1);
	push(w, 0, 2);
	turn(w);
	CU_ASSERT_EQUAL(stored_lanes(w), 2);
	rest = lanes_delete(&w->lanes, &w->journal);
	CU_ASSERT(lanes_rest_free(rest, NULL, &all));
	turn(w);
	CU_ASSERT_EQUAL(stored_lanes(w), 0);
	world_free(w);
}

/* --- beside a plain array of what must be there ------------------------------- */

enum { MOST = 2000 };

struct model {
	enum { GONE, READY, TAKEN } state[MOST];
	uint8_t priority[MOST];
	struct entry taken[MOST];
	size_t taken_count;
	uint64_t next; /* number, and size, of the next message */
};

/* The number of what must be given next, or 0. */
static uint64_t
foremost(const struct model *m)
{
	uint64_t best = 0;

	for (uint64_t n = 1; n < m->next; n++)
		if (m->state[n] == READY &&
		    (best == 0 || m->priority[n] > m->priority[best]))
			best = n;
	return best;
}

static void
model_push(struct world *w, struct model *m)
{
	uint8_t priority = (uint8_t)(random() % (MAX + 3));

	push(w, priority, m->next);
	m->priority[m->next] = priority < MAX ? priority : MAX;
	m->state[m->next++] = READY;
}

static void
model_take(struct world *w, struct model *m)
{
	uint64_t n = foremost(m);

	if (n == 0)
		return;
	m->taken[m->taken_count] = take(w);
	CU_ASSERT_EQUAL(m->taken[m->taken_count++].message->body_size, n);
	m->state[n] = TAKEN;
}

static void
model_give_back(struct world *w, struct model *m, bool requeue)
{
	size_t i = m->taken_count > 0 ? (size_t)random() % m->taken_count : 0;
	struct entry e = m->taken[i];

	if (m->taken_count == 0)
		return;
	m->taken[i] = m->taken[--m->taken_count];
	m->state[e.message->body_size] = requeue ? READY : GONE;
	if (requeue)
		lane_requeue(lanes_of(&w->lanes, e.message), e);
	else
		settle(w, &e);
}

static void
model_purge(struct world *w, struct model *m)
{
	size_t all = SIZE_MAX;

	CU_ASSERT(lanes_rest_free(
	    lanes_purge(&w->lanes, &w->journal), &w->journal, &all));
	for (uint64_t n = 1; n < m->next; n++)
		if (m->state[n] == READY)
			m->state[n] = GONE;
}

static void
model_step(struct world *w, struct model *m)
{
	unsigned what = (unsigned)(random() % 100);
	size_t ready = 0;

	if (what < 40)
		model_push(w, m);
	else if (what < 65)
		model_take(w, m);
	else if (what < 85)
		model_give_back(w, m, what < 70);
	else if (what < 99)
		turn(w);
	else
		model_purge(w, m);
	for (uint64_t n = 1; n < m->next; n++)
		ready += m->state[n] == READY;
	CU_ASSERT_EQUAL(lanes_ready(&w->lanes), ready);
}

static void
order_and_counts_hold_whatever_happens(void)
{
	for (unsigned seed = 1; seed <= 20; seed++) {
		struct world *w = world_new();
		struct model *m = xcalloc(1, sizeof *m);

		m->next = 1;
		srandom(seed);
		while (m->next < 400)
			model_step(w, m);
		while (foremost(m) != 0)
			model_take(w, m);
		while (m->taken_count > 0)
			model_give_back(w, m, false);
		turn(w);
		CU_ASSERT_EQUAL(w->lanes.lowest.stored_count, 0);
		free(m);
		world_free(w);
	}
}

/* A plain queue asks for nothing more than its one lane. */
static void
without_priorities_there_is_one_lane(void)
{
	struct world *w = world_new();

	w->lanes.max = 0;
	push(w, 0, 1);
	push(w, 255, 2);
	push(w, 9, 3);
	CU_ASSERT_EQUAL(w->lanes.count, 0);
	CU_ASSERT_PTR_NULL(w->lanes.above);
	for (uint64_t n = 1; n <= 3; n++)
		expect(w, n);
	world_free(w);
}

static const struct unit_test tests[] = {
    {"higher priorities come first", higher_priorities_come_first},
    {"priorities above the highest count as it",
	priorities_above_the_highest_count_as_it},
    {"lanes stand in order however they came",
	lanes_stand_in_order_however_they_came},
    {"what comes back stands at its old place",
	what_comes_back_stands_at_its_old_place},
    {"a low lane stays out while higher ones are served",
	a_low_lane_stays_out_while_higher_ones_are_served},
    {"a purge takes what is ready from all",
	a_purge_takes_what_is_ready_from_all},
    {"all lanes are deleted", all_lanes_are_deleted},
    {"dead letters stand apart", dead_letters_stand_apart},
    {"with their queue dead letters go", with_their_queue_dead_letters_go},
    {"order and counts hold whatever happens",
	order_and_counts_hold_whatever_happens},
    {"without priorities there is one lane",
	without_priorities_there_is_one_lane},
};

UNIT_MAIN("lanes", tests)
