/* client.h - one connection with one channel, as a load program needs it.
 *
 * Nothing here blocks but client_connect, client_call and client_step, and
 * these no longer than they are told to. A function that returns false leaves
 * one sentence in error; the connection is then good for nothing but
 * client_close. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <poll.h>
#include <sys/types.h>

#include "amqp/frame.h"
#include "amqp/method.h"
#include "tests/bench/options.h"

enum { CLIENT_CHANNEL = 1 };

struct client;

/* Called for every frame that is neither a reply waited for nor a matter of the
 * connection. The frame borrows from the input. Returns false, with error set
 * by client_fail, to give up. */
typedef bool client_frame(
    struct client *, const struct amqp_frame *, void *arg);

struct client {
	const struct options *options;
	int fd; /* -1: closed */
	uint32_t frame_max;
	char server[64];   /* product and version, as it says */
	struct writer out; /* not yet written from out_from on */
	size_t out_from;
	uint8_t *in; /* read and not yet taken: in_from to in_to */
	size_t in_from;
	size_t in_to;
	client_frame *frame;
	void *arg;
	int64_t read_at;    /* when the last read returned */
	bool unsent;        /* the owner waits for room to client_send */
	unsigned blockings; /* connection.blocked received */
	uint32_t awaited;   /* id of the reply waited for, or 0 */
	struct amqp_method *reply;
	uint16_t reply_code; /* of the close the broker sent, or 0 */
	char error[512];
};

/* Logs in and opens the channel, trying again for options->wait seconds as long
 * as nobody listens or the connection breaks before it is open. */
bool client_connect(struct client *, const struct options *);
bool client_refused(const struct client *); /* asking again will not help */
void client_close(struct client *);         /* without a farewell */
bool client_goodbye(struct client *); /* connection.close, then client_close */

/* Appends a method for the channel, or for channel 0 if it is of class
 * connection. */
void client_say(struct client *, const struct amqp_method *);

/* Says it and waits for the reply. Other frames go to frame meanwhile. What
 * reply borrows lasts until the next call. */
bool client_call(struct client *, const struct amqp_method *say,
    uint32_t reply_id, struct amqp_method *reply);

/* Writes bytes of the owner, as many as there is room for, and returns their
 * number; -1 on failure. Nothing may be waiting in out. */
ssize_t client_send(struct client *, const void *, size_t);

/* Writes of out what there is room for. */
bool client_flush(struct client *);

/* Writes what waits, sleeps until there is input (or room, if something still
 * waits) but not beyond the time until, and hands over what came. */
bool client_step(struct client *, int64_t until);

/* The same in two halves, for who waits for several. */
void client_poll(struct client *, struct pollfd *);
bool client_ready(struct client *, const struct pollfd *);

/* Has the peer closed the socket, whatever is still to be read from it? */
bool client_left(const struct client *);

/* Sets error and returns false. */
bool client_fail(struct client *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
