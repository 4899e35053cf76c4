/* expiry.h - what leaves a queue by itself: entries past their deadline, entries
 * over the limit, and queues nobody uses. */
#ifndef BROKER_EXPIRY_H
#define BROKER_EXPIRY_H

#include "broker/entry.h"

struct lane;
struct load;
struct queue;

/* The deadline of a message that comes now: expires_in milliseconds from now, or
 * the queue's own time to live if that is shorter; -1 is none. Wall-clock
 * milliseconds, 0 for none. */
int64_t expiry_deadline(const struct queue *, int64_t expires_in);

/* Entries whose deadline lies before now (or is now, if reached) go, wherever
 * they stand; those that are out are sent for. Then the queue's timer is set for
 * the next. True if more in memory must go, in another turn: till then nobody
 * may be given anything. */
bool expiry_run(struct queue *, bool reached);

/* What was sent for has come: it goes. */
void expiry_swept(struct queue *, struct lane *, struct load *);

/* Sets the queue's timer for the next deadline in any of its lanes, if there is
 * one: it is timed from then on. */
void expiry_watch(struct queue *);

/* Is the queue at its limit, before m is added? Dead letters that it holds count,
 * as in RabbitMQ. */
bool expiry_full(const struct queue *, const struct message *m);

/* Is it over its limit? */
bool expiry_over(const struct queue *);

/* Drops from the front what is over the limit. */
void expiry_trim(struct queue *);

/* The same, *budget entries at most; false if there are more. */
bool expiry_trim_some(struct queue *, size_t *budget);

/* x-expires: the queue is used now; without consumers its time runs. */
void expiry_used(struct queue *);

/* Frees the timers. */
void expiry_fini(struct queue *);

#endif
