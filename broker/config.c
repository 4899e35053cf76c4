/* config.c - the settings, read from RabbitMQ's rabbitmq.conf syntax into one
 * struct by walking settings.def. */
#include "broker/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"

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
	TYPE_ADDRESSES,
	TYPE_FLAGS,
	TYPE_NAMES,
};

struct row {
	const char *key, *fallback, *unit, *sentence;
	size_t offset; /* of the field in struct config */
	int64_t min, max;
	enum setting_type type;
	bool reload;
};

static const struct row rows[SETTINGS] = {
#define SETTING(type, field, key, fallback, min, max, unit, reload, sentence)  \
	[SETTING_##field] = {key, fallback, unit, sentence,                    \
	    offsetof(struct config, field), min, max, TYPE_##type, reload},
#include "broker/settings.def"
#undef SETTING
};

/* What a CHOICE or one of NAMES may be, joined by commas. */
static const char *const choices[SETTINGS] = {
    [SETTING_log_console_formatter] = "plaintext, json",
    [SETTING_log_file_formatter] = "plaintext, json",
    [SETTING_auth_backends] = "internal, rabbit_auth_backend_internal",
};

static void *
field_of(const struct config *c, const struct row *row)
{
	return (char *)c + row->offset;
}

static bool
is_map(const struct row *row)
{
	return row->type == TYPE_ADDRESSES || row->type == TYPE_FLAGS ||
	    row->type == TYPE_NAMES;
}

static bool
is_text(const struct row *row)
{
	return row->type == TYPE_TEXT || row->type == TYPE_SECRET ||
	    row->type == TYPE_CHOICE;
}

/* --- reading values ---------------------------------------------------- */

struct unit {
	const char *name;
	int64_t factor;
};

/* As RabbitMQ's information units: a letter alone is a power of 1024. */
static const struct unit size_units[] = {{"", 1}, {"B", 1}, {"k", 1LL << 10},
    {"kiB", 1LL << 10}, {"kB", 1000}, {"M", 1LL << 20}, {"MiB", 1LL << 20},
    {"MB", 1000000}, {"G", 1LL << 30}, {"GiB", 1LL << 30}, {"GB", 1000000000},
    {"T", 1LL << 40}, {"TiB", 1LL << 40}, {"TB", 1000000000000}};

static const struct unit time_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000},
    {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct unit *
find_unit(const struct unit *units, size_t count, const char *name, size_t n)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(units[i].name) == n &&
		    strncasecmp(units[i].name, name, n) == 0)
			return &units[i];
	return NULL;
}

/* Digits, and behind them a unit of letters: one term of "1h30m". Moves *p
 * behind it and adds it to *sum; false if it is none or does not fit. */
static bool
read_term(const char **p, const struct unit *units, size_t count, int64_t *sum)
{
	const struct unit *unit;
	const char *letters;
	int64_t n = 0;

	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); ++*p)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, **p - '0', &n))
			return false;
	while (**p == ' ')
		++*p;
	letters = *p;
	while (isalpha((unsigned char)**p))
		++*p;
	unit = find_unit(units, count, letters, (size_t)(*p - letters));
	return unit != NULL && !__builtin_mul_overflow(n, unit->factor, &n) &&
	       !__builtin_add_overflow(*sum, n, sum);
}

static bool
read_int(const char *p, int64_t *n)
{
	static const struct unit none[] = {{"", 1}};

	*n = 0;
	return read_term(&p, none, 1, n) && *p == '\0';
}

static bool
read_size(const char *p, int64_t *n)
{
	*n = 0;
	return read_term(&p, size_units, COUNT(size_units), n) && *p == '\0';
}

static int64_t
factor_of(const struct row *row)
{
	const struct unit *unit = find_unit(
	    time_units, COUNT(time_units), row->unit, strlen(row->unit));

	return unit != NULL ? unit->factor : 1;
}

/* In the row's unit: a bare number, or terms that add up to a whole one. */
static bool
read_time(const struct row *row, const char *p, int64_t *n)
{
	int64_t ms = 0;

	if (read_int(p, n))
		return true;
	do {
		if (!read_term(&p, time_units, COUNT(time_units), &ms))
			return false;
	} while (*p != '\0');
	*n = ms / factor_of(row);
	return ms % factor_of(row) == 0;
}

/* Rows without a limit have their largest number for it. */
static bool
is_unlimited(const struct row *row)
{
	return strcmp(row->fallback, "infinity") == 0;
}

