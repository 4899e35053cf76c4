/* admin_table.c - tables as rabbitmqadmin prints them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/admin.h"

static const struct cell *
cell(const struct answer *a, size_t row, size_t column)
{
	return &a->cells[row * a->columns + column];
}

/* --- boxes --------------------------------------------------------------- */

/* Characters of UTF-8, each taken to be as wide as any other. */
static size_t
width(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static size_t *
widths(const struct answer *a)
{
	size_t *all = xcalloc(a->columns, sizeof *all), n;

	for (size_t i = 0; i < a->count; i++) {
		n = width(a->cells[i].text);
		if (n > all[i % a->columns])
			all[i % a->columns] = n;
	}
	return all;
}

static void
repeat(const char *text, size_t times)
{
	for (; times > 0; times--)
		fputs(text, stdout);
}

struct border {
	const char *line, *upright;
	const char *top[3], *middle[3], *bottom[3]; /* left, between, right */
};

static const struct border ascii = {"-", "|", {"+", "+", "+"},
    {"+", "+", "+"}, {"+", "+", "+"}};
static const struct border lines = {"─", "│", {"┌", "┬", "┐"},
    {"├", "┼", "┤"}, {"└", "┴", "┘"}};

static void
rule(const struct answer *a, const size_t *wide, const struct border *b,
    const char *const corners[3])
{
	for (size_t i = 0; i < a->columns; i++) {
		fputs(corners[i > 0], stdout);
		repeat(b->line, wide[i] + 2);
	}
	puts(corners[2]);
}

/* Names of columns stand in the middle, values at the left. */
static void
row(const struct answer *a, size_t n, const size_t *wide,
    const struct border *b)
{
	for (size_t i = 0; i < a->columns; i++) {
		const char *text = cell(a, n, i)->text;
		size_t room = wide[i] - width(text);
		size_t left = n == 0 ? room / 2 : 0;

		printf("%s ", b->upright);
		repeat(" ", left);
		fputs(text, stdout);
		repeat(" ", room - left + 1);
	}
	puts(b->upright);
}

static void
print_box(const struct answer *a, const struct border *b)
{
	size_t *wide;

	if (answer_rows(a) == 0) {
		puts("No items");
		return;
	}
	wide = widths(a);
	rule(a, wide, b, b->top);
	row(a, 0, wide, b);
	rule(a, wide, b, b->middle);
	for (size_t i = 1; i <= answer_rows(a); i++)
		row(a, i, wide, b);
	rule(a, wide, b, b->bottom);
	free(wide);
}

/* --- lines --------------------------------------------------------------- */

static void
print_joined(const struct answer *a, size_t first, const char *between)
{
	for (size_t n = first; n <= answer_rows(a); n++)
		for (size_t i = 0; i < a->columns; i++)
			printf("%s%s", cell(a, n, i)->text,
			    i + 1 < a->columns ? between : "\n");
}

static void
print_long(const struct answer *a)
{
	static const char dashes[] =
	    "----------------------------------------"
	    "----------------------------------------";
	int wide = 0;

	for (size_t i = 0; i < a->columns; i++)
		if ((int)width(a->cells[i].text) > wide)
			wide = (int)width(a->cells[i].text);
	puts("");
	for (size_t n = 1; n <= answer_rows(a); n++) {
		puts(dashes);
		for (size_t i = 0; i < a->columns; i++)
			printf("%*s: %s\n", wide, a->cells[i].text,
			    cell(a, n, i)->text);
		puts(dashes);
		puts("");
	}
}

static void
print_kvp(const struct answer *a)
{
	for (size_t n = 1; n <= answer_rows(a); n++)
		for (size_t i = 0; i < a->columns; i++)
			printf("%s=\"%s\"%s", a->cells[i].text,
			    cell(a, n, i)->text,
			    i + 1 < a->columns ? " " : "\n");
}

/* The first column, as words. */
static void
print_bash(const struct answer *a)
{
	for (size_t n = 1; n <= answer_rows(a); n++)
		printf("%s%s", cell(a, n, 0)->text,
		    n < answer_rows(a) ? " " : "\n");
}

/* --- JSON ---------------------------------------------------------------- */

static void
quote(const char *text)
{
	bool utf8 = bytes_utf8(bytes_str(text));

	putchar('"');
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void
print_json(const struct answer *a, bool pretty)
{
	const char *line = pretty ? "\n" : "", *in = pretty ? "  " : "";

	printf("[%s", line);
	for (size_t n = 1; n <= answer_rows(a); n++) {
		printf("%s{%s", in, line);
		for (size_t i = 0; i < a->columns; i++) {
			const struct cell *c = cell(a, n, i);

			printf("%s%s", in, in);
			quote(a->cells[i].text);
			fputs(pretty ? ": " : ":", stdout);
			if (c->bare && c->text[0] != '\0')
				fputs(c->text, stdout);
			else
				quote(c->text);
			printf("%s%s", i + 1 < a->columns ? "," : "", line);
		}
		printf("%s}%s%s", in, n < answer_rows(a) ? "," : "", line);
	}
	puts("]");
}

void
admin_print(const struct answer *a, enum admin_format format)
{
	switch (format) {
	case ADMIN_TABLE:
		print_box(a, &ascii);
		break;
	case ADMIN_BOX:
		print_box(a, &lines);
		break;
	case ADMIN_PLAIN:
		print_joined(a, 1, "\t");
		break;
	case ADMIN_TSV:
		print_joined(a, 0, "\t");
		break;
	case ADMIN_LONG:
		print_long(a);
		break;
	case ADMIN_KVP:
		print_kvp(a);
		break;
	case ADMIN_BASH:
		print_bash(a);
		break;
	case ADMIN_RAW_JSON:
	case ADMIN_PRETTY_JSON:
		print_json(a, format == ADMIN_PRETTY_JSON);
		break;
	}
}
