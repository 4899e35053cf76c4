/* history.c - every binding matches, and one that comes later is sent what came
 * last. The broker remembers it. */
#include <stdio.h>

#include "amqp/table.h"
#include "exchanges/quote.h"
#include "exchanges/type.h"

static const char *
not_positive(const struct amqp_value *v)
{
	static char text[400];
	struct writer w = {0};

	quote_value(&w, v);
	snprintf(text, sizeof text,
	    "Invalid argument %.*s, 'x-recent-history-length' must be a "
	    "positive integer",
	    BYTES_FMT(writer_view(&w)));
	writer_fini(&w);
	return text;
}

static const char *
history_check_arguments(struct bytes arguments)
{
	struct amqp_value v;

	if (!amqp_table_get(
		arguments, BYTES("x-recent-history-length"), &v) ||
	    (amqp_value_integer(&v) && v.i > 0))
		return NULL;
	return not_positive(&v);
}

static enum keeping
history_keeps(const struct exchange *x, const struct routing *routing)
{
	struct amqp_value v;

	return amqp_table_get(routing->headers,
		   BYTES("x-recent-history-no-store"), &v) &&
		    v.tag == 't' && v.t
		? KEEP_NOT
		: KEEP_TOO;
}

static size_t
history_match(const struct exchange *x, const struct routing *routing,
    match_fn *found, void *arg)
{
	return type_fanout.match(x, routing, found, arg);
}

const struct exchange_type type_recent_history = {
    .name = "x-recent-history",
    .check_arguments = history_check_arguments,
    .keeps = history_keeps,
    .match = history_match,
};
