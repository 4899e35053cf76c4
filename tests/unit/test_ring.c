/* test_ring.c - what must be true of rings and heaps of entries. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/heap.h"
#include "broker/ring.h"
#include "tests/unit/unit.h"

static struct message *
any_message(void)
{
	return message_new(BYTES("x"), BYTES("k"), BYTES("\0\0"), 0);
}

static void
push(struct ring *r, uint64_t position)
{
	*ring_push(r) = (struct entry){.message = any_message(), .position = position};
}

static uint64_t
pop(struct ring *r)
{
	struct entry e = ring_pop(r);

	message_unref(e.message);
	return e.position;
}

static void
clear(struct ring *r)
{
	size_t budget = SIZE_MAX;

	CU_ASSERT_TRUE(ring_clear(r, &budget));
	CU_ASSERT_EQUAL(r->count, 0);
}

static void
entries_come_out_in_the_order_they_went_in(void)
{
	struct ring r = {0};

	for (uint64_t i = 0; i < 5000; i++)
		push(&r, i);
	CU_ASSERT_EQUAL(ring_front(&r)->position, 0);
	for (uint64_t i = 0; i < 5000; i++)
		CU_ASSERT_EQUAL(pop(&r), i);
	CU_ASSERT_EQUAL(r.count, 0);
	clear(&r);
}

static void
a_ring_that_empties_again_and_again_serves_on(void)
{
	struct ring r = {0};

	for (uint64_t round = 0; round < 200; round++) {
		for (uint64_t i = 0; i <= round; i++)
			push(&r, i);
		for (uint64_t i = 0; i <= round; i++)
			CU_ASSERT_EQUAL(pop(&r), i);
	}
	clear(&r);
}

static void
joining_appends_and_leaves_nothing(void)
{
	for (unsigned na = 0; na < 20; na += 5)
		for (unsigned nb = 0; nb < 20; nb += 5) {
			struct ring a = {0}, b = {0};

			for (unsigned i = 0; i < na; i++)
				push(&a, i);
			for (unsigned i = 0; i < nb; i++)
				push(&b, na + i);
			ring_join(&a, &b);
			CU_ASSERT_EQUAL(b.count, 0);
			CU_ASSERT_EQUAL(a.count, na + nb);
			push(&a, na + nb);
			for (unsigned i = 0; i <= na + nb; i++)
				CU_ASSERT_EQUAL(pop(&a), i);
			clear(&a);
		}
}

static void
clearing_stops_when_the_budget_is_used_up(void)
{
	struct ring r = {0};
	size_t budget = 30;

	for (uint64_t i = 0; i < 100; i++)
		push(&r, i);
	CU_ASSERT_FALSE(ring_clear(&r, &budget));
	CU_ASSERT_EQUAL(budget, 0);
	CU_ASSERT_EQUAL(r.count, 70);
	clear(&r);
}

static void
a_heap_gives_the_lowest_position_first(void)
{
	struct heap h = {0};
	uint64_t last = 0;

	srandom(7);
	for (int i = 0; i < 3000; i++)
		heap_push(&h,
		    (struct entry){.position = (uint64_t)random()}, NULL);
	for (int i = 0; i < 3000; i++) {
		uint64_t position = heap_pop(&h, NULL).position;

		CU_ASSERT_TRUE(position >= last);
		last = position;
	}
	CU_ASSERT_EQUAL(h.count, 0);
	CU_ASSERT_PTR_NULL(h.entries);
}

static const struct unit_test tests[] = {
    {"entries come out in the order they went in",
	entries_come_out_in_the_order_they_went_in},
    {"a ring that empties again and again serves on",
	a_ring_that_empties_again_and_again_serves_on},
    {"joining appends and leaves nothing", joining_appends_and_leaves_nothing},
    {"clearing stops when the budget is used up",
	clearing_stops_when_the_budget_is_used_up},
    {"a heap gives the lowest position first",
	a_heap_gives_the_lowest_position_first},
};

UNIT_MAIN("ring", tests)
