/* config_terms.c - settings written as Erlang terms, by their names in Erlang. */
#include "broker/config_terms.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/config_row.h"
#include "broker/terms.h"

enum { FILE_MAX = 1048576 }; /* bytes */

struct reading {
	struct config *config;
	const char *place; /* a file, or a variable */
	bool lines;	   /* which has them */
	char *error;
	size_t size;
};

/* "rabbitmq.config:3", or the variable; the caller's. */
static char *
source_of(const struct reading *r, const struct term *t)
{
	return r->lines ? xasprintf("%s:%u", r->place, t->line)
			: xstrdup(r->place);
}

/* What is no setting here does nothing: RabbitMQ takes any name. */
static bool
set(struct reading *r, const struct term *t, const char *key,
    const char *value)
{
	char *source = source_of(r, t), why[1024];
	enum config_status status =
	    config_set(r->config, key, value, source, why, sizeof why);

	if (status == CONFIG_BAD)
		snprintf(r->error, r->size, "%s: %s", source, why);
	else if (status != CONFIG_OK)
		config_note(&r->config->foreign,
		    status == CONFIG_FOREIGN
			? xasprintf("%s: %s", source, why)
			: xasprintf("%s: %.200s has no meaning here", source,
			      key));
	free(source);
	return status != CONFIG_BAD;
}

static bool
refuse(struct reading *r, const struct term *t, const char *key)
{
	char *source = source_of(r, t);

	snprintf(r->error, r->size, "%s: %s: a term that it cannot be", source,
	    key);
	free(source);
	return false;
}

/* --- whatever has the name of a key -------------------------------------------- */

static bool set_any(struct reading *, const char *key, const struct term *);

/* A pair's name goes behind the key, and so do the numbers of what has none. */
static bool
set_items(struct reading *r, const char *key, const struct term *list)
{
	bool done = true;

	for (size_t i = 0; done && i < list->count; i++) {
		const struct term *t = &list->items[i];
		bool pair = term_is_pair(t);
		char *name = pair ? xasprintf("%s.%s", key, t->items[0].text)
				  : xasprintf("%s.%zu", key, i + 1);

		done = set_any(r, name, pair ? &t->items[1] : t);
		free(name);
	}
	return done;
}

static bool
set_any(struct reading *r, const char *key, const struct term *t)
{
	if (t->kind == TERM_LIST)
		return set_items(r, key, t);
	if (!term_is_plain(t))
		return refuse(r, t, key);
	if (strcmp(t->text, "undefined") == 0)
		return set(r, t, key, "0");
	return set(r, t, key, t->text);
}

/* --- those that are written in another way ---------------------------------------- */

/* A port, or {"address", port}. */
static bool
set_listener(
    struct reading *r, const char *key, const struct term *t, size_t number)
{
	bool pair = t->kind == TERM_TUPLE && t->count >= 2 &&
	    term_is_plain(&t->items[0]) && term_is_plain(&t->items[1]);
	char *name, *value;
	bool done;

	if (!pair && !term_is_plain(t))
		return refuse(r, t, key);
	name = xasprintf("%s.%zu", key, number);
	value = pair ? xasprintf("%s:%s", t->items[0].text, t->items[1].text)
		     : xstrdup(t->text);
	done = set(r, t, name, value);
	free(name);
	free(value);
	return done;
}

static bool
set_listeners(struct reading *r, const char *key, const struct term *t)
{
	bool done = set(r, t, key, "none");

	for (size_t i = 0; done && i < t->count; i++)
		done = set_listener(r, key, &t->items[i], i + 1);
	return done;
}

/* Names that are listed are set. */
static bool
set_flags(struct reading *r, const char *key, const struct term *t)
{
	bool done = set(r, t, key, "none");
	char *name;

	for (size_t i = 0; done && i < t->count; i++) {
		if (!term_is_plain(&t->items[i]))
			return refuse(r, t, key);
		name = xasprintf("%s.%s", key, t->items[i].text);
		done = set(r, &t->items[i], name, "true");
		free(name);
	}
	return done;
}

/* [Configure, Write, Read]. */
static bool
set_permissions(struct reading *r, const char *key, const struct term *t)
{
	static const char *const names[] = {"default_permissions.configure",
	    "default_permissions.write", "default_permissions.read"};
	bool done = t->count == 3;

	for (size_t i = 0; done && i < 3; i++)
		done = term_is_plain(&t->items[i]) &&
		    set(r, t, names[i], t->items[i].text);
	return done || refuse(r, t, key);
}

/* 0.4, {absolute, "1GB"}, {mem_relative, 1.0}: a share has a point. */
static bool
set_mark(struct reading *r, const char *key, const struct term *t)
{
	bool pair = term_is_pair(t), share;
	const struct term *value = pair ? &t->items[1] : t;
	char *name;
	bool done;

	if (!term_is_plain(value))
		return refuse(r, t, key);
	share = pair ? strcmp(t->items[0].text, "absolute") != 0
		     : value->kind == TERM_NUMBER &&
		strchr(value->text, '.') != NULL;
	name = xasprintf("%s.%s", key, share ? "relative" : "absolute");
	done = set(r, t, name, value->text);
	free(name);
	return done;
}

