/* on_exchange.c - the methods of class exchange. */
#include "amqp/table.h"
#include "broker/channel.h"
#include "broker/history.h"
#include "broker/look.h"
#include "broker/server.h"
#include "broker/vhost.h"
#include "exchanges/type.h"

static int
check_not_default(struct channel *ch, struct bytes name)
{
	if (name.n > 0)
		return AMQP_OK;
	return channel_refuse(ch, AMQP_ACCESS_REFUSED,
	    "operation not permitted on the default exchange");
}

/* --- declare ------------------------------------------------------------------ */

static int
declare_passive(struct channel *ch, struct bytes name)
{
	struct exchange *x;
	int code = check_not_default(ch, name);

	return code != AMQP_OK ? code : look_exchange(ch, name, &x);
}

/* An atom of Erlang's: what is more than letters and _ stands in quotes. */
static const char *
type_quotes(const struct exchange_type *type)
{
	return strchr(type->name, '-') != NULL ? "''" : "'";
}

static int
check_equivalent(struct channel *ch, const struct exchange *x,
    const struct exchange_type *type, const struct amqp_exchange_declare *m)
{
	const char *resource =
	    named("exchange", x->destination.name, ch->connection->vhost);
	int code;

	if (type != x->type)
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "inequivalent arg 'type' for %s: received %s%s%s but "
		    "current is %s%s%s",
		    resource, type_quotes(type), type->name, type_quotes(type),
		    type_quotes(x->type), x->type->name, type_quotes(x->type));
	if ((code = differ(ch, "durable", resource, m->durable, x->durable)) ||
	    (code = differ(ch, "auto_delete", resource, m->auto_delete,
		 x->auto_delete)) ||
	    (code = differ(
		 ch, "internal", resource, m->internal, x->internal)))
		return code;
	if (type->rule_argument != NULL &&
	    (code = differ_argument(ch, type->rule_argument, resource,
		 m->arguments, x->arguments)))
		return code;
	return differ_argument(ch, "alternate-exchange", resource,
	    m->arguments, x->arguments);
}

static int
check_alternate(struct channel *ch, struct bytes name,
    const struct amqp_exchange_declare *m)
{
	struct amqp_value alternate;
	int code;

	if (!amqp_table_get(
		m->arguments, BYTES("alternate-exchange"), &alternate))
		return AMQP_OK;
	if (alternate.tag != 'S')
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "invalid type '%s' for arg 'alternate-exchange' in %s",
		    amqp_type_name(alternate.tag),
		    named("exchange", name, ch->connection->vhost));
	code = channel_may(ch, VERB_READ, "exchange", name);
	if (code != AMQP_OK)
		return code;
	return channel_may(ch, VERB_WRITE, "exchange", alternate.bytes);
}

static int
check_new(struct channel *ch, struct bytes name,
    const struct exchange_type *type, const struct amqp_exchange_declare *m)
{
	const char *wrong = NULL;
	int code;

	if (bytes_starts(name, BYTES("amq.")))
		return channel_refuse(ch, AMQP_ACCESS_REFUSED,
		    "exchange name '%s' contains reserved prefix 'amq.*'",
		    amqp_reply_word(name));
	if ((code = check_alternate(ch, name, m)) != AMQP_OK)
		return code;
	if (type->check_arguments != NULL)
		wrong = type->check_arguments(m->arguments);
	return wrong == NULL ? AMQP_OK
			     : channel_refuse(ch, AMQP_PRECONDITION_FAILED,
				   "%s", wrong);
}

static int
declare(struct channel *ch, struct bytes name,
    const struct amqp_exchange_declare *m)
{
	const struct exchange_type *type = exchange_type_find(m->type);
	struct vhost *v = ch->connection->vhost;
	struct exchange *x;
	int code;

	if (type == NULL)
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "unknown exchange type '%s'", amqp_reply_word(m->type));
	if ((code = check_not_default(ch, name)) != AMQP_OK ||
	    (code = channel_may(ch, VERB_CONFIGURE, "exchange", name)))
		return code;
	x = vhost_exchange(v, name);
	if (x != NULL)
		return check_equivalent(ch, x, type, m);
	if ((code = check_new(ch, name, type, m)) != AMQP_OK)
		return code;
	vhost_add_exchange(v, type, name, m->arguments, m->durable,
	    m->auto_delete, m->internal);
	return AMQP_OK;
}

int
on_exchange_declare(struct channel *ch, const struct amqp_method *method)
{
	const struct amqp_exchange_declare *m = &method->exchange_declare;
	char buffer[NAME_SIZE];
	struct bytes name = strip_name(m->exchange, buffer);
	int code = m->passive ? declare_passive(ch, name)
			      : declare(ch, name, m);

	server_found(ch->server);
	if (code == AMQP_OK && !m->nowait)
		channel_reply(
		    ch, &(struct amqp_method){AMQP_exchange_declare_ok});
	return code;
}