static bool
read_number(const struct row *row, const char *value, int64_t *n)
{
	bool read;

	if (is_unlimited(row) && strcmp(value, "infinity") == 0) {
		*n = row->max;
		return true;
	}
	read = row->type == TYPE_SIZE   ? read_size(value, n)
		    : row->type == TYPE_TIME ? read_time(row, value, n)
					     : read_int(value, n);

	return read && *n >= row->min && *n <= row->max;
}

/* A decimal number. */
static bool
read_ratio(const struct row *row, const char *p, double *ratio)
{
	char *end;

	if (p[strspn(p, "0123456789.")] != '\0')
		return false;
	*ratio = strtod(p, &end);
	return end != p && *end == '\0' && *ratio >= (double)row->min &&
	       *ratio <= (double)row->max;
}

static bool
read_bool(const char *value, bool *b)
{
	*b = strcmp(value, "true") == 0 || strcmp(value, "on") == 0;
	return *b || strcmp(value, "false") == 0 || strcmp(value, "off") == 0;
}

static const char *const levels[] = {
    "debug", "info", "warning", "error", "none"};

static bool
read_level(const char *value, enum log_level *level)
{
	if (strcmp(value, "notice") == 0)
		value = "warning"; /* the next there is here */
	if (strcmp(value, "critical") == 0)
		value = "none";
	for (size_t i = 0; i < COUNT(levels); i++)
		if (strcmp(value, levels[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	return false;
}

/* Is it one of the row's choices? Rows without take anything. */
static bool
read_choice(const struct row *row, const char *value)
{
	const char *p = choices[row - rows];
	size_t n;

	for (bool any = p == NULL; !any && *p != '\0'; p += n) {
		p += strspn(p, ", ");
		n = strcspn(p, ",");
		if (strlen(value) == n && memcmp(p, value, n) == 0)
			return true;
	}
	return p == NULL;
}

bool
config_address(const char *value, char *host, size_t host_size, unsigned *port)
{
	const char *colon = strrchr(value, ':');
	const char *digits = colon != NULL ? colon + 1 : value;
	size_t n = colon != NULL ? (size_t)(colon - value) : 0;
	int64_t number;

	if (!read_int(digits, &number) || number > 65535)
		return false;
	if (colon != NULL && n == 0)
		return false;
	if (n > 2 && value[0] == '[' && value[n - 1] == ']') {
		value++;
		n -= 2;
	}
	if (n >= host_size)
		return false;
	memcpy(host, value, n);
	host[n] = '\0';
	*port = (unsigned)number;
	return true;
}

/* --- maps -------------------------------------------------------------- */

static void
map_clear(struct config_map *map)
{
	for (size_t i = 0; i < map->count; i++) {
		free(map->pairs[i].name);
		free(map->pairs[i].value);
	}
	free(map->pairs);
	*map = (struct config_map){0};
}

static struct config_pair *
map_find(const struct config_map *map, const char *name)
{
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->pairs[i].name, name) == 0)
			return &map->pairs[i];
	return NULL;
}

static void
map_put(struct config_map *map, const char *name, const char *value)
{
	struct config_pair *pair = map_find(map, name);

	if (pair != NULL) {
		free(pair->value);
		pair->value = xstrdup(value);
		return;
	}
	map->pairs =
	    xrealloc(map->pairs, (map->count + 1) * sizeof *map->pairs);
	map->pairs[map->count++] =
	    (struct config_pair){xstrdup(name), xstrdup(value)};
}

bool
config_has(const struct config_map *map, const char *name)
{
	const struct config_pair *pair = map_find(map, name);

	return pair != NULL && strcmp(pair->value, "true") == 0;
}

/* The value as it is kept: flags are "true" or "false", however they were
 * written. NULL if it cannot be. */
static const char *
map_value(const struct row *row, const char *value)
{
	char host[256];
	unsigned port;
	bool flag;

	if (row->type == TYPE_ADDRESSES)
		return config_address(value, host, sizeof host, &port) ? value
								       : NULL;
	if (row->type == TYPE_NAMES)
		return read_choice(row, value) ? value : NULL;
	if (!read_bool(value, &flag))
		return NULL;
	return flag ? "true" : "false";
}

/* name is NULL for "key = none". */
static bool
map_set(struct config *c, const struct row *row, const char *name,
    const char *value)
{
	struct config_map *map = field_of(c, row);

	if (name == NULL && strcmp(value, "none") != 0)
		return false;
	if (name != NULL && (value = map_value(row, value)) == NULL)
		return false;
	if (name == NULL || c->source[row - rows] == NULL)
		map_clear(map);
	if (name != NULL)
		map_put(map, name, value);
	return true;
}

/* --- setting ----------------------------------------------------------- */

static bool
text_set(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
	return true;
}

/* The field stays as it was if the value cannot be. */
static bool
assign(struct config *c, const struct row *row, const char *name,
    const char *value)
{
	void *field = field_of(c, row);
	int64_t n;

	switch (row->type) {
	case TYPE_TEXT:
	case TYPE_SECRET:
		return text_set(field, value);
	case TYPE_CHOICE:
		return read_choice(row, value) && text_set(field, value);
	case TYPE_BOOL: {
		bool b;
		return read_bool(value, &b) && (*(bool *)field = b, true);
	}
	case TYPE_RATIO: {
		double d;
		return read_ratio(row, value, &d) &&
		    (*(double *)field = d, true);
	}
	case TYPE_LEVEL:
		return read_level(value, field);
	case TYPE_ADDRESSES:
	case TYPE_FLAGS:
	case TYPE_NAMES:
		return map_set(c, row, name, value);
	case TYPE_INT:
	case TYPE_SIZE:
	case TYPE_TIME:
		break;
	}
	if (!read_number(row, value, &n))
		return false;
	*(int64_t *)field = row->type == TYPE_TIME ? n * factor_of(row) : n;
	return true;
}

/* The row for a key. For a map's, *name is what stands for the '*', NULL for
 * the key that means all of it. */
static const struct row *
find_row(const char *key, const char **name)
{
	size_t n;

	*name = NULL;
	for (const struct row *row = rows; row < rows + SETTINGS; row++) {
		n = strlen(row->key);
		if (!is_map(row)) {
			if (strcmp(row->key, key) == 0)
				return row;
		} else if (strncmp(row->key, key, n - 2) == 0) {
			if (key[n - 2] == '\0')
				return row;
			*name = key + n - 1;
			if (key[n - 2] == '.' && **name != '\0')
				return row;
			*name = NULL;
		}
	}
	return NULL;
}

static void
describe(const struct row *row, const char *name, char *p, size_t size)
{
	static const char *const kinds[] = {
	    [TYPE_INT] = "a whole number",
	    [TYPE_SIZE] = "a size (100, 64kB, 8MiB)",
	    [TYPE_TIME] = "a time (100, 500ms, 10s, 5m)",
	    [TYPE_RATIO] = "a number (0.6)",
	    [TYPE_BOOL] = "true or false",
	    [TYPE_TEXT] = "a text",
	    [TYPE_SECRET] = "a text",
	    [TYPE_CHOICE] = "",
	    [TYPE_LEVEL] = "debug, info, warning, error or none",
	    [TYPE_ADDRESSES] = "a port or address:port",
	    [TYPE_FLAGS] = "true or false",
	    [TYPE_NAMES] = "a name",
	};

	if (is_map(row) && name == NULL)
		snprintf(p, size, "none");
	else if (choices[row - rows] != NULL)
		snprintf(p, size, "one of: %s", choices[row - rows]);
	else if (row->max == 0)
		snprintf(p, size, "%s", kinds[row->type]);
	else
		snprintf(p, size, "%s from %lld to %lld%s%s", kinds[row->type],
		    (long long)row->min, (long long)row->max,
		    *row->unit != '\0' ? " " : "", row->unit);
}

enum config_status
config_set(struct config *c, const char *key, const char *value,
    const char *source, char *error, size_t size)
{
	const char *name;
	const struct row *row = find_row(key, &name);
	char kind[160];

	if (row == NULL) {
		snprintf(error, size, "unknown setting '%s'", key);
		return CONFIG_UNKNOWN;
	}
	if (!assign(c, row, name, value)) {
		describe(row, name, kind, sizeof kind);
		snprintf(error, size, "%s: '%s' is not %s", key, value, kind);
		return CONFIG_BAD;
	}
	free(c->source[row - rows]);
	c->source[row - rows] = xstrdup(source);
	return CONFIG_OK;
}

static void
set_default(struct config *c, const struct row *row)
{
	const char *equals = is_map(row) ? strchr(row->fallback, '=') : NULL;
	char *name;

	if (equals == NULL) {
		assign(c, row, NULL, row->fallback);
		return;
	}
	name = xstrdup(row->fallback);
	name[equals - row->fallback] = '\0';
	assign(c, row, name, equals + 1);
	free(name);
}

void
config_reset(struct config *c, const char *key)
{
	const char *name;
	const struct row *row = find_row(key, &name);

	set_default(c, row);
	free(c->source[row - rows]);
	c->source[row - rows] = NULL;
}

void
config_init(struct config *c)
{
	memset(c, 0, sizeof *c);
	for (const struct row *row = rows; row < rows + SETTINGS; row++)
		set_default(c, row);
}

void
config_fini(struct config *c)
{
	for (const struct row *row = rows; row < rows + SETTINGS; row++) {
		if (is_map(row))
			map_clear(field_of(c, row));
		if (is_text(row))
			free(*(char **)field_of(c, row));
		free(c->source[row - rows]);
	}
	for (size_t i = 0; i < c->unknown_count; i++)
		free(c->unknown[i]);
	free(c->unknown);
}

/* --- files ------------------------------------------------------------- */

static char *
skip_blanks(char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static void
cut_blanks(char *p)
{
	size_t n = strlen(p);

	while (n > 0 && strchr(" \t\r\n", p[n - 1]) != NULL)
		n--;
	p[n] = '\0';
}

/* 'as it is', if that is all there is besides a comment. */
static char *
quoted(char *p)
{
	char *end = *p == '\'' ? strchr(p + 1, '\'') : NULL;
	char *rest;

	if (end == NULL)
		return NULL;
	rest = skip_blanks(end + 1);
	if (*rest != '\0' && *rest != '#')
		return NULL;
	*end = '\0';
	return p + 1;
}

/* A '#' ends the value wherever it stands, unless it is quoted. */
static char *
read_value(char *p)
{
	char *value;

	p = skip_blanks(p);
	cut_blanks(p);
	if ((value = quoted(p)) != NULL)
		return value;
	p[strcspn(p, "#")] = '\0';
	cut_blanks(p);
	return *p != '\0' ? p : NULL;
}

/* Splits "key = value # comment" where it stands. NULL value: not of that
 * shape. */
static char *
read_line(char *p, char **key)
{
	char *equals = strchr(p, '=');

	*key = p;
	if (equals == NULL)
		return NULL;
	*equals = '\0';
	cut_blanks(p);
	if (*p == '\0' || p[strcspn(p, " \t#'\"")] != '\0')
		return NULL;
	return read_value(equals + 1);
}

/* Takes the sentence. */
static void
note_unknown(struct config *c, char *sentence)
{
	c->unknown = xrealloc(
	    c->unknown, (c->unknown_count + 1) * sizeof *c->unknown);
	c->unknown[c->unknown_count++] = sentence;
}

/* One line; source is "file:line". */
static bool
load_line(
    struct config *c, char *text, const char *source, char *error, size_t size)
{
	char sentence[512];
	char *key, *value;

	text = skip_blanks(text);
	if (strchr("#\r\n", *text) != NULL) /* or its end */
		return true;
	if ((value = read_line(text, &key)) == NULL) {
		snprintf(error, size, "%s: expected: key = value", source);
		return false;
	}
	switch (config_set(c, key, value, source, sentence, sizeof sentence)) {
	case CONFIG_OK:
		return true;
	case CONFIG_UNKNOWN:
		note_unknown(c, xasprintf("%s: %s", source, sentence));
		return true;
	case CONFIG_BAD:
		break;
	}
	snprintf(error, size, "%s: %s", source, sentence);
	return false;
}

static bool
load_lines(
    struct config *c, FILE *f, const char *path, char *error, size_t size)
{
	char *text = NULL, *source;
	size_t room = 0, number = 0;
	bool loaded = true;
	ssize_t n;

	while (loaded && (n = getline(&text, &room, f)) >= 0) {
		source = xasprintf("%s:%zu", path, ++number);
		if (strlen(text) < (size_t)n) {
			snprintf(error, size, "%s: not a text file", source);
			loaded = false;
		} else {
			loaded = load_line(c, text, source, error, size);
		}
		free(source);
	}
	free(text);
	if (loaded && ferror(f)) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return false;
	}
	return loaded;
}

bool
config_load(struct config *c, const char *path, char *error, size_t size)
{
	FILE *f = fopen(path, "re");
	bool loaded;

	if (f == NULL) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return false;
	}
	loaded = load_lines(c, f, path, error, size);
	fclose(f);
	return loaded;
}

