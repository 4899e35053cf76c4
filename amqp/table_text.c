/* table_text.c - field tables as readable text, and back. */
#include "amqp/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/text.h"

/* --- printing ------------------------------------------------------------ */

static void print_value(struct writer *, const struct amqp_value *);

static void
print_array(struct writer *w, struct bytes array)
{
	struct reader r = reader_of(array);
	struct amqp_value value;
	const char *comma = "";
	writer_u8(w, '[');
	for (; amqp_array_next(&r, &value); comma = ",") {
		writer_bytes(w, bytes_str(comma));
		print_value(w, &value);
	}
	writer_u8(w, ']');
}

void
amqp_table_print(struct writer *w, struct bytes table)
{
	struct reader r = reader_of(table);
	struct bytes key;
	struct amqp_value value;
	const char *comma = "";
	writer_u8(w, '{');
	for (; amqp_table_next(&r, &key, &value); comma = ",") {
		writer_bytes(w, bytes_str(comma));
		text_put_key(w, key);
		writer_u8(w, ':');
		print_value(w, &value);
	}
	writer_u8(w, '}');
}

/* The fewest digits of those two that give the same number back. */
static void
print_float(struct writer *w, float f)
{
	char text[32];
	snprintf(text, sizeof text, "%.6g", (double)f);
	text_printf(w, strtof(text, NULL) == f ? "%.6g" : "%.9g", (double)f);
}

static void
print_double(struct writer *w, double d)
{
	char text[32];
	snprintf(text, sizeof text, "%.15g", d);
	text_printf(w, strtod(text, NULL) == d ? "%.15g" : "%.17g", d);
}

static void
print_plain(struct writer *w, const struct amqp_value *value)
{
	switch (value->tag) {
	case 't':
		return text_printf(w, "%d", value->t);
	case 'f':
		return print_float(w, (float)value->d);
	case 'd':
		return print_double(w, value->d);
	case 'T':
		return text_printf(w, "%llu", (unsigned long long)value->i);
	case 'D':
		return text_printf(w, "%u:%d", value->decimal.scale,
		    (int)value->decimal.value);
	case 'S':
	case 'x':
		return text_put_string(w, value->bytes);
	default:
		return text_printf(w, "%lld", (long long)value->i);
	}
}

/* A table or an array shows by its bracket what it is, any other value begins
 * with its tag. */
static void
print_value(struct writer *w, const struct amqp_value *value)
{
	if (value->tag == 'F')
		return amqp_table_print(w, value->bytes);
	if (value->tag == 'A')
		return print_array(w, value->bytes);
	writer_u8(w, (uint8_t)value->tag);
	if (value->tag == 'V')
		return;
	writer_u8(w, ':');
	print_plain(w, value);
}

/* --- scanning ------------------------------------------------------------ */

static const char ends[] = ",]}";

/* Halfway from the largest float to the next, were there one. */
#define FLOAT_BEYOND 0x1.ffffffp127

static bool scan_pairs(struct writer *, struct bytes *in, int depth);
static bool scan_members(struct writer *, struct bytes *in, int depth);

static bool
scan_integer(
    struct writer *w, struct bytes *in, unsigned size, int64_t min, int64_t max)
{
	int64_t v;
	if (!text_signed(text_take_word(in, ends), min, max, &v))
		return false;
	while (size-- > 0)
		writer_u8(w, (uint8_t)((uint64_t)v >> size * 8));
	return true;
}

static bool
scan_timestamp(struct writer *w, struct bytes *in)
{
	uint64_t v;
	if (!text_unsigned(text_take_word(in, ends), UINT64_MAX, &v))
		return false;
	writer_u64(w, v);
	return true;
}

static bool
scan_double(struct writer *w, struct bytes *in)
{
	double d;
	uint64_t bits;
	if (!text_double(text_take_word(in, ends), &d))
		return false;
	memcpy(&bits, &d, sizeof bits);
	writer_u64(w, bits);
	return true;
}

