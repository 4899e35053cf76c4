/* listener.c - accepts. */
#include "broker/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/connection.h"
#include "broker/log.h"
#include "broker/server.h"

enum {
	ACCEPTS = 64,  /* connections taken in one turn */
	TRIAL_MS = 20, /* for a connection to ourselves */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t
set_address(union address *a, const char *host, unsigned port)
{
	memset(a, 0, sizeof *a);
	if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons((uint16_t)port);
		return sizeof a->v4;
	}
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons((uint16_t)port);
	if (host[0] == 0)
		a->v6.sin6_addr = in6addr_any;
	else if (inet_pton(AF_INET6, host, &a->v6.sin6_addr) != 1)
		return 0;
	return sizeof a->v6;
}

static int
bind_socket(const union address *a, socklen_t size, int backlog)
{
	int on = 1, off = 0;
	int fd = socket(a->any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a->any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, &a->any, size) == 0 && listen(fd, backlog) == 0)
		return fd;
	on = errno;
	close(fd);
	errno = on;
	return -1;
}

static int
open_socket(const char *host, unsigned port, int backlog)
{
	union address a;
	socklen_t size = set_address(&a, host, port);
	int fd;

	if (size == 0) {
		errno = EINVAL;
		return -1;
	}
	fd = bind_socket(&a, size, backlog);
	if (fd < 0 && errno == EAFNOSUPPORT && host[0] == 0) {
		size = set_address(&a, "0.0.0.0", port); /* no IPv6 here */
		fd = bind_socket(&a, size, backlog);
	}
	return fd;
}

static void
learn_address(struct listener *l)
{
	union address a;
	socklen_t size = sizeof a;
	char text[INET6_ADDRSTRLEN];

	getsockname(l->fd, &a.any, &size);
	if (a.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a.v4.sin_addr, text, sizeof text);
		snprintf(l->host, sizeof l->host, "%s", text);
		l->port = ntohs(a.v4.sin_port);
	} else {
		inet_ntop(AF_INET6, &a.v6.sin6_addr, text, sizeof text);
		snprintf(l->host, sizeof l->host, "[%s]", text);
		l->port = ntohs(a.v6.sin6_port);
	}
}

static int
open_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor is left: the spare one takes the peer in, to turn it away,
 * rather than let it wait for ever. */
static void
turn_away(struct listener *l)
{
	int fd;

	log_warn("cannot accept a connection");
	close(l->spare);
	fd = accept(l->fd, NULL, NULL);
	if (fd >= 0)
		close(fd);
	l->spare = open_spare();
}

/* What those that are accepted have from the socket that listens; 0 leaves it to
 * the kernel. */
static void
set_options(int fd, const struct config *c)
{
	const struct {
		int level, name;
		int64_t value;
	} options[] = {
	    {SOL_SOCKET, SO_SNDBUF, (int64_t)c->tcp_sndbuf},
	    {SOL_SOCKET, SO_RCVBUF, (int64_t)c->tcp_recbuf},
	    {SOL_SOCKET, SO_PRIORITY, c->tcp_priority},
	    {SOL_SOCKET, SO_DONTROUTE, c->tcp_dontroute},
	    {IPPROTO_IP, IP_TOS, c->tcp_tos},
	    {IPPROTO_IPV6, IPV6_TCLASS, c->tcp_tos}, /* not of IPv4 */
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		int value = (int)options[i].value;

		if (value != 0)
			setsockopt(fd, options[i].level, options[i].name,
			    &value, sizeof value);
	}
}

static void
on_accept(evutil_socket_t listening, short what, void *arg)
{
	struct listener *l = arg;
	int on = 1;

	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(
		    listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				turn_away(l);
			return;
		}
		if (l->server->config->tcp_nodelay)
			setsockopt(
			    fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		if (l->server->config->tcp_keepalive)
			setsockopt(
			    fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
		connection_new(
		    l->server, fd, l->secure ? l->server->tls : NULL);
	}
}

static struct listener *
listener_new(struct server *s, int fd, bool secure)
{
	struct listener *l = xcalloc(1, sizeof *l);

	l->server = s;
	l->name = secure ? "amqps" : "amqp";
	l->secure = secure;
	l->fd = fd;
	l->spare = open_spare();
	set_options(fd, s->config);
	learn_address(l);
	l->event =
	    event_new(s->base, fd, EV_READ | EV_PERSIST, on_accept, l);
	return l;
}

struct listener *
listener_open(
    struct server *s, const char *host, unsigned port, bool secure)
{
	int fd = open_socket(host, port, (int)s->config->tcp_backlog);

	return fd >= 0 ? listener_new(s, fd, secure) : NULL;
}

struct listener *
listener_adopt(struct server *s, int fd, bool secure)
{
	int listens = 0, family = 0, flags = fcntl(fd, F_GETFL);
	socklen_t size = sizeof listens;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0)
		return NULL;
	errno = EINVAL;
	if (!listens || (family != AF_INET && family != AF_INET6) || flags < 0 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return NULL;
	return listener_new(s, fd, secure);
}

void
listener_start(struct listener *l)
{
	event_add(l->event, NULL);
	log_info("started %s listener on %s:%u",
	    l->secure ? "TLS (SSL)" : "TCP", l->host, l->port);
}

void
listener_suspend(struct listener *l)
{
	if (l->fd < 0)
		return;
	event_free(l->event);
	close(l->fd);
	l->event = NULL;
	l->fd = -1;
	log_info("suspended listener on %s:%u", l->host, l->port);
}

bool
listener_resume(struct listener *l)
{
	struct listener_place place = listener_place(l);
	struct server *s = l->server;

	if (l->fd >= 0)
		return true;
	l->fd = open_socket(
	    place.host, place.port, (int)s->config->tcp_backlog);
	if (l->fd < 0)
		return false;
	l->event = event_new(
	    s->base, l->fd, EV_READ | EV_PERSIST, on_accept, l);
	listener_start(l);
	return true;
}

void
listener_close(struct listener *l)
{
	if (l->fd >= 0) {
		event_free(l->event);
		close(l->fd);
	}
	close(l->spare);
	free(l);
}

const char *
listener_protocol(const struct listener *l)
{
	return l->secure ? "amqp/ssl" : "amqp";
}

const char *
listener_purpose(const struct listener *l)
{
	return l->secure ? "AMQP 0-9-1 over TLS" : "AMQP 0-9-1";
}

struct listener_place
listener_place(const struct listener *l)
{
	struct listener_place place = {.port = l->port, .secure = l->secure};
	size_t n = strlen(l->host);

	if (strcmp(l->host, "[::]") == 0)
		return place;
	if (l->host[0] == '[')
		snprintf(place.host, sizeof place.host, "%.*s", (int)n - 2,
		    l->host + 1);
	else
		snprintf(place.host, sizeof place.host, "%s", l->host);
	return place;
}

/* A connection to an address of this machine is there at once, or the backlog
 * is full. */
static bool
connected(int fd, const union address *a, socklen_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t n = sizeof error;

	if (connect(fd, &a->any, size) == 0)
		return true;
	if (errno != EINPROGRESS || poll(&p, 1, TRIAL_MS) != 1)
		return false;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 &&
	       error == 0;
}

bool
listener_answers(const struct listener *l)
{
	union address a;
	socklen_t size = sizeof a;
	bool answers;
	int fd;

	if (getsockname(l->fd, &a.any, &size) != 0)
		return false;
	fd = socket(a.any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	answers = connected(fd, &a, size);
	close(fd);
	return answers;
}
