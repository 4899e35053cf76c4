/* test_clock.c - one time per turn, movable where it may be moved. */
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

static const struct unit_test tests[] = {
    {"advance moves deadlines but not heartbeats",
	advance_moves_deadlines_but_not_heartbeats},
    {"wall is the time of day", wall_is_the_time_of_day},
    {"real time goes on", real_time_goes_on},
};

UNIT_MAIN("clock", tests)
