/* arguments.c - the x-arguments of queue.declare. */
#include "broker/arguments.h"

#include <stdio.h>

#include "amqp/table.h"
#include "broker/channel.h"
#include "broker/look.h"

/* What RabbitMQ compares when a queue is declared again, in its order. */
static const char *const compared[] = {"x-expires", "x-message-ttl",
    "x-dead-letter-exchange", "x-dead-letter-routing-key",
    "x-dead-letter-strategy", "x-max-length", "x-max-length-bytes",
    "x-single-active-consumer", "x-max-priority", "x-overflow",
    "x-queue-mode", "x-queue-version", "x-delivery-limit",
    "x-consumer-timeout", NULL};

/* Known to RabbitMQ, not to this broker: refused as RabbitMQ refuses an argument
 * that the queue's type does not have. */
static const char *const unsupported[] = {"x-dead-letter-strategy",
    "x-max-priority", "x-delivery-limit", "x-consumer-timeout", "x-max-age", "x-stream-max-segment-size-bytes",
    "x-stream-filter-size-bytes", "x-initial-cluster-size",
    "x-quorum-initial-group-size", NULL};

static int
refuse_unsupported(struct channel *ch, struct bytes queue, const char *arg)
{
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "invalid arg '%s' for %s of queue type rabbit_classic_queue", arg,
	    named("queue", queue, ch->connection->vhost));
}

static int
refuse_value(
    struct channel *ch, struct bytes queue, const char *arg, const char *why)
{
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "invalid arg '%s' for %s: %s", arg,
	    named("queue", queue, ch->connection->vhost), why);
}

/* Each writes what is wrong with a value, in the words of RabbitMQ's terms, and
 * says whether it is fine. */
typedef bool value_check(
    const struct amqp_value *, struct bytes arguments, char *why, size_t size);

static const int64_t ten_years_ms = 315360000000;

static bool
check_count(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	if (!amqp_value_integer(v))
		snprintf(why, size, "\"expected integer, got %s\"",
		    amqp_type_name(v->tag));
	else if (v->i < 0)
		snprintf(why, size, "{value_negative,%lld}", (long long)v->i);
	else
		return true;
	return false;
}

static bool
check_ttl(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	if (!check_count(v, arguments, why, size))
		return false;
	if (v->i <= ten_years_ms)
		return true;
	snprintf(why, size, "{value_too_large,%lld}", (long long)v->i);
	return false;
}

static bool
check_expires(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	if (!check_ttl(v, arguments, why, size))
		return false;
	if (v->i > 0)
		return true;
	snprintf(why, size, "{value_zero,0}");
	return false;
}

static bool
check_text(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	if (v->tag == 'S')
		return true;
	snprintf(
	    why, size, "{unacceptable_type,%s}", amqp_type_name(v->tag));
	return false;
}

static bool
check_flag(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	if (v->tag == 't')
		return true;
	snprintf(
	    why, size, "{unacceptable_type,%s}", amqp_type_name(v->tag));
	return false;
}

static bool
check_dead_key(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	struct amqp_value exchange;

	if (!check_text(v, arguments, why, size))
		return false;
	if (amqp_table_get(
		arguments, BYTES("x-dead-letter-exchange"), &exchange))
		return true;
	snprintf(why, size, "routing_key_but_no_dlx_defined");
	return false;
}

static bool
is_one_of(struct bytes b, const char *const *words)
{
	for (; *words != NULL; words++)
		if (bytes_eq(b, bytes_str(*words)))
			return true;
	return false;
}

static bool
check_overflow(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	static const char *const words[] = {
	    "drop-head", "reject-publish", "reject-publish-dlx", NULL};

	if (!check_text(v, arguments, why, size))
		return false;
	if (is_one_of(v->bytes, words))
		return true;
	snprintf(why, size, "invalid_overflow");
	return false;
}

