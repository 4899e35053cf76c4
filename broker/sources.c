/* sources.c - where settings come from, in their order. */
#include "broker/sources.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/environment.h"
#include "broker/program.h"

static char *files; /* that were read */

static void
become_rabbitmq(struct config *c)
{
	char why[256];

	if (!program_is_rabbitmq())
		return;
	config_set(c, "server_properties.product", "RabbitMQ", program_name(),
	    why, sizeof why);
	config_set(c, "server_properties.version", RABBITMQ_VERSION,
	    program_name(), why, sizeof why);
}

static void
note_file(const char *path)
{
	char *before = files;

	files = before != NULL ? xasprintf("%s, %s", before, path)
			       : xstrdup(path);
	free(before);
}

static bool
load(struct config *c, const char *path, char *error, size_t size)
{
	if (strlen(path) > 7 &&
	    strcmp(path + strlen(path) - 7, ".config") == 0) {
		snprintf(error, size,
		    "%s: Erlang terms are not read: write it in the syntax of "
		    "rabbitmq.conf, in a file whose name ends in .conf",
		    path);
		return false;
	}
	note_file(path);
	return config_load(c, path, error, size);
}

/* RabbitMQ takes a name without .conf too, and goes on without the file. */
static bool
load_main(struct config *c, const char *path, char *error, size_t size)
{
	char *longer = xasprintf("%s.conf", path);
	bool done = true;

	if (access(path, F_OK) == 0)
		done = load(c, path, error, size);
	else if (access(longer, F_OK) == 0)
		done = load(c, longer, error, size);
	free(longer);
	return done;
}

/* A folder stands for all *.conf in it. */
static bool
load_more(struct config *c, const char *pattern, char *error, size_t size)
{
	char *all = xasprintf("%s/*.conf", pattern);
	struct stat st;
	glob_t found;
	bool folder = stat(pattern, &st) == 0 && S_ISDIR(st.st_mode);
	bool done = true;

	if (glob(folder ? all : pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; done && i < found.gl_pathc; i++)
			done = load(c, found.gl_pathv[i], error, size);
		globfree(&found);
	}
	free(all);
	return done;
}

static bool
load_files(struct config *c, const char *const *named, size_t count,
    char *error, size_t size)
{
	bool rabbitmq = program_is_rabbitmq();
	const char *path = program_variable("CONFIG_FILE");
	const char *more = program_variable("CONFIG_FILES");

	for (size_t i = 0; i < count; i++)
		if (!load(c, named[i], error, size))
			return false;
	if (count > 0)
		return true;
	if (path == NULL)
		path = rabbitmq ? "/etc/rabbitmq/rabbitmq.conf"
				: SYSCONFDIR "/leveret/leveret.conf";
	if (more == NULL)
		more = rabbitmq ? "/etc/rabbitmq/conf.d"
				: SYSCONFDIR "/leveret/conf.d";
	return load_main(c, path, error, size) &&
	    load_more(c, more, error, size);
}

bool
sources_read(struct config *c, const char *const *named, size_t count,
    char *error, size_t size)
{
	free(files);
	files = NULL;
	become_rabbitmq(c);
	return environment_read(c, true, error, size) &&
	    load_files(c, named, count, error, size) &&
	    environment_read(c, false, error, size);
}

void
sources_tell(void)
{
	const char *path = program_variable("CONFIG_FILE");

	if (path != NULL && files == NULL)
		log_warnx("there is no file of settings %s", path);
	environment_tell();
}

const char *
sources_files(void)
{
	return files != NULL ? files : "(none)";
}
