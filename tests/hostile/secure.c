/* secure.c - peers that speak TLS, and mean no good. */
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "amqp/xalloc.h"
#include "tests/hostile/client.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/rig.h"
#include "tests/hostile/secure.h"

enum { MIB = 1024 * 1024, STALLED = 500, AT_ONCE = 800 };

/* Sanitizers keep what is freed. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { DEAF_MIB = 350 };
#else
enum { DEAF_MIB = 60 };
#endif

/* Nobody can be more patient than that with a handshake; see test_hostile.c. */
static void
drop_ended(struct client **all, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		CHECK(client_ended(all[i], ANSWER_MS));
		client_drop(all[i]);
	}
}

/* What a client says first, and what it would say after the handshake, go to
 * memory instead of the socket. */
static BIO *
divert(struct client *c)
{
	BIO *memory = BIO_new(BIO_s_mem());

	SSL_set0_wbio(c->ssl, memory);
	return memory;
}

static struct bytes
diverted(BIO *memory)
{
	char *p;
	long n = BIO_get_mem_data(memory, &p);

	return (struct bytes){(uint8_t *)p, (size_t)n};
}

/* The bytes go as they are; the stream's own state does not notice. */
static void
write_raw(struct client *c, struct bytes b)
{
	struct ssl_st *ssl = c->ssl;

	c->ssl = NULL;
	client_push(c, b);
	c->ssl = ssl;
}

static struct client *
open_secure(int version)
{
	struct client *c = client_dial_secure(version);

	client_log_in(c);
	client_channel(c, 1);
	return c;
}

/* --- handshakes ------------------------------------------------------------------ */

/* A client's first words, as octets. */
static struct client *
hello_new(BIO **memory)
{
	struct client *c = client_dial_unshaken(0);

	*memory = divert(c);
	SSL_set_rfd(c->ssl, -1);
	SSL_connect(c->ssl); /* says hello, and hears nothing */
	return c;
}

/* They say nothing, or half a hello, and are ended; others go on. */
void
test_stalled_handshakes(void)
{
	struct client **all = xcalloc(STALLED, sizeof *all);
	struct client *w = witness_open();
	size_t before = rig_memory();
	struct client *model;
	struct bytes hello;
	BIO *memory;

	model = hello_new(&memory);
	hello = diverted(memory);
	CHECK(hello.n > 100);
	for (unsigned i = 0; i < STALLED; i++) {
		all[i] = client_dial_unshaken(0);
		write_raw(all[i],
		    (struct bytes){hello.p, i % 2 ? 0 : hello.n * i / STALLED});
		if (i % 50 == 0)
			witness_all_is_well(w, 1);
	}
	witness_all_is_well(w, 20);
	if (!CHECK((rig_memory() - before) / STALLED < 128 * 1024))
		printf("%zu bytes each\n", (rig_memory() - before) / STALLED);
	for (unsigned i = 0; i < STALLED; i++)
		SSL_set_quiet_shutdown(all[i]->ssl, 1);
	for (unsigned i = 0; i < STALLED; i++) {
		SSL_free(all[i]->ssl);
		all[i]->ssl = NULL; /* to see its socket closed */
	}
	drop_ended(all, STALLED);
	free(all);
	client_drop(model);
	client_close(w);
}

/* The broker's hello came, whatever it says. */
static bool
is_answered(struct client *c)
{
	uint8_t first;

	return recv(c->fd, &first, 1, 0) == 1;
}

/* Each costs the broker a signature: a storm of them keeps nobody waiting. */
void
test_many_handshakes(void)
{
	struct client *w = witness_open(), *all[AT_ONCE], *model;
	struct bytes hello;
	BIO *memory;

	model = hello_new(&memory);
	hello = diverted(memory);
	for (unsigned i = 0; i < AT_ONCE; i++)
		all[i] = client_dial_unshaken(0);
	for (unsigned i = 0; i < AT_ONCE; i++)
		write_raw(all[i], hello);
	witness_all_is_well(w, 100);
	for (unsigned i = 0; i < AT_ONCE; i++) {
		CHECK(is_answered(all[i]));
		client_drop(all[i]);
	}
	CHECK(rig_turns_within(40));
	client_drop(model);
	client_close(w);
}

/* TLS 1.2 lets a client ask for another handshake at any time. It gets none, and
 * may go on or not. */
