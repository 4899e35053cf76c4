/* commands_status.c - commands that show the broker as a whole. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/logging.h"
#include "broker/plugins.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/sources.h"
#include "broker/vhost.h"

/* --- amounts ------------------------------------------------------------ */

struct unit {
	const char *name;
	double bytes;
};

/* As --unit says; NULL after having refused it. */
static const struct unit *
unit_asked(struct request *r)
{
	static const struct unit units[] = {
	    {"gb", 1e9}, {"mb", 1e6}, {"kb", 1e3}, {"bytes", 1}};
	const char *name = words_option(&r->words, "unit");

	if (name == NULL)
		return &units[0];
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(name, units[i].name) == 0)
			return &units[i];
	request_misused(r, CODE_USAGE,
	    ARGUMENT_ERROR "\"unit '%s' is not supported. Please use one of: "
			   "bytes, mb, gb\"",
	    name);
	return NULL;
}

/* "0.0136 gb", as short as it can be with four digits behind the point. */
static const char *
amount(char text[40], uint64_t bytes, const struct unit *u)
{
	int n = snprintf(text, 40, "%.4f", (double)bytes / u->bytes);

	while (n > 3 && text[n - 1] == '0' && text[n - 2] != '.')
		text[--n] = '\0';
	if (u->bytes == 1)
		n = snprintf(text, 40, "%llu", (unsigned long long)bytes);
	snprintf(text + n, 40 - (size_t)n, " %s", u->name);
	return text;
}

/* --- what memory is used for -------------------------------------------- */

/* What is kept at hand, for most of it; a queue's share is counted when it is
 * listed. */
struct share {
	const char *name;
	uint64_t bytes;
};

enum { SHARES = 4 };

static void
share_out(const struct server *s, struct share shares[SHARES])
{
	uint64_t unsaved = s->down ? 0 : journal_unsaved(&s->journal);
	uint64_t buffers = s->io.pooled * BLOCK_SIZE;
	uint64_t known = unsaved + s->pressure.held + buffers;
	uint64_t used = s->pressure.memory_used;

	shares[0] = (struct share){"unsaved_changes", unsaved};
	shares[1] = (struct share){"held_publications", s->pressure.held};
	shares[2] = (struct share){"spare_buffers", buffers};
	shares[3] = (struct share){"other", used > known ? used - known : 0};
}

static double
percentage(uint64_t part, uint64_t whole)
{
	return whole > 0 ? (double)part * 100 / (double)whole : 0;
}

/* between: what stands in front of a percent sign. */
static void
tell_shares(struct request *r, const struct unit *u, const char *between)
{
	struct share shares[SHARES];
	char text[40];

	share_out(r->server, shares);
	for (unsigned i = 0; i < SHARES; i++)
		request_text(r, "%s: %s (%.2f%s%%)", shares[i].name,
		    amount(text, shares[i].bytes, u),
		    percentage(
			shares[i].bytes, r->server->pressure.memory_used),
		    between);
}

static json_t *
shares_document(const struct server *s)
{
	json_t *d = json_object(), *one;
	struct share shares[SHARES];

	share_out(s, shares);
	for (unsigned i = 0; i < SHARES; i++) {
		one = json_object();
		json_object_set_new(
		    one, "bytes", json_integer((json_int_t)shares[i].bytes));
		json_object_set_new(one, "percentage",
		    json_real(percentage(
			shares[i].bytes, s->pressure.memory_used)));
		json_object_set_new(d, shares[i].name, one);
	}
	return d;
}

void
command_memory_breakdown(struct request *r, size_t *budget)
{
	const struct unit *u = unit_asked(r);

	if (u == NULL)
		return;
	request_banner(
	    r, "Reporting memory breakdown on node %s...", node_name());
	if (!r->server->down)
		pressure_look(&r->server->pressure);
	tell_shares(r, u, "");
	command_document(r, shares_document(r->server));
	request_end(r);
}

/* --- numbers ------------------------------------------------------------ */

static size_t
count_queues(const struct server *s)
{
	struct vhost *v;
	size_t at = 0, n = 0;

	while ((v = names_each(&s->vhosts, &at)) != NULL)
		n += v->queues.count;
	return n;
}

