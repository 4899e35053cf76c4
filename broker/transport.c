/* transport.c - a byte stream behind a handful of events. */
#include "broker/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/tls_stream.h"

enum {
	HANDSHAKES_MAX = 8, /* of TLS in one turn: each costs a millisecond */
	READS_MAX = 256,   /* in one turn; whoever is left is read in the next */
	POOL_MAX = 64,	   /* blocks kept for the next one who needs them */
	IOVECS = 64,	   /* segments given to one writev */
	KEEP_MIN = 512,	   /* smallest buffer for input not consumed */
	SEGMENTS_MIN = 8,
};

struct block {
	struct block *next;
	size_t used;
	uint8_t data[BLOCK_SIZE];
};

/* A run of output: in a block, or lent from a message. */
struct segment {
	const uint8_t *p;
	size_t n;
	struct message *lent;
	bool ends_block; /* the first block can go when this is written */
};

static void on_readable(evutil_socket_t, short, void *);
static void on_writable(evutil_socket_t, short, void *);

/* --- io ----------------------------------------------------------------- */

void
io_init(struct io *io, struct event_base *base, size_t max_frame)
{
	memset(io, 0, sizeof *io);
	io->base = base;
	io->scratch_size = max_frame + READ_SIZE;
	io->scratch = xmalloc(io->scratch_size);
	TAILQ_INIT(&io->dirty);
	TAILQ_INIT(&io->again);
}

void
io_fini(struct io *io)
{
	struct block *b;

	while ((b = io->pool) != NULL) {
		io->pool = b->next;
		free(b);
	}
	free(io->scratch);
}

static struct block *
block_take(struct io *io)
{
	struct block *b = io->pool;

	if (b != NULL) {
		io->pool = b->next;
		io->pooled--;
	} else {
		b = xmalloc(sizeof *b);
	}
	b->next = NULL;
	b->used = 0;
	return b;
}

static void
block_give(struct io *io, struct block *b)
{
	if (io->pooled == POOL_MAX) {
		free(b);
		return;
	}
	b->next = io->pool;
	io->pool = b;
	io->pooled++;
}

/* --- segments ------------------------------------------------------------ */

static struct segment *
segment_at(const struct transport *t, unsigned i)
{
	return &t->segments[(t->segment_first + i) & (t->segment_room - 1)];
}

static void
segments_grow(struct transport *t)
{
	unsigned room = t->segment_room ? t->segment_room * 2 : SEGMENTS_MIN;
	struct segment *ring = xmalloc(room * sizeof *ring);

	for (unsigned i = 0; i < t->segment_count; i++)
		ring[i] = *segment_at(t, i);
	free(t->segments);
	t->segments = ring;
	t->segment_room = room;
	t->segment_first = 0;
}

static struct segment *
segment_add(struct transport *t, const uint8_t *p, size_t n)
{
	struct segment *s;

	if (t->segment_count == t->segment_room)
		segments_grow(t);
	s = segment_at(t, t->segment_count++);
	*s = (struct segment){p, n, NULL, false};
	return s;
}

/* The last segment, if it lies in a block and ends at p. */
static struct segment *
segment_joined(struct transport *t, const uint8_t *p)
{
	struct segment *s;

	if (t->segment_count == 0)
		return NULL;
	s = segment_at(t, t->segment_count - 1);
	return s->lent == NULL && s->p + s->n == p ? s : NULL;
}

static void
segment_done(struct transport *t, struct segment *s)
{
	struct block *b;

	if (s->lent != NULL)
		message_unref(s->lent);
	if (s->ends_block) {
		b = t->first_block;
		t->first_block = b->next;
		block_give(t->io, b);
	}
	t->segment_first = (t->segment_first + 1) & (t->segment_room - 1);
	t->segment_count--;
}

/* --- output ---------------------------------------------------------------- */

static void
mark_dirty(struct transport *t)
{
	if (t->is_dirty || t->held_up)
		return;
	t->is_dirty = true;
	TAILQ_INSERT_TAIL(&t->io->dirty, t, dirty_link);
}

/* The last block is full: whatever was written last in it frees it. */
static void
block_close(struct transport *t)
{
	struct block *last = t->last_block;
	struct segment *s = segment_joined(t, last->data + last->used);

	if (s == NULL) /* its last bytes lie before a lent body */
		s = segment_add(t, last->data + last->used, 0);
	s->ends_block = true;
}

