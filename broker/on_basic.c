/* on_basic.c - the methods of class basic, but for publish. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/arguments.h"
#include "broker/channel.h"
#include "broker/consumer.h"
#include "broker/deliver.h"
#include "broker/look.h"
#include "broker/overdue.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/replyto.h"
#include "broker/server.h"
#include "broker/settle.h"
#include "broker/tx.h"
#include "broker/vhost.h"

int
on_basic_qos(struct channel *ch, const struct amqp_method *m)
{
	const struct amqp_basic_qos *qos = &m->basic_qos;

	if (qos->prefetch_size != 0)
		return channel_refuse(ch, AMQP_NOT_IMPLEMENTED,
		    "prefetch_size!=0 (%u)", qos->prefetch_size);
	if (qos->global)
		ch->limit = qos->prefetch_count;
	else
		ch->limit_each = qos->prefetch_count;
	if (!qos->global)
		ch->limit = 0; /* as RabbitMQ: it lifts the other */
	channel_wake(ch);
	server_spend(ch->server, ch->consumer_count);
	channel_reply(ch, &(struct amqp_method){AMQP_basic_qos_ok});
	return AMQP_OK;
}

/* --- consumers --------------------------------------------------------------- */

static bool
wants_exclusive(const struct amqp_basic_consume *m, const struct queue *q)
{
	return m->exclusive && q->type->exclusive_consumer;
}

static int
check_tag(struct channel *ch, struct bytes tag)
{
	if (tag.n == 0 || consumer_find(ch, tag) == NULL)
		return AMQP_OK;
	return channel_refuse(ch, AMQP_NOT_ALLOWED,
	    "attempt to reuse consumer tag '%s'", amqp_reply_word(tag));
}

static int
check_count(struct channel *ch)
{
	int64_t most = ch->server->config->consumer_max_per_channel;

	if (ch->consumer_count < most)
		return AMQP_OK;
	return channel_refuse(ch, AMQP_NOT_ALLOWED,
	    "reached maximum (%lld) of consumers per channel",
	    (long long)most);
}

static int
check_consume(struct channel *ch, const struct amqp_basic_consume *m,
    struct bytes name, struct queue **q)
{
	int code;

	if ((code = channel_may(ch, VERB_READ, "queue", name)) != AMQP_OK ||
	    (code = check_count(ch)) != AMQP_OK ||
	    (code = check_tag(ch, m->consumer_tag)) != AMQP_OK ||
	    (code = look_queue(ch, name, q)) != AMQP_OK ||
	    (code = arguments_check_consumer(
		 ch, name, (*q)->arguments, m->arguments)) != AMQP_OK)
		return code;
	if (ch->limit != 0 && !(*q)->type->channel_prefetch)
		return channel_refuse(ch, AMQP_NOT_IMPLEMENTED,
		    "%s does not support global qos",
		    named("queue", name, ch->connection->vhost));
	if ((*q)->exclusive != NULL ||
	    (wants_exclusive(m, *q) &&
		((*q)->consumer_count > 0 || (*q)->limits.single_active)))
		return channel_refuse(ch, AMQP_ACCESS_REFUSED,
		    "%s in exclusive use",
		    named("queue", name, ch->connection->vhost));
	return AMQP_OK;
}

static void
consume_ok(struct channel *ch, struct bytes tag)
{
	channel_reply(ch,
	    &(struct amqp_method){
		AMQP_basic_consume_ok, .basic_consume_ok = {tag}});
}

/* No right is asked for. */
static int
consume_replies(struct channel *ch, const struct amqp_basic_consume *m)
{
	struct bytes tag = m->consumer_tag;
	char generated[NAME_SIZE];
	int code;

	if ((code = check_tag(ch, tag)) != AMQP_OK)
		return code;
	if (!m->no_ack)
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "reply consumer cannot acknowledge");
	if (ch->replies != NULL)
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "reply consumer already set");
	if (tag.n == 0)
		tag = generate_name("amq.ctag-", generated);
	replyto_new(ch, tag);
	if (!m->nowait)
		consume_ok(ch, tag);
	return AMQP_OK;
}

int
on_basic_consume(struct channel *ch, const struct amqp_method *method)
{
	const struct amqp_basic_consume *m = &method->basic_consume;
	struct bytes name, tag = m->consumer_tag;
	char generated[NAME_SIZE];
	struct consumer *c;
	struct queue *q;
	int code;

	if ((code = look_name(ch, m->queue, &name)) != AMQP_OK)
		return code;
	if (replyto_is(name))
		return consume_replies(ch, m);
	if ((code = check_consume(ch, m, name, &q)) != AMQP_OK)
		return code;
	if (tag.n == 0)
		tag = generate_name("amq.ctag-", generated);
	c = consumer_new(ch, q, tag, m->arguments, m->no_ack,
	    wants_exclusive(m, q));
	if (m->nowait) {
		consumer_wake(c);
		return AMQP_OK;
	}
	consume_ok(ch, tag);
	promise_start(ch, c);
	return AMQP_OK;
}

int
on_basic_cancel(struct channel *ch, const struct amqp_method *m)
{
	struct bytes tag = m->basic_cancel.consumer_tag;
	struct consumer *c = consumer_find(ch, tag);

	if (replyto_has_tag(ch, tag))
		replyto_free(ch);
	else if (c != NULL)
		consumer_cancel(c);
	if (!m->basic_cancel.nowait)
		channel_reply(ch,
		    &(struct amqp_method){AMQP_basic_cancel_ok,
			.basic_cancel_ok = {tag}});
	return AMQP_OK;
}