static long long
uptime(const struct server *s)
{
	return (long long)(s->clock.wall - s->started_at) / 1000;
}

static unsigned
count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	if (d == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n > 3 ? n - 3 : 0; /* . and .. and its own */
}

static unsigned long long
limit_descriptors(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

/* --- status as text ----------------------------------------------------- */

static void
tell_runtime(struct request *r)
{
	const struct server *s = r->server;

	request_text(r,
	    "Runtime\n\nOS PID: %d\nOS: Linux\nUptime (seconds): %lld\nIs "
	    "under maintenance?: false\nRabbitMQ version: %s\nLeveret version: "
	    "%s\nNode name: %s",
	    getpid(), uptime(s), s->config->version, PACKAGE_VERSION,
	    node_name());
}

static void
tell_store(struct request *r)
{
	const struct server *s = r->server;

	request_text(r, "\nData directory\n\nNode data directory: %s", s->dir);
	if (!s->down)
		request_text(r, "Store: %s, %llu bytes", s->store->ops->name,
		    (unsigned long long)s->store->ops->size(s->store));
}

static json_t *
started_plugins(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < PLUGINS; i++)
		if (plugin_started(&plugins[i]))
			json_array_append_new(list, json_string(plugins[i].name));
	return list;
}

/* Those that were read. */
static json_t *
config_files(void)
{
	const char *at = sources_files(), *end;
	json_t *list = json_array();

	for (; at != NULL; at = end != NULL ? end + strlen(PLACES_BETWEEN) : NULL) {
		end = strstr(at, PLACES_BETWEEN);
		json_array_append_new(list,
		    json_stringn(
			at, end != NULL ? (size_t)(end - at) : strlen(at)));
	}
	return list;
}

static void
tell_list(struct request *r, json_t *list)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		request_text(r, " * %s", json_string_value(one));
	json_decref(list);
}

static void
tell_plugins(struct request *r)
{
	request_text(r,
	    "\nPlugins\n\nEnabled plugin file: %s\nEnabled plugins:\n",
	    plugins_file());
	tell_list(r, started_plugins());
}

/* Files that were read, and files that are written. */
static void
tell_files(struct request *r)
{
	request_text(r, "\nConfig files\n");
	tell_list(r, config_files());
	request_text(r, "\nLog file(s)\n");
	tell_list(r, log_locations(true));
}

static void
tell_memory(struct request *r, const struct unit *u)
{
	const struct pressure *p = &r->server->pressure;
	const struct config *c = r->server->config;
	char used[40], mark[40];

	request_text(r,
	    "\nMemory\n\nTotal memory used: %s\nCalculation strategy: rss",
	    amount(used, p->memory_used, u));
	if (c->memory_absolute > 0)
		request_text(r, "Memory high watermark setting: %s",
		    amount(mark, p->memory_mark, u));
	else
		request_text(r,
		    "Memory high watermark setting: %g of available memory, "
		    "computed to: %s",
		    c->memory_relative, amount(mark, p->memory_mark, u));
	request_text(r, "%s", "");
	tell_shares(r, u, " ");
}

static void
tell_descriptors(struct request *r)
{
	unsigned long long limit = limit_descriptors();

	request_text(r,
	    "\nFile Descriptors\n\nTotal: %u, limit: %llu\nSockets: %u, limit: "
	    "%llu",
	    count_descriptors(), limit, r->server->connection_count, limit);
}

