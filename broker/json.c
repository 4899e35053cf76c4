/* json.c - a few verbs around jansson. */
#include "broker/json.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/log.h"

json_t *
json_read(struct bytes text, char *error, size_t size)
{
	json_error_t e;
	json_t *v = json_loadb(
	    (const char *)text.p, text.n, JSON_DECODE_ANY, &e);

	if (v == NULL)
		snprintf(error, size, "line %d, column %d: %s", e.line,
		    e.column, e.text);
	return v;
}

struct bytes
json_bytes(const json_t *v)
{
	return (struct bytes){
	    (const uint8_t *)json_string_value(v), json_string_length(v)};
}

/* What cannot stand in a string as it is. */
static void
quote_octet(struct writer *w, uint8_t c)
{
	static const char plain[] = "\"\\\b\f\n\r\t", named[] = "\"\\bfnrt";
	const char *at = c != 0 ? strchr(plain, c) : NULL;
	char text[8];

	if (at != NULL)
		snprintf(text, sizeof text, "\\%c", named[at - plain]);
	else
		snprintf(text, sizeof text, "\\u%04x", c);
	writer_bytes(w, bytes_str(text));
}

static void
quote_base64(struct writer *w, struct bytes b)
{
	size_t room = (b.n + 2) / 3 * 4 + 1;
	uint8_t *p;

	writer_bytes(w, BYTES("\"Not UTF-8, base64 is: "));
	p = writer_room(w, room);
	w->n += (size_t)EVP_EncodeBlock(p, b.p, (int)b.n);
	writer_u8(w, '"');
}

void
json_quote(struct writer *w, struct bytes b)
{
	size_t from = 0;

	if (!bytes_utf8(b)) {
		quote_base64(w, b);
		return;
	}
	writer_u8(w, '"');
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] >= 0x20 && b.p[i] != '"' && b.p[i] != '\\')
			continue;
		writer_bytes(w, (struct bytes){b.p + from, i - from});
		quote_octet(w, b.p[i]);
		from = i + 1;
	}
	writer_bytes(w, (struct bytes){b.p + from, b.n - from});
	writer_u8(w, '"');
}

static void
say(struct writer *w, const char *text)
{
	writer_bytes(w, bytes_str(text));
}

void
json_put_fraction(struct writer *w, double d)
{
	char text[40];
	int digits = 15;

	do
		snprintf(text, sizeof text, "%.*g", digits, d);
	while (digits++ < 17 && strtod(text, NULL) != d);
	if (strpbrk(text, ".e") == NULL)
		strcat(text, ".0");
	say(w, text);
}

/* --- values --------------------------------------------------------------------- */

static void put(struct writer *, const json_t *);

static void
put_array(struct writer *w, const json_t *v)
{
	say(w, "[");
	for (size_t i = 0; i < json_array_size(v); i++) {
		say(w, i > 0 ? "," : "");
		put(w, json_array_get(v, i));
	}
	say(w, "]");
}

static void
put_object(struct writer *w, const json_t *v)
{
	const char *key, *between = "";
	json_t *value;

	say(w, "{");
	json_object_foreach((json_t *)v, key, value) {
		say(w, between);
		json_quote(w, bytes_str(key));
		say(w, ":");
		put(w, value);
		between = ",";
	}
	say(w, "}");
}

static void
put_integer(struct writer *w, long long n)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", n);
	say(w, text);
}

/* As deep as jansson reads: 2048 levels. */
static void
put(struct writer *w, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		put_object(w, v);
		break;
	case JSON_ARRAY:
		put_array(w, v);
		break;
	case JSON_STRING:
		json_quote(w, json_bytes(v));
		break;
	case JSON_INTEGER:
		put_integer(w, json_integer_value(v));
		break;
	case JSON_REAL:
		json_put_fraction(w, json_real_value(v));
		break;
	case JSON_TRUE:
		say(w, "true");
		break;
	case JSON_FALSE:
		say(w, "false");
		break;
	case JSON_NULL:
		say(w, "null");
		break;
	}
}

char *
json_write(const json_t *v)
{
	struct writer w = {0};

	put(&w, v);
	writer_u8(&w, 0);
	return (char *)w.p;
}

char *
json_write_sorted(const json_t *v)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_SORT_KEYS);
	json_t *sorted =
	    json_loads(text, JSON_DECODE_ANY, NULL);
	char *written = json_write(sorted);

	json_decref(sorted);
	free(text);
	return written;
}

/* --- Erlang terms ----------------------------------------------------------------- */

static void
say_string(struct writer *w, struct bytes text)
{
	say(w, "<<\"");
	writer_bytes(w, text);
	say(w, "\">>");
}

static void
say_array(struct writer *w, const json_t *v)
{
	say(w, "[");
	for (size_t i = 0; i < json_array_size(v); i++) {
		say(w, i > 0 ? "," : "");
		json_print_term(w, json_array_get(v, i));
	}
	say(w, "]");
}

static void
say_object(struct writer *w, const json_t *v)
{
	const char *key, *between = "";
	json_t *value;

	say(w, "#{");
	json_object_foreach((json_t *)v, key, value) {
		say(w, between);
		say_string(w, bytes_str(key));
		say(w, " => ");
		json_print_term(w, value);
		between = ",";
	}
	say(w, "}");
}

void
json_print_term(struct writer *w, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		say_object(w, v);
		break;
	case JSON_ARRAY:
		say_array(w, v);
		break;
	case JSON_STRING:
		say_string(w, json_bytes(v));
		break;
	default:
		put(w, v);
	}
}

void
json_print_pair(struct writer *w, const char *key, const json_t *value)
{
	say(w, "{");
	say_string(w, bytes_str(key));
	say(w, ",");
	json_print_term(w, value);
	say(w, "}");
}
