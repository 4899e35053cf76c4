/* quote.c - writes a field value the way RabbitMQ's reply texts show it. */
#include "exchanges/quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void
append(struct writer *w, const char *text)
{
	writer_bytes(w, bytes_str(text));
}

static void
append_number(struct writer *w, int64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, number);
	append(w, text);
}

/* --- strings ------------------------------------------------------------- */

/* The letter of an escape sequence, or 0. */
static char
escape_letter(uint8_t c)
{
	static const char letters[256] = {
	    ['\b'] = 'b',
	    ['\t'] = 't',
	    ['\n'] = 'n',
	    ['\v'] = 'v',
	    ['\f'] = 'f',
	    ['\r'] = 'r',
	    [27] = 'e',
	    ['"'] = '"',
	    ['\\'] = '\\',
	};

	return letters[c];
}

/* Printable as Erlang sees it: each byte is a character of Latin-1. */
static bool
printable(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (escape_letter(b.p[i]) == 0 &&
		    (b.p[i] < 32 || (b.p[i] > 126 && b.p[i] < 160)))
			return false;
	return true;
}

static void
quote_text(struct writer *w, struct bytes b)
{
	writer_u8(w, '"');
	for (size_t i = 0; i < b.n; i++) {
		char letter = escape_letter(b.p[i]);

		if (letter != 0)
			writer_u8(w, '\\');
		writer_u8(w, letter != 0 ? (uint8_t)letter : b.p[i]);
	}
	writer_u8(w, '"');
}

static void
quote_octets(struct writer *w, struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (i > 0)
			writer_u8(w, ',');
		append_number(w, b.p[i]);
	}
}

static void
quote_bytes(struct writer *w, struct bytes b)
{
	append(w, "<<");
	if (!printable(b))
		quote_octets(w, b);
	else if (b.n > 0)
		quote_text(w, b);
	append(w, ">>");
}

/* --- floating point ------------------------------------------------------ */

/* The fewest digits that read back as d. */
static void
shortest(char *text, size_t size, double d)
{
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, size, "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			return;
	}
}

/* 1.5, 100.0, 1.0e22, 1.0e-5: always with a point, the exponent bare. */
static void
quote_double(struct writer *w, double d)
{
	char text[40], *e;

	if (d > -1e15 && d < 1e15 && d == (double)(int64_t)d) {
		snprintf(text, sizeof text, "%.1f", d);
		append(w, text);
		return;
	}
	shortest(text, sizeof text, d);
	e = strchr(text, 'e');
	if (e != NULL)
		*e = '\0';
	append(w, text);
	if (strchr(text, '.') == NULL)
		append(w, ".0");
	if (e != NULL) {
		append(w, "e");
		append_number(w, strtol(e + 1, NULL, 10));
	}
}

/* --- compounds ----------------------------------------------------------- */

static void
quote_decimal(struct writer *w, const struct amqp_value *v)
{
	append(w, "{");
	append_number(w, v->decimal.scale);
	append(w, ",");
	append_number(w, v->decimal.value);
	append(w, "}");
}

static void
quote_typed(struct writer *w, const struct amqp_value *v)
{
	append(w, amqp_type_name(v->tag));
	append(w, ",");
	quote_value(w, v);
	append(w, "}");
}

static void
quote_array(struct writer *w, struct bytes array)
{
	struct reader r = reader_of(array);
	struct amqp_value member;
	const char *before = "{";

	append(w, "[");
	for (; amqp_array_next(&r, &member); before = ",{") {
		append(w, before);
		quote_typed(w, &member);
	}
	append(w, "]");
}

static void
quote_table(struct writer *w, struct bytes table)
{
	struct reader r = reader_of(table);
	struct bytes key;
	struct amqp_value value;
	const char *before = "{";

	append(w, "[");
	for (; amqp_table_next(&r, &key, &value); before = ",{") {
		append(w, before);
		quote_bytes(w, key);
		append(w, ",");
		quote_typed(w, &value);
	}
	append(w, "]");
}

/* Depth is bounded by AMQP_TABLE_DEPTH. */
void
quote_value(struct writer *w, const struct amqp_value *v)
{
	switch (v->tag) {
	case 'S':
	case 'x':
		quote_bytes(w, v->bytes);
		break;
	case 't':
		append(w, v->t ? "true" : "false");
		break;
	case 'f':
	case 'd':
		quote_double(w, v->d);
		break;
	case 'D':
		quote_decimal(w, v);
		break;
	case 'A':
		quote_array(w, v->bytes);
		break;
	case 'F':
		quote_table(w, v->bytes);
		break;
	case 'V':
		append(w, "undefined");
		break;
	default:
		append_number(w, v->i);
	}
}
