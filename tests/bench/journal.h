/* journal.h - what happened to numbered messages, written down as it did, and
 * whether that may have happened.
 *
 * A journal is text, one event per line:
 *
 *	leveretperf-journal 2 QUEUES PRIORITIES
 *	                               its first line
 *	P first last                   published, that is, given to the socket
 *	T number                       of those, one with delivery-mode 1
 *	C first last                   confirmed by basic.ack
 *	N first last                   refused by basic.nack
 *	D number queue redelivered     delivered (redelivered is 0 or 1)
 *	B number                       came with another body than it was
 *	                               published with
 *	A number                       its acknowledgement was sent
 *	R number                       was given back by basic.nack with requeue
 *	S                              the consumer's channel was closed in
 *order X                              the consumer's connection was cut L the
 *broker was lost E                              the queues are empty: all has
 *come
 *
 * Message n belongs into queue n % QUEUES, and its priority is n / QUEUES %
 * PRIORITIES: one queue's are dealt out in turn. One publisher and one consumer
 * write, in the order they learn of things. S, X and L end a session of the
 * consumer. */
#ifndef BENCH_JOURNAL_H
#define BENCH_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* --- writing ------------------------------------------------------------- */

/* These end the process when the journal cannot be written or read. */
FILE *journal_create(
    const char *path, unsigned queues, unsigned priorities);
void journal_begin(
    FILE *, unsigned queues, unsigned priorities); /* the first line */
FILE *journal_append(const char *path);
void journal_range(FILE *, char event, uint64_t first, uint64_t last);
void journal_delivery(
    FILE *, uint64_t number, unsigned queue, bool redelivered);
void journal_number(FILE *, char event, uint64_t number);
void journal_mark(FILE *, char event);
void journal_flush(FILE *); /* what was written survives this process */

/* --- checking ------------------------------------------------------------ */

enum journal_fault {
	/* Confirmed, and at the end neither acknowledged nor there. One with
	 * delivery-mode 1 may be gone after an L. */
	JOURNAL_MISSING,
	/* Delivered behind a later one of its queue and priority in the same
	 * session. It may
	 * be if it was given back, or if it carries the redelivered flag and
	 * there was a cut with no loss since: the broker may notice a cut late,
	 * and deliver to nobody until then. */
	JOURNAL_ORDER,
	/* Delivered again in the same session, not having been given back. */
	JOURNAL_TWICE,
	/* Delivered again without the redelivered flag, with no loss of the
	 * broker since it was delivered before. */
	JOURNAL_UNFLAGGED,
	/* Flagged as redelivered, though it was never delivered, no session has
	 * ended since it was published, and there was no cut with no loss
	 * since. */
	JOURNAL_FLAGGED,
	/* Delivered again, though its channel was closed in order after it was
	 * acknowledged. Acknowledged ones may come back after X and L. */
	JOURNAL_RETURNED,
	/* Delivered with another body. */
	JOURNAL_ALTERED,
	/* Delivered from a queue that is not its own. */
	JOURNAL_QUEUE,
	/* Delivered, confirmed or refused, but never published; or both
	 * confirmed and refused. */
	JOURNAL_UNKNOWN,
	JOURNAL_FAULTS
};

enum { JOURNAL_EXAMPLES = 4 };

struct journal_report {
	char error[128]; /* why it cannot be judged; empty if it can */
	uint64_t next;   /* one more than the highest number published */
	uint64_t queues;
	uint64_t published;
	uint64_t confirmed;
	uint64_t refused;
	uint64_t deliveries;
	uint64_t redelivered; /* deliveries with the flag */
	uint64_t acknowledged;
	uint64_t settled;   /* sessions that ended with S */
	uint64_t cuts;      /* with X */
	uint64_t losses;    /* with L */
	uint64_t came_back; /* acknowledged and delivered again, as allowed */
	uint64_t unmarked;  /* delivered again without the flag, as allowed */
	uint64_t vanished;  /* never acknowledged, as allowed */
	uint64_t faults[JOURNAL_FAULTS];
	struct journal_example {
		uint64_t number;
		uint64_t line; /* of the journal */
	} examples[JOURNAL_FAULTS][JOURNAL_EXAMPLES];
};

/* Reads a journal to its end and judges it. One without an E at its end has an
 * error, but its counts are right. */
void journal_check(FILE *, struct journal_report *);
bool journal_good(const struct journal_report *);

const char *journal_fault_key(enum journal_fault);  /* "missing" */
const char *journal_fault_text(enum journal_fault); /* a sentence's end */

#endif
