/* json.c - a few verbs around jansson. */
#include "broker/json.h"

#include <stdio.h>
#include <openssl/evp.h>
#include <stdlib.h>

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

char *
json_write(const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);

	if (text == NULL)
		fatalx("no memory for JSON");
	return text;
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
	char text[8];

	if (c == '"' || c == '\\')
		snprintf(text, sizeof text, "\\%c", c);
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

static void
say_string(struct writer *w, struct bytes text)
{
	say(w, "<<\"");
	writer_bytes(w, text);
	say(w, "\">>");
}

static void
say_number(struct writer *w, const json_t *v)
{
	char *text = json_write(v);

	say(w, text);
	free(text);
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

/* As deep as jansson reads: 2048 levels. */
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
	case JSON_INTEGER:
	case JSON_REAL:
		say_number(w, v);
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

void
json_print_pair(struct writer *w, const char *key, const json_t *value)
{
	say(w, "{");
	say_string(w, bytes_str(key));
	say(w, ",");
	json_print_term(w, value);
	say(w, "}");
}
