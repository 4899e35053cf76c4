/* document.h - a JSON object of sections, of which each is a list, read one member
 * at a time.
 *
 * First it is scanned in slices: where the sections are. Then members are parsed
 * one by one, and none may be longer than a turn can bear, so that neither a turn
 * nor memory grows with the document. Every
 * octet is looked at by the scan or by jansson; what is wrong is told with its
 * line, and never with the text itself, which may hold a password. */
#ifndef BROKER_DOCUMENT_H
#define BROKER_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "amqp/bytes.h"

enum {
	DOCUMENT_SECTIONS = 64,
	DOCUMENT_MEMBER_MAX = 1024 * 1024, /* octets; of a value that is no list,
					    * and of white space, too */
};

struct document {
	struct bytes text; /* borrowed */
	struct {
		struct bytes name, value; /* as they stand in the text */
	} sections[DOCUMENT_SECTIONS];
	size_t count;
	char error[256]; /* "line 3: ...", once something is wrong */

	/* document.c's own. */
	size_t at, key, from, blank;
	unsigned state, depth;
	bool quoted, escaped;
};

enum document_status { DOCUMENT_MORE, DOCUMENT_DONE, DOCUMENT_BAD };

void document_init(struct document *, struct bytes text);

/* Scans up to *budget octets more. */
enum document_status document_scan(struct document *, size_t *budget);

/* A walk through the members of the sections of one name. */
struct members {
	const char *section; /* NULL: of the nth section alone */
	size_t index; /* of the last member, counted from 0 */
	size_t size;  /* of its text */
	size_t nth;   /* section to be entered */
	const uint8_t *at, *end;
};

/* Starts the walk; the document was scanned. */
void members_init(struct members *, const char *section);

/* The same through one section, whatever its name. */
void members_init_nth(struct members *, size_t section);

/* The next member, a new reference; NULL at the end, or with document.error. */
json_t *members_next(struct document *, struct members *);

/* Is the section's value a list, as far as its beginning tells? */
bool document_is_list(const struct document *, size_t section);

/* The value of a section that is no list, a new reference: NULL with
 * document.error. */
json_t *document_value(struct document *, size_t section);

#endif
