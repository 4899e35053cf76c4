/* verify.c - publishes with confirms and consumes with acks, through the death
 * of the broker if need be, keeps a journal of it, and judges it at the end.
 *
 * One thread serves both connections, so that the journal has one order. What
 * is sent is journalled and flushed before, what comes as soon as it is read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "tests/bench/clock.h"
#include "tests/bench/confirms.h"
#include "tests/bench/delivery.h"
#include "tests/bench/journal.h"
#include "tests/bench/modes.h"
#include "tests/bench/topology.h"
#include "tests/bench/verdict.h"

enum { OUT_MAX = 256 * 1024, PATIENCE_MS = 20 };

struct verify {
	const struct options *options;
	struct options fleeting; /* the same, for transient messages */
	FILE *journal;
	int64_t begin;
	int64_t end; /* of publishing */

	struct client publisher;
	struct confirms confirms;
	uint64_t base;  /* the number of this connection's tag 1 */
	uint64_t first; /* number of this run */
	uint64_t next;  /* number to publish */
	uint8_t *body;

	struct client consumer;
	bool consuming;
	bool acking; /* not while the channel closes */
	struct delivery delivery;
	uint64_t *unacked; /* numbers, in the order of their tags */
	unsigned unacked_count;
	uint64_t unacked_tag; /* the last of them */
	unsigned in_session;  /* deliveries */
	unsigned since_requeue;
	int64_t last_delivery;
};

/* --- bodies: the number, then octets that follow from it ------------------ */

static void
write_body(uint8_t *body, uint64_t size, uint64_t number)
{
	put_u64(body, number);
	for (uint64_t i = STAMP_NUMBER; i < size; i++)
		body[i] = (uint8_t)(number * 31 + i);
}

static bool
body_good(struct verify *v, const struct delivery *d)
{
	uint64_t size = v->options->size;

	write_body(v->body, size, delivery_number(d));
	return d->whole.n == size && memcmp(d->whole.p, v->body, size) == 0;
}

/* --- the publisher ------------------------------------------------------- */

static bool
transient(const struct verify *v, uint64_t number)
{
	return v->options->transient != 0 &&
	       number % v->options->transient == 0;
}

static uint8_t
priority(const struct verify *v, uint64_t number)
{
	const struct options *o = v->options;

	return (uint8_t)(number / o->queues % o->priorities);
}

static void
told_confirmed(void *arg, uint64_t first, uint64_t last, int64_t since)
{
	struct verify *v = arg;

	journal_range(v->journal, 'C', v->base + first - 1, v->base + last - 1);
}

static void
told_refused(void *arg, uint64_t first, uint64_t last, int64_t since)
{
	struct verify *v = arg;

	journal_range(v->journal, 'N', v->base + first - 1, v->base + last - 1);
}

/* A verdict on what was not published is a fault of the broker that no journal
 * can hold. */
static bool
on_publisher_frame(struct client *c, const struct amqp_frame *f, void *arg)
{
	struct verify *v = arg;
	struct amqp_method m = {0};
	bool ok = false;

	if (f->type != FRAME_METHOD ||
	    amqp_method_decode(f->payload, &m) != AMQP_DECODED)
		die(EXIT_CHECK, "the broker sent content to the publisher");
	if (m.id == AMQP_basic_ack)
		ok = confirms_settle(&v->confirms, m.basic_ack.delivery_tag,
		    m.basic_ack.multiple, told_confirmed, v);
	else if (m.id == AMQP_basic_nack)
		ok = confirms_settle(&v->confirms, m.basic_nack.delivery_tag,
		    m.basic_nack.multiple, told_refused, v);
	if (!ok)
		die(EXIT_CHECK, "%s for what was not published or twice",
		    amqp_method_name(m.id));
	return true;
}

static uint64_t
may_publish(const struct verify *v)
{
	const struct options *o = v->options;
	uint64_t done = v->next - v->first, n, due;
	int64_t now = now_ns();

	if (now >= v->end || (o->count != 0 && done >= o->count))
		return 0;
	n = o->window - confirms_span(&v->confirms);
	if (o->count != 0 && o->count - done < n)
		n = o->count - done;
	if (o->rate == 0)
		return n;
	due = (uint64_t)(ns_seconds(now - v->begin) * o->rate) + 1;
	return due <= done ? 0 : due - done < n ? due - done : n;
}

static bool
publishing(const struct verify *v)
{
	const struct options *o = v->options;

	return now_ns() < v->end &&
	       (o->count == 0 || v->next - v->first < o->count);
}

