/* json.c - one object on one line of stdout. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "tests/bench/die.h"
#include "tests/bench/json.h"

static bool first;

static void
quoted(const char *text)
{
	putchar('"');
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if ((unsigned char)*p < 0x20)
			printf("\\u%04x", *p);
		else
			putchar(*p);
	}
	putchar('"');
}

static void
name(const char *key)
{
	if (!first)
		putchar(',');
	first = false;
	quoted(key);
	putchar(':');
}

void
json_begin(void)
{
	putchar('{');
	first = true;
}

void
json_text(const char *key, const char *value)
{
	if (value == NULL)
		return;
	name(key);
	quoted(value);
}

void
json_count(const char *key, uint64_t value)
{
	name(key);
	printf("%llu", (unsigned long long)value);
}

void
json_number(const char *key, double value)
{
	name(key);
	if (!isfinite(value))
		printf("null");
	else
		printf("%.*f", fabs(value) >= 1000 ? 0 : 3, value);
}

void
json_object(const char *key)
{
	name(key);
	json_begin();
}

void
json_close(void)
{
	putchar('}');
	first = false;
}

void
json_end(void)
{
	printf("}\n");
	if (fflush(stdout) != 0)
		die(EXIT_BROKER, "cannot write the result to stdout");
}
