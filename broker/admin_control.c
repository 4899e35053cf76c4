/* admin_control.c - what rabbitmqadmin does over the control socket: users, rights,
 * policies, definitions, lists. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "broker/admin.h"

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

static bool
is_missing(const struct answer *t)
{
	return t->code == 65 || t->code == 67 ||
	    strstr(t->why, "does not exist") != NULL ||
	    strstr(t->why, "no_such_user") != NULL ||
	    strstr(t->why, "there is no connection") != NULL;
}

static int
explain(const struct admin *a, const struct answer *t)
{
	return is_missing(t) ? admin_missing(a) : admin_fail(t->why);
}

static int
act(const struct admin *a, const char *const *words, const char *line)
{
	struct answer t = {0};
	int status = ask(&t, words) == 0 ? admin_said(a, line)
					 : explain(a, &t);

	answer_fini(&t);
	return status;
}

static const char *
name_of(const struct admin *a)
{
	return admin_or(a, "name", "");
}

/* Does a list have this name in this column? */
static bool
is_there(const char *command, const char *column, const char *name)
{
	struct answer t = {0};
	json_t *row;
	size_t i;
	bool found = false;

	answer_ask(&t, &command, 1);
	json_array_foreach(t.rows, i, row)
		found = found ||
		    strcmp(json_string_value(json_object_get(row, column)),
			name) == 0;
	answer_fini(&t);
	return found;
}

/* Something that definitions may hold is declared as they do it. Takes object. */
static int
define(const struct admin *a, const char *section, json_t *object,
    const char *line)
{
	json_t *document = json_pack("{s:[o]}", section, object);
	char *text = json_dumps(document, JSON_COMPACT);
	const char *words[] = {
	    "import_definitions", "--document", text, "-", NULL};
	int status = act(a, words, line);

	free(text);
	json_decref(document);
	return status;
}

/* --- users, vhosts, rights -------------------------------------- */

/* One that exists gets what is said instead. An empty password is none: nobody
 * logs in with it. */
int
admin_declare_user(const struct admin *a)
{
	static const char *const keys[] = {"name", "password", "password_hash",
	    "hashing_algorithm", "tags", NULL};
	json_t *user = json_object();

	for (const char *const *k = keys; *k != NULL; k++)
		if (admin_value(a, *k) != NULL)
			json_object_set_new(
			    user, *k, json_string(admin_value(a, *k)));
	if (admin_or(a, "password", ".")[0] == '\0') {
		json_object_del(user, "password");
		json_object_set_new(user, "password_hash", json_string(""));
	}
	return define(a, "users", user, "user declared");
}

/* Who makes a vhost may do everything in it, as over RabbitMQ's HTTP. */
static int
own_vhost(const struct admin *a)
{
	const char *user = a->user != NULL ? a->user : "guest";
	const char *words[] = {"set_permissions", "-p", name_of(a), "--", user,
	    ".*", ".*", ".*", NULL};

	if (a->user == NULL && !is_there("list_users", "user", user))
		return admin_said(a, "vhost declared");
	return act(a, words, "vhost declared");
}

static int
trace(const struct admin *a)
{
	const char *words[] = {
	    admin_flag(a, "tracing", false) ? "trace_on" : "trace_off", "-p",
	    name_of(a), NULL};
	struct answer t = {0};
	int status = 0;

	if (admin_value(a, "tracing") != NULL && ask(&t, words) != 0)
		status = admin_fail(t.why);
	answer_fini(&t);
	return status;
}

static int
add_vhost(const struct admin *a)
{
	const char *words[10] = {"add_vhost"}, *value;
	static const char *const options[][2] = {
	    {"description", "--description"}, {"tags", "--tags"},
	    {"default_queue_type", "--default-queue-type"}};
	struct answer t = {0};
	size_t n = 1;
	int status;

	for (size_t i = 0; i < 3; i++)
		if ((value = admin_value(a, options[i][0])) != NULL) {
			words[n++] = options[i][1];
			words[n++] = value;
		}
	words[n++] = "--";
	words[n++] = name_of(a);
	status = ask(&t, words) == 0 ? own_vhost(a) : admin_fail(t.why);
	answer_fini(&t);
	return status;
}

int
admin_declare_vhost(const struct admin *a)
{
	int status = is_there("list_vhosts", "name", name_of(a))
			 ? admin_said(a, "vhost declared")
			 : add_vhost(a);

	return status == 0 ? trace(a) : status;
}

int
admin_declare_permission(const struct admin *a)
{
	const char *words[] = {"set_permissions", "-p", admin_vhost(a), "--",
	    admin_or(a, "user", ""), admin_or(a, "configure", ""),
	    admin_or(a, "write", ""), admin_or(a, "read", ""), NULL};
	struct answer t = {0};
	int status = ask(&t, words);

	if (status == 0)
		status = admin_said(a, "permission declared");
	else
		status = admin_fail(
		    is_missing(&t) ? "vhost_or_user_not_found" : t.why);
	answer_fini(&t);
	return status;
}

