/* test_tls_stream.c - what must be true of bytes through TLS. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/bytes.h"
#include "amqp/xalloc.h"
#include "broker/tls_stream.h"
#include "tests/unit/unit.h"

/* Our stream on one end of a socket pair, OpenSSL's client on the other. */
struct world {
	SSL_CTX *server, *client;
	SSL *peer;
	struct tls_stream *t;
	int fds[2];
};

/* A key, and a certificate that it signed for itself. */
static void
use_own_certificate(SSL_CTX *context)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	CU_ASSERT_EQUAL_FATAL(SSL_CTX_use_certificate(context, x), 1);
	CU_ASSERT_EQUAL_FATAL(SSL_CTX_use_PrivateKey(context, key), 1);
	X509_free(x);
	EVP_PKEY_free(key);
}

static struct world *
world_new(int version)
{
	struct world *w = xcalloc(1, sizeof *w);

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX,
				  SOCK_STREAM | SOCK_NONBLOCK, 0, w->fds),
	    0);
	w->server = SSL_CTX_new(TLS_server_method());
	w->client = SSL_CTX_new(TLS_client_method());
	use_own_certificate(w->server);
	SSL_CTX_set_read_ahead(w->server, 1);
	SSL_CTX_set_min_proto_version(w->client, version);
	SSL_CTX_set_max_proto_version(w->client, version);
	w->t = tls_stream_new(w->server, w->fds[0]);
	w->peer = SSL_new(w->client);
	SSL_set_fd(w->peer, w->fds[1]);
	SSL_set_connect_state(w->peer);
	return w;
}

static void
world_free(struct world *w)
{
	tls_stream_free(w->t);
	SSL_free(w->peer);
	SSL_CTX_free(w->server);
	SSL_CTX_free(w->client);
	close(w->fds[0]);
	close(w->fds[1]);
	free(w);
}

static void
shake_hands(struct world *w)
{
	uint8_t none[1];

	for (int i = 0; i < 10 && !tls_stream_established(w->t); i++) {
		SSL_do_handshake(w->peer);
		CU_ASSERT_EQUAL(tls_stream_read(w->t, none, 1), -1);
		CU_ASSERT_EQUAL(errno, EAGAIN);
		CU_ASSERT_EQUAL(tls_stream_send(w->t), 0);
	}
	SSL_do_handshake(w->peer);
	CU_ASSERT_TRUE_FATAL(tls_stream_established(w->t));
	CU_ASSERT_FALSE(tls_stream_unsent(w->t));
}

static void
a_handshake_needs_no_thread(int version)
{
	struct world *w = world_new(version);

	CU_ASSERT_FALSE(tls_stream_established(w->t));
	shake_hands(w);
	CU_ASSERT_EQUAL(SSL_version(w->peer), version);
	world_free(w);
}

static void
handshakes(void)
{
	a_handshake_needs_no_thread(TLS1_2_VERSION);
	a_handshake_needs_no_thread(TLS1_3_VERSION);
}

static uint8_t
octet(size_t at)
{
	return (uint8_t)(at * 31 + at / 256);
}

/* Reads up to n at the peer, and holds them against what must come at `at`. */
static size_t
peer_reads(struct world *w, size_t at, size_t n)
{
	uint8_t *p = xmalloc(n);
	int got = SSL_read(w->peer, p, (int)n);

	for (int i = 0; i < got; i++)
		if (p[i] != octet(at + (size_t)i)) {
			CU_FAIL("another octet came");
			break;
		}
	free(p);
	return got > 0 ? (size_t)got : 0;
}

/* Pieces of sizes from nothing to several records, to a peer that reads only
 * when the socket is full. */
static void
pieces_of_any_size_arrive_in_order(void)
{
	static const size_t sizes[] = {1, 0, 7, 16384, 16383, 3, 16385, 100000,
	    0, 70000, 9, 5};
	enum { N = sizeof sizes / sizeof *sizes };
	struct world *w = world_new(TLS1_3_VERSION);
	struct iovec iov[N];
	size_t all = 0, sealed = 0, got = 0, n;
	uint8_t *p;
	int first = 0, rc;

	for (int i = 0; i < N; i++)
		all += sizes[i];
	p = xmalloc(all);
	for (size_t i = 0; i < all; i++)
		p[i] = octet(i);
	for (int i = 0, at = 0; i < N; at += (int)sizes[i++])
		iov[i] = (struct iovec){p + at, sizes[i]};
	shake_hands(w);
	while (got < all) {
		rc = tls_stream_send(w->t);
		CU_ASSERT_FATAL(rc >= 0);
		if (rc == 0 && sealed < all) {
			n = (size_t)tls_stream_seal(
			    w->t, iov + first, N - first);
			CU_ASSERT_FATAL(n > 0 && n <= all - sealed);
			for (sealed += n; first < N && n >= iov[first].iov_len;)
				n -= iov[first++].iov_len;
			if (first < N) {
				iov[first].iov_base =
				    (uint8_t *)iov[first].iov_base + n;
				iov[first].iov_len -= n;
			}
			continue;
		}
		got += peer_reads(w, got, 5000);
	}
	CU_ASSERT_EQUAL(tls_stream_send(w->t), 0);
	CU_ASSERT_FALSE(tls_stream_unsent(w->t));
	free(p);
	world_free(w);
}

