/* channel.c - one conversation: state, dispatch by method, and what it owes. */
#include "broker/channel.h"

#include <stdio.h>
#include <stdlib.h>

#include "amqp/frame.h"
#include "amqp/xalloc.h"
#include "broker/consumer.h"
#include "broker/deadletter.h"
#include "broker/log.h"
#include "broker/replyto.h"
#include "broker/overdue.h"
#include "broker/server.h"
#include "broker/settle.h"
#include "broker/topic_rights.h"
#include "broker/tx.h"
#include "broker/vhost.h"
#include "exchanges/type.h"

/* --- life -------------------------------------------------------------------- */

struct channel *
channel_new(struct connection *c, uint16_t number)
{
	struct channel *ch = xcalloc(1, sizeof *ch);

	ch->connection = c;
	ch->server = c->server;
	ch->number = number;
	TAILQ_INIT(&ch->consumers);
	ledger_init(&ch->ledger);
	promises_init(&ch->promises);
	connection_add_channel(c, ch);
	return ch;
}

/* Cancelled ones stay until their deliveries are settled, without a channel. */
static void
end_consumers(struct channel *ch)
{
	struct consumer *c;

	while ((c = TAILQ_FIRST(&ch->consumers)) != NULL) {
		if (!c->cancelled && c->unacked > 0) {
			c->unacked++; /* keeps it while it is cancelled */
			consumer_cancel(c);
			c->unacked--;
		} else if (!c->cancelled) {
			consumer_cancel(c);
			continue;
		}
		TAILQ_REMOVE(&ch->consumers, c, channel_link);
		c->channel = NULL;
	}
}

bool
channel_end(struct channel *ch, struct connection *asker)
{
	publication_drop(&ch->publication);
	end_consumers(ch);
	replyto_free(ch);
	tx_free(ch->tx);
	ch->tx = NULL;
	overdue_fini(ch);
	ch->promises.run_count = 0;
	return settle_all(ch, asker);
}

void
channel_free(struct channel *ch)
{
	struct connection *c = ch->connection;

	if (ch->acked_seq > c->close_seq)
		c->close_seq = ch->acked_seq;
	if (ch->letters > c->letters)
		c->letters = ch->letters;
	hold_forget(ch);
	connection_drop_channel(c, ch);
	promises_fini(ch);
	ledger_fini(&ch->ledger);
	names_fini(&ch->tags);
	free((void *)ch->last_queue.p);
	free(ch->cache.queues);
	free(ch);
}

/* --- answers ------------------------------------------------------------------- */

static struct bytes
encode(struct channel *ch, const struct amqp_method *m)
{
	struct writer *w = &ch->server->writer;

	w->n = 0;
	amqp_method_frame(w, ch->number, m);
	return writer_view(w);
}

void
channel_reply(struct channel *ch, const struct amqp_method *m)
{
	promise_reply(ch, encode(ch, m), ch->server->changed_seq);
}

void
channel_send(struct channel *ch, const struct amqp_method *m)
{
	connection_send(ch->connection, ch->number, m);
}

/* --- refusals ------------------------------------------------------------------ */

const char *
named(const char *kind, struct bytes name, const struct vhost *v)
{
	static char texts[4][1100];
	static unsigned next;
	char *text = texts[next++ % 4];

	snprintf(text, sizeof texts[0], "%s '%s' in vhost '%s'", kind,
	    amqp_reply_word(name), amqp_reply_word(v->name));
	return text;
}

int
channel_refuse(struct channel *ch, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ch->text, sizeof ch->text, format, args);
	va_end(args);
	return code;
}

int
channel_may(struct channel *ch, enum verb verb, const char *kind,
    struct bytes name)
{
	struct connection *c = ch->connection;

	if (auth_may(ch->server->auth, c->user, c->vhost->name, verb, name))
		return AMQP_OK;
	if (name.n == 0 && kind[0] == 'e')
		name = BYTES("amq.default");
	return channel_refuse(ch, AMQP_ACCESS_REFUSED,
	    "%s access to %s refused for user '%s'", verb_name(verb),
	    named(kind, name, c->vhost), amqp_reply_word(c->user->name));
}

int
channel_may_key(struct channel *ch, enum verb verb, const struct exchange *x,
    struct bytes key)
{
	const struct connection *c = ch->connection;
	struct bytes name = x->destination.name;

