/* deliver.h - puts messages on the wire. */
#ifndef BROKER_DELIVER_H
#define BROKER_DELIVER_H

#include "broker/entry.h"

struct amqp_method;
struct channel;
struct consumer;
struct writer;

/* basic.deliver with its content, encoded in place; or kept until the batch is
 * committed and all deliveries before it have left, if there are such; seq 0 waits
 * for nothing itself. */
void deliver(
    struct consumer *, const struct entry *, uint64_t tag, uint64_t seq);

/* The same, kept until all replies before it have left as well. */
void deliver_behind(
    struct consumer *, const struct entry *, uint64_t tag, uint64_t seq);

/* The message's properties with the header x-delivery-count: how often it came
 * back before. They are written into the writer, emptied first. */
struct bytes counted_props(
    struct writer *, const struct message *, uint32_t returns);

/* Appends a method frame, the content header with these properties and body
 * frames. */
void encode_content(struct writer *, struct channel *,
    const struct amqp_method *, const struct message *, struct bytes props);

/* basic.return of what led nowhere, 312 NO_ROUTE. */
void send_return(struct channel *, const struct message *);

#endif
