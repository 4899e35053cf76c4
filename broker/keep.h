/* keep.h - what exchanges that keep messages have in common. */
#ifndef BROKER_KEEP_H
#define BROKER_KEEP_H

#include "exchanges/router.h"

struct message;
struct queue;
struct server;
struct vhost;

/* Gives the message to all exchanges of a route that keep it. True if a promise
 * about it waits for the store. */
bool keep(const struct route *, struct message *);

/* Sends on what was kept, as if it had just been published: to all that the
 * exchange leads to now, or to one queue. Returns units of work. */
size_t keep_send(
    struct server *, struct vhost *, struct exchange *, struct message *);
void keep_push(struct queue *, struct message *);

#endif
