/* stage.h - a broker in this process without time, disk or chance: each turn is
 * asked for, the clock and all timers move when told to, batches are committed
 * one by one, and random numbers are the same in every run.
 *
 * Stands in for persistence/committer.c and, by the linker's --wrap, for
 * clock_gettime, getrandom and libevent's timers. */
#ifndef STAGE_H
#define STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct server;

struct stage {
	struct server *server;
	bool commits; /* each batch at once */
};

/* A new broker that forgets, at the beginning of time. lane_entries is how many
 * messages of a queue stay in memory. */
void stage_open(struct stage *, size_t lane_entries);

/* Stops it; all it had must be gone. */
void stage_close(struct stage *);

/* The client's end of a new connection; it does not block. */
int stage_connect(struct stage *);

/* A turn; then turns until the broker has nothing left to do by itself. */
void stage_turn(struct stage *);
void stage_settle(struct stage *);

/* Lets the next batch be committed and what was asked for be loaded. False if
 * there was nothing. */
bool stage_commit(struct stage *);

/* The disk is full from now on, or has room again. */
void stage_fill(struct stage *, bool full);

/* Time passes: what is due meanwhile happens in order. */
void stage_pass(struct stage *, int64_t ms);

#endif
