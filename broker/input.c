/* input.c - takes a connection's input apart: methods and content to their
 * channels. */
#include <stdio.h>

#include "broker/auth.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/folder.h"
#include "broker/pattern.h"
#include "broker/server.h"
#include "exchanges/quote.h"

enum { CHOKE = 4 * 1024 * 1024 }; /* answers nobody reads: read no more */

static void
fail_decode(struct connection *c, enum amqp_decode status, uint32_t id,
    struct bytes payload, uint16_t channel)
{
	char text[256];
	size_t n;

	switch (status) {
	case AMQP_DECODE_UNKNOWN:
		connection_fail(c, AMQP_COMMAND_INVALID,
		    "unimplemented method", id, channel);
		return;
	case AMQP_DECODE_TABLE:
		connection_fail(
		    c, AMQP_SYNTAX_ERROR, "malformed table", id, channel);
		return;
	case AMQP_DECODE_UTF8:
		connection_fail(c, AMQP_FRAME_ERROR,
		    "Malformed UTF-8 in shortstr", 0, channel);
		return;
	default:
		break;
	}
	n = (size_t)snprintf(text, sizeof text, "cannot decode <<");
	for (size_t i = 4; i < payload.n && n < sizeof text - 8; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%u",
		    i > 4 ? "," : "", payload.p[i]);
	snprintf(text + n, sizeof text - n, ">>");
	connection_fail(c, AMQP_FRAME_ERROR, text, id, channel);
}

/* A frame that has no place here, or is none for the reason named; RabbitMQ
 * shows what it got. */
static void
fail_frame(struct connection *c, const struct amqp_frame *f, int code,
    const char *reason)
{
	struct bytes shown = f->payload;
	struct writer w = {0};
	char text[512];

	if (shown.n > 16)
		shown.n = 16;
	quote_value(&w, &(struct amqp_value){.tag = 'S', .bytes = shown});
	snprintf(text, sizeof text, "type %u, %s octets = %.*s%s%s", f->type,
	    f->payload.n <= 16 ? "all" : "first 16",
	    BYTES_FMT(writer_view(&w)), reason[0] ? ": " : "", reason);
	writer_fini(&w);
	connection_fail(c, code, text, 0, f->channel);
}

static void
fail_oversize(struct connection *c, struct amqp_frame *f)
{
	char reason[100];

	f->payload = (struct bytes){NULL, 0};
	snprintf(reason, sizeof reason, "{frame_too_large,%u,%u}", f->size,
	    c->frame_max - FRAME_OVERHEAD);
	fail_frame(c, f, AMQP_FRAME_ERROR, reason);
}

static void
fail_end(struct connection *c, const struct amqp_frame *f)
{
	char reason[100];

	snprintf(reason, sizeof reason, "{invalid_frame_end_marker,%u}",
	    f->payload.p[f->size]);
	fail_frame(c, f, AMQP_FRAME_ERROR, reason);
}

/* A method on channel 0. */
static void
connection_method(struct connection *c, const struct amqp_method *m)
{
	if (m->id == AMQP_connection_close_ok &&
	    c->state == CONNECTION_CLOSING) {
		connection_kill(c);
	} else if (m->id == AMQP_connection_close &&
	    c->state == CONNECTION_CLOSING) {
		connection_enter(c, CONNECTION_CLOSED);
		connection_leave(c);
	} else if (c->state >= CONNECTION_CLOSING) {
		return;
	} else if (m->id == AMQP_connection_close &&
	    c->state >= CONNECTION_OPEN) {
		connection_closed_by_peer(c);
	} else if (c->state < CONNECTION_RUNNING) {
		connection_handshake(c, m);
	} else if (m->id == AMQP_connection_update_secret) {
		connection_send(c, 0,
		    &(struct amqp_method){AMQP_connection_update_secret_ok});
	} else {
		connection_unexpected(c, m->id);
	}
}

/* A method that may come, but not now. */
void
connection_unexpected(struct connection *c, uint32_t method)
{
	char text[100];

	snprintf(text, sizeof text,
	    "unexpected method in connection state %s",
	    connection_state_name(c));
	connection_fail(c, AMQP_CHANNEL_ERROR, text, method, 0);
}

