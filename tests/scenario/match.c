/* match.c - is what came what the script asks for? */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/scenario/scene.h"
#include "tests/scenario/words.h"

/* Captures are kept until the whole event has matched. */
struct capture {
	struct bytes name, value;
};

struct captures {
	struct capture list[16];
	size_t n;
};

static bool
matches_regex(struct scene *s, struct bytes pattern, struct bytes text)
{
	regex_t regex;
	char *p = words_string(pattern), *t = words_string(text);
	if (regcomp(&regex, p, REG_EXTENDED | REG_NOSUB) != 0)
		scene_fail(s, "a broken pattern: %s", p);
	bool found = regexec(&regex, t, 0, NULL, 0) == 0;
	regfree(&regex);
	free(p);
	free(t);
	return found;
}

static bool
same_tables(struct scene *s, struct bytes wanted, struct bytes came)
{
	struct writer a = {0}, b = {0};
	if (!amqp_table_scan(&a, wanted))
		scene_fail(s, "a broken table: %.*s", BYTES_FMT(wanted));
	bool same = amqp_table_scan(&b, came) &&
		    amqp_table_equal(writer_view(&a), writer_view(&b));
	writer_fini(&a);
	writer_fini(&b);
	return same;
}

/* came is a text without quotes, or {a:table}. */
static bool
matches(struct scene *s, struct value wanted, struct bytes came,
    struct captures *captures)
{
	if (wanted.kind == VALUE_ANY)
		return true;
	if (wanted.kind == VALUE_REGEX)
		return matches_regex(s, wanted.bytes, came);
	if (wanted.kind == VALUE_TABLE)
		return same_tables(s, wanted.bytes, came);
	if (wanted.kind == VALUE_TEXT)
		return bytes_eq(wanted.bytes, came);
	if (!captures || captures->n == 16)
		scene_fail(s, "too many captures, or one inside a table");
	captures->list[captures->n++] = (struct capture){wanted.bytes, came};
	return true;
}

/* --- fields -------------------------------------------------------------- */

static struct bytes
number_text(uint64_t number)
{
	return bytes_str(xasprintf("%llu", (unsigned long long)number));
}

/* What is known about a content besides its method and properties. */
static bool
content_field(const struct event *e, struct bytes name, struct bytes *value)
{
	if (!e->has_content)
		return false;
	if (bytes_eq(name, BYTES("body")))
		*value = e->body;
	else if (bytes_eq(name, BYTES("body_size")))
		*value = number_text(e->body_size);
	else if (bytes_eq(name, BYTES("frames")))
		*value = number_text(e->frames);
	else if (bytes_eq(name, BYTES("largest")))
		*value = number_text(e->largest);
	else
		return false;
	return true;
}

static bool
event_field(const struct event *e, struct bytes name, struct bytes *value)
{
	struct writer w = {0};
	if (content_field(e, name, value))
		return true;
	if (!words_field(e->line, name, value) || !words_unquote(&w, *value))
		return false;
	*value = writer_view(&w);
	return true;
}

/* The printed value of a key in a printed table: "S:text". */
static bool
key_value(struct bytes printed, struct bytes key, struct bytes *value)
{
	struct writer table = {0}, one = {0}, text = {0};
	struct amqp_value found;
	struct bytes name;
	if (!amqp_table_scan(&table, printed))
		return false;
	struct reader r = reader_of(writer_view(&table));
	const uint8_t *from = r.p;
	while (amqp_table_next(&r, &name, &found)) {
		if (bytes_eq(name, key)) {
			writer_shortstr(&one, BYTES("k"));
			from += 1 + name.n;
			writer_bytes(
			    &one, (struct bytes){from, (size_t)(r.p - from)});
			amqp_table_print(&text, writer_view(&one));
			/* {k:S:text} without {k: and } */
			*value = (struct bytes){text.p + 3, text.n - 4};
			return true;
		}
		from = r.p;
	}
	return false;
}

/* "headers.key" or "server_properties.capabilities.basic.nack". */
static bool
key_path(struct bytes printed, struct bytes path, struct bytes *value)
{
	if (key_value(printed, path, value))
		return true;
	const uint8_t *dot = memchr(path.p, '.', path.n);
	if (!dot)
		return false;
	struct bytes first = {path.p, (size_t)(dot - path.p)}, inner;
	struct bytes rest = {dot + 1, path.n - first.n - 1};
	if (!key_value(printed, first, &inner))
		return false;
	return key_path(inner, rest, value);
}

/* A value inside a table is compared with its type: S:text. */
static bool
matches_inside(struct scene *s, struct bytes wanted, struct bytes came)
{
	struct value v = scene_value(s, wanted);
	if (v.kind != VALUE_TEXT)
		return matches(s, v, came, NULL);
	char *a = xasprintf("{k:%.*s}", BYTES_FMT(v.bytes));
	char *b = xasprintf("{k:%.*s}", BYTES_FMT(came));
	bool same = same_tables(s, bytes_str(a), bytes_str(b));
	free(a);
	free(b);
	return same;
}

static bool
match_path(struct scene *s, const struct event *e, struct bytes name,
    struct bytes wanted)
{
	const uint8_t *dot = memchr(name.p, '.', name.n);
	struct bytes field = {name.p, (size_t)(dot - name.p)}, came, inside;
	struct bytes path = {dot + 1, name.n - field.n - 1};
	return event_field(e, field, &came) && key_path(came, path, &inside) &&
	       matches_inside(s, wanted, inside);
}

static bool
absent(const struct event *e, struct bytes name)
{
	struct bytes value, path = name;
	const uint8_t *dot = memchr(name.p, '.', name.n);
	if (!dot)
		return !event_field(e, name, &value);
	name.n = (size_t)(dot - name.p);
	path.p = dot + 1;
	path.n -= name.n + 1;
	return !event_field(e, name, &value) || !key_path(value, path, &value);
}

static bool
match_word(struct scene *s, const struct event *e, struct bytes word,
    struct captures *captures)
{
	struct bytes name, wanted, came;
	if (word.p[0] == '!')
		return absent(e, (struct bytes){word.p + 1, word.n - 1});
	if (!words_split(word, &name, &wanted))
		scene_fail(s, "not a field: %.*s", BYTES_FMT(word));
	if (memchr(name.p, '.', name.n))
		return match_path(s, e, name, wanted);
	return event_field(e, name, &came) &&
	       matches(s, scene_value(s, wanted), came, captures);
}

bool
match_event(struct scene *s, const struct event *e, struct bytes wanted,
    struct writer *why)
{
	struct captures captures = {.n = 0};
	struct bytes word = scene_word(s, &wanted, "what to expect");
	char *name = words_string(word);
	bool same = event_is(e, name);
	free(name);
	while (same && words_take(&wanted, &word))
		same = match_word(s, e, word, &captures);
	if (!same)
		writer_bytes(why, word);
	for (size_t i = 0; same && i < captures.n; i++)
		scene_set(s, captures.list[i].name, captures.list[i].value);
	return same;
}
