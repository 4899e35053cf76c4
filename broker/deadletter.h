/* deadletter.h - why a message left its queue, told to its next exchange.
 *
 * Letters are carried in slices, one with a long way in several. Until one is
 * carried its entry is still the old queue's in the store; its removal and its new
 * entries share a batch, so a crash finds it in the old place or in the new ones.
 * One that must not be lost (at-least-once) and is not taken is held: see
 * held.h. */
#ifndef BROKER_DEADLETTER_H
#define BROKER_DEADLETTER_H

#include "broker/letter.h"

struct server;

/* An entry that was taken from its queue is done with: it goes to the dead letter
 * exchange if the queue has one, else it is forgotten. Takes its reference. */
void deadletter(struct queue *, struct entry, enum death);

/* Carries letters until the server's letters_carried has reached upto, which was
 * its letters_posted: for those who have promised that these are on their way.
 * False if *budget did not suffice. */
bool deadletter_carry(struct server *, uint64_t upto, size_t *budget);

/* Sends a letter on its way, behind the others; takes it. */
void deadletter_send(struct letter *);

/* The old queue is done with an entry that died; drops its reference. */
void deadletter_settle(struct queue *, struct entry *, enum death);

/* Warns of what the queue's limits ask for and do not get, as RabbitMQ does of
 * quorum queues. */
void deadletter_warn(const struct queue *);

/* A message that never entered the queue (reject-publish-dlx). */
void deadletter_refused(struct queue *, struct message *);

#endif
