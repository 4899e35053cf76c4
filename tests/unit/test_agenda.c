/* test_agenda.c - messages in memory that wait for their time. */
#include "broker/agenda.h"
#include "tests/unit/unit.h"

static void
add(struct agenda *a, int64_t deadline, uint64_t position)
{
	agenda_add(a, (struct due){deadline, position},
	    message_new(BYTES("x"), BYTES("k"), BYTES("\0\0"), position % 50));
}

/* In an order that is none. */
static void
fill(struct agenda *a, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		add(a, (int64_t)(i * 7919 % 100), i + 1);
}

/* Takes all, in order; how many there were. */
static size_t
drain(struct agenda *a)
{
	struct due before = {0, 0};
	size_t n = 0;

	for (; a->count > 0; n++) {
		struct agenda_item item = agenda_take(a);

		CU_ASSERT(due_before(before, item.due));
		before = item.due;
		message_unref(item.message);
	}
	CU_ASSERT_EQUAL(a->bytes, 0);
	CU_ASSERT_PTR_NULL(a->items);
	return n;
}

static void
test_earliest_comes_first(void)
{
	struct agenda a = {0};

	fill(&a, 1000);
	CU_ASSERT_EQUAL(agenda_first(&a)->due.deadline, 0);
	CU_ASSERT_EQUAL(agenda_first(&a)->due.position, 1);
	CU_ASSERT_EQUAL(drain(&a), 1000);
}

static void
test_cut_drops_what_is_behind_the_edge(void)
{
	struct agenda a = {0};

	fill(&a, 1000);
	agenda_cut(&a, (struct due){49, UINT64_MAX});
	CU_ASSERT_EQUAL(a.count, 500);
	add(&a, 20, 2000);
	CU_ASSERT_EQUAL(drain(&a), 501);
	fill(&a, 10);
	agenda_cut(&a, (struct due){0, 0});
	CU_ASSERT_EQUAL(drain(&a), 0);
}

static void
test_halving_keeps_the_earlier_half(void)
{
	struct agenda a = {0};
	struct due edge;

	fill(&a, 1000);
	edge = agenda_halve(&a, SIZE_MAX);
	CU_ASSERT_EQUAL(a.count, 500);
	CU_ASSERT_EQUAL(edge.deadline, 49);
	CU_ASSERT_EQUAL(drain(&a), 500);
}

static void
test_halving_keeps_within_bytes_but_one(void)
{
	struct agenda a = {0};

	fill(&a, 1000);
	agenda_halve(&a, 10000);
	CU_ASSERT(a.bytes <= 10000);
	CU_ASSERT(a.count > 50);
	agenda_halve(&a, 0);
	CU_ASSERT_EQUAL(a.count, 1);
	CU_ASSERT_EQUAL(agenda_first(&a)->due.position, 1);
	CU_ASSERT_EQUAL(drain(&a), 1);
}

static void
test_clearing_is_done_in_slices(void)
{
	struct agenda a = {0};
	size_t budget = 600;

	fill(&a, 1000);
	CU_ASSERT(!agenda_clear(&a, &budget));
	CU_ASSERT_EQUAL(budget, 0);
	CU_ASSERT_EQUAL(a.count, 400);
	budget = 600;
	CU_ASSERT(agenda_clear(&a, &budget));
	CU_ASSERT_EQUAL(budget, 200);
	CU_ASSERT_PTR_NULL(a.items);
}

static const struct unit_test tests[] = {
    {"earliest comes first", test_earliest_comes_first},
    {"cut drops what is behind the edge",
	test_cut_drops_what_is_behind_the_edge},
    {"halving keeps the earlier half", test_halving_keeps_the_earlier_half},
    {"halving keeps within bytes, but one",
	test_halving_keeps_within_bytes_but_one},
    {"clearing is done in slices", test_clearing_is_done_in_slices},
};

UNIT_MAIN("agenda", tests)
