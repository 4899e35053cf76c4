/* words.c - what was typed, split into options and arguments. */
#include "broker/words.h"

#include <stdio.h>
#include <string.h>

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

/* One option of a row: "vhost=" or "if-empty". */
struct option_row {
	const char *name;
	size_t size;
	bool has_value;
};

/* Walks a row's options; start with *at = row->options. */
static bool
next_option(const char **at, struct option_row *o)
{
	*at += strspn(*at, " ");
	if (**at == '\0')
		return false;
	o->name = *at;
	o->size = strcspn(*at, " =");
	o->has_value = o->name[o->size] == '=';
	*at += o->size + o->has_value;
	return true;
}

const char *
command_usage(const struct command *c)
{
	static char usage[256];
	const char *at = c->options;
	struct option_row o;
	size_t n = (size_t)snprintf(usage, sizeof usage, "%s", c->name);

	while (next_option(&at, &o))
		n += (size_t)snprintf(usage + n, sizeof usage - n,
		    o.has_value ? " [--%.*s <%.*s>]" : " [--%.*s]", (int)o.size,
		    o.name, (int)o.size, o.name);
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

/* "--vhost=v", "--vhost v", "-p v" or "--if-empty" at list[*i]. */
static bool
take_option(struct words *w, const char *const *list, size_t count, size_t *i)
{
	const char *name = list[*i] + 2, *value = "";
	struct option_row o;
	size_t size;

	if (strcmp(list[*i], "-p") == 0)
		name = "vhost";
	else if (list[*i][1] != '-')
		return false;
	size = strcspn(name, "=");
	if (!find_option(w->command, name, size, &o) ||
	    w->option_count == WORDS_OPTIONS)
		return false;
	if (!o.has_value && name[size] == '=')
		return false;
	if (o.has_value && name[size] == '=')
		value = name + size + 1;
	else if (o.has_value && ++*i < count)
		value = list[*i];
	else if (o.has_value)
		return false;
	w->options[w->option_count].name = o.name;
	w->options[w->option_count].name_size = o.size;
	w->options[w->option_count++].value = value;
	return true;
}

static bool
check_count(const struct words *w, char *error, size_t size)
{
	const char *wrong = w->count < w->command->min   ? "not enough"
			    : w->count > w->command->max ? "too many"
							 : NULL;

	if (wrong != NULL)
		snprintf(error, size,
		    "Error (argument validation): %s arguments.", wrong);
	return wrong == NULL;
}

/* A '-' alone is an argument; behind "--" everything is. */
static bool
is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

bool
words_split(struct words *w, const char *const *list, size_t count, char *error,
    size_t size)
{
	bool options = true;
	size_t i, at;

	memset(w, 0, sizeof *w);
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
			if (take_option(w, list, count, &i))
				continue;
			snprintf(error, size,
			    "Error (argument validation): Invalid options for "
			    "this command:\n%.100s",
			    list[at]);
			return false;
		} else if (w->count < WORDS_MAX) {
			w->arguments[w->count++] = list[i];
		} else {
			break;
		}
	}
	return check_count(w, error, size);
}

const char *
words_option(const struct words *w, const char *name)
{
	for (size_t i = 0; i < w->option_count; i++)
		if (w->options[i].name_size == strlen(name) &&
		    memcmp(w->options[i].name, name, strlen(name)) == 0)
			return w->options[i].value;
	return NULL;
}
