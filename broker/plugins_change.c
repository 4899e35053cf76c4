/* plugins_change.c - rabbitmq-plugins enable, disable, set. */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/control.h"
#include "broker/folder.h"
#include "broker/plugins_tool.h"

/* A change that is made: what was enabled and what is. */
struct change {
	const struct asked *asked;
	struct plugin_set before, after;
	bool gone[PLUGINS], come[PLUGINS]; /* what has changed */
};

static bool
any(const bool *marked)
{
	for (size_t i = 0; i < PLUGINS; i++)
		if (marked[i])
			return true;
	return false;
}

static size_t
count(const bool *marked)
{
	size_t n = 0;

	for (size_t i = 0; i < PLUGINS; i++)
		n += marked[i];
	return n;
}

/* --- names ----------------------------------------------------------------------- */

/* As Elixir writes an atom. */
static void
print_atom(const char *name)
{
	const char *p = name;

	while (isalnum((unsigned char)*p) || *p == '_')
		p++;
	fprintf(stderr, *p == '\0' ? ":%s" : ":\"%s\"", name);
}

static bool
is_plugin(const char *name)
{
	return plugin_find(name, strlen(name)) != NULL;
}

/* Says which are none, the last one first; how many there are. */
static size_t
complain(const struct asked *a, bool plainly)
{
	size_t n = 0;

	for (size_t i = a->count; i > 1; i--) {
		if (is_plugin(a->names[i - 1]))
			continue;
		if (n == 0)
			fputs(plainly ? "Error:\nThe following plugins were not "
					"found: "
				      : "Error:\n{:plugins_not_found, [",
			    stderr);
		fputs(n > 0 ? ", " : "", stderr);
		if (plainly)
			fputs(a->names[i - 1], stderr);
		else
			print_atom(a->names[i - 1]);
		n++;
	}
	if (n > 0)
		fputs(plainly ? "\n" : "]}\n", stderr);
	return n;
}

static void
mark_named(const struct asked *a, bool *chosen)
{
	const struct plugin *p;

	for (size_t i = 1; i < a->count; i++)
		if ((p = plugin_find(a->names[i], strlen(a->names[i]))) != NULL)
			chosen[p - plugins] = true;
	for (size_t i = 0; a->all && i < PLUGINS; i++)
		chosen[i] = true;
}

/* --- saying ------------------------------------------------------------------------ */

static void
print_names(const bool *marked)
{
	for (size_t i = 0; i < PLUGINS; i++)
		if (marked[i])
			printf("  %s\n", plugins[i].name);
}

static void
say_what(const struct asked *a, const char *doing)
{
	if (a->quiet || a->json)
		return;
	if (a->all)
		printf("%s ALL plugins on node %s\n", doing, node_name());
	else
		printf("%s plugins on node %s:\n", doing, node_name());
	for (size_t i = 1; i < a->count; i++)
		puts(a->names[i]);
	fflush(stdout);
}

static void
all_enabled(const struct plugin_set *set, bool *marked)
{
	for (size_t i = 0; i < PLUGINS; i++)
		marked[i] = plugin_enabled(set, i);
}

static void
print_configured(const bool *enabled)
{
	puts(any(enabled) ? "The following plugins have been configured:"
			  : "All plugins have been disabled.");
	print_names(enabled);
	printf("Applying plugin configuration to %s...\n", node_name());
}

static void
print_effect(const struct change *c, const bool *enabled, bool listed)
{
	if (c->asked->running) {
		if (any(c->come))
			printf("started %zu plugins.\n", count(c->come));
		if (any(c->gone))
			printf("stopped %zu plugins.\n", count(c->gone));
		return;
	}
	if (any(enabled))
		printf("set %zu plugins.\n", count(enabled));
	else
		puts("nothing to do.");
	if (listed)
		puts("Offline change; changes will take effect at broker "
		     "restart.");
}

static json_t *
names_json(const bool *marked)
{
	json_t *names = json_array();

	for (size_t i = 0; i < PLUGINS; i++)
		if (marked[i])
			json_array_append_new(
			    names, json_string(plugins[i].name));
	return names;
}

