/* hold.c - what a channel says behind a publication that must wait. */
#include "broker/hold.h"

#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/look.h"
#include "broker/queue.h"
#include "broker/server.h"

enum {
	CONNECTION_ROOM = 256 * 1024,  /* bytes held for one connection */
	ALL_ROOM = 32 * 1024 * 1024, /* for all of them */
	FRAMES_MIN = 1024,
};

/* --- life -------------------------------------------------------------------- */

/* An alarm may come in the middle of a content: the rest of it is held. */
static struct hold *
begin(struct channel *ch)
{
	const struct publication *p = &ch->publication;
	struct hold *h = xcalloc(1, sizeof *h);

	h->connection = ch->connection;
	h->channel = ch;
	if (p->state == PUBLICATION_HEADER)
		h->due = DUE_HEADER;
	if (p->state == PUBLICATION_BODY) {
		h->due = DUE_BODY;
		h->body_left = p->announced - p->received;
	}
	ch->hold = h;
	TAILQ_INSERT_TAIL(&ch->connection->holds, h, link);
	return h;
}

void
hold_free(struct hold *h)
{
	struct connection *c = h->connection;

	if (h->channel != NULL)
		h->channel->hold = NULL;
	TAILQ_REMOVE(&c->holds, h, link);
	c->held -= h->n;
	c->server->pressure.held -= h->n;
	free(h->frames);
	free(h);
}

bool
hold_fail(struct channel *ch)
{
	struct hold *h = ch->hold;
	bool closes = h != NULL && !h->busy && h->closes;

	if (h != NULL && !h->busy) /* else the rest is ignored one by one */
		hold_free(h);
	return closes;
}

void
hold_forget(struct channel *ch)
{
	struct hold *h = ch->hold;

	if (h != NULL && h->busy) {
		h->channel = NULL;
		ch->hold = NULL;
	} else if (h != NULL) {
		hold_free(h);
	}
}

/* --- what may pass ---------------------------------------------------------------- */

static bool
made(const struct channel *ch, uint64_t tag)
{
	return ledger_find((struct ledger *)&ch->ledger, tag) != NULL;
}

/* Tag 0 means all, those too that a get in front of it will bring. */
static bool
settles(const struct channel *ch, uint64_t tag, bool multiple)
{
	enum hold_level level = ch->hold->level;

	if (ch->tx != NULL || level == HOLD_ALL)
		return false;
	return tag == 0 ? multiple && level == HOLD_PUBLISHES : made(ch, tag);
}

/* An empty queue's get waits: for what is held, perhaps. */
static bool
gets(struct channel *ch, struct bytes queue)
{
	struct bytes name;
	struct queue *q;

	return look_name(ch, queue, &name) == AMQP_OK &&
	    channel_may(ch, VERB_READ, "queue", name) == AMQP_OK &&
	    look_queue(ch, name, &q) == AMQP_OK && lanes_ready(&q->lanes) > 0;
}

static bool
may_pass(struct channel *ch, const struct amqp_method *m)
{
	bool first = ch->hold->level == HOLD_PUBLISHES;

	if (ch->hold->due != DUE_METHOD)
		return false; /* it is out of place: told when it is its turn */
	switch (m->id) {
	case AMQP_basic_ack:
		return settles(
		    ch, m->basic_ack.delivery_tag, m->basic_ack.multiple);
	case AMQP_basic_nack:
		return settles(
		    ch, m->basic_nack.delivery_tag, m->basic_nack.multiple);
	case AMQP_basic_reject:
		return settles(ch, m->basic_reject.delivery_tag, false);
	case AMQP_basic_cancel:
		return first;
	case AMQP_basic_recover:
		return first && ch->tx == NULL && m->basic_recover.requeue;
	case AMQP_basic_recover_async:
		return first && ch->tx == NULL &&
		    m->basic_recover_async.requeue;
	case AMQP_basic_get:
		return first && gets(ch, m->basic_get.queue);
	default:
		return false;
	}
}

/* --- holding ----------------------------------------------------------------------- */

static void
raise_level(struct hold *h, enum hold_level level)
{
	if (h->level < level)
		h->level = level;
}

