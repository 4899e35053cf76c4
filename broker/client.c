/* client.c - a blocking AMQP client on this machine, for a tool. */
#include "broker/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/frame.h"
#include "amqp/table.h"

enum { CHUNK = 65536, CHANNEL = 1 };

static bool
fail(struct client *c, const char *why)
{
	if (c->why[0] == '\0')
		snprintf(c->why, sizeof c->why, "%s", why);
	return false;
}

/* --- bytes --------------------------------------------------------------- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Listeners say "[::1]", "[::]" or "127.0.0.1". */
static socklen_t
set_address(union address *a, const char *host, unsigned port)
{
	char name[64];

	memset(a, 0, sizeof *a);
	snprintf(name, sizeof name, "%s", host + (*host == '['));
	name[strcspn(name, "]")] = '\0';
	a->v4.sin_port = htons((uint16_t)port); /* the same place in both */
	if (strcmp(name, "::") == 0 || strcmp(name, "0.0.0.0") == 0)
		strcpy(name, "127.0.0.1");
	if (inet_pton(AF_INET6, name, &a->v6.sin6_addr) == 1) {
		a->v6.sin6_family = AF_INET6;
		return sizeof a->v6;
	}
	inet_pton(AF_INET, name, &a->v4.sin_addr);
	a->v4.sin_family = AF_INET;
	return sizeof a->v4;
}

static bool
connect_to(struct client *c, const char *host, unsigned port)
{
	union address a;
	socklen_t size = set_address(&a, host, port);

	c->fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd >= 0 && connect(c->fd, &a.any, size) == 0)
		return true;
	return fail(c, strerror(errno));
}

