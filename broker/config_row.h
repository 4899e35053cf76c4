/* config_row.h - the rows of settings.def as data, for the files that make up
 * config. */
#ifndef BROKER_CONFIG_ROW_H
#define BROKER_CONFIG_ROW_H

#include "broker/config.h"

enum setting_type {
	TYPE_INT,
	TYPE_SIZE,
	TYPE_TIME,
	TYPE_RATIO,
	TYPE_BOOL,
	TYPE_TEXT,
	TYPE_SECRET,
	TYPE_CHOICE,
	TYPE_LEVEL,
	TYPE_DATE,
	TYPE_PATTERN,
	TYPE_ADDRESSES,
	TYPE_FLAGS,
	TYPE_NAMES,
	TYPE_SECRETS,
	TYPE_COUNTS,
	TYPE_SIZES,
	TYPE_TIMES,
	TYPE_PATTERNS,
};

struct row {
	const char *key, *fallback, *unit, *sentence;
	size_t offset; /* of the field in struct config */
	int64_t min, max;
	enum setting_type type;
	bool reload;
};

extern const struct row config_rows[SETTINGS];

bool row_is_map(const struct row *);
bool row_is_text(const struct row *); /* char *, to be freed */

/* Where the setting is in c. */
void *row_field(const struct config *c, const struct row *);

/* --- values (config_value.c) */

/* Reads value into field. False if it cannot be; the field stays as it was. For
 * rows that are no maps. */
bool value_read(const struct row *, const char *value, void *field);

/* The value as a map keeps it: flags are "true" or "false", numbers in the row's
 * unit, however they were written. NULL if it cannot be. Good until called
 * again, or as long as value. */
const char *value_kept(const struct row *, const char *value);

/* As it would be written in a file, but secrets hidden; p is room for a number. */
const char *value_text(
    const struct row *, const void *field, char *p, size_t size);

/* What values may be: "a whole number from 0 to 100", or what is wrong with that
 * one: "a pattern: missing closing parenthesis at 1". */
void value_describe(
    const struct row *, const char *value, char *p, size_t size);

/* --- files */

/* Keeps a sentence (takes it) about a line that was left out. */
void config_note(struct config_notes *, char *sentence);

#endif