static void
tell_disk(struct request *r, const struct unit *u)
{
	const struct pressure *p = &r->server->pressure;
	char limit[40], room[40];

	if (p->dir != NULL)
		request_text(r,
		    "\nFree Disk Space\n\nLow free disk space watermark: "
		    "%s\nFree disk space: %s",
		    amount(limit, p->disk_limit, u),
		    amount(room, p->disk_free, u));
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

/* --- status as JSON ----------------------------------------------------- */

static void
put_int(json_t *d, const char *key, uint64_t n)
{
	json_object_set_new(d, key, json_integer((json_int_t)n));
}

static void
put_string(json_t *d, const char *key, const char *text)
{
	json_object_set_new(d, key, json_string(text));
}

static json_t *
descriptors_document(const struct server *s)
{
	json_t *d = json_object();

	put_int(d, "sockets_limit", limit_descriptors());
	put_int(d, "sockets_used", s->connection_count);
	put_int(d, "total_limit", limit_descriptors());
	put_int(d, "total_used", count_descriptors());
	return d;
}

static json_t *
memory_document(const struct server *s)
{
	json_t *d = json_object(), *total = json_object();
	struct share shares[SHARES];

	share_out(s, shares);
	for (unsigned i = 0; i < SHARES; i++)
		put_int(d, shares[i].name, shares[i].bytes);
	put_string(d, "strategy", "rss");
	put_int(total, "rss", s->pressure.memory_used);
	json_object_set_new(d, "total", total);
	return d;
}

static json_t *
totals_document(const struct server *s)
{
	json_t *d = json_object();

	put_int(d, "connection_count", s->connection_count);
	put_int(d, "queue_count", count_queues(s));
	put_int(d, "virtual_host_count", s->vhosts.count);
	return d;
}

static json_t *
mark_document(const struct config *c)
{
	json_t *d = json_object();

	if (c->memory_absolute > 0)
		put_int(d, "absolute", (uint64_t)c->memory_absolute);
	else
		json_object_set_new(
		    d, "relative", json_real(c->memory_relative));
	return d;
}

static const char *
either(const char *text, const char *if_empty)
{
	return *text != '\0' ? text : if_empty;
}

static json_t *
status_document(const struct server *s)
{
	const struct pressure *p = &s->pressure;
	json_t *d = json_object();

	json_object_set_new(d, "active_plugins", started_plugins());
	json_object_set_new(d, "alarms", alarms_document(s));
	json_object_set_new(d, "config_files", config_files());
	put_string(d, "data_directory", s->dir);
	put_int(d, "disk_free", p->disk_free);
	put_int(d, "disk_free_limit", p->disk_limit);
	put_string(d, "enabled_plugin_file", plugins_file());
	json_object_set_new(d, "file_descriptors", descriptors_document(s));
	json_object_set_new(d, "is_under_maintenance", json_false());
	put_string(d, "leveret_version", PACKAGE_VERSION);
	json_object_set_new(d, "listeners", listeners_document(s));
	json_object_set_new(d, "log_files", log_locations(true));
	json_object_set_new(d, "memory", memory_document(s));
	put_string(d, "os", "Linux");
	put_int(d, "pid", (uint64_t)getpid());
	put_string(d, "product_name",
	    either(s->config->product_name, s->config->product));
	put_string(d, "product_version",
	    either(s->config->product_version, s->config->version));
	put_string(d, "rabbitmq_version", s->config->version);
	json_object_set_new(d, "totals", totals_document(s));
	put_int(d, "uptime", (uint64_t)uptime(s));
	put_string(d, "vm_memory_calculation_strategy", "rss");
	put_int(d, "vm_memory_high_watermark_limit", p->memory_mark);
	json_object_set_new(
	    d, "vm_memory_high_watermark_setting", mark_document(s->config));
	return d;
}

static void
tell_status(struct request *r, const struct unit *u)
{
	tell_runtime(r);
	tell_plugins(r);
	tell_store(r);
	tell_files(r);
	tell_alarms(r);
	tell_memory(r, u);
	tell_descriptors(r);
	tell_disk(r, u);
	tell_totals(r);
	request_text(r, "\nListeners\n");
	tell_listeners(r);
}

void
command_status(struct request *r, size_t *budget)
{
	const struct unit *u = unit_asked(r);

	if (u == NULL)
		return;
	request_banner(r, "Status of node %s ...", node_name());
	if (!r->server->down)
		pressure_look(&r->server->pressure);
	tell_status(r, u);
	command_document(r, status_document(r->server));
	request_end(r);
}

void
command_server_version(struct request *r, size_t *budget)
{
	json_t *d = json_object();

	request_banner(
	    r, "Asking node %s for its RabbitMQ version...", node_name());
	request_text(r, "%s", r->server->config->version);
	put_string(d, "result", "ok");
	put_string(d, "value", r->server->config->version);
	command_document(r, d);
	request_end(r);
}

/* leveretctl asks for the rest. */
void
command_report(struct request *r, size_t *budget)
{
	request_banner(
	    r, "Reporting server status of node %s ...", node_name());
	request_end(r);
}
