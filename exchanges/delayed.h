/* delayed.h - what a message says of its delay. */
#ifndef EXCHANGES_DELAYED_H
#define EXCHANGES_DELAYED_H

#include "amqp/bytes.h"

struct writer;

/* The milliseconds that the header x-delay asks for, or 0: it is absent, not
 * above zero, above 2^32 - 1, or no number. Integers of any type are numbers; so
 * are text that says one (some clients send all headers as text: to deliver
 * at once would be the worst way to read it) and, rounded, floating ones. */
int64_t delay_of(struct bytes headers);

/* Appends the same headers with x-delay negated, as a long: such a message is
 * not delayed again, and its consumer sees that it was, as with RabbitMQ's
 * plugin. */
void delay_spend(struct writer *, struct bytes headers);

#endif
