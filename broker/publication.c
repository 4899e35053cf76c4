/* publication.c - method, header and bodies become one message, then routed,
 * enqueued, promised. */
#include "broker/publication.h"

#include "amqp/frame.h"
#include "amqp/props.h"
#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/deliver.h"
#include "broker/envelope.h"
#include "broker/keep.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/tx.h"
#include "broker/vhost.h"
#include "exchanges/quote.h"

enum {
	CLASS_BASIC = 60,
	/* Bodies up to here are allocated at once; larger ones grow with what
	 * has come. */
	BODY_AT_ONCE = 64 * 1024,
	PERSISTENT = 2,
	SPREAD = 2048, /* queues that are given a message at once */
	/* A publisher whose queue has grown to AHEAD entries although somebody
	 * consumes is read less at once, so that the consumer's turns come
	 * round sooner. */
	AHEAD = 4096,
	READ_AHEAD = 8 * 1024,
};

/* One content on its way: names borrowed, message owned. */
struct content {
	struct bytes exchange, key;
	bool mandatory, immediate;
	struct message *message;
	struct amqp_props props;
	bool refused; /* a queue was full, or a peer that wants replies */
	int64_t expires_in; /* milliseconds; -1: never */
};

/* --- where it goes ----------------------------------------------------------- */

static bool
cache_hit(const struct channel *ch, const struct content *p)
{
	const struct route_cache *c = &ch->cache;

	return c->generation == ch->server->generation &&
	    c->exchange_size == p->exchange.n && c->key_size == p->key.n &&
	    memcmp(c->names, p->exchange.p, p->exchange.n) == 0 &&
	    memcmp(c->names + p->exchange.n, p->key.p, p->key.n) == 0;
}

static void
cache_fill(
    struct channel *ch, const struct content *p, const struct route *route)
{
	struct route_cache *c = &ch->cache;

	c->generation = ch->server->generation;
	c->exchange_size = (uint8_t)p->exchange.n;
	c->key_size = (uint8_t)p->key.n;
	put_bytes(put_bytes(c->names, p->exchange), p->key);
	if (c->room < route->count) {
		c->room = route->count;
		c->queues =
		    xrealloc(c->queues, c->room * sizeof *c->queues);
	}
	c->kept = route->keeper_count > 0;
	c->held_back = route->held_back;
	c->count = route->count;
	c->detour = ch->tx != NULL || c->kept || c->count > SPREAD;
	for (size_t i = 0; i < route->count; i++)
		c->queues[i] = (struct queue *)route->queues[i];
}

/* The checks of basic.publish, in RabbitMQ's order: rights before existence. */
static int
check_exchange(struct channel *ch, const struct content *p, struct exchange **x)
{
	struct vhost *v = ch->connection->vhost;
	int code = channel_may(ch, VERB_WRITE, "exchange", p->exchange);

	if (code != AMQP_OK)
		return code;
	*x = vhost_exchange(v, p->exchange);
	if (*x == NULL)
		return channel_refuse(ch, AMQP_NOT_FOUND, "no %s",
		    named("exchange", p->exchange, v));
	if ((*x)->internal)
		return channel_refuse(ch, AMQP_ACCESS_REFUSED,
		    "cannot publish to internal %s",
		    named("exchange", p->exchange, v));
	return channel_may_key(ch, VERB_WRITE, *x, p->key);
}

/* --- what can be wrong with it --------------------------------------------------- */

/* As Erlang shows a list of characters: those that cannot be printed make it one
 * of numbers. */
static int
refuse_leftover(struct channel *ch, struct bytes e, size_t from)
{
	struct bytes left = {e.p + from, e.n - from};
	struct writer w = {0};
	bool text;

	quote_value(&w, &(struct amqp_value){.tag = 'S', .bytes = left});
	left = writer_view(&w); /* <<"x">> or <<1,2>> */
	left = (struct bytes){left.p + 2, left.n - 4};
	text = left.p[0] == '"';
	channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "invalid expiration '%s': {leftover_string,%s%.*s%s}",
	    amqp_reply_word(e), text ? "" : "[", BYTES_FMT(left),
	    text ? "" : "]");
	writer_fini(&w);
	return AMQP_PRECONDITION_FAILED;
}

