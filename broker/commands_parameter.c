/* commands_parameter.c - commands about runtime parameters, policies above all. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/commands.h"
#include "broker/json.h"
#include "broker/parameters.h"
#include "broker/server.h"
#include "broker/vhost.h"

static const struct bytes policy = BYTES("policy");
static const struct bytes operator_policy = BYTES("operator_policy");

static const char *
option(const struct request *r, const char *name, const char *absent)
{
	const char *value = words_option(&r->words, name);

	return value != NULL ? value : absent;
}

static void
answer(struct request *r, bool done, const char *error)
{
	if (done)
		request_end(r);
	else
		request_fail(r, CODE_UNAVAILABLE, "%s", error);
}

/* --- policies ------------------------------------------------------------------ */

/* Puts together what RabbitMQ keeps of a policy; NULL with a sentence. */
static json_t *
compose(struct request *r, const char *const *words, char *error, size_t size)
{
	const char *priority = option(r, "priority", "0");
	char reason[200];
	json_t *v, *d = json_read(bytes_str(words[2]), reason, sizeof reason);

	if (d == NULL) {
		snprintf(error, size, "JSON decoding error. Reason: %s", reason);
		return NULL;
	}
	v = json_object();
	json_object_set_new(v, "pattern", json_string(words[1]));
	json_object_set_new(v, "definition", d);
	json_object_set_new(
	    v, "priority", json_integer(strtoll(priority, NULL, 10)));
	json_object_set_new(
	    v, "apply-to", json_string(option(r, "apply-to", "all")));
	return v;
}

static void
set(struct request *r, const char *what, struct bytes component)
{
	const char *const *words = r->words.arguments;
	const char *priority = option(r, "priority", "0");
	struct vhost *v;
	json_t *value;
	char error[1000], *text;
	bool done;

	request_banner(r,
	    "Setting %s \"%s\" for pattern \"%s\" to \"%s\" with priority "
	    "\"%s\" for vhost \"%s\" ...",
	    what, words[0], words[1], words[2], priority,
	    command_vhost_name(r));
	if ((v = command_vhost(r)) == NULL)
		return;
	if ((value = compose(r, words, error, sizeof error)) == NULL) {
		answer(r, false, error);
		return;
	}
	text = json_write(value);
	done = parameter_set(v, component, bytes_str(words[0]),
	    bytes_str(text), error, sizeof error);
	answer(r, done, error);
	json_decref(value);
	free(text);
}

void
command_set_policy(struct request *r, size_t *budget)
{
	set(r, "policy", policy);
}

void
command_set_operator_policy(struct request *r, size_t *budget)
{
	set(r, "operator policy override", operator_policy);
}

/* A vhost that is not there has no parameters. */
static void
clear(struct request *r, struct bytes component, const char *name)
{
	struct bytes vhost = bytes_str(command_vhost_name(r));
	struct vhost *v = server_vhost(r->server, vhost);

	answer(r,
	    v != NULL && parameter_clear(v, component, bytes_str(name)),
	    "Parameter does not exist");
}

void
command_clear_policy(struct request *r, size_t *budget)
{
	request_banner(r, "Clearing policy \"%s\" on vhost \"%s\" ...",
	    r->words.arguments[0], command_vhost_name(r));
	clear(r, policy, r->words.arguments[0]);
}

void
command_clear_operator_policy(struct request *r, size_t *budget)
{
	request_banner(r, "Clearing operator policy \"%s\" on vhost \"%s\" ...",
	    r->words.arguments[0], command_vhost_name(r));
	clear(r, operator_policy, r->words.arguments[0]);
}

static void
put_policy(struct request *r, const struct vhost *v, const struct parameter *p)
{
	char reason[200];
	json_t *value = json_read(bytes_str(p->value), reason, sizeof reason);
	json_t *to = json_object_get(value, "apply-to");
	char *definition =
	    json_write_sorted(json_object_get(value, "definition"));

	request_row(r);
	put_text_value(r, v->name);
	put_text_value(r, p->name);
	put_text_value(r, json_bytes(json_object_get(value, "pattern")));
	put_text_value(r, to != NULL ? json_bytes(to) : BYTES("all"));
	put_text_value(r, bytes_str(definition));
	put_int_value(
	    r, json_integer_value(json_object_get(value, "priority")));
	request_row_end(r);
	json_decref(value);
	free(definition);
}