/* One more on this connection, of this user, on this node? If not, why. */
static bool
may_open(const struct connection *c, char *text, size_t size)
{
	const struct user *u = c->user;
	int64_t most = c->server->config->channel_max_per_node;

	if (c->channel_max != 0 && c->channel_count >= c->channel_max)
		snprintf(text, size,
		    "number of channels opened (%zu) has reached the "
		    "negotiated channel_max (%u)",
		    c->channel_count, c->channel_max);
	else if (u->max_channels >= 0 && u->channels >= u->max_channels)
		snprintf(text, size,
		    "number of channels opened for user '%s' has reached "
		    "the maximum allowed user limit of (%lld)",
		    amqp_reply_word(u->name), (long long)u->max_channels);
	else if (c->server->channel_count >= most)
		snprintf(text, size,
		    "number of channels opened for node '%s' has reached the "
		    "maximum allowed limit of (%lld)",
		    node_name(), (long long)most);
	else
		return true;
	return false;
}

static struct channel *
open_channel(struct connection *c, const struct amqp_method *m, uint16_t number)
{
	struct channel *ch;
	char text[400];

	if (m->id != AMQP_channel_open) {
		connection_fail(c, AMQP_CHANNEL_ERROR,
		    "expected 'channel.open'", m->id, number);
		return NULL;
	}
	if (!may_open(c, text, sizeof text)) {
		connection_fail(c, AMQP_NOT_ALLOWED, text, 0, number);
		return NULL;
	}
	ch = channel_new(c, number);
	channel_send(ch, &(struct amqp_method){AMQP_channel_open_ok});
	return ch;
}

/* False: to be taken again later. */
static bool
take_method(struct connection *c, const struct amqp_frame *f)
{
	struct amqp_method m;
	enum amqp_decode status;
	struct channel *ch;

	status = amqp_method_decode(f->payload, &m);
	if (status != AMQP_DECODED) {
		fail_decode(c, status, m.id, f->payload, f->channel);
		return true;
	}
	if (f->channel == 0) {
		connection_method(c, &m);
		return true;
	}
	if (c->state != CONNECTION_RUNNING) {
		if (c->state < CONNECTION_RUNNING)
			fail_frame(c, f, AMQP_UNEXPECTED_FRAME, "");
		return true;
	}
	ch = connection_channel(c, f->channel);
	if (ch == NULL) {
		open_channel(c, &m, f->channel);
		return true;
	}
	c->last_channel = ch;
	if (m.id != AMQP_basic_publish || ch->closing || ch->ended)
		return channel_method(ch, &m);
	if (ch->publication.state != PUBLICATION_NONE)
		return channel_method(ch, &m);
	publication_begin(ch, &m.basic_publish);
	return true;
}

static void
take_content(struct connection *c, const struct amqp_frame *f)
{
	struct channel *ch = connection_channel(c, f->channel);

	if (c->state < CONNECTION_RUNNING || f->channel == 0)
		fail_frame(c, f, AMQP_UNEXPECTED_FRAME, "");
	else if (c->state > CONNECTION_RUNNING)
		return;
	else if (ch == NULL)
		connection_fail(c, AMQP_UNEXPECTED_FRAME,
		    "expected method frame, got non method frame instead", 0,
		    f->channel);
	else
		channel_content(ch, f->type, f->payload);
}

/* Large enough for what every frame of its type begins with? */
static bool
is_frame(const struct amqp_frame *f)
{
	switch (f->type) {
	case FRAME_METHOD: return f->size >= 4;
	case FRAME_HEADER: return f->size >= FRAME_CONTENT_HEADER;
	case FRAME_BODY: return true;
	case FRAME_HEARTBEAT: return f->size == 0;
	default: return false;
	}
}

static bool
take_frame(struct connection *c, const struct amqp_frame *f)
{
	if (!is_frame(f))
		fail_frame(c, f, AMQP_FRAME_ERROR, "unknown_frame");
	else if (f->type == FRAME_METHOD)
		return take_method(c, f);
	else if (f->type != FRAME_HEARTBEAT)
		take_content(c, f);
	else if (f->channel != 0)
		fail_frame(c, f, AMQP_UNEXPECTED_FRAME, "");
	return true;
}

/* A publication whose frames all lie in the input: most do. Returns how much it
 * took, or 0 if it is not such a one. */
static size_t
take_publication(
    struct connection *c, const struct amqp_frame *first, struct bytes in)
{
	struct channel *ch = connection_channel(c, first->channel);
	struct amqp_frame header, body = {0};
	struct amqp_method m;
	size_t used = first->size + FRAME_OVERHEAD;
	uint64_t size;

