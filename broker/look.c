/* look.c - finds what a method names, or refuses it. */
#include "broker/look.h"

#include <stdio.h>
#include <sys/random.h>

#include "amqp/table.h"
#include "broker/channel.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "exchanges/quote.h"

int
look_name(struct channel *ch, struct bytes given, struct bytes *name)
{
	*name = given.n > 0 ? given : ch->last_queue;
	if (name->n == 0)
		return channel_refuse(
		    ch, AMQP_NOT_FOUND, "no previously declared queue");
	return AMQP_OK;
}

int
refuse_locked(struct channel *ch, const struct queue *q)
{
	return channel_refuse(ch, AMQP_RESOURCE_LOCKED,
	    "cannot obtain exclusive access to locked %s. It could be "
	    "originally declared on another connection or the exclusive "
	    "property value does not match that of the original declaration.",
	    named("queue", queue_name(q), q->vhost));
}

int
look_access(struct channel *ch, const struct queue *q)
{
	if (q->owner == NULL || q->owner == ch->connection)
		return AMQP_OK;
	return refuse_locked(ch, q);
}

int
look_locked_queue(struct channel *ch, struct bytes name, struct queue **q)
{
	*q = vhost_queue(ch->connection->vhost, name);
	if (*q == NULL)
		return channel_refuse(ch, AMQP_NOT_FOUND, "no %s",
		    named("queue", name, ch->connection->vhost));
	return AMQP_OK;
}

int
look_queue(struct channel *ch, struct bytes name, struct queue **q)
{
	int code = look_locked_queue(ch, name, q);

	return code == AMQP_OK ? look_access(ch, *q) : code;
}

int
look_exchange(struct channel *ch, struct bytes name, struct exchange **x)
{
	*x = vhost_exchange(ch->connection->vhost, name);
	if (*x == NULL)
		return channel_refuse(ch, AMQP_NOT_FOUND, "no %s",
		    named("exchange", name, ch->connection->vhost));
	return AMQP_OK;
}

struct bytes
strip_name(struct bytes name, char *buffer)
{
	size_t n = 0;

	if (memchr(name.p, '\r', name.n) == NULL &&
	    memchr(name.p, '\n', name.n) == NULL)
		return name;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '\r' && name.p[i] != '\n')
			buffer[n++] = (char)name.p[i];
	return (struct bytes){(const uint8_t *)buffer, n};
}

struct bytes
generate_name(const char *prefix, char *buffer)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t random[22];
	size_t n = strlen(prefix);

	if (getrandom(random, sizeof random, 0) != sizeof random)
		fatal("no random bytes");
	memcpy(buffer, prefix, n);
	for (size_t i = 0; i < sizeof random; i++)
		buffer[n++] = letters[random[i] & 63];
	return (struct bytes){(const uint8_t *)buffer, n};
}

int
differ(struct channel *ch, const char *arg, const char *resource,
    bool received, bool current)
{
	if (received == current)
		return AMQP_OK;
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "inequivalent arg '%s' for %s: received '%s' but current is '%s'",
	    arg, resource, received ? "true" : "false",
	    current ? "true" : "false");
}

/* --- arguments -------------------------------------------------------------------- */

/* Integers are one class, whatever their size. */
static bool
same(const struct amqp_value *a, const struct amqp_value *b)
{
	if (amqp_value_integer(a) && amqp_value_integer(b))
		return a->i == b->i;
	return amqp_value_equal(a, b);
}

static void
print_plain(char *text, size_t size, const struct amqp_value *v)
{
	struct writer w = {0};

	if (v->tag == 'S' || v->tag == 'x') {
		snprintf(text, size, "%s", amqp_reply_word(v->bytes));
		return;
	}
	quote_value(&w, v);
	snprintf(text, size, "%.*s", BYTES_FMT(writer_view(&w)));
	writer_fini(&w);
}

static void
print_typed(char *text, size_t size, const struct amqp_value *v)
{
	char plain[256];

	if (v == NULL) {
		snprintf(text, size, "none");
		return;
	}
	print_plain(plain, sizeof plain, v);
	snprintf(text, size, "the value '%s' of type '%s'", plain,
	    amqp_type_name(v->tag));
}

static int
refuse_argument(struct channel *ch, const char *arg, const char *resource,
    const struct amqp_value *received, const struct amqp_value *current)
{
	char new[300], old[300];

	if (received != NULL && current != NULL) {
		print_plain(new, sizeof new, received);
		print_plain(old, sizeof old, current);
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "inequivalent arg '%s' for %s: received '%s' but current "
		    "is '%s'",
		    arg, resource, new, old);
	}
	print_typed(new, sizeof new, received);
	print_typed(old, sizeof old, current);
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "inequivalent arg '%s' for %s: received %s but current is %s", arg,
	    resource, new, old);
}

int
differ_argument(struct channel *ch, const char *name, const char *resource,
    struct bytes received, struct bytes current)
{
	struct amqp_value a, b;
	bool has_a = amqp_table_get(received, bytes_str(name), &a);
	bool has_b = amqp_table_get(current, bytes_str(name), &b);

	if (has_a == has_b && (!has_a || same(&a, &b)))
		return AMQP_OK;
	return refuse_argument(ch, name, resource, has_a ? &a : NULL,
	    has_b ? &b : NULL);
}
