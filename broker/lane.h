/* lane.h - the entries of a queue in order of position, some of them in memory.
 *
 * From the lowest position to the highest: entries that came back (requeued),
 * the head in memory, the part that is out (in the store only: a range of
 * positions, a count and bytes), and the incoming, in memory because it was not
 * yet committed when it came. While nothing is out there is no incoming: entries
 * go straight to the head.
 *
 * Invariants:
 * 1. Entries leave in order of position, requeued ones at their old place.
 * 2. An unacknowledged entry's position lies below the head's: taken entries
 *    always come from requeued or the head. So everything ready but not requeued
 *    is one range of positions, but for expired ones, which leave it anywhere:
 *    gone knows them until they are removed from the store.
 * 3. Only entries that are committed go out, and they go whole: out holds
 *    nothing that is also in memory.
 * 4. In head and incoming each, no entry has an earlier deadline than one in
 *    front of it unless it is in deadlines, as all requeued ones with a deadline
 *    are. So the next to expire is at a front, in deadlines, or out.
 *
 * Which entries were out when the broker ended is told to the store in two ways.
 * Where the lane counts, the store hears of each delivery before the client: that
 * all below delivered_to were out once, and a note beside each that was out more
 * often. Elsewhere it is told nothing: it takes all that it has for
 * delivered, until an orderly end seals the lane with what really was.
 *
 * What is out and due is fetched by a sweep. It begins when out_deadline has
 * come; loads of it follow one another, and their entries leave the lane as they
 * are back; when all of them are settled the store is told what deadlines are
 * left; and when that is committed the next may begin. */
#ifndef BROKER_LANE_H
#define BROKER_LANE_H

#include "broker/gone.h"
#include "broker/heap.h"
#include "broker/journal.h"
#include "broker/ring.h"

/* How much of one lane may be in memory before it moves out; neither is 0. */
struct lane_mark {
	size_t entries;
	size_t bytes;
};

struct sweep {
	bool under_way;
	int64_t due;
	struct load *load;    /* on its way */
	struct load *came;    /* and back: its entries from next on */
	size_t next;	      /* are to be given out */
	bool more;	      /* to be loaded */
	struct deferral from; /* where */
	struct deferral *deferrals;
	size_t deferral_count, deferral_size;
	size_t unsettled; /* of its entries */
	uint64_t told;	  /* the batch with the last of it, so far */
	uint64_t committed;
	bool over; /* but for the commit of that */
};

struct lane {
	uint64_t id; /* 0: nothing of it is stored */
	struct ring head;
	struct ring incoming;
	struct heap requeued;
	size_t memory; /* bytes of messages in head and incoming */

	bool split; /* pushes go to incoming */
	uint64_t out_first, out_last;
	size_t out_count;
	uint64_t out_bytes; /* of bodies */
	struct load *loading;
	uint64_t epoch; /* loads begun before a purge are thrown away */

	int64_t latest; /* deadline in head, out and incoming, at most;
			 * INT64_MAX if some may have none */
	int64_t head_latest; /* in the head, while it is split */
	int64_t out_deadline; /* nothing out goes before it; 0: none does */
	struct deadlines deadlines;
	struct sweep sweep;
	struct gone gone;

	uint64_t next_position;
	uint64_t delivered_to; /* entries below may have been delivered */
	uint64_t told_to;      /* the store, handed over: those below may */
	uint64_t unsealed;     /* the batch that tells it first; 0: it knows */
	uint64_t committed_to; /* entries below are on disk or gone */
	size_t ready;	       /* entries that can be taken */
	uint64_t ready_bytes;  /* of their bodies */
	uint64_t stored_count; /* live entries the store knows or will know */
	uint64_t stored_bytes; /* of their bodies */
	uint64_t waiting_count; /* those of them ready and never taken */
	uint64_t waiting_bytes;
	struct lane_change *change; /* in the open batch */
	void *owner;	  /* its queue */
	bool counts;	  /* how often its entries came back */
	bool noted;	  /* the store may have notes about that */
	bool sealed;	  /* at the end: nothing is delivered any more */
	uint64_t recount_from; /* what is out from here on and was delivered
				* before a restart, is to be looked at; 0:
				* nothing is */
	struct load *recounting;
	int16_t priority; /* which of its queue's lanes it is */
};

/* An empty lane; id 0 if it is never stored. */
void lane_init(struct lane *, uint64_t id, void *owner);

/* Drops what is in memory, at the end. */
void lane_fini(struct lane *);

/* The lane, still empty, as the store says it is: all of it out. */
void lane_restore(struct lane *, const struct lane_state *);

/* Adds the message at the end; takes a reference. stored says whether the
 * store must know it. */
void lane_push(
    struct lane *, struct journal *, struct message *, int64_t deadline,
    bool stored);

