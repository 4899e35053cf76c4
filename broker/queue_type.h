/* queue_type.h - the types of queue that x-queue-type names, a row each. */
#ifndef BROKER_QUEUE_TYPE_H
#define BROKER_QUEUE_TYPE_H

#include "amqp/bytes.h"

/* A bit each, so that what several types have in common can be said. */
enum {
	QUEUE_CLASSIC = 1 << 0,
	QUEUE_QUORUM = 1 << 1,
	QUEUE_STREAM = 1 << 2,
};

struct queue_type {
	unsigned bit;
	const char *name;   /* as x-queue-type names it */
	const char *module; /* as RabbitMQ's refusals name it */

	bool permanent;	 /* durable, shared, named by its client, and there
			  * until somebody deletes it */
	bool stores_all; /* messages are stored whatever they ask for */
	bool refuses_all; /* a full one that refuses publications refuses all
			   * that comes; else only what publishers send */
	bool holds;	 /* dead letters until somebody takes them, if asked */
	bool counts;	 /* how often each message came back, and tells it */

	/* What clients may ask for. */
	bool conditional_delete; /* if-unused, if-empty */
	bool channel_prefetch;	 /* basic.qos with global */
	bool exclusive_consumer; /* else it is one like any other */
	bool single_get;   /* basic.get beside a single active consumer */
	bool single_rank;  /* which is followed by the one of the highest
			    * priority; else by the one that came first */
	bool dead_refused; /* reject-publish-dlx; else it is drop-head */
};

/* The type of that name, NULL if there is none. */
const struct queue_type *queue_type_find(struct bytes name);

/* The type of a queue declared with these arguments: classic, unless they name
 * another. NULL if they name none that there is. */
const struct queue_type *queue_type_of(struct bytes arguments);

/* The property that a queue of the type cannot have, as RabbitMQ names it, in the
 * order in which it looks; NULL if there is none. */
const char *queue_type_wrong(const struct queue_type *, bool durable,
    bool exclusive, bool auto_delete);

#endif
