/* plugins_tool.c - rabbitmq-plugins: the list of enabled plugins, read and
 * written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/control.h"
#include "broker/folder.h"
#include "broker/plugins.h"
#include "broker/program.h"
#include "broker/reach.h"

enum { NAMES_MAX = 64 };

struct asked {
	const char *names[NAMES_MAX];
	size_t count;
	bool quiet, silent, all, minimal, enabled, implicitly, verbose;
};

/* --- the command line ---------------------------------------------------- */

static const char usage[] =
    "\nUsage\n\nrabbitmq-plugins [--node <node>] [--quiet] [--silent] "
    "<command> [<plugin> ...]\n\nCommands:\n\n"
    "   directories            shows where plugins and their list are\n"
    "   disable [--all]        disables plugins\n"
    "   enable [--all]         enables plugins\n"
    "   is_enabled             fails unless all of them are enabled\n"
    "   list [-eEmv] [<name>]  lists plugins and whether they are enabled\n"
    "   set                    enables these and disables all others\n"
    "   version                prints the version\n\n"
    "Options: --offline, --online and --timeout are taken, as nothing is loaded "
    "there is no difference.\n";

static int
refuse(const char *error)
{
	fprintf(stderr, "\n%s\n%s", error, usage);
	return CODE_USAGE;
}

/* Options that have a value without a meaning here. */
static bool
takes_value(const char *word)
{
	static const char *const words[] = {"-n", "--node", "-t", "--timeout",
	    "--erlang-cookie", "--script-name", "--formatter", NULL};

	for (const char *const *w = words; *w != NULL; w++)
		if (strcmp(word, *w) == 0)
			return true;
	return false;
}

static bool *
flag_of(struct asked *a, const char *word)
{
	static bool nothing;
	const struct {
		const char *name;
		bool *flag;
	} rows[] = {
	    {"-q", &a->quiet}, {"--quiet", &a->quiet}, {"-s", &a->silent},
	    {"--silent", &a->silent}, {"--all", &a->all},
	    {"-m", &a->minimal}, {"--minimal", &a->minimal},
	    {"-E", &a->enabled}, {"--enabled", &a->enabled},
	    {"-e", &a->implicitly}, {"--implicitly-enabled", &a->implicitly},
	    {"-v", &a->verbose}, {"--verbose", &a->verbose},
	    {"-l", &nothing}, {"--longnames", &nothing},
	    {"--offline", &nothing}, {"--online", &nothing},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, word) == 0)
			return rows[i].flag;
	return NULL;
}

/* Names may be joined by commas or stand alone. The command is names[0]. False
 * if there is an option that nobody knows. */
static bool
read_words(struct asked *a, int argc, char **argv, const char **wrong)
{
	bool *flag;

	for (int i = 1; i < argc; i++) {
		*wrong = argv[i];
		if (takes_value(argv[i])) {
			if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
				node_rename(argv[i + 1]);
			i++;
		} else if ((flag = flag_of(a, argv[i])) != NULL) {
			*flag = true;
		} else if (argv[i][0] == '-' || a->count == NAMES_MAX) {
			return strncmp(argv[i], "--node=", 7) == 0 ||
			    strncmp(argv[i], "--timeout=", 10) == 0;
		} else {
			a->names[a->count++] = argv[i];
		}
	}
	return true;
}

/* --- reading and writing ------------------------------------------------- */

static bool
load(struct plugin_set *set)
{
	if (plugins_load(set, plugins_file()))
		return true;
	fprintf(stderr,
	    "Error:\n{:cannot_read_enabled_plugins_file, \"%s\", \"%s\"}\n",
	    plugins_file(), strerror(errno));
	return false;
}

static bool
save(const struct plugin_set *set)
{
	if (plugins_save(set, plugins_file()))
		return true;
	fprintf(stderr,
	    "Error:\n{:cannot_write_enabled_plugins_file, \"%s\", \"%s\"}\n",
	    plugins_file(), strerror(errno));
	return false;
}

/* Marks the plugins named; false after having said which are none. */
static bool
choose(const struct asked *a, bool *chosen)
{
	const struct plugin *p;
	const char *between = "";
	bool found = true;

	for (size_t i = 1; i < a->count; i++) {
		p = plugin_find(a->names[i], strlen(a->names[i]));
		if (p != NULL) {
			chosen[p - plugins] = true;
			continue;
		}
		fprintf(stderr, "%s%s:%s", found ? "Error:\n{:plugins_not_found, [" : "",
		    between, a->names[i]);
		between = ", ";
		found = false;
	}
	if (!found)
		fputs("]}\n", stderr);
	return found;
}

