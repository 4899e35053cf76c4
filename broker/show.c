/* show.c - values as rabbitmqctl's formats write them. */
#include "broker/show.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Names may hold anything: what would move the cursor is shown escaped. */
void
show_plain(FILE *out, struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] == '\t')
			fputs("\\t", out);
		else if (b.p[i] == '\n')
			fputs("\\n", out);
		else if (b.p[i] < 0x20 || b.p[i] == 0x7f)
			fprintf(out, "\\x%02x", b.p[i]);
		else
			putc(b.p[i], out);
	}
}

/* JSON is UTF-8: bytes that are not are shown as Latin-1 characters. */
void
show_quoted(FILE *out, struct bytes b)
{
	bool utf8 = bytes_utf8(b);

	putc('"', out);
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c == '\t')
			fputs("\\t", out);
		else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			fprintf(out, "\\u%04x", c);
		else
			putc(c, out);
	}
	putc('"', out);
}

/* <<"x">>; bytes that are no text as numbers, as Erlang does. */
static void
show_binary(FILE *out, struct bytes b)
{
	if (b.n == 0) {
		fputs("<<>>", out);
	} else if (bytes_utf8(b)) {
		fputs("<<", out);
		show_quoted(out, b);
		fputs(">>", out);
	} else {
		for (size_t i = 0; i < b.n; i++)
			fprintf(out, "%s%u", i == 0 ? "<<" : ",", b.p[i]);
		fputs(">>", out);
	}
}

void
show_atom(FILE *out, struct bytes b)
{
	bool bare = b.n > 0 && islower(b.p[0]);

	for (size_t i = 0; i < b.n; i++)
		bare = bare && (isalnum(b.p[i]) || strchr("_@", b.p[i]) != NULL);
	fputs(bare ? "" : "'", out);
	show_plain(out, b);
	fputs(bare ? "" : "'", out);
}

static void
show_text(FILE *out, enum show how, struct bytes text, bool inside)
{
	if (how == SHOW_ERLANG)
		show_binary(out, text);
	else if (how == SHOW_JSON || inside)
		show_quoted(out, text);
	else
		show_plain(out, text);
}

static void show(FILE *, enum show, const struct amqp_value *, bool inside);

/* {"x-max-length",10}, ["x-max-length","signedint",10],
 * {<<"x-max-length">>,signedint,10}. */
static void
show_pair(FILE *out, enum show how, struct bytes key, const struct amqp_value *v)
{
	const char *type = amqp_type_name(v->tag);

	putc(how == SHOW_JSON ? '[' : '{', out);
	show_text(out, how, key, true);
	putc(',', out);
	if (how == SHOW_JSON)
		fprintf(out, "\"%s\",", type);
	if (how == SHOW_ERLANG)
		fprintf(out, "%s,", type);
	show(out, how, v, true);
	putc(how == SHOW_JSON ? ']' : '}', out);
}

static void
show_table(FILE *out, enum show how, struct bytes table)
{
	struct reader r = reader_of(table);
	struct amqp_value value;
	struct bytes key;

	putc('[', out);
	for (bool first = true; amqp_table_next(&r, &key, &value);
	     first = false) {
		if (!first)
			putc(',', out);
		show_pair(out, how, key, &value);
	}
	putc(']', out);
}

/* Between tabs, outside of tables: [administrator, monitoring]; names are Erlang's
 * atoms. */
static void
show_array(FILE *out, enum show how, struct bytes array, bool inside)
{
	struct reader r = reader_of(array);
	struct amqp_value value;

	putc('[', out);
	for (bool first = true; amqp_array_next(&r, &value); first = false) {
		if (!first)
			fputs(how == SHOW_TAB && !inside ? ", " : ",", out);
		if (how == SHOW_ERLANG && !inside && value.tag == 'S')
			show_atom(out, value.bytes);
		else
			show(out, how, &value, inside);
	}
	putc(']', out);
}

static void
show_nothing(FILE *out, enum show how, bool inside)
{
	if (how == SHOW_JSON)
		fputs(inside ? "null" : "\"\"", out);
	else if (how == SHOW_ERLANG)
		fputs(inside ? "undefined" : "''", out);
	else if (inside)
		fputs("undefined", out);
}

/* As short as it can be, and a fraction even if it is whole. */
static void
show_real(FILE *out, double d)
{
	char text[40];
	int digits = 1;

	do
		snprintf(text, sizeof text, "%.*g", digits, d);
	while (strtod(text, NULL) != d && ++digits < 18);
	fputs(text, out);
	if (strpbrk(text, ".en") == NULL)
		fputs(".0", out);
}

/* inside a table, texts are quoted whatever the format. */
static void
show(FILE *out, enum show how, const struct amqp_value *v, bool inside)
{
	switch (v->tag) {
	case 'S':
	case 'x':
		show_text(out, how, v->bytes, inside);
		break;
	case 'F':
		show_table(out, how, v->bytes);
		break;
	case 'A':
		show_array(out, how, v->bytes, inside);
		break;
	case 't':
		fputs(v->t ? "true" : "false", out);
		break;
	case 'f':
	case 'd':
		show_real(out, v->d);
		break;
	case 'D':
		fprintf(out, "%de-%u", v->decimal.value, v->decimal.scale);
		break;
	case 'V':
		show_nothing(out, how, inside);
		break;
	default:
		fprintf(out, "%lld", (long long)v->i);
	}
}

void
show_value(FILE *out, enum show how, const struct amqp_value *value)
{
	show(out, how, value, false);
}