/* --- get ------------------------------------------------------------------------ */

/* A queue that counts tells it, even if it is 0 (as RabbitMQ does, for
 * basic.get). */
static void
reply_content(struct channel *ch, const struct amqp_method *m,
    const struct queue *q, const struct entry *e, uint64_t seq)
{
	struct writer *w = &ch->server->writer, counted = {0};
	struct bytes props = q->type->counts
	    ? counted_props(&counted, e->message, e->returns)
	    : message_props(e->message);

	w->n = 0;
	encode_content(w, ch, m, e->message, props);
	promise_delivery(ch, writer_view(w), seq);
	writer_fini(&counted);
}

static void
get_ok(struct channel *ch, struct queue *q, struct entry *e, bool no_ack)
{
	struct amqp_method m = {AMQP_basic_get_ok,
	    .basic_get_ok = {0, (e->flags & ENTRY_REDELIVERED) != 0,
		message_exchange(e->message), message_key(e->message),
		(uint32_t)lanes_ready(&q->lanes)}};
	struct delivery *d;

	if (ch->server->traced_count > 0) {
		trace_delivered(ch, q, e);
		traces_enter(ch->server);
	}
	if (no_ack) {
		m.basic_get_ok.delivery_tag = ledger_skip(&ch->ledger);
		reply_content(ch, &m, q, e, 0);
		queue_settle(q, e);
		return;
	}
	m.basic_get_ok.delivery_tag = ledger_add(&ch->ledger, &d);
	*d = (struct delivery){
	    queue_ref(q), NULL, *e, overdue_stamp(q->server)};
	overdue_watch(ch, q);
	ch->counts |= q->type->counts;
	q->unacked++;
	q->unacked_bytes += e->message->body_size;
	reply_content(ch, &m, q, e, queue_count(q, e));
}

static int
check_get(struct channel *ch, const struct queue *q)
{
	if (!q->limits.single_active || q->type->single_get)
		return AMQP_OK;
	return channel_refuse(ch, AMQP_RESOURCE_LOCKED,
	    "cannot obtain access to locked %s. basic.get operations are not "
	    "supported by %s queues with single active consumer",
	    named("queue", queue_name(q), q->vhost), q->type->name);
}

int
on_basic_get(struct channel *ch, const struct amqp_method *m)
{
	struct connection *c = ch->connection;
	struct bytes name;
	struct queue *q;
	struct entry e;
	bool wait;
	int code;

	if ((code = look_name(ch, m->basic_get.queue, &name)) != AMQP_OK ||
	    (code = channel_may(ch, VERB_READ, "queue", name)) != AMQP_OK ||
	    (code = look_queue(ch, name, &q)) != AMQP_OK ||
	    (code = check_get(ch, q)) != AMQP_OK)
		return code;
	if (queue_take(q, &e, &wait)) {
		get_ok(ch, q, &e, m->basic_get.no_ack);
		return AMQP_OK;
	}
	if (wait) {
		TAILQ_INSERT_TAIL(&q->waiting, c, waiting_link);
		c->waiting_for = q;
		connection_suspend(c);
		return CHANNEL_WAIT;
	}
	channel_reply(ch, &(struct amqp_method){AMQP_basic_get_empty});
	return AMQP_OK;
}

/* --- acknowledgements -------------------------------------------------------------- */

static int
settle_tag(
    struct channel *ch, uint64_t tag, bool multiple, enum settlement how)
{
	if (ch->tx != NULL ? tx_settle(ch, tag, multiple, how)
			   : settle(ch, tag, multiple, how))
		return AMQP_OK;
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "unknown delivery tag %llu", (unsigned long long)tag);
}

int
on_basic_ack(struct channel *ch, const struct amqp_method *m)
{
	return settle_tag(ch, m->basic_ack.delivery_tag, m->basic_ack.multiple,
	    SETTLE_ACK);
}

int
on_basic_nack(struct channel *ch, const struct amqp_method *m)
{
	return settle_tag(ch, m->basic_nack.delivery_tag,
	    m->basic_nack.multiple,
	    m->basic_nack.requeue ? SETTLE_REQUEUE : SETTLE_DISCARD);
}

int
on_basic_reject(struct channel *ch, const struct amqp_method *m)
{
	return settle_tag(ch, m->basic_reject.delivery_tag, false,
	    m->basic_reject.requeue ? SETTLE_REQUEUE : SETTLE_DISCARD);
}

static int
recover(struct channel *ch, bool requeue)
{
	if (!requeue)
		return channel_refuse(
		    ch, AMQP_NOT_IMPLEMENTED, "requeue=false");
	settle(ch, 0, true, SETTLE_REQUEUE);
	return AMQP_OK;
}

/* Where it counts that something came back, that is safe before ok is said. */
int
on_basic_recover(struct channel *ch, const struct amqp_method *m)
{
	int code = ch->recovering ? AMQP_OK
				  : recover(ch, m->basic_recover.requeue);

	if (code != AMQP_OK)
		return code;
	ch->recovering = ch->connection->suspended || !channel_settled(ch);
	if (ch->recovering)
		return CHANNEL_WAIT;
	if (ch->counts)
		ch->server->changed_seq = ch->acked_seq;
	channel_reply(ch, &(struct amqp_method){AMQP_basic_recover_ok});
	return AMQP_OK;
}

int
on_basic_recover_async(struct channel *ch, const struct amqp_method *m)
{
	return recover(ch, m->basic_recover_async.requeue);
}
