/* case.h - end-to-end cases: each a process of its own and one line of output.
 */
#ifndef CLIENT_CASE_H
#define CLIENT_CASE_H

#include <stdbool.h>
#include <stddef.h>

struct test_case {
	const char *name; /* what must be true, as words */
	void (*run)(void);
};

/* Whose broker a program's cases talk to. */
enum case_broker {
	CASE_SHARED, /* AMQP_URL from the environment or, without one, a
			leveret started for all of them */
	CASE_OWN,    /* each starts leveret itself; skipped with AMQP_URL */
};

/* Runs the cases whose name contains argv[1], if given. Prints a line for
 * each, and "N passed, N failed" as the last; returns main's exit status: 0 if
 * none failed and at least one ran, 77 if they were skipped. */
int case_main(int argc, char **argv, enum case_broker,
    const struct test_case *cases, size_t count);

#define CASE_MAIN(whose, cases)                                                \
	int main(int argc, char **argv)                                        \
	{                                                                      \
		return case_main(argc, argv, whose, cases,                     \
		    sizeof(cases) / sizeof *(cases));                          \
	}

/* The address of the broker under test. */
const char *case_url(void);

/* A folder that goes when the program ends; borrowed. */
const char *case_folder(void);

/* "WORD" made into a name that no other case uses; the caller frees it. */
char *case_name(const char *word);

/* Ends the case that is running as failed. */
_Noreturn void case_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define fail(...) case_fail(__FILE__, __LINE__, __VA_ARGS__)

#define expect(truth)                                                          \
	do {                                                                   \
		if (!(truth))                                                  \
			fail("not so: %s", #truth);                            \
	} while (0)

#define expect_number(seen, wanted)                                            \
	do {                                                                   \
		long long seen_ = (long long)(seen);                           \
		long long wanted_ = (long long)(wanted);                       \
		if (seen_ != wanted_)                                          \
			fail("%s is %lld instead of %lld", #seen, seen_,       \
			    wanted_);                                          \
	} while (0)

#endif