static bool
is_digit(struct bytes b, size_t i)
{
	return i < b.n && b.p[i] >= '0' && b.p[i] <= '9';
}

/* A sign may stand in front, and zeroes. */
static int
check_expiration(struct channel *ch, struct bytes e, int64_t *expires_in)
{
	const uint64_t most = 315360000000; /* ten years */
	bool negative = e.n > 0 && e.p[0] == '-';
	size_t first = negative || (e.n > 0 && e.p[0] == '+'), i;
	uint64_t n = 0;

	if (!is_digit(e, first))
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "invalid expiration '%s': no_integer", amqp_reply_word(e));
	while (e.p[first] == '0' && is_digit(e, first + 1))
		first++;
	for (i = first; is_digit(e, i); i++)
		n = n > most ? n : n * 10 + (e.p[i] - '0');
	if (i < e.n)
		return refuse_leftover(ch, e, i);
	if (n > most || (negative && n > 0))
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "invalid expiration '%s': {value_%s%.*s}",
		    amqp_reply_word(e), negative ? "negative,-" : "too_large,",
		    (int)(i - first), (const char *)e.p + first);
	*expires_in = (int64_t)n;
	return AMQP_OK;
}

/* May publish in the name of others? */
static bool
is_impersonator(const struct user *u)
{
	static const char word[] = "impersonator";
	const char *p = u->tags;

	while ((p = strstr(p, word)) != NULL) {
		char before = p == u->tags ? ',' : p[-1];
		char after = *(p += sizeof word - 1);

		if (before == ',' && (after == ',' || after == 0))
			return true;
	}
	return false;
}

static int
check_user_id(struct channel *ch, struct bytes id)
{
	struct bytes user = ch->connection->user->name;

	if (bytes_eq(id, user) || is_impersonator(ch->connection->user))
		return AMQP_OK;
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "user_id property set to '%s' but authenticated user was '%s'",
	    amqp_reply_word(id), amqp_reply_word(user));
}

static int
check_delivery_mode(struct channel *ch, uint8_t mode)
{
	if (mode == 1 || mode == PERSISTENT)
		return AMQP_OK;
	return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
	    "invalid message: {delivery_mode_unknown,%u}", mode);
}

/* In RabbitMQ's order. */
static int
check_props(struct channel *ch, struct content *c)
{
	const struct amqp_props *p = &c->props;
	int code = AMQP_OK;

	c->expires_in = -1;
	if (p->flags == 0)
		return AMQP_OK;
	if (p->flags & PROP_REPLY_TO)
		code = envelope_check_reply_to(ch, p);
	if (code == AMQP_OK && (p->flags & PROP_USER_ID))
		code = check_user_id(ch, p->user_id);
	if (code == AMQP_OK && (p->flags & PROP_EXPIRATION))
		code = check_expiration(ch, p->expiration, &c->expires_in);
	if (code == AMQP_OK && (p->flags & PROP_COPIED))
		code = envelope_check_copies(ch, p);
	if (code == AMQP_OK && (p->flags & PROP_DELIVERY_MODE))
		code = check_delivery_mode(ch, p->delivery_mode);
	return code;
}

/* --- publish --------------------------------------------------------------------- */

/* Where the last one went, or the exchange that must be asked. A message with
 * keys of its own does not go where the last one went. */
static int
look_up(struct channel *ch, const struct content *p, struct exchange **x)
{
	*x = NULL;
	if (!(p->props.flags & PROP_COPIED) && cache_hit(ch, p))
		return AMQP_OK;
	return check_exchange(ch, p, x);
}

/* A reply is delivered at once, even within a transaction, as in RabbitMQ; unlike
 * there it does not come back as well if it is mandatory. */
static void
reply(struct channel *ch, struct content *p, const struct routing *routing)
{
	unsigned what = replyto_send(ch->server, routing, p->message);

	if (what & REPLYTO_NAMED)
		ch->cache.generation = 0;
	if (what & REPLYTO_DELIVERED)
		p->mandatory = false;
	if (what & REPLYTO_DROPPED)
		p->refused = true;
}

static void
trace(struct channel *ch, const struct content *p,
    const struct routing *routing)
{
	ch->cache.generation = 0; /* the next one comes by here as well */
	trace_published(
	    ch, p->message, &p->props, routing, &ch->server->route);
	traces_enter(ch->server);
}