void
test_renegotiation(void)
{
	struct client *w = witness_open();

	for (int i = 0; i < 20; i++) {
		struct client *c = open_secure(TLS1_2_VERSION);

		SSL_set_options(c->ssl, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
		SSL_renegotiate(c->ssl);
		SSL_do_handshake(c->ssl);
		CHECK(SSL_num_renegotiations(c->ssl) == 0 ||
		    SSL_get_state(c->ssl) != TLS_ST_OK);
		client_drop(c);
		witness_all_is_well(w, 2);
	}
	client_close(w);
}

/* A chain of thousands of certificates is not even read to its end. */
void
test_endless_chain(void)
{
	struct client *w = witness_open(), *c = client_dial_unshaken(0);
	size_t before = rig_memory(), after;
	X509 *own;
	FILE *f;

	CHECK(SSL_use_certificate_file(
		  c->ssl, rig_file("server.pem"), SSL_FILETYPE_PEM) == 1);
	CHECK(SSL_use_PrivateKey_file(
		  c->ssl, rig_file("server.key"), SSL_FILETYPE_PEM) == 1);
	if ((own = SSL_get_certificate(c->ssl)) != NULL)
		for (int i = 0; i < 5000; i++)
			SSL_add1_chain_cert(c->ssl, own);
	if (client_shake(c)) /* in TLS 1.3 that is over before it is looked at */
		client_write(c, BYTES("AMQP\0\0\x09\x01"));
	CHECK(client_ended(c, ANSWER_MS));
	client_drop(c);
	after = rig_memory();
	CHECK(after < before + 16 * MIB);
	witness_all_is_well(w, 5);
	client_close(w);
	if ((f = fopen(rig_file("log"), "r")) != NULL) {
		char line[400];
		bool told = false;

		while (fgets(line, sizeof line, f) != NULL)
			told |= strstr(line, "excessive message size") != NULL;
		CHECK(told);
		fclose(f);
	}
}

/* --- records ------------------------------------------------------------------------ */

/* A publication and what else there is, as records. */
static struct bytes
seal_session(struct client *c, BIO **memory)
{
	static uint8_t body[20000];

	*memory = divert(c);
	client_add_publish(
	    c, 1, "", "cut", true, (struct bytes){body, sizeof body});
	client_add(c, 1,
	    &(struct amqp_method){AMQP_queue_declare,
		.queue_declare = {.queue = BYTES("cut"), .durable = true}});
	client_flush(c);
	return diverted(*memory);
}

/* The socket closes anywhere in a record. */
void
test_cut_records(void)
{
	struct client *w = witness_open();

	for (size_t at = 1;; at += at < 64 ? 7 : 1999) {
		struct client *c = open_secure(at % 2 ? 0 : TLS1_2_VERSION);
		BIO *memory;
		struct bytes all = seal_session(c, &memory);
		bool last = at >= all.n;

		if (!last)
			all.n = at;
		write_raw(c, all);
		client_drop(c);
		if (last)
			break;
		witness_all_is_well(w, 1);
	}
	client_close(w);
}

/* Something is wrong in a record: the connection ends, whatever came before. */
void
test_garbage_records(void)
{
	struct client *w = witness_open();

	for (size_t at = 0; at < 20000; at += at < 64 ? 3 : 3001) {
		struct client *c = open_secure(at % 2 ? 0 : TLS1_2_VERSION);
		BIO *memory;
		struct bytes all = seal_session(c, &memory);

		if (at < all.n)
			((uint8_t *)all.p)[at] ^= 0x55;
		write_raw(c, all);
		shutdown(c->fd, SHUT_WR);
		SSL_free(c->ssl);
		c->ssl = NULL;
		CHECK(client_ended(c, ANSWER_MS));
		client_drop(c);
		witness_all_is_well(w, 1);
	}
	client_close(w);
}

/* --- waiting ---------------------------------------------------------------------------- */

/* They ask for a lot and read nothing: what is sealed for them is bounded. */
void
test_deaf_secure_clients(void)
{
	static uint8_t body[100 * 1024];
	struct client *w = witness_open(), *filler = client_open();
	struct client *deaf[12];
	size_t before, after;

	client_channel(filler, 1);
	client_declare(filler, 1, "big", false);
	for (int i = 0; i < 500; i++)
		client_add_publish(filler, 1, "", "big", false,
		    (struct bytes){body, sizeof body});
	client_flush(filler);
	CHECK(client_ready(filler, 1, "big") == 500);
	before = rig_memory();
	for (int i = 0; i < 12; i++) {
		deaf[i] = open_secure(0);
		client_send(deaf[i], 1,
		    &(struct amqp_method){AMQP_basic_consume,
			.basic_consume = {.queue = BYTES("big")}});
	}
	witness_all_is_well(w, 200);
	after = rig_memory();
	if (!CHECK(after < before + DEAF_MIB * (size_t)MIB))
		printf("%zu MiB more\n", (after - before) / MIB);
	for (int i = 0; i < 12; i++)
		client_drop(deaf[i]);
	for (int i = 0; i < 200 && client_ready(filler, 1, "big") < 500; i++)
		witness(w);
	CHECK(client_ready(filler, 1, "big") == 500);
	client_close(filler);
	client_close(w);
}

/* A purge takes some turns, and many small methods use up a turn: what lies in
 * OpenSSL by then, and is not announced by the socket, is served none the less. */
void
test_paused_secure_client(void)
{
	enum { MESSAGES = 50000, ROUNDS = 20 };
	struct client *c = open_secure(0);
	struct amqp_method m;

	client_declare(c, 1, "q", false);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < MESSAGES / ROUNDS * (round % 3); i++)
			client_add_publish(c, 1, "", "q", false, BYTES("x"));
		client_add(c, 1,
		    &(struct amqp_method){AMQP_queue_purge,
			.queue_purge = {.queue = BYTES("q")}});
		for (int i = 0; i < 300; i++)
			client_add_publish(c, 1, "", "q", false, BYTES("y"));
		client_add(c, 1,
		    &(struct amqp_method){AMQP_queue_purge,
			.queue_purge = {.queue = BYTES("q")}});
		client_add(c, 1,
		    &(struct amqp_method){AMQP_basic_get,
			.basic_get = {.queue = BYTES("q")}});
		client_flush(c);
		client_expect(c, AMQP_queue_purge_ok, NULL);
		if (client_expect(c, AMQP_queue_purge_ok, &m))
			CHECK(m.queue_purge_ok.message_count == 300);
		client_expect(c, AMQP_basic_get_empty, NULL);
	}
	client_close(c);
}