/* --- taking over --------------------------------------------------------- */

static bool
same_map(const struct config_map *a, const struct config_map *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->pairs[i].name, b->pairs[i].name) != 0 ||
		    strcmp(a->pairs[i].value, b->pairs[i].value) != 0)
			return false;
	return true;
}

static size_t
size_of(const struct row *row)
{
	switch (row->type) {
	case TYPE_BOOL:
		return sizeof(bool);
	case TYPE_RATIO:
		return sizeof(double);
	case TYPE_LEVEL:
		return sizeof(enum log_level);
	case TYPE_TEXT:
	case TYPE_SECRET:
	case TYPE_CHOICE:
		return sizeof(char *);
	case TYPE_ADDRESSES:
	case TYPE_FLAGS:
	case TYPE_NAMES:
		return sizeof(struct config_map);
	case TYPE_INT:
	case TYPE_SIZE:
	case TYPE_TIME:
		break;
	}
	return sizeof(int64_t);
}

static bool
same_value(const struct row *row, const void *a, const void *b)
{
	if (is_map(row))
		return same_map(a, b);
	if (is_text(row))
		return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	return memcmp(a, b, size_of(row)) == 0;
}

static void
swap_value(struct config *a, struct config *b, const struct row *row)
{
	char buffer[sizeof(struct config_map)], *source;
	size_t n = size_of(row);

	memcpy(buffer, field_of(a, row), n);
	memcpy(field_of(a, row), field_of(b, row), n);
	memcpy(field_of(b, row), buffer, n);
	source = a->source[row - rows];
	a->source[row - rows] = b->source[row - rows];
	b->source[row - rows] = source;
}

