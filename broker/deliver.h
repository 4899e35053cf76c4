/* deliver.h - puts messages on the wire. */
#ifndef BROKER_DELIVER_H
#define BROKER_DELIVER_H

#include "broker/entry.h"

struct amqp_method;
struct channel;
struct consumer;
struct writer;

/* basic.deliver with its content, encoded in place. */
void deliver(struct consumer *, const struct entry *, uint64_t tag);

/* Appends a method frame, the content header and body frames. */
void encode_content(struct writer *, struct channel *,
    const struct amqp_method *, const struct message *);

/* basic.return of what led nowhere, 312 NO_ROUTE. */
void send_return(struct channel *, const struct message *);

#endif
