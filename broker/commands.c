/* commands.c - the frame that runs commands of leveretctl, and those about the
 * broker as a whole. */
#include "broker/commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/folder.h"
#include "broker/listener.h"
#include "broker/log.h"
#include "broker/server.h"
#include "broker/vhost.h"

static command_step *const steps[COMMANDS] = {
#define COMMAND(name, ...) [COMMAND_##name] = command_##name,
#include "broker/commands.def"
#undef COMMAND
};

/* What it changed is with the batch that is open now: that is promised. */
static void
run_step(struct request *r, size_t *budget)
{
	struct server *s = r->server;

	s->changed_seq = 0;
	steps[r->words.command - commands](r, budget);
	if (s->changed_seq == 0)
		return;
	r->changed = s->changed_seq;
	journal_promise(&s->journal, r->changed);
}

struct control *
commands_open(struct server *s, char *error, size_t size)
{
	const struct control_host host = {s, run_step};

	return control_open(s->base, s->dir, &host, error, size);
}

/* --- what they share --------------------------------------------------- */

const char *
command_vhost_name(const struct request *r)
{
	const char *name = words_option(&r->words, "vhost");

	return name != NULL ? name : "/";
}

struct vhost *
command_vhost(struct request *r)
{
	const char *name = command_vhost_name(r);
	struct vhost *v = server_vhost(r->server, bytes_str(name));

	if (v == NULL)
		request_fail(
		    r, CODE_DATA, "Virtual host '%s' does not exist", name);
	return v;
}

void
command_no_user(struct request *r, const char *name)
{
	request_fail(r, CODE_NO_USER, "User \"%s\" does not exist", name);
}

static const struct column *
find_column(
    const struct column *columns, unsigned count, const char *name, size_t size)
{
	for (unsigned i = 0; i < count; i++)
		if (strlen(columns[i].name) == size &&
		    memcmp(columns[i].name, name, size) == 0)
			return &columns[i];
	return NULL;
}

static void
choose(struct request *r, const struct column *columns, const struct column *c)
{
	r->columns[r->column_count++] = (unsigned)(c - columns);
}

static void
choose_defaults(struct request *r, const struct column *columns, unsigned count,
    const char *names)
{
	size_t n;

	for (; *names != '\0'; names += n + (names[n] == ' ')) {
		n = strcspn(names, " ");
		choose(r, columns, find_column(columns, count, names, n));
	}
}

/* "name messages" as one word is taken too, as by rabbitmqctl. */
static bool
choose_asked(struct request *r, const struct column *columns, unsigned count)
{
	const struct column *c;

	for (size_t i = 0; i < r->words.count; i++) {
		const char *name = r->words.arguments[i];

		c = find_column(columns, count, name, strlen(name));
		if (c == NULL) {
			request_fail(r, CODE_USAGE,
			    "Info key(s) %s are not supported", name);
			return false;
		}
		if (r->column_count < REQUEST_COLUMNS)
			choose(r, columns, c);
	}
	return true;
}

bool
listing_begin(struct request *r, const struct column *columns, unsigned count,
    const char *defaults)
{
	const char *names[REQUEST_COLUMNS];

	if (r->words.count == 0)
		choose_defaults(r, columns, count, defaults);
	else if (!choose_asked(r, columns, count))
		return false;
	for (unsigned i = 0; i < r->column_count; i++)
		names[i] = columns[r->columns[i]].name;
	request_columns(r, names, r->column_count);
	return true;
}

void
listing_row(struct request *r, const struct column *columns, const void *thing)
{
	request_row(r);
	for (unsigned i = 0; i < r->column_count; i++)
		columns[r->columns[i]].put(r, thing);
	request_row_end(r);
}

/* --- the broker as a whole --------------------------------------------- */

void
command_ping(struct request *r, size_t *budget)
{
	request_banner(r,
	    "Will ping %s. This checks that the broker takes "
	    "turns.",
	    node_name());
	request_text(r, "Ping succeeded");
	request_end(r);
}

