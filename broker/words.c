/* words.c - what was typed, split into options and arguments. */
#include "broker/words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"

const struct command commands[COMMANDS] = {
#define COMMAND(name, options, arguments, min, max, sentence)                  \
	[COMMAND_##name] = {#name, options, arguments, sentence, min, max},
#include "broker/commands.def"
#undef COMMAND
};

const struct command *
command_find(const char *name)
{
	for (const struct command *c = commands; c < commands + COMMANDS; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* One option of a row: "vhost=", "number|N#" or "if-empty". */
struct option_row {
	const char *name;
	size_t size;
	char letter; /* short for it: '\0' if there is none */
	char kind;   /* '=': takes a value, '#': a whole number */
};

/* Walks a row's options; start with *at = row->options. */
static bool
next_option(const char **at, struct option_row *o)
{
	*at += strspn(*at, " ");
	if (**at == '\0')
		return false;
	o->name = *at;
	o->size = strcspn(*at, " |=#");
	*at += o->size;
	o->letter = **at == '|' ? (*at)[1] : '\0';
	*at += o->letter != '\0' ? 2 : 0;
	o->kind = strchr("=#", **at) != NULL ? **at : '\0';
	*at += o->kind != '\0';
	return true;
}

const char *
command_usage(const struct command *c)
{
	static char usage[512];
	const char *at = c->options;
	struct option_row o;
	size_t n = (size_t)snprintf(usage, sizeof usage, "%s", c->name);

	while (next_option(&at, &o))
		n += (size_t)snprintf(usage + n, sizeof usage - n,
		    o.kind != '\0' ? " [--%.*s <%.*s>]" : " [--%.*s]",
		    (int)o.size, o.name, (int)o.size, o.name);
	snprintf(usage + n, sizeof usage - n, "%s%s",
	    *c->arguments != '\0' ? " " : "", c->arguments);
	return usage;
}

static bool
find_option(const struct command *c, const char *name, size_t size,
    struct option_row *o)
{
	const char *at = c->options;

	while (next_option(&at, o))
		if (o->size == size && memcmp(o->name, name, size) == 0)
			return true;
	return false;
}

bool
command_has_letter(const struct command *c, char letter)
{
	const char *at = c->options;
	struct option_row o;

	while (next_option(&at, &o))
		if (o.letter == letter)
			return true;
	return false;
}

bool
letter_takes_value(char letter)
{
	struct option_row o;

	for (size_t i = 0; i < COMMANDS; i++)
		for (const char *at = commands[i].options;
		     next_option(&at, &o);)
			if (o.letter == letter && o.kind != '\0')
				return true;
	return letter == 'p';
}

/* -p, --vhost: taken by all commands, as rabbitmqctl does; for those that are about
 * no vhost it means nothing. */
static bool
is_vhost(const char *word)
{
	return strcmp(word, "-p") == 0 || strcmp(word, "--vhost") == 0 ||
	    strncmp(word, "--vhost=", 8) == 0;
}

/* "--if-empty", "--vhost=v", "-N". */
static bool
find_typed(const struct command *c, const char *word, struct option_row *o)
{
	const char *at = c->options;

	if (is_vhost(word)) {
		*o = (struct option_row){"vhost", 5, 'p', '='};
		return true;
	}
	if (word[1] == '-')
		return find_option(c, word + 2, strcspn(word + 2, "="), o);
	while (next_option(&at, o))
		if (o->letter == word[1] && word[2] == '\0')
			return true;
	return false;
}

static bool
is_integer(const char *p)
{
	size_t n;

	p += *p == '-';
	n = strspn(p, "0123456789");
	return n > 0 && n < 16 && p[n] == '\0';
}

/* "--vhost=v", "--vhost v", "-p v", "-N 5" or "--if-empty" at list[*i]. False
 * with the value, if one was read, that cannot be. */
static bool
take_option(struct words *w, const char *const *list, size_t count, size_t *i,
    const char **value)
{
	const char *equals = strchr(list[*i], '=');
	struct option_row o;

	*value = "";
	if (!find_typed(w->command, list[*i], &o) ||
	    w->option_count == WORDS_OPTIONS ||
	    (o.kind == '\0' && equals != NULL))
		return false;
	if (o.kind != '\0' && equals != NULL)
		*value = equals + 1;
	else if (o.kind != '\0' && *i + 1 < count)
		*value = list[++*i];
	else if (o.kind != '\0')
		return false;
	if (o.kind == '#' && !is_integer(*value))
		return false;
	w->options[w->option_count].name = o.name;
	w->options[w->option_count].name_size = o.size;
	w->options[w->option_count++].value = *value;
	return true;
}

static bool
check_count(const struct words *w, char *error, size_t size)
{
	const char *wrong = w->count < w->command->min   ? "not enough"
			    : w->count > w->command->max ? "too many"
							 : NULL;

	if (wrong != NULL)
		snprintf(error, size, ARGUMENT_ERROR "%s arguments.", wrong);
	return wrong == NULL;
}

/* A '-' alone is an argument, and so is a number; behind "--" everything is. */
static bool
is_option(const char *word)
{
	char *end;

	if (word[0] != '-' || word[1] == '\0')
		return false;
	strtod(word + 1, &end);
	return !isdigit((unsigned char)word[1]) || *end != '\0';
}

/* All that cannot be are named, a line each. */
static void
name_invalid(char *error, size_t size, const char *option, const char *value)
{
	size_t n = strlen(error);

	if (n == 0)
		n = (size_t)snprintf(error, size,
		    ARGUMENT_ERROR "Invalid options for this command:");
	snprintf(error + n, size - n, "\n%.60s : %.60s", option, value);
}

bool
words_split(struct words *w, const char *const *list, size_t count, char *error,
    size_t size)
{
	const char *value;
	bool options = true;
	size_t i, at;

	memset(w, 0, sizeof *w);
	error[0] = '\0';
	w->command = count > 0 ? command_find(list[0]) : NULL;
	if (w->command == NULL) {
		snprintf(error, size, "Command '%.100s' not found.",
		    count > 0 ? list[0] : "");
		return false;
	}
	for (i = 1; i < count; i++) {
		at = i;
		if (options && strcmp(list[i], "--") == 0) {
			options = false;
		} else if (options && is_option(list[i])) {
			if (!take_option(w, list, count, &i, &value))
				name_invalid(error, size, list[at], value);
		} else if (w->count < WORDS_MAX) {
			w->arguments[w->count++] = list[i];
		} else {
			break;
		}
	}
	return error[0] == '\0' && check_count(w, error, size);
}

const char *
words_option(const struct words *w, const char *name)
{
	for (size_t i = w->option_count; i-- > 0;)
		if (w->options[i].name_size == strlen(name) &&
		    memcmp(w->options[i].name, name, strlen(name)) == 0)
			return w->options[i].value;
	return NULL;
}

bool
words_allows(const struct words *w, const char *name)
{
	struct option_row o;

	return find_option(w->command, name, strlen(name), &o);
}

char *
words_join(const struct words *w, size_t first, const char *between)
{
	char *all = xstrdup(""), *more;

	for (size_t i = first; i < w->count; i++) {
		more = xasprintf("%s%s%s", all, i > first ? between : "",
		    w->arguments[i]);
		free(all);
		all = more;
	}
	return all;
}
