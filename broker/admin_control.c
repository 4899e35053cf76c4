/* admin_control.c - what rabbitmqadmin does over the control socket: users, rights,
 * policies, definitions, lists. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "broker/admin.h"
#include "broker/words.h"

/* --- asking --------------------------------------------------- */

/* Words up to a NULL. */
static int
ask(struct answer *t, const char *const *words)
{
	size_t n = 0;

	while (words[n] != NULL)
		n++;
	answer_ask(t, words, n);
	return t->code;
}

static int
act(const struct admin *a, const char *const *words, const char *line)
{
	struct answer t = {0};
	int status = ask(&t, words) == 0 ? admin_said(a, line)
					 : admin_fail(t.why);

	answer_fini(&t);
	return status;
}

static const char *
vhost_of(const struct admin *a)
{
	return a->vhost != NULL ? a->vhost : "/";
}

static const char *
name_of(const struct admin *a)
{
	return admin_or(a, "name", "");
}

/* One that exists gets the password instead. */
int
admin_declare_user(const struct admin *a)
{
	const char *name = name_of(a), *password = admin_or(a, "password", "");
	char *tags = xstrdup(admin_or(a, "tags", "")), *at, *tag;
	const char *words[16] = {"add_user", name, password, NULL};
	struct answer t = {0};
	size_t n = 2;
	int status = ask(&t, words);

	if (status == 70) {
		answer_fini(&t);
		words[0] = "change_password";
		status = ask(&t, words);
	}
	if (status != 0) {
		status = admin_fail(t.why);
	} else {
		words[0] = "set_user_tags";
		for (tag = strtok_r(tags, ", ", &at); tag != NULL && n < 15;
		     tag = strtok_r(NULL, ", ", &at))
			words[n++] = tag;
		words[n] = NULL;
		status = act(a, words, "user declared");
	}
	answer_fini(&t);
	free(tags);
	return status;
}

/* Who makes a vhost may do everything in it, as over RabbitMQ's HTTP. */
static int
own_vhost(const struct admin *a, const char *const *add)
{
	const char *words[] = {"set_permissions", "-p", name_of(a), "--",
	    a->user != NULL ? a->user : "guest", ".*", ".*", ".*", NULL};
	struct answer t = {0};
	int status = ask(&t, add) == 0 ? act(a, words, "vhost declared")
				       : admin_fail(t.why);

	answer_fini(&t);
	return status;
}

int
admin_declare_vhost(const struct admin *a)
{
	const char *words[10] = {"add_vhost", name_of(a)};
	const char *value;
	size_t n = 2;

	if ((value = admin_value(a, "description")) != NULL) {
		words[n++] = "--description";
		words[n++] = value;
	}
	if ((value = admin_value(a, "tags")) != NULL) {
		words[n++] = "--tags";
		words[n++] = value;
	}
	if ((value = admin_value(a, "default_queue_type")) != NULL) {
		words[n++] = "--default-queue-type";
		words[n++] = value;
	}
	return own_vhost(a, words);
}

int
admin_declare_permission(const struct admin *a)
{
	const char *words[] = {"set_permissions", "-p", vhost_of(a), "--",
	    admin_or(a, "user", ""), admin_or(a, "configure", ""),
	    admin_or(a, "write", ""), admin_or(a, "read", ""), NULL};

	return act(a, words, "permission declared");
}

int
admin_declare_policy(const struct admin *a)
{
	const char *words[] = {"set_policy", "-p", vhost_of(a), "--priority",
	    admin_or(a, "priority", "0"), "--apply-to",
	    admin_or(a, "apply_to", "all"), "--", name_of(a),
	    admin_or(a, "pattern", ""), admin_or(a, "definition", ""), NULL};

	return act(a, words, "policy declared");
}

int
admin_declare_parameter(const struct admin *a)
{
	const char *words[] = {"set_parameter", "-p", vhost_of(a), "--",
	    admin_or(a, "component", ""), name_of(a),
	    admin_or(a, "value", ""), NULL};

	return act(a, words, "parameter declared");
}

int
admin_delete_user(const struct admin *a)
{
	const char *words[] = {"delete_user", "--", name_of(a), NULL};

	return act(a, words, "user deleted");
}

int
admin_delete_vhost(const struct admin *a)
{
	const char *words[] = {"delete_vhost", "--", name_of(a), NULL};

	return act(a, words, "vhost deleted");
}

int
admin_delete_permission(const struct admin *a)
{
	const char *words[] = {"clear_permissions", "-p", vhost_of(a), "--",
	    admin_or(a, "user", ""), NULL};

	return act(a, words, "permission deleted");
}

