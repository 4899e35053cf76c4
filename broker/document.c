/* document.c - a JSON object of sections, read one member at a time. */
#include "broker/document.h"

#include <stdio.h>
#include <string.h>

void
document_init(struct document *d, struct bytes text)
{
	*d = (struct document){.text = text};
}

static size_t
line_of(const struct document *d, const uint8_t *at)
{
	const uint8_t *p = d->text.p;
	size_t line = 1;

	for (; p < at && (p = memchr(p, '\n', (size_t)(at - p))); p++)
		line++;
	return line;
}

static void
complain(struct document *d, const uint8_t *at, const char *wrong)
{
	snprintf(d->error, sizeof d->error, "line %zu: %s", line_of(d, at),
	    wrong);
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* --- the scan ------------------------------------------------------------------ */

/* What may come at the outermost level. */
enum state { OBJECT, FIRST_KEY, KEY, COLON, VALUE, END };

static bool
end_section(struct document *d)
{
	const uint8_t *p = d->text.p;

	d->sections[d->count].value =
	    (struct bytes){p + d->from, d->at - d->from};
	return ++d->count <= DOCUMENT_SECTIONS;
}

static bool
end_key(struct document *d)
{
	if (d->count == DOCUMENT_SECTIONS)
		return false;
	d->sections[d->count].name =
	    (struct bytes){d->text.p + d->key, d->at - d->key};
	d->state = COLON;
	return true;
}

/* Inside a string: to its end. */
static bool
scan_quoted(struct document *d, uint8_t c)
{
	if (d->escaped)
		d->escaped = false;
	else if (c == '\\')
		d->escaped = true;
	else if (c == '"')
		d->quoted = false;
	return d->quoted || d->state == VALUE || end_key(d);
}

/* Inside a value, of which nothing is known but where it ends. */
static bool
scan_value(struct document *d, uint8_t c)
{
	if (d->depth > 0 || (c != ',' && c != '}')) {
		d->quoted = c == '"';
		d->depth += c == '{' || c == '[';
		d->depth -= d->depth > 0 && (c == '}' || c == ']');
		return true;
	}
	d->state = c == ',' ? KEY : END;
	return end_section(d);
}

static bool
scan_outside(struct document *d, uint8_t c)
{
	if (d->state == VALUE)
		return scan_value(d, c);
	if (is_space(c))
		return true;
	if (d->state == OBJECT && c == '{') {
		d->state = FIRST_KEY;
	} else if ((d->state == FIRST_KEY || d->state == KEY) && c == '"') {
		d->key = d->at + 1;
		d->quoted = true;
	} else if (d->state == FIRST_KEY && c == '}') {
		d->state = END;
	} else if (d->state == COLON && c == ':') {
		d->from = d->at + 1;
		d->state = VALUE;
	} else {
		return false;
	}
	return true;
}

static const char *
expected(const struct document *d)
{
	static const char *const texts[] = {
	    [OBJECT] = "a definitions file begins with {",
	    [FIRST_KEY] = "the name of a section is expected",
	    [KEY] = "the name of a section is expected",
	    [COLON] = "':' is expected behind the name of a section",
	    [VALUE] = "the section does not end",
	    [END] = "there is something behind the end",
	};

	if (d->blank > DOCUMENT_MEMBER_MAX)
		return "there is too much white space";
	return d->count == DOCUMENT_SECTIONS ? "there are too many sections"
					     : texts[d->state];
}

enum document_status
document_scan(struct document *d, size_t *budget)
{
	for (; *budget > 0 && d->at < d->text.n; d->at++, --*budget) {
		uint8_t c = d->text.p[d->at];

		d->blank = d->quoted || !is_space(c) ? 0 : d->blank + 1;
		if (d->blank <= DOCUMENT_MEMBER_MAX &&
		    (d->quoted ? scan_quoted(d, c) : scan_outside(d, c)))
			continue;
		complain(d, d->text.p + d->at, expected(d));
		return DOCUMENT_BAD;
	}
	if (d->at < d->text.n)
		return DOCUMENT_MORE;
	if (d->state == END)
		return DOCUMENT_DONE;
	complain(d, d->text.p + d->at, "the end is missing");
	return DOCUMENT_BAD;
}

/* --- members ----------------------------------------------------------------------- */

/* jansson's sentence up to where it quotes the text. */
static void
complain_json(struct document *d, const uint8_t *at, const json_error_t *e)
{
	char text[JSON_ERROR_TEXT_LENGTH];
	char *near;

	snprintf(text, sizeof text, "%s", e->text);
	if ((near = strstr(text, " near ")) != NULL)
		*near = '\0';
	snprintf(d->error, sizeof d->error, "line %zu: %s",
	    line_of(d, at) + (e->line > 0 ? (size_t)e->line - 1 : 0), text);
}

static struct bytes
trim(struct bytes b)
{
	for (; b.n > 0 && is_space(*b.p); b.p++)
		b.n--;
	while (b.n > 0 && is_space(b.p[b.n - 1]))
		b.n--;
	return b;
}

void
members_init(struct members *m, const char *section)
{
	*m = (struct members){.section = section};
}

void
members_init_nth(struct members *m, size_t section)
{
	*m = (struct members){.nth = section};
}

/* The next section to be walked through, or count. */
static size_t
next_section(const struct document *d, struct members *m)
{
	if (m->section == NULL)
		return m->end == NULL ? m->nth : d->count;
	for (; m->nth < d->count; m->nth++)
		if (bytes_eq(d->sections[m->nth].name, bytes_str(m->section)))
			break;
	return m->nth;
}

/* Goes into the next section of that name. False if there is none or it is no
 * list. */
static bool
enter(struct document *d, struct members *m)
{
	size_t section = next_section(d, m);
	struct bytes name, v;

	if (section == d->count)
		return false;
	m->nth = section + 1;
	name = d->sections[section].name;
	v = trim(d->sections[section].value);
	if (v.n < 2 || v.p[0] != '[' || v.p[v.n - 1] != ']') {
		snprintf(d->error, sizeof d->error,
		    "line %zu: %.*s is no list", line_of(d, v.p),
		    (int)(name.n < 100 ? name.n : 100), (const char *)name.p);
		return false;
	}
	v = trim((struct bytes){v.p + 1, v.n - 2});
	m->at = v.p;
	m->end = v.p + v.n;
	m->index = (size_t)-1;
	return true;
}

static void
skip_space(struct members *m)
{
	while (m->at < m->end && is_space(*m->at))
		m->at++;
}

/* Behind a member: a comma and another one, or the end. */
static bool
skip_comma(struct document *d, struct members *m)
{
	skip_space(m);
	if (m->at == m->end)
		return true;
	if (*m->at++ == ',') {
		skip_space(m);
		if (m->at < m->end)
			return true;
	}
	complain(d, m->at, "a comma, and another member, or the end of the "
			   "list is expected");
	return false;
}

/* How far the member reaches at most, as quotes and brackets tell. */
static size_t
extent(const struct members *m)
{
	bool quoted = false;
	size_t depth = 0;
	const uint8_t *p;

	for (p = m->at; p < m->end && p - m->at <= DOCUMENT_MEMBER_MAX; p++)
		if (quoted) {
			quoted = *p != '"';
			p += *p == '\\';
		} else if (depth == 0 && *p == ',') {
			break;
		} else {
			quoted = *p == '"';
			depth += *p == '{' || *p == '[';
			depth -= depth > 0 && (*p == '}' || *p == ']');
		}
	return (size_t)((p < m->end ? p : m->end) - m->at);
}

static void
complain_long(struct document *d, const struct members *m)
{
	char text[80];

	snprintf(text, sizeof text, "member %zu is longer than %d octets",
	    m->index + 1, DOCUMENT_MEMBER_MAX);
	complain(d, m->at, text);
}

json_t *
members_next(struct document *d, struct members *m)
{
	const int flags = JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY;
	json_error_t e;
	json_t *v;

	while (m->at == m->end)
		if (!enter(d, m))
			return NULL;
	m->size = extent(m);
	if (m->size > DOCUMENT_MEMBER_MAX) {
		complain_long(d, m);
		return NULL;
	}
	v = json_loadb((const char *)m->at, m->size, flags, &e);
	if (v == NULL) {
		complain_json(d, m->at, &e);
		return NULL;
	}
	m->at += e.position;
	m->index++;
	if (skip_comma(d, m))
		return v;
	json_decref(v);
	return NULL;
}

bool
document_is_list(const struct document *d, size_t section)
{
	struct bytes b = trim(d->sections[section].value);

	return b.n > 0 && b.p[0] == '[';
}

json_t *
document_value(struct document *d, size_t section)
{
	struct bytes b = d->sections[section].value;
	json_error_t e;
	json_t *v;

	if (b.n > DOCUMENT_MEMBER_MAX) {
		complain(d, b.p, "a value is too long");
		return NULL;
	}
	v = json_loadb((const char *)b.p, b.n, JSON_DECODE_ANY, &e);
	if (v == NULL)
		complain_json(d, b.p, &e);
	return v;
}