	if (x->type != &type_topic ||
	    topic_right_allows(c->user, c->vhost->name, name, verb, key))
		return AMQP_OK;
	return channel_refuse(ch, AMQP_ACCESS_REFUSED,
	    "%s access to topic '%s' in %s refused for user '%s'",
	    verb_name(verb), amqp_reply_word(key), named("exchange", name, c->vhost),
	    amqp_reply_word(c->user->name));
}

static void
log_refusal(struct channel *ch, int code, const char *text)
{
	struct connection *c = ch->connection;

	log_of(LOG_CHANNEL, LEVEL_ERROR, c->id,
	    "Channel error on connection <0.%u.0> (%s, vhost: '%s', user: "
	    "'%s'), channel %u:\noperation %s caused a channel exception %s: "
	    "%s",
	    c->id, c->name, log_safe(c->vhost->name), log_safe(c->user->name),
	    ch->number, ch->method ? amqp_method_name(ch->method) : "none",
	    amqp_reply_log_text(code), log_safe(bytes_str(text)));
}

void
channel_fail(struct channel *ch, int code, const char *text)
{
	char buffer[AMQP_REPLY_SIZE];
	struct bytes full;
	struct amqp_method close = {AMQP_channel_close};
	bool closes;

	if (amqp_reply_closes_connection(code)) {
		connection_fail(
		    ch->connection, code, text, ch->method, ch->number);
		return;
	}
	log_refusal(ch, code, text);
	full = amqp_reply_print(buffer, code, text);
	ch->closing = true;
	ch->server->changed_seq = 0;
	closes = hold_fail(ch);
	channel_end(ch, NULL);
	close.channel_close = (struct amqp_channel_close){(uint16_t)code,
	    full, (uint16_t)(ch->method >> 16),
	    (uint16_t)ch->method};
	promise_reply(ch, encode(ch, &close), 0);
	if (closes)
		promise_reply(ch,
		    encode(ch, &(struct amqp_method){AMQP_channel_close_ok}),
		    0);
}

/* --- the class channel ------------------------------------------------------------ */

int
on_channel_open(struct channel *ch, const struct amqp_method *m)
{
	return channel_refuse(
	    ch, AMQP_CHANNEL_ERROR, "second 'channel.open' seen");
}

int
on_channel_flow(struct channel *ch, const struct amqp_method *m)
{
	if (!m->channel_flow.active)
		return channel_refuse(
		    ch, AMQP_NOT_IMPLEMENTED, "active=false");
	channel_reply(ch,
	    &(struct amqp_method){
		AMQP_channel_flow_ok, .channel_flow_ok = {true}});
	return AMQP_OK;
}

bool
channel_settled(struct channel *ch)
{
	struct server *s = ch->server;

	if (ch->letters == 0)
		return true;
	if (!deadletter_carry(s, ch->letters, &s->budget)) {
		connection_park(ch->connection, false);
		return false;
	}
	ch->letters = 0;
	ch->acked_seq = s->journal.seq;
	return true;
}

/* The peer ends it. What it acknowledged, and what came back where that counts,
 * must be safe before it hears ok. */
int
on_channel_close(struct channel *ch, const struct amqp_method *m)
{
	if (!channel_end(ch, ch->connection) || !channel_settled(ch))
		return CHANNEL_WAIT;
	ch->ended = true;
	promise_reply(ch,
	    encode(ch, &(struct amqp_method){AMQP_channel_close_ok}),
	    ch->acked_seq);
	if (!promises_wait(&ch->promises))
		channel_free(ch);
	return AMQP_OK;
}

int
on_access_request(struct channel *ch, const struct amqp_method *m)
{
	channel_reply(ch,
	    &(struct amqp_method){
		AMQP_access_request_ok, .access_request_ok = {1}});
	return AMQP_OK;
}

/* --- dispatch ----------------------------------------------------------------------- */

