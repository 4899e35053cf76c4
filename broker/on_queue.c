/* on_queue.c - the methods of class queue. */
#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/arguments.h"
#include "broker/channel.h"
#include "broker/expiry.h"
#include "broker/history.h"
#include "broker/look.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/replyto.h"
#include "broker/server.h"
#include "broker/vhost.h"

/* --- declare ------------------------------------------------------------------ */

static void
declare_ok(struct channel *ch, struct bytes name, size_t messages,
    unsigned consumers, bool nowait)
{
	struct amqp_method ok = {AMQP_queue_declare_ok,
	    .queue_declare_ok = {name, (uint32_t)messages, consumers}};

	free((void *)ch->last_queue.p);
	ch->last_queue = xbytesdup(name);
	if (!nowait)
		channel_reply(ch, &ok);
}

static void
declared(struct channel *ch, struct queue *q, bool nowait)
{
	expiry_used(q);
	if (q->durable)
		server_found(ch->server);
	declare_ok(ch, queue_name(q), lanes_ready(&q->lanes),
	    q->consumer_count, nowait);
}

/* Passively or not, this asks whether a reply consumer lives, and needs no
 * right. */
static int
declare_replies(
    struct channel *ch, struct bytes name, const struct amqp_queue_declare *m)
{
	if (!replyto_lives(ch->server, name))
		return channel_refuse(ch, AMQP_NOT_FOUND, "no %s",
		    named("queue", name, ch->connection->vhost));
	declare_ok(ch, name, 0, 1, m->nowait);
	return AMQP_OK;
}

static int
declare_passive(
    struct channel *ch, struct bytes name, const struct amqp_queue_declare *m)
{
	struct queue *q;
	int code = look_queue(ch, name, &q);

	if (code == AMQP_OK)
		declared(ch, q, m->nowait);
	return code;
}

/* An exclusive queue goes with its connection and is never durable, whatever
 * was asked. */
static int
check_equivalent(struct channel *ch, const struct queue *q,
    const struct amqp_queue_declare *m)
{
	const char *resource = named("queue", queue_name(q), q->vhost);
	bool exclusive = q->owner != NULL;
	int code;

	if (m->exclusive != exclusive || q->owner != (exclusive ?
	    ch->connection : NULL))
		return refuse_locked(ch, q);
	if ((code = differ(ch, "durable", resource,
		 m->durable && !m->exclusive, q->durable)) ||
	    (code = differ(ch, "auto_delete", resource, m->auto_delete,
		 q->auto_delete)))
		return code;
	return arguments_differ(ch, resource, m->arguments, q->arguments);
}

static int
check_properties(struct channel *ch, struct bytes name,
    const struct amqp_queue_declare *m)
{
	const char *wrong = queue_type_wrong(queue_type_of(m->arguments),
	    m->durable, m->exclusive, m->auto_delete);

	if (wrong == NULL)
		return AMQP_OK;
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "invalid property '%s' for %s", wrong,
	    named("queue", name, ch->connection->vhost));
}

static int
check_new(struct channel *ch, struct bytes name,
    const struct amqp_queue_declare *m)
{
	int code = arguments_check(ch, name, m->arguments);

	return code == AMQP_OK ? check_properties(ch, name, m) : code;
}

static int
check_room(struct channel *ch, struct bytes name)
{
	const struct vhost *v = ch->connection->vhost;

	if (v->max_queues < 0 || v->queues.count < (uint64_t)v->max_queues)
		return AMQP_OK;
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "cannot declare queue '%s': queue limit in vhost '%s' (%lld) "
	    "is reached",
	    amqp_reply_word(name), amqp_reply_word(v->name), (long long)v->max_queues);
}

static int
declare(struct channel *ch, struct bytes name,
    const struct amqp_queue_declare *m)
{
	struct vhost *v = ch->connection->vhost;
	struct queue *q = vhost_queue(v, name);
	int code;

	if (q != NULL) {
		code = check_equivalent(ch, q, m);
	} else {
		code = check_new(ch, name, m);
		if (code == AMQP_OK)
			code = check_room(ch, name);
		if (code == AMQP_OK)
			q = vhost_add_queue(v, name, m->arguments,
			    m->durable && !m->exclusive, m->auto_delete,
			    m->exclusive ? ch->connection : NULL);
	}
	if (code == AMQP_OK)
		declared(ch, q, m->nowait);
	return code;
}

/* A vhost's or the broker's own type for queues that outlive their connection
 * and name none, as if the client had: written to w, if it applies. */
static struct bytes
with_default_type(
    struct channel *ch, const struct amqp_queue_declare *m, struct writer *w)
{
	struct bytes type = ch->connection->vhost->metadata.default_queue_type;
	struct amqp_value v;

