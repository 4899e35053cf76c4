/* journal.c - writes down what happens to numbered messages. */
#include <errno.h>
#include <string.h>

#include "tests/bench/die.h"
#include "tests/bench/journal.h"

static FILE *
must_open(const char *path, const char *mode)
{
	FILE *f = fopen(path, mode);

	if (f == NULL)
		die(EXIT_USAGE, "journal %s: %s", path, strerror(errno));
	return f;
}

void
journal_begin(FILE *f, unsigned queues, unsigned priorities)
{
	fprintf(f, "leveretperf-journal 2 %u %u\n", queues, priorities);
}

FILE *
journal_create(const char *path, unsigned queues, unsigned priorities)
{
	FILE *f = must_open(path, "w+");

	journal_begin(f, queues, priorities);
	return f;
}

FILE *
journal_append(const char *path)
{
	return must_open(path, "a+");
}

void
journal_range(FILE *f, char event, uint64_t first, uint64_t last)
{
	fprintf(f, "%c %llu %llu\n", event, (unsigned long long)first,
	    (unsigned long long)last);
}

void
journal_delivery(FILE *f, uint64_t number, unsigned queue, bool redelivered)
{
	fprintf(f, "D %llu %u %d\n", (unsigned long long)number, queue,
	    redelivered);
}

void
journal_number(FILE *f, char event, uint64_t number)
{
	fprintf(f, "%c %llu\n", event, (unsigned long long)number);
}

void
journal_mark(FILE *f, char event)
{
	fprintf(f, "%c\n", event);
}

void
journal_flush(FILE *f)
{
	if (fflush(f) != 0 || ferror(f))
		die(EXIT_BROKER, "cannot write the journal");
}
