/* plugins_tool.c - rabbitmq-plugins: its command line. */
#include "broker/plugins_tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/control.h"
#include "broker/folder.h"
#include "broker/program.h"
#include "broker/reach.h"

static const char usage[] =
    "\nUsage\n\nrabbitmq-plugins [--node <node>] [--quiet] [--silent] "
    "[--formatter json] <command> [<plugin> ...]\n\nCommands:\n\n"
    "   directories [--offline]\n"
    "                          shows where plugins and their list are\n"
    "   disable [--all] [--offline]\n"
    "                          disables plugins, and those that need them\n"
    "   enable [--all] [--offline]\n"
    "                          enables plugins\n"
    "   is_enabled [--offline] fails unless all of them are enabled\n"
    "   list [-eEmv] [<pattern>]\n"
    "                          lists plugins and whether they are enabled\n"
    "   set [--offline]        enables these and disables all others\n"
    "   version                prints the version\n\n"
    "Nothing is loaded: what a plugin does is part of the broker or it is not "
    "there.\n";

#define INVALID " (argument validation): "

bool
asked_load(struct plugin_set *set)
{
	if (plugins_load(set, plugins_file()))
		return true;
	fprintf(stderr,
	    "Error:\n{:cannot_read_enabled_plugins_file, \"%s\", \"%s\"}\n",
	    plugins_file(), strerror(errno));
	return false;
}

/* --- what was typed that cannot be ------------------------------------------- */

static int
refuse(int code, const char *error, int argc, char **argv)
{
	fprintf(stderr, "\nError%s\nArguments given:\n\t", error);
	for (int i = 1; i < argc; i++)
		fprintf(stderr, "%s%s", argv[i], i + 1 < argc ? " " : "\n");
	fputs(usage, stderr);
	return code;
}

static int
refuse_option(const char *option, int argc, char **argv)
{
	char error[256];

	snprintf(error, sizeof error,
	    INVALID "Invalid options for this command:\n\n%.100s : ", option);
	return refuse(CODE_USAGE, error, argc, argv);
}

static int
refuse_command(const char *name)
{
	if (*name != '\0')
		fprintf(stderr, "\nCommand '%.100s' not found. \n", name);
	fputs(usage, stderr);
	return CODE_USAGE;
}

/* --- options ------------------------------------------------------------------- */

/* Options that have a value; most mean nothing here. */
static bool
takes_value(const char *word)
{
	static const char *const words[] = {"-n", "--node", "-t", "--timeout",
	    "--erlang-cookie", "--script-name", "--formatter", NULL};
	size_t n;

	for (const char *const *w = words; *w != NULL; w++) {
		n = strlen(*w);
		if (strncmp(word, *w, n) == 0 &&
		    (word[n] == '\0' || (word[n] == '=' && word[1] == '-')))
			return true;
	}
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
	    {"-q", &a->quiet}, {"--quiet", &a->quiet}, {"-s", &a->quiet},
	    {"--silent", &a->quiet}, {"--all", &a->all},
	    {"-m", &a->minimal}, {"--minimal", &a->minimal},
	    {"-E", &a->enabled}, {"--enabled", &a->enabled},
	    {"-e", &a->implicitly}, {"--implicitly-enabled", &a->implicitly},
	    {"-v", &a->verbose}, {"--verbose", &a->verbose},
	    {"-l", &nothing}, {"--longnames", &nothing},
	    {"--offline", &a->offline}, {"--online", &a->online},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, word) == 0)
			return rows[i].flag;
	return NULL;
}

/* Takes it, from behind the '=' or from the next word. False: it cannot be. */
static bool
take_value(struct asked *a, int argc, char **argv, int *i)
{
	const char *word = argv[*i], *equals = strchr(word, '=');
	const char *value = equals != NULL ? equals + 1
			    : *i + 1 < argc ? argv[++*i]
					    : NULL;

	if (value == NULL)
		return false;
	if (strncmp(word, "-n", 2) == 0 || strncmp(word, "--node", 6) == 0)
		node_rename(value);
	if (strncmp(word, "--formatter", 11) == 0) {
		a->json = strcmp(value, "json") == 0;
		return a->json || strcmp(value, "table") == 0;
	}
	return true;
}

/* False if there is an option that nobody knows: *wrong. */
static bool
read_words(struct asked *a, int argc, char **argv, const char **wrong)
{
	bool *flag;

	for (int i = 1; i < argc; i++) {
		*wrong = argv[i];
		if (takes_value(argv[i])) {
			if (!take_value(a, argc, argv, &i))
				return false;
		} else if ((flag = flag_of(a, argv[i])) != NULL) {
			*flag = true;
		} else if (argv[i][0] == '-' || a->count == PLUGIN_NAMES_MAX) {
			return false;
		} else {
			a->names[a->count++] = argv[i];
		}
	}
	return true;
}

/* --- commands ------------------------------------------------------------------ */

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

static const struct row {
	const char *name;
	size_t min, max; /* of names behind it */
	int (*run)(const struct asked *);
} rows[] = {
    {"enable", 1, PLUGIN_NAMES_MAX, plugins_enable},
    {"disable", 1, PLUGIN_NAMES_MAX, plugins_disable},
    {"set", 0, PLUGIN_NAMES_MAX, plugins_set},
    {"is_enabled", 1, PLUGIN_NAMES_MAX, plugins_is_enabled},
    {"list", 0, 1, plugins_list},
    {"directories", 0, 0, plugins_directories},
    {"version", 0, 0, version},
    {"help", 0, PLUGIN_NAMES_MAX, help},
};

static const struct row *
find_row(const char *name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static bool
is_running(const struct asked *a)
{
	int fd = a->offline ? -1 : reach_broker(NULL, NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int
run(struct asked *a, int argc, char **argv)
{
	const struct row *r = a->count > 0 ? find_row(a->names[0]) : NULL;
	size_t given = a->count > 0 ? a->count - 1 : 0;

	if (r == NULL)
		return refuse_command(a->count > 0 ? a->names[0] : "");
	if (a->offline && a->online)
		return refuse(CODE_DATA,
		    INVALID "Bad argument: Cannot set both online and offline",
		    argc, argv);
	if (a->all && given > 0)
		return refuse(CODE_DATA,
		    INVALID "Bad argument: Cannot set both --all and a list of "
			    "plugins",
		    argc, argv);
	if (given < r->min && !a->all)
		return refuse(
		    CODE_USAGE, INVALID "not enough arguments.", argc, argv);
	if (given > r->max)
		return refuse(
		    CODE_USAGE, INVALID "too many arguments.", argc, argv);
	a->running = is_running(a);
	if (r->run == plugins_is_enabled && !a->running && !a->offline)
		return refuse(CODE_USAGE,
		    ": this command requires the target node to be running.",
		    argc, argv);
	return r->run(a);
}

int
plugins_main(int argc, char **argv)
{
	struct asked a = {0};
	const char *wrong = "";

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--version") == 0)
			return version(&a);
		else if (strcmp(argv[i], "--help") == 0)
			return help(&a);
	if (!read_words(&a, argc, argv, &wrong))
		return refuse_option(wrong, argc, argv);
	return run(&a, argc, argv);
}
