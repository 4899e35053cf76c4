/* verdict.h - tells what a journal shows. */
#ifndef BENCH_VERDICT_H
#define BENCH_VERDICT_H

#include <stdio.h>

#include "tests/bench/die.h"
#include "tests/bench/options.h"

/* Prints the JSON line, a sentence to stderr for each kind of fault, and
 * returns the exit status. A journal that is not to have ended yet is only
 * counted. */
enum exit_status verdict(
    FILE *journal, const struct options *, const char *mode, bool ended);

#endif