/* --- delete --------------------------------------------------------------------- */

static int
check_delete(struct channel *ch, struct bytes name)
{
	int code = check_not_default(ch, name);

	if (code != AMQP_OK)
		return code;
	if (bytes_starts(name, BYTES("amq.")))
		return channel_refuse(ch, AMQP_ACCESS_REFUSED,
		    "deletion of system %s not allowed",
		    named("exchange", name, ch->connection->vhost));
	return channel_may(ch, VERB_CONFIGURE, "exchange", name);
}

int
on_exchange_delete(struct channel *ch, const struct amqp_method *method)
{
	const struct amqp_exchange_delete *m = &method->exchange_delete;
	struct vhost *v = ch->connection->vhost;
	char buffer[NAME_SIZE];
	struct bytes name = strip_name(m->exchange, buffer);
	struct exchange *x;
	int code = check_delete(ch, name);

	if (code != AMQP_OK)
		return code;
	x = vhost_exchange(v, name);
	if (x != NULL && m->if_unused && x->binding_count > 0)
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "%s in use", named("exchange", name, v));
	if (x != NULL)
		vhost_delete_exchange(v, x);
	server_found(ch->server);
	if (!m->nowait)
		channel_reply(
		    ch, &(struct amqp_method){AMQP_exchange_delete_ok});
	return AMQP_OK;
}

/* --- bind and unbind --------------------------------------------------------------- */

static int
check_binding(struct channel *ch, struct bytes destination,
    struct bytes source, struct bytes key)
{
	const struct exchange *x =
	    vhost_exchange(ch->connection->vhost, source);
	int code;

	code = channel_may(ch, VERB_WRITE, "exchange", destination);
	if (code != AMQP_OK ||
	    (code = check_not_default(ch, destination)) != AMQP_OK ||
	    (code = check_not_default(ch, source)) != AMQP_OK)
		return code;
	code = channel_may(ch, VERB_READ, "exchange", source);
	return code != AMQP_OK || x == NULL
	    ? code
	    : channel_may_key(ch, VERB_READ, x, key);
}

int
on_exchange_bind(struct channel *ch, const struct amqp_method *method)
{
	const struct amqp_exchange_bind *m = &method->exchange_bind;
	char buffers[2][NAME_SIZE];
	struct bytes from = strip_name(m->source, buffers[0]);
	struct bytes to = strip_name(m->destination, buffers[1]);
	struct exchange *source, *destination;
	const char *wrong;
	int code = check_binding(ch, to, from, m->routing_key);

	if (code != AMQP_OK ||
	    (code = look_exchange(ch, from, &source)) != AMQP_OK ||
	    (code = look_exchange(ch, to, &destination)) != AMQP_OK)
		return code;
	wrong = exchange_check_binding(source, m->routing_key, m->arguments);
	if (wrong == NULL && source->rule->classic_only)
		wrong = "Destination not found"; /* as RabbitMQ 4 says */
	if (wrong != NULL)
		return channel_refuse(
		    ch, AMQP_PRECONDITION_FAILED, "%s", wrong);
	if (vhost_bind(ch->connection->vhost, source,
		&destination->destination, m->routing_key, m->arguments))
		history_replay(ch, source, &destination->destination);
	server_found(ch->server);
	if (!m->nowait)
		channel_reply(
		    ch, &(struct amqp_method){AMQP_exchange_bind_ok});
	return AMQP_OK;
}

int
on_exchange_unbind(struct channel *ch, const struct amqp_method *method)
{
	const struct amqp_exchange_unbind *m = &method->exchange_unbind;
	struct vhost *v = ch->connection->vhost;
	char buffers[2][NAME_SIZE];
	struct bytes from = strip_name(m->source, buffers[0]);
	struct bytes to = strip_name(m->destination, buffers[1]);
	struct exchange *source = vhost_exchange(v, from);
	struct exchange *destination = vhost_exchange(v, to);
	struct binding *b = NULL;
	int code = check_binding(ch, to, from, m->routing_key);

	if (code != AMQP_OK)
		return code;
	if (source != NULL && destination != NULL)
		b = exchange_find_binding(source, &destination->destination,
		    m->routing_key, m->arguments);
	if (b != NULL)
		vhost_unbind(v, b);
	server_found(ch->server);
	if (!m->nowait)
		channel_reply(
		    ch, &(struct amqp_method){AMQP_exchange_unbind_ok});
	return AMQP_OK;
}