/* --- proxies ---------------------------------------------------------------------------- */

/* Says the header in pieces, so large. */
static void
write_header(struct client *c, const char *header, size_t piece)
{
	struct bytes b = bytes_str(header);

	while (b.n > 0) {
		size_t n = b.n < piece ? b.n : piece;

		write_raw(c, (struct bytes){b.p, n});
		b.p += n;
		b.n -= n;
	}
}

/* Is guest let in, who may come from this machine only? */
static void
come_through(struct client *c, bool let_in)
{
	struct amqp_method m;

	if (c->ssl != NULL)
		CHECK(client_shake(c));
	if (let_in) {
		client_log_in(c);
		client_close(c);
		return;
	}
	client_write(c, BYTES("AMQP\0\0\x09\x01"));
	client_expect(c, AMQP_connection_start, NULL);
	client_send(c, 0,
	    &(struct amqp_method){AMQP_connection_start_ok,
		.connection_start_ok = {BYTES(""), BYTES("PLAIN"),
		    BYTES("\0guest\0guest"), BYTES("en_US")}});
	CHECK(!client_method(c, &m, ANSWER_MS));
	client_drop(c);
}

/* The address that counts is the one a proxy names, by TLS too. */
void
test_proxies(void)
{
	static const char near[] = "PROXY TCP4 127.0.0.1 127.0.0.1 9 5672\r\n";
	static const char far[] = "PROXY TCP4 192.0.2.1 127.0.0.1 9 5672\r\n";
	static const char unknown[] = "PROXY UNKNOWN\r\n";
	struct client *c;

	for (int secure = 0; secure < 2; secure++)
		for (size_t piece = 1; piece < 200; piece *= 10) {
			struct client *(*dial)(int) = client_dial_unshaken;

			c = secure ? dial(0) : client_dial();
			write_header(c, near, piece);
			come_through(c, true);
			c = secure ? dial(0) : client_dial();
			write_header(c, unknown, piece);
			come_through(c, true);
			c = secure ? dial(0) : client_dial();
			write_header(c, far, piece);
			come_through(c, false);
		}
	c = client_dial();
	client_write(c, BYTES("AMQP\0\0\x09\x01"));
	CHECK(client_ended(c, ANSWER_MS));
	client_drop(c);
	c = client_dial();
	client_write(c, BYTES("PROXY TC"));
	CHECK(client_ended(c, ANSWER_MS)); /* its time is over */
	client_drop(c);
}
