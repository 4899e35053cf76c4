/* commands.c - the frame that runs commands of leveretctl, and what they share. */
#include "broker/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/server.h"
#include "broker/vhost.h"

/* A row's sentence says why. */
static void
refuse(struct request *r, size_t *budget)
{
	request_fail(r, CODE_UNAVAILABLE, "%s", r->words.command->sentence);
}

static command_step *const steps[COMMANDS] = {
#define COMMAND(name, ...) [COMMAND_##name] = command_##name,
#define REFUSED(name, ...) [COMMAND_##name] = refuse,
#define LOCAL REFUSED
#include "broker/commands.def"
#undef COMMAND
};

/* What can be asked while the broker is down: what needs nothing of it. */
static const bool needs_nothing[COMMANDS] = {
    [COMMAND_ping] = true,
    [COMMAND_hash_password] = true,
    [COMMAND_environment] = true,
    [COMMAND_os_env] = true,
    [COMMAND_command_line_arguments] = true,
    [COMMAND_log_location] = true,
    [COMMAND_log_tail] = true,
    [COMMAND_log_tail_stream] = true,
    [COMMAND_eval] = true,
    [COMMAND_join_cluster] = true,
    [COMMAND_update_cluster_nodes] = true,
    [COMMAND_change_cluster_node_type] = true,
    [COMMAND_force_boot] = true,
    [COMMAND_forget_cluster_node] = true,
    [COMMAND_rename_cluster_node] = true,
    [COMMAND_server_version] = true,
    [COMMAND_is_running] = true,
    [COMMAND_is_booting] = true,
    [COMMAND_check_running] = true,
    [COMMAND_await_startup] = true,
    [COMMAND_await_online_nodes] = true,
    [COMMAND_wait] = true,
    [COMMAND_stop] = true,
    [COMMAND_shutdown] = true,
    [COMMAND_stop_app] = true,
    [COMMAND_start_app] = true,
    [COMMAND_reset] = true,
    [COMMAND_force_reset] = true,
    [COMMAND_set_log_level] = true,
    [COMMAND_rotate_logs] = true,
};

/* What it changed is with the batch that is open now: that is promised. */
static void
run_step(struct request *r, size_t *budget)
{
	enum command_id id = (enum command_id)(r->words.command - commands);
	struct server *s = r->server;

	s->changed_seq = 0;
	if (s->down && !needs_nothing[id] && steps[id] != refuse)
		command_needs_app(r);
	else
		steps[id](r, budget);
	if (s->changed_seq == 0 || s->down)
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
		command_no_vhost(r, name);
	return v;
}

void
command_no_vhost(struct request *r, const char *name)
{
	request_fail_bare(
	    r, CODE_DATA, "Virtual host '%s' does not exist", name);
}

void
command_needs_app(struct request *r)
{
	request_misused(r, CODE_USAGE,
	    "Error: this command requires the 'rabbit' app to be running on the "
	    "target node. Start it with 'rabbitmqctl start_app'.");
}

void
command_no_user(struct request *r, const char *name)
{
	request_fail(r, CODE_NO_USER, "User \"%s\" does not exist", name);
}

void
command_unexpected_user(struct request *r, const char *name)
{
	request_fail(r, CODE_UNAVAILABLE, "{:no_such_user, \"%s\"}", name);
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

static bool
chosen(const struct request *r, unsigned column)
{
	for (unsigned i = 0; i < r->column_count; i++)
		if (r->columns[i] == column)
			return true;
	return false;
}

/* Names that were asked for and are none, in order of the alphabet. */
struct unknown {
	struct bytes names[WORDS_MAX];
	size_t count;
};

static int
by_name(const void *a, const void *b)
{
	return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

static void
refuse_columns(struct request *r, struct unknown *u)
{
	char list[1024] = "";
	size_t n = 0;

	qsort(u->names, u->count, sizeof *u->names, by_name);
	for (size_t i = 0; i < u->count && n < sizeof list; i++)
		n += (size_t)snprintf(list + n, sizeof list - n, "%s%.*s",
		    i > 0 ? "," : "", BYTES_FMT(u->names[i]));
	request_misused(r, CODE_USAGE, ARGUMENT_ERROR "Info key(s) %s are not supported", list);
}

/* "name,messages": several in one word; each is shown once. */
static void
choose_word(struct request *r, const struct column *columns, unsigned count,
    const char *word, struct unknown *u)
{
	const struct column *c;
	size_t n;

	for (; *word != '\0'; word += n + (word[n] == ',')) {
		n = strcspn(word, ",");
		c = find_column(columns, count, word, n);
		if (c == NULL && u->count < WORDS_MAX)
			u->names[u->count++] =
			    (struct bytes){(const uint8_t *)word, n};
		else if (c != NULL && r->column_count < REQUEST_COLUMNS &&
			 !chosen(r, (unsigned)(c - columns)))
			choose(r, columns, c);
	}
}

static bool
choose_asked(struct request *r, const struct column *columns, unsigned count)
{
	struct unknown unknown = {.count = 0};

	for (size_t i = 0; i < r->words.count; i++)
		choose_word(
		    r, columns, count, r->words.arguments[i], &unknown);
	if (unknown.count > 0)
		refuse_columns(r, &unknown);
	return unknown.count == 0;
}

static void
tell_columns(struct request *r, const struct column *columns)
{
	const char *names[REQUEST_COLUMNS];

	for (unsigned i = 0; i < r->column_count; i++)
		names[i] = columns[r->columns[i]].name;
	request_columns(r, names, r->column_count);
}

bool
listing_begin(struct request *r, const struct column *columns, unsigned count,
    const char *defaults, const char *banner)
{
	if (r->words.count == 0)
		choose_defaults(r, columns, count, defaults);
	else if (!choose_asked(r, columns, count))
		return false;
	request_banner(r, banner, command_vhost_name(r));
	if (words_allows(&r->words, "vhost") && command_vhost(r) == NULL)
		return false;
	tell_columns(r, columns);
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
