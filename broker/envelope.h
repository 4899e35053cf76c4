/* envelope.h - what a message's properties say of its way: CC and BCC are further
 * routing keys, reply_to may ask for replies without a queue, as in RabbitMQ.
 *
 * CC and BCC are arrays of texts. CC stays where it is; BCC is taken out of the
 * headers when the message comes and kept apart (message_bcc), so that no
 * consumer sees it and a dead letter still goes by it. A reply_to of
 * amq.rabbitmq.reply-to is rewritten to the name of the channel's reply
 * consumer. Where a setting says so, messages are given the time at which they
 * came. */
#ifndef BROKER_ENVELOPE_H
#define BROKER_ENVELOPE_H

#include "amqp/message.h"
#include "amqp/props.h"
#include "broker/config.h"
#include "broker/replyto.h"
#include "exchanges/type.h"

struct channel;

/* The further keys of one message, used again for the next; zero-initialised is
 * ready. */
struct copies {
	struct bytes *keys;
	size_t count, room;
};

void copies_fini(struct copies *);

/* Is there anything to be hidden or rewritten? Mostly not. */
static inline bool
envelope_is_plain(const struct config *c, const struct amqp_props *p)
{
	if (config_is_set(c, SETTING_stamp_overwrite))
		return false;
	return !(p->flags & (PROP_COPIED | PROP_REPLY_TO)) ||
	    !((p->flags & PROP_COPIED) || replyto_is(p->reply_to));
}

/* As message_new, with what is to be hidden or rewritten done; wire and p are
 * one and the same. Then p is read from the new message. NULL: no memory. */
struct message *envelope_new(struct channel *, struct bytes exchange,
    struct bytes key, struct bytes wire, uint64_t body_size,
    struct amqp_props *p);

/* Reads the properties of such a message. */
void envelope_read(const struct message *, struct amqp_props *);

/* 406 if CC or BCC is something else than an array. */
int envelope_check_copies(struct channel *, const struct amqp_props *);

/* 406 if replies are asked for and nobody is there to take them. */
int envelope_check_reply_to(struct channel *, const struct amqp_props *);

/* All that exchanges look at; it borrows from the message and from copies, whose
 * former keys are forgotten. */
struct routing envelope_routing(const struct message *,
    const struct amqp_props *, struct copies *);

/* Appends the keys that consumers may know of to an array in wire form: the
 * routing key, then CC. */
struct writer;
void envelope_put_keys(
    struct writer *, const struct message *, const struct amqp_props *);

#endif
