/* options.c - what the command line asks for. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "amqp/table.h"
#include "tests/bench/die.h"
#include "tests/bench/options.h"

enum kind { FLAG, NUMBER, LONG, REAL, TEXT, ACK, ADDRESS, ARGUMENT };

static const struct row {
	const char *name;
	int letter;
	enum kind kind;
	size_t offset;
	const char *value;
	const char *help;
} rows[] = {
#define OPTION(name, letter, kind, field, value, help)                         \
	{name, letter, kind, offsetof(struct options, field), value, help},
#include "tests/bench/options.def"
#undef OPTION
};

enum { ROWS = sizeof rows / sizeof *rows, FIRST_LONG = 256 };

static void
refuse(const struct row *row, const char *text)
{
	die(EXIT_USAGE, "--%s: cannot use '%s'", row->name, text);
}

static uint64_t
read_count(const struct row *row, const char *text, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n > max)
		refuse(row, text);
	return n;
}

static double
read_real(const struct row *row, const char *text)
{
	char *end;
	double n = strtod(text, &end);

	if (end == text || *end != '\0' || !(n >= 0 && n <= 1e9))
		refuse(row, text);
	return n;
}

static void
read_address(
    const struct row *row, const char *text, struct sockaddr_in *address)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN];

	if (colon == NULL || colon - text >= (ptrdiff_t)sizeof host)
		refuse(row, text);
	snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
	if (strcmp(host, "localhost") == 0)
		strcpy(host, "127.0.0.1");
	if (inet_pton(AF_INET, host, &address->sin_addr) != 1)
		refuse(row, text);
	address->sin_port =
	    htons((uint16_t)read_count(row, colon + 1, UINT16_MAX));
}

static void
read_argument(const struct row *row, const char *text, struct writer *table)
{
	const char *equals = strchr(text, '=');
	char key[64], *end;
	long long n;

	if (equals == NULL || equals - text >= (ptrdiff_t)sizeof key)
		refuse(row, text);
	snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
	n = strtoll(++equals, &end, 10);
	if (*equals != '\0' && *end == '\0')
		table_put_long(table, key, n);
	else if (strcmp(equals, "true") == 0 || strcmp(equals, "false") == 0)
		table_put_bool(table, key, *equals == 't');
	else
		table_put_longstr(table, key, bytes_str(equals));
}

static void
set(struct options *o, const struct row *row, const char *text)
{
	void *field = (char *)o + row->offset;

	switch (row->kind) {
	case FLAG:
		*(bool *)field = true;
		break;
	case NUMBER:
		*(unsigned *)field = (unsigned)read_count(row, text, INT_MAX);
		break;
	case LONG:
		*(uint64_t *)field = read_count(row, text, UINT64_MAX / 2);
		break;
	case REAL:
		*(double *)field = read_real(row, text);
		break;
	case TEXT:
		*(const char **)field = text;
		break;
	case ACK:
		*(unsigned *)field =
		    strcmp(text, "auto") == 0
			? 0
			: (unsigned)read_count(row, text, INT_MAX);
		break;
	case ADDRESS:
		read_address(row, text, field);
		break;
	case ARGUMENT:
		read_argument(row, text, field);
		break;
	}
}

static const struct row *
row_of(int letter)
{
	if (letter >= FIRST_LONG)
		return &rows[letter - FIRST_LONG];
	for (const struct row *row = rows; row < rows + ROWS; row++)
		if (row->letter == letter)
			return row;
	return NULL;
}

static void
check(const struct options *o)
{
	if (o->ack > o->prefetch && o->prefetch != 0)
		die(EXIT_USAGE,
		    "--ack above --prefetch would never be reached");
	if (o->prefetch > UINT16_MAX)
		die(EXIT_USAGE, "--prefetch goes up to 65535");
	if (o->queues == 0 || o->queues > 99999)
		die(EXIT_USAGE, "--queues goes from 1 to 99999");
	if (o->name != NULL && strlen(o->name) > 200)
		die(EXIT_USAGE, "--name goes up to 200 bytes");
	if (o->batch == 0 || o->batch > 1 << 30)
		die(EXIT_USAGE, "--batch goes from 1 to 1073741824");
}

void
options_parse(struct options *o, int argc, char **argv)
{
	struct option longs[ROWS + 1] = {{0}};
	char shorts[2 * ROWS + 1], *s = shorts;
	int letter;

	for (int i = 0; i < ROWS; i++) {
		bool value = rows[i].value != NULL;

		longs[i] =
		    (struct option){rows[i].name, value, NULL, FIRST_LONG + i};
		if (rows[i].letter == 0)
			continue;
		*s++ = (char)rows[i].letter;
		if (value)
			*s++ = ':';
	}
	*s = '\0';
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (row_of(letter) == NULL)
			die(EXIT_USAGE, "see leveretperf --help");
		set(o, row_of(letter), optarg);
	}
	if (optind < argc)
		die(EXIT_USAGE, "what is '%s'?", argv[optind]);
	check(o);
}

void
options_fini(struct options *o)
{
	writer_fini(&o->queue_arguments);
}

void
options_help(void)
{
	for (const struct row *row = rows; row < rows + ROWS; row++) {
		char left[64], letter[8] = "";

		if (row->letter != 0)
			snprintf(letter, sizeof letter, "-%c,", row->letter);
		snprintf(left, sizeof left, "%3s --%s %s", letter, row->name,
		    row->value != NULL ? row->value : "");
		printf("  %-25s %s\n", left, row->help);
	}
}