static void
print_names(const bool *a, const bool *b)
{
	for (size_t i = 0; i < PLUGINS; i++)
		if (a[i] || b[i])
			printf("  %s\n", plugins[i].name);
}

/* --- enable, disable, set ------------------------------------------------ */

static void
print_change(const struct plugin_set *before, const struct plugin_set *after,
    bool enabling)
{
	bool changed[PLUGINS];
	unsigned n = 0;

	for (size_t i = 0; i < PLUGINS; i++) {
		changed[i] = plugin_enabled(before, i) != plugin_enabled(after, i);
		n += changed[i];
	}
	if (n == 0) {
		puts("Plugin configuration unchanged.");
		return;
	}
	printf("The following plugins have been %s:\n",
	    enabling ? "enabled" : "disabled");
	print_names(changed, changed);
	printf("\n%s %u plugins.\nOffline change; changes will take effect at "
	       "broker restart.\n",
	    enabling ? "set" : "stopped", n);
}

static void
warn_absent(const bool *chosen)
{
	for (size_t i = 0; i < PLUGINS; i++)
		if (chosen[i] && !plugins[i].here)
			fprintf(stderr,
			    "Warning: what %s does is not part of Leveret\n",
			    plugins[i].name);
}

static void
print_configured(const struct plugin_set *set)
{
	bool any = false;

	for (size_t i = 0; i < PLUGINS; i++)
		any = any || plugin_enabled(set, i);
	puts(any ? "The following plugins have been configured:"
		 : "All plugins have been disabled.");
	print_names(set->explicitly, set->implicitly);
	printf("Applying plugin configuration to %s...\n", node_name());
}

static int
change(const struct asked *a, bool enabling, bool only)
{
	bool chosen[PLUGINS] = {false};
	struct plugin_set before, after;

	if (a->count < 2 && !a->all && !only)
		return refuse(
		    "Error (argument validation): not enough arguments.");
	if (!a->quiet && !a->silent) {
		printf("%s plugins on node %s:\n",
		    only ? "Setting" : enabling ? "Enabling" : "Disabling",
		    node_name());
		for (size_t i = 1; i < a->count; i++)
			puts(a->names[i]);
		fflush(stdout);
	}
	if (!choose(a, chosen))
		return CODE_SOFTWARE;
	if (!load(&before))
		return CODE_UNAVAILABLE;
	after = before;
	for (size_t i = 0; i < PLUGINS; i++)
		if (chosen[i] || a->all || only)
			after.explicitly[i] = enabling && (chosen[i] || a->all);
	plugins_imply(&after);
	if (!save(&after))
		return CODE_UNAVAILABLE;
	print_configured(&after);
	print_change(&before, &after, enabling);
	fflush(stdout);
	if (enabling)
		warn_absent(chosen);
	return CODE_OK;
}

static int
enable(const struct asked *a)
{
	return change(a, true, false);
}

static int
disable(const struct asked *a)
{
	return change(a, false, false);
}

static int
set(const struct asked *a)
{
	return change(a, true, true);
}

/* --- is_enabled, list, directories --------------------------------------- */

static bool
named(const struct plugin_set *set, const char *name)
{
	const struct plugin *p = plugin_find(name, strlen(name));

	return p != NULL && plugin_enabled(set, (size_t)(p - plugins));
}

static void
print_joined(FILE *out, const struct asked *a)
{
	for (size_t i = 1; i < a->count; i++)
		fprintf(out, "%s%s", i > 1 ? ", " : "", a->names[i]);
}

static int
not_enabled(const struct plugin_set *set, const char *name)
{
	const char *between = "";

	fflush(stdout);
	fprintf(stderr,
	    "Error:\nPlugin %s is not enabled on node %s. Enabled plugins and "
	    "dependencies: ",
	    name, node_name());
	for (size_t i = 0; i < PLUGINS; i++)
		if (plugin_enabled(set, i)) {
			fprintf(stderr, "%s%s", between, plugins[i].name);
			between = ", ";
		}
	putc('\n', stderr);
	return CODE_UNAVAILABLE;
}

