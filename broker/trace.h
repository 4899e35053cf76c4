/* trace.h - the firehose: what is published and delivered in a vhost, told to its
 * exchange amq.rabbitmq.trace, as RabbitMQ does.
 *
 * A vhost that is traced has traced set, and the server counts them. Channels do
 * not remember routes there, so that a publication meets a test of the flag only
 * where it looks for its way. */
#ifndef BROKER_TRACE_H
#define BROKER_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/envelope.h"
#include "exchanges/router.h"

struct channel;
struct entry;
struct queue;
struct server;
struct traced;
struct vhost;

/* Copies that have found their queues and not yet entered them: for a queue may
 * be at work when something of it is traced. Zero-initialised is ready. */
struct traces {
	struct route route; /* its own: others may be in the middle of theirs */
	struct copies copies;
	struct traced *list;
	size_t count, room;
};

void traces_fini(struct traces *);

/* Turns it on or off; not stored, so it is off after a restart (RabbitMQ). */
void trace_turn(struct vhost *, bool on);

/* The message was published on the channel, and routed as route tells. */
void trace_published(struct channel *, const struct message *,
    const struct amqp_props *, const struct routing *, const struct route *);

/* The entry is being delivered on the channel. */
void trace_delivered(
    struct channel *, const struct queue *, const struct entry *);

/* Lets the copies into their queues; not while one of them is at work. */
void traces_enter(struct server *);

#endif
