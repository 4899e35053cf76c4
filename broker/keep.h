/* keep.h - what exchanges that keep messages have in common. */
#ifndef BROKER_KEEP_H
#define BROKER_KEEP_H

#include "exchanges/router.h"

struct journal;
struct message;
struct queue;
struct vhost;

/* Gives the message to all exchanges of a route that keep it. True if a promise
 * about it waits for the store. */
bool keep(const struct route *, struct message *);

/* A message that was kept on its way to the queues of its exchange; of very many
 * only some are served in a turn. All of them, and what is told to the journal
 * with keep_begin, are one batch. All zeros: there is none. */
struct keep_way {
	struct message *message; /* a reference */
	int64_t expires_in;
	struct journal *journal; /* is held meanwhile */
	struct queue **to;	 /* references, from next on */
	size_t count, next;
};

/* Begins to send it on, as if it had just been published: to all that the exchange
 * leads to now. Then keep_go_on must be called until it is true. */
void keep_begin(struct keep_way *, struct vhost *, struct exchange *,
    struct message *, size_t *budget);
bool keep_go_on(struct keep_way *, size_t *budget);

/* The same to one queue, at once. */
void keep_push(struct queue *, struct message *);

#endif