static int
dispatch(struct channel *ch, const struct amqp_method *m)
{
	switch (m->id) {
	case AMQP_channel_open: return on_channel_open(ch, m);
	case AMQP_channel_flow: return on_channel_flow(ch, m);
	case AMQP_channel_close: return on_channel_close(ch, m);
	case AMQP_access_request: return on_access_request(ch, m);
	case AMQP_exchange_declare: return on_exchange_declare(ch, m);
	case AMQP_exchange_delete: return on_exchange_delete(ch, m);
	case AMQP_exchange_bind: return on_exchange_bind(ch, m);
	case AMQP_exchange_unbind: return on_exchange_unbind(ch, m);
	case AMQP_queue_declare: return on_queue_declare(ch, m);
	case AMQP_queue_bind: return on_queue_bind(ch, m);
	case AMQP_queue_purge: return on_queue_purge(ch, m);
	case AMQP_queue_delete: return on_queue_delete(ch, m);
	case AMQP_queue_unbind: return on_queue_unbind(ch, m);
	case AMQP_basic_qos: return on_basic_qos(ch, m);
	case AMQP_basic_consume: return on_basic_consume(ch, m);
	case AMQP_basic_cancel: return on_basic_cancel(ch, m);
	case AMQP_basic_cancel_ok: return AMQP_OK; /* some clients send it */
	case AMQP_basic_get: return on_basic_get(ch, m);
	case AMQP_basic_ack: return on_basic_ack(ch, m);
	case AMQP_basic_reject: return on_basic_reject(ch, m);
	case AMQP_basic_recover: return on_basic_recover(ch, m);
	case AMQP_basic_recover_async: return on_basic_recover_async(ch, m);
	case AMQP_basic_nack: return on_basic_nack(ch, m);
	case AMQP_confirm_select: return on_confirm_select(ch, m);
	case AMQP_tx_select: return on_tx_select(ch, m);
	case AMQP_tx_commit: return on_tx_commit(ch, m);
	case AMQP_tx_rollback: return on_tx_rollback(ch, m);
	default:
		return channel_refuse(ch, AMQP_COMMAND_INVALID,
		    "unimplemented method");
	}
}

/* A method where content was due. One that passes what is held need not mind: its
 * place is behind the content. */
static int
check_content_order(struct channel *ch)
{
	if (ch->hold != NULL && !ch->hold->busy)
		return AMQP_OK;
	switch (ch->publication.state) {
	case PUBLICATION_HEADER:
		return channel_refuse(ch, AMQP_UNEXPECTED_FRAME,
		    "expected content header for class 60, got non content "
		    "header frame instead");
	case PUBLICATION_BODY:
		return channel_refuse(ch, AMQP_UNEXPECTED_FRAME,
		    "expected content body, got non content body frame "
		    "instead");
	default:
		return AMQP_OK;
	}
}

/* After we sent close: only its answer counts, or the peer's own close. */
static void
closing_method(struct channel *ch, const struct amqp_method *m)
{
	if (m->id == AMQP_channel_close) /* behind what still waits */
		promise_reply(ch,
		    encode(ch, &(struct amqp_method){AMQP_channel_close_ok}),
		    0);
	else if (m->id == AMQP_channel_close_ok)
		channel_free(ch);
}

bool
channel_method(struct channel *ch, const struct amqp_method *m)
{
	int code;

	if (ch->ended)
		return true;
	if (ch->closing) {
		closing_method(ch, m);
		return true;
	}
	ch->server->changed_seq = 0;
	code = ch->publication.state == PUBLICATION_NONE
		   ? AMQP_OK
		   : check_content_order(ch);
	if (code == AMQP_OK) {
		ch->method = m->id;
		code = dispatch(ch, m);
	}
	if (code == CHANNEL_WAIT)
		return false;
	if (code != AMQP_OK)
		channel_fail(ch, code, ch->text);
	return true;
}

void
channel_publish(struct channel *ch, const struct amqp_basic_publish *m,
    struct bytes header, struct bytes body)
{
	int code;

	ch->method = AMQP_basic_publish;
	code = publication_whole(ch, m, header, body);
	if (code != AMQP_OK)
		channel_fail(ch, code, ch->text);
}

static int
content(struct channel *ch, uint8_t type, struct bytes payload)
{
	switch (ch->publication.state) {
	case PUBLICATION_NONE:
		ch->method = 0;
		return channel_refuse(ch, AMQP_UNEXPECTED_FRAME,
		    "expected method frame, got non method frame instead");
	case PUBLICATION_HEADER:
		ch->method = AMQP_basic_publish; /* others may have passed */
		if (type == FRAME_HEADER)
			return publication_header(ch, payload);
		break;
	case PUBLICATION_BODY:
		ch->method = AMQP_basic_publish;
		if (type == FRAME_BODY)
			return publication_body(ch, payload);
		break;
	}
	return check_content_order(ch);
}

void
channel_content(struct channel *ch, uint8_t type, struct bytes payload)
{
	int code;

	if (ch->ended || ch->closing)
		return;
	code = content(ch, type, payload);
	if (code != AMQP_OK)
		channel_fail(ch, code, ch->text);
}
