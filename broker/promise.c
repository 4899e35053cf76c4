/* promise.c - what a channel may say once the disk agrees. */
#include "broker/promise.h"

#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/consumer.h"
#include "broker/server.h"

enum { RUNS_MIN = 8 };

void
promises_init(struct promises *p)
{
	*p = (struct promises){.replies_end = &p->replies};
}

void
promises_fini(struct channel *ch)
{
	struct promises *p = &ch->promises;
	struct waiting_reply *r;

	while ((r = p->replies) != NULL) {
		p->replies = r->next;
		ch->connection->owed -= r->size;
		free(r);
	}
	p->replies_end = &p->replies;
	free(p->runs);
	p->runs = NULL;
	p->run_count = p->run_room = 0;
	if (p->listed)
		TAILQ_REMOVE(&ch->server->owing, ch, promises.link);
	p->listed = false;
}

uint64_t
promises_collect(const struct channel *ch, struct writer *w)
{
	const struct waiting_reply *r;
	uint64_t seq = 0;

	for (r = ch->promises.replies; r != NULL; r = r->next) {
		writer_bytes(w, (struct bytes){r->frame, r->size});
		seq = r->seq > seq ? r->seq : seq;
	}
	return seq;
}

static void
list(struct channel *ch)
{
	if (ch->promises.listed)
		return;
	ch->promises.listed = true;
	TAILQ_INSERT_TAIL(&ch->server->owing, ch, promises.link);
}

/* --- confirms ---------------------------------------------------------------- */

static struct confirm_run *
run_at(const struct promises *p, size_t i)
{
	return &p->runs[(p->run_first + i) & (p->run_room - 1)];
}

static void
add_run(struct promises *p, uint64_t seq, uint64_t tag, bool refused)
{
	if (p->run_count == p->run_room) {
		size_t room = p->run_room ? p->run_room * 2 : RUNS_MIN;
		struct confirm_run *runs = xmalloc(room * sizeof *runs);

		for (size_t i = 0; i < p->run_count; i++)
			runs[i] = *run_at(p, i);
		free(p->runs);
		p->runs = runs;
		p->run_room = room;
		p->run_first = 0;
	}
	*run_at(p, p->run_count++) = 
	    (struct confirm_run){seq, tag, refused};
}

void
promise_confirm(
    struct channel *ch, uint64_t tag, uint64_t seq, bool refused)
{
	struct promises *p = &ch->promises;
	struct confirm_run *last =
	    p->run_count > 0 ? run_at(p, p->run_count - 1) : NULL;

	if (last != NULL && seq < last->seq)
		seq = last->seq;
	if (last != NULL && seq == last->seq && refused == last->refused)
		last->last = tag;
	else
		add_run(p, seq, tag, refused);
	journal_promise(&ch->server->journal, seq);
	list(ch);
}

#ifdef FAULT_DROP_CONFIRM
/* So that tests can be seen to notice: the seventh publication of each channel
 * is never confirmed, and no later confirm covers it. */
static void
say_confirm(struct channel *ch, uint64_t last, bool refused)
{
	struct promises *p = &ch->promises;

	while (p->confirmed < last) {
		struct amqp_method ack = {AMQP_basic_ack,
		    .basic_ack = {++p->confirmed, false}};

		if (p->confirmed != 7)
			connection_send(ch->connection, ch->number, &ack);
	}
}
#else
/* RabbitMQ's nacks say requeue, which means nothing from a broker. */
static void
say_confirm(struct channel *ch, uint64_t last, bool refused)
{
	struct promises *p = &ch->promises;
	bool multiple = last - p->confirmed > 1;
	struct amqp_method m = {AMQP_basic_ack, .basic_ack = {last, multiple}};

	if (refused)
		m = (struct amqp_method){
		    AMQP_basic_nack, .basic_nack = {last, multiple, true}};
	ch->server->stats.confirmed += last - p->confirmed;
	p->confirmed = last;
	connection_send(ch->connection, ch->number, &m);
}
#endif

static void
keep_confirms(struct channel *ch, uint64_t committed)
{
	struct promises *p = &ch->promises;

	while (p->run_count > 0 && run_at(p, 0)->seq <= committed) {
		struct confirm_run run = *run_at(p, 0);

		p->run_first = (p->run_first + 1) & (p->run_room - 1);
		p->run_count--;
		if (p->run_count > 0 && run_at(p, 0)->seq <= committed &&
		    run_at(p, 0)->refused == run.refused)
			continue; /* the next one covers it */
		say_confirm(ch, run.last, run.refused);
	}
}

/* --- replies ----------------------------------------------------------------- */

void
promise_reply(struct channel *ch, struct bytes frame, uint64_t seq)
{
	struct promises *p = &ch->promises;
	struct waiting_reply *r;

	if (p->replies == NULL &&
	    seq <= journal_committed(&ch->server->journal)) {
		connection_send_encoded(ch->connection, frame);
		return;
	}
	r = xmalloc(sizeof *r + frame.n);
	*r = (struct waiting_reply){.seq = seq, .size = frame.n};
	memcpy(r->frame, frame.p, frame.n);
	ch->connection->owed += frame.n;
	*p->replies_end = r;
	p->replies_end = &r->next;
	journal_promise(&ch->server->journal, seq);
	list(ch);
}

static struct waiting_reply *
last_reply(struct promises *p)
{
	return (struct waiting_reply *)((char *)p->replies_end -
	    offsetof(struct waiting_reply, next));
}

void
promise_delivery(struct channel *ch, struct bytes frames, uint64_t seq)
{
	promise_reply(ch, frames, seq);
	if (ch->promises.replies == NULL)
		return;
	last_reply(&ch->promises)->has_tag = true;
	ch->promises.tags++;
}

void
promise_start(struct channel *ch, struct consumer *c)
{
	if (ch->promises.replies == NULL) {
		consumer_wake(c);
		return;
	}
	c->waits = true;
	last_reply(&ch->promises)->consumer = c;
}

void
promise_forget(struct channel *ch, struct consumer *c)
{
	struct waiting_reply *r;

	if (!c->waits)
		return;
	for (r = ch->promises.replies; r != NULL; r = r->next)
		if (r->consumer == c)
			r->consumer = NULL;
}

static void
say_reply(struct channel *ch, struct waiting_reply *r)
{
	connection_send_encoded(
	    ch->connection, (struct bytes){r->frame, r->size});
	if (r->consumer != NULL) {
		r->consumer->waits = false;
		consumer_wake(r->consumer);
	}
	if (r->has_tag && --ch->promises.tags == 0)
		channel_wake(ch);
	ch->connection->owed -= r->size;
	free(r);
}

static void
keep_replies(struct channel *ch, uint64_t committed)
{
	struct promises *p = &ch->promises;
	struct waiting_reply *r;

	while ((r = p->replies) != NULL && r->seq <= committed) {
		p->replies = r->next;
		if (p->replies == NULL)
			p->replies_end = &p->replies;
		say_reply(ch, r);
	}
}

bool
promises_keep(struct channel *ch, uint64_t committed)
{
	struct promises *p = &ch->promises;

	keep_confirms(ch, committed);
	keep_replies(ch, committed);
	if (p->run_count > 0 || p->replies != NULL)
		return true;
	TAILQ_REMOVE(&ch->server->owing, ch, promises.link);
	p->listed = false;
	return false;
}
