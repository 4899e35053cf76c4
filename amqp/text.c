/* text.c - strings and numbers as readable text, and back. */
#include "amqp/text.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- writing ------------------------------------------------------------- */

void
text_printf(struct writer *w, const char *format, ...)
{
	char text[128];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < sizeof text);
	writer_bytes(w, (struct bytes){(const uint8_t *)text, (size_t)n});
}

static bool
letter_or_digit(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool
bare(struct bytes b, const char *marks)
{
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];
		if (!letter_or_digit(c) && (c == 0 || !strchr(marks, c)))
			return false;
	}
	return b.n != 0;
}

static void
put_quoted(struct writer *w, struct bytes b)
{
	writer_u8(w, '"');
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];
		if (c == '"' || c == '\\')
			writer_u8(w, '\\');
		if (c >= ' ' && c < 0x7f)
			writer_u8(w, c);
		else
			text_printf(w, "\\x%02x", c);
	}
	writer_u8(w, '"');
}

void
text_put_string(struct writer *w, struct bytes b)
{
	if (bare(b, "._:/@#*+-"))
		writer_bytes(w, b);
	else
		put_quoted(w, b);
}

void
text_put_key(struct writer *w, struct bytes b)
{
	if (bare(b, "._/@#*+-"))
		writer_bytes(w, b);
	else
		put_quoted(w, b);
}

/* --- reading ------------------------------------------------------------- */

bool
text_take(struct bytes *in, char c)
{
	if (in->n == 0 || in->p[0] != (uint8_t)c)
		return false;
	in->p++;
	in->n--;
	return true;
}

struct bytes
text_take_word(struct bytes *in, const char *ends)
{
	struct bytes word = {in->p, 0};
	while (in->n != 0 && (in->p[0] == 0 || !strchr(ends, in->p[0]))) {
		in->p++;
		in->n--;
		word.n++;
	}
	return word;
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What a backslash announces. */
static bool
take_escaped(struct bytes *in, struct writer *w)
{
	if (!text_take(in, 'x')) {
		if (in->n == 0)
			return false;
		writer_u8(w, *in->p);
		return text_take(in, '"') || text_take(in, '\\');
	}
	int high = in->n >= 2 ? hex_digit(in->p[0]) : -1;
	int low = in->n >= 2 ? hex_digit(in->p[1]) : -1;
	if (high < 0 || low < 0)
		return false;
	writer_u8(w, (uint8_t)(high << 4 | low));
	*in = (struct bytes){in->p + 2, in->n - 2};
	return true;
}

bool
text_take_string(struct bytes *in, const char *ends, struct writer *w)
{
	if (!text_take(in, '"')) {
		writer_bytes(w, text_take_word(in, ends));
		return true;
	}
	for (;;) {
		writer_bytes(w, text_take_word(in, "\"\\"));
		if (text_take(in, '"'))
			return true;
		if (!text_take(in, '\\') || !take_escaped(in, w))
			return false;
	}
}

bool
text_unsigned(struct bytes word, uint64_t max, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < word.n; i++) {
		uint8_t digit = (uint8_t)(word.p[i] - '0');
		if (digit > 9 || __builtin_mul_overflow(*v, 10, v) ||
		    __builtin_add_overflow(*v, digit, v))
			return false;
	}
	return word.n != 0 && *v <= max;
}

bool
text_signed(struct bytes word, int64_t min, int64_t max, int64_t *v)
{
	uint64_t magnitude;
	bool negative = text_take(&word, '-');
	if (!text_unsigned(word, (uint64_t)INT64_MAX + negative, &magnitude))
		return false;
	*v = (int64_t)(negative ? -magnitude : magnitude);
	return *v >= min && *v <= max;
}

bool
text_double(struct bytes word, double *v)
{
	char text[64], *end;
	if (word.n == 0 || word.n >= sizeof text || word.p[0] == ' ')
		return false;
	memcpy(text, word.p, word.n);
	text[word.n] = 0;
	*v = strtod(text, &end);
	return end == text + word.n && isfinite(*v);
}
