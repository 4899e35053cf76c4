/* client.c - one connection with one channel, as a load program needs it. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/bench/client.h"
#include "tests/bench/clock.h"

enum {
	FRAME_MAX = 131072,         /* what is asked for */
	INPUT_SIZE = 2 * FRAME_MAX, /* holds any frame, and much of it */
	RETRY_MS = 20,              /* between attempts to connect */
};

bool
client_fail(struct client *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof c->error, format, args);
	va_end(args);
	return false;
}

/* --- output ------------------------------------------------------------ */

void
client_say(struct client *c, const struct amqp_method *m)
{
	bool connection = m->id >> 16 == AMQP_connection_start >> 16;

	amqp_method_frame(&c->out, connection ? 0 : CLIENT_CHANNEL, m);
}

/* Sees to it that a close which the broker sent before the socket broke is
 * what is reported. */
static bool
broken(struct client *c, const char *what)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN, .revents = POLLIN};
	int error = errno;

	while (poll(&p, 1, 0) == 1 && p.revents & POLLIN)
		if (!client_ready(c, &p))
			return false;
	return client_fail(c, "%s: %s", what, strerror(error));
}

ssize_t
client_send(struct client *c, const void *p, size_t n)
{
	ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0)
		return sent;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	broken(c, "cannot write to the broker");
	return -1;
}

bool
client_flush(struct client *c)
{
	ssize_t n;

	while (c->out_from < c->out.n) {
		n = client_send(
		    c, c->out.p + c->out_from, c->out.n - c->out_from);
		if (n <= 0)
			return n == 0;
		c->out_from += (size_t)n;
	}
	c->out.n = c->out_from = 0;
	return true;
}

/* --- input ------------------------------------------------------------- */

static bool
closed_by_broker(struct client *c, const struct amqp_method *m)
{
	const struct amqp_connection_close *close = &m->connection_close;
	struct amqp_method ok = {.id = m->id + 1};

	/* channel.close has the same fields in the same order. */
	_Static_assert(
	    sizeof *close == sizeof(struct amqp_channel_close) &&
		AMQP_connection_close_ok == AMQP_connection_close + 1 &&
		AMQP_channel_close_ok == AMQP_channel_close + 1,
	    "one way to read both");
	c->reply_code = close->reply_code;
	client_fail(c, "the broker closed the %s: %u %.*s",
	    m->id == AMQP_channel_close ? "channel" : "connection",
	    close->reply_code, BYTES_FMT(close->reply_text));
	client_say(c, &ok);
	send(c->fd, c->out.p + c->out_from, c->out.n - c->out_from,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	return false;
}

/* Methods of the classes connection and channel that nobody waits for. */
static bool
take_control(struct client *c, const struct amqp_frame *f)
{
	struct amqp_method m;

	if (amqp_method_decode(f->payload, &m) != AMQP_DECODED)
		return client_fail(c, "the broker sent a malformed method");
	switch (m.id) {
	case AMQP_connection_close:
	case AMQP_channel_close:
		return closed_by_broker(c, &m);
	case AMQP_connection_blocked:
		c->blockings++;
		return true;
	case AMQP_connection_unblocked:
		return true;
	}
	return client_fail(
	    c, "the broker sent %s unasked", amqp_method_name(m.id));
}

static bool
take_reply(struct client *c, const struct amqp_frame *f)
{
	c->awaited = 0;
	if (amqp_method_decode(f->payload, c->reply) == AMQP_DECODED)
		return true;
	return client_fail(c, "the broker sent a malformed reply");
}

static bool
take(struct client *c, const struct amqp_frame *f)
{
	uint32_t id = 0;

	if (f->type == FRAME_METHOD && f->size >= 4)
		id = get_u32(f->payload.p);
	if (id != 0 && id == c->awaited)
		return take_reply(c, f);
	if (f->type == FRAME_HEARTBEAT)
		return true;
	if (id != 0 && id >> 16 <= AMQP_channel_open >> 16)
		return take_control(c, f);
	if (c->frame == NULL)
		return client_fail(c, "the broker sent %s unasked",
		    id != 0 ? amqp_method_name(id) : "content");
	return c->frame(c, f, c->arg);
}

static bool
take_all(struct client *c)
{
	struct amqp_frame f;
	enum amqp_frame_status status;

	for (;;) {
		status = amqp_frame_peek(
		    (struct bytes){c->in + c->in_from, c->in_to - c->in_from},
		    c->frame_max, &f);
		if (status != FRAME_COMPLETE)
			break;
		c->in_from += f.size + FRAME_OVERHEAD;
		if (!take(c, &f))
			return false;
	}
	if (status != FRAME_PARTIAL)
		return client_fail(c, "the broker sent a malformed frame");
	return true;
}

/* Moves what is left to the front if there is less room than for one frame. */
static void
make_room(struct client *c)
{
	if (c->in_from == c->in_to)
		c->in_from = c->in_to = 0;
	if (INPUT_SIZE - c->in_to >= FRAME_MAX / 2)
		return;
	memmove(c->in, c->in + c->in_from, c->in_to - c->in_from);
	c->in_to -= c->in_from;
	c->in_from = 0;
}

bool
client_left(const struct client *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) == 1;
}

