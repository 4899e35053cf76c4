/* terms.c - reads Erlang terms. */
#include "broker/terms.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"

enum { DEPTH = 32 };

struct reader {
	const char *p;
	unsigned line, depth;
	const char *wrong; /* why it cannot go on */
};

static bool read_term(struct reader *, struct term *);

static bool
fail(struct reader *r, const char *why)
{
	r->wrong = why;
	return false;
}

/* Blanks, and comments from '%' on. */
static void
skip(struct reader *r)
{
	for (; *r->p != '\0'; r->p++) {
		if (*r->p == '%')
			r->p += strcspn(r->p, "\n");
		if (*r->p == '\0')
			return;
		if (!isspace((unsigned char)*r->p))
			return;
		r->line += *r->p == '\n';
	}
}

static bool
take(struct reader *r, const char *token)
{
	size_t n = strlen(token);

	skip(r);
	if (strncmp(r->p, token, n) != 0)
		return false;
	r->p += n;
	return true;
}

/* --- plain ones -------------------------------------------------------------- */

static bool
copy(struct reader *r, struct term *t, enum term_kind kind, size_t n)
{
	t->kind = kind;
	t->text = xmalloc(n + 1);
	memcpy(t->text, r->p, n);
	t->text[n] = '\0';
	r->p += n;
	return true;
}

static char
escape(char c)
{
	static const char names[] = "nrtsbfe", values[] = "\n\r\t \b\f\033";
	const char *at = strchr(names, c);

	return at != NULL && *at != '\0' ? values[at - names] : c;
}

/* Up to the quote that it begins with. */
static bool
read_quoted(struct reader *r, struct term *t, enum term_kind kind)
{
	char quote = *r->p++, *to;

	t->kind = kind;
	to = t->text = xmalloc(strlen(r->p) + 1);
	for (; *r->p != quote; r->p++) {
		if (*r->p == '\\' && r->p[1] != '\0')
			*to++ = escape(*++r->p);
		else if (*r->p != '\0')
			*to++ = *r->p;
		else
			return fail(r, "a quote is missing");
		r->line += *r->p == '\n';
	}
	*to = '\0';
	r->p++;
	return true;
}

static bool
read_binary(struct reader *r, struct term *t)
{
	r->p += 2;
	skip(r);
	if (*r->p != '"') {
		t->kind = TERM_TEXT;
		t->text = xstrdup("");
	} else if (!read_quoted(r, t, TERM_TEXT)) {
		return false;
	}
	take(r, "/utf8");
	return take(r, ">>") || fail(r, "expected >>");
}

static size_t
word_size(const char *p)
{
	size_t n = 0;

	while (isalnum((unsigned char)p[n]) || p[n] == '_' || p[n] == '@')
		n++;
	return n;
}

static bool
is_sign(char c)
{
	return c == '+' || c == '-';
}

static size_t
number_size(const char *p)
{
	size_t n = is_sign(*p), power;

	n += strspn(p + n, "0123456789");
	if (p[n] == '.' && isdigit((unsigned char)p[n + 1]))
		n += 1 + strspn(p + n + 1, "0123456789");
	if (p[n] != 'e' && p[n] != 'E')
		return n;
	power = n + 1 + is_sign(p[n + 1]);
	return isdigit((unsigned char)p[power])
		   ? power + strspn(p + power, "0123456789")
		   : n;
}

/* --- lists and tuples ----------------------------------------------------------- */

static bool
read_items(struct reader *r, struct term *t, const char *end)
{
	if (++r->depth > DEPTH)
		return fail(r, "too deep");
	r->p++;
	while (!take(r, end)) {
		if (t->count > 0 && !take(r, ","))
			return fail(r, "expected a comma");
		t->items = xrealloc(
		    t->items, (t->count + 1) * sizeof *t->items);
		t->items[t->count] = (struct term){0};
		if (!read_term(r, &t->items[t->count++]))
			return false;
	}
	r->depth--;
	return true;
}

static bool
read_term(struct reader *r, struct term *t)
{
	skip(r);
	t->line = r->line;
	if (*r->p == '[' || *r->p == '{') {
		t->kind = *r->p == '[' ? TERM_LIST : TERM_TUPLE;
		return read_items(r, t, *r->p == '[' ? "]" : "}");
	}
	if (*r->p == '"')
		return read_quoted(r, t, TERM_TEXT);
	if (*r->p == '\'')
		return read_quoted(r, t, TERM_ATOM);
	if (strncmp(r->p, "<<", 2) == 0)
		return read_binary(r, t);
	if (isdigit((unsigned char)*r->p) ||
	    (is_sign(*r->p) && isdigit((unsigned char)r->p[1])))
		return copy(r, t, TERM_NUMBER, number_size(r->p));
	if (islower((unsigned char)*r->p))
		return copy(r, t, TERM_ATOM, word_size(r->p));
	return fail(r, "expected a term of Erlang");
}

bool
term_read(struct term *t, const char *text, char *error, size_t size)
{
	struct reader r = {.p = text, .line = 1};

	*t = (struct term){.line = 1};
	if (read_term(&r, t)) {
		take(&r, ".");
		skip(&r);
		if (*r.p == '\0')
			return true;
		r.wrong = "expected nothing more";
	}
	snprintf(error, size, "line %u: %s", r.line, r.wrong);
	term_free(t);
	return false;
}

void
term_free(struct term *t)
{
	for (size_t i = 0; i < t->count; i++)
		term_free(&t->items[i]);
	free(t->items);
	free(t->text);
	*t = (struct term){0};
}

bool
term_is_plain(const struct term *t)
{
	return t->kind <= TERM_TEXT;
}

bool
term_is_pair(const struct term *t)
{
	return t->kind == TERM_TUPLE && t->count == 2 &&
	    t->items[0].kind == TERM_ATOM;
}
