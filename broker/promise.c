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
	*p = (struct promises){0};
}

/* The first of those that wait goes. */
static void
drop(struct channel *ch, struct waiting *w)
{
	struct promises *p = &ch->promises;

	p->first = w->next;
	if (p->first == NULL)
		p->last = NULL;
	p->tags -= w->tags;
	ch->server->tags_owed -= w->tags;
	ch->connection->owed -= w->frames.n;
	writer_fini(&w->frames);
	free(w);
}

void
promises_fini(struct channel *ch)
{
	struct promises *p = &ch->promises;

	while (p->first != NULL)
		drop(ch, p->first);
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
	const struct waiting *r;
	uint64_t seq = 0;

	for (r = ch->promises.first; r != NULL; r = r->next) {
		writer_bytes(w, writer_view(&r->frames));
		seq = r->seq;
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

static void
add_waiting(struct channel *ch, uint64_t seq)
{
	struct promises *p = &ch->promises;
	struct waiting *w = xcalloc(1, sizeof *w);

	w->seq = seq;
	if (p->last != NULL)
		p->last->next = w;
	else
		p->first = w;
	p->last = w;
	journal_promise(&ch->server->journal, seq);
	list(ch);
}

void
promise_reply(struct channel *ch, struct bytes frame, uint64_t seq)
{
	struct promises *p = &ch->promises;

	if (p->last == NULL && seq <= journal_committed(&ch->server->journal)) {
		connection_send_encoded(ch->connection, frame);
		return;
	}
	if (p->last == NULL || seq > p->last->seq || p->last->consumer != NULL)
		add_waiting(ch, p->last != NULL && seq < p->last->seq
			? p->last->seq : seq);
	writer_bytes(&p->last->frames, frame);
	ch->connection->owed += frame.n;
}

void
promise_delivery(struct channel *ch, struct bytes frames, uint64_t seq)
{
	struct promises *p = &ch->promises;

	promise_reply(ch, frames, seq);
	if (p->last == NULL)
		return;
	p->last->tags++;
	p->tags++;
	ch->server->tags_owed++;
}

void
promise_start(struct channel *ch, struct consumer *c)
{
	if (ch->promises.last == NULL) {
		consumer_wake(c);
		return;
	}
	c->waits = true;
	ch->promises.last->consumer = c;
}

void
promise_forget(struct channel *ch, struct consumer *c)
{
	struct waiting *w;

	if (!c->waits)
		return;
	for (w = ch->promises.first; w != NULL; w = w->next)
		if (w->consumer == c)
			w->consumer = NULL;
}

static void
say(struct channel *ch, struct waiting *w)
{
	connection_send_encoded(ch->connection, writer_view(&w->frames));
	if (w->consumer == NULL)
		return;
	w->consumer->waits = false;
	consumer_wake(w->consumer);
}

static void
keep_replies(struct channel *ch, uint64_t committed)
{
	struct promises *p = &ch->promises;

	while (p->first != NULL && p->first->seq <= committed) {
		say(ch, p->first);
		drop(ch, p->first);
	}
}

bool
promises_keep(struct channel *ch, uint64_t committed)
{
	struct promises *p = &ch->promises;

	keep_confirms(ch, committed);
	keep_replies(ch, committed);
	if (p->run_count > 0 || p->first != NULL)
		return true;
	TAILQ_REMOVE(&ch->server->owing, ch, promises.link);
	p->listed = false;
	return false;
}
