/* queue.h - entries in order, and the consumers waiting for them. */
#ifndef BROKER_QUEUE_H
#define BROKER_QUEUE_H

#include <sys/queue.h>

#include "broker/lanes.h"
#include "broker/limits.h"
#include "exchanges/destination.h"

struct connection;
struct consumer;
struct held;
struct queue_type;
struct server;
struct vhost;
struct waiter;

TAILQ_HEAD(consumer_list, consumer);

/* Life of a queue: queue_new puts it into its vhost with one reference; each
 * consumer and each unacknowledged delivery holds another. queue_delete takes it
 * out, cancels consumers, drops its lanes and the first reference; the struct is
 * freed with the last one, at the end of the turn. */
struct queue {
	struct destination destination; /* first: what routes lead to */
	struct vhost *vhost;
	struct server *server;
	unsigned refs;
	bool durable, auto_delete, deleted;
	bool stores_all; /* messages are stored whatever they ask for */
	const struct queue_type *type;
	struct connection *owner; /* of an exclusive queue */
	struct bytes arguments;	  /* a table, own */
	struct bytes merged;	  /* with what policies say, own; empty: they
				   * say nothing */
	uint64_t policies_seen;	  /* the vhost's policies_changed then */
	struct limits limits;
	struct lanes lanes;
	unsigned unacked;
	uint64_t unacked_bytes; /* of their bodies */
	bool told_circle; /* that its dead letters come back was logged */
	struct held *held; /* its dead letters nobody took; NULL: none so far */

	struct consumer_list consumers; /* all, in the order they came */
	struct consumer_list active;	/* those that may be given something,
					 * highest priority first, then next in
					 * turn */
	unsigned consumer_count;
	struct consumer *exclusive; /* the one that has it to itself */
	struct consumer *single;    /* the one that is served, if the queue
				     * has a single active one */
	struct consumer_list behind; /* the others then: the next in front */
	bool had_consumer;

	bool runnable; /* on the server's list */
	TAILQ_ENTRY(queue) runnable_link;
	TAILQ_ENTRY(queue) owner_link; /* others exclusive to the owner */
	TAILQ_HEAD(, connection) waiting; /* gets that wait for a load */
	bool timed;	  /* it had something with a deadline */
	int64_t watching; /* the deadline its timer is set for; 0: none */
	struct event *deadline_timer, *unused_timer; /* made when needed */
	uint64_t published, delivered, acked;
};

/* name and arguments are copied. lane_id 0: nothing of it is stored. */
struct queue *queue_new(struct vhost *, struct bytes name,
    struct bytes arguments, uint64_t lane_id);

static inline struct queue *
queue_ref(struct queue *q)
{
	q->refs++;
	return q;
}

void queue_unref(struct queue *);

/* Does the store know the queue, and those of its messages that are to be
 * stored? */
static inline bool
queue_stored(const struct queue *q)
{
	return q->lanes.lowest.id != 0;
}

static inline struct bytes
queue_name(const struct queue *q)
{
	return q->destination.name;
}

/* Its policies have changed: reads its limits again. What is over them goes in
 * slices. */
void queue_limit(struct queue *);

/* Units of a turn that it takes to push into n queues: very many are not in the
 * processor's caches. */
static inline size_t
queue_push_cost(size_t n)
{
	return n < 256 ? n : 8 * n;
}

/* Adds the message and wakes consumers; the entry takes a reference. It is gone
 * after expires_in milliseconds (-1: never), or the queue's own time. True if the
 * store must have it before a promise about it can be kept. */
bool queue_push(struct queue *, struct message *, int64_t expires_in);

/* As queue_push, for what no publisher waits for: dead letters, and what exchanges
 * have kept. A full queue may refuse it: then it is lost, as in RabbitMQ. */
void queue_pass_on(struct queue *, struct message *, int64_t expires_in);

/* Is the queue full, and one that refuses what comes then? The message is
 * dead-lettered if the queue says so. */
bool queue_refuses(struct queue *, struct message *);

/* Starts to load what is out, if it is time to, or what is out and has a
 * deadline before now. */
void queue_load(struct queue *);
void queue_sweep(struct queue *, int64_t now);

/* Gets that waited try again. */
void queue_call_waiting(struct queue *);

/* Puts it on the list of those served at the end of the turn, if somebody
 * could take something. */
void queue_wake(struct queue *);

/* Gives entries to consumers, at most *budget; true if it must run again. */
bool queue_run(struct queue *, size_t *budget);

/* After a start, of a queue that counts and has a limit: what came back too often
 * with the broker's end goes, whether or not anybody consumes. */
void queue_recount(struct queue *);

/* At an orderly end: the store is told what was delivered. */
void queue_seal(struct queue *);

/* Takes the next entry for basic.get. False if there is none; *wait is set if
 * it has to be loaded first: then the connection is told when to try again. */
bool queue_take(struct queue *, struct entry *, bool *wait);

/* An entry that was taken is about to be delivered, and to be acknowledged:
 * lane_count of its lane. */
uint64_t queue_count(struct queue *, const struct entry *);

/* An entry that was taken is acknowledged or thrown away. */
void queue_settle(struct queue *, struct entry *);

/* An entry that was taken comes back to its place, or is dead if it did so too
 * often. Takes its reference. */
void queue_requeue(struct queue *, struct entry);

/* Removes what is ready and returns how many; freed in slices. Durable when
 * job_idle says so: the connection, if any, is suspended until then. */
size_t queue_purge(struct queue *, struct connection *);

/* Frees in slices what was taken from its lanes; takes it. */
void queue_clear(struct queue *, struct lanes_rest *);

/* What queue_delete costs, in units of a turn. */
enum { QUEUE_DELETION = 8 };

/* Everything goes: consumers are cancelled (and told, if they asked to be),
 * bindings removed, the lane dropped. Returns the number of ready entries. */
size_t queue_delete(struct queue *);

/* Frees it; for the server, once the last reference is gone. */
void queue_free(struct queue *);

/* The journal calls back for its lanes; a load came back. */
void queue_hand_over(struct lane_change *);
void queue_committed(struct lane_change *);
void queue_loaded(struct load *);

#endif
