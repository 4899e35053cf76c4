/* expiry.h - what leaves a queue by itself: entries past their deadline, entries
 * over the limit, and queues nobody uses. */
#ifndef BROKER_EXPIRY_H
#define BROKER_EXPIRY_H

#include "broker/entry.h"

struct queue;

/* The deadline of a message that comes now: expires_in milliseconds from now, or
 * the queue's own time to live if that is shorter; -1 is none. Wall-clock
 * milliseconds, 0 for none. */
int64_t expiry_deadline(const struct queue *, int64_t expires_in);

/* Entries at the front of each lane whose deadline lies before now (or is now,
 * if reached) go. Then the queue's timer is set for the next. */
void expiry_run(struct queue *, bool reached);

/* Sets the queue's timer for the earliest deadline at the front of a lane. */
void expiry_watch(struct queue *);

/* Is the queue at its limit, before m is added? */
bool expiry_full(const struct queue *, const struct message *m);

/* Is it over its limit? */
bool expiry_over(const struct queue *);

/* Drops from the front what is over the limit. */
void expiry_trim(struct queue *);

/* x-expires: the queue is used now; without consumers its time runs. */
void expiry_used(struct queue *);

/* Frees the timers. */
void expiry_fini(struct queue *);

#endif
