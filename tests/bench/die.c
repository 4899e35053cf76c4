/* die.c - the exit statuses, and ending with one sentence on stderr. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/die.h"

/* One write per line, so that lines of several threads do not mix. */
static void
say(const char *format, va_list args)
{
	char text[1024];
	int n = vsnprintf(text, sizeof text, format, args);

	if (n >= 0)
		fprintf(stderr, "leveretperf: %s\n", text);
}

void
complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void
die(enum exit_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	/* Other threads still run: no exit handlers. */
	_exit(status);
}