static void
list(struct request *r, const char *what, struct bytes component, size_t *budget)
{
	static const char *const names[] = {
	    "vhost", "name", "pattern", "apply-to", "definition", "priority"};
	const struct parameter *p;
	struct vhost *v;

	if (!r->begun)
		request_banner(r, "Listing %s for vhost \"%s\" ...", what,
		    command_vhost_name(r));
	if ((v = command_vhost(r)) == NULL)
		return;
	if (!r->begun)
		request_columns(r, names, 6);
	for (; *budget > 0; --*budget) {
		if ((p = parameter_each(v, &r->at)) == NULL) {
			request_end(r);
			return;
		}
		if (bytes_eq(p->component, component))
			put_policy(r, v, p);
	}
}

void
command_list_policies(struct request *r, size_t *budget)
{
	list(r, "policies", policy, budget);
}

void
command_list_operator_policies(struct request *r, size_t *budget)
{
	list(r, "operator policy overrides", operator_policy, budget);
}

/* --- parameters of any component ------------------------------------------------- */

void
command_set_parameter(struct request *r, size_t *budget)
{
	const char *const *words = r->words.arguments;
	struct vhost *v;
	char error[1000];

	request_banner(r,
	    "Setting runtime parameter \"%s\" for component \"%s\" to \"%s\" in "
	    "vhost \"%s\" ...",
	    words[1], words[0], words[2], command_vhost_name(r));
	if (bytes_eq(bytes_str(words[0]), policy) ||
	    bytes_eq(bytes_str(words[0]), operator_policy)) {
		answer(r, false, "policies may not be set using this method");
		return;
	}
	if (!parameter_check(bytes_str(words[0]), bytes_str(words[1]),
		bytes_str(words[2]), error, sizeof error)) {
		answer(r, false, error);
		return;
	}
	if ((v = command_vhost(r)) == NULL)
		return;
	answer(r,
	    parameter_set(v, bytes_str(words[0]), bytes_str(words[1]),
		bytes_str(words[2]), error, sizeof error),
	    error);
}

void
command_clear_parameter(struct request *r, size_t *budget)
{
	const char *const *words = r->words.arguments;

	request_banner(r,
	    "Clearing runtime parameter \"%s\" for component \"%s\" on vhost "
	    "\"%s\" ...",
	    words[1], words[0], command_vhost_name(r));
	clear(r, bytes_str(words[0]), words[1]);
}

void
command_list_parameters(struct request *r, size_t *budget)
{
	static const char *const names[] = {"component", "name", "value"};
	const struct parameter *p;
	struct vhost *v;

	if (!r->begun)
		request_banner(r,
		    "Listing runtime parameters for vhost \"%s\" ...",
		    command_vhost_name(r));
	if ((v = command_vhost(r)) == NULL)
		return;
	if (!r->begun)
		request_columns(r, names, 3);
	for (; *budget > 0; --*budget) {
		if ((p = parameter_each(v, &r->at)) == NULL) {
			request_end(r);
			return;
		}
		if (bytes_eq(p->component, policy))
			continue; /* list_policies has them */
		request_row(r);
		put_text_value(r, p->component);
		put_text_value(r, p->name);
		put_text_value(r, bytes_str(p->value));
		request_row_end(r);
	}
}

/* --- those of the whole broker ------------------------------------------------------ */

void
command_set_global_parameter(struct request *r, size_t *budget)
{
	const char *const *words = r->words.arguments;
	char error[400];

	request_banner(r,
	    "Setting global runtime parameter \"%s\" to \"%s\" ...", words[0],
	    words[1]);
	answer(r,
	    global_parameter_set(r->server, bytes_str(words[0]),
		bytes_str(words[1]), error, sizeof error),
	    error);
}

void
command_clear_global_parameter(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];

	request_banner(r, "Clearing global runtime parameter \"%s\" ...", name);
	answer(r, global_parameter_clear(r->server, bytes_str(name)),
	    "Parameter does not exist");
}

void
command_list_global_parameters(struct request *r, size_t *budget)
{
	static const char *const names[] = {"name", "value"};
	const struct global_parameter *g;

	if (!r->begun) {
		request_banner(r, "Listing global runtime parameters ...");
		request_columns(r, names, 2);
	}
	for (; *budget > 0; --*budget) {
		g = names_each(&r->server->global_parameters, &r->at);
		if (g == NULL) {
			request_end(r);
			return;
		}
		request_row(r);
		put_text_value(r, g->name);
		put_text_value(r, bytes_str(g->value));
		request_row_end(r);
	}
}