static void
block_open(struct transport *t)
{
	struct block *b = block_take(t->io);

	if (t->first_block == NULL) {
		t->first_block = b;
	} else {
		block_close(t);
		t->last_block->next = b;
	}
	t->last_block = b;
}

uint8_t *
transport_room(struct transport *t, size_t n)
{
	if (t->first_block == NULL || BLOCK_SIZE - t->last_block->used < n)
		block_open(t);
	return t->last_block->data + t->last_block->used;
}

void
transport_used(struct transport *t, size_t n)
{
	struct block *b = t->last_block;
	uint8_t *p = b->data + b->used;
	struct segment *s = segment_joined(t, p);

	if (s != NULL)
		s->n += n;
	else
		segment_add(t, p, n);
	b->used += n;
	t->pending += n;
	mark_dirty(t);
}

void
transport_write(struct transport *t, struct bytes b)
{
	while (b.n > 0) {
		size_t n = b.n < BLOCK_SIZE ? b.n : BLOCK_SIZE;

		put_bytes(transport_room(t, n), (struct bytes){b.p, n});
		transport_used(t, n);
		b.p += n;
		b.n -= n;
	}
}

void
transport_lend(struct transport *t, struct message *m, struct bytes b)
{
	segment_add(t, b.p, b.n)->lent = message_ref(m);
	t->pending += b.n;
	t->lent += b.n;
	mark_dirty(t);
}

static int
gather(struct transport *t, struct iovec *iov)
{
	unsigned i;

	for (i = 0; i < t->segment_count && i < IOVECS; i++) {
		struct segment *s = segment_at(t, i);

		iov[i].iov_base = (void *)s->p;
		iov[i].iov_len = s->n;
	}
	return (int)i;
}

static void
written(struct transport *t, size_t n)
{
	t->pending -= n;
	t->bytes_out += n;
	t->writes++;
	t->io->bytes_out += n;
	while (t->segment_count > 0) {
		struct segment *s = segment_at(t, 0);

		size_t part = s->n < n ? s->n : n;

		if (s->lent != NULL)
			t->lent -= part;
		if (s->n > n) {
			s->p += n;
			s->n -= n;
			return;
		}
		n -= part;
		segment_done(t, s);
	}
}

/* All is written: the open block goes back too. */
static void
release_blocks(struct transport *t)
{
	if (t->first_block != NULL)
		block_give(t->io, t->first_block);
	t->first_block = t->last_block = NULL;
}

static int
write_plain(struct transport *t)
{
	struct iovec iov[IOVECS];
	ssize_t n;

	while (t->pending > 0) {
		n = writev(t->fd, iov, gather(t, iov));
		t->io->writes++;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -1;
		written(t, (size_t)n);
	}
	return 0;
}

static int
write_sealed(struct transport *t)
{
	struct iovec iov[IOVECS];
	ssize_t n;
	int rc;

	while ((rc = tls_stream_send(t->tls)) == 0 && t->pending > 0) {
		n = tls_stream_seal(t->tls, iov, gather(t, iov));
		t->io->writes++;
		if (n < 0)
			return -1;
		written(t, (size_t)n);
	}
	return rc;
}

/* Writes what it can. 0: all written; 1: held up; -1: failed. */
static int
write_out(struct transport *t)
{
	int rc = t->tls != NULL ? write_sealed(t) : write_plain(t);

	if (rc != 0)
		return rc;
	written(t, 0); /* empty segments that only end a block */
	release_blocks(t);
	return 0;
}

/* A failed write is told from the event loop, so that nobody is called back
 * from the end of a turn. */
static void
flush(struct transport *t)
{
	int rc = write_out(t);

	if (rc < 0) {
		t->failed = errno;
		t->held_up = true;
		event_active(t->writable, EV_WRITE, 0);
	} else if (rc > 0) {
		t->held_up = true;
		event_add(t->writable, NULL);
	} else if (t->finishing) {
		event_active(t->writable, EV_WRITE, 0);
	} else {
		t->events->drained(t->arg);
	}
}