static void
publish(struct verify *v)
{
	const struct options *o = v->options;
	struct writer *out = &v->publisher.out;
	uint64_t n = may_publish(v), from = v->next;

	for (; n > 0 && out->n < OUT_MAX; n--, v->next++) {
		write_body(v->body, o->size, v->next);
		v->publisher.options =
		    transient(v, v->next) ? &v->fleeting : v->options;
		topology_message(out, &v->publisher,
		    (unsigned)(v->next % o->queues), priority(v, v->next),
		    v->body);
	}
	if (v->next == from)
		return;
	journal_range(v->journal, 'P', from, v->next - 1);
	for (uint64_t i = from; o->transient != 0 && i < v->next; i++)
		if (transient(v, i))
			journal_number(v->journal, 'T', i);
	confirms_publish(&v->confirms, v->next - from, 1);
}

/* --- the consumer -------------------------------------------------------- */

static void
acknowledge(struct verify *v)
{
	struct amqp_method m = {.id = AMQP_basic_ack};

	if (v->unacked_count == 0)
		return;
	for (unsigned i = 0; i < v->unacked_count; i++)
		journal_number(v->journal, 'A', v->unacked[i]);
	m.basic_ack.delivery_tag = v->unacked_tag;
	m.basic_ack.multiple = v->unacked_count > 1;
	client_say(&v->consumer, &m);
	v->unacked_count = 0;
}

static void
give_back(struct verify *v, uint64_t number)
{
	struct amqp_method m = {.id = AMQP_basic_nack};

	journal_number(v->journal, 'R', number);
	m.basic_nack.delivery_tag = v->delivery.tag;
	m.basic_nack.requeue = true;
	client_say(&v->consumer, &m);
	v->since_requeue = 0;
}

static void
on_message(struct verify *v)
{
	const struct options *o = v->options;
	const struct delivery *d = &v->delivery;
	uint64_t number = delivery_number(d);

	v->last_delivery = now_ns();
	v->in_session++;
	journal_delivery(v->journal, number, d->queue, d->redelivered);
	if (!body_good(v, d))
		journal_number(v->journal, 'B', number);
	if (!v->acking)
		return;
	if (o->requeue != 0 && !d->redelivered &&
	    ++v->since_requeue >= o->requeue) {
		give_back(v, number);
		return;
	}
	v->unacked[v->unacked_count++] = number;
	v->unacked_tag = d->tag;
	if (v->unacked_count >= o->ack)
		acknowledge(v);
}

static bool
on_consumer_frame(struct client *c, const struct amqp_frame *f, void *arg)
{
	struct verify *v = arg;

	switch (delivery_frame(&v->delivery, f)) {
	case DELIVERY_PARTIAL:
		return true;
	case DELIVERY_COMPLETE:
		on_message(v);
		return true;
	case DELIVERY_BROKEN:
		break;
	}
	die(EXIT_CHECK, "the broker sent a broken delivery");
}

/* A session has one broker: where the one the publisher knows has died since, this
 * is the next, and a loss is to be noted first. */
static bool
open_consumer(struct verify *v)
{
	if (!client_connect(&v->consumer, v->options) ||
	    client_left(&v->publisher))
		return false;
	v->consumer.frame = on_consumer_frame;
	v->consumer.arg = v;
	v->consuming = v->acking = true;
	v->delivery.expect = 0;
	v->in_session = v->unacked_count = 0;
	v->last_delivery = now_ns();
	return topology_consume(&v->consumer, 0, 1);
}

static bool
cancel_all(struct verify *v)
{
	struct amqp_method m = {.id = AMQP_basic_cancel}, reply;
	char tag[16];

	for (unsigned i = 0; i < v->options->queues; i++) {
		snprintf(tag, sizeof tag, "%u", i);
		m.basic_cancel.consumer_tag = bytes_str(tag);
		if (!client_call(
			&v->consumer, &m, AMQP_basic_cancel_ok, &reply))
			return false;
	}
	return true;
}

/* Takes no more, acknowledges all, and has the channel's close confirmed: what
 * was acknowledged must not come back from here on, whatever happens. */
static bool
close_consumer(struct verify *v)
{
	struct amqp_method m = {.id = AMQP_channel_close}, reply;

	if (!cancel_all(v))
		return false;
	acknowledge(v);
	v->acking = false;
	journal_flush(v->journal);
	m.channel_close.reply_code = 200;
	if (!client_call(&v->consumer, &m, AMQP_channel_close_ok, &reply))
		return false;
	journal_mark(v->journal, 'S');
	v->consuming = false;
	return client_goodbye(&v->consumer);
}

static void
cut_consumer(struct verify *v)
{
	journal_mark(v->journal, 'X');
	client_close(&v->consumer);
	v->consuming = false;
}