	if (type.n == 0)
		type = bytes_str(ch->server->config->default_queue_type);
	if (!m->durable || m->exclusive || m->auto_delete || type.n == 0 ||
	    bytes_eq(type, BYTES("classic")) ||
	    amqp_table_get(m->arguments, BYTES("x-queue-type"), &v))
		return m->arguments;
	writer_bytes(w, m->arguments);
	table_put_longstr(w, "x-queue-type", type);
	return writer_view(w);
}

/* The name a client asks for; for none, one of the broker's own. */
static int
choose_name(struct channel *ch, const struct amqp_queue_declare *m,
    char *buffer, struct bytes *name)
{
	const struct queue_type *type = queue_type_of(m->arguments);

	if (bytes_starts(*name, BYTES("amq.")))
		return channel_refuse(ch, AMQP_ACCESS_REFUSED,
		    "queue name '%s' contains reserved prefix 'amq.*'",
		    amqp_reply_word(*name));
	if (name->n > 0)
		return AMQP_OK;
	if (type != NULL && type->permanent)
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "Cannot declare a server-named queue for type %s",
		    type->module);
	*name = generate_name("amq.gen-", buffer);
	return AMQP_OK;
}

int
on_queue_declare(struct channel *ch, const struct amqp_method *method)
{
	const struct amqp_queue_declare *m = &method->queue_declare;
	struct amqp_queue_declare full = *m;
	struct writer w = {0};
	char buffer[NAME_SIZE];
	struct bytes name;
	int code;

	name = strip_name(m->queue, buffer);
	if (bytes_starts(name, BYTES(REPLYTO)))
		return declare_replies(ch, name, m);
	if (m->passive)
		return declare_passive(ch, name, m);
	full.arguments = with_default_type(ch, m, &w);
	code = choose_name(ch, &full, buffer, &name);
	if (code == AMQP_OK)
		code = channel_may(ch, VERB_CONFIGURE, "queue", name);
	if (code == AMQP_OK)
		code = declare(ch, name, &full);
	writer_fini(&w);
	return code;
}

/* --- bind and unbind --------------------------------------------------------------- */

static int
check_binding(struct channel *ch, struct bytes queue, struct bytes exchange,
    struct bytes key)
{
	const struct exchange *x =
	    vhost_exchange(ch->connection->vhost, exchange);
	int code;

	if ((code = channel_may(ch, VERB_WRITE, "queue", queue)) != AMQP_OK)
		return code;
	if (exchange.n == 0)
		return channel_refuse(ch, AMQP_ACCESS_REFUSED,
		    "operation not permitted on the default exchange");
	code = channel_may(ch, VERB_READ, "exchange", exchange);
	return code != AMQP_OK || x == NULL
	    ? code
	    : channel_may_key(ch, VERB_READ, x, key);
}

/* The queue's name without line ends. */
static int
look_stripped(struct channel *ch, struct bytes given, char *buffer,
    struct bytes *name)
{
	int code = look_name(ch, given, name);

	if (code == AMQP_OK)
		*name = strip_name(*name, buffer);
	return code;
}

/* Queue and key both left out mean the last declared queue's name. */
static int
look_key(struct channel *ch, struct bytes queue, struct bytes *key)
{
	return queue.n == 0 && key->n == 0 ? look_name(ch, queue, key)
					   : AMQP_OK;
}

/* What the exchange's rule does not take. */
static int
check_rule(struct channel *ch, const struct exchange *x, const struct queue *q,
    struct bytes key, struct bytes arguments)
{
	const char *wrong = exchange_check_binding(x, key, arguments);

	if (wrong != NULL)
		return channel_refuse(
		    ch, AMQP_PRECONDITION_FAILED, "%s", wrong);
	if (x->rule->classic_only && q->type->bit != QUEUE_CLASSIC)
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "Queue type %s not valid for this exchange type",
		    q->type->module);
	return AMQP_OK;
}

int
on_queue_bind(struct channel *ch, const struct amqp_method *method)
{
	const struct amqp_queue_bind *m = &method->queue_bind;
	char buffers[2][NAME_SIZE];
	struct bytes exchange = strip_name(m->exchange, buffers[0]);
	struct bytes name, key = m->routing_key;
	struct exchange *x;
	struct queue *q;
	int code;

	if ((code = look_stripped(ch, m->queue, buffers[1], &name)) ||
	    (code = look_key(ch, m->queue, &key)) != AMQP_OK ||
	    (code = check_binding(ch, name, exchange, key)) != AMQP_OK ||
	    (code = look_exchange(ch, exchange, &x)) != AMQP_OK ||
	    (code = look_locked_queue(ch, name, &q)) != AMQP_OK ||
	    (code = check_rule(ch, x, q, key, m->arguments)) != AMQP_OK ||
	    (code = look_access(ch, q)) != AMQP_OK)
		return code;
	if (vhost_bind(ch->connection->vhost, x, &q->destination, key,
		m->arguments))
		history_replay(ch, x, &q->destination);
	if (q->durable)
		server_found(ch->server);
	if (!m->nowait)
		channel_reply(ch, &(struct amqp_method){AMQP_queue_bind_ok});
	return AMQP_OK;
}