void
config_adopt(struct config *c, struct config *fresh,
    void (*tell)(const char *key, bool taken))
{
	for (const struct row *row = rows; row < rows + SETTINGS; row++) {
		const char *source = c->source[row - rows];

		if (same_value(row, field_of(c, row), field_of(fresh, row)) ||
		    (source != NULL && strcmp(source, CONFIG_FROM_CTL) == 0))
			continue;
		if (row->reload)
			swap_value(c, fresh, row);
		tell(row->key, row->reload);
	}
}

/* --- telling ----------------------------------------------------------- */

typedef void setting_teller(void *arg, const struct setting_view *);

static void
tell_map(const struct config_map *map, struct setting_view *view,
    setting_teller *tell, void *arg)
{
	const char *pattern = view->key;
	size_t n = strlen(pattern) - 1; /* up to the '*' */
	char *key;

	if (map->count == 0) {
		key = xasprintf("%.*s", (int)n - 1, pattern);
		view->key = key;
		view->value = "none";
		tell(arg, view);
		free(key);
	}
	for (size_t i = 0; i < map->count; i++) {
		key = xasprintf("%.*s%s", (int)n, pattern, map->pairs[i].name);
		view->key = key;
		view->value = map->pairs[i].value;
		tell(arg, view);
		free(key);
	}
}

