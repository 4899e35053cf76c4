/* definition.c - the rows of definitions.def as data. */
#include "persistence/definition.h"

#include <stddef.h>
#include <stdlib.h>

#include "amqp/xalloc.h"

/* clang-format off */
#define FIELD(name, type) \
	{#name, type, offsetof(struct definition, vhost) + offsetof(self, name)},
#define TEXT(name) FIELD(name, FIELD_TEXT)
#define BLOB(name) FIELD(name, FIELD_BLOB)
#define INT(name) FIELD(name, FIELD_INT)
#define COUNT(...) \
	(sizeof((struct definition_field[]){__VA_ARGS__}) / \
	    sizeof(struct definition_field))
#define KIND(kind, keys, values) \
	case DEF_##kind: { \
		typedef struct def_##kind self; \
		static const struct definition_field fields[] = {keys values}; \
		static const struct definition_row row = { \
		    #kind, fields, COUNT(keys), COUNT(keys values)}; \
		return &row; \
	}
/* clang-format on */

const struct definition_row *
definition_row(enum definition_kind which)
{
	switch (which) {
#include "persistence/definitions.def"
	case DEFINITION_KINDS:
		break;
	}
	abort();
}

void
definition_copy(struct definition *to, const struct definition *from)
{
	const struct definition_row *row = definition_row(from->kind);

	*to = *from;
	for (size_t i = 0; i < row->count; i++) {
		struct bytes *b = definition_bytes(to, &row->fields[i]);
		if (row->fields[i].type != FIELD_INT)
			*b = xbytesdup(*b);
	}
}

void
definition_fini(struct definition *d)
{
	const struct definition_row *row = definition_row(d->kind);

	for (size_t i = 0; i < row->count; i++) {
		struct bytes *b = definition_bytes(d, &row->fields[i]);
		if (row->fields[i].type != FIELD_INT)
			free((void *)b->p);
	}
}
