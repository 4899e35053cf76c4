/* delayed.c - messages that go on when their time has come.
 *
 * An exchange of this type follows the rule of another one, which its argument
 * x-delayed-type names. The broker holds what is kept back. */
#include "exchanges/delayed.h"

#include "amqp/table.h"
#include "exchanges/type.h"

static const int64_t delay_max = UINT32_MAX; /* RabbitMQ's, of Erlang's timers */

/* Digits, perhaps with a sign in front; 0 for other text, and for what is far
 * too large. */
static int64_t
number_of(struct bytes text)
{
	size_t i = text.n > 0 && text.p[0] == '+';
	int64_t n = 0;

	if (i == text.n || text.n > 18)
		return 0;
	for (; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		n = n * 10 + text.p[i] - '0';
	}
	return n;
}

static int64_t
milliseconds(const struct amqp_value *v)
{
	if (amqp_value_integer(v))
		return v->i;
	if (v->tag == 'S')
		return number_of(v->bytes);
	if ((v->tag == 'f' || v->tag == 'd') && v->d > 0 && v->d < 1e15)
		return (int64_t)(v->d + 0.5);
	return 0;
}

int64_t
delay_of(struct bytes headers)
{
	struct amqp_value v;
	int64_t delay;

	if (!amqp_table_get(headers, BYTES("x-delay"), &v))
		return 0;
	delay = milliseconds(&v);
	return delay > 0 && delay <= delay_max ? delay : 0;
}

void
delay_spend(struct writer *w, struct bytes headers)
{
	struct reader r = reader_of(headers);
	int64_t delay = delay_of(headers);
	struct bytes key;
	struct amqp_value v;

	for (const uint8_t *from = r.p; amqp_table_next(&r, &key, &v);
	     from = r.p) {
		if (delay != 0 && bytes_eq(key, BYTES("x-delay"))) {
			table_put_long(w, "x-delay", -delay);
			delay = 0; /* the first counts */
			continue;
		}
		writer_bytes(w, (struct bytes){from, (size_t)(r.p - from)});
	}
}

/* --- the type ------------------------------------------------------------ */

static const char *
delayed_check_arguments(struct bytes arguments)
{
	const struct exchange_type *rule =
	    exchange_type_rule(&type_delayed, arguments);

	if (rule != NULL)
		return rule->check_arguments == NULL
			   ? NULL
			   : rule->check_arguments(arguments);
	return "Invalid argument, 'x-delayed-type' must be an existing exchange "
	       "type";
}

static enum keeping
delayed_keeps(const struct exchange *x, const struct routing *routing)
{
	return delay_of(routing->headers) > 0 ? KEEP_BACK : KEEP_NOT;
}

const struct exchange_type type_delayed = {
    .name = "x-delayed-message",
    .check_arguments = delayed_check_arguments,
    .rule_argument = "x-delayed-type",
    .keeps = delayed_keeps,
};