/* --- the death of the broker --------------------------------------------- */

static bool
open_publisher(struct verify *v)
{
	if (!client_connect(&v->publisher, v->options))
		return false;
	v->publisher.frame = on_publisher_frame;
	v->publisher.arg = v;
	v->base = v->next;
	confirms_reset(&v->confirms);
	return topology_confirm(&v->publisher);
}

static const char *
reason(const struct verify *v)
{
	if (v->publisher.error[0] != '\0')
		return v->publisher.error;
	return v->consumer.error;
}

static void
on_loss(struct verify *v)
{
	complain("the broker was lost: %s", reason(v));
	journal_mark(v->journal, 'L');
	journal_flush(v->journal);
	client_close(&v->publisher);
	client_close(&v->consumer);
	v->consuming = false;
}

/* Connects, and sees to it that the queues are there: the first time by
 * declaring them, later they must have survived. The broker may be killed again
 * while it is asked. */
static void
come_back(struct verify *v, bool declare)
{
	int64_t until = now_ns() + seconds_ns(v->options->wait);
	struct client *c = &v->publisher;
	uint64_t count;

	for (;;) {
		if (open_publisher(v) &&
		    (declare ? topology_declare(c) : topology_count(c, &count)))
			return;
		if (!declare && c->reply_code == 404)
			die(EXIT_CHECK,
			    "check failed: a durable queue is gone: %s",
			    c->error);
		if (client_refused(c) || now_ns() >= until)
			die(EXIT_BROKER, "%s", c->error);
		client_close(c);
	}
}

/* --- turns --------------------------------------------------------------- */

static bool
wait_and_read(struct verify *v)
{
	struct client *clients[2] = {&v->publisher, &v->consumer};
	struct pollfd p[2];
	nfds_t n = v->consuming ? 2 : 1;

	journal_flush(v->journal);
	for (nfds_t i = 0; i < n; i++) {
		if (!client_flush(clients[i]))
			return false;
		client_poll(clients[i], &p[i]);
	}
	if (poll(p, n, may_publish(v) > 0 ? 0 : PATIENCE_MS) < 0)
		return errno == EINTR;
	for (nfds_t i = 0; i < n; i++)
		if (!client_ready(clients[i], &p[i]))
			return false;
	return true;
}

static bool
change_session(struct verify *v)
{
	const struct options *o = v->options;

	if (!v->consuming && o->consumers > 0 && !open_consumer(v))
		return false;
	if (o->cut != 0 && v->in_session >= o->cut)
		cut_consumer(v);
	else if (o->settle != 0 && v->in_session >= o->settle)
		return close_consumer(v);
	return true;
}

static bool
turn(struct verify *v)
{
	publish(v);
	return wait_and_read(v) && change_session(v);
}

static bool
quiet(const struct verify *v, double seconds)
{
	return now_ns() - v->last_delivery > seconds_ns(seconds);
}

/* All confirmed or refused? */
static bool
all_told(const struct verify *v)
{
	return confirms_span(&v->confirms) == 0;
}

static bool
publish_phase(struct verify *v)
{
	int64_t until;

	while (publishing(v))
		if (!turn(v))
			return false;
	until = now_ns() + seconds_ns(v->options->timeout);
	while (!all_told(v)) {
		if (now_ns() > until)
			die(EXIT_CHECK,
			    "check failed: %llu messages neither "
			    "confirmed nor refused within %g seconds",
			    (unsigned long long)confirms_open(&v->confirms),
			    v->options->timeout);
		if (!turn(v))
			return false;
	}
	return true;
}

/* Takes what comes until none has for a while. */
static bool
take_rest(struct verify *v)
{
	do {
		if ((!v->consuming && !open_consumer(v)) || !turn(v))
			return false;
		if (v->consuming && quiet(v, 0.1))
			acknowledge(v);
	} while (!quiet(v, v->options->idle));
	return true;
}

static void
give_up_on(const struct verify *v, uint64_t count)
{
	die(EXIT_CHECK,
	    "check failed: %llu messages are left in the queues, and none was "
	    "delivered for %g seconds",
	    (unsigned long long)count, v->options->timeout);
}

/* Until the broker says that the queues are empty, with the consumer and, to be
 * sure that nothing was held for it, without. */
static bool
drain_phase(struct verify *v)
{
	uint64_t count;

	v->last_delivery = now_ns();
	do {
		if (!take_rest(v) || !topology_count(&v->publisher, &count))
			return false;
		if (count > 0 && quiet(v, v->options->timeout))
			give_up_on(v, count);
		if (count > 0)
			continue;
		if (v->consuming && !close_consumer(v))
			return false;
		if (!topology_count(&v->publisher, &count))
			return false;
	} while (count > 0);
	return true;
}