int
on_queue_unbind(struct channel *ch, const struct amqp_method *method)
{
	const struct amqp_queue_unbind *m = &method->queue_unbind;
	struct vhost *v = ch->connection->vhost;
	char buffers[2][NAME_SIZE];
	struct bytes exchange = strip_name(m->exchange, buffers[0]);
	struct bytes name, key = m->routing_key;
	struct binding *b = NULL;
	struct exchange *x;
	struct queue *q;
	int code;

	if ((code = look_stripped(ch, m->queue, buffers[1], &name)) ||
	    (code = look_key(ch, m->queue, &key)) != AMQP_OK ||
	    (code = check_binding(ch, name, exchange, key)) != AMQP_OK)
		return code;
	q = vhost_queue(v, name);
	x = vhost_exchange(v, exchange);
	if (q != NULL && x != NULL)
		b = exchange_find_binding(
		    x, &q->destination, key, m->arguments);
	if (b != NULL && (code = look_access(ch, q)) != AMQP_OK)
		return code;
	if (b != NULL)
		vhost_unbind(v, b);
	server_found(ch->server);
	channel_reply(ch, &(struct amqp_method){AMQP_queue_unbind_ok});
	return AMQP_OK;
}

/* --- purge and delete ------------------------------------------------------------------ */

static void
purge_ok(struct channel *ch, size_t count, bool nowait)
{
	if (!nowait)
		channel_reply(ch,
		    &(struct amqp_method){AMQP_queue_purge_ok,
			.queue_purge_ok = {(uint32_t)count}});
}

/* Comes back once more if the purge took a job: then it is done. */
int
on_queue_purge(struct channel *ch, const struct amqp_method *method)
{
	const struct amqp_queue_purge *m = &method->queue_purge;
	struct bytes name;
	struct queue *q;
	int code;

	if (!ch->purged) {
		if ((code = look_name(ch, m->queue, &name)) != AMQP_OK ||
		    (code = channel_may(ch, VERB_READ, "queue", name)) ||
		    (code = look_queue(ch, name, &q)) != AMQP_OK)
			return code;
		ch->purge_count = queue_purge(q, ch->connection);
		ch->purged = ch->connection->suspended;
		if (ch->purged)
			return CHANNEL_WAIT;
	}
	ch->purged = false;
	server_stored(ch->server);
	purge_ok(ch, ch->purge_count, m->nowait);
	return AMQP_OK;
}

static int
check_delete(struct channel *ch, const struct queue *q,
    const struct amqp_queue_delete *m)
{
	const char *resource = named("queue", queue_name(q), q->vhost);
	int code = look_access(ch, q);

	if (code != AMQP_OK)
		return code;
	if ((m->if_unused || m->if_empty) && !q->type->conditional_delete)
		return channel_refuse(ch, AMQP_NOT_IMPLEMENTED,
		    "cannot delete %s. queue.delete operations with %s flag "
		    "set are not supported by %s queues",
		    resource, m->if_unused ? "if-unused" : "if-empty",
		    q->type->name);
	if (m->if_empty && lanes_ready(&q->lanes) > 0)
		return channel_refuse(
		    ch, AMQP_PRECONDITION_FAILED, "%s not empty", resource);
	if (m->if_unused && q->consumer_count > 0)
		return channel_refuse(
		    ch, AMQP_PRECONDITION_FAILED, "%s in use", resource);
	return AMQP_OK;
}

int
on_queue_delete(struct channel *ch, const struct amqp_method *method)
{
	const struct amqp_queue_delete *m = &method->queue_delete;
	char buffer[NAME_SIZE];
	struct bytes name;
	struct queue *q;
	size_t count = 0;
	int code;

	if ((code = look_stripped(ch, m->queue, buffer, &name)) != AMQP_OK ||
	    (code = channel_may(ch, VERB_CONFIGURE, "queue", name)))
		return code;
	q = vhost_queue(ch->connection->vhost, name);
	if (q != NULL && (code = check_delete(ch, q, m)) != AMQP_OK)
		return code;
	if (q != NULL)
		count = queue_delete(q);
	server_found(ch->server);
	if (!m->nowait)
		channel_reply(ch,
		    &(struct amqp_method){AMQP_queue_delete_ok,
			.queue_delete_ok = {(uint32_t)count}});
	return AMQP_OK;
}