static void
find_way(struct channel *ch, struct content *p, struct exchange *x)
{
	struct server *s = ch->server;
	struct vhost *v = ch->connection->vhost;
	struct routing routing =
	    envelope_routing(p->message, &p->props, &s->copies);

	route_begin(&s->route);
	route(&s->route, x, &routing, &v->exchanges, &v->queues);
	server_spend(s, s->route.work);
	cache_fill(ch, p, &s->route);
	if (!s->route.by_key_only)
		ch->cache.generation = 0;
	if (x == v->default_exchange)
		reply(ch, p, &routing);
	if (v->traced)
		trace(ch, p, &routing);
}

/* Gives the message to its queues. Returns the batch that holds it, or 0. */
static uint64_t
enqueue(struct channel *ch, struct content *p)
{
	struct server *s = ch->server;
	bool stored = false, ahead = false;
	size_t n = ch->cache.count;
	size_t cost = queue_push_cost(n) + p->message->body_size / 1024;

	for (size_t i = 0; i < n; i++) {
		struct queue *q = ch->cache.queues[i];

		if (queue_refuses(q, p->message)) {
			p->refused = true;
			continue;
		}
		stored |= queue_push(q, p->message, p->expires_in);
		ahead |= q->consumer_count > 0 &&
		    lanes_ready(&q->lanes) > AHEAD;
	}
	ch->connection->transport.read_limit = ahead ? READ_AHEAD : READ_SIZE;
	server_spend(s, cost);
	return stored ? s->journal.seq : 0;
}

/* stored is the batch that has it already, or 0. */
static inline void
give(struct channel *ch, struct content *p, bool nowhere, uint64_t stored)
{
	uint64_t seq;

	if (nowhere && p->mandatory)
		send_return(ch, p->message);
	seq = enqueue(ch, p);
	if (ch->confirming)
		promise_confirm(ch, ++ch->published, stored ? stored : seq,
		    p->refused);
}

/* A transaction has it first, its queues are very many, or exchanges keep it. */
static void
take_detour(struct channel *ch, struct content *p)
{
	const struct route *r = &ch->server->route;
	const struct route_cache *way = &ch->cache;

	if (ch->tx != NULL)
		tx_publish(ch, p->message, p->expires_in, p->mandatory);
	else if (way->count > SPREAD)
		tx_spread(ch, p->message, p->expires_in);
	else
		give(ch, p, way->count == 0 && !way->held_back,
		    keep(r, p->message) ? ch->server->journal.seq : 0);
}

static int
publish(struct channel *ch, struct content *p)
{
	struct exchange *x;
	int code;

	if (p->immediate)
		return channel_refuse(
		    ch, AMQP_NOT_IMPLEMENTED, "immediate=true");
	if ((code = look_up(ch, p, &x)) != AMQP_OK ||
	    (code = check_props(ch, p)) != AMQP_OK)
		return code;
	if (x != NULL)
		find_way(ch, p, x);
	ch->server->stats.published++;
	if (ch->cache.detour)
		take_detour(ch, p);
	else
		give(ch, p, !ch->cache.count, 0);
	return AMQP_OK;
}

/* --- from frames ------------------------------------------------------------------ */

/* Reads a content header; the properties borrow from it. */
static int
read_header(struct channel *ch, struct bytes payload, uint64_t *body_size,
    struct bytes *wire, struct amqp_props *props)
{
	struct reader r = reader_of(payload);
	uint64_t most = ch->server->config->max_message_size;
	uint16_t class_id = reader_u16(&r), weight = reader_u16(&r);

	*body_size = reader_u64(&r);
	*wire = (struct bytes){r.p, reader_left(&r)};
	if (class_id != CLASS_BASIC)
		return channel_refuse(ch, AMQP_UNEXPECTED_FRAME,
		    "expected content header for class %d, got one for class "
		    "%d instead",
		    CLASS_BASIC, class_id);
	if (weight != 0)
		return channel_refuse(ch, AMQP_UNEXPECTED_FRAME,
		    "expected content header for class %d, got non content "
		    "header frame instead",
		    CLASS_BASIC);
	if (!amqp_props_parse(*wire, props)) {
		ch->method = 0; /* as RabbitMQ, which fails outside of it */
		return channel_refuse(ch, AMQP_INTERNAL_ERROR, "%s", "");
	}
	if (*body_size > most)
		return channel_refuse(ch, AMQP_PRECONDITION_FAILED,
		    "message size %llu is larger than configured max size "
		    "%llu",
		    (unsigned long long)*body_size, (unsigned long long)most);
	return AMQP_OK;
}

