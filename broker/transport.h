/* transport.h - a byte stream behind a handful of events.
 *
 * Input is read into one scratch buffer shared by all and handed on where it
 * lies; only what was not consumed is kept by the transport it belongs to.
 * Output is gathered in pooled blocks, large bodies are lent, and each transport
 * that has something to say is written to once, at the end of the turn
 * (io_flush). An idle transport owns no buffer. */
#ifndef BROKER_TRANSPORT_H
#define BROKER_TRANSPORT_H

#include <sys/queue.h>

#include <event2/event.h>

#include "amqp/bytes.h"
#include "amqp/message.h"

enum {
	BLOCK_SIZE = 64 * 1024,
	READ_SIZE = 128 * 1024, /* at most this much is read at once */
	LEND_SIZE = 8 * 1024,	/* bodies from here on are lent, not copied */
	PREFIX_MAX = 4096,
};

struct block;
struct segment;
struct ssl_ctx_st;
struct tls_stream;

/* What all transports of a loop share. */
struct io {
	struct event_base *base;
	uint8_t *scratch;
	size_t scratch_size;
	struct block *pool;
	size_t pooled;
	TAILQ_HEAD(, transport) dirty; /* have output to write this turn */
	TAILQ_HEAD(, transport) again; /* have input the socket won't announce */
	unsigned handshakes;	       /* of TLS, in this turn */
	unsigned turn_reads;	       /* in this turn */
	uint64_t bytes_in, bytes_out, reads, writes;
};

/* max_frame is the largest frame that may lie in the input unparsed. */
void io_init(struct io *, struct event_base *, size_t max_frame);
void io_flush(struct io *);
void io_fini(struct io *);

/* Called by the transport, never from within a call made by its user, except
 * input from transport_resume and drained from io_flush. None is called after closed. */
struct transport_events {
	/* Bytes came, together with those not consumed before. Returns how many
	 * are done with. What is left stays until more comes or
	 * transport_resume. */
	size_t (*input)(void *arg, struct bytes);

	/* All output was written. Called from io_flush, or from the loop after
	 * the socket had been held up. */
	void (*drained)(void *arg);

	/* The peer closed its side (error 0), the stream failed (errno), or
	 * all was written after transport_finish (error -1). */
	void (*closed)(void *arg, int error);

	/* How long is the prefix at the front of that? 0: it is not all here;
	 * -1: it is none, and the transport was stopped. Only after
	 * transport_expect_prefix; may be asked more than once. */
	int (*prefix)(void *arg, struct bytes);
};

struct transport {
	struct io *io;
	int fd;
	struct tls_stream *tls; /* NULL: plain */
	const struct transport_events *events;
	void *arg;
	struct event *readable, *writable;
	size_t read_limit; /* at most so much is read at once; the user's */
	bool reading;	 /* interested in input */
	bool prefixed;	 /* something stands in front of the stream */
	bool held_up;	 /* the socket took no more; waiting for writable */
	bool finishing;	 /* close when all is written */
	bool is_dirty;	 /* on io's lists */
	bool comes_again;
	int failed;	 /* a write's errno; told at the next event */

	uint8_t *kept; /* input not consumed */
	size_t kept_size, kept_room;
	size_t last_read; /* how much came last */

	struct block *first_block, *last_block;
	struct segment *segments; /* a ring */
	unsigned segment_first, segment_count, segment_room;
	size_t pending; /* bytes not yet written */
	size_t lent;	/* of them in messages, not in blocks */
	uint64_t bytes_in, bytes_out;
	uint64_t reads, writes; /* that moved some of them */

	TAILQ_ENTRY(transport) dirty_link;
	TAILQ_ENTRY(transport) again_link;
};

/* Takes the socket, which must not block, and starts to read. */
void transport_init(struct transport *, struct io *, int fd,
    const struct transport_events *, void *arg);

/* From the first byte on it is a TLS stream, of which we are the server. */
void transport_secure(struct transport *, struct ssl_ctx_st *);

/* In front of the stream, and of TLS, comes something else, not longer than
 * PREFIX_MAX. It is looked at while it lies in the socket. */
void transport_expect_prefix(struct transport *);

/* What to call a failure told with this error. */
const char *transport_error(const struct transport *, int error);

/* No event comes any more and nothing is written any more; what lies in the
 * output stays until transport_fini. For a user that must not be freed yet. */
void transport_stop(struct transport *);

/* Closes at once; what was not written is lost. */
void transport_fini(struct transport *);

/* Room for n contiguous bytes of output, n at most BLOCK_SIZE. */
uint8_t *transport_room(struct transport *, size_t n);

/* n bytes of that room were written. */
void transport_used(struct transport *, size_t n);

/* Copies b of any size. */
void transport_write(struct transport *, struct bytes b);

/* Sends b, which lies in m; takes a reference until it is written. */
void transport_lend(struct transport *, struct message *m, struct bytes b);

/* Stops and resumes reading. Resuming first hands over what was kept, at once;
 * false if the transport was told closed during that. */
void transport_pause(struct transport *);
void transport_resume(struct transport *);

/* Reads no more, and tells closed(-1) when all output is written. */
void transport_finish(struct transport *);

#endif