	if (ch == NULL || ch->closing || ch->ended ||
	    ch->publication.state != PUBLICATION_NONE)
		return 0;
	if (amqp_frame_peek((struct bytes){in.p + used, in.n - used},
		c->frame_max, &header) != FRAME_COMPLETE ||
	    header.type != FRAME_HEADER || header.channel != first->channel ||
	    header.size < FRAME_CONTENT_HEADER)
		return 0;
	used += header.size + FRAME_OVERHEAD;
	size = get_u64(header.payload.p + 4);
	if (size > 0) {
		if (amqp_frame_peek((struct bytes){in.p + used, in.n - used},
			c->frame_max, &body) != FRAME_COMPLETE ||
		    body.type != FRAME_BODY || body.size != size ||
		    body.channel != first->channel)
			return 0;
		used += body.size + FRAME_OVERHEAD;
	}
	if (amqp_method_decode(first->payload, &m) != AMQP_DECODED)
		return 0;
	c->last_channel = ch;
	channel_publish(ch, &m.basic_publish, header.payload, body.payload);
	return used;
}

static bool
is_publish(const struct amqp_frame *f)
{
	return f->type == FRAME_METHOD && f->size >= 4 &&
	    get_u32(f->payload.p) == AMQP_basic_publish;
}

/* While publishers must wait, or some have: false if the frame must too. *used
 * tells how much of it was set aside, all or nothing. */
static bool
may_go_on(struct connection *c, const struct amqp_frame *f, struct bytes in,
    size_t *used)
{
	enum hold_verdict verdict = hold_frame(c, f, in);

	*used = verdict == HOLD_TAKEN ? f->size + FRAME_OVERHEAD : 0;
	if (verdict == HOLD_FULL)
		connection_park(c, true);
	return verdict == HOLD_NOT;
}

/* Takes what stands first. Returns how much, or 0 if it must wait. */
static size_t
take(struct connection *c, struct bytes in)
{
	struct amqp_frame f;
	size_t used;

	switch (amqp_frame_peek(in, c->frame_max, &f)) {
	case FRAME_PARTIAL:
		return 0;
	case FRAME_TOO_LARGE:
		fail_oversize(c, &f);
		return in.n;
	case FRAME_BAD_END:
		fail_end(c, &f);
		return in.n;
	case FRAME_COMPLETE:
		break;
	}
	if (c->server->pressure.on && c->state == CONNECTION_RUNNING &&
	    !may_go_on(c, &f, in, &used))
		return used;
	if (is_publish(&f) && c->state == CONNECTION_RUNNING) {
		if (server_behind(c->server)) {
			connection_park(c, true);
			return 0;
		}
		if ((used = take_publication(c, &f, in)) > 0)
			return used;
	}
	return take_frame(c, &f) ? f.size + FRAME_OVERHEAD : 0;
}

/* Whether more of the input may be taken now. */
static bool
may_take(struct connection *c)
{
	if (c->suspended || c->parked > PARKED_PUBLISHES ||
	    c->state == CONNECTION_DEAD)
		return false;
	if (c->transport.pending - c->transport.lent + c->owed > CHOKE) {
		c->choked = true;
		transport_pause(&c->transport);
		return false;
	}
	if (!pattern_spend(&c->server->budget)) {
		connection_park(c, false);
		return false;
	}
	c->server->budget--;
	return true;
}

/* Takes as much as may be taken now, from used on. Returns up to where. */
static size_t
take_all(struct connection *c, struct bytes in, size_t used)
{
	size_t n;

	while (used < in.n && may_take(c)) {
		n = take(c, (struct bytes){in.p + used, in.n - used});
		if (n == 0)
			break;
		used += n;
	}
	return used;
}

/* Once its channel is gone the rest is finished in any case: what comes now for
 * a channel of that number could not be told to wait behind it. */
bool
connection_catch_up(struct connection *c)
{
	struct hold *h;

	while (c->state < CONNECTION_CLOSED &&
	    (h = TAILQ_FIRST(&c->holds)) != NULL) {
		if (h->channel != NULL && server_pressed(c->server)) {
			connection_park_publishes(c);
			return true;
		}
		if (!hold_end(h, take_all(c, hold_begin(h), 0)))
			return false;
	}
	return c->state != CONNECTION_DEAD && c->parked == NOT_PARKED &&
	    !c->suspended;
}

size_t
connection_input(void *arg, struct bytes in)
{
	struct connection *c = arg;
	size_t used = 0;

	server_tick_again(c->server);
	if (c->state == CONNECTION_CLOSED)
		return in.n;
	if (c->state < CONNECTION_RUNNING &&
	    c->transport.bytes_in > c->server->config->handshake_bytes) {
		connection_refuse(c, "too much was sent before login");
		return in.n;
	}
	if (c->state == CONNECTION_HEADER)
		used = connection_start(c, in);
	if (c->state != CONNECTION_HEADER)
		used = take_all(c, in, used);
	return c->state >= CONNECTION_CLOSED ? in.n : used;
}