int
admin_delete_user(const struct admin *a)
{
	const char *words[] = {"delete_user", "--", name_of(a), NULL};

	if (admin_flag(a, "idempotently", false) &&
	    !is_there("list_users", "user", name_of(a)))
		return admin_said(a, "user deleted");
	return act(a, words, "user deleted");
}

int
admin_delete_vhost(const struct admin *a)
{
	const char *words[] = {"delete_vhost", "--", name_of(a), NULL};

	if (admin_flag(a, "idempotently", false) &&
	    !is_there("list_vhosts", "name", name_of(a)))
		return admin_said(a, "vhost deleted");
	return act(a, words, "vhost deleted");
}

int
admin_delete_permission(const struct admin *a)
{
	const char *words[] = {"clear_permissions", "-p", admin_vhost(a), "--",
	    admin_or(a, "user", ""), NULL};

	return act(a, words, "permission deleted");
}

/* --- policies, parameters, limits -------------------------------- */

/* False after having said that it is no JSON. */
static bool
is_json(const struct admin *a, const char *key)
{
	json_t *value = admin_parse(admin_or(a, key, ""));

	json_decref(value);
	return value != NULL;
}

/* What cannot be is told by its reason. */
static int
act_validated(const struct admin *a, const char *const *words, const char *line)
{
	struct answer t = {0};
	char *why;
	int status = ask(&t, words);

	if (status == 0) {
		status = admin_said(a, line);
	} else if (is_missing(&t)) {
		status = admin_missing(a);
	} else {
		why = strncmp(t.why, "Validation failed", 17) == 0
			  ? xstrdup(t.why)
			  : xasprintf("Validation failed\n\n%s", t.why);
		status = admin_fail(why);
		free(why);
	}
	answer_fini(&t);
	return status;
}

static int
set_policy(const struct admin *a, const char *command, const char *line)
{
	const char *words[] = {command, "-p", admin_vhost(a), "--priority",
	    admin_or(a, "priority", "0"), "--apply-to",
	    admin_or(a, "apply_to", "all"), "--", name_of(a),
	    admin_or(a, "pattern", ""), admin_or(a, "definition", ""), NULL};

	return is_json(a, "definition") ? act_validated(a, words, line)
					: ADMIN_FAILED;
}

int
admin_declare_policy(const struct admin *a)
{
	return set_policy(a, "set_policy", "policy declared");
}

int
admin_declare_operator_policy(const struct admin *a)
{
	return set_policy(
	    a, "set_operator_policy", "operator_policy declared");
}

static int
clear_policy(const struct admin *a, const char *command, const char *line)
{
	const char *words[] = {
	    command, "-p", admin_vhost(a), "--", name_of(a), NULL};
	struct answer t = {0};
	int status = ask(&t, words);

	if (status == 0 ||
	    (is_missing(&t) && admin_flag(a, "idempotently", false)))
		status = admin_said(a, line);
	else
		status = explain(a, &t);
	answer_fini(&t);
	return status;
}

int
admin_delete_policy(const struct admin *a)
{
	return clear_policy(a, "clear_policy", "policy deleted");
}

int
admin_delete_operator_policy(const struct admin *a)
{
	return clear_policy(
	    a, "clear_operator_policy", "operator_policy deleted");
}

int
admin_declare_parameter(const struct admin *a)
{
	const char *words[] = {"set_parameter", "-p", admin_vhost(a), "--",
	    admin_or(a, "component", ""), name_of(a),
	    admin_or(a, "value", ""), NULL};

	return is_json(a, "value")
		   ? act_validated(a, words, "parameter declared")
		   : ADMIN_FAILED;
}

int
admin_delete_parameter(const struct admin *a)
{
	const char *words[] = {"clear_parameter", "-p", admin_vhost(a), "--",
	    admin_or(a, "component", ""), name_of(a), NULL};

	return act(a, words, "parameter deleted");
}

/* The limits of a vhost are set as a whole: these are those it has. */
static json_t *
limits_of(const struct admin *a, int *status)
{
	json_t *all = admin_objects(a, "vhost_limits", NULL, status), *l;
	json_t *found = NULL;
	size_t i;

	json_array_foreach(all, i, l)
		if (strcmp(json_string_value(json_object_get(l, "vhost")),
			admin_vhost(a)) == 0)
			found = json_copy(json_object_get(l, "value"));
	json_decref(all);
	return found != NULL ? found : json_object();
}

/* Takes limits. */
static int
set_limits(const struct admin *a, json_t *limits, const char *line)
{
	char *text = json_dumps(limits, JSON_COMPACT);
	const char *set[] = {
	    "set_vhost_limits", "-p", admin_vhost(a), "--", text, NULL};
	const char *clear[] = {
	    "clear_vhost_limits", "-p", admin_vhost(a), NULL};
	int status = act_validated(
	    a, json_object_size(limits) > 0 ? set : clear, line);

	free(text);
	json_decref(limits);
	return status;
}

