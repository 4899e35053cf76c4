/* journal.h - collects durable changes in one open batch, and hands it over
 * when its time has come.
 *
 * Everything that must survive is told to the open batch in the order in which
 * it happened. A promise (a confirm, an -ok) remembers the seq of the batch that
 * was open and is kept when journal_committed has reached it. The batch is handed
 * to the committer between turns only, when the committer is idle and a promise
 * waits, or when the batch is old or large: so group commit grows with load, and
 * what is published and acknowledged meanwhile is never written. */
#ifndef BROKER_JOURNAL_H
#define BROKER_JOURNAL_H

#include "persistence/committer.h"

struct journal {
	struct committer *committer;
	struct batch *open;
	uint64_t seq;	     /* of the open batch */
	uint64_t skipped_to; /* empty batches up to here need no commit */
	uint64_t handed_to;  /* the last seq given to the committer */
	bool promised;	     /* somebody waits for the open batch */
	unsigned held;	     /* transactions half told: nothing is handed over */
	size_t backlog;	     /* bytes with the committer */
	int64_t hold_ms;     /* a batch older than this is handed over */
	size_t hold_bytes;   /* or larger than this */
	struct batch *freeing; /* committed, being taken apart */
};

void journal_init(struct journal *, struct committer *);

/* The committer must have stopped. */
void journal_fini(struct journal *);

void journal_put(struct journal *, const struct definition *);
void journal_remove(struct journal *, const struct definition *);

/* Somebody waits for this seq. */
static inline void
journal_promise(struct journal *j, uint64_t seq)
{
	if (seq == j->seq)
		j->promised = true;
}

/* Between these two nothing is handed over, so that what is told meanwhile
 * is in one batch. */
void journal_hold(struct journal *);
void journal_release(struct journal *);

/* Forgets the open batch, of a broker that did not come up. */
void journal_abandon(struct journal *);

/* Everything up to this seq is safe. */
uint64_t journal_committed(const struct journal *);

/* Bytes of messages not yet on disk. */
static inline size_t
journal_unsaved(const struct journal *j)
{
	return j->backlog + j->open->bytes;
}

/* End of a turn: hands the open batch over if its time has come. before is
 * called for each lane of it, to write down what the lane holds now and to
 * forget the change. now is in monotonic milliseconds. */
void journal_turn(struct journal *, int64_t now,
    void (*before)(struct lane_change *));

/* Hands over whatever there is, for the end. */
void journal_finish(struct journal *, void (*before)(struct lane_change *));

/* Frees up to budget entries of committed batches, and calls after once for
 * each of their lanes. True while there is more. */
bool journal_reap(
    struct journal *, size_t *budget, void (*after)(struct lane_change *));

/* In how many milliseconds journal_turn must be called again, -1 for never. */
int64_t journal_delay(const struct journal *, int64_t now);

#endif
