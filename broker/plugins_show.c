/* plugins_show.c - rabbitmq-plugins list, is_enabled, directories. */
#include <jansson.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/control.h"
#include "broker/folder.h"
#include "broker/plugins_tool.h"
#include "broker/program.h"

static void
print_json(json_t *document, FILE *out)
{
	char *text = json_dumps(document, JSON_COMPACT);

	fprintf(out, "%s\n", text);
	free(text);
	json_decref(document);
}

/* --- is_enabled ---------------------------------------------------------------- */

static bool
is_enabled(const struct plugin_set *set, const char *name)
{
	const struct plugin *p = plugin_find(name, strlen(name));

	return p != NULL && plugin_enabled(set, (size_t)(p - plugins));
}

/* "Plugin a is", "Plugins a, b are": of those that are enabled, or are not. */
static char *
name_them(const char *const *names, size_t count, const char *first)
{
	char *text = xasprintf("%s%s ", first, count > 1 ? "s" : ""), *before;

	for (size_t i = 0; i < count; i++) {
		before = text;
		text = xasprintf("%s%s%s", before, i > 0 ? ", " : "", names[i]);
		free(before);
	}
	before = text;
	text = xasprintf("%s %s", before, count > 1 ? "are" : "is");
	free(before);
	return text;
}

static char *
list_enabled(const struct plugin_set *set)
{
	char *text = xstrdup(""), *before;

	for (size_t i = 0; i < PLUGINS; i++)
		if (plugin_enabled(set, i)) {
			before = text;
			text = xasprintf("%s%s%s", before,
			    *before != '\0' ? ", " : "", plugins[i].name);
			free(before);
		}
	return text;
}

static char *
where(const struct asked *a)
{
	return a->offline ? xstrdup("") : xasprintf(" on node %s", node_name());
}

static int
tell(const struct asked *a, bool good, char *message)
{
	fflush(stdout);
	if (a->json)
		print_json(json_pack("{s:s, s:s}", "message", message, "result",
			       good ? "ok" : "error"),
		    good ? stdout : stderr);
	else if (good)
		puts(message);
	else
		fprintf(stderr, "Error:\n%s\n", message);
	free(message);
	return good ? CODE_OK : CODE_UNAVAILABLE;
}

static void
say_question(const struct asked *a)
{
	char *who = name_them(a->names + 1, a->count - 1, "plugin");
	size_t n = strlen(who) - (a->count > 2 ? 4 : 3); /* without is, are */

	if (a->offline)
		printf("Inferring if %s from local environment...\n", who);
	else
		printf("Asking node %s if %.*s %s enabled...\n", node_name(),
		    (int)n, who, a->count > 2 ? "are" : "is");
	free(who);
}

static int
answer(const struct asked *a, const struct plugin_set *set)
{
	const char *missing[PLUGIN_NAMES_MAX];
	char *who, *place = where(a), *enabled = list_enabled(set), *message;
	size_t count = 0;

	for (size_t i = 1; i < a->count; i++)
		if (!is_enabled(set, a->names[i]))
			missing[count++] = a->names[i];
	who = count > 0 ? name_them(missing, count, "Plugin")
			: name_them(a->names + 1, a->count - 1, "Plugin");
	if (count > 0)
		message = xasprintf("%s not enabled%s. Enabled plugins and "
				    "dependencies: %s",
		    who, place, enabled);
	else
		message = xasprintf("%s enabled%s", who, place);
	free(who);
	free(place);
	free(enabled);
	return tell(a, count == 0, message);
}

int
plugins_is_enabled(const struct asked *a)
{
	struct plugin_set set;

	if (!a->quiet && !a->json)
		say_question(a);
	return asked_load(&set) ? answer(a, &set) : CODE_UNAVAILABLE;
}

/* --- list -------------------------------------------------------------------------- */

/* A regular expression, found anywhere in the name. */
static bool
choose(const struct asked *a, const struct plugin_set *set, bool *chosen)
{
	regex_t pattern;
	char why[200];
	int rc = regcomp(&pattern, a->count > 1 ? a->names[1] : ".*",
	    REG_EXTENDED | REG_NOSUB);

	if (rc != 0) {
		regerror(rc, &pattern, why, sizeof why);
		fprintf(stderr, "Error:\nthe pattern '%s': %s\n", a->names[1],
		    why);
		return false;
	}
	for (size_t i = 0; i < PLUGINS; i++)
		chosen[i] = regexec(&pattern, plugins[i].name, 0, NULL, 0) == 0 &&
		    (!a->enabled || set->explicitly[i]) &&
		    (!a->implicitly || plugin_enabled(set, i));
	regfree(&pattern);
	return true;
}

static bool
runs(const struct asked *a, const struct plugin_set *set, size_t i)
{
	return a->running && plugins[i].here && plugin_enabled(set, i);
}

static void
print_needs(const struct plugin *p)
{
	fputs("     Dependencies:\t[", stdout);
	for (const char *n = p->needs; *n != '\0'; n++)
		putchar(*n == ' ' ? ',' : *n);
	puts("]");
}

