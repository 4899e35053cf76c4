/* plugins.h - which of RabbitMQ's plugins are enabled: a file that rabbitmq-plugins
 * writes and rabbitmq-server reads.
 *
 * Nothing is loaded. What a plugin does is part of the broker or it is not there;
 * that it is enabled is kept and told, for those who set a broker up by it. */
#ifndef BROKER_PLUGINS_H
#define BROKER_PLUGINS_H

#include <stdbool.h>
#include <stddef.h>

enum plugin_id {
#define PLUGIN(name, ...) PLUGIN_##name,
#include "broker/plugins.def"
#undef PLUGIN
	PLUGINS
};

struct plugin {
	const char *name, *needs; /* joined by spaces */
	const char *description;
	bool here; /* the broker does what it does */
};

extern const struct plugin plugins[PLUGINS];

/* NULL: RabbitMQ has none of that name. */
const struct plugin *plugin_find(const char *name, size_t n);

struct plugin_set {
	bool explicitly[PLUGINS];
	bool implicitly[PLUGINS]; /* because another needs it */
};

static inline bool
plugin_enabled(const struct plugin_set *set, size_t i)
{
	return set->explicitly[i] || set->implicitly[i];
}

/* Marks what those that are enabled explicitly need. */
void plugins_imply(struct plugin_set *);

/* $RABBITMQ_ENABLED_PLUGINS_FILE, or /etc/rabbitmq/enabled_plugins. */
const char *plugins_file(void);

/* Reads "[name,name]." with RabbitMQ's comments; a missing file is an empty list,
 * and names that nobody knows are left out. False with errno; EINVAL: it is of
 * another shape. */
bool plugins_load(struct plugin_set *, const char *path);
bool plugins_save(const struct plugin_set *, const char *path);

/* Logs what is enabled as rabbitmq-server does: how many, and their names. What
 * is not here is warned of, the rest has started. */
void plugins_tell(void);

bool plugin_started(const struct plugin *);

/* Is one of the plugins that another needs in the list? */
bool plugin_needs(const struct plugin *, const struct plugin *other);

/* rabbitmq-plugins. Returns its exit status. */
int plugins_main(int argc, char **argv);

#endif
