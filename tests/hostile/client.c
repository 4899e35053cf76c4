/* client.c - a connection that sends whatever it is told to. */
#include "tests/hostile/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/hostile/rig.h"

/* --- out ------------------------------------------------------------------- */

static bool
wait_for(int fd, short what, int ms)
{
	struct pollfd p = {fd, what, 0};

	return poll(&p, 1, ms) == 1;
}

static bool
write_sealed(struct client *c, struct bytes b)
{
	size_t n;

	for (; b.n > 0; b.p += n, b.n -= n)
		if (!SSL_write_ex(c->ssl, b.p, b.n, &n))
			return false;
	return true;
}

bool
client_write(struct client *c, struct bytes b)
{
	if (c->ssl != NULL)
		return write_sealed(c, b);
	while (b.n > 0) {
		ssize_t n = send(c->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN &&
		    wait_for(c->fd, POLLOUT, ANSWER_MS))
			continue;
		if (n < 0)
			return false;
		b.p += n;
		b.n -= (size_t)n;
	}
	return true;
}

void
client_push(struct client *c, struct bytes b)
{
	while (b.n > 0) {
		ssize_t n = send(c->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n <= 0)
			return;
		b.p += n;
		b.n -= (size_t)n;
	}
}

void
client_add(struct client *c, uint16_t channel, const struct amqp_method *m)
{
	amqp_method_frame(&c->out, channel, m);
}

void
client_add_frame(
    struct client *c, uint8_t type, uint16_t channel, struct bytes payload)
{
	size_t mark = amqp_frame_begin(&c->out, type, channel);

	writer_bytes(&c->out, payload);
	amqp_frame_end(&c->out, mark);
}

void
client_add_publish(struct client *c, uint16_t channel, const char *exchange,
    const char *key, bool persistent, struct bytes body)
{
	uint8_t header[15], *p = header;
	size_t most = 131072 - FRAME_OVERHEAD;

	client_add(c, channel,
	    &(struct amqp_method){AMQP_basic_publish,
		.basic_publish = {.exchange = bytes_str(exchange),
		    .routing_key = bytes_str(key)}});
	p = put_u64(put_u16(put_u16(p, 60), 0), body.n);
	p = put_u8(put_u16(p, 0x1000), persistent ? 2 : 1);
	client_add_frame(c, FRAME_HEADER, channel,
	    (struct bytes){header, (size_t)(p - header)});
	while (body.n > 0) {
		size_t n = body.n < most ? body.n : most;

		client_add_frame(
		    c, FRAME_BODY, channel, (struct bytes){body.p, n});
		body.p += n;
		body.n -= n;
	}
}

bool
client_flush(struct client *c)
{
	bool sent = client_write(c, writer_view(&c->out));

	c->out.n = 0;
	return sent;
}

bool
client_send(struct client *c, uint16_t channel, const struct amqp_method *m)
{
	client_add(c, channel, m);
	return client_flush(c);
}

/* --- in -------------------------------------------------------------------- */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
make_room(struct client *c)
{
	if (c->at > 0)
		memmove(c->in, c->in + c->at, c->n - c->at);
	c->n -= c->at;
	c->at = 0;
	if (c->room - c->n >= 65536)
		return;
	c->room = (c->room + 65536) * 2;
	c->in = xrealloc(c->in, c->room);
}

static bool
receive(struct client *c, int64_t until)
{
	int64_t left = until - now_ms();
	ssize_t n;

	if ((c->ssl == NULL || !SSL_has_pending(c->ssl)) &&
	    !wait_for(c->fd, POLLIN, left > 0 ? (int)left : 0))
		return false;
	make_room(c);
	n = c->ssl != NULL
	    ? SSL_read(c->ssl, c->in + c->n, (int)(c->room - c->n))
	    : recv(c->fd, c->in + c->n, c->room - c->n, 0);
	if (n <= 0)
		return false;
	c->n += (size_t)n;
	return true;
}

bool
client_next(struct client *c, struct amqp_frame *f, int ms)
{
	int64_t until = now_ms() + ms;

	for (;;) {
		struct bytes rest = {c->in + c->at, c->n - c->at};

		if (rest.n > 0 &&
		    amqp_frame_peek(rest, 0, f) == FRAME_COMPLETE) {
			c->at += f->size + FRAME_OVERHEAD;
			return true;
		}
		if (!receive(c, until))
			return false;
	}
}

bool
client_method(struct client *c, struct amqp_method *m, int ms)
{
	struct amqp_frame f;

	while (client_next(c, &f, ms))
		if (f.type == FRAME_METHOD)
			return amqp_method_decode(f.payload, m) == AMQP_DECODED;
	return false;
}

