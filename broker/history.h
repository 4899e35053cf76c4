/* history.h - what exchanges of type x-recent-history remember, in memory only,
 * as RabbitMQ. */
#ifndef BROKER_HISTORY_H
#define BROKER_HISTORY_H

#include "amqp/bytes.h"

struct channel;
struct destination;
struct exchange;
struct history;
struct message;

/* Of an exchange with these arguments; with one reference. */
struct history *history_new(struct bytes arguments);
struct history *history_ref(struct history *);
void history_unref(struct history *);

/* Remembers the message in place of the oldest, if it is full. */
void history_add(struct history *, struct message *);

/* The destination was bound to the exchange by a client of the channel: sends
 * it what the exchange remembers, the oldest first, if it is one of those. What
 * is long is sent in slices, while the connection waits. */
void history_replay(
    struct channel *, const struct exchange *, struct destination *);

#endif
