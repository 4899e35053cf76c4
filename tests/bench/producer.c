/* producer.c - publishes numbered messages, as fast as it may. */
#include <stdlib.h>
#include <sys/prctl.h>

#include "amqp/xalloc.h"
#include "tests/bench/clock.h"
#include "tests/bench/die.h"
#include "tests/bench/load.h"
#include "tests/bench/topology.h"

enum {
	PATIENCE_MS = 50, /* between looks at the stop sign */
	RECOVERED = 8,    /* part of a used up window to be free again */
};

/* --- the batch ---------------------------------------------------------- */

/* Queues are dealt out to producers; with more producers than queues, each
 * queue has several. */
static uint64_t
queues_of(const struct producer *p)
{
	unsigned producers = p->load->options->producers;
	unsigned queues = p->load->options->queues;

	if (producers >= queues)
		return 1;
	return (queues + producers - 1 - p->index) / producers;
}

static unsigned
queue_of(const struct producer *p, uint64_t slot)
{
	const struct options *o = p->load->options;

	if (o->producers >= o->queues)
		return p->index % o->queues;
	return p->index + (unsigned)(slot % queues_of(p)) * o->producers;
}

static void
fill_batch(struct producer *p)
{
	const struct options *o = p->load->options;
	uint8_t *body = xcalloc(o->size + 1, 1);
	uint64_t each = queues_of(p);

	p->stamp =
	    topology_message(&p->batch, &p->client, queue_of(p, 0), 0, body);
	p->stride = p->batch.n;
	p->delay = topology_find_delay(o, writer_view(&p->batch));
	p->random = 2463534242 + p->index;
	p->slots = (o->batch / p->stride + each) / each * each;
	for (uint64_t i = 1; i < p->slots; i++)
		topology_message(
		    &p->batch, &p->client, queue_of(p, i), 0, body);
	free(body);
}

/* --- how much may be sent ----------------------------------------------- */

static int64_t
due(const struct producer *p, uint64_t number)
{
	const struct options *o = p->load->options;
	double turn = (double)p->index / o->producers;

	return p->load->begin +
	       (int64_t)(((double)number + turn) * (double)SECOND / o->rate);
}

static uint64_t
window_left(struct producer *p)
{
	uint64_t window = p->load->options->window;
	uint64_t left = window - confirms_span(&p->confirms);

	if (left == 0)
		p->exhausted = true;
	else if (left * RECOVERED >= window)
		p->exhausted = false;
	return p->exhausted ? 0 : left;
}

static uint64_t
allowed(struct producer *p, int64_t now)
{
	const struct options *o = p->load->options;
	uint64_t n = p->limit - p->sent;

	if (o->window > 0 && window_left(p) < n)
		n = window_left(p);
	if (o->rate == 0)
		return n;
	for (uint64_t i = 0; i < n; i++)
		if (due(p, p->sent + i) > now)
			return i;
	return n;
}

/* --- sending ------------------------------------------------------------- */

/* With a rate, what the broker holds up counts from when it was due: one stall
 * is seen in all messages behind it. Waking late is no fault of the broker's,
 * so otherwise time counts from now. */
static void
stamp(struct producer *p, uint8_t *body, uint64_t number, int64_t now)
{
	const struct options *o = p->load->options;
	int64_t from = now;

	if (o->rate != 0 && p->held_up)
		from = due(p, number);
	else if (o->rate != 0 && now >= p->load->measure)
		histogram_add(&p->late, (uint64_t)(now - due(p, number)));
	if (o->size >= STAMP_NUMBER)
		put_u64(body, number);
	if (o->size >= STAMP_BOTH)
		put_u64(body + STAMP_NUMBER, (uint64_t)from);
}

/* A time up to the longest, the same in each run. */
static uint64_t
draw_delay(struct producer *p)
{
	const struct options *o = p->load->options;
	uint64_t least = o->delay_least > 0 ? o->delay_least : 1;

	p->random ^= p->random << 13;
	p->random ^= p->random >> 17;
	p->random ^= p->random << 5;
	return least + p->random % (o->delay - least + 1);
}

/* What is left of the longest since all began. */
static uint64_t
delay_left(const struct producer *p, int64_t now)
{
	int64_t end = p->load->begin +
	    (int64_t)p->load->options->delay * (SECOND / 1000);

	return end > now ? (uint64_t)(end - now) / (SECOND / 1000) + 1 : 1;
}

/* The message counts from the end of its delay. */
static void
stamp_delay(struct producer *p, uint8_t *message, int64_t now)
{
	const struct options *o = p->load->options;
	uint64_t ms = o->together ? delay_left(p, now) : draw_delay(p);

	topology_write_delay(o, message + p->delay, ms);
	if (o->size >= STAMP_BOTH)
		put_u64(message + p->stamp + STAMP_NUMBER,
		    (uint64_t)(now + (int64_t)ms * (SECOND / 1000)));
}

