/* plugins.c - which of RabbitMQ's plugins are enabled. */
#include "broker/plugins.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/log.h"
#include "broker/program.h"

const struct plugin plugins[PLUGINS] = {
#define PLUGIN(name, here, needs, description) {#name, needs, description, here},
#include "broker/plugins.def"
#undef PLUGIN
};

const struct plugin *
plugin_find(const char *name, size_t n)
{
	for (const struct plugin *p = plugins; p < plugins + PLUGINS; p++)
		if (strlen(p->name) == n && memcmp(p->name, name, n) == 0)
			return p;
	return NULL;
}

bool
plugin_needs(const struct plugin *p, const struct plugin *other)
{
	size_t n = strlen(other->name);
	const char *at = p->needs;

	while ((at = strstr(at, other->name)) != NULL) {
		if ((at == p->needs || at[-1] == ' ') &&
		    (at[n] == ' ' || at[n] == '\0'))
			return true;
		at += n;
	}
	return false;
}

/* Enables those of a list, whatever stands between the names. Names begin with
 * a letter. */
static void
enable_all(bool *enabled, const char *list)
{
	const struct plugin *p;
	size_t n;

	for (; *list != '\0'; list += n) {
		n = 0;
		while (isalnum((unsigned char)list[n]) || list[n] == '_')
			n++;
		if (n == 0)
			n = 1;
		else if ((p = plugin_find(list, n)) != NULL)
			enabled[p - plugins] = true;
	}
}

void
plugins_imply(struct plugin_set *set)
{
	memset(set->implicitly, 0, sizeof set->implicitly);
	for (size_t i = 0; i < PLUGINS; i++)
		if (set->explicitly[i])
			enable_all(set->implicitly, plugins[i].needs);
}

/* --- the file ------------------------------------------------------------ */

const char *
plugins_file(void)
{
	const char *path = program_variable("ENABLED_PLUGINS_FILE");

	return path != NULL ? path : "/etc/rabbitmq/enabled_plugins";
}

/* A '%' begins a comment. */
static void
cut_comment(char *line)
{
	line[strcspn(line, "%")] = '\0';
}

bool
plugins_load(struct plugin_set *set, const char *path)
{
	char *line = NULL;
	bool opened = false, closed = false;
	size_t room = 0;
	FILE *f = fopen(path, "re");

	memset(set, 0, sizeof *set);
	if (f == NULL)
		return errno == ENOENT;
	while (getline(&line, &room, f) >= 0) {
		cut_comment(line);
		opened = opened || strchr(line, '[') != NULL;
		closed = closed || strstr(line, "].") != NULL;
		enable_all(set->explicitly, line);
	}
	free(line);
	fclose(f);
	plugins_imply(set);
	errno = EINVAL;
	return opened && closed;
}

bool
plugins_save(const struct plugin_set *set, const char *path)
{
	char *temporary = xasprintf("%s.new", path);
	FILE *f = fopen(temporary, "we");
	const char *between = "";
	bool saved = f != NULL;

	if (saved) {
		putc('[', f);
		for (size_t i = 0; i < PLUGINS; i++)
			if (set->explicitly[i]) {
				fprintf(f, "%s%s", between, plugins[i].name);
				between = ",";
			}
		fputs("].\n", f);
		saved = fclose(f) == 0 && rename(temporary, path) == 0;
	}
	free(temporary);
	return saved;
}

/* --- what the broker says ------------------------------------------------ */

static void
load_enabled(struct plugin_set *set)
{
	const char *list = program_variable("ENABLED_PLUGINS");

	memset(set, 0, sizeof *set);
	if (!program_is_rabbitmq())
		return;
	if (list != NULL)
		enable_all(set->explicitly, list);
	else if (!plugins_load(set, plugins_file()))
		log_warn("cannot read the plugins of %s", plugins_file());
}

static bool started[PLUGINS];

bool
plugin_started(const struct plugin *p)
{
	return started[p - plugins];
}

/* One message of several lines, as RabbitMQ's. */
static void
tell_started(void)
{
	char *list = xstrdup(""), *more;
	unsigned count = 0;

	for (size_t i = 0; i < PLUGINS; i++) {
		if (!started[i])
			continue;
		more = xasprintf("%s\n * %s", list, plugins[i].name);
		free(list);
		list = more;
		count++;
	}
	log_of(LOG_DEFAULT, LEVEL_INFO, 0,
	    "Server startup complete; %u plugins started.%s", count, list);
	free(list);
}

void
plugins_tell(void)
{
	struct plugin_set set;

	load_enabled(&set);
	for (size_t i = 0; i < PLUGINS; i++) {
		started[i] = set.explicitly[i] && plugins[i].here;
		if (set.explicitly[i] && !plugins[i].here)
			log_warnx("plugin %s is enabled, but what it does is "
				  "not part of Leveret",
			    plugins[i].name);
	}
	tell_started();
}
