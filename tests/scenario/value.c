/* value.c - what the words of a script stand for in this run: names, variables,
 * escapes, patterns. */
#include <ctype.h>
#include <stdio.h>

#include "amqp/text.h"
#include "amqp/xalloc.h"
#include "tests/scenario/scene.h"
#include "tests/scenario/words.h"

static struct variable *
variable(struct scene *s, struct bytes name)
{
	struct variable *v;
	TAILQ_FOREACH(v, &s->variables, next)
		if (bytes_eq(v->name, name))
			return v;
	return NULL;
}

void
scene_set(struct scene *s, struct bytes name, struct bytes value)
{
	struct variable *v = variable(s, name);
	if (!v) {
		v = xcalloc(1, sizeof *v);
		v->name = xbytesdup(name);
		TAILQ_INSERT_TAIL(&s->variables, v, next);
	}
	v->value = xbytesdup(value);
}

/* The letters of a name at the front of b. */
static size_t
name_length(struct bytes b)
{
	size_t n = 0;
	while (n < b.n && (isalnum(b.p[n]) || b.p[n] == '_'))
		n++;
	return n;
}

static size_t
made_length(struct bytes b)
{
	size_t n = 0;
	while (n < b.n && (isalnum(b.p[n]) || strchr("_-.", b.p[n])))
		n++;
	return n;
}

/* "@queue": a name of this run's own. Returns how much of raw it took. */
static size_t
expand_name(struct scene *s, struct writer *w, struct bytes raw)
{
	size_t n = made_length((struct bytes){raw.p + 1, raw.n - 1});
	words_put(w, s->prefix);
	writer_bytes(w, (struct bytes){raw.p + 1, n});
	return n + 1;
}

static size_t
expand_variable(struct scene *s, struct writer *w, struct bytes raw)
{
	struct bytes name = {raw.p + 1, raw.n - 1};
	name.n = name_length(name);
	struct variable *v = variable(s, name);
	if (!v)
		scene_fail(s, "$%.*s is not known yet", BYTES_FMT(name));
	words_escape(w, v->value);
	return name.n + 1;
}

/* Replaces @names and $variables; what stands behind a letter or a backslash
 * is left alone. */
static struct bytes
expand(struct scene *s, struct bytes raw)
{
	struct writer w = {0};
	bool inside = false;
	while (raw.n > 0) {
		size_t took = 1;
		bool name = raw.n > 1 && (isalpha(raw.p[1]) || raw.p[1] == '_');
		if (raw.p[0] == '@' && name && !inside)
			took = expand_name(s, &w, raw);
		else if (raw.p[0] == '$' && name)
			took = expand_variable(s, &w, raw);
		else
			writer_u8(&w, raw.p[0]);
		inside = isalnum(raw.p[took - 1]);
		raw.p += took;
		raw.n -= took;
	}
	return writer_view(&w);
}

/* "pattern:N": N octets that repeat themselves only after a long while. */
static struct bytes
pattern(uint64_t n)
{
	struct writer w = {0};
	uint8_t *p = writer_room(&w, n + 1);
	for (uint64_t i = 0; i < n; i++)
		p[i] = (uint8_t)('a' + (i * 7 + i / 26) % 26);
	w.n = n;
	return writer_view(&w);
}

static struct bytes
unquoted(struct scene *s, struct bytes raw)
{
	struct writer w = {0};
	if (!words_unquote(&w, raw))
		scene_fail(s, "a broken quote: %.*s", BYTES_FMT(raw));
	return writer_view(&w);
}

/* A text that begins with a name of this run may be all of a name: of a queue
 * or an exchange, removed at the end. */
static struct value
read_text(struct scene *s, struct bytes raw)
{
	struct bytes mark = BYTES("pattern:");
	if (bytes_starts(raw, mark))
		return (struct value){VALUE_TEXT,
		    pattern(scene_number(
			s, (struct bytes){raw.p + mark.n, raw.n - mark.n}))};
	struct bytes text = unquoted(s, expand(s, raw));
	if (bytes_starts(text, bytes_str(s->prefix)))
		scene_made(s, BYTES("name"), text);
	return (struct value){VALUE_TEXT, text};
}

struct value
scene_value(struct scene *s, struct bytes raw)
{
	if (raw.n == 0 || raw.p[0] == '"')
		return read_text(s, raw);
	struct bytes rest = {raw.p + 1, raw.n - 1};
	if (bytes_eq(raw, BYTES("*")))
		return (struct value){VALUE_ANY, raw};
	if (raw.p[0] == '{')
		return (struct value){VALUE_TABLE, expand(s, raw)};
	if (raw.p[0] == '~')
		return (struct value){
		    VALUE_REGEX, unquoted(s, expand(s, rest))};
	if (raw.p[0] != '$' || rest.n == 0 || name_length(rest) != rest.n)
		return read_text(s, raw);
	struct variable *v = variable(s, rest);
	if (!v)
		return (struct value){VALUE_CAPTURE, rest};
	return (struct value){VALUE_TEXT, v->value};
}

struct bytes
scene_text(struct scene *s, struct bytes raw)
{
	struct value v = scene_value(s, raw);
	if (v.kind != VALUE_TEXT)
		scene_fail(s, "this must be a text: %.*s", BYTES_FMT(raw));
	return v.bytes;
}

uint64_t
scene_number(struct scene *s, struct bytes raw)
{
	uint64_t number;
	if (!words_number(scene_text(s, raw), &number))
		scene_fail(s, "this must be a number: %.*s", BYTES_FMT(raw));
	return number;
}

struct bytes
scene_written(struct scene *s, struct bytes raw)
{
	struct value v = scene_value(s, raw);
	struct writer w = {0};
	if (v.kind == VALUE_TABLE)
		return v.bytes;
	if (v.kind != VALUE_TEXT)
		scene_fail(s, "this cannot be sent: %.*s", BYTES_FMT(raw));
	text_put_string(&w, v.bytes);
	return writer_view(&w);
}

struct bytes
scene_word(struct scene *s, struct bytes *line, const char *what)
{
	struct bytes word;
	if (!words_take(line, &word))
		scene_fail(s, "%s is missing", what);
	return word;
}
