/* change.h - the vocabulary of durable facts, collected in batches.
 *
 * A batch belongs to the loop thread while it is open, to the committer from
 * committer_submit to committer_reap, and to the loop thread again until
 * batch_free. It holds a reference to each message in it, so bodies are written
 * from where the socket put them.
 *
 * The unit of the store is a lane: a run of entries in order of their
 * positions, with an id that is never used again. Ids and positions are below
 * 2^63. */
#ifndef PERSISTENCE_CHANGE_H
#define PERSISTENCE_CHANGE_H

#include "amqp/bytes.h"
#include "amqp/message.h"

/* --- definitions -------------------------------------------------------- */

#define TEXT(name) struct bytes name;
#define BLOB(name) struct bytes name;
#define INT(name) int64_t name;
#define KIND(name, keys, values)                                               \
	struct def_##name {                                                    \
		keys values                                                    \
	};
#include "persistence/definitions.def"
#undef KIND
#undef TEXT
#undef BLOB
#undef INT

enum definition_kind {
#define KIND(name, keys, values) DEF_##name,
#include "persistence/definitions.def"
#undef KIND
	DEFINITION_KINDS
};

struct definition {
	enum definition_kind kind;
	union {
#define KIND(name, keys, values) struct def_##name name;
#include "persistence/definitions.def"
#undef KIND
	};
};

struct definition_change {
	bool remove; /* only the keys count */
	struct definition definition;
	struct definition_change *next;
};

/* --- lanes -------------------------------------------------------------- */

struct put {
	struct message *message; /* a reference; NULL: nothing at this position */
	int64_t deadline;	 /* wall-clock milliseconds; 0: none */
};

struct range {
	uint64_t first, last; /* positions, both included */
};

/* Where an entry of a timed lane stands: by its deadline, then by position. */
struct due {
	int64_t deadline;
	uint64_t position;
};

static inline bool
due_before(struct due a, struct due b)
{
	return a.deadline < b.deadline ||
	       (a.deadline == b.deadline && a.position < b.position);
}

/* Of the entries a store keeps together, from first on, none goes before
 * deadline (0: none has one). Only a store's load of what is due makes them. */
struct deferral {
	uint64_t first;
	int64_t deadline;
};

/* A number above 0 that the loop keeps beside an entry, and gets back with it.
 * It goes with the entry. */
struct note {
	uint64_t position;
	uint32_t value;
};

/* What a batch does to one lane. The puts lie at first_put, first_put + 1 and
 * so on; removals never name a position of the same batch's puts (such a put is
 * erased instead). A range may cover positions that hold nothing.
 *
 * A timed lane is one for its whole life. Its entries are kept, loaded and
 * removed by deadline, whatever the order in which they came. */
struct lane_change {
	uint64_t lane;
	void *owner; /* the loop's; nobody else looks at it */
	bool timed;  /* the loop's to set when the change is made */
	uint64_t first_put;
	struct put *puts;
	size_t put_count, put_size;
	size_t live; /* puts that have a message */
	struct range *removals;
	size_t removal_count, removal_size;
	struct due *taken; /* removals of a timed lane */
	size_t taken_count, taken_size;
	struct deferral *deferrals;
	size_t deferral_count, deferral_size;
	struct note *notes;
	size_t note_count, note_size;
	bool touched; /* the numbers below have something new to say */
	bool drop; /* the lane goes with all it holds */
	bool noted; /* the loop's word: entries of the lane may have notes, now
		     * or until a removal of this batch */

	/* The lane after this batch, as the loop knows it: live stored entries
	 * and their body bytes, the lowest position that may be live, the next
	 * position to be given, and one more than the highest that may have
	 * been delivered. */
	uint64_t count, bytes, first, next_position, delivered_to;

	struct batch *batch;
	struct lane_change *next;
};

/* --- batches ------------------------------------------------------------ */

struct batch {
	uint64_t seq; /* given by the loop: 1, 2, 3 ... without gaps */
	size_t bytes; /* of the messages in it, for deciding when to hand over */
	size_t changes; /* definitions, live puts, removals, notes, deferrals,
			 * touches, drops; 0: nothing to write */
	struct definition_change *definitions, **definitions_end;
	struct lane_change *lanes, **lanes_end;
	struct batch *next; /* the committer's lists */
	int64_t opened;	    /* the loop's: when the first change came */
};

struct batch *batch_new(uint64_t seq);

/* Drops references and memory. batch_free_some frees up to budget puts and
 * tells whether it is done, so that a turn stays short. */
void batch_free(struct batch *);
bool batch_free_some(struct batch *, size_t *budget);

/* Copies what the definition borrows. They are applied in order, before the
 * lanes. */
void batch_put(struct batch *, const struct definition *);
void batch_remove(struct batch *, const struct definition *);

/* This batch's change of a lane, made empty; the caller keeps the pointer and
 * asks once for each lane and batch. */
struct lane_change *batch_lane(struct batch *, uint64_t lane, void *owner);

/* Adds an entry; takes a reference. Positions must grow; those left out hold
 * nothing. */
void lane_put(struct lane_change *, uint64_t position, struct message *,
    int64_t deadline);

/* Undoes a put of this batch: true, with the reference dropped, if the position
 * was one. */
bool lane_erase(struct lane_change *, uint64_t position);

/* An entry of an earlier batch, or a range of them, is gone. A position next
 * behind the last range joins it. */
void lane_remove(struct lane_change *, uint64_t first, uint64_t last);

/* The same for an entry of a timed lane. */
void lane_take(struct lane_change *, struct due);

/* The lane's numbers are to be written though no entry comes or goes. */
void lane_touch(struct lane_change *);

/* Writes a note beside an entry of this batch or an earlier one that is not
 * removed. Of several notes beside one entry the greatest counts. */
void lane_note(struct lane_change *, uint64_t position, uint32_t value);

/* What a load of due entries said must wait until all that it gave back is
 * removed, in this batch or earlier ones. */
void lane_defer(struct lane_change *, const struct deferral *);

/* The lane goes; its puts in this batch are erased. */
void lane_drop(struct lane_change *);

/* Sorts ranges, joins those that touch or overlap, and returns how many are
 * left. */
size_t ranges_join(struct range *, size_t count);

#endif
