/* commands_log.c - commands about the log: its level, its place, its lines. */
#include <stdlib.h>
#include <string.h>

#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/log.h"
#include "broker/logging.h"
#include "broker/recent.h"
#include "broker/server.h"

enum {
	LINE = 2 * LOG_LINE, /* with all that is around it */
	TAIL = 50,	/* lines, as RabbitMQ */
	LISTEN_MS = 100, /* between looks for new lines */
};

/* --- its level ---------------------------------------------------------- */

/* Of RabbitMQ's levels its command takes these. */
static const char *const levels[] = {
    "debug", "info", "notice", "warning", "error", "critical", "none"};

void
command_set_log_level(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	enum log_level level;

	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (strcmp(name, levels[i]) == 0 &&
		    log_level_find(name, &level)) {
			request_banner(
			    r, "Setting log level to \"%s\" ...", name);
			logging_set_level(r->server->config, level);
			request_end(r);
			return;
		}
	request_fail(r, CODE_UNAVAILABLE,
	    "level %s is not supported. Try one of debug, info, warning, "
	    "error, critical, none",
	    name);
}

/* As RabbitMQ answers since its logs are rotated by others. */
void
command_rotate_logs(struct request *r, size_t *budget)
{
	request_fail(r, CODE_UNAVAILABLE,
	    "This command does not rotate logs anymore [deprecated]");
}

/* --- where it goes ------------------------------------------------------ */

json_t *
log_locations(bool all)
{
	static const enum log_output places[] = {LOG_FILE, LOG_CONNECTION_FILE,
	    LOG_CHANNEL_FILE, LOG_QUEUE_FILE, LOG_EXCHANGE, LOG_CONSOLE};
	json_t *paths = json_array();
	char path[4096];

	for (unsigned i = 0; i < LOG_OUTPUTS; i++)
		if (log_location(places[i], path, sizeof path) &&
		    (all || json_array_size(paths) == 0))
			json_array_append_new(paths, json_string(path));
	return paths;
}

void
command_log_location(struct request *r, size_t *budget)
{
	json_t *paths =
	    log_locations(words_option(&r->words, "all") != NULL);
	json_t *path;
	size_t i;

	request_banner(r, "Log file location(s) on node %s ...", node_name());
	json_array_foreach(paths, i, path)
		request_text(r, "%s", json_string_value(path));
	command_document(r,
	    json_pack("{s:s, s:o, s:s}", "node_name", node_name(), "paths",
		paths, "result", "ok"));
	request_end(r);
}

/* --- its last lines ----------------------------------------------------- */

/* -1 after having refused what cannot be. */
static long
number(struct request *r, const char *option, long otherwise)
{
	const char *text = words_option(&r->words, option);
	long n = text != NULL ? strtol(text, NULL, 10) : otherwise;

	if (n >= 0 || text == NULL)
		return n;
	request_misused(r, CODE_USAGE,
	    ARGUMENT_ERROR "Invalid options for this command:\n--%s : %s",
	    option, text);
	return -1;
}

void
command_log_tail(struct request *r, size_t *budget)
{
	long lines = number(r, "number", TAIL);
	json_t *list = json_array();
	char text[LINE];

	if (!r->ended) {
		request_banner(r, "Last %ld log lines on node %s ...", lines,
		    node_name());
		for (uint64_t at = recent_tail((size_t)lines);
		     recent_next(&at, text, sizeof text);) {
			request_text(r, "%s", text);
			json_array_append_new(
			    list, json_pack("{s:s}", "message", text));
		}
		command_document(r, json_incref(list));
		request_end(r);
	}
	json_decref(list);
}

/* --- and those to come -------------------------------------------------- */

static void
begin_stream(struct request *r, long seconds)
{
	const char *node = node_name();

	if (seconds >= 0)
		request_banner(r,
		    "Streaming logs from node %s for %ld seconds ...", node,
		    seconds);
	else
		request_banner(r, "Streaming logs from node %s ...", node);
	r->at = recent_end();
	r->phase = (size_t)r->server->clock.real;
}

/* A look now and then: nobody is woken by each line, least of all by those that
 * this logs itself. */
void
command_log_tail_stream(struct request *r, size_t *budget)
{
	long seconds = number(r, "duration", -1);
	uint64_t at = r->at;
	char text[LINE];

	if (r->ended)
		return;
	if (!r->begun) {
		begin_stream(r, seconds);
		at = r->at;
	}
	for (; *budget > 0 && recent_next(&at, text, sizeof text); --*budget)
		request_text(r, "%s", text);
	r->at = at;
	r->pause_ms = LISTEN_MS;
	if (seconds >= 0 &&
	    r->server->clock.real - (int64_t)r->phase >= seconds * 1000)
		request_end(r);
}
