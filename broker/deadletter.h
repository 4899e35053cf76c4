/* deadletter.h - why a message left its queue, told to its next exchange.
 *
 * Letters are carried in slices. Until one is carried its entry is still the old
 * queue's in the store; its removal and its new entries share a batch, so a crash
 * finds it in the old place or in the new one. */
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

/* Of a queue whose letters stay until somebody takes them (at-least-once): how
 * many nobody took. They lead nowhere, or to a queue that is full; some are tried
 * again each second, and more as long as that works. */
size_t deadletter_held(const struct queue *);

/* The queue is deleted: what it holds goes too, in slices. */
void deadletter_let_go(struct queue *);

/* Frees what is held, at the end. */
void deadletter_fini(struct queue *);

/* A message that never entered the queue (reject-publish-dlx). */
void deadletter_refused(struct queue *, struct message *);

#endif
