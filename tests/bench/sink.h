/* sink.h - a broker that only copies, to see what the load program can do and
 * whether it notices what a broker does wrong. */
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include "tests/bench/options.h"

/* Starts it in a child process that ends with this one, and points address and
 * pid at it. options->fault is what it does wrong. */
void sink_start(struct options *);

#endif
