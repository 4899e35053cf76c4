/* ledger.h - what a channel has delivered and not yet seen acknowledged. */
#ifndef BROKER_LEDGER_H
#define BROKER_LEDGER_H

#include "broker/entry.h"

struct consumer;
struct queue;

struct delivery {
	struct queue *queue; /* a reference; NULL: settled */
	struct consumer *consumer; /* NULL for basic.get */
	struct entry entry;
	uint32_t since; /* see overdue.h */
	bool marked; /* to be settled when the transaction commits */
};

enum { LEDGER_CHUNK = 64 };

struct ledger_chunk;

/* Deliveries by tag, in chunks: growing copies pointers only, and a chunk goes
 * when all in it is settled, wherever it stands. Zero-initialised with base 1 is
 * a new channel's. */
struct ledger {
	struct ledger_chunk **chunks; /* a ring, indexed from first; NULL: gone */
	size_t chunk_first, chunk_count, chunk_room;
	uint64_t base; /* tag of the first slot of the first chunk */
	uint64_t next; /* the tag that comes next */
	size_t count;  /* not yet settled */
};

void ledger_init(struct ledger *);

/* Frees the chunks; nothing may be in it. */
void ledger_fini(struct ledger *);

/* The slot for the next tag, to be filled in at once. Returns the tag. */
uint64_t ledger_add(struct ledger *, struct delivery **);

/* A tag without a delivery to settle (no-ack). */
uint64_t ledger_skip(struct ledger *);

/* The delivery of that tag, or NULL if there is none (any more). */
struct delivery *ledger_find(struct ledger *, uint64_t tag);

/* Takes the delivery out; what it held is the caller's. */
struct delivery ledger_take(struct ledger *, uint64_t tag);

/* The lowest tag not settled, or next if there is none. */
uint64_t ledger_first(struct ledger *);

/* Moves all deliveries with tags up to upto into rest (uninitialised), which
 * then belongs to nobody's channel. */
void ledger_split(struct ledger *, uint64_t upto, struct ledger *rest);

#endif
