/* json_table.c - argument tables as JSON. */
#include "broker/json_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/table.h"
#include "broker/json.h"

/* --- to JSON ------------------------------------------------------------- */

static void put_value(struct writer *, const struct amqp_value *);

static void
put_text(struct writer *w, const char *text)
{
	writer_bytes(w, bytes_str(text));
}

static void
put_integer(struct writer *w, const struct amqp_value *v)
{
	char text[32];

	snprintf(text, sizeof text, v->tag == 'T' ? "%llu" : "%lld",
	    (long long)v->i);
	put_text(w, text);
}

static double
decimal(const struct amqp_value *v)
{
	double d = v->decimal.value;

	for (unsigned i = 0; i < v->decimal.scale; i++)
		d /= 10;
	return d;
}

static void
put_array(struct writer *w, struct bytes array)
{
	struct reader r = reader_of(array);
	struct amqp_value v;
	const char *between = "";

	put_text(w, "[");
	for (; amqp_array_next(&r, &v); between = ",") {
		put_text(w, between);
		put_value(w, &v);
	}
	put_text(w, "]");
}

static void
put_value(struct writer *w, const struct amqp_value *v)
{
	switch (v->tag) {
	case 'S':
	case 'x':
		json_quote(w, v->bytes);
		break;
	case 'F':
		table_to_json(w, v->bytes);
		break;
	case 'A':
		put_array(w, v->bytes);
		break;
	case 't':
		put_text(w, v->t ? "true" : "false");
		break;
	case 'f':
	case 'd':
		json_put_fraction(w, v->d);
		break;
	case 'D':
		json_put_fraction(w, decimal(v));
		break;
	case 'V':
		put_text(w, "\"undefined\"");
		break;
	default:
		put_integer(w, v);
	}
}

void
table_to_json(struct writer *w, struct bytes table)
{
	struct reader r = reader_of(table);
	struct amqp_value v;
	struct bytes key;
	const char *between = "";

	put_text(w, "{");
	for (; amqp_table_next(&r, &key, &v); between = ",") {
		put_text(w, between);
		json_quote(w, key);
		put_text(w, ":");
		put_value(w, &v);
	}
	put_text(w, "}");
}

/* --- from JSON ----------------------------------------------------------- */

/* What goes down with the recursion. */
struct reading {
	struct writer *out;
	unsigned depth;
	const char *wrong; /* NULL: nothing */
};

static void read_value(struct reading *, const json_t *);

static void
read_pairs(struct reading *r, const json_t *object)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)object, key, v) {
		if (strlen(key) > UINT8_MAX)
			r->wrong = "a key is longer than 255 bytes";
		if (r->wrong != NULL)
			return;
		writer_shortstr(r->out, bytes_str(key));
		read_value(r, v);
	}
}

static void
read_members(struct reading *r, const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array) && r->wrong == NULL; i++)
		read_value(r, json_array_get(array, i));
}

static void
read_inside(struct reading *r, char tag, const json_t *v)
{
	size_t mark;

	writer_u8(r->out, (uint8_t)tag);
	mark = writer_mark(r->out);
	if (++r->depth > AMQP_TABLE_DEPTH)
		r->wrong = "it is nested more than 64 levels deep";
	else if (tag == 'F')
		read_pairs(r, v);
	else
		read_members(r, v);
	r->depth--;
	writer_patch(r->out, mark);
}

static void
read_number(struct reading *r, char tag, uint64_t bits)
{
	writer_u8(r->out, (uint8_t)tag);
	writer_u64(r->out, bits);
}

static void
read_fraction(struct reading *r, double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof bits);
	read_number(r, 'd', bits);
}

static void
read_value(struct reading *r, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		read_inside(r, 'F', v);
		break;
	case JSON_ARRAY:
		read_inside(r, 'A', v);
		break;
	case JSON_STRING:
		writer_u8(r->out, 'S');
		writer_longstr(r->out, json_bytes(v));
		break;
	case JSON_INTEGER:
		read_number(r, 'l', (uint64_t)json_integer_value(v));
		break;
	case JSON_REAL:
		read_fraction(r, json_real_value(v));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		writer_u8(r->out, 't');
		writer_u8(r->out, json_is_true(v));
		break;
	case JSON_NULL:
		r->wrong = "null is no value of an argument";
		break;
	}
}

bool
table_from_json(
    struct writer *w, const json_t *object, char *error, size_t size)
{
	struct reading r = {.out = w};

	read_pairs(&r, object);
	if (r.wrong != NULL)
		snprintf(error, size, "%s", r.wrong);
	return r.wrong == NULL;
}