static int
is_enabled(const struct asked *a)
{
	struct plugin_set set;

	if (a->count < 2)
		return refuse(
		    "Error (argument validation): not enough arguments.");
	if (!a->quiet && !a->silent) {
		printf("Asking node %s if plugin ", node_name());
		print_joined(stdout, a);
		puts(" is enabled...");
	}
	if (!load(&set))
		return CODE_UNAVAILABLE;
	for (size_t i = 1; i < a->count; i++)
		if (!named(&set, a->names[i]))
			return not_enabled(&set, a->names[i]);
	if (a->silent)
		return CODE_OK;
	fputs(a->count > 2 ? "Plugins " : "Plugin ", stdout);
	print_joined(stdout, a);
	printf(" %s enabled on node %s\n", a->count > 2 ? "are" : "is",
	    node_name());
	return CODE_OK;
}

/* Patterns are taken for plain parts of names, as people type them. */
static bool
listed(const struct asked *a, const struct plugin_set *set, size_t i)
{
	if (a->count > 1 && strcmp(a->names[1], ".*") != 0 &&
	    strstr(plugins[i].name, a->names[1]) == NULL)
		return false;
	if (a->enabled)
		return set->explicitly[i];
	return !a->implicitly || plugin_enabled(set, i);
}

static void
print_row(const struct asked *a, const struct plugin_set *set, size_t i,
    bool running)
{
	char mark = set->explicitly[i]	 ? 'E'
		    : set->implicitly[i] ? 'e'
					 : ' ';

	if (a->minimal) {
		puts(plugins[i].name);
		return;
	}
	printf("[%c%c] %-33s %s\n", mark,
	    running && mark != ' ' && plugins[i].here ? '*' : ' ',
	    plugins[i].name, RABBITMQ_VERSION);
	if (a->verbose && plugins[i].needs[0] != '\0')
		printf("     Dependencies:\t[%s]\n", plugins[i].needs);
}

static int
list(const struct asked *a)
{
	struct plugin_set set;
	int fd = reach_broker(NULL, NULL);

	if (fd >= 0)
		close(fd);
	if (!load(&set))
		return CODE_UNAVAILABLE;
	if (!a->quiet && !a->silent)
		printf("Listing plugins with pattern \"%s\" ...\n",
		    a->count > 1 ? a->names[1] : ".*");
	if (!a->minimal && !a->silent && fd >= 0)
		printf(" Configured: E = explicitly enabled; e = implicitly "
		       "enabled\n | Status: * = running on %s\n |/\n",
		    node_name());
	else if (!a->minimal && !a->silent)
		printf(" Configured: E = explicitly enabled; e = implicitly "
		       "enabled\n | Status: [failed to contact %s - status "
		       "not shown]\n |/\n",
		    node_name());
	for (size_t i = 0; i < PLUGINS; i++)
		if (listed(a, &set, i))
			print_row(a, &set, i, fd >= 0);
	return CODE_OK;
}

static int
directories(const struct asked *a)
{
	const char *archives = program_variable("PLUGINS_DIR");
	char *data = data_folder();

	if (!a->quiet && !a->silent)
		printf("Listing plugin directories used by node %s\n",
		    node_name());
	printf("Plugin archives directory: %s\nPlugin expansion directory: "
	       "%s-plugins-expand\nEnabled plugins file: %s\n",
	    archives != NULL ? archives : "/usr/lib/rabbitmq/plugins",
	    data != NULL ? data : "", plugins_file());
	free(data);
	return CODE_OK;
}

static int
version(const struct asked *a)
{
	puts(RABBITMQ_VERSION);
	return CODE_OK;
}

static int
help(const struct asked *a)
{
	fputs(usage, stdout);
	return CODE_OK;
}

int
plugins_main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct asked *);
	} rows[] = {{"enable", enable}, {"disable", disable}, {"set", set},
	    {"is_enabled", is_enabled}, {"list", list},
	    {"directories", directories}, {"version", version},
	    {"help", help}};
	struct asked a = {0};
	const char *wrong = "";
	char error[256];

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--version") == 0)
			return version(&a);
		else if (strcmp(argv[i], "--help") == 0)
			return help(&a);
	if (!read_words(&a, argc, argv, &wrong)) {
		snprintf(error, sizeof error,
		    "Error (argument validation): Invalid options for this "
		    "command:\n%.100s",
		    wrong);
		return refuse(error);
	}
	for (size_t i = 0; a.count > 0 && i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, a.names[0]) == 0)
			return rows[i].run(&a);
	snprintf(error, sizeof error, "Command '%.100s' not found.",
	    a.count > 0 ? a.names[0] : "");
	return refuse(error);
}