static const char *
value_text(const struct row *row, const void *field, char *p, size_t size)
{
	int64_t n;

	switch (row->type) {
	case TYPE_TEXT:
	case TYPE_CHOICE:
		return *(char *const *)field;
	case TYPE_SECRET:
		return **(char *const *)field != '\0' ? "********" : "";
	case TYPE_BOOL:
		return *(const bool *)field ? "true" : "false";
	case TYPE_RATIO:
		snprintf(p, size, "%.10g", *(const double *)field);
		return p;
	case TYPE_LEVEL:
		return levels[*(const enum log_level *)field];
	default:
		n = *(const int64_t *)field;
		if (is_unlimited(row) && n == row->max)
			return "infinity";
		n /= row->type == TYPE_TIME ? factor_of(row) : 1;
		snprintf(p, size, "%lld", (long long)n);
		return p;
	}
}

void
config_each(const struct config *c, setting_teller *tell, void *arg)
{
	char number[32];

	for (const struct row *row = rows; row < rows + SETTINGS; row++) {
		const char *source = c->source[row - rows];
		struct setting_view view = {
		    .key = row->key,
		    .unit = row->unit,
		    .sentence = row->sentence,
		    .source = source != NULL ? source : "default",
		    .reloadable = row->reload,
		};

		if (is_map(row)) {
			tell_map(field_of(c, row), &view, tell, arg);
			continue;
		}
		view.value =
		    value_text(row, field_of(c, row), number, sizeof number);
		tell(arg, &view);
	}
}