/* [{connection, error}]. */
static bool
set_log_levels(struct reading *r, const char *key, const struct term *t)
{
	bool done = true;
	char *name;

	for (size_t i = 0; done && i < t->count; i++) {
		const struct term *pair = &t->items[i];

		if (!term_is_pair(pair) || !term_is_plain(&pair->items[1]))
			return refuse(r, t, key);
		name = xasprintf("log.%s.level", pair->items[0].text);
		done = set(r, pair, name, pair->items[1].text);
		free(name);
	}
	return done;
}

static const struct {
	const char *name, *key;
	bool (*set)(struct reading *, const char *, const struct term *);
} names[] = {
    {"tcp_listeners", "listeners.tcp", set_listeners},
    {"ssl_listeners", "listeners.ssl", set_listeners},
    {"loopback_users", "loopback_users", set_flags},
    {"default_user_tags", "default_user_tags", set_flags},
    {"default_permissions", "default_permissions", set_permissions},
    {"vm_memory_high_watermark", "vm_memory_high_watermark", set_mark},
    {"disk_free_limit", "disk_free_limit", set_mark},
    {"log_levels", "log", set_log_levels},
};

static bool
set_of_rabbit(struct reading *r, const char *name, const struct term *t)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].set(r, names[i].key, t);
	return set_any(r, name, t);
}

/* The broker itself, a plugin of it, or some other part of Erlang. */
static bool
set_of(struct reading *r, const char *application, const char *name,
    const struct term *t)
{
	char *key;
	bool done;

	if (strcmp(application, "rabbit") == 0)
		return set_of_rabbit(r, name, t);
	if (strncmp(application, "rabbitmq_", 9) == 0)
		application += 9;
	key = xasprintf("%s.%s", application, name);
	done = set_any(r, key, t);
	free(key);
	return done;
}

/* --- files --------------------------------------------------------------------- */

static bool
set_application(struct reading *r, const struct term *t)
{
	const struct term *list = term_is_pair(t) ? &t->items[1] : NULL;
	bool done = true;

	if (list == NULL || list->kind != TERM_LIST)
		return refuse(r, t, "{application, [{name, value}]}");
	for (size_t i = 0; done && i < list->count; i++) {
		const struct term *pair = &list->items[i];

		if (!term_is_pair(pair))
			return refuse(r, pair, t->items[0].text);
		done = set_of(r, t->items[0].text, pair->items[0].text,
		    &pair->items[1]);
	}
	return done;
}

static bool
set_applications(struct reading *r, const struct term *t)
{
	bool done = true;

	if (t->kind != TERM_LIST)
		return refuse(r, t, "[{application, [...]}]");
	for (size_t i = 0; done && i < t->count; i++)
		done = set_application(r, &t->items[i]);
	return done;
}

/* The caller's; NULL with errno. */
static char *
read_whole(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t n;

	if (f == NULL)
		return NULL;
	text = xmalloc(FILE_MAX + 1);
	n = fread(text, 1, FILE_MAX, f);
	text[n] = '\0';
	errno = ferror(f) ? errno : n == FILE_MAX ? EFBIG : 0;
	fclose(f);
	if (errno == 0)
		return text;
	free(text);
	return NULL;
}

bool
config_load_terms(struct config *c, const char *path, char *error, size_t size)
{
	struct reading r = {c, path, true, error, size};
	char *text = read_whole(path), why[200];
	struct term t;
	bool done;

	if (text == NULL) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return false;
	}
	if (text[strspn(text, " \t\r\n")] == '\0') {
		free(text);
		return true;
	}
	done = term_read(&t, text, why, sizeof why);
	free(text);
	if (!done) {
		snprintf(error, size, "%s: %s", path, why);
		return false;
	}
	done = set_applications(&r, &t);
	term_free(&t);
	return done;
}

/* --- arguments ------------------------------------------------------------------- */

static bool
is_flag(const char *word)
{
	return (*word == '-' || *word == '+') &&
	    !isdigit((unsigned char)word[1]);
}

static bool
set_argument(struct reading *r, const char *application, const char *name,
    const char *value)
{
	struct term t;
	char why[200];
	bool done;

	if (!term_read(&t, value, why, sizeof why)) {
		snprintf(r->error, r->size, "%s: %s: '%.200s' is no term of "
					    "Erlang",
		    r->place, name, value);
		return false;
	}
	done = set_of(r, application, name, &t);
	term_free(&t);
	return done;
}

/* Words by words: "-rabbit" begins names and values, what is another flag does
 * nothing. */
static bool
set_words(struct reading *r, char *words)
{
	static const char blanks[] = " \t\r\n";
	const char *application = NULL, *name = NULL;
	bool done = true;
	char *word;

	while (done && (word = strsep(&words, blanks)) != NULL) {
		if (*word == '\0')
			continue;
		if (is_flag(word)) {
			application = strncmp(word, "-rabbit", 7) == 0
					  ? word + 1
					  : NULL;
			name = NULL;
			if (application == NULL)
				config_note(&r->config->foreign,
				    xasprintf("%s: %.200s has no meaning here",
					r->place, word));
		} else if (application != NULL && name == NULL) {
			name = word;
		} else if (application != NULL) {
			done = set_argument(r, application, name, word);
			name = NULL;
		}
	}
	return done;
}

bool
config_set_arguments(struct config *c, const char *arguments,
    const char *source, char *error, size_t size)
{
	struct reading r = {c, source, false, error, size};
	char *words = xstrdup(arguments);
	bool done = set_words(&r, words);

	free(words);
	return done;
}