/* The same without a deadline, with a note above 0: it comes back as the entry's
 * returns. For lanes that do not count. What comes above the mark stays in memory
 * only until it is committed. */
void lane_push_noted(struct lane *, struct journal *, struct message *,
    uint32_t note, bool stored, const struct lane_mark *);

/* The next entry, or NULL: nothing is ready, or it is out (lane_wants_load). */
const struct entry *lane_peek(const struct lane *);

/* The n-th that is ready, counted from 0, if it is in memory. NULL if it is out:
 * then it is the *skip-th of what is out. n must be less than ready. */
const struct entry *lane_nth(const struct lane *, size_t n, size_t *skip);

/* Takes what lane_peek shows; its reference is the caller's. */
struct entry lane_pop(struct lane *);

/* Puts back an entry that was taken; takes its reference. */
void lane_requeue(struct lane *, struct entry);

/* The entry that was taken is about to be delivered, and to be acknowledged; a
 * lane that counts tells the open batch. Returns the batch that must be committed
 * before the client hears of it, so that it comes back as one that was out even if
 * the broker dies; 0: there is nothing to wait for, as what the store does not have
 * yet is written with its count. */
uint64_t lane_count_stored(
    struct lane *, struct journal *, const struct entry *);

static inline uint64_t
lane_count(struct lane *l, struct journal *j, const struct entry *e)
{
	return (l->counts || l->unsealed != 0) && (e->flags & ENTRY_STORED)
	    ? lane_count_stored(l, j, e)
	    : 0;
}

/* At an orderly end: the store is told what was delivered and what was not. */
void lane_seal(struct lane *, struct journal *);

/* An entry that was taken is done with: the store forgets it. The reference
 * stays the caller's. */
void lane_settle(struct lane *, struct journal *, const struct entry *);

/* Starts to load what is next from outside, if the head runs low and nothing
 * is on its way; true if so. The load's owner is the lane. */
bool lane_load(struct lane *, struct committer *, const struct lane_mark *);

/* A load was started: those of it that are about to be delivered may have been
 * when the broker is killed. Hurried, and done once after a start. */
void lane_unseal(struct lane *, struct journal *);

/* Of a lane that counts, after a start: begins to load what was out when the
 * broker ended, or more of it, to see what has come back too often; what has not
 * stays out. True if there is any, and little of it is on its way elsewhere. */
bool lane_recount(
    struct lane *, struct committer *, const struct lane_mark *);

/* A load has come back; takes it. Before, of a lane that counts, lane_spent
 * takes out of it, from *at = 0 on, those that came back more often than
 * limit: false if there are no more. */
void lane_loaded(struct lane *, struct load *);
bool lane_spent(struct lane *, struct load *, uint64_t limit, size_t *at,
    struct entry *);

/* Nothing is in memory, but something is out? */
static inline bool
lane_wants_load(const struct lane *l)
{
	return l->out_count > 0 && l->head.count == 0 && l->requeued.count == 0;
}

/* When something in the lane must go next, in wall-clock milliseconds; 0 for
 * never, or not before a sweep is over. */
int64_t lane_next_deadline(const struct lane *);

/* Takes an entry in memory whose deadline lies before now, the earliest first.
 * False if there is none. */
bool lane_expire(struct lane *, int64_t now, struct entry *);

/* Starts to load what is out and has a deadline before now, if there may be
 * something, or what is left of a sweep that is under way. True if it did: the
 * load's owner is the lane. */
bool lane_sweep(struct lane *, struct committer *, const struct lane_mark *,
    int64_t now);

/* The load of a sweep has come back; takes it. Then lane_swept gives out its
 * entries one by one: they are taken and expired. */
void lane_sweep_loaded(struct lane *, struct load *);
bool lane_swept(struct lane *, struct journal *, struct entry *);

/* Behind lane_settle, for entries that expired. */
void lane_expired(struct lane *, struct journal *, uint64_t position);

/* Before a batch is handed over: writes down what the lane holds. The owner of
 * the changes is the lane. */
void lane_hand_over(struct lane *, struct lane_change *);

/* After a batch is committed: what came in with it may move out. */
void lane_committed(
    struct lane *, struct lane_change *, const struct lane_mark *);

/* What purge and drop leave to be freed in slices. */
struct lane_rest {
	struct lane *lane;
	struct ring head, incoming;
	struct heap requeued;
	bool purged; /* requeued entries are still to be removed */
};

/* Takes away everything that is ready; rest keeps what has to be freed. */
void lane_purge(struct lane *, struct journal *, struct lane_rest *);

/* The lane goes with everything it holds, in memory and in the store. */
void lane_delete(struct lane *, struct journal *, struct lane_rest *);

/* Frees up to *budget entries, and removes purged ones from the store; true
 * when done. Without a journal the store hears nothing: the lane is deleted. */
bool lane_rest_free(struct lane_rest *, struct journal *, size_t *budget);

#endif