static bool
scan_float(struct writer *w, struct bytes *in)
{
	double d;
	uint32_t bits;
	if (!text_double(text_take_word(in, ends), &d) ||
	    fabs(d) >= FLOAT_BEYOND)
		return false;
	float f = (float)d;
	memcpy(&bits, &f, sizeof bits);
	writer_u32(w, bits);
	return true;
}

static bool
scan_decimal(struct writer *w, struct bytes *in)
{
	uint64_t scale;
	if (!text_unsigned(text_take_word(in, ":"), UINT8_MAX, &scale) ||
	    !text_take(in, ':'))
		return false;
	writer_u8(w, (uint8_t)scale);
	return scan_integer(w, in, 4, INT32_MIN, INT32_MAX);
}

static bool
scan_string(struct writer *w, struct bytes *in)
{
	size_t mark = writer_mark(w);
	bool good = text_take_string(in, ends, w);
	writer_patch(w, mark);
	return good;
}

static bool
scan_plain(struct writer *w, struct bytes *in, uint8_t tag)
{
	/* clang-format off */
	switch (tag) {
	case 't': return scan_integer(w, in, 1, 0, 1);
	case 'b': return scan_integer(w, in, 1, INT8_MIN, INT8_MAX);
	case 'B': return scan_integer(w, in, 1, 0, UINT8_MAX);
	case 's': return scan_integer(w, in, 2, INT16_MIN, INT16_MAX);
	case 'u': return scan_integer(w, in, 2, 0, UINT16_MAX);
	case 'I': return scan_integer(w, in, 4, INT32_MIN, INT32_MAX);
	case 'i': return scan_integer(w, in, 4, 0, UINT32_MAX);
	case 'l':
	case 'L': return scan_integer(w, in, 8, INT64_MIN, INT64_MAX);
	case 'T': return scan_timestamp(w, in);
	case 'f': return scan_float(w, in);
	case 'd': return scan_double(w, in);
	case 'D': return scan_decimal(w, in);
	case 'S':
	case 'x': return scan_string(w, in);
	default: return false;
	}
	/* clang-format on */
}

static bool
scan_inside(struct writer *w, struct bytes *in, uint8_t tag, int depth)
{
	writer_u8(w, tag);
	size_t mark = writer_mark(w);
	bool good = depth < AMQP_TABLE_DEPTH &&
		    (tag == 'F' ? scan_pairs : scan_members)(w, in, depth + 1);
	writer_patch(w, mark);
	return good;
}

static bool
scan_value(struct writer *w, struct bytes *in, int depth)
{
	if (in->n != 0 && in->p[0] == '{')
		return scan_inside(w, in, 'F', depth);
	if (in->n != 0 && in->p[0] == '[')
		return scan_inside(w, in, 'A', depth);
	struct bytes tag = text_take_word(in, ":,]}");
	if (tag.n != 1)
		return false;
	writer_u8(w, tag.p[0]);
	return tag.p[0] == 'V' ||
	       (text_take(in, ':') && scan_plain(w, in, tag.p[0]));
}

static bool
scan_pair(struct writer *w, struct bytes *in, int depth)
{
	size_t at = w->n;
	writer_u8(w, 0);
	if (!text_take_string(in, ":,]}", w) || w->n - at - 1 > UINT8_MAX ||
	    !text_take(in, ':'))
		return false;
	w->p[at] = (uint8_t)(w->n - at - 1);
	return scan_value(w, in, depth);
}

static bool
scan_pairs(struct writer *w, struct bytes *in, int depth)
{
	if (!text_take(in, '{'))
		return false;
	if (text_take(in, '}'))
		return true;
	do {
		if (!scan_pair(w, in, depth))
			return false;
	} while (text_take(in, ','));
	return text_take(in, '}');
}

static bool
scan_members(struct writer *w, struct bytes *in, int depth)
{
	if (!text_take(in, '['))
		return false;
	if (text_take(in, ']'))
		return true;
	do {
		if (!scan_value(w, in, depth))
			return false;
	} while (text_take(in, ','));
	return text_take(in, ']');
}

bool
amqp_table_scan(struct writer *w, struct bytes text)
{
	size_t before = w->n;
	if (scan_pairs(w, &text, 0) && text.n == 0)
		return true;
	w->n = before;
	return false;
}
