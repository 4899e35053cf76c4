/* control.c - answers leveretctl on a UNIX socket in the data folder. */
#include "broker/control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/hasher.h"
#include "broker/log.h"

enum {
	SESSIONS = 64,          /* at once; more wait in the kernel */
	CONGESTED = 256 * 1024, /* a peer with that much unread waits */
	READ_AHEAD = 65536,     /* bytes of a request, in front of it */
	SLICE = 256,            /* units until that is looked at again */
	PATIENCE = 10,          /* seconds until the request must be here */
};

/* A session reads its request, is stepped until that has ended, waits until
 * what it changed is on disk, and goes when its answer has drained. */
enum session_state { READING, RUNNING, COMMITTING, DRAINING };

struct session {
	struct control *control;
	struct bufferevent *stream;
	enum session_state state;
	struct request request;
	size_t wanted, got; /* octets of the request */
	struct event *pause; /* made when needed */
	TAILQ_ENTRY(session) link;
};

struct control {
	struct event_base *base;
	struct control_host host;
	int fd;
	struct event *acceptable;
	int spare; /* given up to let somebody in when descriptors run out */
	char *dir;
	unsigned count;
	TAILQ_HEAD(, session) sessions;
};

/* --- the socket -------------------------------------------------------- */

/* Does anybody accept there? */
static bool
answered(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers;

	if (fd < 0)
		return false;
	answers = connect(fd, (const void *)address, sizeof *address) == 0;
	close(fd);
	return answers;
}

/* The socket can be used by its owner and group only, from the moment it is
 * there. */
static bool
bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t old = umask(0117);
	bool bound = bind(fd, (const void *)address, sizeof *address) == 0;

	umask(old);
	return bound;
}

static int
listen_at(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind_private(fd, address) && listen(fd, 128) == 0)
		return fd;
	close(fd);
	return -1;
}

/* A socket nobody answers was left by a broker that was killed. */
static int
open_socket(const char *dir, char *error, size_t size)
{
	struct sockaddr_un address;
	int folder, fd = -1;

	if (!control_address(dir, &address, &folder)) {
		snprintf(error, size, "%s: %s", dir, strerror(errno));
	} else if (answered(&address)) {
		snprintf(error, size,
		    "another broker is running on the data folder %s", dir);
	} else if (unlink(address.sun_path), (fd = listen_at(&address)) < 0) {
		snprintf(error, size, "%s/" CONTROL_SOCKET ": %s", dir,
		    strerror(errno));
	}
	if (folder >= 0)
		close(folder);
	return fd;
}

static void
unlink_socket(const char *dir)
{
	struct sockaddr_un address;
	int folder;

	if (control_address(dir, &address, &folder))
		unlink(address.sun_path);
	if (folder >= 0)
		close(folder);
}

/* --- sessions ---------------------------------------------------------- */

