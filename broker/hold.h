/* hold.h - what a channel says behind a publication that must wait.
 *
 * While an alarm is set, publications are set aside, as the frames they came in,
 * and so is what comes behind them on their channel. Each channel keeps its
 * order, with these exceptions, that go on at once because nothing held in front
 * of them can change what they do:
 *
 * - ack, nack and reject of a delivery that was made, unless the channel is
 *   transactional or about to be;
 * - behind publications alone: ack and nack of all deliveries, cancel, recover,
 *   and get from a queue that has a message ready.
 *
 * All of these take messages out or give them back. Other channels go on
 * altogether; connection.close waits for everything held. There is room for so
 * much for each connection, and for so much in all: when it is used up the
 * connection is not read any more, like the sockets of RabbitMQ's publishers. */
#ifndef BROKER_HOLD_H
#define BROKER_HOLD_H

#include <sys/queue.h>

#include "amqp/frame.h"

struct channel;
struct connection;

enum hold_level {
	HOLD_PUBLISHES, /* nothing but publications */
	HOLD_METHODS,	/* others too */
	HOLD_ALL,	/* one that changes what an acknowledgement means */
};

/* Frames of one channel. Made when the first is held, gone with the last. */
struct hold {
	struct connection *connection;
	struct channel *channel; /* NULL once it is closed by what was held */
	enum hold_level level;
	enum { DUE_METHOD, DUE_HEADER, DUE_BODY } due; /* what comes next */
	uint64_t body_left;
	bool closes; /* channel.close is among them */
	bool busy;   /* its frames are being carried out */
	uint8_t *frames;
	size_t at, n, room;
	TAILQ_ENTRY(hold) link; /* the connection's */
};

TAILQ_HEAD(hold_list, hold);

enum hold_verdict {
	HOLD_NOT,  /* carry it out */
	HOLD_TAKEN, /* it is kept for later */
	HOLD_FULL, /* it must stay where it is, and all behind it */
};

/* What to do with a frame that came, while pressure.on. in begins with the
 * frame. Tells a publisher that it is blocked. */
enum hold_verdict hold_frame(
    struct connection *, const struct amqp_frame *, struct bytes in);

/* The frames that are left, to be carried out between these two. The second is
 * told how many bytes are done with; true if that was all of them, and the end of
 * it. */
struct bytes hold_begin(struct hold *);
bool hold_end(struct hold *, size_t used);

/* The channel has failed: what it holds is ignored, as all that comes now is.
 * True if channel.close was among it, which is still to be answered. */
bool hold_fail(struct channel *);

/* The channel goes. */
void hold_forget(struct channel *);

/* Drops it. */
void hold_free(struct hold *);

#endif
