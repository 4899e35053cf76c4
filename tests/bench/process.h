/* process.h - what another process has used of the machine. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdint.h>

struct process_use {
	int64_t cpu; /* ns, user and system, of all its threads */
	uint64_t rss;
	uint64_t rss_peak; /* bytes, since it started */
};

/* Fills in zeros for pid 0. A process that cannot be read ends this one. */
struct process_use process_use(int pid);

#endif
