/* sources.c - where settings come from: RabbitMQ's environment, and files in
 * their order. */
#include "broker/sources.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/program.h"

static char *files; /* that were read */

/* --- the environment ----------------------------------------------------- */

enum kind {
	KIND_BEFORE,
	KIND_AFTER,
	KIND_CONTENT,
	KIND_WATERMARK,
	KIND_LOGS,
	KIND_ADDRESS,
	KIND_PLACE,
	KIND_NOTHING,
};

static const struct variable {
	const char *name, *key, *sentence;
	enum kind kind;
} variables[] = {
#define VARIABLE(name, kind, key, sentence) {#name, key, sentence, KIND_##kind},
#include "broker/environment.def"
#undef VARIABLE
};

enum { VARIABLES = sizeof variables / sizeof *variables };

struct reading {
	struct config *config;
	const char *source; /* "RABBITMQ_NODE_PORT" */
	char *error;
	size_t size;
};

static bool
set(struct reading *r, const char *key, const char *value)
{
	char why[1024];

	if (config_set(r->config, key, value, r->source, why, sizeof why) ==
	    CONFIG_OK)
		return true;
	snprintf(r->error, r->size, "%s: %s", r->source, why);
	return false;
}

static bool
set_address(struct reading *r, const char *port)
{
	const char *host = program_variable("NODE_IP_ADDRESS");
	char *both;
	bool done;

	if (host == NULL || strcmp(host, "auto") == 0)
		return set(r, "listeners.tcp.default", port);
	both = xasprintf("%s:%s", host, port);
	done = set(r, "listeners.tcp.default", both);
	free(both);
	return done;
}

static bool
set_content(struct reading *r, const char *key, const char *path)
{
	char *line = NULL;
	size_t room = 0;
	FILE *f = fopen(path, "re");
	bool done = f != NULL && getline(&line, &room, f) >= 0;

	if (done) {
		line[strcspn(line, "\r\n")] = '\0';
		done = set(r, key, line);
	} else {
		snprintf(r->error, r->size, "%s: cannot read %s: %s",
		    r->source, path, f == NULL ? strerror(errno) : "empty");
	}
	if (f != NULL)
		fclose(f);
	free(line);
	return done;
}

/* "0.4", "40%" or "1GB". */
static bool
set_watermark(struct reading *r, const char *value)
{
	char share[32], *end;
	double n = strtod(value, &end);

	if (strcmp(end, "%") == 0) {
		snprintf(share, sizeof share, "%.6f", n / 100);
		return set(r, "vm_memory_high_watermark.relative", share);
	}
	if (*end == '\0' && strchr(value, '.') != NULL)
		return set(r, "vm_memory_high_watermark.relative", value);
	return set(r, "vm_memory_high_watermark.absolute", value);
}

static bool
set_logs(struct reading *r, const char *value)
{
	if (strcmp(value, "-") == 0)
		return set(r, "log.file", "false") &&
		    set(r, "log.console", "true");
	return set(r, "log.file", value);
}

static bool
set_variable(struct reading *r, const struct variable *v, const char *value)
{
	switch (v->kind) {
	case KIND_BEFORE:
	case KIND_AFTER:
		return set(r, v->key, value);
	case KIND_CONTENT:
		return set_content(r, v->key, value);
	case KIND_WATERMARK:
		return set_watermark(r, value);
	case KIND_LOGS:
		return set_logs(r, value);
	case KIND_ADDRESS:
		return set_address(r, value);
	case KIND_PLACE:
	case KIND_NOTHING:
		break;
	}
	return true;
}

static bool
is_before(const struct variable *v)
{
	return v->kind == KIND_BEFORE || v->kind == KIND_ADDRESS;
}

static bool
read_variables(
    struct config *c, bool before, char *error, size_t size)
{
	struct reading r = {c, NULL, error, size};
	char source[64];
	const char *value;

	if (!program_is_rabbitmq())
		return true;
	r.source = source;
	for (const struct variable *v = variables; v < variables + VARIABLES;
	     v++) {
		snprintf(source, sizeof source, "RABBITMQ_%s", v->name);
		value = is_before(v) == before ? program_variable(v->name)
					       : NULL;
		if (value != NULL && !set_variable(&r, v, value))
			return false;
	}
	return true;
}

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

/* --- files --------------------------------------------------------------- */

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
	return read_variables(c, true, error, size) &&
	    load_files(c, named, count, error, size) &&
	    read_variables(c, false, error, size);
}

void
sources_end(struct config *c)
{
	char why[256];
	const char *source = c->source[SETTING_ssl_certfile];

	if (source != NULL && strcmp(source, "RABBITMQ_SSL_CERTFILE") == 0 &&
	    !config_is_set(c, SETTING_listeners_ssl))
		config_set(c, "listeners.ssl.default", "5671", source, why,
		    sizeof why);
}

/* --- telling ------------------------------------------------------------- */

void
sources_tell(void)
{
	const char *path = program_variable("CONFIG_FILE");

	if (path != NULL && files == NULL)
		log_warnx("there is no file of settings %s", path);
	if (!program_is_rabbitmq())
		return;
	for (const struct variable *v = variables; v < variables + VARIABLES;
	     v++)
		if (v->kind == KIND_NOTHING &&
		    program_variable(v->name) != NULL)
			log_warnx("RABBITMQ_%s (%s) means nothing here",
			    v->name, v->sentence);
}

const char *
sources_files(void)
{
	return files != NULL ? files : "(none)";
}