void
io_flush(struct io *io)
{
	struct transport *t;

	while ((t = TAILQ_FIRST(&io->dirty)) != NULL) {
		TAILQ_REMOVE(&io->dirty, t, dirty_link);
		t->is_dirty = false;
		flush(t);
	}
	while ((t = TAILQ_FIRST(&io->again)) != NULL) {
		TAILQ_REMOVE(&io->again, t, again_link);
		t->comes_again = false;
		if (t->reading)
			event_active(t->readable, EV_READ, 0);
	}
	io->handshakes = io->turn_reads = 0;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;
	int rc = t->failed ? -1 : write_out(t);

	if (rc < 0) {
		t->events->closed(t->arg, t->failed ? t->failed : errno);
	} else if (rc > 0) {
		event_add(t->writable, NULL);
	} else {
		t->held_up = false;
		if (t->finishing)
			t->events->closed(t->arg, -1);
		else
			t->events->drained(t->arg);
	}
}

/* --- input ----------------------------------------------------------------- */

/* Remembers what was not consumed; p may lie in kept itself. */
static void
keep(struct transport *t, const uint8_t *p, size_t n)
{
	if (n == 0) {
		free(t->kept);
		t->kept = NULL;
		t->kept_room = 0;
	} else if (p == t->kept) {
		; /* all of it stays */
	} else if (n <= t->kept_room) {
		memmove(t->kept, p, n);
	} else {
		t->kept_room = n < KEEP_MIN ? KEEP_MIN : n;
		free(t->kept); /* p lies in the scratch: kept was smaller */
		t->kept = xmalloc(t->kept_room);
		memcpy(t->kept, p, n);
	}
	t->kept_size = n;
}

/* It is its turn again next time, whatever the socket says. */
static void
come_again(struct transport *t)
{
	if (t->comes_again)
		return;
	t->comes_again = true;
	TAILQ_INSERT_TAIL(&t->io->again, t, again_link);
}

static ssize_t
read_sealed(struct transport *t, uint8_t *p, size_t size)
{
	ssize_t n;

	if (!tls_stream_established(t->tls) &&
	    t->io->handshakes++ >= HANDSHAKES_MAX) {
		come_again(t);
		errno = EAGAIN;
		return -1;
	}
	n = tls_stream_read(t->tls, p, size);
	if (tls_stream_unsent(t->tls))
		mark_dirty(t);
	if (tls_stream_has_input(t->tls))
		come_again(t);
	return n;
}

/* Does so little come at once, beside what is kept, that copying that would be
 * most of the work? Then it is read behind it. */
static bool
trickles(const struct transport *t)
{
	return t->kept_size > KEEP_MIN && t->last_read < t->kept_size / 8;
}

/* What is kept, with room behind it. */
static uint8_t *
kept_room(struct transport *t)
{
	if (t->kept_size == t->kept_room) {
		t->kept_room *= 2;
		t->kept = xrealloc(t->kept, t->kept_room);
	}
	return t->kept;
}

/* The socket is readable when it has so many bytes, or its peer has gone. */
static void
wait_for_bytes(struct transport *t, int n)
{
	setsockopt(t->fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof n);
}

/* The bytes of the prefix, and none behind it, are taken from the socket. */
static void
read_prefix(struct transport *t)
{
	uint8_t *p = t->io->scratch;
	ssize_t n = recv(t->fd, p, PREFIX_MAX, MSG_PEEK);
	int size;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		t->events->closed(t->arg, n < 0 ? errno : 0);
		return;
	}
	size = t->events->prefix(t->arg, (struct bytes){p, (size_t)n});
	if (size < 0)
		return;
	if (size == 0) {
		wait_for_bytes(t, (int)n + 1);
		return;
	}
	if (recv(t->fd, p, (size_t)size, 0) != size) {
		t->events->closed(t->arg, EPROTO);
		return;
	}
	t->prefixed = false;
	wait_for_bytes(t, 1);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct transport *t = arg;
	bool behind = trickles(t);
	uint8_t *buffer = behind ? kept_room(t) : t->io->scratch;
	size_t room = behind ? t->kept_room : t->io->scratch_size;
	size_t used;
	ssize_t n;

	if (t->prefixed) {
		read_prefix(t);
		return;
	}
	room -= t->kept_size;
	if (room > t->read_limit)
		room = t->read_limit;
	n = t->tls != NULL ? read_sealed(t, buffer + t->kept_size, room)
			   : read(fd, buffer + t->kept_size, room);
	t->io->reads++;
	if (++t->io->turn_reads == READS_MAX)
		event_base_loopbreak(t->io->base);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		t->events->closed(t->arg, n < 0 ? errno : 0);
		return;
	}
	t->bytes_in += (size_t)n;
	t->reads++;
	t->io->bytes_in += (size_t)n;
	t->last_read = (size_t)n;
	if (!behind)
		put_bytes(buffer, (struct bytes){t->kept, t->kept_size});
	n += (ssize_t)t->kept_size;
	used = t->events->input(t->arg, (struct bytes){buffer, (size_t)n});
	keep(t, buffer + used, (size_t)n - used);
}

