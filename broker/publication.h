/* publication.h - method, header and bodies become one message, then routed,
 * enqueued, promised. */
#ifndef BROKER_PUBLICATION_H
#define BROKER_PUBLICATION_H

#include "amqp/method.h"
#include "amqp/message.h"
#include "exchanges/exchange.h"

struct channel;
struct queue;

enum publication_state {
	PUBLICATION_NONE,
	PUBLICATION_HEADER, /* the method came */
	PUBLICATION_BODY,   /* the header came, some of the body is missing */
};

/* What is being received on a channel. */
struct publication {
	enum publication_state state;
	bool mandatory, immediate;
	uint8_t exchange_size, key_size;
	uint8_t names[510]; /* exchange, then key */
	uint64_t announced; /* body size */
	uint64_t received;  /* of the body */
	uint64_t room;	    /* for the body in the message */
	struct message *message;
};

/* Where the last publication went, good while nothing changed that could lead
 * it elsewhere. */
struct route_cache {
	uint64_t generation; /* of topology and permissions; 0: nothing */
	uint8_t exchange_size, key_size;
	uint8_t names[510];
	struct queue **queues;
	size_t count, room;
	bool kept;	/* exchanges keep it, as the server's route says: */
	bool held_back; /* then nothing is remembered beyond the publication */
	bool detour;	/* so it is, or the channel is transactional, or the
			 * queues are very many */
};

/* The whole content lies in one buffer: publish it at once. */
int publication_whole(struct channel *, const struct amqp_basic_publish *,
    struct bytes header, struct bytes body);

/* basic.publish came alone; content follows in frames of its own. */
void publication_begin(struct channel *, const struct amqp_basic_publish *);

/* A content header frame. Returns AMQP_OK or a refusal. */
int publication_header(struct channel *, struct bytes payload);

/* A body frame. */
int publication_body(struct channel *, struct bytes payload);

/* Forgets what was received so far. */
void publication_drop(struct publication *);

#endif