static void
print_row(const struct asked *a, const struct plugin_set *set, size_t i,
    int width)
{
	char mark = set->explicitly[i]	 ? 'E'
		    : set->implicitly[i] ? 'e'
					 : ' ';

	if (a->minimal) {
		puts(plugins[i].name);
		return;
	}
	printf("[%c%c] ", mark, runs(a, set, i) ? '*' : ' ');
	if (!a->verbose) {
		printf("%-*s %s\n", width, plugins[i].name, RABBITMQ_VERSION);
		return;
	}
	printf("%s\n     Version:     \t%s\n", plugins[i].name,
	    RABBITMQ_VERSION);
	print_needs(&plugins[i]);
	printf("     Description: \t%s\n\n", plugins[i].description);
}

static int
widest(const bool *chosen)
{
	int width = 0;

	for (size_t i = 0; i < PLUGINS; i++)
		if (chosen[i] && (int)strlen(plugins[i].name) > width)
			width = (int)strlen(plugins[i].name);
	return width;
}

static void
print_legend(const struct asked *a)
{
	printf(" Configured: E = explicitly enabled; e = implicitly enabled\n");
	if (a->running)
		printf(" | Status: * = running on %s\n |/\n", node_name());
	else
		printf(" | Status: [failed to contact %s - status not shown]\n "
		       "|/\n",
		    node_name());
}

static json_t *
row_json(const struct asked *a, const struct plugin_set *set, size_t i)
{
	json_t *row = json_pack("{s:s, s:s, s:b, s:s}", "name", plugins[i].name,
	    "enabled",
	    set->explicitly[i]	 ? "enabled"
	    : set->implicitly[i] ? "implicit"
				 : "not_enabled",
	    "running", runs(a, set, i), "version", RABBITMQ_VERSION);
	json_t *needs = json_array();
	char *text = xstrdup(plugins[i].needs), *at, *word;

	json_object_set_new(row, "running_version",
	    runs(a, set, i) ? json_string(RABBITMQ_VERSION) : json_null());
	for (word = strtok_r(text, " ", &at); word != NULL;
	     word = strtok_r(NULL, " ", &at))
		json_array_append_new(needs, json_string(word));
	if (a->verbose) {
		json_object_set(row, "dependencies", needs);
		json_object_set_new(row, "description",
		    json_string(plugins[i].description));
	}
	json_decref(needs);
	free(text);
	return row;
}

static int
list_json(const struct asked *a, const struct plugin_set *set,
    const bool *chosen)
{
	json_t *all = json_array();

	for (size_t i = 0; i < PLUGINS; i++)
		if (chosen[i])
			json_array_append_new(all,
			    a->minimal ? json_string(plugins[i].name)
				       : row_json(a, set, i));
	print_json(json_pack("{s:s, s:o, s:s}", "format",
		       a->minimal   ? "minimal"
		       : a->verbose ? "verbose"
				    : "normal",
		       "plugins", all, "status",
		       a->running ? "running" : "node_down"),
	    stdout);
	return CODE_OK;
}

int
plugins_list(const struct asked *a)
{
	bool chosen[PLUGINS];
	struct plugin_set set;

	if (!asked_load(&set))
		return CODE_UNAVAILABLE;
	if (!a->quiet && !a->json)
		printf("Listing plugins with pattern \"%s\" ...\n",
		    a->count > 1 ? a->names[1] : ".*");
	fflush(stdout);
	if (!choose(a, &set, chosen))
		return CODE_SOFTWARE;
	if (a->json)
		return list_json(a, &set, chosen);
	if (!a->minimal && !a->quiet)
		print_legend(a);
	for (size_t i = 0; i < PLUGINS; i++)
		if (chosen[i])
			print_row(a, &set, i, widest(chosen));
	return CODE_OK;
}

/* --- directories ------------------------------------------------------------------- */

int
plugins_directories(const struct asked *a)
{
	const char *archives = program_variable("PLUGINS_DIR");
	char *data = data_folder();
	char *expand = xasprintf(
	    "%s-plugins-expand", data != NULL ? data : node_name());

	if (archives == NULL)
		archives = "/usr/lib/rabbitmq/plugins";
	if (a->json)
		print_json(json_pack("{s:s, s:s, s:s}", "plugins_dir", archives,
			       "plugins_expand_dir", expand,
			       "enabled_plugins_file", plugins_file()),
		    stdout);
	else if (!a->quiet && a->offline)
		puts("Listing plugin directories inferred from local "
		     "environment...");
	else if (!a->quiet)
		printf("Listing plugin directories used by node %s\n",
		    node_name());
	if (!a->json)
		printf("Plugin archives directory: %s\nPlugin expansion "
		       "directory: %s\nEnabled plugins file: %s\n",
		    archives, expand, plugins_file());
	free(expand);
	free(data);
	return CODE_OK;
}
