/* tls_stream.c - bytes through TLS: plain on our side, records on the socket. */
#include "broker/tls_stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "broker/log.h"

enum {
	RECORD = SSL3_RT_MAX_PLAIN_LENGTH, /* RFC 8446 5.1: 16 KiB */
	BURST = 4 * RECORD,		   /* sealed before it is sent */
};

struct tls_stream {
	SSL *ssl;
	int fd;
	struct writer sealed;
	size_t sent; /* of it */
	bool ended;
	char error[200];
};

/* --- where OpenSSL writes to: memory --------------------------------------- */

/* The room of a stream that has sent everything, for the next one. */
static struct writer spare;

static void
give_room(struct tls_stream *t)
{
	if (spare.p != NULL || t->sealed.size > 2 * BURST) {
		writer_fini(&t->sealed);
		return;
	}
	spare = t->sealed;
	spare.n = 0;
	t->sealed = (struct writer){0};
}

static void
take_room(struct tls_stream *t)
{
	t->sealed = spare;
	spare = (struct writer){0};
}

static int
keep_sealed(BIO *bio, const char *p, int n)
{
	struct tls_stream *t = BIO_get_data(bio);

	if (t->sealed.p == NULL)
		take_room(t);
	writer_bytes(
	    &t->sealed, (struct bytes){(const uint8_t *)p, (size_t)n});
	return n;
}

static long
control(BIO *bio, int what, long number, void *p)
{
	return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void
make_method(void)
{
	method = BIO_meth_new(
	    BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sealed bytes");
	if (method == NULL)
		fatalx("no memory for TLS");
	BIO_meth_set_write(method, keep_sealed);
	BIO_meth_set_ctrl(method, control);
}

static BIO *
memory(struct tls_stream *t)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *bio;

	pthread_once(&once, make_method);
	if ((bio = BIO_new(method)) == NULL)
		fatalx("no memory for TLS");
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	return bio;
}

/* --- life -------------------------------------------------------------------- */

struct tls_stream *
tls_stream_new(SSL_CTX *context, int fd)
{
	struct tls_stream *t = xcalloc(1, sizeof *t);
	BIO *socket = BIO_new_socket(fd, BIO_NOCLOSE);

	t->ssl = SSL_new(context);
	t->fd = fd;
	if (t->ssl == NULL || socket == NULL)
		fatalx("no memory for TLS");
	SSL_set_bio(t->ssl, socket, memory(t));
	SSL_set_accept_state(t->ssl);
	return t;
}

void
tls_stream_free(struct tls_stream *t)
{
	SSL_free(t->ssl);
	writer_fini(&t->sealed);
	free(t);
}

/* --- in ---------------------------------------------------------------------- */

/* What OpenSSL says went wrong, as errno. */
static int
explain(struct tls_stream *t)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
	long verified = SSL_get_verify_result(t->ssl);

	if (code != 0 && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		reason = X509_verify_cert_error_string(verified);
	snprintf(t->error, sizeof t->error, "%s",
	    reason != NULL ? reason : "TLS failed");
	return EPROTO;
}

/* 1: something was read; 0: the end; -1 with errno. */
static int
read_record(struct tls_stream *t, uint8_t *p, size_t n, size_t *got)
{
	ERR_clear_error();
	errno = 0;
	if (SSL_read_ex(t->ssl, p, n, got))
		return 1;
	switch (SSL_get_error(t->ssl, 0)) {
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_WANT_READ:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_SYSCALL:
		return errno != 0 ? -1 : 0;
	default:
		errno = explain(t);
		return -1;
	}
}

ssize_t
tls_stream_read(struct tls_stream *t, void *p, size_t n)
{
	size_t all = 0, got;
	int rc = 1;

	while (all < n && rc > 0) {
		got = 0;
		rc = read_record(t, (uint8_t *)p + all, n - all, &got);
		all += got;
	}
	return all > 0 ? (ssize_t)all : rc;
}

bool
tls_stream_has_input(const struct tls_stream *t)
{
	return SSL_has_pending(t->ssl);
}

bool
tls_stream_established(const struct tls_stream *t)
{
	return SSL_is_init_finished(t->ssl);
}

/* --- out --------------------------------------------------------------------- */

/* A walk over the caller's pieces. */
struct pieces {
	const struct iovec *iov;
	int count;
	size_t at; /* in the first */
};

/* The next bytes that lie together, at most so many. */
static struct bytes
next_piece(struct pieces *w, size_t most)
{
	const uint8_t *p = (const uint8_t *)w->iov->iov_base + w->at;
	size_t n = w->iov->iov_len - w->at;

	if (n > most) {
		w->at += most;
		return (struct bytes){p, most};
	}
	w->iov++;
	w->count--;
	w->at = 0;
	return (struct bytes){p, n};
}

/* The bytes of the next record: those that lie together are taken from there,
 * small pieces are put together in room. */
static struct bytes
next_record(struct pieces *w, uint8_t room[RECORD])
{
	struct bytes piece;
	size_t n = 0;

	if (w->count > 0 && w->iov->iov_len - w->at >= RECORD)
		return next_piece(w, RECORD);
	while (w->count > 0 && n < RECORD) {
		piece = next_piece(w, RECORD - n);
		put_bytes(room + n, piece);
		n += piece.n;
	}
	return (struct bytes){room, n};
}

ssize_t
tls_stream_seal(struct tls_stream *t, const struct iovec *iov, int count)
{
	struct pieces pieces = {iov, count, 0};
	uint8_t room[RECORD];
	size_t all = 0, done;

	while (all < BURST) {
		struct bytes b = next_record(&pieces, room);

		if (b.n == 0)
			break;
		ERR_clear_error();
		if (!SSL_write_ex(t->ssl, b.p, b.n, &done)) {
			errno = explain(t);
			return -1;
		}
		all += b.n;
	}
	return (ssize_t)all;
}

bool
tls_stream_unsent(const struct tls_stream *t)
{
	return t->sealed.n > 0;
}

int
tls_stream_send(struct tls_stream *t)
{
	ssize_t n;

	while (t->sent < t->sealed.n) {
		n = send(t->fd, t->sealed.p + t->sent, t->sealed.n - t->sent,
		    MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -1;
		t->sent += (size_t)n;
	}
	give_room(t);
	t->sent = 0;
	return 0;
}

void
tls_stream_end(struct tls_stream *t)
{
	if (t->ended)
		return;
	t->ended = true;
	ERR_clear_error();
	if (tls_stream_established(t))
		SSL_shutdown(t->ssl);
}

const char *
tls_stream_error(const struct tls_stream *t)
{
	return t->error;
}

struct ssl_st *
tls_stream_ssl(const struct tls_stream *t)
{
	return t->ssl;
}
