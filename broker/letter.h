/* letter.h - a message that left its queue for the next exchange: what it says of
 * its deaths. */
#ifndef BROKER_LETTER_H
#define BROKER_LETTER_H

#include <sys/queue.h>

#include "amqp/props.h"
#include "broker/entry.h"

struct queue;

enum death {
	DEATH_REJECTED,
	DEATH_EXPIRED,
	DEATH_MAXLEN,
	DEATH_DELIVERY_LIMIT,
};

struct letter {
	struct queue *queue; /* that it left: a reference */
	struct entry entry;
	enum death why;
	int64_t died; /* wall-clock milliseconds */
	bool refused; /* never was in the queue */

	/* Of at-least-once. */
	bool held; /* nobody took it before: the entry is of the queue's lane of
		    * dead letters */
	bool full; /* a queue on its way refused it */
	bool elsewhere; /* where no queue is, it has been: replies, exchanges
			 * that keep messages */
	struct queue **took; /* those that have it: references */
	size_t took_count;

	/* While it is carried. */
	struct message *message; /* as it is sent: a reference */
	struct queue **to;	 /* its way: references, NULL where it did not
				  * stay */
	size_t to_count, to_next;
	bool begun;

	STAILQ_ENTRY(letter) link;
};

STAILQ_HEAD(letters, letter);

/* Drops what it refers to, but for the entry's message, and itself. */
void letter_free(struct letter *);

/* The same body under the exchange and key of the queue's dead letters, its history
 * longer by one: a reference. NULL if there is no memory for it. */
struct message *letter_write(const struct letter *);

/* What happened to a message before: its x-death header, if it is one. */
struct bytes letter_deaths(const struct amqp_props *);

/* Was it in that queue already, and nobody rejected it since? Then it would go
 * round for ever. */
bool letter_cycles(struct bytes deaths, struct bytes queue);

/* Appends the queue and those of the deaths, the last in front, as Erlang's
 * terms. */
void letter_put_circle(
    struct writer *, struct bytes deaths, struct bytes queue);

#endif
