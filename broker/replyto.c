/* replyto.c - direct reply-to: answers that reach a channel without a queue. */
#include "broker/replyto.h"

#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/consumer.h"
#include "broker/deliver.h"
#include "broker/log.h"
#include "broker/look.h"
#include "broker/server.h"

/* RabbitMQ lets replies pile up without bound before a peer that does not read.
 * Here what comes on top of this many bytes is dropped, and whoever sent it gets
 * basic.nack if it asked for confirms. */
enum { UNREAD_MAX = 64 * 1024 * 1024 };

struct reply_consumer {
	struct consumer consumer; /* only what deliver needs: channel, tag */
	struct bytes name;	  /* own */
	uint64_t pass;		  /* of the route that reached it last */
	bool dropping;		  /* and it was said */
};

/* --- life --------------------------------------------------------------------- */

void
replyto_new(struct channel *ch, struct bytes tag)
{
	struct reply_consumer *r = xcalloc(1, sizeof *r);
	char name[NAME_SIZE];

	r->consumer.channel = ch;
	r->consumer.tag = xbytesdup(tag);
	r->name = xbytesdup(generate_name(REPLYTO ".", name));
	names_put(&ch->server->reply_consumers, r->name, r);
	ch->replies = r;
}

void
replyto_free(struct channel *ch)
{
	struct reply_consumer *r = ch->replies;

	if (r == NULL)
		return;
	names_take(&ch->server->reply_consumers, r->name);
	free((void *)r->consumer.tag.p);
	free((void *)r->name.p);
	free(r);
	ch->replies = NULL;
}

/* --- names -------------------------------------------------------------------- */

bool
replyto_has_tag(const struct channel *ch, struct bytes tag)
{
	return ch->replies != NULL && bytes_eq(ch->replies->consumer.tag, tag);
}

struct bytes
replyto_name(const struct channel *ch)
{
	return ch->replies != NULL ? ch->replies->name : BYTES("");
}

bool
replyto_lives(const struct server *s, struct bytes name)
{
	return replyto_is(name) ||
	    names_get(&s->reply_consumers, name) != NULL;
}

/* --- delivery ----------------------------------------------------------------- */

static bool
is_full(struct reply_consumer *r)
{
	const struct connection *c = r->consumer.channel->connection;
	bool full = c->transport.pending + c->owed > UNREAD_MAX;

	if (full && !r->dropping)
		log_warnx("connection <0.%u.0> (%s), channel %u does not read "
			  "its replies: they are dropped",
		    c->id, c->name, r->consumer.channel->number);
	r->dropping = full;
	return full;
}

/* Behind its consume-ok, if that waits. The tag is that of the next delivery,
 * as in RabbitMQ. */
static void
give(struct reply_consumer *r, struct message *m)
{
	struct channel *ch = r->consumer.channel;
	struct entry e = {.message = m};

	ch->server->stats.delivered++;
	if (promises_wait(&ch->promises))
		deliver_behind(&r->consumer, &e, ch->ledger.next, 0);
	else
		deliver(&r->consumer, &e, ch->ledger.next, 0);
}

static unsigned
send_to(struct server *s, struct bytes key, struct message *m)
{
	struct reply_consumer *r;

	if (!bytes_starts(key, BYTES(REPLYTO ".")))
		return 0;
	r = names_get(&s->reply_consumers, key);
	if (r == NULL || r->pass == s->route.pass)
		return REPLYTO_NAMED;
	r->pass = s->route.pass;
	if (is_full(r))
		return REPLYTO_NAMED | REPLYTO_DROPPED;
	give(r, m);
	return REPLYTO_NAMED | REPLYTO_DELIVERED;
}

unsigned
replyto_send(
    struct server *s, const struct routing *routing, struct message *m)
{
	unsigned what = send_to(s, routing->key, m);

	for (size_t i = 0; i < routing->copy_count; i++)
		what |= send_to(s, routing->copies[i], m);
	return what;
}