static bool
send_bytes(struct client *c, struct bytes b)
{
	ssize_t n;

	for (; b.n > 0; b.p += n, b.n -= (size_t)n) {
		n = send(c->fd, b.p, b.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return fail(c, strerror(errno));
	}
	return true;
}

static bool
send_method(
    struct client *c, uint16_t channel, const struct amqp_method *m)
{
	struct writer w = {0};
	bool sent;

	amqp_method_frame(&w, channel, m);
	sent = send_bytes(c, writer_view(&w));
	writer_fini(&w);
	return sent;
}

static bool
fill(struct client *c)
{
	ssize_t n;

	do
		n = read(c->fd, writer_room(&c->in, CHUNK), CHUNK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(c, strerror(errno));
	if (n == 0)
		return fail(c, "the broker closed the connection");
	c->in.n += (size_t)n;
	return true;
}

/* The next frame that is no heartbeat; it borrows until the next call. */
static bool
next_frame(struct client *c, struct amqp_frame *f)
{
	do {
		if (c->taken > 0)
			memmove(c->in.p, c->in.p + c->taken,
			    c->in.n - c->taken);
		c->in.n -= c->taken;
		c->taken = 0;
		while (amqp_frame_peek(writer_view(&c->in), 0, f) ==
		    FRAME_PARTIAL)
			if (!fill(c))
				return false;
		if (amqp_frame_peek(writer_view(&c->in), 0, f) !=
		    FRAME_COMPLETE)
			return fail(c, "the answer is no AMQP");
		c->taken = f->size + FRAME_OVERHEAD;
	} while (f->type == FRAME_HEARTBEAT);
	return true;
}

/* --- methods --------------------------------------------------------------- */

static bool
closed(struct client *c, struct bytes text)
{
	snprintf(c->why, sizeof c->why, "%.*s", BYTES_FMT(text));
	return false;
}

static bool
next_method(struct client *c, struct amqp_method *m)
{
	struct amqp_frame f;

	if (!next_frame(c, &f))
		return false;
	if (f.type != FRAME_METHOD ||
	    amqp_method_decode(f.payload, m) != AMQP_DECODED)
		return fail(c, "the answer is no method");
	if (m->id == AMQP_connection_close)
		return closed(c, m->connection_close.reply_text);
	if (m->id == AMQP_channel_close)
		return closed(c, m->channel_close.reply_text);
	return true;
}

/* Being blocked or not is nothing to a tool: it waits. */
static bool
expect(struct client *c, uint32_t ok, uint32_t or, struct amqp_method *m)
{
	do
		if (!next_method(c, m))
			return false;
	while (m->id == AMQP_connection_blocked ||
	    m->id == AMQP_connection_unblocked);
	if (m->id == ok || (or != 0 && m->id == or))
		return true;
	return fail(c, "the broker answers something else");
}

static bool
call_on(struct client *c, uint16_t channel, const struct amqp_method *m,
    uint32_t ok, uint32_t or, struct amqp_method *answer)
{
	return send_method(c, channel, m) && expect(c, ok, or, answer);
}

bool
client_call(struct client *c, const struct amqp_method *m, uint32_t ok,
    uint32_t or, struct amqp_method *answer)
{
	return call_on(c, CHANNEL, m, ok, or, answer);
}

void
client_tell(struct client *c, const struct amqp_method *m)
{
	send_method(c, CHANNEL, m);
}

/* --- from the header to the channel ---------------------------------------- */

static bool
log_in(struct client *c, const char *user, const char *password)
{
	struct amqp_method m = {AMQP_connection_start_ok}, answer;
	struct writer properties = {0}, response = {0};
	size_t mark = table_begin(&properties, "capabilities");
	bool done;

	table_put_bool(&properties, "authentication_failure_close", true);
	table_end(&properties, mark);
	table_put_longstr(&properties, "product", BYTES("rabbitmqadmin"));
	writer_u8(&response, 0);
	writer_bytes(&response, bytes_str(user));
	writer_u8(&response, 0);
	writer_bytes(&response, bytes_str(password));
	m.connection_start_ok =
	    (struct amqp_connection_start_ok){writer_view(&properties),
		BYTES("PLAIN"), writer_view(&response), BYTES("en_US")};
	done = call_on(c, 0, &m, AMQP_connection_tune, 0, &answer);
	writer_fini(&properties);
	writer_fini(&response);
	if (!done)
		return false;
	c->frame_max = answer.connection_tune.frame_max;
	m = (struct amqp_method){AMQP_connection_tune_ok,
	    .connection_tune_ok = {answer.connection_tune.channel_max,
		c->frame_max, 0}};
	return send_method(c, 0, &m);
}

bool
client_open(struct client *c, const char *host, unsigned port,
    const char *user, const char *password, const char *vhost)
{
	struct amqp_method answer;
	struct amqp_method connection = {AMQP_connection_open,
	    .connection_open = {.virtual_host = bytes_str(vhost)}};
	struct amqp_method channel = {AMQP_channel_open};

	return connect_to(c, host, port) &&
	    send_bytes(c, BYTES("AMQP\0\0\x09\x01")) &&
	    expect(c, AMQP_connection_start, 0, &answer) &&
	    log_in(c, user, password) &&
	    call_on(c, 0, &connection, AMQP_connection_open_ok, 0, &answer) &&
	    client_call(c, &channel, AMQP_channel_open_ok, 0, &answer);
}

void
client_close(struct client *c)
{
	struct amqp_method answer;
	struct amqp_method m = {AMQP_connection_close,
	    .connection_close = {200, BYTES("Goodbye"), 0, 0}};

	if (c->fd > 0 && c->why[0] == '\0')
		call_on(c, 0, &m, AMQP_connection_close_ok, 0, &answer);
	if (c->fd > 0)
		close(c->fd);
	writer_fini(&c->in);
}

/* --- content ----------------------------------------------------------------- */

static void
put_content(struct writer *w, uint32_t frame_max, struct bytes properties,
    struct bytes body)
{
	size_t mark = amqp_frame_begin(w, FRAME_HEADER, CHANNEL), n;
	size_t most = frame_max > 0 ? frame_max - FRAME_OVERHEAD : CHUNK;

	writer_u16(w, AMQP_basic_publish >> 16);
	writer_u16(w, 0);
	writer_u64(w, body.n);
	writer_bytes(w, properties);
	amqp_frame_end(w, mark);
	for (; body.n > 0; body.p += n, body.n -= n) {
		n = body.n < most ? body.n : most;
		mark = amqp_frame_begin(w, FRAME_BODY, CHANNEL);
		writer_bytes(w, (struct bytes){body.p, n});
		amqp_frame_end(w, mark);
	}
}

bool
client_publish(struct client *c, const struct amqp_basic_publish *publish,
    struct bytes properties, struct bytes body, bool *routed)
{
	struct amqp_method m = {AMQP_basic_publish, .basic_publish = *publish};
	struct writer w = {0}, back = {0}, text = {0};
	bool done;

	amqp_method_frame(&w, CHANNEL, &m);
	put_content(&w, c->frame_max, properties, body);
	done = send_bytes(c, writer_view(&w)) &&
	    expect(c, AMQP_basic_ack, AMQP_basic_return, &m);
	*routed = done && m.id == AMQP_basic_ack;
	if (done && m.id == AMQP_basic_return)
		done = client_content(c, &back, &text) &&
		    expect(c, AMQP_basic_ack, 0, &m);
	writer_fini(&w);
	writer_fini(&back);
	writer_fini(&text);
	return done;
}

bool
client_content(
    struct client *c, struct writer *properties, struct writer *body)
{
	struct amqp_frame f;
	struct reader r;
	uint64_t size;

	if (!next_frame(c, &f))
		return false;
	r = reader_of(f.payload);
	reader_u32(&r); /* class and weight */
	size = reader_u64(&r);
	if (f.type != FRAME_HEADER || r.bad)
		return fail(c, "no content follows");
	writer_bytes(properties, (struct bytes){r.p, reader_left(&r)});
	while (body->n < size) {
		if (!next_frame(c, &f))
			return false;
		if (f.type != FRAME_BODY)
			return fail(c, "the content breaks off");
		writer_bytes(body, f.payload);
	}
	return true;
}
