/* consumer.h - who takes from a queue, and how much it may hold. */
#ifndef BROKER_CONSUMER_H
#define BROKER_CONSUMER_H

#include <sys/queue.h>

#include "amqp/bytes.h"

struct channel;
struct queue;

/* Lives until it is cancelled and its last unacknowledged delivery is settled;
 * channel is NULL once its channel has gone. */
struct consumer {
	struct queue *queue; /* a reference */
	struct channel *channel;
	struct bytes tag;	/* own */
	struct bytes arguments; /* own, a table */
	bool no_ack, exclusive;
	bool cancelled;
	bool active;  /* on its queue's list of those to be served */
	bool stalled; /* on its connection's list, until the socket drains */
	bool waits;   /* its consume-ok has not left yet */
	bool behind;  /* another is its queue's single active one */
	int32_t priority;
	unsigned limit;	  /* prefetch; 0: none. With no_ack none is used up */
	unsigned unacked; /* each keeps it alive */
	TAILQ_ENTRY(consumer) queue_link;
	TAILQ_ENTRY(consumer) active_link; /* or behind */
	TAILQ_ENTRY(consumer) channel_link;
	TAILQ_ENTRY(consumer) stalled_link;
};

/* Adds a consumer to the queue and the channel, able to take things at once, or
 * once it is the single active one of a queue that has one (RabbitMQ: those of
 * a higher priority that come later wait as well). tag and arguments are
 * copied. */
struct consumer *consumer_new(struct channel *, struct queue *,
    struct bytes tag, struct bytes arguments, bool no_ack, bool exclusive);

/* The channel's consumer of that tag, or NULL. */
struct consumer *consumer_find(const struct channel *, struct bytes tag);

/* Takes it out of queue and channel. If it was the single active one, the next
 * is the earliest of the highest priority. An auto-delete queue goes with its
 * last consumer. */
void consumer_cancel(struct consumer *);

/* May it be given an entry now? */
bool consumer_ready(struct consumer *);

/* Something that held it back has changed: it stands for its queue again. */
void consumer_wake(struct consumer *);

/* What held back all consumers of a channel has changed. */
void channel_wake(struct channel *);

/* It cannot take anything until somebody wakes it. */
void consumer_rest(struct consumer *);

/* One of its deliveries is settled. May free it. */
void consumer_settled(struct consumer *);

#endif
