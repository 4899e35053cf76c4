/* usage.c - what leveretctl says of its commands, and of words that cannot be. */
#include "broker/usage.h"

#include <string.h>

#include "broker/control.h"
#include "broker/program.h"

static const struct option_row *options;
static size_t option_count;

void
usage_options(const struct option_row *rows, size_t count)
{
	options = rows;
	option_count = count;
}

void
usage_commands(FILE *out)
{
	fputs("\nCommands:\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "   %-29s %s\n", commands[i].name,
		    commands[i].sentence);
}

void
usage_print(FILE *out)
{
	fprintf(out,
	    "\nUsage\n\n%s [options] <command> [<command options>]\n\n"
	    "Options:\n\n",
	    program_name());
	for (const struct option_row *o = options; o < options + option_count;
	     o++)
		if (o->sentence != NULL)
			fprintf(out, "   %-4s%-20s %s\n",
			    o->letter != NULL ? o->letter : "", o->name,
			    o->sentence);
	usage_commands(out);
	fprintf(out, "\nUse '%s help <command>' to learn more about one\n",
	    program_name());
}

void
usage_command(FILE *out, const struct command *c)
{
	fprintf(out, "\nUsage\n\n%s [options] %s\n\n   %s\n", program_name(),
	    command_usage(c), c->sentence);
}

int
usage_help(const char *name)
{
	const struct command *c = name != NULL ? command_find(name) : NULL;

	if (name != NULL && c == NULL) {
		fprintf(stderr, "Error:\n\nCommand '%s' not found.\n", name);
		return CODE_USAGE;
	}
	if (c != NULL)
		usage_command(stdout, c);
	else
		usage_print(stdout);
	return CODE_OK;
}

int
usage_complete(const char *word)
{
	size_t n = strlen(word);

	for (const struct option_row *o = options; o < options + option_count;
	     o++)
		if (strncmp(o->name, word, n) == 0 && o->name[n] != '\0')
			puts(o->name);
	for (size_t i = 0; n > 0 && i < COMMANDS; i++)
		if (strncmp(commands[i].name, word, n) == 0 &&
		    commands[i].name[n] != '\0')
			puts(commands[i].name);
	return CODE_OK;
}

/* --- what was meant ---------------------------------------------------- */

enum { NAME = 64, NEAR = 2 };

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Letters to be changed, put in or left out to make one of the other. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME + 1], n = strlen(b);

	if (n > NAME)
		return NAME;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1,
			    corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[n];
}

/* NULL if none is near. */
static const char *
meant(const char *typed)
{
	size_t nearest = NEAR + 1;
	const char *name = NULL;

	for (size_t i = 0; i < COMMANDS; i++) {
		size_t d = distance(commands[i].name, typed);

		if (d >= nearest)
			continue;
		nearest = d;
		name = commands[i].name;
	}
	return name;
}

static void
refuse_name(const char *error, char **argv)
{
	const char *name = NULL;

	for (char **word = argv + 1; *word != NULL && name == NULL; word++)
		name = meant(*word);
	fprintf(stderr, "\n%s\n", error);
	if (name != NULL)
		fprintf(stderr, "Did you mean '%s'?\n\n", name);
	else
		usage_print(stderr);
}

void
usage_refuse(const struct command *c, const char *error, char **argv)
{
	if (c == NULL) {
		refuse_name(error, argv);
		return;
	}
	fprintf(stderr, "%s\nArguments given:\n\t", error);
	for (char **word = argv + 1; *word != NULL; word++)
		fprintf(stderr, "%s%s", *word, word[1] != NULL ? " " : "\n");
	usage_command(stderr, c);
}
