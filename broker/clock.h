/* clock.h - what time it is, asked once per turn and movable by tests. */
#ifndef BROKER_CLOCK_H
#define BROKER_CLOCK_H

#include <stdint.h>
#include <sys/time.h>

/* Deadlines of messages and queues use now and wall, which clock_advance moves
 * together. Heartbeats, handshakes and measurements use real, which nothing
 * moves. Zero-initialised, it is ready for clock_update. */
struct clock {
	int64_t now;	/* monotonic milliseconds, movable */
	int64_t wall;	/* milliseconds since 1970, movable */
	int64_t wall_us; /* the same in microseconds, for timers */
	int64_t real;	/* monotonic milliseconds */
	int64_t real_us; /* the same in microseconds, for statistics */
	int64_t offset; /* milliseconds now and wall are ahead */
};

/* Reads the clocks; at the beginning of each turn, and when a socket was read. */
void clock_update(struct clock *);

/* Moves now and wall by ms (never back past what was seen: ms >= 0), at once. */
void clock_advance(struct clock *, int64_t ms);

/* How long it is from now to a time of the wall clock in milliseconds; not
 * below 0. */
struct timeval clock_until(const struct clock *, int64_t wall);

/* Monotonic microseconds at this moment, for measuring inside a turn. */
int64_t clock_us(void);

#endif
