/* die.h - the exit statuses, and ending with one sentence on stderr. */
#ifndef BENCH_DIE_H
#define BENCH_DIE_H

enum exit_status {
	EXIT_FINE = 0,
	EXIT_BROKER = 1, /* the broker or the network failed */
	EXIT_USAGE = 2,
	EXIT_CHECK = 3, /* the messages were not as they must be */
};

/* Prints "leveretperf: ..." and ends the process; any thread may call it. */
void die(enum exit_status status, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/* Prints "leveretperf: ..." and returns. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
