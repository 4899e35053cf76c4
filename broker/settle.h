/* settle.h - acknowledgements and returns of deliveries, at once or, when they
 * are many, in slices. */
#ifndef BROKER_SETTLE_H
#define BROKER_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

struct channel;
struct connection;

enum settlement {
	SETTLE_ACK,	/* done with: the queue forgets it */
	SETTLE_DISCARD, /* refused for good */
	SETTLE_REQUEUE, /* back to its place */
};

struct delivery;

/* Settles what was taken out of a ledger. */
void settle_delivery(struct delivery *, enum settlement);

/* Settles one delivery (multiple: all up to it; tag 0 then means all there
 * are). False if there is no such delivery. Many are settled in slices while
 * the connection is suspended. */
bool settle(struct channel *, uint64_t tag, bool multiple, enum settlement);

/* The channel ends: everything returns to its queues. False if it does so in
 * slices; the asker, if any, is suspended until then, and the connection's close
 * waits for it anyway. */
bool settle_all(struct channel *, struct connection *asker);

#endif
