/* arguments.h - the x-arguments of queue.declare and basic.consume: which there
 * are, what they may be. */
#ifndef BROKER_ARGUMENTS_H
#define BROKER_ARGUMENTS_H

#include "amqp/bytes.h"

struct channel;

/* What is wrong with the arguments of a new queue, in RabbitMQ's words for 406: an
 * argument that cannot be, or that the queue's type does not have. NULL if nothing
 * is; else good until the next call. */
const char *arguments_wrong(
    struct bytes queue, struct bytes vhost, struct bytes arguments);

/* 406 for an argument that cannot be, or that the queue's type does not have.
 * Those RabbitMQ does not know either are kept, not checked. */
int arguments_check(
    struct channel *, struct bytes queue, struct bytes arguments);

/* The same for the arguments of a consumer of that queue, which was declared with
 * declared. */
int arguments_check_consumer(struct channel *, struct bytes queue,
    struct bytes declared, struct bytes arguments);

/* 406 if a redeclaration's arguments differ from the queue's, among those that
 * the queue's type has. Integers are compared by value, whatever their size. */
int arguments_differ(struct channel *, const char *resource,
    struct bytes received, struct bytes current);

#endif
