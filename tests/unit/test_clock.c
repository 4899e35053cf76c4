/* test_clock.c - one time per turn, movable where it may be moved. */
#include <stdbool.h>
#include <time.h>

#include "broker/clock.h"
#include "tests/unit/unit.h"

static void
advance_moves_deadlines_but_not_heartbeats(void)
{
	struct clock c = {0};
	struct clock before;

	clock_update(&c);
	before = c;
	clock_advance(&c, 3600000);
	CU_ASSERT_EQUAL(c.now, before.now + 3600000);
	CU_ASSERT_EQUAL(c.wall, before.wall + 3600000);
	CU_ASSERT_EQUAL(c.real, before.real);
	clock_update(&c);
	CU_ASSERT(c.now >= before.now + 3600000);
	CU_ASSERT(c.wall >= before.wall + 3600000);
	CU_ASSERT(c.real < before.real + 3600000);
}

static void
wall_is_the_time_of_day(void)
{
	struct clock c = {0};
	time_t now = time(NULL);

	clock_update(&c);
	CU_ASSERT(c.wall / 1000 >= now - 1 && c.wall / 1000 <= now + 5);
}

static void
real_time_goes_on(void)
{
	struct clock c = {0};
	int64_t us = clock_us();

	clock_update(&c);
	CU_ASSERT(c.real_us >= us);
	CU_ASSERT_EQUAL(c.real, c.real_us / 1000);
}

static bool
is_until(const struct clock *c, int64_t wall, int64_t seconds, int64_t us)
{
	struct timeval tv = clock_until(c, wall);

	return tv.tv_sec == seconds && tv.tv_usec == us;
}

static void
a_time_of_the_wall_is_reached_to_the_microsecond(void)
{
	struct clock c = {.wall = 5000, .wall_us = 5000250};

	CU_ASSERT(is_until(&c, 5001, 0, 750));
	CU_ASSERT(is_until(&c, 6000, 0, 999750));
	CU_ASSERT(is_until(&c, 6001, 1, 750));
	CU_ASSERT(is_until(&c, 5000, 0, 0));
	CU_ASSERT(is_until(&c, 0, 0, 0));
	CU_ASSERT(is_until(&c, INT64_MAX, INT64_MAX / 1000 - 5, 806750));
	clock_advance(&c, 500);
	CU_ASSERT(is_until(&c, 6000, 0, 499750));
}

static const struct unit_test tests[] = {
    {"advance moves deadlines but not heartbeats",
	advance_moves_deadlines_but_not_heartbeats},
    {"wall is the time of day", wall_is_the_time_of_day},
    {"real time goes on", real_time_goes_on},
    {"a time of the wall is reached to the microsecond",
	a_time_of_the_wall_is_reached_to_the_microsecond},
};

UNIT_MAIN("clock", tests)
