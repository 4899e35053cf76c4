/* test_measure.c - quantiles and open confirms are what they should be. */
#include "tests/bench/confirms.h"
#include "tests/bench/histogram.h"
#include "tests/unit/unit.h"

static void
test_small_values_are_exact(void)
{
	static struct histogram h;

	for (unsigned i = 1; i <= 100; i++)
		histogram_add(&h, i);
	CU_ASSERT_EQUAL(histogram_quantile(&h, 0.5), 50);
	CU_ASSERT_EQUAL(histogram_quantile(&h, 0.99), 99);
	CU_ASSERT_EQUAL(histogram_quantile(&h, 1), 100);
	CU_ASSERT_EQUAL(h.max, 100);
}

/* Each value is reported no lower than it is and at most 1/128 too high. */
static void
test_slots_are_narrow(void)
{
	static struct histogram h;

	for (uint64_t v = 1; v < UINT64_MAX / 3; v = v * 3 / 2 + 1) {
		h = (struct histogram){0};
		histogram_add(&h, v);
		histogram_add(&h, UINT64_MAX);
		CU_ASSERT(histogram_quantile(&h, 0.5) >= v);
		CU_ASSERT(histogram_quantile(&h, 0.5) - v <= v / 128);
	}
}

static void
test_quantile_never_passes_the_largest(void)
{
	static struct histogram h;

	histogram_add(&h, 1000001);
	CU_ASSERT_EQUAL(histogram_quantile(&h, 0.999), 1000001);
}

static void
test_merged_counts_add_up(void)
{
	static struct histogram a, b;

	histogram_add(&a, 1);
	histogram_add(&b, 7);
	histogram_add(&b, 9);
	histogram_merge(&a, &b);
	CU_ASSERT_EQUAL(a.count, 3);
	CU_ASSERT_EQUAL(a.max, 9);
	CU_ASSERT_EQUAL(histogram_quantile(&a, 0.5), 7);
}

static uint64_t told;

static void
count(void *arg, uint64_t first, uint64_t last, int64_t since)
{
	CU_ASSERT(first <= last);
	told += last - first + 1;
}

static void
test_multiple_settles_all_below(void)
{
	struct confirms c;

	confirms_init(&c, 10);
	confirms_publish(&c, 10, 1);
	told = 0;
	CU_ASSERT(confirms_settle(&c, 4, false, count, NULL));
	CU_ASSERT_EQUAL(confirms_span(&c), 10);
	CU_ASSERT_EQUAL(confirms_open(&c), 9);
	CU_ASSERT(confirms_settle(&c, 5, true, count, NULL));
	CU_ASSERT_EQUAL(told, 5);
	CU_ASSERT_EQUAL(confirms_span(&c), 5);
	CU_ASSERT(confirms_settle(&c, 0, true, count, NULL));
	CU_ASSERT_EQUAL(told, 10);
	CU_ASSERT_EQUAL(confirms_span(&c), 0);
	confirms_fini(&c);
}

static void
test_confirm_of_what_is_not_open_is_refused(void)
{
	struct confirms c;

	confirms_init(&c, 4);
	CU_ASSERT_FALSE(confirms_settle(&c, 1, false, NULL, NULL));
	CU_ASSERT_FALSE(confirms_settle(&c, 1, true, NULL, NULL));
	confirms_publish(&c, 2, 1);
	CU_ASSERT_FALSE(confirms_settle(&c, 0, false, NULL, NULL));
	CU_ASSERT(confirms_settle(&c, 2, false, NULL, NULL));
	CU_ASSERT_FALSE(confirms_settle(&c, 2, false, NULL, NULL));
	CU_ASSERT_FALSE(confirms_settle(&c, 3, true, NULL, NULL));
	CU_ASSERT(confirms_settle(&c, 1, false, NULL, NULL));
	CU_ASSERT_FALSE(confirms_settle(&c, 1, false, NULL, NULL));
	confirms_fini(&c);
}

#define ROW(name)                                                              \
	{                                                                      \
#name, test_##name                                             \
	}
static const struct unit_test tests[] = {
    ROW(small_values_are_exact),
    ROW(slots_are_narrow),
    ROW(quantile_never_passes_the_largest),
    ROW(merged_counts_add_up),
    ROW(multiple_settles_all_below),
    ROW(confirm_of_what_is_not_open_is_refused),
};

UNIT_MAIN("measure", tests)