static void
take_spare(struct control *c)
{
	if (c->spare < 0)
		c->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
session_free(struct session *s)
{
	struct control *c = s->control;

	TAILQ_REMOVE(&c->sessions, s, link);
	c->count--;
	bufferevent_free(s->stream);
	hash_task_free(s->request.hashing);
	if (s->pause != NULL)
		event_free(s->pause);
	writer_fini(&s->request.out);
	if (s->request.work != NULL)
		s->request.release(s->request.work);
	free(s->request.input);
	free(s);
	take_spare(c);
	event_add(c->acceptable, NULL);
}

static size_t
unsent(const struct session *s)
{
	return evbuffer_get_length(bufferevent_get_output(s->stream));
}

static void
send_answer(struct session *s)
{
	struct bytes out = writer_view(&s->request.out);

	if (out.n > 0)
		bufferevent_write(s->stream, out.p, out.n);
	s->request.out.n = 0;
}

/* Splits the payload into words, each ended by a zero that takes the place of
 * the next length's first octet. False if it is malformed. */
static bool
read_words(uint8_t *p, size_t n, const char **list, size_t *count)
{
	struct reader r = reader_of((struct bytes){p, n});
	uint8_t *ends[WORDS_MAX];
	struct bytes word;

	for (*count = 0; reader_left(&r) > 0; ++*count) {
		word = reader_longstr(&r);
		if (r.bad || *count == WORDS_MAX ||
		    memchr(word.p, 0, word.n) != NULL)
			return false;
		list[*count] = (const char *)word.p;
		ends[*count] = (uint8_t *)word.p + word.n;
	}
	for (size_t i = 0; i < *count; i++)
		*ends[i] = '\0';
	return true;
}

static void
start(struct session *s, size_t n)
{
	const char *list[WORDS_MAX];
	char error[512];
	size_t count;

	s->state = RUNNING;
	bufferevent_set_timeouts(s->stream, NULL, NULL);
	if (!read_words(s->request.input, n, list, &count))
		request_fail(&s->request, CODE_USAGE, "malformed request");
	else if (!words_split(
		     &s->request.words, list, count, error, sizeof error))
		request_fail(&s->request, CODE_USAGE, "%s", error);
	else
		log_debug("control: %s asked by user id %u, process %u",
		    list[0], s->request.uid, s->request.pid);
}

/* False if the size is not here yet, or the session is over because of it. */
static bool
take_size(struct session *s, struct evbuffer *in)
{
	uint8_t prefix[4];

	if (evbuffer_get_length(in) < sizeof prefix)
		return false;
	evbuffer_remove(in, prefix, sizeof prefix);
	s->wanted = get_u32(prefix);
	if (s->wanted > CONTROL_REQUEST_MAX) {
		session_free(s);
		return false;
	}
	s->request.input = xmalloc(s->wanted + 1);
	return true;
}

/* Waits for the size, then for that many bytes: they are put in their place as
 * they come, and the system gives memory for them then. */
static void
on_input(struct bufferevent *stream, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(stream);
	struct session *s = arg;

	if (s->state != READING) {
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	if (s->request.input == NULL && !take_size(s, in))
		return;
	s->got += (size_t)evbuffer_remove(
	    in, s->request.input + s->got, s->wanted - s->got);
	if (s->got == s->wanted)
		start(s, s->wanted);
}

static void
on_drained(struct bufferevent *stream, void *arg)
{
	struct session *s = arg;

	if (s->state == DRAINING)
		session_free(s);
}

/* The peer went, or took too long. */
static void
on_event(struct bufferevent *stream, short what, void *arg)
{
	session_free(arg);
}

static bool
in_groups(int fd, gid_t gid)
{
	gid_t groups[256];
	socklen_t n = sizeof groups;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) != 0)
		return false;
	for (size_t i = 0; i < n / sizeof *groups; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* Root, the broker's own user, and its group. */
static bool
welcome(int fd, struct ucred *peer)
{
	socklen_t n = sizeof *peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &n) != 0)
		return false;
	return peer->uid == 0 || peer->uid == geteuid() ||
	       peer->gid == getegid() || in_groups(fd, getegid());
}

