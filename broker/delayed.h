/* delayed.h - what exchanges of type x-delayed-message hold until its time has
 * come.
 *
 * Each such exchange has a timed lane, and everything it holds is there, also
 * what is transient and what a transient exchange holds: a start forgets the
 * latter. Memory has what is due soon, at most a fraction of what a lane may have
 * there; the rest is out, and loaded ahead of its time.
 *
 * Invariants:
 * 1. Everything up to reach is in memory, or being loaded. What comes and is due
 *    behind it is out as soon as it is told to the journal.
 * 2. Nothing that is out is due before next_out.
 * 3. What is not yet committed is known. A load, which may take several parts,
 *    reads what lies behind all of memory and has a lower position than that;
 *    what is not committed joins memory when the load is decided upon, and what
 *    comes meanwhile does anyway. So nothing is missed, nothing comes twice, and
 *    no load waits for a commit.
 * 4. A message that is due enters its queues in the batch that removes it. */
#ifndef BROKER_DELAYED_H
#define BROKER_DELAYED_H

#include "broker/agenda.h"
#include "broker/keep.h"
#include "broker/server.h"
#include "persistence/store.h"

/* Messages not yet committed, by position; borrowed from their batch. */
struct unsaved {
	struct agenda_item *items;
	size_t from, to, room;
};

struct delayed {
	struct job job; /* releases what is due, or frees what is left */
	bool running;	/* the job is on its way */
	struct server *server;
	struct vhost *vhost;
	struct exchange *exchange; /* NULL: it was deleted */
	uint64_t lane;
	unsigned refs;
	struct agenda near;	/* what is in memory */
	uint64_t count, bytes;	/* all it holds; bytes of bodies */
	uint64_t next_position; /* of its lane */
	struct unsaved unsaved;
	struct due reach;
	int64_t next_out;
	struct keep_way way;   /* of what is being released */
	struct due released;   /* the last of all that were */
	uint64_t released_seq; /* the batch that removes it */
	struct lane_change *change; /* in the open batch */

	bool filling;	   /* up to reach there is more to be loaded: */
	struct due from;   /* what is behind this */
	uint64_t below;	   /* and has a lower position */
	struct load *load; /* on its way */
	unsigned failures;  /* of loads since the last that came */
	int64_t retry_at;   /* not asked for again before that */

	struct event *timer;
	int64_t watching; /* what it is set for; 0: nothing */
	LIST_ENTRY(delayed) link; /* of all there are */
};

/* What the exchange holds: nothing yet. With one reference, which delayed_delete
 * drops. exchange may be NULL for what the store has of one that is gone. */
struct delayed *delayed_new(
    struct server *, struct vhost *, struct exchange *, uint64_t lane);

/* It holds what the store says. */
void delayed_restore(struct delayed *, const struct lane_state *);

static inline struct delayed *
delayed_ref(struct delayed *d)
{
	d->refs++;
	return d;
}

void delayed_unref(struct delayed *);

/* The exchange goes, with all it holds; freed in slices. */
void delayed_delete(struct delayed *);

/* For the server, at the end. */
void delayed_free(struct delayed *);

/* Holds the message, whose headers name a delay, from now on. True if a promise
 * about it waits for the store. */
bool delayed_hold(struct delayed *, struct message *);

/* The journal calls back for its lanes; a load came back. */
void delayed_hand_over(struct lane_change *);
void delayed_committed(struct lane_change *);
void delayed_loaded(struct load *);

#endif
