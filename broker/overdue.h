/* overdue.h - a channel whose oldest delivery is not acknowledged in time is
 * closed (RabbitMQ's consumer timeout). */
#ifndef BROKER_OVERDUE_H
#define BROKER_OVERDUE_H

#include "broker/server.h"

struct queue;

enum { STAMP_SHIFT = 6 }; /* units of 64 ms */

/* From now on the channel may be given deliveries of the queue that it has to
 * acknowledge, in time if the queue or the setting consumer_timeout says so. */
void overdue_watch(struct channel *, const struct queue *);

/* The queue gives another time from now on, also to deliveries made already. A job
 * tells the channels of its vhost that hold any. */
void overdue_hurry(const struct queue *);

/* For struct delivery: when it is made, coarsely. */
static inline uint32_t
overdue_stamp(const struct server *s)
{
	return (uint32_t)(s->clock.real >> STAMP_SHIFT);
}

/* Frees the channel's timer. */
void overdue_fini(struct channel *);

#endif
