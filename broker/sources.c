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
#include "broker/conf_env.h"
#include "broker/config_terms.h"
#include "broker/environment.h"
#include "broker/logging.h"
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

	files = before != NULL ? xasprintf("%s" PLACES_BETWEEN "%s", before, path)
			       : xstrdup(path);
	free(before);
}

static bool
ends_with(const char *path, const char *tail)
{
	size_t n = strlen(path), m = strlen(tail);

	return n > m && strcmp(path + n - m, tail) == 0;
}

static bool
load(struct config *c, const char *path, char *error, size_t size)
{
	note_file(path);
	return ends_with(path, ".config")
		   ? config_load_terms(c, path, error, size)
		   : config_load(c, path, error, size);
}

/* RabbitMQ takes a name without its end too, and goes on without the file. */
static bool
load_if_there(struct config *c, const char *path, const char *const *ends,
    char *error, size_t size)
{
	char *whole;
	bool done = true, found = false;

	for (; !found && *ends != NULL; ends++) {
		whole = xasprintf("%s%s", path, *ends);
		found = access(whole, F_OK) == 0;
		if (found)
			done = load(c, whole, error, size);
		free(whole);
	}
	return done;
}

static bool
load_main(struct config *c, char *error, size_t size)
{
	static const char *const ends[] = {"", ".conf", ".config", NULL};
	const char *path = program_variable("CONFIG_FILE");

	if (path != NULL)
		return load_if_there(c, path, ends, error, size);
	return program_is_rabbitmq()
		   ? load_if_there(
			 c, "/etc/rabbitmq/rabbitmq", ends + 1, error, size)
		   : load_if_there(
			 c, SYSCONFDIR "/leveret/leveret", ends + 1, error, size);
}

static bool
load_advanced(struct config *c, char *error, size_t size)
{
	static const char *const ends[] = {"", ".config", NULL};
	const char *path = program_variable("ADVANCED_CONFIG_FILE");

	if (!program_is_rabbitmq())
		return true;
	if (path == NULL)
		path = "/etc/rabbitmq/advanced.config";
	return load_if_there(c, path, ends, error, size);
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
	const char *more = program_variable("CONFIG_FILES");

	for (size_t i = 0; i < count; i++)
		if (!load(c, named[i], error, size))
			return false;
	if (count > 0)
		return true;
	if (more == NULL)
		more = program_is_rabbitmq() ? "/etc/rabbitmq/conf.d"
					     : SYSCONFDIR "/leveret/conf.d";
	return load_main(c, error, size) &&
	    load_more(c, more, error, size) && load_advanced(c, error, size);
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
	conf_env_tell();
	environment_tell();
}

const char *
sources_files(void)
{
	return files;
}