/* Ends when the socket closes, the last thing a broker does. */
void
command_stop(struct request *r, size_t *budget)
{
	if (r->begun)
		return;
	request_banner(r, "Stopping and halting node %s ...", node_name());
	r->until_closed = true;
	log_info(
	    "control: stop asked by user id %u, process %u", r->uid, r->pid);
	server_stop(r->server);
}

static size_t
count_queues(const struct server *s)
{
	struct vhost *v;
	size_t at = 0, n = 0;

	while ((v = names_each(&s->vhosts, &at)) != NULL)
		n += v->queues.count;
	return n;
}

static void
tell_listeners(struct request *r)
{
	struct listener *l;

	request_text(r, "\nListeners\n");
	TAILQ_FOREACH(l, &r->server->listeners, link)
	request_text(r,
	    "Interface: %s, port: %u, protocol: %s, purpose: AMQP "
	    "0-9-1",
	    l->host, l->port, l->name);
}

static void
tell_totals(struct request *r)
{
	const struct server *s = r->server;
	const struct stats *st = &s->stats;

	request_text(r,
	    "\nTotals\n\nConnection count: %u\nQueue count: %zu\nVirtual host "
	    "count: %zu\nMessages published: %llu\nMessages delivered: %llu\n"
	    "Messages acknowledged: %llu\nTurns: %llu, the longest %.3f ms",
	    s->connection_count, count_queues(s), s->vhosts.count,
	    (unsigned long long)st->published,
	    (unsigned long long)st->delivered, (unsigned long long)st->acked,
	    (unsigned long long)st->turns, (double)st->longest_turn_us / 1000);
}

static void
tell_marks(struct request *r)
{
	struct pressure *p = &r->server->pressure;

	pressure_look(p);
	request_text(r,
	    "\nMemory\n\nTotal memory used: %.4f gb\nMemory high watermark: "
	    "%.4f gb of %.4f gb",
	    (double)p->memory_used / 1e9, (double)p->memory_mark / 1e9,
	    (double)p->memory_total / 1e9);
	if (p->dir != NULL)
		request_text(r,
		    "\nFree Disk Space\n\nLow free disk space watermark: "
		    "%.4f gb\nFree disk space: %.4f gb",
		    (double)p->disk_limit / 1e9, (double)p->disk_free / 1e9);
}

void
command_status(struct request *r, size_t *budget)
{
	const struct server *s = r->server;

	request_banner(r, "Status of node %s ...", node_name());
	request_text(r,
	    "Runtime\n\nOS PID: %d\nUptime (seconds): %lld\nLeveret version: "
	    "%s\nNode name: %s",
	    getpid(), (long long)(s->clock.wall - s->started_at) / 1000,
	    PACKAGE_VERSION, node_name());
	request_text(r,
	    "\nData directory\n\nNode data directory: %s\nStore: "
	    "%s, %llu bytes",
	    s->dir, s->store->ops->name,
	    (unsigned long long)s->store->ops->size(s->store));
	request_text(r, "\nAlarms\n");
	tell_alarms(r, "(none)");
	tell_marks(r);
	tell_totals(r);
	tell_listeners(r);
	request_end(r);
}

static void
put_setting(void *arg, const struct setting_view *view)
{
	struct request *r = arg;

	request_row(r);
	put_text_value(r, bytes_str(view->key));
	put_text_value(r, bytes_str(view->value));
	put_text_value(r, bytes_str(view->unit));
	put_text_value(r, bytes_str(view->source));
	request_row_end(r);
}

void
command_environment(struct request *r, size_t *budget)
{
	static const char *const names[] = {"key", "value", "unit", "source"};

	request_banner(
	    r, "Application environment of node %s ...", node_name());
	request_columns(r, names, 4);
	config_each(r->server->config, put_setting, r);
	request_end(r);
}