/* Takes up to n messages from the batch, no further than its end. */
static void
begin_run(struct producer *p, uint64_t n, int64_t now)
{
	uint64_t slot = p->sent % p->slots;
	uint8_t *from = p->batch.p + slot * p->stride;

	if (n > p->slots - slot)
		n = p->slots - slot;
	for (uint64_t i = 0; i < n; i++)
		stamp(p, from + i * p->stride + p->stamp, p->sent + i, now);
	for (uint64_t i = 0; p->delay != 0 && i < n; i++)
		stamp_delay(p, from + i * p->stride, now);
	p->run = from;
	p->run_left = n * p->stride;
	p->run_count = n;
	if (p->load->options->window > 0)
		confirms_publish(&p->confirms, n, now);
}

static bool
push_run(struct producer *p)
{
	ssize_t n = client_send(&p->client, p->run, p->run_left);

	if (n < 0)
		return false;
	p->run += n;
	p->run_left -= (size_t)n;
	p->client.unsent = p->run_left > 0;
	if (p->run_left > 0)
		return true;
	p->sent += p->run_count;
	atomic_store_explicit(&p->published, p->sent, memory_order_relaxed);
	return true;
}

/* Until when there is nothing to publish, as far as the clock is concerned. */
static int64_t
next_due(struct producer *p, int64_t now)
{
	int64_t patience = now + PATIENCE_MS * SECOND / 1000, next;

	if (p->load->options->rate == 0 || p->sent >= p->limit)
		return patience;
	next = due(p, p->sent);
	p->held_up = next <= now;
	return p->held_up || next > patience ? patience : next;
}

/* Sends what may be sent, then reads, or sleeps if nothing may. */
static bool
turn(struct producer *p)
{
	int64_t now = now_ns();
	uint64_t n;

	if (p->run_left == 0 && (n = allowed(p, now)) > 0)
		begin_run(p, n, now);
	if (p->run_left > 0 && !push_run(p))
		return false;
	if (p->run_left == 0 && allowed(p, now) > 0)
		return true;
	return client_step(&p->client, next_due(p, now));
}

/* --- confirms ------------------------------------------------------------ */

static void
confirmed(void *arg, uint64_t first, uint64_t last, int64_t since)
{
	struct producer *p = arg;

	atomic_fetch_add_explicit(
	    &p->confirmed, last - first + 1, memory_order_relaxed);
	if (since >= p->load->measure)
		for (uint64_t i = first; i <= last; i++)
			histogram_add(
			    &p->latency, (uint64_t)(p->client.read_at - since));
}

static void
refused(void *arg, uint64_t first, uint64_t last, int64_t since)
{
	struct producer *p = arg;

	atomic_fetch_add_explicit(
	    &p->refused, last - first + 1, memory_order_relaxed);
}

static bool
on_frame(struct client *c, const struct amqp_frame *f, void *arg)
{
	struct producer *p = arg;
	struct amqp_method m = {0};
	bool ok;

	if (f->type != FRAME_METHOD ||
	    amqp_method_decode(f->payload, &m) != AMQP_DECODED)
		return client_fail(c, "the broker sent content to a producer");
	if (m.id == AMQP_basic_ack)
		ok = confirms_settle(&p->confirms, m.basic_ack.delivery_tag,
		    m.basic_ack.multiple, confirmed, p);
	else if (m.id == AMQP_basic_nack)
		ok = confirms_settle(&p->confirms, m.basic_nack.delivery_tag,
		    m.basic_nack.multiple, refused, p);
	else
		return client_fail(c, "the broker sent %s to a producer",
		    amqp_method_name(m.id));
	return ok || client_fail(c, "the broker confirmed what was not open");
}

/* --- the thread ----------------------------------------------------------- */

static bool
settled(const struct producer *p)
{
	return p->run_left == 0 && confirms_span(&p->confirms) == 0;
}

/* What has been begun is written to its end, and confirms are waited for. */
static bool
finish(struct producer *p)
{
	int64_t until = now_ns() + seconds_ns(p->load->options->timeout);

	while (!settled(p)) {
		if (now_ns() > until)
			return client_fail(&p->client,
			    "not all written and confirmed within %g seconds",
			    p->load->options->timeout);
		if (p->run_left > 0 && !push_run(p))
			return false;
		if (!settled(p) &&
		    !client_step(&p->client, now_ns() + SECOND / 10))
			return false;
	}
	return true;
}

static bool
prepare(struct producer *p)
{
	const struct options *o = p->load->options;

	if (!client_connect(&p->client, o))
		return false;
	p->client.frame = on_frame;
	p->client.arg = p;
	confirms_init(&p->confirms, o->window);
	fill_batch(p);
	return o->window == 0 || topology_confirm(&p->client);
}

void *
producer_main(void *arg)
{
	struct producer *p = arg;
	struct load *load = p->load;
	bool ok;

	prctl(PR_SET_TIMERSLACK, 1); /* wake when due, not when convenient */
	if (!prepare(p))
		die(EXIT_BROKER, "producer %u: %s", p->index, p->client.error);
	pthread_barrier_wait(&load->ready);
	pthread_barrier_wait(&load->go);
	do
		ok = turn(p);
	while (ok && p->sent < p->limit && !load->stop_publishing);
	if (!ok || !finish(p) || !client_goodbye(&p->client))
		die(EXIT_BROKER, "producer %u: %s", p->index, p->client.error);
	writer_fini(&p->batch);
	confirms_fini(&p->confirms);
	return NULL;
}
