/* config_file.c - the syntax of rabbitmq.conf: a key and a value a line. */
#include "broker/config_row.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"

enum {
	DEPTH = 8,		 /* files that include files */
	VALUE_FILE_MAX = 65536, /* bytes of a file that is a value */
};

struct reading {
	struct config *config;
	const char *path;
	unsigned depth;
	char *error;
	size_t size;
};

static bool load_file(struct reading *);

/* --- a line ------------------------------------------------------------------ */

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

/* --- other files ------------------------------------------------------------- */

/* A name in a file is beside that file. The caller's. */
static char *
beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	if (*name == '/' || slash == NULL)
		return xstrdup(name);
	return xasprintf("%.*s/%s", (int)(slash - path), path, name);
}

static bool
include_all(struct reading *r, const char *pattern, const char *source)
{
	struct reading inner = *r;
	glob_t found;
	bool loaded = true;

	if (glob(pattern, 0, NULL, &found) != 0) {
		snprintf(r->error, r->size, "%s: there is no file %s to include",
		    source, pattern);
		return strpbrk(pattern, "*?[") != NULL;
	}
	inner.depth++;
	for (size_t i = 0; loaded && i < found.gl_pathc; i++) {
		inner.path = found.gl_pathv[i];
		loaded = load_file(&inner);
	}
	globfree(&found);
	return loaded;
}

/* "include conf.d/more.conf", a pattern too. */
static bool
include(struct reading *r, char *name, const char *source)
{
	char *pattern;
	bool loaded;

	name = skip_blanks(name);
	name[strcspn(name, "#")] = '\0';
	cut_blanks(name);
	if (r->depth == DEPTH) {
		snprintf(r->error, r->size, "%s: files include each other",
		    source);
		return false;
	}
	pattern = beside(r->path, name);
	loaded = include_all(r, pattern, source);
	free(pattern);
	return loaded;
}

static bool
is_include(const char *text)
{
	return strncmp(text, "include", 7) == 0 &&
	    (text[7] == ' ' || text[7] == '\t') && strchr(text, '=') == NULL;
}

/* The content of a file, without the end of its last line; the caller's. */
static char *
read_content(const char *path)
{
	char *text = xmalloc(VALUE_FILE_MAX + 1);
	FILE *f = fopen(path, "re");
	size_t n = f != NULL ? fread(text, 1, VALUE_FILE_MAX, f) : 0;
	bool read = f != NULL && !ferror(f);

	if (f != NULL)
		fclose(f);
	if (!read) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	if (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	if (n > 0 && text[n - 1] == '\r')
		text[--n] = '\0';
	return text;
}

/* "$(<secret.txt)": what that file has. The caller's; NULL with errno. */
static char *
expand(const char *path, const char *value)
{
	size_t n = strlen(value);
	char *name, *whole, *content;

	if (n < 5 || strncmp(value, "$(<", 3) != 0 || value[n - 1] != ')')
		return xstrdup(value);
	name = xstrdup(value + 3);
	name[n - 4] = '\0';
	cut_blanks(name);
	whole = beside(path, skip_blanks(name));
	content = read_content(whole);
	free(name);
	free(whole);
	return content;
}

/* --- a file ------------------------------------------------------------------- */

static bool
set(struct reading *r, const char *key, const char *value, const char *source)
{
	char sentence[1024];

	switch (config_set(
	    r->config, key, value, source, sentence, sizeof sentence)) {
	case CONFIG_OK:
		return true;
	case CONFIG_UNKNOWN:
		config_note(&r->config->unknown,
		    xasprintf("%s: %s", source, sentence));
		return true;
	case CONFIG_FOREIGN:
		config_note(&r->config->foreign,
		    xasprintf("%s: %s", source, sentence));
		return true;
	case CONFIG_BAD:
		break;
	}
	snprintf(r->error, r->size, "%s: %s", source, sentence);
	return false;
}

/* One line; source is "file:line". */
static bool
load_line(struct reading *r, char *text, const char *source)
{
	char *key, *value;
	bool done;

	text = skip_blanks(text);
	if (strchr("#\r\n", *text) != NULL) /* or its end */
		return true;
	if (is_include(text))
		return include(r, text + 7, source);
	if ((value = read_line(text, &key)) == NULL) {
		snprintf(r->error, r->size, "%s: expected: key = value", source);
		return false;
	}
	if ((value = expand(r->path, value)) == NULL) {
		snprintf(r->error, r->size,
		    "%s: %s: cannot read the file that is its value: %s", source,
		    key, strerror(errno));
		return false;
	}
	done = set(r, key, value, source);
	free(value);
	return done;
}

/* Editors put a mark in front of UTF-8. */
static char *
skip_mark(char *text, size_t line)
{
	return line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3
								  : text;
}

static bool
load_lines(struct reading *r, FILE *f)
{
	char *text = NULL, *source;
	size_t room = 0, line = 0;
	bool loaded = true;
	ssize_t n;

	while (loaded && (n = getline(&text, &room, f)) >= 0) {
		source = xasprintf("%s:%zu", r->path, ++line);
		if (strlen(text) < (size_t)n) {
			snprintf(r->error, r->size, "%s: not a text file",
			    source);
			loaded = false;
		} else {
			loaded = load_line(r, skip_mark(text, line), source);
		}
		free(source);
	}
	free(text);
	if (loaded && ferror(f)) {
		snprintf(r->error, r->size, "%s: %s", r->path, strerror(errno));
		return false;
	}
	return loaded;
}

static bool
load_file(struct reading *r)
{
	FILE *f = fopen(r->path, "re");
	bool loaded;

	if (f == NULL) {
		snprintf(r->error, r->size, "%s: %s", r->path, strerror(errno));
		return false;
	}
	loaded = load_lines(r, f);
	fclose(f);
	return loaded;
}

bool
config_load(struct config *c, const char *path, char *error, size_t size)
{
	struct reading r = {c, path, 0, error, size};

	return load_file(&r);
}