bool
client_expect(struct client *c, uint32_t id, struct amqp_method *m)
{
	struct amqp_method got = {0};
	bool came = client_method(c, &got, ANSWER_MS);

	if (m != NULL)
		*m = got;
	return rig_check(came && got.id == id, amqp_method_name(id),
	    amqp_method_name(got.id), 0);
}

bool
client_call(struct client *c, uint16_t channel, const struct amqp_method *m,
    struct amqp_method *answer)
{
	return client_send(c, channel, m) &&
	    client_expect(c, m->id + 1, answer);
}

bool
client_ended(struct client *c, int ms)
{
	int64_t until = now_ms() + ms;

	while (receive(c, until))
		c->at = c->n = 0;
	return now_ms() < until;
}

/* --- life ------------------------------------------------------------------ */

static struct client *
dial(unsigned port)
{
	struct client *c = xcalloc(1, sizeof *c);
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(connect(c->fd, (struct sockaddr *)&to, sizeof to) == 0);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return c;
}

struct client *
client_dial(void)
{
	return dial(rig_port());
}

struct client *
client_dial_unshaken(int version)
{
	static const struct timeval patience = {ANSWER_MS / 1000, 0};
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	struct client *c = dial(rig_secure_port());

	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	SSL_CTX_set_min_proto_version(context, version);
	SSL_CTX_set_max_proto_version(context, version);
	c->ssl = SSL_new(context);
	SSL_CTX_free(context);
	CHECK(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1);
	return c;
}

bool
client_shake(struct client *c)
{
	return SSL_connect(c->ssl) == 1;
}

struct client *
client_dial_secure(int version)
{
	struct client *c = client_dial_unshaken(version);

	CHECK(client_shake(c));
	return c;
}

void
client_drop(struct client *c)
{
	SSL_free(c->ssl);
	close(c->fd);
	free(c->in);
	writer_fini(&c->out);
	free(c);
}

static void
start_ok(struct client *c)
{
	struct writer properties = {0};
	size_t mark = table_begin(&properties, "capabilities");

	table_put_bool(&properties, "authentication_failure_close", true);
	table_put_bool(&properties, "consumer_cancel_notify", true);
	table_put_bool(&properties, "connection.blocked", true);
	table_end(&properties, mark);
	client_send(c, 0,
	    &(struct amqp_method){AMQP_connection_start_ok,
		.connection_start_ok = {writer_view(&properties),
		    BYTES("PLAIN"), BYTES("\0guest\0guest"),
		    BYTES("en_US")}});
	writer_fini(&properties);
}

void
client_log_in(struct client *c)
{
	struct amqp_method m;

	client_write(c, BYTES("AMQP\0\0\x09\x01"));
	client_expect(c, AMQP_connection_start, NULL);
	start_ok(c);
	client_expect(c, AMQP_connection_tune, &m);
	client_send(c, 0,
	    &(struct amqp_method){AMQP_connection_tune_ok,
		.connection_tune_ok = {m.connection_tune.channel_max,
		    m.connection_tune.frame_max, 0}});
	client_call(c, 0,
	    &(struct amqp_method){AMQP_connection_open,
		.connection_open = {.virtual_host = BYTES("/")}},
	    NULL);
}

struct client *
client_open(void)
{
	struct client *c = client_dial();

	client_log_in(c);
	return c;
}

void
client_channel(struct client *c, uint16_t channel)
{
	client_call(
	    c, channel, &(struct amqp_method){AMQP_channel_open}, NULL);
}

void
client_channel_again(struct client *c, uint16_t channel)
{
	client_send(
	    c, channel, &(struct amqp_method){AMQP_channel_close_ok});
	client_channel(c, channel);
}

void
client_close(struct client *c)
{
	struct amqp_method m = {0};

	client_send(c, 0, &(struct amqp_method){AMQP_connection_close});
	while (client_method(c, &m, ANSWER_MS) &&
	    m.id != AMQP_connection_close_ok)
		;
	CHECK(m.id == AMQP_connection_close_ok);
	client_drop(c);
}

/* --- queues ---------------------------------------------------------------- */

void
client_declare(
    struct client *c, uint16_t channel, const char *queue, bool durable)
{
	client_call(c, channel,
	    &(struct amqp_method){AMQP_queue_declare,
		.queue_declare = {.queue = bytes_str(queue),
		    .durable = durable}},
	    NULL);
}

unsigned
client_ready(struct client *c, uint16_t channel, const char *queue)
{
	struct amqp_method ok = {0};

	client_call(c, channel,
	    &(struct amqp_method){AMQP_queue_declare,
		.queue_declare = {.queue = bytes_str(queue),
		    .passive = true}},
	    &ok);
	return ok.queue_declare_ok.message_count;
}
