/* clock.c - what time it is, asked once per turn and socket; tests move it. */
#include "broker/clock.h"

#include <time.h>

static int64_t
microseconds(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
clock_us(void)
{
	return microseconds(CLOCK_MONOTONIC);
}

void
clock_update(struct clock *c)
{
	c->real_us = clock_us();
	c->real = c->real_us / 1000;
	c->now = c->real + c->offset;
	c->wall_us = microseconds(CLOCK_REALTIME) + c->offset * 1000;
	c->wall = c->wall_us / 1000;
}

void
clock_advance(struct clock *c, int64_t ms)
{
	c->offset += ms;
	c->now += ms;
	c->wall += ms;
	c->wall_us += ms * 1000;
}

struct timeval
clock_until(const struct clock *c, int64_t wall)
{
	int64_t ms = wall - c->wall, us = ms % 1000 * 1000 - c->wall_us % 1000;

	if (ms <= 0)
		return (struct timeval){0, 0};
	return us < 0 ? (struct timeval){ms / 1000 - 1, us + 1000000}
		      : (struct timeval){ms / 1000, us};
}
