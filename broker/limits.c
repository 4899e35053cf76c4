/* limits.c - what x-arguments ask of a queue. */
#include "broker/limits.h"

#include "amqp/table.h"

static uint64_t
number(struct bytes arguments, const char *key, uint64_t absent)
{
	struct amqp_value v;

	if (!amqp_table_get(arguments, bytes_str(key), &v))
		return absent;
	return (uint64_t)v.i;
}

static bool
text(struct bytes arguments, const char *key, struct bytes *b)
{
	struct amqp_value v;

	if (!amqp_table_get(arguments, bytes_str(key), &v))
		return false;
	*b = v.bytes;
	return true;
}

static bool
flag(struct bytes arguments, const char *key)
{
	struct amqp_value v;

	return amqp_table_get(arguments, bytes_str(key), &v) && v.t;
}

static enum overflow
overflow(struct bytes arguments)
{
	struct bytes b;

	if (!text(arguments, "x-overflow", &b))
		return OVERFLOW_DROP_HEAD;
	if (bytes_eq(b, BYTES("reject-publish")))
		return OVERFLOW_REJECT;
	if (bytes_eq(b, BYTES("reject-publish-dlx")))
		return OVERFLOW_REJECT_DLX;
	return OVERFLOW_DROP_HEAD;
}

/* A negative limit is none. */
static uint64_t
delivery_limit(struct bytes arguments, int64_t default_returns)
{
	uint64_t absent = default_returns > 0 ? (uint64_t)default_returns
					      : UINT64_MAX;
	uint64_t n = number(arguments, "x-delivery-limit", absent);

	return n > INT64_MAX ? UINT64_MAX : n;
}

/* Asked for, and nothing in its way: what is dropped at the head would not wait. */
static bool
at_least_once(const struct limits *l)
{
	return l->has_dead_strategy &&
	    bytes_eq(l->dead_strategy, BYTES("at-least-once")) &&
	    l->dead_letters && l->overflow == OVERFLOW_REJECT;
}

void
limits_parse(struct limits *l, struct bytes arguments, int64_t default_returns)
{
	*l = (struct limits){0};
	l->ttl = (int64_t)number(arguments, "x-message-ttl", UINT64_MAX);
	l->expires = (int64_t)number(arguments, "x-expires", 0);
	l->consumer_timeout =
	    (int64_t)number(arguments, "x-consumer-timeout", UINT64_MAX);
	l->max_length = number(arguments, "x-max-length", UINT64_MAX);
	l->max_bytes = number(arguments, "x-max-length-bytes", UINT64_MAX);
	l->bounded = l->max_length < UINT64_MAX || l->max_bytes < UINT64_MAX;
	l->max_priority = (uint8_t)number(arguments, "x-max-priority", 0);
	l->overflow = overflow(arguments);
	l->delivery_limit = delivery_limit(arguments, default_returns);
	l->single_active = flag(arguments, "x-single-active-consumer");
	l->dead_letters =
	    text(arguments, "x-dead-letter-exchange", &l->dead_exchange);
	l->has_dead_key =
	    text(arguments, "x-dead-letter-routing-key", &l->dead_key);
	l->has_dead_strategy =
	    text(arguments, "x-dead-letter-strategy", &l->dead_strategy);
	l->at_least_once = at_least_once(l);
}