static void
note_method(struct hold *h, bool decoded, uint32_t id)
{
	if (!decoded || h->due != DUE_METHOD || id == AMQP_tx_select ||
	    id == AMQP_basic_recover || id == AMQP_basic_recover_async)
		raise_level(h, HOLD_ALL);
	else if (id == AMQP_basic_publish)
		h->due = DUE_HEADER;
	else
		raise_level(h, HOLD_METHODS);
	h->closes |= decoded && id == AMQP_channel_close;
}

/* What does not fit together fails in its turn, and until then nothing passes. */
static void
note_content(struct hold *h, const struct amqp_frame *f)
{
	if (f->type == FRAME_HEADER && h->due == DUE_HEADER &&
	    f->size >= FRAME_CONTENT_HEADER) {
		h->body_left = get_u64(f->payload.p + 4);
	} else if (f->type == FRAME_BODY && h->due == DUE_BODY &&
	    f->size <= h->body_left) {
		h->body_left -= f->size;
	} else {
		raise_level(h, HOLD_ALL);
		return;
	}
	h->due = h->body_left > 0 ? DUE_BODY : DUE_METHOD;
}

static void
append(struct hold *h, struct bytes frame)
{
	while (h->room - h->n < frame.n) {
		h->room = h->room ? h->room * 2 : FRAMES_MIN;
		h->frames = xrealloc(h->frames, h->room);
	}
	put_bytes(h->frames + h->n, frame);
	h->n += frame.n;
	h->connection->held += frame.n;
	h->connection->server->pressure.held += frame.n;
}

/* Does this frame have to wait, though nothing waits on its channel yet? */
static bool
begins(const struct channel *ch, const struct amqp_frame *f, uint32_t id)
{
	if (ch->server->pressure.alarms == 0)
		return false;
	return f->type == FRAME_METHOD
	    ? id == AMQP_basic_publish &&
		ch->publication.state == PUBLICATION_NONE
	    : ch->publication.state != PUBLICATION_NONE;
}

static enum hold_verdict
keep(struct channel *ch, const struct amqp_frame *f, struct bytes in,
    const struct amqp_method *m)
{
	struct connection *c = ch->connection;
	size_t size = f->size + FRAME_OVERHEAD;

	if (c->server->pressure.alarms != 0)
		connection_block(c, pressure_reason(&c->server->pressure));
	if (c->held + size > CONNECTION_ROOM ||
	    c->server->pressure.held + size > ALL_ROOM)
		return HOLD_FULL;
	if (ch->hold == NULL)
		begin(ch);
	append(ch->hold, (struct bytes){in.p, size});
	if (f->type == FRAME_METHOD)
		note_method(ch->hold, m != NULL, m != NULL ? m->id : 0);
	else
		note_content(ch->hold, f);
	connection_park_publishes(c);
	return HOLD_TAKEN;
}

/* On channel 0 only the end waits, for what its channels hold. */
static enum hold_verdict
of_connection(struct connection *c, const struct amqp_frame *f)
{
	if (f->type == FRAME_METHOD && f->size >= 4 &&
	    get_u32(f->payload.p) == AMQP_connection_close &&
	    !TAILQ_EMPTY(&c->holds))
		return HOLD_FULL;
	return HOLD_NOT;
}

enum hold_verdict
hold_frame(
    struct connection *c, const struct amqp_frame *f, struct bytes in)
{
	struct channel *ch = connection_channel(c, f->channel);
	const struct hold *first = TAILQ_FIRST(&c->holds);
	struct amqp_method m = {0};
	bool decoded = f->type == FRAME_METHOD &&
	    amqp_method_decode(f->payload, &m) == AMQP_DECODED;

	if (first != NULL && first->busy)
		return HOLD_NOT; /* it is one of those */
	if (f->channel == 0)
		return of_connection(c, f);
	if (ch == NULL || ch->closing || ch->ended ||
	    f->type == FRAME_HEARTBEAT)
		return HOLD_NOT;
	if (ch->hold == NULL ? !begins(ch, f, m.id)
			     : decoded && may_pass(ch, &m))
		return HOLD_NOT;
	return keep(ch, f, in, decoded ? &m : NULL);
}

/* --- going on ------------------------------------------------------------------------ */

struct bytes
hold_begin(struct hold *h)
{
	h->busy = true;
	return (struct bytes){h->frames + h->at, h->n - h->at};
}

bool
hold_end(struct hold *h, size_t used)
{
	h->busy = false;
	h->at += used;
	if (h->at < h->n)
		return false;
	hold_free(h);
	return true;
}