int
admin_delete_policy(const struct admin *a)
{
	const char *words[] = {
	    "clear_policy", "-p", vhost_of(a), "--", name_of(a), NULL};

	return act(a, words, "policy deleted");
}

int
admin_delete_parameter(const struct admin *a)
{
	const char *words[] = {"clear_parameter", "-p", vhost_of(a), "--",
	    admin_or(a, "component", ""), name_of(a), NULL};

	return act(a, words, "parameter deleted");
}

int
admin_close_connection(const struct admin *a)
{
	const char *words[] = {"close_connection", "--", name_of(a),
	    "Closed via rabbitmqadmin", NULL};

	return act(a, words, "connection closed");
}

/* "local_alarms" and so on: version 2's names are the commands' own. */
int
admin_health_check(const struct admin *a)
{
	char *name = xasprintf("check_%s",
	    strcmp(a->noun, "cluster_wide_alarms") == 0 ? "alarms" : a->noun);
	const char *words[] = {name, admin_value(a, "port"), NULL};
	int status = command_find(name) != NULL
			 ? act(a, words, "health check passed")
			 : admin_fail("there is no such health check");

	free(name);
	return status;
}

/* --- definitions --------------------------------------------------------------- */

/* Version 1 names the file alone: NULL is this side of the pipe. */
static const char *
file_of(const struct admin *a)
{
	const char *file = admin_value(a, "file");

	if (file == NULL && strcmp(a->noun, "definition") != 0)
		file = a->noun;
	return file == NULL || *file == '\0' || strcmp(file, "-") == 0 ? NULL
								      : file;
}

static int
write_file(const struct admin *a, const char *file, const char *text)
{
	FILE *f = file != NULL ? fopen(file, "we") : stdout;
	char *line;
	int status;

	if (f == NULL || fputs(text, f) < 0 ||
	    (file != NULL && fclose(f) != 0)) {
		line = xasprintf("%s: %s", file, strerror(errno));
		status = admin_fail(line);
	} else if (file == NULL) {
		return fflush(stdout) == 0 ? 0 : admin_fail(strerror(errno));
	} else {
		line = xasprintf(
		    "Exported definitions for localhost to \"%s\"", file);
		status = admin_said(a, line);
	}
	free(line);
	return status;
}

int
admin_export(const struct admin *a)
{
	const char *words[] = {"export_definitions", "-", NULL};
	struct answer t = {0};
	int status = ask(&t, words);

	status = status == 0 ? write_file(a, file_of(a), t.text)
			     : admin_fail(t.why);
	answer_fini(&t);
	return status;
}

static bool
read_file(struct writer *w, const char *file)
{
	enum { PIECE = 65536 };
	FILE *f = file != NULL ? fopen(file, "re") : stdin;
	size_t n;

	while (f != NULL && (n = fread(writer_room(w, PIECE), 1, PIECE, f)) > 0)
		w->n += n;
	if (f == NULL || ferror(f))
		return false;
	writer_u8(w, 0);
	return f == stdin || fclose(f) == 0;
}

int
admin_import(const struct admin *a)
{
	const char *file = file_of(a);
	struct writer w = {0};
	char *line = xasprintf("Uploaded definitions from \"%s\" to localhost",
	    file != NULL ? file : "-");
	const char *words[] = {"import_definitions", "--document", NULL, "-",
	    NULL};
	int status;

	if (read_file(&w, file)) {
		words[2] = (const char *)w.p;
		status = act(a, words, line);
	} else {
		free(line);
		line = xasprintf("%s: %s", file, strerror(errno));
		status = admin_fail(line);
	}
	free(line);
	writer_fini(&w);
	return status;
}

/* --- lists ----------------------------------------------------------------------- */

/* A listing of rabbitmqctl's: its columns, and what rabbitmqadmin calls them. */
static const struct listing {
	const char *noun, *command;
	bool each_vhost;
	const char *columns;	     /* the command's, joined by spaces */
	const char *names[8];	     /* pairs: the command's, ours */
} listings[] = {
    {"queues", "list_queues", true, "name messages", {NULL}},
    {"exchanges", "list_exchanges", true, "name type", {NULL}},
    {"bindings", "list_bindings", true,
	"source_name destination_name routing_key",
	{"source_name", "source", "destination_name", "destination",
	    "destination_kind", "destination_type"}},
    {"consumers", "list_consumers", true, "", {NULL}},
    {"policies", "list_policies", true, "", {NULL}},
    {"parameters", "list_parameters", true, "", {NULL}},
    {"permissions", "list_permissions", true, "", {NULL}},
    {"vhosts", "list_vhosts", false, "name", {NULL}},
    {"users", "list_users", false, "", {"user", "name"}},
    {"connections", "list_connections", false, "name user state", {NULL}},
    {"channels", "list_channels", false, "", {NULL}},
};

