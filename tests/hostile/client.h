/* client.h - a connection that sends whatever it is told to. */
#ifndef HOSTILE_CLIENT_H
#define HOSTILE_CLIENT_H

#include "amqp/frame.h"
#include "amqp/method.h"

enum { ANSWER_MS = 20000 }; /* nothing takes longer unless it is stuck */

struct ssl_st;

struct client {
	int fd;
	struct ssl_st *ssl; /* or NULL */
	uint8_t *in; /* received, not yet looked at from `at` on */
	size_t at, n, room;
	struct writer out;
};

/* Connects; nothing is said yet. */
struct client *client_dial(void);

/* The same at the port for TLS: the handshake is over, or client_shake is yet to
 * be called. version is OpenSSL's, 0 for the best. */
struct client *client_dial_secure(int version);
struct client *client_dial_unshaken(int version);
bool client_shake(struct client *);

/* Logs in as client_open does. */
void client_log_in(struct client *);

/* Connects and logs in as guest, with all capabilities that clients have; then
 * client_channel opens a channel. */
struct client *client_open(void);
void client_channel(struct client *, uint16_t);

/* After channel.close has come: answers it and opens the channel again. */
void client_channel_again(struct client *, uint16_t);

/* Closes the socket without a word. */
void client_drop(struct client *);

/* Closes as one should: waits for close-ok. */
void client_close(struct client *);

/* Sends the bytes, or gives up after a while; false if they could not be
 * sent. */
bool client_write(struct client *, struct bytes);

/* Sends as much as the socket takes at once. */
void client_push(struct client *, struct bytes);

bool client_send(
    struct client *, uint16_t channel, const struct amqp_method *);

/* Appends to out, for client_write of many things at once. */
void client_add(struct client *, uint16_t channel, const struct amqp_method *);
void client_add_frame(
    struct client *, uint8_t type, uint16_t channel, struct bytes payload);
void client_add_publish(struct client *, uint16_t channel,
    const char *exchange, const char *key, bool persistent, struct bytes body);
bool client_flush(struct client *);

/* The next frame, which lies in the client until the next call. False: nothing
 * came in time, or the end. */
bool client_next(struct client *, struct amqp_frame *, int ms);

/* The next method, frames that are none left out. */
bool client_method(struct client *, struct amqp_method *, int ms);

/* Notes a failure unless the next method is this one. */
bool client_expect(struct client *, uint32_t id, struct amqp_method *);

/* Sends, and expects the method with the next higher number as the answer. */
bool client_call(struct client *, uint16_t channel,
    const struct amqp_method *, struct amqp_method *answer);

/* Has the peer closed its side (within ms)? */
bool client_ended(struct client *, int ms);

/* Takes a queue, as it were: declares it with nothing set but durable. */
void client_declare(
    struct client *, uint16_t channel, const char *queue, bool durable);

/* How many messages are ready in the queue, by a passive declaration. */
unsigned client_ready(struct client *, uint16_t channel, const char *queue);

#endif
