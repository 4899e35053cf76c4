/* show.h - values as rabbitmqctl's formats write them. */
#ifndef BROKER_SHOW_H
#define BROKER_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include "amqp/table.h"

/* tab: between tabs, names in it bare; json; erlang: terms. */
enum show { SHOW_TAB, SHOW_JSON, SHOW_ERLANG };

void show_value(FILE *, enum show, const struct amqp_value *);

/* In Erlang's quotes, if it needs them. */
void show_atom(FILE *, struct bytes);

/* Bare, but for what would move the cursor. */
void show_plain(FILE *, struct bytes);

/* In quotes, as JSON has it. */
void show_quoted(FILE *, struct bytes);

#endif