/* Renames to ours (0) or to the command's (1). */
static const char *
rename_column(const struct listing *l, const char *name, int back)
{
	for (size_t i = 0; i < 8 && l->names[i] != NULL; i += 2)
		if (strcmp(l->names[i + (size_t)back], name) == 0)
			return l->names[i + 1 - (size_t)back];
	return name;
}

static bool
has_column(const struct answer *t, const char *name)
{
	for (size_t i = 0; i < t->columns; i++)
		if (strcmp(t->cells[i].text, name) == 0)
			return true;
	return false;
}

/* Moves a vhost's rows over, its name in front where there are several. */
static void
gather(struct answer *all, const struct answer *t, const struct listing *l,
    const char *vhost, bool named)
{
	named = named && !has_column(t, "vhost");
	for (size_t i = 0; i < t->count; i++) {
		bool head = i < t->columns;
		const struct cell *c = &t->cells[i];

		if (head && all->columns > 0)
			continue;
		if (named && i % t->columns == 0)
			answer_add(all, bytes_str(head ? "vhost" : vhost),
			    false);
		answer_add(all,
		    bytes_str(head ? rename_column(l, c->text, 0) : c->text),
		    c->bare);
	}
	if (all->columns == 0)
		all->columns = t->columns + (named && t->columns > 0);
}

/* "vhost" among the columns asked for is ours to fill in. */
static size_t
choose_columns(const struct admin *a, const struct listing *l,
    const char **words, char *defaults, bool *named)
{
	char *at, *word;
	size_t n = 0;

	for (size_t i = 0; i < a->word_count; i++)
		if (l->each_vhost && strcmp(a->words[i], "vhost") == 0)
			*named = true;
		else
			words[n++] = rename_column(l, a->words[i], 1);
	if (n > 0)
		return n;
	for (word = strtok_r(defaults, " ", &at); word != NULL;
	     word = strtok_r(NULL, " ", &at))
		words[n++] = word;
	return n;
}

/* Rows in the order of their first cells, as over RabbitMQ's HTTP. */
static int
compare_rows(const void *a, const void *b, void *columns)
{
	const struct cell *x = a, *y = b;
	int order = 0;

	for (size_t i = 0; order == 0 && i < *(size_t *)columns; i++)
		order = strcmp(x[i].text, y[i].text);
	return order;
}

static void
sort_rows(struct answer *t)
{
	if (answer_rows(t) > 1)
		qsort_r(t->cells + t->columns, answer_rows(t),
		    t->columns * sizeof *t->cells, compare_rows,
		    &t->columns);
}

static int
list_vhost(struct answer *all, const struct listing *l, const char *vhost,
    const char *const *columns, size_t count, bool named)
{
	const char *words[ADMIN_WORDS + 4] = {l->command};
	struct answer t = {0};
	size_t n = 1;
	int status;

	if (l->each_vhost) {
		words[n++] = "-p";
		words[n++] = vhost;
	}
	memcpy(words + n, columns, count * sizeof *columns);
	answer_ask(&t, words, n + count);
	status = t.code != 0 ? admin_fail(t.why) : 0;
	if (status == 0)
		gather(all, &t, l, vhost, named);
	answer_fini(&t);
	return status;
}

static int
list_all(struct answer *all, const struct listing *l,
    const char *const *columns, size_t count, bool named)
{
	const char *const words[] = {"list_vhosts", "name", NULL};
	struct answer vhosts = {0};
	int status = ask(&vhosts, words) == 0 ? 0 : admin_fail(vhosts.why);

	named = named || answer_rows(&vhosts) > 1;
	for (size_t i = 1; status == 0 && i < vhosts.count; i++)
		status = list_vhost(
		    all, l, vhosts.cells[i].text, columns, count, named);
	answer_fini(&vhosts);
	return status;
}

int
admin_list(const struct admin *a)
{
	const struct listing *l = listings;
	const char *columns[ADMIN_WORDS];
	struct answer all = {0};
	bool named = false;
	char *defaults;
	size_t count;
	int status;

	while (strcmp(l->noun, a->noun) != 0)
		l++; /* the rows below have no others */
	defaults = xstrdup(l->columns);
	count = choose_columns(a, l, columns, defaults, &named);
	if (l->each_vhost && a->vhost == NULL)
		status = list_all(&all, l, columns, count, named);
	else
		status = list_vhost(
		    &all, l, vhost_of(a), columns, count, named);
	sort_rows(&all);
	if (status == 0)
		admin_print(&all, a->format);
	answer_fini(&all);
	free(defaults);
	return status;
}
