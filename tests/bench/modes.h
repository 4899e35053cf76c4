/* modes.h - what the program can be asked to do. */
#ifndef BENCH_MODES_H
#define BENCH_MODES_H

#include "tests/bench/die.h"
#include "tests/bench/options.h"

/* Each does one run and prints one JSON line. */
enum exit_status mode_throughput(const struct options *);
enum exit_status mode_latency(const struct options *);
enum exit_status mode_fill_drain(const struct options *);
enum exit_status mode_delay(const struct options *);
enum exit_status mode_verify(const struct options *);
enum exit_status mode_check(const struct options *);
enum exit_status mode_selftest(const struct options *);

#endif
