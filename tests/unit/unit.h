/* unit.h - runs a table of CUnit tests and ends with "N passed, N failed". */
#ifndef UNIT_H
#define UNIT_H

#include <CUnit/Basic.h>

struct unit_test {
	const char *name; /* what must be true, as a sentence of words */
	void (*run)(void);
};

/* Runs them all, prints a line for each failed assertion and the closing line
 * to stdout, and returns main's exit status: 0 if at least one ran and none
 * failed. */
int unit_main(
    const char *suite, const struct unit_test *tests, size_t count);

#define UNIT_MAIN(suite, tests)                                                \
	int main(void)                                                         \
	{                                                                      \
		return unit_main(                                              \
		    suite, tests, sizeof(tests) / sizeof *(tests));            \
	}

#endif
