/* arguments.c - the x-arguments of queue.declare and basic.consume. */
#include "broker/arguments.h"

#include <stdio.h>

#include "amqp/table.h"
#include "broker/channel.h"
#include "broker/look.h"
#include "broker/queue_type.h"
#include "broker/vhost.h"

/* What arguments belong to, for texts. */
struct place {
	struct bytes queue, vhost;
};

static char text[1200]; /* what is wrong */

static const char *
refuse_value(const struct place *p, const char *arg, const char *why)
{
	snprintf(text, sizeof text,
	    "invalid arg '%s' for queue '%.*s' in vhost '%.*s': %s", arg,
	    BYTES_FMT(p->queue), BYTES_FMT(p->vhost), why);
	return text;
}

static const char *
refuse_type(
    const struct place *p, const char *arg, const struct queue_type *type)
{
	snprintf(text, sizeof text,
	    "invalid arg '%s' for queue '%.*s' in vhost '%.*s' of queue type "
	    "%s",
	    arg, BYTES_FMT(p->queue), BYTES_FMT(p->vhost), type->module);
	return text;
}

/* --- values ------------------------------------------------------------------ */

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
check_priority(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	if (!check_count(v, arguments, why, size))
		return false;
	if (v->i <= 255)
		return true;
	snprintf(why, size, "{max_value_exceeded,%lld}", (long long)v->i);
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
check_word(const struct amqp_value *v, const char *const *words,
    const char *otherwise, char *why, size_t size)
{
	if (!check_text(v, BYTES(""), why, size))
		return false;
	if (is_one_of(v->bytes, words))
		return true;
	snprintf(why, size, "%s", otherwise);
	return false;
}

static bool
check_overflow(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	static const char *const words[] = {
	    "drop-head", "reject-publish", "reject-publish-dlx", NULL};

	return check_word(v, words, "invalid_overflow", why, size);
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
	snprintf(why, size, "\"unsupported queue mode '%s'\"",
	    amqp_reply_word(v->bytes));
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
check_strategy(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	static const char *const words[] = {
	    "at-most-once", "at-least-once", NULL};

	return check_word(v, words, "invalid_dlx_strategy", why, size);
}

static bool
check_positive(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	if (!check_count(v, arguments, why, size))
		return false;
	if (v->i > 0)
		return true;
	snprintf(why, size, "{value_zero,0}");
	return false;
}

/* A negative one is none. */
static bool
check_limit(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	if (amqp_value_integer(v))
		return true;
	snprintf(why, size, "\"expected integer, got %s\"",
	    amqp_type_name(v->tag));
	return false;
}

/* Where a queue is to be: there is one node. */
static bool
check_leader(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	static const char *const words[] = {
	    "client-local", "balanced", "random", "least-leaders", NULL};

	return check_word(v, words, "invalid_queue_locator_arg", why, size);
}

/* RabbitMQ breaks where it does not know the value. */
static bool
check_master(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	static const char *const words[] = {
	    "client-local", "random", "min-masters", NULL};

	return check_word(v, words, "invalid_queue_locator_arg", why, size);
}

static bool
check_type(const struct amqp_value *v, struct bytes arguments, char *why,
    size_t size)
{
	if (!check_text(v, arguments, why, size))
		return false;
	if (queue_type_find(v->bytes) != NULL)
		return true;
	snprintf(why, size, "\"unsupported queue type '%s'\"",
	    amqp_reply_word(v->bytes));
	return false;
}

/* --- all of them ------------------------------------------------------------- */

enum {
	C = QUEUE_CLASSIC,
	Q = QUEUE_QUORUM,
	S = QUEUE_STREAM,
	NOBODY = 0, /* known to RabbitMQ, not to this broker */
};

/* In the order in which RabbitMQ checks and compares them, but that the type is
 * checked first and compared later. A queue of a type
 * that does not have an argument is not declared with it; when it is declared
 * again such an argument does not matter. */
static const struct argument {
	const char *name;
	unsigned types; /* that have it */
	value_check *check;
} known[] = {
    {"x-queue-type", C | Q | S, check_type},
    {"x-expires", C | Q, check_expires},
    {"x-message-ttl", C | Q, check_ttl},
    {"x-dead-letter-exchange", C | Q, NULL}, /* see check_dead_letters */
    {"x-dead-letter-routing-key", C | Q, check_dead_key},
    {"x-dead-letter-strategy", Q, check_strategy},
    {"x-max-length", C | Q, check_count},
    {"x-max-length-bytes", C | Q | S, check_count},
    {"x-max-in-memory-length", Q, check_count},
    {"x-max-in-memory-bytes", Q, check_count},
    {"x-max-priority", C, check_priority},
    {"x-overflow", C | Q, check_overflow},
    {"x-queue-mode", C, check_mode},
    {"x-queue-version", C, check_version},
    {"x-single-active-consumer", C | Q, check_flag},
    {"x-quorum-initial-group-size", Q, check_positive},
    {"x-delivery-limit", Q, check_limit},
    {"x-consumer-timeout", C | Q, check_count},
    {"x-max-age", S, NULL},
    {"x-stream-max-segment-size-bytes", S, NULL},
    {"x-stream-filter-size-bytes", S, NULL},
    {"x-initial-cluster-size", S, NULL},
    {"x-queue-leader-locator", C | Q | S, check_leader},
    {"x-queue-master-locator", C, check_master},
};

enum {
	KNOWN = sizeof known / sizeof *known,
	BEFORE_TYPE = 14, /* x-single-active-consumer: then types are compared */
};

static const struct argument *
find_argument(struct bytes name)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (bytes_eq(name, bytes_str(known[i].name)))
			return &known[i];
	return NULL;
}

static const char *
wrong_exchange(const struct place *p, struct bytes arguments)
{
	struct amqp_value v;

	if (!amqp_table_get(arguments, BYTES("x-dead-letter-exchange"), &v) ||
	    v.tag == 'S')
		return NULL;
	snprintf(text, sizeof text,
	    "invalid type '%s' for arg 'x-dead-letter-exchange' in queue "
	    "'%.*s' in vhost '%.*s'",
	    amqp_type_name(v.tag), BYTES_FMT(p->queue), BYTES_FMT(p->vhost));
	return text;
}

static const char *
wrong_value(const struct place *p, const struct argument *a,
    struct bytes arguments)
{
	struct amqp_value v;
	char why[300];

	if (a->check == NULL ||
	    !amqp_table_get(arguments, bytes_str(a->name), &v) ||
	    a->check(&v, arguments, why, sizeof why))
		return NULL;
	return refuse_value(p, a->name, why);
}

/* Those of other types of queue, in the order in which they came. */
static const char *
wrong_type(const struct place *p, const struct queue_type *type,
    struct bytes arguments)
{
	struct reader r = reader_of(arguments);
	struct bytes key;
	struct amqp_value v;

	while (amqp_table_next(&r, &key, &v)) {
		const struct argument *a = find_argument(key);

		if (a != NULL && (a->types & type->bit) == 0)
			return refuse_type(p, a->name, type);
	}
	return NULL;
}

const char *
arguments_wrong(struct bytes queue, struct bytes vhost, struct bytes arguments)
{
	const struct place p = {queue, vhost};
	const struct queue_type *type = queue_type_of(arguments);
	const char *wrong = wrong_exchange(&p, arguments);

	if (wrong == NULL && type == NULL)
		return wrong_value(&p, &known[0], arguments);
	for (size_t i = 0; i < KNOWN && wrong == NULL; i++)
		if (known[i].types & type->bit)
			wrong = wrong_value(&p, &known[i], arguments);
	return wrong != NULL ? wrong : wrong_type(&p, type, arguments);
}

/* What a queue's dead letters need: to read it and to write to their exchange. */
static int
check_dead_letters(
    struct channel *ch, struct bytes queue, struct bytes arguments)
{
	struct amqp_value v;
	int code;

	if (!amqp_table_get(arguments, BYTES("x-dead-letter-exchange"), &v) ||
	    v.tag != 'S')
		return AMQP_OK;
	code = channel_may(ch, VERB_READ, "queue", queue);
	if (code != AMQP_OK)
		return code;
	return channel_may(ch, VERB_WRITE, "exchange", v.bytes);
}

static int
answer(struct channel *ch, const char *wrong)
{
	return wrong == NULL
	    ? AMQP_OK
	    : channel_refuse(ch, AMQP_PRECONDITION_FAILED, "%s", wrong);
}

int
arguments_check(struct channel *ch, struct bytes queue, struct bytes arguments)
{
	int code = check_dead_letters(ch, queue, arguments);

	if (code != AMQP_OK)
		return code;
	return answer(ch,
	    arguments_wrong(queue, ch->connection->vhost->name, arguments));
}

/* --- of consumers ------------------------------------------------------------ */

/* As many as RabbitMQ checks. */
static const struct argument of_consumers[] = {
    {"x-priority", C | Q | S, check_limit},
    {"x-cancel-on-ha-failover", C | Q | S, check_flag},
    {"x-stream-offset", S, NULL},
};

int
arguments_check_consumer(struct channel *ch, struct bytes queue,
    struct bytes declared, struct bytes arguments)
{
	const struct place p = {queue, ch->connection->vhost->name};
	const struct queue_type *type = queue_type_of(declared);
	const struct argument *a = of_consumers;
	const char *wrong = NULL;
	struct amqp_value v;

	for (size_t n = sizeof of_consumers / sizeof *a;
	     n > 0 && wrong == NULL; n--, a++)
		if (a->types & type->bit)
			wrong = wrong_value(&p, a, arguments);
		else if (amqp_table_get(arguments, bytes_str(a->name), &v))
			wrong = refuse_type(&p, a->name, type);
	return answer(ch, wrong);
}

/* --- declared again ---------------------------------------------------------- */

static bool
is_classic(struct bytes arguments)
{
	const struct queue_type *type = queue_type_of(arguments);

	return type != NULL && type->bit == QUEUE_CLASSIC;
}

/* An absent type is the classic one. */
static int
differ_type(struct channel *ch, const char *resource, struct bytes received,
    struct bytes current)
{
	if (is_classic(received) && is_classic(current))
		return AMQP_OK;
	return differ_argument(
	    ch, known[0].name, resource, received, current);
}

int
arguments_differ(struct channel *ch, const char *resource,
    struct bytes received, struct bytes current)
{
	unsigned bit = queue_type_of(current)->bit;
	int code = AMQP_OK;

	for (size_t i = 1; i < KNOWN && code == AMQP_OK; i++) {
		if (known[i].types & bit)
			code = differ_argument(
			    ch, known[i].name, resource, received, current);
		if (code == AMQP_OK && i == BEFORE_TYPE)
			code = differ_type(ch, resource, received, current);
	}
	return code;
}
