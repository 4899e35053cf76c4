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
	bool again;   /* nobody took it before */
	STAILQ_ENTRY(letter) link;
};

STAILQ_HEAD(letters, letter);

/* The same body under the exchange and key of the queue's dead letters, its history
 * longer by one: a reference. NULL if there is no memory for it. */
struct message *letter_write(const struct letter *);

/* What happened to a message before: its x-death header, if it is one. */
struct bytes letter_deaths(const struct amqp_props *);

/* Was it in that queue already, and nobody rejected it since? Then it would go
 * round for ever. */
bool letter_cycles(struct bytes deaths, struct bytes queue);

#endif
