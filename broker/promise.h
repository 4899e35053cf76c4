/* promise.h - what a channel may say once the disk agrees.
 *
 * Replies: while one waits for its commit, every later one queues behind it,
 * already encoded; those that wait for the same batch stand together. Deliveries
 * queue behind deliveries. Confirms: runs of publications with the batch they wait
 * for; a run is said as one ack, "multiple" where it covers more than one. */
#ifndef BROKER_PROMISE_H
#define BROKER_PROMISE_H

#include <sys/queue.h>

#include "amqp/wire.h"

struct channel;
struct consumer;
struct server;

struct confirm_run {
	uint64_t seq;  /* batch it waits for */
	uint64_t last; /* publication tag; the first follows the run before */
	bool refused;  /* nack: a queue was full */
};

struct waiting {
	struct waiting *next;
	uint64_t seq;
	struct consumer *consumer; /* may be served once these have left */
	unsigned tags;		   /* deliveries and get-oks of them */
	struct writer frames;
};

struct promises {
	struct confirm_run *runs; /* a ring */
	size_t run_first, run_count, run_room;
	uint64_t confirmed; /* highest tag said */
	struct waiting *first, *last;
	unsigned tags; /* of them, with a delivery tag: others stay behind */
	bool listed; /* on the server's list of those with promises */
	TAILQ_ENTRY(channel) link;
};

void promises_init(struct promises *);
void promises_fini(struct channel *);

/* For the end of its connection: appends the replies that wait, in order, and
 * returns the number they wait for, 0 if there are none. */
uint64_t promises_collect(const struct channel *, struct writer *);

/* The publication of this tag is safe once seq is committed; 0: it is safe
 * already, but is said behind those before it. refused: a queue did not take it,
 * which is said with basic.nack. */
void promise_confirm(
    struct channel *, uint64_t tag, uint64_t seq, bool refused);

/* Sends the frame once seq is committed and all replies before it have left.
 * seq 0 waits for nothing itself. */
void promise_reply(struct channel *, struct bytes frame, uint64_t seq);

/* The same for a get-ok or a delivery with its content. Delivery tags must come in
 * order: while it waits, nothing with a tag may be sent but by this. */
void promise_delivery(struct channel *, struct bytes frames, uint64_t seq);

/* Its consume-ok is the reply promised last: it starts when that has left. */
void promise_start(struct channel *, struct consumer *);

/* The consumer goes: nothing is to be started. */
void promise_forget(struct channel *, struct consumer *);

/* Whether replies wait. */
static inline bool
promises_wait(const struct promises *p)
{
	return p->first != NULL;
}

/* Says what is safe now; true if something is still owed. */
bool promises_keep(struct channel *, uint64_t committed);

#endif
