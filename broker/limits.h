/* limits.h - what x-arguments ask of a queue: how many, how long, and where what
 * leaves it goes. */
#ifndef BROKER_LIMITS_H
#define BROKER_LIMITS_H

#include "amqp/bytes.h"

enum overflow {
	OVERFLOW_DROP_HEAD,
	OVERFLOW_REJECT,     /* reject-publish: the publisher hears nack */
	OVERFLOW_REJECT_DLX, /* and the message is dead-lettered */
};

struct limits {
	int64_t ttl;	     /* milliseconds; -1: none */
	int64_t expires;     /* milliseconds unused; 0: none */
	int64_t consumer_timeout; /* milliseconds; -1: as the broker says */
	uint64_t max_length; /* ready entries; UINT64_MAX: none */
	uint64_t max_bytes;  /* of ready bodies; UINT64_MAX: none */
	bool bounded;	     /* one of the two is set */
	uint8_t max_priority; /* 0: all are the same */
	enum overflow overflow;
	bool wrong_overflow; /* one that the type of queue does not have */
	uint64_t delivery_limit; /* times it may come back; UINT64_MAX: any */
	bool dead_letters; /* has a dead letter exchange */
	bool has_dead_key;
	bool has_dead_strategy;
	bool at_least_once; /* dead letters stay until somebody takes them */
	bool single_active; /* one consumer at a time is served */
	struct bytes dead_exchange, dead_key, dead_strategy; /* borrowed from
							      * the arguments */
};

/* Reads arguments that passed arguments_check. default_returns is the delivery
 * limit of those that say nothing, 0 for none. */
void limits_parse(
    struct limits *, struct bytes arguments, int64_t default_returns);

#endif
