/* consistent.c - messages that hash alike go to the same queue.
 *
 * Every binding has spots on a circle, 64 for each unit of the weight that its
 * key is, at places that depend on nothing but its destination's name: so the
 * circle is the same after a restart, a destination that is bound twice has the
 * larger of its weights, and one that comes or goes takes its share and leaves
 * what others have. A message hashes to 16 places, and the spot that lies
 * closest behind one of them gets it: that spreads as evenly as a thousand
 * spots for each would (multi-probe consistent hashing, Appleton and O'Reilly,
 * 2015). */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/props.h"
#include "amqp/reply.h"
#include "amqp/xalloc.h"
#include "exchanges/circle.h"
#include "exchanges/hash.h"
#include "exchanges/quote.h"
#include "exchanges/type.h"

enum {
	SPOTS = 64,	   /* for each unit of weight */
	PROBES = 16,
	WEIGHT_MAX = 1000, /* RabbitMQ has no limit, and fails with memory */
};

/* --- arguments ----------------------------------------------------------- */

static bool
is_text(struct bytes arguments, const char *name)
{
	struct amqp_value v;

	return !amqp_table_get(arguments, bytes_str(name), &v) || v.tag == 'S';
}

static const char *
consistent_check_arguments(struct bytes arguments)
{
	static char text[400];
	struct amqp_value header, property;
	bool has_header =
	    amqp_table_get(arguments, BYTES("hash-header"), &header);
	bool has_property =
	    amqp_table_get(arguments, BYTES("hash-property"), &property);

	if (!is_text(arguments, "hash-header") ||
	    !is_text(arguments, "hash-property"))
		return "hash-header and hash-property must be strings";
	if (has_header && has_property)
		return "hash-header and hash-property are mutually exclusive";
	if (!has_property || bytes_eq(property.bytes, BYTES("correlation_id")) ||
	    bytes_eq(property.bytes, BYTES("message_id")) ||
	    bytes_eq(property.bytes, BYTES("timestamp")))
		return NULL;
	snprintf(text, sizeof text, "Unsupported property: %s",
	    amqp_reply_word(property.bytes));
	return text;
}

/* --- weights ------------------------------------------------------------- */

/* What Erlang reads as an integer; one that is too large counts as just that.
 * False if it is none. */
static bool
read_integer(struct bytes key, long *n)
{
	size_t i = key.n > 0 && (key.p[0] == '+' || key.p[0] == '-');

	*n = 0;
	if (i == key.n)
		return false;
	for (; i < key.n; i++) {
		if (key.p[i] < '0' || key.p[i] > '9')
			return false;
		if (*n <= WEIGHT_MAX)
			*n = *n * 10 + (key.p[i] - '0');
	}
	if (key.p[0] == '-')
		*n = -*n;
	return true;
}

static const char *
not_integer(struct bytes key)
{
	static char text[600];
	struct amqp_value v = {.tag = 'S', .bytes = key};
	struct writer w = {0};

	quote_value(&w, &v);
	snprintf(text, sizeof text, "The binding key must be an integer: %.*s",
	    BYTES_FMT(writer_view(&w)));
	writer_fini(&w);
	return text;
}

static const char *
consistent_check(struct bytes key, struct bytes arguments)
{
	long weight;

	if (!read_integer(key, &weight))
		return not_integer(key);
	if (weight <= 0)
		return "The binding key must be greater than 0";
	return weight <= WEIGHT_MAX ? NULL
				    : "The binding key must not be greater "
				      "than 1000";
}

/* --- the circle ---------------------------------------------------------- */

/* The place of a binding's nth spot. */
static uint64_t
place_of(uint64_t destination, long n)
{
	return hash_spread(destination + (uint64_t)n * 0x9e3779b97f4a7c15);
}

static uint64_t
destination_hash(const struct destination *to)
{
	return hash_stable(to->name) + (uint64_t)to->kind;
}

static void
consistent_add(struct binding *b)
{
	struct exchange *x = b->source;
	uint64_t to = destination_hash(b->destination);
	long weight;

	if (x->state == NULL)
		x->state = xcalloc(1, sizeof(struct circle));
	read_integer(b->key, &weight);
	for (long i = 0; i < weight * SPOTS; i++)
		circle_add(x->state, place_of(to, i), b);
}

static void
consistent_remove(struct binding *b)
{
	circle_remove(b->source->state, b);
}

/* What is absent counts as empty, so that all such messages go one way. */
static uint64_t
message_hash(const struct exchange *x, const struct routing *routing)
{
	struct amqp_value from, v;

	if (amqp_table_get(x->arguments, BYTES("hash-header"), &from) &&
	    from.tag == 'S')
		return amqp_table_get(routing->headers, from.bytes, &v)
			   ? hash_stable_value(&v)
			   : 0;
	if (!amqp_table_get(x->arguments, BYTES("hash-property"), &from) ||
	    from.tag != 'S')
		return hash_stable(routing->key);
	if (routing->props == NULL)
		return 0;
	if (bytes_eq(from.bytes, BYTES("message_id")))
		return hash_stable(routing->props->message_id);
	if (bytes_eq(from.bytes, BYTES("correlation_id")))
		return hash_stable(routing->props->correlation_id);
	return hash_spread(routing->props->timestamp);
}

static size_t
consistent_match(const struct exchange *x, const struct routing *routing,
    match_fn *found, void *arg)
{
	uint64_t hash = message_hash(x, routing), closest = UINT64_MAX;
	struct binding *to = NULL;

	if (x->binding_count == 0)
		return 1;
	for (int i = 0; i < PROBES; i++) {
		uint64_t place = place_of(~hash, i);
		const struct spot *s = circle_at(x->state, place);

		if (s->place - place <= closest) {
			closest = s->place - place;
			to = s->holder->binding;
		}
	}
	found(to, arg);
	return PROBES;
}

static void
consistent_fini(struct exchange *x)
{
	if (x->state != NULL)
		circle_fini(x->state);
	free(x->state);
}

const struct exchange_type type_consistent_hash = {
    .name = "x-consistent-hash",
    .check_arguments = consistent_check_arguments,
    .check = consistent_check,
    .add = consistent_add,
    .remove = consistent_remove,
    .match = consistent_match,
    .fini = consistent_fini,
};
