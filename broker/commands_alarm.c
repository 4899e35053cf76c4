/* commands_alarm.c - commands about memory and disk: marks and alarms. */
#include <stdio.h>
#include <string.h>

#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/server.h"

/* --- marks -------------------------------------------------------------- */

/* One of two settings takes the place of the other. */
static bool
settle_mark(struct request *r, const char *key, const char *value,
    const char *other)
{
	struct config *c = r->server->config;
	char error[512];

	if (config_set(c, key, value, CONFIG_FROM_CTL, error, sizeof error) !=
	    CONFIG_OK)
		return false;
	config_reset(c, other);
	return true;
}

/* "word value", or one word alone: then *value is NULL. */
static bool
two_words(struct request *r, const char *word, const char **value)
{
	const struct words *w = &r->words;
	bool first = strcmp(w->arguments[0], word) == 0;

	*value = first && w->count == 2 ? w->arguments[1] : NULL;
	if (first == (w->count == 2))
		return true;
	request_fail(r, CODE_USAGE,
	    "Error (argument validation): %s arguments.",
	    first ? "not enough" : "too many");
	return false;
}

void
command_set_vm_memory_high_watermark(struct request *r, size_t *budget)
{
	const char *absolute, *fraction = r->words.arguments[0];
	bool set;

	if (!two_words(r, "absolute", &absolute))
		return;
	set = absolute != NULL
	    ? settle_mark(r, "vm_memory_high_watermark.absolute", absolute,
		  "vm_memory_high_watermark.relative")
	    : settle_mark(r, "vm_memory_high_watermark.relative", fraction,
		  "vm_memory_high_watermark.absolute");
	if (!set) {
		request_fail(r, CODE_DATA, "Bad argument: %s",
		    absolute != NULL ? "Invalid units."
				     : "The threshold should be a fraction "
				       "between 0.0 and 1.0");
		return;
	}
	request_banner(r, "Setting memory threshold on %s to %s %s...",
	    node_name(), absolute != NULL ? absolute : fraction,
	    absolute != NULL ? "bytes " : "");
	pressure_mark_memory(&r->server->pressure, r->server->config);
	pressure_look(&r->server->pressure);
	request_end(r);
}

void
command_set_disk_free_limit(struct request *r, size_t *budget)
{
	const char *relative, *bytes = r->words.arguments[0];
	bool set;

	if (!two_words(r, "mem_relative", &relative))
		return;
	set = relative != NULL
	    ? settle_mark(r, "disk_free_limit.relative", relative,
		  "disk_free_limit.absolute")
	    : settle_mark(r, "disk_free_limit.absolute", bytes,
		  "disk_free_limit.relative");
	if (!set) {
		request_fail(r, CODE_DATA, "Bad argument.");
		return;
	}
	request_banner(r, "Setting disk free limit on %s to %s %s ...",
	    node_name(), relative != NULL ? relative : bytes,
	    relative != NULL ? "times the total RAM" : "bytes");
	if (!r->server->ephemeral)
		pressure_mark_disk(&r->server->pressure, r->server->config);
	pressure_look(&r->server->pressure);
	request_end(r);
}

/* --- alarms ------------------------------------------------------------- */

/* One for each line, in RabbitMQ's words; none is empty. */
static void
describe(const struct server *s, char *text, size_t size)
{
	unsigned alarms = s->pressure.alarms;

	snprintf(text, size, "%s%s%s%s%s",
	    alarms & ALARM_DISK ? "Free disk space alarm on node " : "",
	    alarms & ALARM_DISK ? node_name() : "",
	    alarms == (ALARM_DISK | ALARM_MEMORY) ? "\n" : "",
	    alarms & ALARM_MEMORY ? "Memory alarm on node " : "",
	    alarms & ALARM_MEMORY ? node_name() : "");
}

void
tell_alarms(struct request *r, const char *none)
{
	char text[1024];

	describe(r->server, text, sizeof text);
	request_text(r, "%s", text[0] != '\0' ? text : none);
}

void
command_alarms(struct request *r, size_t *budget)
{
	char none[300];

	snprintf(none, sizeof none,
	    "Node %s reported no alarms, local or clusterwide", node_name());
	request_banner(r,
	    "Asking node %s to report any known resource alarms ...",
	    node_name());
	tell_alarms(r, none);
	request_end(r);
}

/* Fails while there is one, for health checks. */
static void
check_alarms(struct request *r, const char *which)
{
	char text[1024];

	request_banner(r,
	    "Asking node %s to report any local resource alarms ...",
	    node_name());
	describe(r->server, text, sizeof text);
	if (text[0] != '\0') {
		request_fail(r, CODE_UNAVAILABLE, "%s", text);
		return;
	}
	request_text(r, "Node %s reported no %s", node_name(), which);
	request_end(r);
}

void
command_check_local_alarms(struct request *r, size_t *budget)
{
	check_alarms(r, "local alarms");
}

void
command_check_alarms(struct request *r, size_t *budget)
{
	check_alarms(r, "alarms");
}
