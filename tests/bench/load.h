/* load.h - producers and consumers, each with a connection and a thread. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/bench/client.h"
#include "tests/bench/confirms.h"
#include "tests/bench/delivery.h"
#include "tests/bench/histogram.h"

/* What the threads of a run share. Any failure in one of them ends the
 * process. */
struct load {
	const struct options *options;
	pthread_barrier_t ready; /* everybody is connected */
	pthread_barrier_t go;    /* and the times below are set */
	int64_t begin;           /* publishing begins */
	int64_t measure;         /* latencies count from then on */
	_Atomic bool stop_publishing;
	_Atomic bool stop_consuming;
	_Atomic bool all_published; /* for who wants to tell it */
	struct producer *producers;
	struct consumer *consumers;
};

struct producer {
	struct load *load;
	unsigned index;
	pthread_t thread;
	struct client client;

	/* The batch holds slots messages of the same length one behind the
	 * other, for the producer's queues in turn. It is the output buffer:
	 * only stamps change. */
	struct writer batch;
	size_t stride; /* bytes from one message to the next */
	size_t stamp;  /* where in a message its body begins */
	size_t delay;  /* and its x-delay, or 0 */
	uint64_t slots;
	const uint8_t *run; /* what is being written of it */
	size_t run_left;
	uint64_t run_count;

	uint64_t sent; /* messages, of which limit are wanted */
	uint64_t limit;
	bool exhausted; /* the window was used up and has not recovered */
	bool held_up;   /* the broker keeps it from being on time */
	uint32_t random;
	struct histogram late; /* what it is late on its own account */
	struct confirms confirms;
	struct histogram latency; /* of confirms */
	_Atomic uint64_t published;
	_Atomic uint64_t confirmed;
	_Atomic uint64_t refused; /* by basic.nack */
};

struct consumer {
	struct load *load;
	unsigned index;
	pthread_t thread;
	struct client client;
	struct delivery delivery;
	unsigned unacked;
	struct histogram latency;
	struct histogram afterwards; /* of what came when all was published */
	uint64_t early;		     /* before the time in its stamp */
	_Atomic uint64_t consumed;
	void (*message)(struct consumer *, const struct delivery *);
	void *arg;
};

/* Starts all threads and lets them go; producers then publish limit messages
 * each, and message, if not NULL, is called for each one consumed. */
void load_start(struct load *, const struct options *, uint64_t limit,
    void (*message)(struct consumer *, const struct delivery *), void *arg);
void load_join_producers(struct load *); /* after the limit or a stop */
void load_join_consumers(struct load *); /* after a stop */
void load_fini(struct load *);

uint64_t load_published(const struct load *);
uint64_t load_confirmed(const struct load *);
uint64_t load_refused(const struct load *);
uint64_t load_blockings(const struct load *); /* once producers have ended */
uint64_t load_consumed(const struct load *);

/* The threads' bodies. */
void *producer_main(void *producer);
void *consumer_main(void *consumer);

#endif
