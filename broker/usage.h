/* usage.h - what leveretctl says of its commands, and of words that cannot be. */
#ifndef BROKER_USAGE_H
#define BROKER_USAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "broker/words.h"

/* An option of the tool itself. */
struct option_row {
	const char *name, *letter;
	size_t text;          /* offset of its value, or 0 */
	size_t flag;          /* offset of what is set */
	const char *sentence; /* NULL: taken for scripts' sake, means nothing */
};

/* The options that help speaks of; borrowed. */
void usage_options(const struct option_row *, size_t count);

/* What the tool can do; its commands alone; how one command is used. */
void usage_print(FILE *);
void usage_commands(FILE *);
void usage_command(FILE *, const struct command *);

/* Help on a command, on all without a name. Returns the exit code. */
int usage_help(const char *name);

/* Tells what a word may become, a line each. Returns the exit code. */
int usage_complete(const char *word);

/* Tells what was wrong with what was typed. command is NULL if there is none of
 * the name typed. */
void usage_refuse(const struct command *, const char *error, char **argv);

#endif
