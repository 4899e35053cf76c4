/* look.h - finds what a method names, or refuses it. */
#ifndef BROKER_LOOK_H
#define BROKER_LOOK_H

#include "amqp/bytes.h"

struct channel;
struct exchange;
struct queue;

enum { NAME_SIZE = 256 };

/* The name as it stands, or the queue last declared on this channel if it is
 * empty: 404 if there is none. */
int look_name(struct channel *, struct bytes given, struct bytes *name);

/* The queue of that name, if it exists and is not exclusive to another
 * connection: else 404 or 405. */
int look_queue(struct channel *, struct bytes name, struct queue **);

/* The same, though it may be exclusive to another connection. */
int look_locked_queue(struct channel *, struct bytes name, struct queue **);

/* The exchange of that name, or 404. */
int look_exchange(struct channel *, struct bytes name, struct exchange **);

/* 405 if the queue is exclusive to another connection. */
int look_access(struct channel *, const struct queue *);

/* That refusal: 405 RESOURCE_LOCKED. */
int refuse_locked(struct channel *, const struct queue *);

/* Carriage returns and line feeds are left out, as RabbitMQ does when things are
 * declared, bound, unbound and deleted, and not elsewhere. buffer holds NAME_SIZE bytes; the result borrows it or name. */
struct bytes strip_name(struct bytes name, char *buffer);

/* prefix and 22 random characters of base64url; buffer as above. */
struct bytes generate_name(const char *prefix, char *buffer);

/* 406 "inequivalent arg 'x' for ..." for two values of one flag. */
int differ(struct channel *, const char *arg, const char *resource,
    bool received, bool current);

/* 406 if the argument differs in a redeclaration, with RabbitMQ's texts. */
int differ_argument(struct channel *, const char *name, const char *resource,
    struct bytes received, struct bytes current);

#endif
