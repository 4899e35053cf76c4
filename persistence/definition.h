/* definition.h - the rows of definitions.def as data, for those who walk them:
 * the stores. */
#ifndef PERSISTENCE_DEFINITION_H
#define PERSISTENCE_DEFINITION_H

#include <string.h>

#include "persistence/change.h"

enum field_type { FIELD_TEXT, FIELD_BLOB, FIELD_INT };

struct definition_field {
	const char *name;
	enum field_type type;
	size_t offset; /* in struct definition */
};

/* One kind: its fields in order, the keys first. */
struct definition_row {
	const char *name;
	const struct definition_field *fields;
	size_t keys, count;
};

const struct definition_row *definition_row(enum definition_kind);

/* Does it go with its vhost? */
static inline bool
definition_in_vhost(const struct definition_row *row)
{
	return strcmp(row->fields[0].name, "vhost") == 0;
}

/* Where a field lies: a struct bytes, or an int64_t for FIELD_INT. */
static inline struct bytes *
definition_bytes(const struct definition *d, const struct definition_field *f)
{
	return (struct bytes *)((char *)d + f->offset);
}

static inline int64_t *
definition_int(const struct definition *d, const struct definition_field *f)
{
	return (int64_t *)((char *)d + f->offset);
}

/* A copy that owns what it points to, and its end. */
void definition_copy(struct definition *to, const struct definition *from);
void definition_fini(struct definition *);

#endif