static void
session_new(struct control *c, int fd, const struct ucred *peer)
{
	static const struct timeval patience = {.tv_sec = PATIENCE};
	struct session *s = xcalloc(1, sizeof *s);

	s->control = c;
	s->request.server = c->host.server;
	s->request.uid = peer->uid;
	s->request.pid = (unsigned)peer->pid;
	s->stream = bufferevent_socket_new(c->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (s->stream == NULL)
		fatalx("no memory for a control session");
	bufferevent_setcb(s->stream, on_input, on_drained, on_event, s);
	bufferevent_setwatermark(s->stream, EV_READ, 0, READ_AHEAD);
	bufferevent_set_timeouts(s->stream, &patience, NULL);
	bufferevent_enable(s->stream, EV_READ | EV_WRITE);
	TAILQ_INSERT_TAIL(&c->sessions, s, link);
	if (++c->count == SESSIONS)
		event_del(c->acceptable);
}

/* When no descriptor is left, operators must still get in: one was kept for
 * them. When that is used too, the next waits until a session has gone. */
static int
accept_client(struct control *c)
{
	int client = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (client >= 0 || (errno != EMFILE && errno != ENFILE))
		return client;
	if (c->spare < 0) {
		event_del(c->acceptable);
		return -1;
	}
	close(c->spare);
	c->spare = -1;
	return accept_client(c);
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	struct ucred peer;
	int client = accept_client(c);

	if (client < 0)
		return;
	if (welcome(client, &peer)) {
		session_new(c, client, &peer);
		return;
	}
	log_warnx("control: user id %u is neither this user nor of its group",
	    (unsigned)peer.uid);
	close(client);
}

/* --- turns ------------------------------------------------------------- */

/* Nothing to do but to have a turn. */
static void
on_pause(evutil_socket_t fd, short what, void *arg)
{
}

static void
take_pause(struct session *s)
{
	unsigned ms = s->request.pause_ms;
	const struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	s->request.pause_ms = 0;
	if (s->pause == NULL)
		s->pause = evtimer_new(s->control->base, on_pause, s);
	evtimer_add(s->pause, &tv);
}

static bool
pauses(const struct session *s)
{
	return s->pause != NULL && evtimer_pending(s->pause, NULL);
}

/* One slice. False if it did nothing: it waits for something that will make a
 * turn. */
static bool
step(struct session *s, size_t *budget)
{
	size_t slice = *budget < SLICE ? *budget : SLICE, left = slice;
	struct request *r = &s->request;
	bool worked;

	s->control->host.step(r, &left);
	r->begun = true;
	*budget -= slice - left;
	worked = left < slice || r->out.n > 0;
	if (!r->ended)
		send_answer(s);
	if (r->pause_ms > 0 && !r->ended)
		take_pause(s);
	return worked;
}

/* One slice, if its peer keeps up. True if it can go on at once. */
static bool
run(struct session *s, size_t *budget)
{
	bool worked;

	if (s->state == RUNNING && s->request.ended)
		s->state = COMMITTING; /* the words were refused */
	if (s->state != RUNNING || pauses(s) || unsent(s) >= CONGESTED)
		return false;
	if (*budget == 0)
		return true;
	worked = step(s, budget);
	if (s->request.ended)
		s->state = COMMITTING;
	return worked && !s->request.ended && !pauses(s);
}

/* All in turn, so that a long listing keeps nobody waiting. */
bool
control_turn(struct control *c, size_t *budget)
{
	struct session *s;
	bool more;

	do {
		more = false;
		TAILQ_FOREACH(s, &c->sessions, link)
		more |= run(s, budget);
	} while (more && *budget > 0);
	return more;
}

void
control_keep(struct control *c, uint64_t committed)
{
	struct session *s;

	TAILQ_FOREACH(s, &c->sessions, link)
	if (s->state == COMMITTING && s->request.changed <= committed) {
		s->state = DRAINING;
		send_answer(s);
	}
}

/* --- life -------------------------------------------------------------- */

struct control *
control_open(struct event_base *base, const char *dir,
    const struct control_host *host, char *error, size_t size)
{
	int fd = open_socket(dir, error, size);
	struct control *c;

	if (fd < 0)
		return NULL;
	c = xcalloc(1, sizeof *c);
	c->base = base;
	c->host = *host;
	c->fd = fd;
	c->spare = -1;
	c->dir = xstrdup(dir);
	TAILQ_INIT(&c->sessions);
	take_spare(c);
	c->acceptable =
	    event_new(base, fd, EV_READ | EV_PERSIST, on_acceptable, c);
	event_add(c->acceptable, NULL);
	return c;
}

/* The socket takes what it can; nobody waits for more. */
static void
last_word(struct session *s)
{
	struct evbuffer *out = bufferevent_get_output(s->stream);

	if (s->state != RUNNING && s->state != COMMITTING)
		return;
	if (s->request.until_closed)
		request_end(&s->request);
	evbuffer_add(out, s->request.out.p, s->request.out.n);
	send(bufferevent_getfd(s->stream), evbuffer_pullup(out, -1),
	    evbuffer_get_length(out), MSG_NOSIGNAL);
}

void
control_close(struct control *c)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&c->sessions)) != NULL) {
		last_word(s);
		session_free(s);
	}
	event_free(c->acceptable);
	close(c->fd);
	if (c->spare >= 0)
		close(c->spare);
	unlink_socket(c->dir);
	free(c->dir);
	free(c);
}
