/* replyto.h - direct reply-to: answers that reach a channel without a queue.
 *
 * A channel that consumes from amq.rabbitmq.reply-to gets a name that only it
 * and those it asks know. What is published to the default exchange under that
 * name, in any vhost, is delivered at once and never stored, as in RabbitMQ. */
#ifndef BROKER_REPLYTO_H
#define BROKER_REPLYTO_H

#include <stdbool.h>

#include "amqp/bytes.h"

struct channel;
struct message;
struct routing;
struct server;

#define REPLYTO "amq.rabbitmq.reply-to"

/* Is it what clients write where they want replies? */
static inline bool
replyto_is(struct bytes name)
{
	return name.n == sizeof REPLYTO - 1 &&
	    memcmp(name.p, REPLYTO, sizeof REPLYTO - 1) == 0;
}

/* Makes the channel's reply consumer; it must have none. tag is copied. */
void replyto_new(struct channel *, struct bytes tag);

/* It ends, if there is one: its name will never lead anywhere again. */
void replyto_free(struct channel *);

/* The tag of the channel's reply consumer? */
bool replyto_has_tag(const struct channel *, struct bytes tag);

/* The name of the channel's reply consumer, empty if it has none. */
struct bytes replyto_name(const struct channel *);

/* Does the name, or the bare one, stand for a reply consumer that lives? */
bool replyto_lives(const struct server *, struct bytes name);

enum {
	REPLYTO_NAMED = 1,     /* a key has the form of such a name */
	REPLYTO_DELIVERED = 2, /* a reply consumer has got it */
	REPLYTO_DROPPED = 4,   /* one has not: too much waits for its peer */
};

/* Gives a message for the default exchange to each reply consumer that one of
 * its keys names, once. Returns what happened, the bits above. */
unsigned replyto_send(
    struct server *, const struct routing *, struct message *);

#endif
