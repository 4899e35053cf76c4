/* clock.c - what time it is, asked once per turn and movable by tests. */
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
	c->wall = microseconds(CLOCK_REALTIME) / 1000 + c->offset;
}

void
clock_advance(struct clock *c, int64_t ms)
{
	c->offset += ms;
	c->now += ms;
	c->wall += ms;
}
