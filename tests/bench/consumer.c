/* consumer.c - takes messages, acknowledges them, and sees how old they are. */
#include "tests/bench/clock.h"
#include "tests/bench/die.h"
#include "tests/bench/load.h"
#include "tests/bench/topology.h"

enum { PATIENCE_MS = 50 };

static void
acknowledge(struct consumer *k)
{
	struct amqp_method m = {.id = AMQP_basic_ack};

	m.basic_ack.delivery_tag = k->delivery.tag;
	m.basic_ack.multiple = k->unacked > 1;
	client_say(&k->client, &m);
	k->unacked = 0;
}

/* Nothing comes before it was sent, but a delay may have been cut short. */
static void
count(struct consumer *k, int64_t age)
{
	uint64_t ns = age > 0 ? (uint64_t)age : 0;

	k->early += age < 0;
	histogram_add(&k->latency, ns);
	if (k->load->all_published)
		histogram_add(&k->afterwards, ns);
}

static void
take(struct consumer *k)
{
	const struct options *o = k->load->options;
	const struct delivery *d = &k->delivery;

	atomic_store_explicit(
	    &k->consumed, k->consumed + 1, memory_order_relaxed);
	if (d->size >= STAMP_BOTH && k->client.read_at >= k->load->measure)
		count(k, k->client.read_at - delivery_stamp(d));
	if (k->message != NULL)
		k->message(k, d);
	if (o->ack != 0 && ++k->unacked >= o->ack)
		acknowledge(k);
}

static bool
on_frame(struct client *c, const struct amqp_frame *f, void *arg)
{
	struct consumer *k = arg;

	switch (delivery_frame(&k->delivery, f)) {
	case DELIVERY_PARTIAL:
		return true;
	case DELIVERY_COMPLETE:
		take(k);
		return true;
	case DELIVERY_BROKEN:
		break;
	}
	if (f->type == FRAME_METHOD && f->size >= 4)
		return client_fail(c, "the broker sent %s to a consumer",
		    amqp_method_name(get_u32(f->payload.p)));
	return client_fail(c, "the broker sent a broken delivery");
}

/* With more consumers than queues, each queue has several. */
static bool
prepare(struct consumer *k)
{
	const struct options *o = k->load->options;

	if (!client_connect(&k->client, o))
		return false;
	k->client.frame = on_frame;
	k->client.arg = k;
	return topology_consume(&k->client, k->index % o->queues, o->consumers);
}

/* Without acks there is no end to what may be under way: just hang up. */
static bool
finish(struct consumer *k)
{
	if (k->load->options->ack == 0) {
		client_close(&k->client);
		return true;
	}
	if (k->unacked > 0)
		acknowledge(k);
	return client_goodbye(&k->client);
}

void *
consumer_main(void *arg)
{
	struct consumer *k = arg;
	struct load *load = k->load;
	bool ok;

	if (!prepare(k))
		die(EXIT_BROKER, "consumer %u: %s", k->index, k->client.error);
	pthread_barrier_wait(&load->ready);
	pthread_barrier_wait(&load->go);
	do
		ok = client_step(
		    &k->client, now_ns() + PATIENCE_MS * SECOND / 1000);
	while (ok && !load->stop_consuming);
	if (!ok || !finish(k))
		die(EXIT_BROKER, "consumer %u: %s", k->index, k->client.error);
	delivery_fini(&k->delivery);
	return NULL;
}
