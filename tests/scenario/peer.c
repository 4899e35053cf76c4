/* peer.c - one client connection of a scenario: frames out, events in. */
#include "tests/scenario/peer.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "amqp/frame.h"
#include "amqp/props.h"
#include "amqp/table.h"
#include "amqp/text.h"
#include "amqp/xalloc.h"
#include "tests/scenario/words.h"

/* --- connecting --------------------------------------------------------- */

static int
connect_to(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found, *a;
	int fd = -1, one = 1;
	if (getaddrinfo(host, port, &hints, &found) != 0)
		return -1;
	for (a = found; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(found);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

struct peer *
peer_dial(const char *name, const char *host, const char *port)
{
	int fd = connect_to(host, port);
	if (fd < 0)
		return NULL;
	struct peer *p = xcalloc(1, sizeof *p);
	p->name = xstrdup(name);
	p->fd = fd;
	p->frame_max = 131072;
	TAILQ_INIT(&p->events);
	TAILQ_INIT(&p->lanes);
	return p;
}

void
peer_drop(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->open = false;
}

struct lane *
peer_lane(struct peer *p, unsigned channel)
{
	struct lane *l;
	TAILQ_FOREACH(l, &p->lanes, next)
		if (l->channel == channel)
			return l;
	l = xcalloc(1, sizeof *l);
	l->channel = channel;
	TAILQ_INSERT_TAIL(&p->lanes, l, next);
	return l;
}

/* --- sending ------------------------------------------------------------ */

static void
write_all(struct peer *p, struct bytes b)
{
	while (b.n > 0 && p->fd >= 0) {
		size_t some = p->slice && p->slice < b.n ? p->slice : b.n;
		ssize_t n = send(p->fd, b.p, some, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		b.p += n;
		b.n -= (size_t)n;
	}
}

void
peer_send(struct peer *p, struct bytes b)
{
	if (p->corked)
		writer_bytes(&p->out, b);
	else
		write_all(p, b);
}

void
peer_uncork(struct peer *p)
{
	p->corked = false;
	write_all(p, writer_view(&p->out));
	writer_fini(&p->out);
}

void
peer_send_method(
    struct peer *p, unsigned channel, const struct amqp_method *method)
{
	struct writer w = {0};
	amqp_method_frame(&w, (uint16_t)channel, method);
	peer_send(p, writer_view(&w));
	writer_fini(&w);
}

/* --- events from frames ------------------------------------------------- */

bool
event_is(const struct event *e, const char *word)
{
	struct bytes line = e->line, first;
	return words_take(&line, &first) && bytes_eq(first, bytes_str(word));
}

static struct event *
event_new(unsigned channel, struct writer *line)
{
	struct event *e = xcalloc(1, sizeof *e);
	e->channel = channel;
	e->line = xbytesdup(writer_view(line));
	writer_fini(line);
	return e;
}

static void
arrived(struct peer *p, struct event *e)
{
	if (event_is(e, "connection.open_ok"))
		p->open = true;
	if (event_is(e, "connection.close") || event_is(e, "closed"))
		p->open = false;
	TAILQ_INSERT_TAIL(&p->events, e, next);
}

/* Bytes that are no method we know: shown in full, so that a script can still
 * say what they must be. */
static void
say_odd(struct peer *p, unsigned channel, const char *what, struct bytes b)
{
	struct writer line = {0};
	words_put(&line, what);
	words_put(&line, " bytes=\"");
	words_escape(&line, b);
	words_put(&line, "\"");
	arrived(p, event_new(channel, &line));
}

static void
take_method(struct peer *p, const struct amqp_frame *f)
{
	struct amqp_method method;
	struct writer line = {0};
	if (amqp_method_decode(f->payload, &method) != AMQP_DECODED) {
		say_odd(p, f->channel, "undecodable", f->payload);
		return;
	}
	amqp_method_print(&line, &method);
	struct event *e = event_new(f->channel, &line);
	if (amqp_method_has_content(method.id))
		peer_lane(p, f->channel)->content = e;
	else
		arrived(p, e);
}

static void
put_string(struct writer *w, const char *name, struct bytes value)
{
	words_put(w, " ");
	words_put(w, name);
	words_put(w, "=");
	text_put_string(w, value);
}

static void
put_number(struct writer *w, const char *name, uint64_t value)
{
	char text[32];
	snprintf(text, sizeof text, "=%llu", (unsigned long long)value);
	words_put(w, " ");
	words_put(w, name);
	words_put(w, text);
}

static void
put_props(struct writer *w, const struct amqp_props *props)
{
#define STRING(flag, name)                                                     \
	if (props->flags & PROP_##flag)                                        \
		put_string(w, #name, props->name);
#define NUMBER(flag, name)                                                     \
	if (props->flags & PROP_##flag)                                        \
		put_number(w, #name, props->name);
	STRING(CONTENT_TYPE, content_type)
	STRING(CONTENT_ENCODING, content_encoding)
	if (props->flags & PROP_HEADERS) {
		words_put(w, " headers=");
		amqp_table_print(w, props->headers);
	}
	NUMBER(DELIVERY_MODE, delivery_mode)
	NUMBER(PRIORITY, priority)
	STRING(CORRELATION_ID, correlation_id)
	STRING(REPLY_TO, reply_to)
	STRING(EXPIRATION, expiration)
	STRING(MESSAGE_ID, message_id)
	NUMBER(TIMESTAMP, timestamp)
	STRING(TYPE, type)
	STRING(USER_ID, user_id)
	STRING(APP_ID, app_id)
	STRING(CLUSTER_ID, cluster_id)
#undef STRING
#undef NUMBER
}

static void
content_complete(struct peer *p, struct lane *l)
{
	struct event *e = l->content;
	e->body = xbytesdup(writer_view(&l->body));
	writer_fini(&l->body);
	l->content = NULL;
	arrived(p, e);
}

static void
take_header(struct peer *p, const struct amqp_frame *f)
{
	struct lane *l = peer_lane(p, f->channel);
	struct reader r = reader_of(f->payload);
	struct writer line = {0};
	struct amqp_props props;
	reader_u16(&r);
	reader_u16(&r);
	uint64_t size = reader_u64(&r);
	struct bytes rest = reader_bytes(&r, reader_left(&r));
	if (!l->content || r.bad || !amqp_props_parse(rest, &props)) {
		say_odd(p, f->channel, "header", f->payload);
		return;
	}
	writer_bytes(&line, l->content->line);
	put_props(&line, &props);
	l->content->line = xbytesdup(writer_view(&line));
	writer_fini(&line);
	l->content->has_content = true;
	l->content->body_size = size;
	if (size == 0)
		content_complete(p, l);
}

static void
take_body(struct peer *p, const struct amqp_frame *f)
{
	struct lane *l = peer_lane(p, f->channel);
	if (!l->content || !l->content->has_content) {
		say_odd(p, f->channel, "body", f->payload);
		return;
	}
	writer_bytes(&l->body, f->payload);
	l->content->frames++;
	if (f->size > l->content->largest)
		l->content->largest = f->size;
	if (l->body.n >= l->content->body_size)
		content_complete(p, l);
}

static void
take_heartbeat(struct peer *p, const struct amqp_frame *f)
{
	struct writer line = {0};
	words_put(&line, "heartbeat");
	arrived(p, event_new(f->channel, &line));
}

static void
take_frame(struct peer *p, const struct amqp_frame *f)
{
	if (f->type == FRAME_METHOD)
		take_method(p, f);
	else if (f->type == FRAME_HEADER)
		take_header(p, f);
	else if (f->type == FRAME_BODY)
		take_body(p, f);
	else if (f->type == FRAME_HEARTBEAT && f->size == 0)
		take_heartbeat(p, f);
	else
		say_odd(p, f->channel, "frame", f->payload);
}

/* --- receiving ---------------------------------------------------------- */

static struct bytes
untaken(const struct peer *p)
{
	return (struct bytes){p->in.p + p->in_taken, p->in.n - p->in_taken};
}

/* A protocol header instead of frames: eight octets that begin with AMQP. */
static bool
take_protocol(struct peer *p)
{
	struct bytes b = untaken(p);
	if (b.n < 8 || memcmp(b.p, "AMQP", 4) != 0)
		return false;
	say_odd(p, 0, "protocol", (struct bytes){b.p, 8});
	p->in_taken += 8;
	return true;
}

static void
take_frames(struct peer *p)
{
	struct amqp_frame f;
	enum amqp_frame_status status;
	while (take_protocol(p))
		;
	while (
	    (status = amqp_frame_peek(untaken(p), 0, &f)) == FRAME_COMPLETE) {
		take_frame(p, &f);
		p->in_taken += f.size + FRAME_OVERHEAD;
	}
	if (status == FRAME_BAD_END) {
		say_odd(p, 0, "bad-frame-end", untaken(p));
		p->in_taken = p->in.n;
	}
	if (p->in_taken == p->in.n)
		p->in.n = p->in_taken = 0;
}

static void
ended(struct peer *p)
{
	struct writer line = {0};
	words_put(&line, "closed");
	p->ended = true;
	arrived(p, event_new(0, &line));
}

static int64_t
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads once, waiting for it until deadline; false if that passed. */
static bool
read_some(struct peer *p, int64_t deadline)
{
	struct pollfd ready = {.fd = p->fd, .events = POLLIN};
	int64_t left = deadline - now();
	if (left < 0 || poll(&ready, 1, (int)left) <= 0)
		return false;
	ssize_t n = recv(p->fd, writer_room(&p->in, 65536), 65536, 0);
	if (n <= 0) {
		ended(p);
		return true;
	}
	p->in.n += (size_t)n;
	take_frames(p);
	return true;
}

/* Has the broker said that it closes, and nobody has taken that yet? */
static struct event *
closing(struct peer *p)
{
	struct event *e;
	TAILQ_FOREACH(e, &p->events, next)
		if (event_is(e, "connection.close") || event_is(e, "closed"))
			return e;
	return NULL;
}

static struct event *
find(struct peer *p, unsigned channel)
{
	struct event *e;
	TAILQ_FOREACH(e, &p->events, next)
		if (e->channel == channel)
			return e;
	return NULL;
}

struct event *
peer_next(struct peer *p, unsigned channel)
{
	int64_t deadline = now() + PEER_TIMEOUT;
	struct event *e;
	while (!(e = find(p, channel)))
		if (p->ended || p->fd < 0 || closing(p) ||
		    !read_some(p, deadline))
			return NULL;
	TAILQ_REMOVE(&p->events, e, next);
	return e;
}

struct event *
peer_unread(struct peer *p)
{
	struct event *e;
	TAILQ_FOREACH(e, &p->events, next)
		if (!event_is(e, "heartbeat"))
			return e;
	return NULL;
}