/* --- the run ------------------------------------------------------------- */

static bool
part(const struct options *o, const char *name)
{
	return o->only == NULL || strcmp(o->only, name) == 0;
}

static void
check_options(const struct options *o)
{
	if (o->only != NULL && !part(o, "publish") && !part(o, "drain"))
		die(EXIT_USAGE, "--only is publish or drain");
	if (o->only != NULL && o->journal == NULL)
		die(EXIT_USAGE, "--only needs a --journal");
	if (o->size < STAMP_NUMBER)
		die(EXIT_USAGE, "verify needs --size %d or more", STAMP_NUMBER);
	if (o->window == 0 || o->ack == 0)
		die(EXIT_USAGE, "verify needs --confirms and --ack");
	if (o->priorities == 0 || o->priorities > 256)
		die(EXIT_USAGE, "--priorities goes from 1 to 256");
	if (o->consumers > 1 || o->producers != 1)
		die(EXIT_USAGE,
		    "verify has one producer and at most one consumer");
	if (o->exchange != NULL && strcmp(o->exchange, "fanout") == 0)
		die(EXIT_USAGE, "verify puts each message in one queue");
}

static FILE *
open_journal(struct verify *v)
{
	const struct options *o = v->options;
	struct journal_report before;
	FILE *f;

	if (o->journal == NULL) {
		if ((f = tmpfile()) == NULL)
			die(EXIT_BROKER, "temporary file: %s", strerror(errno));
		journal_begin(f, o->queues, o->priorities);
		return f;
	}
	if (part(o, "publish"))
		return journal_create(
		    o->journal, o->queues, o->priorities);
	f = journal_append(o->journal);
	journal_check(f, &before);
	if (before.queues != o->queues)
		die(EXIT_USAGE, "--queues %u, but the journal has %llu",
		    o->queues, (unsigned long long)before.queues);
	v->first = v->next = before.next;
	/* The broker may have died since. */
	journal_mark(f, 'L');
	return f;
}

/* Runs a phase to its end, however often the broker is lost. False if it is
 * lost and not to be waited for. */
static bool
persist(struct verify *v, bool (*phase)(struct verify *))
{
	while (!phase(v)) {
		on_loss(v);
		if (v->options->wait == 0)
			return false;
		come_back(v, false);
	}
	return true;
}

static bool
start_consumer(struct verify *v)
{
	return v->options->consumers == 0 || open_consumer(v);
}

/* True if the journal has come to its end. */
static bool
play(struct verify *v)
{
	const struct options *o = v->options;
	bool there = true;

	come_back(v, part(o, "publish"));
	v->begin = now_ns();
	v->end = v->begin + seconds_ns(o->duration);
	if (part(o, "publish")) {
		if (!start_consumer(v))
			die(EXIT_BROKER, "%s", v->consumer.error);
		there = persist(v, publish_phase);
	} else
		v->end = v->begin;
	if (o->only != NULL && part(o, "publish")) {
		if (there && v->consuming)
			close_consumer(v);
		return false;
	}
	if (!there || !persist(v, drain_phase))
		die(EXIT_BROKER, "the broker was lost and there is no --wait");
	journal_mark(v->journal, 'E');
	return true;
}

static void
clean_up(struct verify *v, bool ended)
{
	struct options keep = *v->options;

	keep.keep |= !ended;
	if (v->publisher.fd >= 0) {
		v->publisher.options = &keep;
		if (!topology_delete(&v->publisher) ||
		    !client_goodbye(&v->publisher))
			complain("%s", v->publisher.error);
	}
	client_close(&v->consumer);
	confirms_fini(&v->confirms);
	delivery_fini(&v->delivery);
	free(v->unacked);
	free(v->body);
}

enum exit_status
mode_verify(const struct options *given)
{
	struct options o = *given;
	struct verify v = {.options = &o, .delivery.assemble = true};
	enum exit_status status;
	bool ended;

	check_options(&o);
	o.durable = o.persistent = true;
	v.fleeting = o;
	v.fleeting.persistent = false;
	v.body = xmalloc(o.size);
	v.unacked = xcalloc(o.ack, sizeof *v.unacked);
	v.journal = open_journal(&v);
	confirms_init(&v.confirms, o.window);
	ended = play(&v);
	journal_flush(v.journal);
	clean_up(&v, ended);
	status = verdict(v.journal, &o, "verify", ended);
	fclose(v.journal);
	return status;
}
