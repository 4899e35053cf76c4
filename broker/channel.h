/* channel.h - one conversation: state, dispatch by method, and what it owes. */
#ifndef BROKER_CHANNEL_H
#define BROKER_CHANNEL_H

#include <stdarg.h>
#include <sys/queue.h>

#include "amqp/method.h"
#include "amqp/names.h"
#include "amqp/reply.h"
#include "broker/auth.h"
#include "broker/connection.h"
#include "broker/ledger.h"
#include "broker/promise.h"
#include "broker/publication.h"

struct channel {
	struct connection *connection;
	struct server *server;
	uint16_t number;
	bool closing; /* close sent: all is ignored until close-ok */
	bool ended;   /* freed when the last reply has left */
	bool purged;  /* queue.purge waits for its job, then answers: */
	size_t purge_count;
	bool confirming;
	uint64_t published; /* in confirm mode: tag of the last publication */
	struct publication publication;
	struct hold *hold; /* what waits until publishers may go on, or NULL */
	struct promises promises;
	struct ledger ledger;
	TAILQ_HEAD(, consumer) consumers;
	unsigned consumer_count;
	struct reply_consumer *replies; /* NULL: none */
	struct names tags; /* of consumers, once there are many */
	unsigned limit;	      /* qos global=true; 0: none */
	unsigned limit_each;  /* for new consumers; 0: none */
	unsigned consumed;    /* unacknowledged, gets left out */
	bool counts;	      /* it had deliveries of queues that count them */
	bool recovering; /* basic.recover waits for its job, then answers */
	uint64_t acked_seq;   /* batch of the last acknowledgement */
	uint64_t letters;     /* those it posted are carried when so many are */
	struct bytes last_queue; /* own; the last declared, may be empty */
	uint32_t method;      /* the one being handled */
	char text[512];	      /* why it was refused */
	struct route_cache cache;
	int64_t patience; /* ms for the shortest of its queues; 0: endless */
	struct event *overdue_timer; /* made when needed */
	struct tx *tx;	 /* NULL: not transactional */
	bool committing; /* tx.commit waits for its job, then answers */
	bool partial;	 /* a queue refused a part of the commit */
};

/* What a handler returns when its method must be handled again once the
 * connection goes on. */
enum { CHANNEL_WAIT = -1 };

struct channel *channel_new(struct connection *, uint16_t number);

/* Its consumers go, its deliveries return to their queues. As settle_all: false
 * if that takes longer, and then it may be called again. */
bool channel_end(struct channel *, struct connection *asker);

/* What it threw away, and what came back too often, has gone where it goes: the
 * open batch has the last of it. False if that takes another turn: then the
 * method is to be handled again (CHANNEL_WAIT). */
bool channel_settled(struct channel *);

/* Takes it out of its connection; it must have ended. */
void channel_free(struct channel *);

/* Dispatches a method that arrived. False: the connection was suspended, and
 * the method is to be given again. */
bool channel_method(struct channel *, const struct amqp_method *);

/* basic.publish with all its content. */
void channel_publish(struct channel *, const struct amqp_basic_publish *,
    struct bytes header, struct bytes body);

/* A content header or body frame. */
void channel_content(struct channel *, uint8_t type, struct bytes payload);

/* Answers a method: at once, or once what it changed is durable. */
void channel_reply(struct channel *, const struct amqp_method *);

/* Something asynchronous (return, cancel): never waits. */
void channel_send(struct channel *, const struct amqp_method *);

/* Keeps the sentence and returns the code, for a handler to return. */
int channel_refuse(struct channel *, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* AMQP_OK if the connection's user may do that to the thing, else a refusal in
 * RabbitMQ's words. The default exchange is known as amq.default here. */
int channel_may(struct channel *, enum verb, const char *kind,
    struct bytes name);

/* The same for a routing key, if the exchange is one of topics. */
struct exchange;
int channel_may_key(struct channel *, enum verb, const struct exchange *,
    struct bytes key);

/* Closes the channel, or the connection if the code is a hard one. text is
 * without the code's name. */
void channel_fail(struct channel *, int code, const char *text);

/* Names a resource for a refusal: "queue 'x' in vhost '/'". Good until called
 * four times more. */
const char *named(const char *kind, struct bytes name, const struct vhost *);

/* The methods of each class; they return AMQP_OK or a refusal. */
typedef int handler(struct channel *, const struct amqp_method *);
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	handler on_##class##_##name;
#include "amqp/methods.def"
#undef METHOD

#endif
