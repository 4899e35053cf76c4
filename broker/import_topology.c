/* import_topology.c - queues, exchanges and bindings from a definitions file. */
#include "amqp/table.h"
#include "broker/arguments.h"
#include "broker/expiry.h"
#include "broker/import.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/vhost.h"
#include "exchanges/type.h"

enum {
	NAME_MAX_SIZE = 255,
	LEFT_OUT_TOLD = 20, /* bindings that lead nowhere, in the log */
};

/* --- queues ---------------------------------------------------------------------- */

struct queue_member {
	struct bytes name, vhost, arguments;
	bool durable, auto_delete;
};

/* A type beside the arguments stands for one among them. */
static bool
read_type(struct import *im, struct queue_member *m)
{
	struct bytes type = BYTES("classic");
	struct amqp_value v;

	if (!import_text(im, "type", MAY, SIZE_MAX, &type))
		return false;
	if (!bytes_eq(type, BYTES("classic")) &&
	    !amqp_table_get(m->arguments, BYTES("x-queue-type"), &v)) {
		table_put_longstr(&im->arguments, "x-queue-type", type);
		m->arguments = writer_view(&im->arguments);
	}
	return true;
}

static bool
read_queue(struct import *im, struct queue_member *m)
{
	return import_name(im, "name", &m->name) &&
	    import_vhost(im, &m->vhost) &&
	    import_flag(im, "durable", NEED, &m->durable) &&
	    import_flag(im, "auto_delete", NEED, &m->auto_delete) &&
	    import_arguments(im, &m->arguments) && read_type(im, m);
}

/* RabbitMQ asks the vhost's limit before it begins. */
static bool
check_room(struct import *im, struct bytes vhost)
{
	const struct vhost *v = server_vhost(im->server, vhost);
	size_t more = import_new_queues(im, vhost);

	if (v == NULL || v->max_queues < 0 ||
	    v->queues.count + more <= (uint64_t)v->max_queues)
		return true;
	return import_refuse(im,
	    "Adding %zu queue(s) to virtual host \"%s\" would exceed the limit "
	    "of %lld queue(s). This virtual host currently has %zu queue(s) "
	    "defined.",
	    more, log_safe(vhost), (long long)v->max_queues, v->queues.count);
}

static bool
check_queue(struct import *im, const struct queue_member *m)
{
	const char *wrong = arguments_wrong(m->name, m->vhost, m->arguments);
	const struct queue_type *type;

	if (wrong != NULL)
		return import_refuse(im, "%s", wrong);
	type = queue_type_of(m->arguments);
	wrong = queue_type_wrong(type, m->durable, false, m->auto_delete);
	if (wrong != NULL)
		return import_refuse(im, "invalid property '%s'", wrong);
	if (import_queue(im, m->vhost, m->name) != NULL)
		return true;
	import_brings_queue(im, m->vhost, m->name, type);
	return check_room(im, m->vhost);
}

bool
import_a_queue(struct import *im)
{
	struct queue_member m;
	struct vhost *v;

	if (!read_queue(im, &m))
		return false;
	if (import_checks(im))
		return check_queue(im, &m);
	v = server_vhost(im->server, m.vhost);
	if (v != NULL && vhost_queue(v, m.name) == NULL)
		expiry_used(vhost_add_queue(v, m.name, m.arguments, m.durable,
		    m.auto_delete, NULL));
	return true;
}

/* --- exchanges --------------------------------------------------------------------- */

struct exchange_member {
	struct bytes name, vhost, type, arguments;
	bool durable, auto_delete, internal;
};

static bool
read_exchange(struct import *im, struct exchange_member *m)
{
	m->internal = false;
	return import_text(im, "name", NEED, NAME_MAX_SIZE, &m->name) &&
	    import_vhost(im, &m->vhost) &&
	    import_text(im, "type", NEED, SIZE_MAX, &m->type) &&
	    import_flag(im, "durable", NEED, &m->durable) &&
	    import_flag(im, "auto_delete", NEED, &m->auto_delete) &&
	    import_flag(im, "internal", MAY, &m->internal) &&
	    import_arguments(im, &m->arguments);
}

static bool
check_exchange(struct import *im, const struct exchange_member *m)
{
	const struct exchange_type *type = exchange_type_find(m->type);
	const char *wrong = NULL;
	struct amqp_value v;

	if (type == NULL)
		return import_refuse(im, "unknown exchange type '%s'",
		    log_safe(m->type));
	if (amqp_table_get(m->arguments, BYTES("alternate-exchange"), &v) &&
	    v.tag != 'S')
		return import_refuse(im,
		    "invalid type '%s' for arg 'alternate-exchange'",
		    amqp_type_name(v.tag));
	if (type->check_arguments != NULL)
		wrong = type->check_arguments(m->arguments);
	if (wrong != NULL)
		return import_refuse(im, "%s", wrong);
	if (import_exchange(im, m->vhost, m->name) == NULL)
		import_brings_exchange(
		    im, m->vhost, m->name, type, m->arguments);
	return true;
}

