/* admin_json.c - argument tables from JSON and as JSON, for the tool. */
#include "broker/admin_json.h"

#include <stdio.h>
#include <string.h>

#include "amqp/table.h"

/* --- to a table ------------------------------------------------------------ */

static bool put_value(struct writer *, const json_t *);

static bool
put_pairs(struct writer *w, const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
	{
		writer_shortstr(w, bytes_str(key));
		if (strlen(key) > 255 || !put_value(w, value))
			return false;
	}
	return true;
}

static bool
put_inside(struct writer *w, const json_t *value)
{
	size_t mark, i;
	bool done = true;
	json_t *member;

	writer_u8(w, json_is_object(value) ? 'F' : 'A');
	mark = writer_mark(w);
	if (json_is_object(value))
		done = put_pairs(w, value);
	else
		json_array_foreach(value, i, member)
			done = done && put_value(w, member);
	writer_patch(w, mark);
	return done;
}

static void
put_real(struct writer *w, double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof bits);
	writer_u8(w, 'd');
	writer_u64(w, bits);
}

static bool
put_value(struct writer *w, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		writer_u8(w, 'S');
		writer_longstr(w,
		    (struct bytes){(const uint8_t *)json_string_value(value),
			json_string_length(value)});
		return true;
	case JSON_INTEGER:
		writer_u8(w, 'l');
		writer_u64(w, (uint64_t)json_integer_value(value));
		return true;
	case JSON_REAL:
		put_real(w, json_real_value(value));
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		writer_u8(w, 't');
		writer_u8(w, json_is_true(value));
		return true;
	case JSON_OBJECT:
	case JSON_ARRAY:
		return put_inside(w, value);
	case JSON_NULL:
		break;
	}
	return false;
}

bool
admin_json_table(
    struct writer *w, const json_t *object, char *why, size_t size)
{
	if (put_pairs(w, object) && amqp_table_check(writer_view(w)))
		return true;
	snprintf(why, size, "a table of AMQP cannot have such a value");
	return false;
}

/* --- from a table ---------------------------------------------------------- */

static json_t *value_json(const struct amqp_value *);

json_t *
admin_json_text(struct bytes b)
{
	json_t *text = json_stringn((const char *)b.p, b.n);
	struct writer w = {0};

	if (text != NULL)
		return text;
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] >= 0x80)
			writer_u8(&w, (uint8_t)(0xc0 | b.p[i] >> 6));
		writer_u8(&w, b.p[i] >= 0x80 ? 0x80 | (b.p[i] & 0x3f) : b.p[i]);
	}
	text = json_stringn((const char *)w.p, w.n);
	writer_fini(&w);
	return text;
}

json_t *
admin_table_json(struct bytes table)
{
	struct reader r = reader_of(table);
	json_t *object = json_object(), *key_text;
	struct amqp_value value;
	struct bytes key;

	while (amqp_table_next(&r, &key, &value)) {
		key_text = admin_json_text(key);
		json_object_set_new(
		    object, json_string_value(key_text), value_json(&value));
		json_decref(key_text);
	}
	return object;
}

json_t *
admin_array_json(struct bytes array)
{
	struct reader r = reader_of(array);
	json_t *all = json_array();
	struct amqp_value value;

	while (amqp_array_next(&r, &value))
		json_array_append_new(all, value_json(&value));
	return all;
}

static json_t *
value_json(const struct amqp_value *v)
{
	switch (v->tag) {
	case 'S':
	case 'x':
		return admin_json_text(v->bytes);
	case 'F':
		return admin_table_json(v->bytes);
	case 'A':
		return admin_array_json(v->bytes);
	case 't':
		return json_boolean(v->t);
	case 'f':
	case 'd':
		return json_real(v->d);
	case 'D':
		return json_integer(v->decimal.value);
	case 'V':
		return json_null();
	default:
		return json_integer(v->i);
	}
}
