/* arguments.c - the x-arguments of queue.declare. */
#include "broker/arguments.h"

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
static const char *const unsupported[] = {"x-expires", "x-message-ttl",
    "x-dead-letter-exchange", "x-dead-letter-routing-key",
    "x-dead-letter-strategy", "x-max-length", "x-max-length-bytes",
    "x-single-active-consumer", "x-max-priority", "x-overflow",
    "x-delivery-limit", "x-consumer-timeout", "x-max-age",
    "x-stream-max-segment-size-bytes", "x-stream-filter-size-bytes",
    "x-initial-cluster-size", "x-quorum-initial-group-size", NULL};

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

static int
check_type(struct channel *ch, struct bytes queue, struct bytes arguments)
{
	struct amqp_value v;

	if (!amqp_table_get(arguments, BYTES("x-queue-type"), &v))
		return AMQP_OK;
	if (v.tag != 'S')
		return refuse_value(ch, queue, "x-queue-type",
		    "\"expected string, got a value of another type\"");
	if (bytes_eq(v.bytes, BYTES("classic")))
		return AMQP_OK;
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "invalid arg 'x-queue-type' for %s: \"unsupported queue type "
	    "'%.*s'\"",
	    named("queue", queue, ch->connection->vhost), BYTES_FMT(v.bytes));
}

/* Both modes of RabbitMQ behave alike here: what waits is on disk. */
static int
check_mode(struct channel *ch, struct bytes queue, struct bytes arguments)
{
	struct amqp_value v;

	if (!amqp_table_get(arguments, BYTES("x-queue-mode"), &v))
		return AMQP_OK;
	if (v.tag == 'S' &&
	    (bytes_eq(v.bytes, BYTES("default")) ||
		bytes_eq(v.bytes, BYTES("lazy"))))
		return AMQP_OK;
	return refuse_value(ch, queue, "x-queue-mode", "invalid_queue_mode");
}

static int
check_version(struct channel *ch, struct bytes queue, struct bytes arguments)
{
	struct amqp_value v;

	if (!amqp_table_get(arguments, BYTES("x-queue-version"), &v) ||
	    (amqp_value_integer(&v) && (v.i == 1 || v.i == 2)))
		return AMQP_OK;
	return refuse_value(
	    ch, queue, "x-queue-version", "unsupported_queue_version");
}

int
arguments_check(struct channel *ch, struct bytes queue, struct bytes arguments)
{
	struct amqp_value v;
	int code;

	for (const char *const *name = unsupported; *name != NULL; name++)
		if (amqp_table_get(arguments, bytes_str(*name), &v))
			return refuse_unsupported(ch, queue, *name);
	if ((code = check_type(ch, queue, arguments)) != AMQP_OK ||
	    (code = check_mode(ch, queue, arguments)) != AMQP_OK)
		return code;
	return check_version(ch, queue, arguments);
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