int
admin_declare_vhost_limit(const struct admin *a)
{
	json_t *value = admin_parse(admin_or(a, "value", "")), *limits;
	int status = 0;

	if (value == NULL)
		return ADMIN_FAILED;
	limits = limits_of(a, &status);
	json_object_set_new(limits, name_of(a), value);
	return status == 0 ? set_limits(a, limits, "vhost_limit declared")
			   : (json_decref(limits), status);
}

int
admin_delete_vhost_limit(const struct admin *a)
{
	int status = 0;
	json_t *limits = limits_of(a, &status);

	if (status == 0 && json_object_del(limits, name_of(a)) == 0)
		return set_limits(a, limits, "vhost_limit deleted");
	json_decref(limits);
	return status == 0 ? admin_said(a, "vhost_limit deleted") : status;
}

/* --- connections, health ------------------------------------------ */

/* A connection's number, as the command wants it, by its name; NULL if there is
 * none. The caller's to free. */
static char *
find_pid(const char *name)
{
	static const char *const words[] = {"list_connections", "pid", "name"};
	struct answer t = {0};
	char *pid = NULL;
	json_t *row;
	size_t i;

	answer_ask(&t, words, 3);
	json_array_foreach(t.rows, i, row)
	{
		const char *own =
		    json_string_value(json_object_get(row, "name"));

		if (pid == NULL && own != NULL && strcmp(own, name) == 0)
			pid = xstrdup(json_string_value(
			    json_object_get(row, "pid")));
	}
	answer_fini(&t);
	return pid;
}

int
admin_close_connection(const struct admin *a)
{
	char *pid = find_pid(name_of(a));
	const char *words[] = {"close_connection", "--",
	    pid != NULL ? pid : "", "Closed via management plugin", NULL};
	int status = pid != NULL ? act(a, words, "connection closed")
				 : admin_missing(a);

	free(pid);
	return status;
}

/* "local_alarms" and so on: version 2's names are the commands' own. */
int
admin_health_check(const struct admin *a)
{
	char *name = xasprintf("check_%s",
	    strcmp(a->noun, "cluster_wide_alarms") == 0 ? "alarms" : a->noun);
	const char *words[] = {name,
	    admin_value(a, admin_value(a, "port") != NULL ? "port" : "protocol"),
	    NULL};
	int status = act(a, words, "health check passed");

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

/* Of one vhost: what is in it, without its name. */
static char *
cut_out(const char *text, const char *vhost)
{
	static const char *const sections[] = {
	    "parameters", "policies", "queues", "exchanges", "bindings", NULL};
	json_t *all = json_loads(text, 0, NULL), *part = json_object(), *o;
	char *cut;
	size_t i;

	json_object_set(part, "rabbit_version",
	    json_object_get(all, "rabbit_version"));
	for (const char *const *s = sections; *s != NULL; s++) {
		json_object_set_new(part, *s, json_array());
		json_array_foreach(json_object_get(all, *s), i, o)
		{
			if (strcmp(json_string_value(
				       json_object_get(o, "vhost")),
				vhost) != 0)
				continue;
			json_object_del(o, "vhost");
			json_array_append(json_object_get(part, *s), o);
		}
	}
	cut = json_dumps(part, JSON_COMPACT);
	json_decref(part);
	json_decref(all);
	return cut;
}

int
admin_export(const struct admin *a)
{
	const char *words[] = {"export_definitions", "-", NULL};
	struct answer t = {0};
	char *text;
	int status;

	if (a->vhost != NULL && !is_there("list_vhosts", "name", a->vhost))
		return admin_fail("vhost_not_found");
	if (ask(&t, words) != 0) {
		status = admin_fail(t.why);
	} else {
		text = a->vhost != NULL ? cut_out(t.text, a->vhost)
					: xstrdup(t.text);
		status = write_file(a, file_of(a), text);
		free(text);
	}
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

static int
import_text(const struct admin *a, const char *text, const char *line)
{
	const char *words[8] = {"import_definitions", "--document", text};
	size_t n = 3;

	if (a->vhost != NULL) {
		words[n++] = "--vhost";
		words[n++] = a->vhost;
	}
	words[n] = "-";
	return act(a, words, line);
}

int
admin_import(const struct admin *a)
{
	const char *file = file_of(a);
	struct writer w = {0};
	char *line = xasprintf("Uploaded definitions from \"localhost\" to %s. "
			       "The import process may take some time. Consult "
			       "server logs to track progress.",
	    file != NULL ? file : "-");
	int status;

	if (read_file(&w, file)) {
		status = import_text(a, (const char *)w.p, line);
	} else {
		free(line);
		line = xasprintf("%s: %s", file, strerror(errno));
		status = admin_fail(line);
	}
	free(line);
	writer_fini(&w);
	return status;
}