void
transport_pause(struct transport *t)
{
	if (!t->reading)
		return;
	t->reading = false;
	event_del(t->readable);
}

void
transport_resume(struct transport *t)
{
	size_t used;

	if (!t->reading && !t->finishing) {
		t->reading = true;
		event_add(t->readable, NULL);
		if (t->tls != NULL && tls_stream_has_input(t->tls))
			come_again(t);
	}
	if (t->kept_size == 0)
		return;
	used = t->events->input(
	    t->arg, (struct bytes){t->kept, t->kept_size});
	keep(t, t->kept + used, t->kept_size - used);
}

void
transport_finish(struct transport *t)
{
	transport_pause(t);
	t->finishing = true;
	mark_dirty(t);
}

/* --- life ------------------------------------------------------------------ */

void
transport_init(struct transport *t, struct io *io, int fd,
    const struct transport_events *events, void *arg)
{
	memset(t, 0, sizeof *t);
	t->io = io;
	t->fd = fd;
	t->events = events;
	t->arg = arg;
	t->readable =
	    event_new(io->base, fd, EV_READ | EV_PERSIST, on_readable, t);
	t->writable = event_new(io->base, fd, EV_WRITE, on_writable, t);
	t->read_limit = READ_SIZE;
	t->reading = true;
	event_add(t->readable, NULL);
}

void
transport_secure(struct transport *t, struct ssl_ctx_st *context)
{
	t->tls = tls_stream_new(context, t->fd);
}

void
transport_expect_prefix(struct transport *t)
{
	t->prefixed = true;
}

const char *
transport_error(const struct transport *t, int error)
{
	return t->tls != NULL && error == EPROTO ? tls_stream_error(t->tls)
						 : strerror(error);
}

void
transport_stop(struct transport *t)
{
	if (t->is_dirty)
		TAILQ_REMOVE(&t->io->dirty, t, dirty_link);
	if (t->comes_again)
		TAILQ_REMOVE(&t->io->again, t, again_link);
	t->is_dirty = t->comes_again = false;
	t->held_up = true; /* mark_dirty leaves it alone from now on */
	t->reading = false;
	event_del(t->readable);
	event_del(t->writable);
}

/* Closing a socket with unread input resets it, and the peer might lose the
 * last thing it was told: take what has come already. */
static void
discard_input(struct transport *t)
{
	shutdown(t->fd, SHUT_WR);
	for (int i = 0; i < 4; i++)
		if (read(t->fd, t->io->scratch, t->io->scratch_size) <= 0)
			return;
}

/* The last word, an alert or a goodbye, goes out if the socket takes it now. */
static void
end_stream(struct transport *t)
{
	if (t->pending == 0 && !tls_stream_unsent(t->tls))
		tls_stream_end(t->tls);
	tls_stream_send(t->tls);
	tls_stream_free(t->tls);
}

void
transport_fini(struct transport *t)
{
	transport_stop(t);
	if (t->tls != NULL)
		end_stream(t);
	if (t->finishing)
		discard_input(t);
	event_free(t->readable);
	event_free(t->writable);
	while (t->segment_count > 0)
		segment_done(t, segment_at(t, 0));
	while (t->first_block != NULL) {
		struct block *b = t->first_block;

		t->first_block = b->next;
		block_give(t->io, b);
	}
	free(t->segments);
	free(t->kept);
	close(t->fd);
}
