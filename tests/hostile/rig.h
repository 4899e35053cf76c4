/* rig.h - tests that each have a broker of their own, and count themselves. */
#ifndef HOSTILE_RIG_H
#define HOSTILE_RIG_H

#include <stdbool.h>
#include <stddef.h>

enum { ARGUMENTS_MAX = 16 };

struct test {
	const char *name; /* what must be true, as a sentence of words */
	void (*run)(void);

	/* leveret's, "-e" if none. "DATA" stands for a folder, "TLS" for all
	 * that a listener with a certificate of its own needs. */
	const char *arguments[ARGUMENTS_MAX];
};

/* Runs them all, or those whose name holds a word of argv, each beside a fresh
 * broker that must end in order afterwards. Returns main's exit status. */
int rig_main(
    const struct test *tests, size_t count, int argc, char **argv);

/* The port of the broker that runs now, and the one with TLS. */
unsigned rig_port(void);
unsigned rig_secure_port(void);

/* The file of that name in the test's folder: server.pem, server.key. */
const char *rig_file(const char *name);

/* Ends the broker by SIGTERM, or at once, and starts it on the same folder. */
void rig_restart(bool kill);

/* Ends the broker, writes over its store from that byte on, and starts it
 * again. */
void rig_damage(long from);

/* How much the broker has logged. */
long rig_logged(void);

/* No turn took so many milliseconds of the loop's own time, of a broker that has
 * DATA; if one did, or it does not say, that is printed. Sanitizers are given
 * several times as many. */
bool rig_turns_within(double ms);

/* Bytes of memory that the broker has now. */
size_t rig_memory(void);

/* Notes a failure of the running test if it is not so. */
#define CHECK(what) rig_check((what), #what, __FILE__, __LINE__)
bool rig_check(bool so, const char *what, const char *file, int line);

#endif