static int
no_memory(struct channel *ch)
{
	return channel_refuse(ch, AMQP_RESOURCE_ERROR, "out of memory");
}

/* The message without its body, or NULL. */
static inline struct message *
make_message(
    struct channel *ch, struct content *p, struct bytes wire, uint64_t size)
{
	if (envelope_is_plain(ch->server->config, &p->props))
		return message_new(p->exchange, p->key, wire, size);
	return envelope_new(
	    ch, p->exchange, p->key, wire, size, &p->props);
}

int
publication_whole(struct channel *ch, const struct amqp_basic_publish *method,
    struct bytes header, struct bytes body)
{
	struct content p = {method->exchange, method->routing_key,
	    method->mandatory, method->immediate, NULL, {0}};
	struct bytes wire;
	uint64_t size;
	int code = read_header(ch, header, &size, &wire, &p.props);

	if (code != AMQP_OK)
		return code;
	if ((p.message = make_message(ch, &p, wire, body.n)) == NULL)
		return no_memory(ch);
	put_bytes((uint8_t *)message_body(p.message).p, body);
	code = publish(ch, &p);
	message_unref(p.message);
	return code;
}

void
publication_begin(
    struct channel *ch, const struct amqp_basic_publish *method)
{
	struct publication *p = &ch->publication;

	ch->method = AMQP_basic_publish;
	p->state = PUBLICATION_HEADER;
	p->mandatory = method->mandatory;
	p->immediate = method->immediate;
	p->exchange_size = (uint8_t)method->exchange.n;
	p->key_size = (uint8_t)method->routing_key.n;
	put_bytes(
	    put_bytes(p->names, method->exchange), method->routing_key);
}

/* All of it is there. */
static int
complete(struct channel *ch)
{
	struct publication *p = &ch->publication;
	struct content c = {{p->names, p->exchange_size},
	    {p->names + p->exchange_size, p->key_size}, p->mandatory,
	    p->immediate, p->message, {0}};
	int code;

	p->state = PUBLICATION_NONE;
	p->message = NULL;
	envelope_read(c.message, &c.props);
	code = publish(ch, &c);
	message_unref(c.message);
	return code;
}

int
publication_header(struct channel *ch, struct bytes payload)
{
	struct publication *p = &ch->publication;
	struct content c = {{p->names, p->exchange_size},
	    {p->names + p->exchange_size, p->key_size}};
	struct bytes wire;
	int code = read_header(ch, payload, &p->announced, &wire, &c.props);

	if (code != AMQP_OK)
		return code;
	p->room = p->announced < BODY_AT_ONCE ? p->announced : BODY_AT_ONCE;
	if ((p->message = make_message(ch, &c, wire, p->room)) == NULL)
		return no_memory(ch);
	p->received = 0;
	p->state = PUBLICATION_BODY;
	return p->announced == 0 ? complete(ch) : AMQP_OK;
}

/* Twice the room, but never more than announced. */
static bool
make_room(struct publication *p, uint64_t needed)
{
	uint64_t room = p->room * 2 > needed ? p->room * 2 : needed;
	struct message *m;

	if (needed <= p->room)
		return true;
	if (room > p->announced)
		room = p->announced;
	m = message_resize(p->message, room);
	if (m == NULL)
		return false;
	p->message = m;
	p->room = room;
	return true;
}

int
publication_body(struct channel *ch, struct bytes payload)
{
	struct publication *p = &ch->publication;

	if (payload.n > p->announced - p->received)
		return channel_refuse(ch, AMQP_FRAME_ERROR,
		    "content body is longer than announced");
	if (!make_room(p, p->received + payload.n))
		return no_memory(ch);
	put_bytes((uint8_t *)message_body(p->message).p + p->received, payload);
	p->received += payload.n;
	return p->received == p->announced ? complete(ch) : AMQP_OK;
}

void
publication_drop(struct publication *p)
{
	if (p->message != NULL)
		message_unref(p->message);
	p->message = NULL;
	p->state = PUBLICATION_NONE;
}
