/* peer.h - one client connection of a scenario: frames out, events in. */
#ifndef SCENARIO_PEER_H
#define SCENARIO_PEER_H

#include <sys/queue.h>

#include "amqp/method.h"
#include "amqp/wire.h"

/* What the broker sent, as one line of text: a method as amqp_method_print
 * writes it, with the properties of a content behind it; or "heartbeat",
 * "protocol", "undecodable", "closed" with what there is to say about it. */
struct event {
	TAILQ_ENTRY(event) next;
	unsigned channel;
	struct bytes line;
	bool has_content;
	struct bytes body;
	uint64_t body_size; /* as the header announced it */
	unsigned frames;    /* that the body came in */
	unsigned largest;   /* payload among them, in bytes */
};

TAILQ_HEAD(events, event);

/* What one channel is in the middle of. */
struct lane {
	TAILQ_ENTRY(lane) next;
	unsigned channel;
	struct event *content; /* its header or body is still to come */
	struct writer body;
	uint8_t *confirmed; /* one octet per publisher confirm, by number */
	size_t n_confirmed;
};

struct peer {
	TAILQ_ENTRY(peer) next;
	char *name;
	int fd;       /* -1: no longer connected */
	bool open;    /* connection.open-ok came, no close since */
	bool ended;   /* the broker closed the socket */
	bool corked;  /* what is sent waits for peer_uncork */
	size_t slice; /* octets per write, 0: all at once */
	uint32_t frame_max;
	struct writer in, out;
	size_t in_taken;
	struct events events; /* not yet taken, in order of arrival */
	TAILQ_HEAD(, lane) lanes;
};

enum { PEER_TIMEOUT = 10000 }; /* milliseconds; only failures wait so long */

/* Connects a socket. NULL if that cannot be done. */
struct peer *peer_dial(const char *name, const char *host, const char *port);

/* Closes the socket, without a word to the broker. */
void peer_drop(struct peer *);

/* Sends bytes. Failures are left to be seen by the next read: a broker may
 * close while we write. */
void peer_send(struct peer *, struct bytes);
void peer_uncork(struct peer *);
void peer_send_method(
    struct peer *, unsigned channel, const struct amqp_method *);

/* Takes the next event of that channel, waiting for it. "closed" is returned
 * when the socket has ended and nothing is left. NULL after PEER_TIMEOUT, and
 * at once when the broker has asked to close the connection instead. */
struct event *peer_next(struct peer *, unsigned channel);

/* The first event nobody took, heartbeats apart; NULL if there is none. */
struct event *peer_unread(struct peer *);

/* Does event begin with that word? */
bool event_is(const struct event *, const char *word);

/* The state of a channel, made when it is first asked for. */
struct lane *peer_lane(struct peer *, unsigned channel);

#endif
