/* commands_alarm.c - commands about memory and disk: marks and alarms. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/json.h"
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
	request_misused(r, CODE_USAGE, ARGUMENT_ERROR "%s arguments.",
	    first ? "not enough" : "too many");
	return false;
}

static bool
begins_with_digit(const char *text)
{
	return isdigit((unsigned char)text[*text == '-']);
}

static bool
is_number(const char *text)
{
	char *end;

	strtod(text, &end);
	return begins_with_digit(text) && *end == '\0';
}

/* What RabbitMQ says of an amount that cannot be. */
static const char *
why_not_absolute(const char *text)
{
	size_t sign = *text == '-', n = strspn(text + sign, "0123456789");
	char *end;

	if (!begins_with_digit(text))
		return ".";
	strtod(text, &end);
	return end > text + sign + n ? ": The threshold should be an integer."
				     : ": Invalid units.";
}

static const char *
why_not_relative(const char *text)
{
	return is_number(text) ? ": The threshold should be a fraction between "
				 "0.0 and 1.0"
			       : ".";
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
	    : is_number(fraction) && settle_mark(r, "vm_memory_high_watermark.relative", fraction,
		  "vm_memory_high_watermark.absolute");
	if (!set) {
		request_misused(r, CODE_DATA, ARGUMENT_ERROR "Bad argument%s",
		    absolute != NULL ? why_not_absolute(absolute)
				     : why_not_relative(fraction));
		return;
	}
	request_banner(r, "Setting memory threshold on %s to %s %s...",
	    node_name(), absolute != NULL ? absolute : fraction,
	    absolute != NULL ? "bytes " : "");
	pressure_mark_memory(&r->server->pressure, r->server->config);
	pressure_look(&r->server->pressure);
	request_end(r);
}

/* Less than nothing is nothing. */
static bool
settle_disk(struct request *r, const char *bytes)
{
	bool negative = *bytes == '-' && is_number(bytes);

	return strchr(bytes, ' ') == NULL &&
	    settle_mark(r, "disk_free_limit.absolute",
		negative ? "0" : bytes, "disk_free_limit.relative");
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
	    : settle_disk(r, bytes);
	if (!set) {
		request_misused(r, CODE_DATA, ARGUMENT_ERROR "Bad argument.");
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

static const struct {
	unsigned alarm;
	const char *format;
} alarm_rows[] = {
    {ALARM_DISK, "Free disk space alarm on node %s"},
    {ALARM_MEMORY, "Memory alarm on node %s"},
};

enum { ALARM_ROWS = sizeof alarm_rows / sizeof *alarm_rows };

void
alarms_text(const struct server *s, char *text, size_t size)
{
	size_t n = 0;

	*text = '\0';
	for (unsigned i = 0; i < ALARM_ROWS; i++) {
		if (!(s->pressure.alarms & alarm_rows[i].alarm) || n >= size)
			continue;
		n += (size_t)snprintf(
		    text + n, size - n, "%s", n > 0 ? "\n" : "");
		n += (size_t)snprintf(
		    text + n, size - n, alarm_rows[i].format, node_name());
	}
}

void
tell_alarms(struct request *r)
{
	char text[1024];

	alarms_text(r->server, text, sizeof text);
	request_text(r, "\nAlarms\n\n%s", *text != '\0' ? text : "(none)");
}

json_t *
alarms_document(const struct server *s)
{
	json_t *list = json_array();
	char text[200];

	for (unsigned i = 0; i < ALARM_ROWS; i++) {
		if (!(s->pressure.alarms & alarm_rows[i].alarm))
			continue;
		snprintf(
		    text, sizeof text, alarm_rows[i].format, node_name());
		json_array_append_new(list, json_string(text));
	}
	return list;
}

/* {"alarms":[],"node":..,"result":"ok"}, or with what is set. */
static json_t *
report(const struct server *s, const char *word)
{
	json_t *d = json_object();
	char text[200];

	snprintf(text, sizeof text, "Node %s reported alarms", node_name());
	if (s->pressure.alarms == 0) {
		json_object_set_new(d, "alarms", json_array());
		json_object_set_new(d, "node", json_string(node_name()));
	} else {
		json_object_set_new(d, "global", json_array());
		json_object_set_new(d, "local", alarms_document(s));
		json_object_set_new(d, "message", json_string(text));
	}
	json_object_set_new(d, "result", json_string(word));
	return d;
}

void
command_alarms(struct request *r, size_t *budget)
{
	char text[1024];

	request_banner(r,
	    "Asking node %s to report any known resource alarms ...",
	    node_name());
	alarms_text(r->server, text, sizeof text);
	if (*text != '\0')
		request_text(r, "%s", text);
	else
		request_text(r,
		    "Node %s reported no alarms, local or clusterwide",
		    node_name());
	command_document(r, report(r->server, "ok"));
	request_end(r);
}

/* Fails while there is one, for health checks. */
static bool
check_alarms(struct request *r, const char *which, char *text, size_t size)
{
	json_t *ok;

	request_banner(r,
	    "Asking node %s to report any local resource alarms ...",
	    node_name());
	alarms_text(r->server, text, size);
	if (*text != '\0') {
		command_document(r, report(r->server, "error"));
		return false;
	}
	request_text(r, "Node %s reported no %s", node_name(), which);
	ok = json_object();
	json_object_set_new(ok, "result", json_string("ok"));
	command_document(r, ok);
	request_end(r);
	return true;
}

static json_t *
local_report(const struct server *s)
{
	json_t *d = json_object();
	char text[200];

	snprintf(
	    text, sizeof text, "Node %s reported local alarms", node_name());
	json_object_set_new(d, "local", alarms_document(s));
	json_object_set_new(d, "message", json_string(text));
	json_object_set_new(d, "result", json_string("error"));
	return d;
}

void
command_check_local_alarms(struct request *r, size_t *budget)
{
	char text[1024];

	if (check_alarms(r, "local alarms", text, sizeof text))
		return;
	command_document(r, local_report(r->server));
	request_fail(r, CODE_UNAVAILABLE, "%s", text);
}

void
command_check_alarms(struct request *r, size_t *budget)
{
	char text[1024];

	if (!check_alarms(r, "alarms, local or clusterwide", text, sizeof text))
		request_fail_bare(r, CODE_UNAVAILABLE, "%s", text);
}
