/* options.h - what the command line asks for. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "amqp/wire.h"

struct options {
	/* the broker */
	struct sockaddr_in address;
	const char *user;
	const char *password;
	const char *vhost;
	double timeout; /* seconds a reply may take */
	double wait;    /* seconds to keep trying to connect */
	int pid;        /* the broker's process, or 0 */

	/* queues and exchange */
	const char *name; /* prefix of every name */
	unsigned queues;
	bool durable;
	bool keep;            /* leave queues and exchange behind */
	const char *exchange; /* a type, or NULL for the default exchange */
	unsigned delay;       /* ms in an x-delayed-message exchange; 0: none */
	unsigned delay_least; /* ms, of delay: no message's is shorter */
	bool together;	      /* all end at the same time */
	bool expire; /* delays are expirations, with dead letters behind */
	unsigned bindings;    /* further ones, that match nothing published */
	struct writer queue_arguments;

	/* the load */
	unsigned producers;
	unsigned consumers;
	uint64_t size; /* bytes of body */
	bool persistent;
	unsigned window;   /* unconfirmed messages; 0: no confirms */
	unsigned ack;      /* ack each so many deliveries; 0: auto */
	unsigned prefetch; /* 0: none */
	double rate;       /* messages per second and producer; 0: all */
	uint64_t batch;    /* bytes gathered before a write */
	double duration;   /* seconds, the warm-up included */
	double warmup;
	uint64_t count;

	/* fill-drain, verify and check */
	const char *only;
	const char *journal;
	double idle;     /* seconds without a message that mean no more */
	unsigned settle; /* close the channel each so many deliveries */
	unsigned requeue;
	unsigned transient;
	unsigned priorities;
	unsigned cut;

	bool sink; /* see sink.h */
	const char *fault;

	const char *label; /* copied to the result */
};

/* Reads what stands behind the mode; ends the process with a sentence and
 * EXIT_USAGE if it cannot. Text borrows from argv. */
void options_parse(struct options *, int argc, char **argv);
void options_fini(struct options *);

/* The lines about options, for --help. */
void options_help(void);

#endif