/* RabbitMQ exports some that are its own, and imports none: amq.rabbitmq.log. */
static bool
is_own(struct import *im, const struct exchange_member *m)
{
	if (m->name.n > 0 && !bytes_starts(m->name, BYTES("amq.")))
		return false;
	if (import_checks(im) && vhost_predeclared(m->name) == NULL)
		log_warnx("definitions: exchange '%s' in vhost '%s' is left "
			  "out: its name begins with 'amq.'",
		    log_safe(m->name), log_safe(m->vhost));
	return true;
}

bool
import_an_exchange(struct import *im)
{
	struct exchange_member m;
	struct vhost *v;

	if (!read_exchange(im, &m))
		return false;
	if (is_own(im, &m))
		return true;
	if (import_checks(im))
		return check_exchange(im, &m);
	v = server_vhost(im->server, m.vhost);
	if (v != NULL && vhost_exchange(v, m.name) == NULL)
		vhost_add_exchange(v, exchange_type_find(m.type), m.name,
		    m.arguments, m.durable, m.auto_delete, m.internal);
	return true;
}

/* --- bindings ---------------------------------------------------------------------- */

struct binding_member {
	struct bytes source, vhost, destination, kind, key, arguments;
	bool to_exchange;
};

static bool
read_binding(struct import *im, struct binding_member *m)
{
	if (!import_text(im, "source", NEED, NAME_MAX_SIZE, &m->source) ||
	    !import_text(
		im, "destination", NEED, NAME_MAX_SIZE, &m->destination) ||
	    !import_text(im, "destination_type", NEED, SIZE_MAX, &m->kind) ||
	    !import_text(im, "routing_key", NEED, UINT8_MAX, &m->key) ||
	    !import_vhost(im, &m->vhost) ||
	    !import_arguments(im, &m->arguments))
		return false;
	m->to_exchange = bytes_eq(m->kind, BYTES("exchange"));
	return m->to_exchange || bytes_eq(m->kind, BYTES("queue")) ||
	    import_refuse(im, "its destination_type is neither queue nor "
			      "exchange");
}

static bool
leave_out(struct import *im, const struct binding_member *m, const char *what,
    struct bytes name)
{
	if (++im->left_out > LEFT_OUT_TOLD)
		return true;
	log_warnx("definitions: binding from '%s' to %s '%s' in vhost '%s' is "
		  "left out: there is no %s '%s'",
	    log_safe(m->source), m->to_exchange ? "exchange" : "queue",
	    log_safe(m->destination), log_safe(m->vhost), what,
	    log_safe(name));
	return true;
}

static bool
check_queue_type(struct import *im, const struct exchange *source,
    const struct queue_type *type)
{
	if (!source->rule->classic_only ||
	    (type != NULL && type->bit == QUEUE_CLASSIC))
		return true;
	if (type == NULL)
		return import_refuse(im, "Destination not found");
	return import_refuse(im,
	    "Queue type %s not valid for this exchange type", type->module);
}

static bool
check_binding(struct import *im, const struct binding_member *m)
{
	const struct exchange *x = import_exchange(im, m->vhost, m->source);
	const struct queue_type *type = NULL;
	const char *wrong;

	if (x == NULL)
		return leave_out(im, m, "exchange", m->source);
	if (!m->to_exchange)
		type = import_queue(im, m->vhost, m->destination);
	if (!m->to_exchange && type == NULL)
		return leave_out(im, m, "queue", m->destination);
	if (m->to_exchange &&
	    import_exchange(im, m->vhost, m->destination) == NULL)
		return leave_out(im, m, "exchange", m->destination);
	wrong = exchange_check_binding(x, m->key, m->arguments);
	return wrong != NULL ? import_refuse(im, "%s", wrong)
			     : check_queue_type(im, x, type);
}

static struct destination *
find_destination(const struct vhost *v, const struct binding_member *m)
{
	struct exchange *x;
	struct queue *q;

	if (m->to_exchange) {
		x = vhost_exchange(v, m->destination);
		return x != NULL ? &x->destination : NULL;
	}
	q = vhost_queue(v, m->destination);
	return q != NULL ? &q->destination : NULL;
}

/* What was declared meanwhile may be of another type. */
static void
make_binding(struct import *im, const struct binding_member *m)
{
	struct vhost *v = server_vhost(im->server, m->vhost);
	struct exchange *x = v != NULL ? vhost_exchange(v, m->source) : NULL;
	struct destination *d = v != NULL ? find_destination(v, m) : NULL;

	if (x != NULL && d != NULL &&
	    exchange_check_binding(x, m->key, m->arguments) == NULL)
		vhost_bind(v, x, d, m->key, m->arguments);
}

/* What leads from the default exchange needs no binding; old documents have one
 * for each queue. */
bool
import_binding(struct import *im)
{
	struct binding_member m;

	if (!read_binding(im, &m))
		return false;
	if (m.source.n == 0 ||
	    (m.to_exchange && m.destination.n == 0))
		return true;
	if (import_checks(im))
		return check_binding(im, &m);
	make_binding(im, &m);
	return true;
}
