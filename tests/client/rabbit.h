/* rabbit.h - the verbs that end-to-end cases say through librabbitmq.
 *
 * Every verb ends the running case as failed when the broker does not answer
 * as it says here, or not within half a minute. Names are C strings. */
#ifndef CLIENT_RABBIT_H
#define CLIENT_RABBIT_H

#include <amqp.h>
#include <stdbool.h>
#include <stdint.h>

#define RABBIT_PATIENCE_MS 30000

/* What to say at login; a member left 0 takes the URL's, or the default. */
struct rabbit_login {
	const char *user, *password, *vhost;
	int channel_max, frame_max, heartbeat;
	bool cancel_notify; /* consumer_cancel_notify among the capabilities */
};

/* Connects and logs in; no channel is open. Returns the broker's answer to the
 * login and sets the connection, which the caller drops or closes. */
amqp_rpc_reply_t rabbit_login(
    amqp_connection_state_t *, const char *url, const struct rabbit_login *);

/* Logs in to URL with success and opens channel 1. */
amqp_connection_state_t rabbit_connect(const char *url);

void rabbit_open(amqp_connection_state_t, int channel);
void rabbit_close_channel(amqp_connection_state_t, int channel);
/* Closes the connection as the protocol says and frees it. */
void rabbit_close(amqp_connection_state_t);
/* Closes the socket without a word and frees it. */
void rabbit_drop(amqp_connection_state_t);

/* The last synchronous call was answered with its -ok. WHAT names it. */
void rabbit_ok(amqp_connection_state_t, const char *what);
/* The last synchronous call was answered with channel.close of this code and a
 * text that contains TEXT; the channel is closed on both sides afterwards. */
void rabbit_channel_refused(
    amqp_connection_state_t, int channel, int code, const char *text);
/* The same of connection.close and any reply. */
void rabbit_connection_refused(amqp_rpc_reply_t, int code, const char *text);

#define RABBIT_DURABLE 1
#define RABBIT_EXCLUSIVE 2
#define RABBIT_AUTO_DELETE 4
#define RABBIT_PASSIVE 8

/* Declares without looking at the answer. */
amqp_queue_declare_ok_t *rabbit_try_queue(
    amqp_connection_state_t, int channel, const char *name, int flags);
void rabbit_queue(
    amqp_connection_state_t, int channel, const char *name, int flags);
/* How many messages are ready, by a passive declare. */
uint32_t rabbit_count(amqp_connection_state_t, int channel, const char *queue);
/* Waits until so many are ready. */
void rabbit_await_count(
    amqp_connection_state_t, int channel, const char *queue, uint32_t count);
uint32_t rabbit_delete(amqp_connection_state_t, int channel, const char *queue);
void rabbit_exchange(amqp_connection_state_t, int channel, const char *name,
    const char *type, int flags);
void rabbit_bind(amqp_connection_state_t, int channel, const char *queue,
    const char *exchange, const char *key);

void rabbit_confirm_select(amqp_connection_state_t, int channel);
/* Publishes a persistent message; returns nothing of its fate. */
void rabbit_publish(amqp_connection_state_t, int channel, const char *exchange,
    const char *key, amqp_bytes_t body);
/* The same with the number as text for its body, to the default exchange. */
void rabbit_publish_number(
    amqp_connection_state_t, int channel, const char *queue, uint64_t number);

/* Keeps account of one channel's confirms: each publish exactly once. */
struct rabbit_confirms {
	int channel;
	uint64_t published, confirmed;
	uint64_t lowest; /* all below are confirmed */
	uint64_t capacity;
	unsigned char *done; /* by tag */
};

void rabbit_confirms_init(struct rabbit_confirms *, int channel, uint64_t max);
void rabbit_confirms_fini(struct rabbit_confirms *);
/* Fails the case if the tag was not awaited. */
void rabbit_confirms_take(struct rabbit_confirms *, const amqp_basic_ack_t *);
/* Reads confirms, and nothing else, until no more than LEFT are awaited. */
void rabbit_confirms_wait(
    amqp_connection_state_t, struct rabbit_confirms *, uint64_t left);
/* Publishes the numbers FROM to TO - 1 on a fresh channel in confirm mode with
 * at most WINDOW unconfirmed, until each was confirmed once. */
void rabbit_fill(amqp_connection_state_t, int channel, const char *queue,
    uint64_t from, uint64_t to, uint64_t window);

enum rabbit_kind {
	RABBIT_NOTHING, /* the time is over */
	RABBIT_DELIVERY,
	RABBIT_CONFIRM,
	RABBIT_RETURN,
	RABBIT_METHOD, /* any other method */
	RABBIT_LOST,   /* the socket is closed */
};

/* What came without being asked for. */
struct rabbit_event {
	enum rabbit_kind kind;
	int channel;
	amqp_method_t method;   /* of CONFIRM, RETURN, METHOD */
	amqp_basic_ack_t ack;   /* of CONFIRM */
	amqp_envelope_t letter; /* of DELIVERY; body and properties of RETURN */
};

/* Waits for the next of them at most MS; rabbit_event_fini frees it. */
void rabbit_wait(amqp_connection_state_t, struct rabbit_event *, int ms);
void rabbit_event_fini(struct rabbit_event *);

/* Consumes with an empty consumer tag, or TAG. */
void rabbit_consume(amqp_connection_state_t, int channel, const char *queue,
    const char *tag, bool no_ack);
void rabbit_qos(
    amqp_connection_state_t, int channel, int prefetch, bool global);
/* The next event is a delivery of this body; returns its tag. */
uint64_t rabbit_next(
    amqp_connection_state_t, amqp_bytes_t body, bool redelivered);
/* The next deliveries carry these numbers; returns the last one's tag. */
uint64_t rabbit_next_numbers(
    amqp_connection_state_t, uint64_t from, uint64_t to, bool redelivered);
/* For a while nothing comes. */
void rabbit_nothing(amqp_connection_state_t);
/* The next event is the closing of this channel; answers it. */
void rabbit_channel_closes(
    amqp_connection_state_t, int channel, int code, const char *text);
/* Gets one message, or returns false; the caller destroys it. */
bool rabbit_get(amqp_connection_state_t, int channel, const char *queue,
    bool no_ack, amqp_basic_get_ok_t *, amqp_message_t *);

/* A table with a field of every type that the library knows; borrowed. */
amqp_table_t rabbit_headers(void);

bool rabbit_same(amqp_bytes_t, amqp_bytes_t);
/* SIZE bytes that look random and depend on SEED; the caller frees them. */
amqp_bytes_t rabbit_noise(size_t size, unsigned seed);

#endif