/* The socket is empty then, and will not wake anybody. */
static void
what_was_read_ahead_is_told(void)
{
	struct world *w = world_new(TLS1_3_VERSION);
	uint8_t p[100];

	shake_hands(w);
	CU_ASSERT_EQUAL(SSL_write(w->peer, "0123456789", 10), 10);
	CU_ASSERT_EQUAL(SSL_write(w->peer, "abc", 3), 3);
	CU_ASSERT_EQUAL(tls_stream_read(w->t, p, 4), 4);
	CU_ASSERT_TRUE(tls_stream_has_input(w->t));
	CU_ASSERT_EQUAL(tls_stream_read(w->t, p + 4, 96), 9);
	CU_ASSERT_EQUAL(memcmp(p, "0123456789abc", 13), 0);
	CU_ASSERT_FALSE(tls_stream_has_input(w->t));
	CU_ASSERT_EQUAL(tls_stream_read(w->t, p, 100), -1);
	CU_ASSERT_EQUAL(errno, EAGAIN);
	world_free(w);
}

static void
a_goodbye_is_an_end_on_both_sides(void)
{
	struct world *w = world_new(TLS1_3_VERSION);
	uint8_t p[10];

	shake_hands(w);
	tls_stream_end(w->t);
	tls_stream_end(w->t);
	CU_ASSERT_EQUAL(tls_stream_send(w->t), 0);
	CU_ASSERT_EQUAL(SSL_read(w->peer, p, 10), 0);
	CU_ASSERT_EQUAL(SSL_get_error(w->peer, 0), SSL_ERROR_ZERO_RETURN);
	SSL_shutdown(w->peer);
	CU_ASSERT_EQUAL(tls_stream_read(w->t, p, 10), 0);
	world_free(w);
}

static void
garbage_is_explained(void)
{
	struct world *w = world_new(TLS1_3_VERSION);
	uint8_t p[10];

	CU_ASSERT_EQUAL(write(w->fds[1], "AMQP\0\0\11\1 is not TLS", 19), 19);
	CU_ASSERT_EQUAL(tls_stream_read(w->t, p, 10), -1);
	CU_ASSERT_EQUAL(errno, EPROTO);
	CU_ASSERT(strlen(tls_stream_error(w->t)) > 0);
	world_free(w);
}

static void
a_record_changed_on_its_way_is_refused(void)
{
	struct world *w = world_new(TLS1_3_VERSION);
	uint8_t p[200];
	ssize_t n;

	shake_hands(w);
	CU_ASSERT_EQUAL(SSL_write(w->peer, "0123456789", 10), 10);
	n = read(w->fds[0], p, sizeof p);
	CU_ASSERT_FATAL(n > 10);
	p[n - 1] ^= 1;
	close(w->fds[1]);
	close(w->fds[0]);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX,
				  SOCK_STREAM | SOCK_NONBLOCK, 0, w->fds),
	    0);
	CU_ASSERT_EQUAL(write(w->fds[1], p, (size_t)n), n);
	CU_ASSERT_EQUAL(tls_stream_read(w->t, p, 10), -1);
	CU_ASSERT_EQUAL(errno, EPROTO);
	world_free(w);
}

static const struct unit_test tests[] = {
    {"handshakes", handshakes},
    {"pieces of any size arrive in order", pieces_of_any_size_arrive_in_order},
    {"what was read ahead is told", what_was_read_ahead_is_told},
    {"a goodbye is an end on both sides", a_goodbye_is_an_end_on_both_sides},
    {"garbage is explained", garbage_is_explained},
    {"a record changed on its way is refused",
	a_record_changed_on_its_way_is_refused},
};

UNIT_MAIN("tls_stream", tests)
