/* terms.h - reads Erlang terms: what classic files of settings and arguments of
 * Erlang are written in. */
#ifndef BROKER_TERMS_H
#define BROKER_TERMS_H

#include <stdbool.h>
#include <stddef.h>

enum term_kind {
	TERM_ATOM,
	TERM_NUMBER, /* as it was written */
	TERM_TEXT,   /* "a string" or <<"a binary">> */
	TERM_LIST,
	TERM_TUPLE,
};

struct term {
	enum term_kind kind;
	unsigned line;	 /* where it begins, from 1 */
	char *text;	 /* of the first three */
	struct term *items; /* of the others */
	size_t count;
};

/* Reads one term, and after it a full stop if there is more than one line's: all
 * of text must be that. False with "line N: why" in error. */
bool term_read(
    struct term *, const char *text, char *error, size_t size);
void term_free(struct term *);

/* An atom, number or text? */
bool term_is_plain(const struct term *);

/* A tuple of two that begins with an atom, as in [{heartbeat, 60}]? */
bool term_is_pair(const struct term *);

#endif
