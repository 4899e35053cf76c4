/* listener.h - accepts. */
#ifndef BROKER_LISTENER_H
#define BROKER_LISTENER_H

#include <stdbool.h>
#include <sys/queue.h>

struct server;

/* Where one was, to be opened there again. */
struct listener_place {
	char host[64]; /* "" for all addresses */
	unsigned port;
	bool secure;
};

struct listener {
	struct server *server;
	const char *name; /* "amqp" or "amqps" */
	bool secure;	  /* accepts TLS, in the server's context */
	char host[64];	  /* "[::]" or "127.0.0.1" */
	unsigned port;	  /* as bound, never 0 */
	int fd;	   /* -1: suspended */
	int spare; /* kept open, to be given up when descriptors run out */
	struct event *event;
	TAILQ_ENTRY(listener) link;
};

/* Listens on host:port; an empty host is all addresses, IPv6 and IPv4. NULL
 * with errno. Nothing is accepted before listener_start. */
struct listener *listener_open(
    struct server *, const char *host, unsigned port, bool secure);

/* Takes a socket that listens already, and was passed in. NULL with errno. */
struct listener *listener_adopt(struct server *, int fd, bool secure);
void listener_start(struct listener *);
void listener_close(struct listener *);

/* Gives the port up until resumed; whoever connects is refused, and those that are
 * in stay. Resuming returns false with errno: somebody else has taken it. */
void listener_suspend(struct listener *);
bool listener_resume(struct listener *);

/* "amqp", "amqp/ssl"; "AMQP 0-9-1": as RabbitMQ's tools speak of it. */
const char *listener_protocol(const struct listener *);
const char *listener_purpose(const struct listener *);

struct listener_place listener_place(const struct listener *);

/* Does it take a connection? A trial, which waits a moment at most. */
bool listener_answers(const struct listener *);

#endif
