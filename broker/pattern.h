/* pattern.h - a regular expression as permissions and policies use them.
 *
 * Perl's syntax on bytes, found anywhere in the name unless it is anchored, as
 * RabbitMQ does. */
#ifndef BROKER_PATTERN_H
#define BROKER_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "amqp/bytes.h"

struct pattern;

/* NULL with a sentence if it does not compile: "missing closing parenthesis at
 * 1". */
struct pattern *pattern_new(struct bytes text, char *error, size_t size);
void pattern_free(struct pattern *);

/* One that takes too long (see pattern.c's limits) does not match, and is
 * logged, ever more seldom. */
bool pattern_matches(struct pattern *, struct bytes name);

/* The same; what it is matched with is never logged. */
bool pattern_matches_secret(struct pattern *, struct bytes secret);

/* Takes what matches that were not over soon have cost off a turn's budget, or off
 * that of a slice: for loops over many names, and for whoever serves clients. What
 * is more than there is of it is left for the next one. False: nothing remains of this. */
bool pattern_spend(size_t *budget);

#endif
