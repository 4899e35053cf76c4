/* environment.c - RabbitMQ's environment variables. */
#include "broker/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/config_terms.h"
#include "broker/program.h"

enum kind {
	KIND_BEFORE,
	KIND_AFTER,
	KIND_CONTENT,
	KIND_WATERMARK,
	KIND_LOGS,
	KIND_LEVELS,
	KIND_ARGUMENTS,
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

/* Of the two variables either may be missing. */
static bool
set_address(struct reading *r)
{
	const char *host = program_variable("NODE_IP_ADDRESS");
	const char *port = program_variable("NODE_PORT");
	char *both;
	bool done;

	if (port == NULL)
		port = "5672";
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
	bool err = strcmp(value, "-stderr") == 0;

	if (!err && strcmp(value, "-") != 0)
		return set(r, "log.file", value);
	return set(r, "log.file", "false") && set(r, "log.console", "true") &&
	    set(r, "log.console.stdio", err ? "stderr" : "stdout");
}

/* --- RABBITMQ_LOG ------------------------------------------------------------ */

/* "+json" and its like, for the console and for files. */
static bool
set_habit(struct reading *r, bool on, const char *word)
{
	if (strcmp(word, "json") == 0) {
		word = on ? "json" : "plaintext";
		return set(r, "log.console.formatter", word) &&
		    set(r, "log.file.formatter", word);
	}
	if (strcmp(word, "single_line") == 0) {
		word = on ? "on" : "off";
		return set(r, "log.console.formatter.single_line", word) &&
		    set(r, "log.file.formatter.single_line", word);
	}
	return true; /* colours */
}

/* "connection=debug"; a category alone is logged from info. Those that are never
 * logged of have no level. */
static bool
set_category(struct reading *r, char *word)
{
	char *equals = strchr(word, '='), *key;
	char why[1024];
	enum config_status status;

	if (equals != NULL)
		*equals = '\0';
	key = xasprintf("log.%s.level", word);
	status = config_set(r->config, key, equals ? equals + 1 : "info",
	    r->source, why, sizeof why);
	free(key);
	if (status == CONFIG_BAD)
		snprintf(r->error, r->size, "%s: %s", r->source, why);
	return status != CONFIG_BAD;
}

static bool
set_level(struct reading *r, char *word)
{
	enum log_level level;

	if (*word == '+' || *word == '-')
		return set_habit(r, *word == '+', word + 1);
	if (log_level_find(word, &level))
		return set(r, "log.default.level", word);
	return set_category(r, word);
}

/* "debug,connection=warning,+json". */
static bool
set_levels(struct reading *r, const char *value)
{
	char *words = xstrdup(value), *rest = words, *word;
	bool done = true;

	while (done && (word = strsep(&rest, ",")) != NULL)
		done = *word == '\0' || set_level(r, word);
	free(words);
	return done;
}

/* --- all of them ---------------------------------------------------------------- */

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
	case KIND_LEVELS:
		return set_levels(r, value);
	case KIND_ARGUMENTS:
		return config_set_arguments(
		    r->config, value, r->source, r->error, r->size);
	case KIND_ADDRESS:
		return set_address(r);
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

bool
environment_read(struct config *c, bool before, char *error, size_t size)
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

/* A port that nobody named is RabbitMQ's own. */
void
environment_end(struct config *c)
{
	static const enum setting_id certificates[] = {
	    SETTING_ssl_cacertfile, SETTING_ssl_certfile, SETTING_ssl_keyfile};
	const char *source;
	char why[256];

	if (config_is_set(c, SETTING_listeners_ssl))
		return;
	for (size_t i = 0; i < 3; i++) {
		source = c->source[certificates[i]];
		if (source != NULL && strncmp(source, "RABBITMQ_SSL_", 13) == 0) {
			config_set(c, "listeners.ssl.default", "5671", source,
			    why, sizeof why);
			return;
		}
	}
}

void
environment_tell(void)
{
	if (!program_is_rabbitmq())
		return;
	for (const struct variable *v = variables; v < variables + VARIABLES;
	     v++)
		if (v->kind == KIND_NOTHING &&
		    program_variable(v->name) != NULL)
			log_warnx("RABBITMQ_%s has no meaning here: %s",
			    v->name, v->sentence);
}
