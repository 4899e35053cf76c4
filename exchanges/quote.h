/* quote.h - writes a field value the way RabbitMQ's reply texts show it. */
#ifndef EXCHANGES_QUOTE_H
#define EXCHANGES_QUOTE_H

#include "amqp/table.h"

/* Appends an Erlang term on one line: <<"text">>, <<0,1>>, 5, true, undefined,
 * [{signedint,1}]. (RabbitMQ breaks terms of more than a line; seen in
 * 3.10.8.) */
void quote_value(struct writer *, const struct amqp_value *);

#endif
