/* connection.h - one client: handshake, tuning, heartbeats, frames to
 * channels. */
#ifndef BROKER_CONNECTION_H
#define BROKER_CONNECTION_H

#include <sys/queue.h>

#include "amqp/frame.h"
#include "amqp/method.h"
#include "amqp/reply.h"
#include "broker/hold.h"
#include "broker/transport.h"

struct channel;
struct consumer;
struct hash_task;
struct job;
struct queue;
struct server;
struct user;
struct vhost;

enum connection_state {
	CONNECTION_HEADER,  /* waiting for the protocol header */
	CONNECTION_START,   /* start sent, waiting for start-ok */
	CONNECTION_TUNE,    /* tune sent, waiting for tune-ok */
	CONNECTION_OPEN,    /* tuned, waiting for open */
	CONNECTION_RUNNING,
	CONNECTION_CLOSING, /* close sent, waiting for close-ok */
	CONNECTION_CLOSED,  /* close-ok is to be sent, or is draining */
	CONNECTION_DEAD,    /* freed at the end of the turn */
};

/* What the peer said it can do (client-properties.capabilities). */
enum {
	CAN_AUTH_FAILURE_CLOSE = 1,
	CAN_CONSUMER_CANCEL = 2,
	CAN_BLOCKED = 4,
};

struct connection {
	struct transport transport;
	struct server *server;
	uint32_t id; /* for the log and the command line */
	enum connection_state state;
	bool suspended; /* a job or a load must finish first */
	enum {
		NOT_PARKED,
		PARKED_PUBLISHES, /* held, but for what may pass */
		PARKED_READY,
		PARKED_HELD,
	} parked;
	bool blocked;	/* has published while an alarm is set */
	bool choked;	/* not read until its output has drained */
	size_t owed;	/* bytes of replies that wait for the disk */
	size_t held;	/* bytes of frames set aside, in: */
	struct hold_list holds;
	bool leaving;	/* on the server's list: close-ok waits */
	struct writer last_replies; /* and these in front of it */
	uint64_t close_seq; /* for the batch that holds its last acks */
	uint64_t letters;   /* and for the letters up to this one */
	unsigned capabilities;
	struct vhost *vhost;
	struct user *user;
	char *name;	   /* "127.0.0.1:5 -> 127.0.0.1:5672" */
	char *client_name; /* client-property connection_name, or NULL */
	char *vhost_name;  /* as it asked for it, for the log; NULL before */
	struct bytes client_properties; /* own */
	char *peer_host, *mechanism;
	char *mechanisms; /* offered, joined by spaces */
	struct hash_task *login; /* what its login waits for */
	char *refused; /* why its login was; it is told later */
	bool told_end; /* the log has it */
	unsigned peer_port, local_port;
	uint16_t channel_max, heartbeat;
	uint32_t frame_max;
	struct channel **channels; /* by number, open addressing */
	size_t channel_count, channel_room;
	struct channel *last_channel; /* most frames are for the same one */
	struct event *timer; /* handshake, heartbeat, waiting for close-ok */
	uint64_t seen_in, seen_out; /* transport's bytes at the last beat */
	unsigned silent_beats;
	struct job *job;	     /* what suspends it */
	struct queue *waiting_for;   /* the queue whose load suspends it */
	int64_t connected_at;	     /* wall-clock milliseconds */
	TAILQ_HEAD(, queue) owned;   /* exclusive queues */
	bool disowning; /* it has ended, and some of them are left */
	unsigned settling; /* jobs that settle deliveries of its channels: it is
			    * not freed before they are done */
	TAILQ_HEAD(, consumer) stalled; /* wait for the socket to drain */
	TAILQ_ENTRY(connection) link; /* all, then the dead */
	TAILQ_ENTRY(connection) park_link;
	TAILQ_ENTRY(connection) waiting_link;
	TAILQ_ENTRY(connection) leave_link;
	TAILQ_ENTRY(connection) disown_link;
};

struct ssl_ctx_st;

/* Takes the socket; the connection lives until it closes. With a context it
 * speaks TLS. */
struct connection *connection_new(
    struct server *, int fd, struct ssl_ctx_st *);

/* Sends a method at once, behind what was sent before. */
void connection_send(
    struct connection *, uint16_t channel, const struct amqp_method *);

/* Sends a frame that was encoded before. */
void connection_send_encoded(struct connection *, struct bytes);

/* The channel's frames go to the peer from here; connection_start begins the
 * handshake, connection_handshake takes its methods. */
size_t connection_start(struct connection *, struct bytes);
void connection_handshake(struct connection *, const struct amqp_method *);

/* The time has come to tell a peer that its login was refused. */
void connection_tell_refused(struct connection *);

/* Logs, tells nothing and ends it: for errors before the connection is open. */
void connection_refuse(struct connection *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes input that came; the transport's event. Returns how much is done with. */
size_t connection_input(void *connection, struct bytes);

/* Input is left: it is served next turn or, if held, when publishers may go
 * on. */
void connection_park(struct connection *, bool held);

/* It has set frames aside until publishers may go on, and is read meanwhile. */
void connection_park_publishes(struct connection *);

/* Carries out what was set aside. True if it may be read on: all is done, or it
 * must wait again. */
bool connection_catch_up(struct connection *);

/* The peer sent connection.close. */
void connection_closed_by_peer(struct connection *);

/* 504: a method has no place in the connection's state. */
void connection_unexpected(struct connection *, uint32_t method);

void connection_enter(struct connection *, enum connection_state);
void connection_set_timer(struct connection *, int64_t ms); /* 0: none */

/* Deletes exclusive queues of one that has ended, as far as the budget goes:
 * true when none is left. */
bool connection_disown(struct connection *, size_t *budget);

/* Is all it did safe, so that close-ok may be sent? For the server, which asks
 * again each turn, and then sends it. */
bool connection_settled(struct connection *);
void connection_leave(struct connection *);

/* Closes with a reply: channels end, their deliveries go back, connection.close
 * is sent, or nothing where RabbitMQ sends nothing. text is without the code's
 * name; method is the id of the method that failed, or 0. */
void connection_fail(struct connection *, int code, const char *text,
    uint32_t method, uint16_t channel);

/* As the operator asks: 320 CONNECTION_FORCED with the reason. */
void connection_force(struct connection *, const char *reason);

/* Ends it without a word. */
void connection_kill(struct connection *);

/* Input waits until connection_continue. */
void connection_suspend(struct connection *);
void connection_continue(struct connection *);

/* Serves input left over from a turn whose budget was used up. */
void connection_serve(struct connection *);

/* Too much waits for the peer, or for the disk, to be given more? Once it has left
 * the stalled go on. */
static inline bool
connection_congested(const struct connection *c)
{
	return c->transport.pending + c->owed > 1024 * 1024;
}

struct channel *connection_channel(const struct connection *, uint16_t);
void connection_add_channel(struct connection *, struct channel *);
void connection_drop_channel(struct connection *, struct channel *);

/* It has published while an alarm is set: it is told, once, if it wants to be.
 * What ends that is told when it is served. */
void connection_block(struct connection *, const char *reason);

/* Frees it; for the server, at the end of the turn. */
void connection_free(struct connection *);

const char *connection_state_name(const struct connection *);

#endif