/* Both modes of RabbitMQ behave alike here: what waits is on disk. */
static bool
check_mode(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	static const char *const words[] = {"default", "lazy", NULL};

	if (!check_text(v, arguments, why, size))
		return false;
	if (is_one_of(v->bytes, words))
		return true;
	snprintf(why, size, "\"unsupported queue mode '%.*s'\"",
	    BYTES_FMT(v->bytes));
	return false;
}

static bool
check_version(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	if (!check_count(v, arguments, why, size))
		return false;
	if (v->i == 1 || v->i == 2)
		return true;
	snprintf(why, size, "\"unsupported queue version '%lld'\"",
	    (long long)v->i);
	return false;
}

static bool
check_type(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	if (!check_text(v, arguments, why, size))
		return false;
	if (bytes_eq(v->bytes, BYTES("classic")))
		return true;
	snprintf(why, size, "\"unsupported queue type '%.*s'\"",
	    BYTES_FMT(v->bytes));
	return false;
}

static const struct {
	const char *name;
	value_check *check;
} checks[] = {
    {"x-queue-type", check_type},
    {"x-expires", check_expires},
    {"x-message-ttl", check_ttl},
    {"x-dead-letter-routing-key", check_dead_key},
    {"x-max-length", check_count},
    {"x-max-length-bytes", check_count},
    {"x-single-active-consumer", check_flag},
    {"x-overflow", check_overflow},
    {"x-queue-mode", check_mode},
    {"x-queue-version", check_version},
};

/* What a queue's dead letters need: to read it and to write to their exchange. */
static int
check_dead_letters(
    struct channel *ch, struct bytes queue, struct bytes arguments)
{
	struct amqp_value v;
	int code;

	if (!amqp_table_get(arguments, BYTES("x-dead-letter-exchange"), &v))
		return AMQP_OK;
	if (v.tag != 'S')
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "invalid type '%s' for arg 'x-dead-letter-exchange' in %s",
		    amqp_type_name(v.tag),
		    named("queue", queue, ch->connection->vhost));
	code = channel_may(ch, VERB_READ, "queue", queue);
	if (code != AMQP_OK)
		return code;
	return channel_may(ch, VERB_WRITE, "exchange", v.bytes);
}

int
arguments_check(struct channel *ch, struct bytes queue, struct bytes arguments)
{
	struct amqp_value v;
	char why[300];
	int code = check_dead_letters(ch, queue, arguments);

	if (code != AMQP_OK)
		return code;
	for (const char *const *name = unsupported; *name != NULL; name++)
		if (amqp_table_get(arguments, bytes_str(*name), &v))
			return refuse_unsupported(ch, queue, *name);
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		if (amqp_table_get(arguments, bytes_str(checks[i].name), &v) &&
		    !checks[i].check(&v, arguments, why, sizeof why))
			return refuse_value(ch, queue, checks[i].name, why);
	return AMQP_OK;
}

/* An absent type is the classic one. */
static int
compare_types(
    struct channel *ch, const char *resource, struct bytes a, struct bytes b)
{
	static const char *const type[] = {"x-queue-type", NULL};
	struct amqp_value v;

	if (!amqp_table_get(a, BYTES("x-queue-type"), &v) &&
	    amqp_table_get(b, BYTES("x-queue-type"), &v) &&
	    bytes_eq(v.bytes, BYTES("classic")))
		return AMQP_OK;
	if (amqp_table_get(a, BYTES("x-queue-type"), &v) &&
	    bytes_eq(v.bytes, BYTES("classic")) &&
	    !amqp_table_get(b, BYTES("x-queue-type"), &v))
		return AMQP_OK;
	return differ_arguments(ch, type, resource, a, b);
}

int
arguments_differ(struct channel *ch, const char *resource,
    struct bytes received, struct bytes current)
{
	int code = compare_types(ch, resource, received, current);

	if (code != AMQP_OK)
		return code;
	return differ_arguments(ch, compared, resource, received, current);
}
