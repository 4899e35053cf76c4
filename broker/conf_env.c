/* conf_env.c - rabbitmq-env.conf: variables for RabbitMQ's programs, in as much of
 * the shell's language as assignments need. */
#include "broker/conf_env.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/log.h"

static const char *const known[] = {
#define VARIABLE(name, ...) #name,
#include "broker/environment.def"
#undef VARIABLE
};

static char **left_out; /* sentences */
static size_t left_out_count;

/* "source: 'what' why". */
static void
leave_out(const char *source, const char *what, const char *why)
{
	left_out = xrealloc(left_out, (left_out_count + 1) * sizeof *left_out);
	left_out[left_out_count++] =
	    xasprintf("%s: '%.80s' %s", source, what, why);
}

/* --- words ------------------------------------------------------------------- */

struct word {
	char *p; /* grows */
	size_t n;
};

static void
add(struct word *w, const char *p, size_t n)
{
	w->p = xrealloc(w->p, w->n + n + 1);
	memcpy(w->p + w->n, p, n);
	w->n += n;
	w->p[w->n] = '\0';
}

static size_t
name_size(const char *p)
{
	size_t n = 0;

	if (isdigit((unsigned char)*p))
		return 0;
	while (isalnum((unsigned char)p[n]) || p[n] == '_')
		n++;
	return n;
}

/* $NAME or ${NAME}. False if it is neither. */
static bool
add_variable(struct word *w, const char **p)
{
	bool braces = (*p)[1] == '{';
	const char *name = *p + 1 + braces;
	size_t n = name_size(name);
	char *copy;
	const char *value;

	if (n == 0 || (braces && name[n] != '}'))
		return false;
	copy = xasprintf("%.*s", (int)n, name);
	value = getenv(copy);
	if (value != NULL)
		add(w, value, strlen(value));
	free(copy);
	*p = name + n + braces;
	return true;
}

static bool
add_double_quoted(struct word *w, const char **p)
{
	for (++*p; **p != '"';) {
		if (**p == '\0' || **p == '`')
			return false;
		if (**p == '$') {
			if (!add_variable(w, p))
				return false;
			continue;
		}
		if (**p == '\\' && (*p)[1] != '\0' && strchr("\"\\$`", (*p)[1]))
			++*p;
		add(w, (*p)++, 1);
	}
	++*p;
	return true;
}

static bool
add_single_quoted(struct word *w, const char **p)
{
	const char *end = strchr(++*p, '\'');

	if (end == NULL)
		return false;
	add(w, *p, (size_t)(end - *p));
	*p = end + 1;
	return true;
}

/* Up to a blank. False for what is more than a word; *p stays where that is. */
static bool
read_word(struct word *w, const char **p)
{
	bool read = true;

	add(w, "", 0);
	while (read && **p != '\0' && strchr(" \t;", **p) == NULL) {
		if (**p == '"')
			read = add_double_quoted(w, p);
		else if (**p == '\'')
			read = add_single_quoted(w, p);
		else if (**p == '$')
			read = add_variable(w, p);
		else if (strchr("`()&|<>", **p) != NULL)
			read = false;
		else if (**p == '\\' && (*p)[1] != '\0')
			add(w, (*p += 2) - 1, 1);
		else
			add(w, (*p)++, 1);
	}
	return read;
}

/* --- assignments ----------------------------------------------------------------- */

static bool
is_known(const char *name)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(known[i], name) == 0)
			return true;
	return false;
}

/* Without a prefix it counts where nothing says otherwise. Later lines may use it in
 * any case. */
static void
assign(const char *source, const char *name, const char *value)
{
	bool prefixed = strncmp(name, "RABBITMQ_", 9) == 0;
	const char *bare = prefixed ? name + 9 : name;
	char *whole = xasprintf("RABBITMQ_%s", bare);

	if (is_known(bare))
		setenv(whole, value, prefixed);
	else
		leave_out(source, name, "has no meaning here");
	if (!prefixed)
		setenv(name, value, 1);
	free(whole);
}

/* "NAME=value" at *p. */
static bool
read_assignment(const char *source, const char **p)
{
	size_t n = name_size(*p);
	struct word w = {0};
	char *name;
	bool read;

	if (n == 0 || (*p)[n] != '=')
		return false;
	name = xasprintf("%.*s", (int)n, *p);
	*p += n + 1;
	read = read_word(&w, p);
	if (read)
		assign(source, name, w.p);
	free(name);
	free(w.p);
	return read;
}

static const char *
skip_blanks(const char *p)
{
	return p + strspn(p, " \t;");
}

/* Assignments, maybe exported; a comment. */
static void
read_line(const char *source, const char *line)
{
	const char *p = skip_blanks(line);

	if (strncmp(p, "export ", 7) == 0)
		p = skip_blanks(p + 7);
	while (*p != '\0' && *p != '#') {
		if (!read_assignment(source, &p)) {
			leave_out(
			    source, line, "is no assignment: it is left out");
			return;
		}
		p = skip_blanks(p);
	}
}

static void
read_file(const char *path, FILE *f)
{
	char *line = NULL, *source;
	size_t room = 0, number = 0;

	while (getline(&line, &room, f) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		source = xasprintf("%s:%zu", path, ++number);
		read_line(source, line);
		free(source);
	}
	free(line);
}

void
conf_env_read(void)
{
	const char *named = getenv("RABBITMQ_CONF_ENV_FILE");
	const char *path = named != NULL && *named != '\0'
			       ? named
			       : "/etc/rabbitmq/rabbitmq-env.conf";
	char *copy = xstrdup(path); /* what it says may move the environment */
	FILE *f = fopen(copy, "re");

	if (f != NULL) {
		read_file(copy, f);
		fclose(f);
	} else if (copy[0] != '\0' && (named != NULL || errno != ENOENT)) {
		leave_out("RABBITMQ_CONF_ENV_FILE", copy, strerror(errno));
	}
	free(copy);
}

void
conf_env_tell(void)
{
	for (size_t i = 0; i < left_out_count; i++)
		log_warnx("%s", left_out[i]);
}
