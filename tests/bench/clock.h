/* clock.h - monotonic time in nanoseconds. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

static inline int64_t
clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static inline int64_t
now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline int64_t
seconds_ns(double seconds)
{
	return (int64_t)(seconds * (double)SECOND);
}

static inline double
ns_seconds(int64_t ns)
{
	return (double)ns / (double)SECOND;
}

#endif