void
client_poll(struct client *c, struct pollfd *p)
{
	p->fd = c->fd;
	p->events = POLLIN;
	if (c->unsent || c->out_from < c->out.n)
		p->events |= POLLOUT;
	p->revents = 0;
}

bool
client_ready(struct client *c, const struct pollfd *p)
{
	ssize_t n;

	if (!(p->revents & (POLLIN | POLLERR | POLLHUP)))
		return true;
	make_room(c);
	n = recv(c->fd, c->in + c->in_to, INPUT_SIZE - c->in_to, MSG_DONTWAIT);
	if (n == 0)
		return client_fail(c, "the broker closed the socket");
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0)
		return client_fail(
		    c, "cannot read from the broker: %s", strerror(errno));
	c->read_at = now_ns();
	c->in_to += (size_t)n;
	return take_all(c);
}

bool
client_step(struct client *c, int64_t until)
{
	struct pollfd p;
	int64_t left;

	if (!client_flush(c))
		return false;
	client_poll(c, &p);
	left = until - now_ns();
	if (left < 0)
		left = 0;
	if (ppoll(&p, 1, &(struct timespec){left / SECOND, left % SECOND},
		NULL) < 0)
		return errno == EINTR ||
		       client_fail(c, "poll: %s", strerror(errno));
	return client_ready(c, &p);
}

/* --- calls -------------------------------------------------------------- */

static bool
await(struct client *c, uint32_t reply_id, struct amqp_method *reply)
{
	int64_t until = now_ns() + seconds_ns(c->options->timeout);

	c->awaited = reply_id;
	c->reply = reply;
	while (c->awaited != 0) {
		if (!client_step(c, until))
			return false;
		if (c->awaited != 0 && now_ns() > until)
			return client_fail(c, "no %s within %g seconds",
			    amqp_method_name(reply_id), c->options->timeout);
	}
	return true;
}

bool
client_call(struct client *c, const struct amqp_method *say, uint32_t reply_id,
    struct amqp_method *reply)
{
	client_say(c, say);
	return await(c, reply_id, reply);
}

/* --- opening and closing ------------------------------------------------ */

static bool
socket_open(struct client *c)
{
	const struct sockaddr_in *to = &c->options->address;
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return client_fail(c, "socket: %s", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(c->fd, (const struct sockaddr *)to, sizeof *to) != 0)
		return client_fail(
		    c, "cannot connect to the broker: %s", strerror(errno));
	return true;
}

/* PLAIN: zero, user, zero, password. And the capabilities without which a
 * broker would not say why it refuses a login, or that it blocks. */
