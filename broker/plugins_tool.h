/* plugins_tool.h - what rabbitmq-plugins was asked. */
#ifndef BROKER_PLUGINS_TOOL_H
#define BROKER_PLUGINS_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/plugins.h"

enum { PLUGIN_NAMES_MAX = 64 };

/* Names are borrowed from the command line; the command is the first. */
struct asked {
	const char *names[PLUGIN_NAMES_MAX];
	size_t count;
	bool quiet, json; /* no banner; an answer for programs */
	bool all, minimal, enabled, implicitly, verbose, offline, online;
	bool running; /* there is a broker, and it was not to be left out */
};

/* The list of enabled plugins; false after having said why not. */
bool asked_load(struct plugin_set *);

/* Changes it: plugins_change.c. They return an exit status. */
int plugins_enable(const struct asked *);
int plugins_disable(const struct asked *);
int plugins_set(const struct asked *);

/* Shows it: plugins_show.c. */
int plugins_is_enabled(const struct asked *);
int plugins_list(const struct asked *);
int plugins_directories(const struct asked *);

#endif