static void
print_json(const struct change *c, const bool *enabled, const char *verb)
{
	json_t *set = names_json(enabled);
	json_t *told = json_pack("{s:O, s:s}", "set", set, "mode",
	    c->asked->running ? "online" : "offline");
	char *text;

	if (verb != NULL)
		json_object_set_new(told, verb,
		    names_json(strcmp(verb, "enabled") == 0 ? c->come
							    : c->gone));
	if (c->asked->running) {
		json_object_set_new(told, "started", names_json(c->come));
		json_object_set_new(told, "stopped", names_json(c->gone));
	}
	text = json_dumps(set, JSON_COMPACT);
	printf("[\n%s\n", text);
	free(text);
	text = json_dumps(told, JSON_COMPACT | JSON_SORT_KEYS);
	printf(",%s\n]\n", text);
	free(text);
	json_decref(told);
	json_decref(set);
}

static void
tell_change(const struct change *c, const char *verb)
{
	bool enabled[PLUGINS];

	all_enabled(&c->after, enabled);
	if (c->asked->json) {
		print_json(c, enabled, verb);
		return;
	}
	print_configured(enabled);
	if (verb != NULL && !any(c->come) && !any(c->gone)) {
		puts("Plugin configuration unchanged.");
		return;
	}
	if (verb != NULL) {
		printf("The following plugins have been %s:\n", verb);
		print_names(
		    strcmp(verb, "enabled") == 0 ? c->come : c->gone);
		puts("");
	}
	print_effect(c, enabled, verb != NULL);
}

static void
warn_absent(const bool *chosen)
{
	fflush(stdout);
	for (size_t i = 0; i < PLUGINS; i++)
		if (chosen[i] && !plugins[i].here)
			fprintf(stderr,
			    "Warning: what %s does is not part of Leveret\n",
			    plugins[i].name);
}

/* --- changing ---------------------------------------------------------------------- */

/* Makes the list anew from what is enabled explicitly after. */
static bool
carry_out(struct change *c)
{
	plugins_imply(&c->after);
	for (size_t i = 0; i < PLUGINS; i++) {
		bool was = plugin_enabled(&c->before, i);
		bool is = plugin_enabled(&c->after, i);

		c->come[i] = is && !was;
		c->gone[i] = was && !is;
	}
	if (plugins_save(&c->after, plugins_file()))
		return true;
	fprintf(stderr,
	    "Error:\n{:cannot_write_enabled_plugins_file, \"%s\", \"%s\"}\n",
	    plugins_file(), strerror(errno));
	return false;
}

static bool
begin(struct change *c, const struct asked *a)
{
	c->asked = a;
	if (!asked_load(&c->before))
		return false;
	c->after = c->before;
	return true;
}

int
plugins_enable(const struct asked *a)
{
	bool chosen[PLUGINS] = {false};
	struct change c = {0};

	say_what(a, "Enabling");
	if (complain(a, false) > 0)
		return CODE_SOFTWARE;
	if (!begin(&c, a))
		return CODE_UNAVAILABLE;
	mark_named(a, chosen);
	for (size_t i = 0; i < PLUGINS; i++)
		c.after.explicitly[i] |= chosen[i];
	if (!carry_out(&c))
		return CODE_UNAVAILABLE;
	tell_change(&c, "enabled");
	warn_absent(chosen);
	return CODE_OK;
}

static bool
needs_any(size_t i, const bool *chosen)
{
	for (size_t n = 0; n < PLUGINS; n++)
		if (chosen[n] && plugin_needs(&plugins[i], &plugins[n]))
			return true;
	return false;
}

/* What needs one that is disabled goes too; names that nobody knows are disabled
 * already. */
int
plugins_disable(const struct asked *a)
{
	bool chosen[PLUGINS] = {false};
	struct change c = {0};

	say_what(a, "Disabling");
	if (!begin(&c, a))
		return CODE_UNAVAILABLE;
	mark_named(a, chosen);
	for (size_t i = 0; i < PLUGINS; i++)
		if (chosen[i] || needs_any(i, chosen))
			c.after.explicitly[i] = false;
	if (!carry_out(&c))
		return CODE_UNAVAILABLE;
	tell_change(&c, "disabled");
	return CODE_OK;
}

int
plugins_set(const struct asked *a)
{
	bool chosen[PLUGINS] = {false};
	struct change c = {0};

	say_what(a, "Enabling");
	if (complain(a, true) > 0)
		return CODE_DATA;
	if (!begin(&c, a))
		return CODE_UNAVAILABLE;
	mark_named(a, chosen);
	memcpy(c.after.explicitly, chosen, sizeof chosen);
	if (!carry_out(&c))
		return CODE_UNAVAILABLE;
	tell_change(&c, NULL);
	warn_absent(chosen);
	return CODE_OK;
}