static void
say_start_ok(struct client *c)
{
	const struct options *o = c->options;
	struct amqp_method m = {.id = AMQP_connection_start_ok};
	struct writer table = {0}, response = {0};
	size_t capabilities;

	table_put_longstr(&table, "product", BYTES("leveretperf"));
	capabilities = table_begin(&table, "capabilities");
	table_put_bool(&table, "authentication_failure_close", true);
	table_put_bool(&table, "connection.blocked", true);
	table_put_bool(&table, "basic.nack", true);
	table_put_bool(&table, "publisher_confirms", true);
	table_end(&table, capabilities);
	writer_u8(&response, 0);
	writer_bytes(&response, bytes_str(o->user));
	writer_u8(&response, 0);
	writer_bytes(&response, bytes_str(o->password));
	m.connection_start_ok =
	    (struct amqp_connection_start_ok){writer_view(&table),
		BYTES("PLAIN"), writer_view(&response), BYTES("en_US")};
	client_say(c, &m);
	writer_fini(&table);
	writer_fini(&response);
}

static void
say_tune_ok(struct client *c, const struct amqp_connection_tune *tune)
{
	struct amqp_method m = {.id = AMQP_connection_tune_ok};

	c->frame_max = FRAME_MAX;
	if (tune->frame_max != 0 && tune->frame_max < FRAME_MAX)
		c->frame_max = tune->frame_max;
	m.connection_tune_ok.channel_max = tune->channel_max;
	m.connection_tune_ok.frame_max = c->frame_max;
	client_say(c, &m);
}

static struct bytes
property(struct bytes table, struct bytes key)
{
	struct amqp_value value;

	if (amqp_table_get(table, key, &value) && value.tag == 'S')
		return value.bytes;
	return BYTES("?");
}

static void
note_server(struct client *c, struct bytes properties)
{
	struct bytes product = property(properties, BYTES("product"));
	struct bytes version = property(properties, BYTES("version"));

	snprintf(c->server, sizeof c->server, "%.*s %.*s", BYTES_FMT(product),
	    BYTES_FMT(version));
}

static bool
login(struct client *c)
{
	struct amqp_method m, reply;

	writer_bytes(&c->out, BYTES("AMQP\0\0\11\1"));
	if (!await(c, AMQP_connection_start, &reply))
		return false;
	note_server(c, reply.connection_start.server_properties);
	say_start_ok(c);
	if (!await(c, AMQP_connection_tune, &reply))
		return false;
	say_tune_ok(c, &reply.connection_tune);
	m = (struct amqp_method){.id = AMQP_connection_open};
	m.connection_open.virtual_host = bytes_str(c->options->vhost);
	if (!client_call(c, &m, AMQP_connection_open_ok, &reply))
		return false;
	m = (struct amqp_method){.id = AMQP_channel_open};
	return client_call(c, &m, AMQP_channel_open_ok, &reply);
}

static bool
connect_once(struct client *c)
{
	c->frame_max = FRAME_MAX;
	c->in = xmalloc(INPUT_SIZE);
	if (socket_open(c) && login(c))
		return true;
	client_close(c);
	return false;
}

/* 403: login; 530: virtual host. */
bool
client_refused(const struct client *c)
{
	return c->reply_code == 403 || c->reply_code == 530;
}

bool
client_connect(struct client *c, const struct options *o)
{
	int64_t until = now_ns() + seconds_ns(o->wait);

	*c = (struct client){.options = o, .fd = -1};
	while (!connect_once(c)) {
		if (client_refused(c) || now_ns() > until)
			return false;
		usleep(RETRY_MS * 1000);
	}
	c->error[0] = '\0';
	return true;
}

void
client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->unsent = false;
	c->awaited = 0;
	c->out_from = c->in_from = c->in_to = 0;
	writer_fini(&c->out);
	free(c->in);
	c->in = NULL;
}

static bool
ignore(struct client *c, const struct amqp_frame *f, void *arg)
{
	return true;
}

bool
client_goodbye(struct client *c)
{
	struct amqp_method m = {.id = AMQP_connection_close}, reply;
	bool ok;

	/* What comes before the -ok is to be discarded (0-9-1 §1.4.2.9): an
	 * acknowledgement sent now could meet a socket already closed. */
	c->frame = ignore;
	m.connection_close.reply_code = 200;
	m.connection_close.reply_text = BYTES("done");
	ok = client_call(c, &m, AMQP_connection_close_ok, &reply);
	client_close(c);
	return ok;
}
