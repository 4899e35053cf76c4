/* load.c - starts and ends producers and consumers. */
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "tests/bench/clock.h"
#include "tests/bench/die.h"
#include "tests/bench/load.h"

static void
start_thread(pthread_t *thread, void *(*body)(void *), void *arg)
{
	int rc = pthread_create(thread, NULL, body, arg);

	if (rc != 0)
		die(EXIT_BROKER, "cannot start a thread: %s", strerror(rc));
}

/* The measured part begins after the warm-up. */
static void
let_go(struct load *l)
{
	pthread_barrier_wait(&l->ready);
	l->begin = now_ns();
	l->measure = l->begin + seconds_ns(l->options->warmup);
	pthread_barrier_wait(&l->go);
	pthread_barrier_destroy(&l->ready);
	pthread_barrier_destroy(&l->go);
}

void
load_start(struct load *l, const struct options *o, uint64_t limit,
    void (*message)(struct consumer *, const struct delivery *), void *arg)
{
	unsigned all = o->producers + o->consumers + 1;

	*l = (struct load){.options = o};
	l->producers = xcalloc(o->producers + 1, sizeof *l->producers);
	l->consumers = xcalloc(o->consumers + 1, sizeof *l->consumers);
	pthread_barrier_init(&l->ready, NULL, all);
	pthread_barrier_init(&l->go, NULL, all);
	for (unsigned i = 0; i < o->consumers; i++) {
		struct consumer *k = &l->consumers[i];

		k->load = l;
		k->index = i;
		k->message = message;
		k->arg = arg;
		start_thread(&k->thread, consumer_main, k);
	}
	for (unsigned i = 0; i < o->producers; i++) {
		struct producer *p = &l->producers[i];

		p->load = l;
		p->index = i;
		p->limit = limit;
		start_thread(&p->thread, producer_main, p);
	}
	let_go(l);
}

void
load_join_producers(struct load *l)
{
	for (unsigned i = 0; i < l->options->producers; i++)
		pthread_join(l->producers[i].thread, NULL);
}

void
load_join_consumers(struct load *l)
{
	for (unsigned i = 0; i < l->options->consumers; i++)
		pthread_join(l->consumers[i].thread, NULL);
}

void
load_fini(struct load *l)
{
	free(l->producers);
	free(l->consumers);
}

uint64_t
load_published(const struct load *l)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < l->options->producers; i++)
		sum += l->producers[i].published;
	return sum;
}

uint64_t
load_confirmed(const struct load *l)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < l->options->producers; i++)
		sum += l->producers[i].confirmed;
	return sum;
}

uint64_t
load_refused(const struct load *l)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < l->options->producers; i++)
		sum += l->producers[i].refused;
	return sum;
}

uint64_t
load_blockings(const struct load *l)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < l->options->producers; i++)
		sum += l->producers[i].client.blockings;
	return sum;
}

uint64_t
load_consumed(const struct load *l)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < l->options->consumers; i++)
		sum += l->consumers[i].consumed;
	return sum;
}
