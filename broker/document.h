/* document.h - a JSON object of sections, of which each is a list, read one member
 * at a time.
 *
 * First it is scanned in slices: where the sections are. Then members are parsed
 * one by one, so that neither a turn nor memory grows with the document. Every
 * octet is looked at by the scan or by jansson; what is wrong is told with its
 * line, and never with the text itself, which may hold a password. */
#ifndef BROKER_DOCUMENT_H
#define BROKER_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "amqp/bytes.h"

enum { DOCUMENT_SECTIONS = 64 };

struct document {
	struct bytes text; /* borrowed */
	struct {
		struct bytes name, value; /* as they stand in the text */
	} sections[DOCUMENT_SECTIONS];
	size_t count;
	char error[256]; /* "line 3: ...", once something is wrong */

	/* document.c's own. */
	size_t at, key, from;
	unsigned state, depth;
	bool quoted, escaped;
};

enum document_status { DOCUMENT_MORE, DOCUMENT_DONE, DOCUMENT_BAD };

void document_init(struct document *, struct bytes text);

/* Scans up to *budget octets more. */
enum document_status document_scan(struct document *, size_t *budget);

/* A walk through one section's members. */
struct members {
	const char *section;
	size_t index; /* of the last member, counted from 0 */
	size_t nth;   /* of the sections of that name */
	const uint8_t *at, *end;
};

/* Starts the walk; the document was scanned. */
void members_init(struct members *, const char *section);

/* The next member, a new reference; NULL at the end, or with document.error. */
json_t *members_next(struct document *, struct members *);

/* The value of a section that is no list, a new reference: NULL if there is no
 * such section, or with document.error. */
json_t *document_value(struct document *, size_t section);

#endif
