/* tx.h - what a transactional channel has said and not yet committed.
 *
 * Publications are routed when they come, as in RabbitMQ, and enter their queues
 * at the commit; acknowledgements mark their deliveries and settle them then.
 * All of a commit is told to the journal before it hands anything over, so the
 * store has all of it or nothing. */
#ifndef BROKER_TX_H
#define BROKER_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/settle.h"

struct channel;
struct message;
struct tx;

struct tx *tx_new(void);

/* Forgets everything. The deliveries it marked must have gone, or have been
 * unmarked by tx_rollback. */
void tx_free(struct tx *);

/* Publications and acknowledgements that wait for the commit. */
size_t tx_publications(const struct tx *);
size_t tx_acknowledgements(const struct tx *);

/* A publication that was routed to the channel's cached queues. */
void tx_publish(
    struct channel *, struct message *, int64_t expires_in, bool mandatory);

/* Marks deliveries as settle would settle them; false if there is no such one,
 * or it is marked already. */
bool tx_settle(struct channel *, uint64_t tag, bool multiple, enum settlement);

/* Does all of it, in slices if it is much: true if it is done, else the
 * connection is suspended until it is. */
bool tx_commit(struct channel *);

/* Gives the message to the channel's cached queues, of which there are too many
 * for one turn, as if it were a transaction of its own; then it is confirmed, on
 * a channel that confirms. */
void tx_spread(struct channel *, struct message *, int64_t expires_in);

/* Publications are dropped, deliveries are unacknowledged again. */
void tx_rollback(struct channel *);

#endif
