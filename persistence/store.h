/* store.h - a store applies a batch atomically, loads entries back, and says
 * at start what is true. */
#ifndef PERSISTENCE_STORE_H
#define PERSISTENCE_STORE_H

#include "persistence/change.h"

enum store_status {
	STORE_OK,
	STORE_FULL,   /* no room (ENOSPC, EDQUOT, SQLITE_FULL): nothing was
			 applied; the same batch may be tried again later */
	STORE_IO,     /* reading, writing or syncing failed, outcome unknown: the
			 store was closed and opened again; try the batch again,
			 its seq tells whether it had been applied */
	STORE_BROKEN, /* anything else: the broker must stop */
};

/* One lane as it was at the last commit. */
struct lane_state {
	uint64_t lane, count, bytes, first, next_position, delivered_to;
	uint64_t noted; /* 1: entries may have notes */
	int64_t next_deadline; /* nothing goes before it; 0: nothing has one */
};

/* Called by restore, definitions first (kinds in the order of their rows), then
 * lanes. What is borrowed is good until the call returns. */
struct store_visitor {
	void *arg;
	void (*definition)(void *arg, const struct definition *);
	void (*lane)(void *arg, const struct lane_state *);
};

struct loaded {
	uint64_t position;
	int64_t deadline;
	struct message *message; /* the reader's reference */
	uint32_t note;		 /* 0: none */
};

/* Reads live entries of a lane: in order, or those that are due. The caller
 * fills in the first part, the store the second. Entries whose removal is not
 * yet committed do come.
 *
 * A load of due entries gives back those with a deadline up to due, as many as
 * max_bytes or a bounded number of packs hold, without reading packs that have
 * none. A pack that was begun is finished. They come in the order of packs'
 * deadlines, in a pack in order of position: so in order, where deadlines grow
 * with position. If there is more, another load goes on from here. What
 * next_deadline says is due comes when the removal of these, and the deferrals,
 * are committed and all begins anew.
 *
 * Of a timed lane, those behind after with deadlines up to until come in order
 * of deadline, less those whose positions are not wanted. */
struct load {
	uint64_t lane;
	bool timed;
	struct due after;
	int64_t until;
	uint64_t first, last; /* positions wanted, both included */
	size_t max_bytes;     /* stop behind the entry that reaches this; 0
			       * for one entry */
	int64_t due;	      /* wall-clock milliseconds; 0: all in order */
	struct deferral from; /* of due ones: the former load's, or zeros */
	uint64_t epoch;	      /* the loop's: late results are thrown away */
	void *owner;	      /* the loop's */
	bool noted;	      /* entries of the lane may have notes */
	void (*came)(struct load *); /* the loop's: who takes it; NULL for the
				      * owner */

	struct loaded *entries; /* malloc'd; load_free frees it and drops the
				 * references that are still in it */
	size_t count, bytes; /* bytes of the messages' memory */
	uint64_t next; /* where to go on; above last when nothing is left */
	int64_t next_due; /* of a timed lane: the first behind what came;
				* INT64_MAX when there is none */
	int64_t next_deadline; /* of due ones: what was not given back goes no
				* earlier; 0: nothing else has a deadline */
	bool more; /* of due ones: go on from: */
	struct deferral here;
	struct deferral *deferrals; /* for lane_defer; load_free frees them */
	size_t deferral_count;
	size_t packs; /* that were looked into for what is due */
	size_t rows;  /* of a timed lane that were read */
	enum store_status status;
	char *error; /* malloc'd, a sentence, if status is not STORE_OK */
	struct load *link; /* the committer's lists */
};

void load_free(struct load *);

/* For stores: adds an entry, without a note, and takes the reference; true if max_bytes (of the
 * messages' memory) are reached, with next behind the entry. */
bool load_add(struct load *, uint64_t position, int64_t deadline,
    struct message *);

/* For stores: notes that what stays behind may go at this deadline (0: has
 * none), and that the entries from first on do not go earlier. */
void load_leave(struct load *, int64_t deadline);
void load_defer(struct load *, uint64_t first, int64_t deadline);

/* The earlier of two deadlines, 0 being none. */
static inline int64_t
deadline_min(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

struct store {
	const struct store_ops *ops;
};

/* Made by a store's own open function. apply runs on the committer's thread,
 * load on the loader's, maintain on the committer's between batches; the three
 * may be called at once only in so far as load may overlap the others. */
struct store_ops {
	const char *name;

	/* Whether apply is so cheap that the loop calls it itself and all is
	 * committed at once. */
	bool immediate;

	/* Applies the whole batch or nothing, durably. A batch whose seq is not
	 * above the last applied one was applied already: STORE_OK. The numbers
	 * count from 1 in each run of the broker; open forgets the last. */
	enum store_status (*apply)(struct store *, const struct batch *);

	/* Fills in the second part of load. */
	void (*load)(struct store *, struct load *);

	/* Tells all definitions and lanes; reads no entries. The highest lane id
	 * ever used comes back in *last_lane. */
	enum store_status (*restore)(struct store *, const struct store_visitor *,
	    uint64_t *last_lane);

	/* A slice of work that can wait (rows of dropped lanes, checkpoints,
	 * returning room), if it is time for it. In how many milliseconds the next
	 * is; -1: no more is known of. NULL if there never is any. */
	int64_t (*maintain)(struct store *);

	/* Bytes on disk (database and log), for status; any thread may ask. */
	uint64_t (*size)(struct store *);

	/* A sentence about the last status of apply or restore that was not
	 * STORE_OK; asked on the thread that got the status. */
	const char *(*error)(struct store *);

	void (*close)(struct store *);
};

/* The store on SQLite in dir/leveret.db, made if it is not there. The folder is
 * locked (flock) until close. NULL with a sentence in error (size bytes): a
 * folder that is in use or cannot be written, a newer schema, a damaged file. */
struct store *store_sqlite_open(const char *dir, char *error, size_t size);

/* Removes it and all it holds, while nobody has it open. False with errno. */
bool store_sqlite_remove(const char *dir);

/* The store that forgets: for tests and ephemeral brokers. */
struct store *store_memory_open(void);

#endif
