/* config.c - the settings: one struct, set by walking settings.def. */
#include "broker/config_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/foreign.h"

const struct row config_rows[SETTINGS] = {
#define SETTING(type, field, key, fallback, min, max, unit, reload, sentence)  \
	[SETTING_##field] = {key, fallback, unit, sentence,                    \
	    offsetof(struct config, field), min, max, TYPE_##type, reload},
#include "broker/settings.def"
#undef SETTING
};

void *
row_field(const struct config *c, const struct row *row)
{
	return (char *)c + row->offset;
}

bool
row_is_map(const struct row *row)
{
	return row->type >= TYPE_ADDRESSES;
}

bool
row_is_text(const struct row *row)
{
	return row->type == TYPE_TEXT || row->type == TYPE_SECRET ||
	    row->type == TYPE_CHOICE || row->type == TYPE_DATE ||
	    row->type == TYPE_PATTERN;
}

/* --- maps -------------------------------------------------------------- */

static void
map_clear(struct config_map *map)
{
	for (size_t i = 0; i < map->count; i++) {
		free(map->pairs[i].name);
		free(map->pairs[i].value);
		free(map->pairs[i].source);
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

static struct config_pair *
map_add(struct config_map *map, const char *name)
{
	map->pairs =
	    xrealloc(map->pairs, (map->count + 1) * sizeof *map->pairs);
	map->pairs[map->count] = (struct config_pair){.name = xstrdup(name)};
	return &map->pairs[map->count++];
}

static void
map_put(struct config_map *map, const char *name, const char *value,
    const char *source)
{
	struct config_pair *pair = map_find(map, name);

	if (pair == NULL)
		pair = map_add(map, name);
	free(pair->value);
	free(pair->source);
	pair->value = xstrdup(value);
	pair->source = xstrdup(source);
}

const char *
config_find(const struct config_map *map, const char *name)
{
	const struct config_pair *pair = map_find(map, name);

	return pair != NULL ? pair->value : NULL;
}

bool
config_has(const struct config_map *map, const char *name)
{
	const char *value = config_find(map, name);

	return value != NULL && strcmp(value, "true") == 0;
}

/* A dot in a name is written with a backslash in front. */
static char *
unescaped(const char *name, size_t n)
{
	char *text = xmalloc(n + 1), *p = text;

	for (size_t i = 0; i < n; i++)
		if (name[i] != '\\' || i + 1 == n || name[i + 1] != '.')
			*p++ = name[i];
	*p = '\0';
	return text;
}

static bool
from_environment(const char *source)
{
	return strncmp(source, "RABBITMQ_", 9) == 0;
}

/* The first that is set replaces the default, and the first of a file what the
 * environment listed. */
static bool
map_begins(const struct config *c, const struct row *row, const char *source)
{
	const char *before = c->source[row - config_rows];

	return before == NULL ||
	       (from_environment(before) && !from_environment(source));
}

/* name is NULL for "key = none". */
static bool
map_set(struct config *c, const struct row *row, const char *name,
    const char *value, const char *source)
{
	struct config_map *map = row_field(c, row);

	if (name == NULL && strcmp(value, "none") != 0)
		return false;
	if (name != NULL && (value = value_kept(row, value)) == NULL)
		return false;
	if (name == NULL || map_begins(c, row, source))
		map_clear(map);
	if (name != NULL)
		map_put(map, name, value, source);
	return true;
}

/* --- setting ----------------------------------------------------------- */

/* The field stays as it was if the value cannot be. */
static bool
assign(struct config *c, const struct row *row, const char *name,
    const char *value, const char *source)
{
	return row_is_map(row) ? map_set(c, row, name, value, source)
			       : value_read(row, value, row_field(c, row));
}

/* Is it a key of the map row? *name is what stands for the '*' (the caller's),
 * NULL for the key that means all of it. */
static bool
is_of_map(const struct row *row, const char *key, char **name)
{
	const char *star = strchr(row->key, '*'), *tail = star + 1;
	size_t before = (size_t)(star - row->key), after = strlen(tail);
	size_t n = strlen(key);

	*name = NULL;
	if (*tail == '\0' && n == before - 1 && memcmp(key, row->key, n) == 0)
		return true;
	if (n <= before + after || memcmp(key, row->key, before) != 0 ||
	    memcmp(key + n - after, tail, after) != 0)
		return false;
	*name = unescaped(key + before, n - before - after);
	return true;
}

/* The row for a key, and of a map's what is_of_map says. */
static const struct row *
find_row(const char *key, char **name)
{
	*name = NULL;
	for (const struct row *row = config_rows; row < config_rows + SETTINGS;
	     row++)
		if (row_is_map(row) ? is_of_map(row, key, name)
				    : strcmp(row->key, key) == 0)
			return row;
	return NULL;
}

static enum config_status
set_unknown(const char *key, char *error, size_t size)
{
	const char *why = foreign_find(key);
	const char *close;

	if (why != NULL) {
		snprintf(error, size, "%.200s has no meaning here: %s", key, why);
		return CONFIG_FOREIGN;
	}
	close = foreign_close_to(key);
	snprintf(error, size, "unknown setting '%.200s'%s%s%s", key,
	    close != NULL ? "; did you mean '" : "",
	    close != NULL ? close : "", close != NULL ? "'?" : "");
	return CONFIG_UNKNOWN;
}

static void
describe(const struct row *row, const char *name, const char *key,
    const char *value, char *error, size_t size)
{
	bool secret = row->type == TYPE_SECRET || row->type == TYPE_SECRETS;
	char kind[300] = "none";

	if (!row_is_map(row) || name != NULL)
		value_describe(row, value, kind, sizeof kind);
	snprintf(error, size, "%.200s: '%.200s' is not %s", key,
	    secret ? "********" : value, kind);
}

enum config_status
config_set(struct config *c, const char *key, const char *value,
    const char *source, char *error, size_t size)
{
	char *name;
	const struct row *row = find_row(key, &name);

	if (row == NULL)
		return set_unknown(key, error, size);
	if (!assign(c, row, name, value, source)) {
		describe(row, name, key, value, error, size);
		free(name);
		return CONFIG_BAD;
	}
	free(name);
	free(c->source[row - config_rows]);
	c->source[row - config_rows] = xstrdup(source);
	return CONFIG_OK;
}

static void
set_default(struct config *c, const struct row *row)
{
	const char *equals =
	    row_is_map(row) ? strchr(row->fallback, '=') : NULL;
	char *name;

	if (equals == NULL) {
		assign(c, row, NULL, row->fallback, "default");
		return;
	}
	name = xstrdup(row->fallback);
	name[equals - row->fallback] = '\0';
	assign(c, row, name, equals + 1, "default");
	free(name);
}

void
config_reset(struct config *c, const char *key)
{
	char *name;
	const struct row *row = find_row(key, &name);

	set_default(c, row);
	free(name);
	free(c->source[row - config_rows]);
	c->source[row - config_rows] = NULL;
}

void
config_init(struct config *c)
{
	memset(c, 0, sizeof *c);
	for (const struct row *row = config_rows; row < config_rows + SETTINGS; row++)
		set_default(c, row);
}

/* --- lines that were left out -------------------------------------------- */

static void
notes_clear(struct config_notes *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->lines[i]);
	free(n->lines);
}

void
config_note(struct config_notes *n, char *sentence)
{
	n->lines = xrealloc(n->lines, (n->count + 1) * sizeof *n->lines);
	n->lines[n->count++] = sentence;
}

void
config_fini(struct config *c)
{
	for (const struct row *row = config_rows; row < config_rows + SETTINGS; row++) {
		if (row_is_map(row))
			map_clear(row_field(c, row));
		if (row_is_text(row))
			free(*(char **)row_field(c, row));
		free(c->source[row - config_rows]);
	}
	notes_clear(&c->unknown);
	notes_clear(&c->foreign);
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
	if (row_is_map(row))
		return sizeof(struct config_map);
	if (row_is_text(row))
		return sizeof(char *);
	if (row->type == TYPE_BOOL)
		return sizeof(bool);
	if (row->type == TYPE_LEVEL)
		return sizeof(enum log_level);
	return sizeof(int64_t); /* RATIO, a double, is as large */
}

static bool
same_value(const struct row *row, const void *a, const void *b)
{
	if (row_is_map(row))
		return same_map(a, b);
	if (row_is_text(row))
		return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	return memcmp(a, b, size_of(row)) == 0;
}

static void
swap_value(struct config *a, struct config *b, const struct row *row)
{
	char buffer[sizeof(struct config_map)], *source;
	size_t n = size_of(row);

	memcpy(buffer, row_field(a, row), n);
	memcpy(row_field(a, row), row_field(b, row), n);
	memcpy(row_field(b, row), buffer, n);
	source = a->source[row - config_rows];
	a->source[row - config_rows] = b->source[row - config_rows];
	b->source[row - config_rows] = source;
}

static bool
by_ctl(const struct config *c, size_t i)
{
	return c->source[i] != NULL && strcmp(c->source[i], CONFIG_FROM_CTL) == 0;
}

/* Set by leveretctl, or beside what is: of a share and a size one counts. */
static bool
stands(const struct config *c, size_t i)
{
	static const size_t pairs[][2] = {
	    {SETTING_memory_relative, SETTING_memory_absolute},
	    {SETTING_disk_relative, SETTING_disk_absolute}};

	for (size_t p = 0; p < 2; p++)
		if ((i == pairs[p][0] && by_ctl(c, pairs[p][1])) ||
		    (i == pairs[p][1] && by_ctl(c, pairs[p][0])))
			return true;
	return by_ctl(c, i);
}

void
config_adopt(struct config *c, struct config *fresh,
    void (*tell)(const char *key, bool taken))
{
	for (const struct row *row = config_rows; row < config_rows + SETTINGS; row++) {
		if (same_value(row, row_field(c, row), row_field(fresh, row)) ||
		    stands(c, (size_t)(row - config_rows)))
			continue;
		if (row->reload)
			swap_value(c, fresh, row);
		tell(row->key, row->reload);
	}
}

/* --- telling ----------------------------------------------------------- */

typedef void setting_teller(void *arg, const struct setting_view *);

/* The row's key with a name for the star; NULL: what means all of it. The
 * caller's. */
static char *
key_of(const struct row *row, const char *name)
{
	const char *star = strchr(row->key, '*');
	int before = (int)(star - row->key);

	if (name != NULL)
		return xasprintf("%.*s%s%s", before, row->key, name, star + 1);
	return star[1] == '\0' ? xasprintf("%.*s", before - 1, row->key)
			       : xstrdup(row->key);
}

static void
tell_pair(const struct row *row, struct setting_view *view,
    const struct config_pair *pair, setting_teller *tell, void *arg)
{
	char *key = key_of(row, pair != NULL ? pair->name : NULL);

	view->key = key;
	view->value = pair == NULL			? "none"
	    : row->type == TYPE_SECRETS ? "********"
						: pair->value;
	if (pair != NULL)
		view->source = pair->source;
	tell(arg, view);
	free(key);
}

static void
tell_map(const struct row *row, const struct config_map *map,
    struct setting_view *view, setting_teller *tell, void *arg)
{
	if (map->count == 0)
		tell_pair(row, view, NULL, tell, arg);
	for (size_t i = 0; i < map->count; i++)
		tell_pair(row, view, &map->pairs[i], tell, arg);
}

void
config_each(const struct config *c, setting_teller *tell, void *arg)
{
	char number[32];

	for (const struct row *row = config_rows; row < config_rows + SETTINGS; row++) {
		const char *source = c->source[row - config_rows];
		struct setting_view view = {
		    .key = row->key,
		    .unit = row->unit,
		    .sentence = row->sentence,
		    .source = source != NULL ? source : "default",
		    .reloadable = row->reload,
		};

		if (row_is_map(row)) {
			tell_map(row, row_field(c, row), &view, tell, arg);
			continue;
		}
		view.value =
		    value_text(row, row_field(c, row), number, sizeof number);
		tell(arg, &view);
	}
}
