/* commands_vhost.c - commands about vhosts and about limits of vhosts and
 * users. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/commands.h"
#include "broker/json.h"
#include "broker/folder.h"
#include "broker/log.h"
#include "broker/parameters.h"
#include "broker/server.h"
#include "broker/trace.h"
#include "broker/vhost.h"

/* Names travel as short strings. */
enum { NAME_MAX_SIZE = 255 };

static struct bytes
option(const struct request *r, const char *name, struct bytes absent)
{
	const char *value = words_option(&r->words, name);

	return value != NULL ? bytes_str(value) : absent;
}

/* --- vhosts -------------------------------------------------------------------- */

static bool
is_queue_type(struct bytes b)
{
	return b.n == 0 || bytes_eq(b, BYTES("classic")) ||
	    bytes_eq(b, BYTES("quorum"));
}

/* Of one that is there already only what is given changes. */
static struct vhost_metadata
metadata_asked(const struct request *r, const struct vhost *v)
{
	struct vhost_metadata m =
	    v != NULL ? v->metadata : (struct vhost_metadata){0};

	m.description = option(r, "description", m.description);
	m.tags = option(r, "tags", m.tags);
	m.default_queue_type =
	    option(r, "default-queue-type", m.default_queue_type);
	return m;
}

/* False after having refused it. */
static bool
queue_type_known(struct request *r, struct bytes type)
{
	if (is_queue_type(type))
		return true;
	request_fail(r, CODE_UNAVAILABLE, "Unsupported default queue type: %s",
	    log_safe(type));
	return false;
}

void
command_update_vhost_metadata(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	struct vhost *v = server_vhost(r->server, bytes_str(name));
	struct vhost_metadata m = metadata_asked(r, v);

	request_banner(r, "Updating metadata of vhost \"%s\" ...", name);
	if (v == NULL) {
		command_no_vhost(r, name);
	} else if (queue_type_known(r, m.default_queue_type)) {
		vhost_describe(v, &m);
		request_end(r);
	}
}

void
command_add_vhost(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	struct bytes b = bytes_str(name);
	struct vhost *v = server_vhost(r->server, b);
	struct vhost_metadata m = metadata_asked(r, v);

	request_banner(r, "Adding vhost \"%s\" ...", name);
	if (b.n > NAME_MAX_SIZE || !bytes_utf8(b)) {
		request_fail(r, CODE_DATA,
		    "a vhost's name has at most %d bytes of UTF-8", NAME_MAX_SIZE);
		return;
	}
	if (!queue_type_known(r, m.default_queue_type))
		return;
	if (v == NULL) {
		log_info("Adding vhost '%s'", name);
		vhost_make(r->server, b, &m);
	} else {
		vhost_describe(v, &m);
	}
	request_end(r);
}

static void
refuse_tags(struct request *r, const char *name)
{
	char *text = xasprintf("Virtual host \"%s\" does not exists", name);

	command_document(r,
	    json_pack("{s:s, s:s, s:s}", "message", text, "node", node_name(),
		"result", "error"));
	request_fail(
	    r, CODE_DATA, "Virtual host \"%s\" does not exist", name);
	free(text);
}

void
command_set_vhost_tags(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	struct vhost *v = server_vhost(r->server, bytes_str(name));
	char *shown = words_join(&r->words, 1, ", ");
	char *tags = words_join(&r->words, 1, ",");
	struct vhost_metadata m;

	request_banner(
	    r, "Setting tags for virtual host \"%s\" to [%s] ...", name, shown);
	if (v == NULL) {
		refuse_tags(r, name);
	} else {
		m = v->metadata;
		m.tags = bytes_str(tags);
		vhost_describe(v, &m);
		request_end(r);
	}
	free(shown);
	free(tags);
}

void
command_delete_vhost(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	struct vhost *v = server_vhost(r->server, bytes_str(name));

	request_banner(r, "Deleting vhost \"%s\" ...", name);
	if (v == NULL) {
		command_no_vhost(r, name);
		return;
	}
	log_info("Deleting vhost '%s'", name);
	vhost_delete(v);
	request_end(r);
}

static void
tell_trace(struct request *r, const char *name, bool on)
{
	char *text = xasprintf(
	    "Trace %s for vhost %s", on ? "enabled" : "disabled", name);

	request_text(r, "%s", text);
	command_document(r,
	    json_pack("{s:s, s:s, s:s}", "node", node_name(), "result", "ok",
		"value", text));
	free(text);
}

static void
turn_trace(struct request *r, bool on)
{
	const char *name = command_vhost_name(r);
	struct vhost *v;

	request_banner(r, "%s tracing for vhost \"%s\" ...",
	    on ? "Starting" : "Stopping", name);
	if ((v = command_vhost(r)) == NULL)
		return;
	trace_turn(v, on);
	tell_trace(r, name, on);
	request_end(r);
}

void
command_trace_on(struct request *r, size_t *budget)
{
	turn_trace(r, true);
}

void
command_trace_off(struct request *r, size_t *budget)
{
	turn_trace(r, false);
}

/* --- limits of vhosts ------------------------------------------------------------ */

static const struct bytes component = BYTES("vhost-limits");
static const struct bytes limits = BYTES("limits");

void
command_set_vhost_limits(struct request *r, size_t *budget)
{
	const char *text = r->words.arguments[0];
	struct vhost *v;
	char error[600];

	request_banner(r, "Setting vhost limits to \"%s\" for vhost \"%s\" ...",
	    text, command_vhost_name(r));
	if ((v = command_vhost(r)) == NULL)
		return;
	if (parameter_set(v, component, limits, bytes_str(text), error,
		sizeof error))
		request_end(r);
	else
		request_fail(r, CODE_UNAVAILABLE, "%s", error);
}

void
command_clear_vhost_limits(struct request *r, size_t *budget)
{
	struct vhost *v;

	request_banner(
	    r, "Clearing vhost \"%s\" limits ...", command_vhost_name(r));
	v = server_vhost(r->server, bytes_str(command_vhost_name(r)));
	if (v != NULL && parameter_clear(v, component, limits))
		request_end(r);
	else
		request_fail(r, CODE_UNAVAILABLE, "Parameter does not exist");
}

static void
list_all_limits(struct request *r, size_t *budget)
{
	static const char *const names[] = {"vhost", "limits"};
	const struct parameter *p;
	struct vhost *v;

	if (!r->begun) {
		request_banner(r, "Listing limits for all vhosts ...");
		request_columns(r, names, 2);
	}
	for (; *budget > 0; --*budget) {
		v = names_each(&r->server->vhosts, &r->at);
		if (v == NULL) {
			request_end(r);
			return;
		}
		if ((p = parameter_find(v, component, limits)) == NULL)
			continue;
		request_row(r);
		put_text_value(r, v->name);
		put_text_value(r, bytes_str(p->value));
		request_row_end(r);
	}
}

/* None are an empty list. */
static void
tell_limits(struct request *r, const struct parameter *p)
{
	if (p == NULL) {
		request_columns(r, NULL, 0);
		return;
	}
	request_text(r, "%s", p->value);
	command_document(r,
	    json_pack("{s:s, s:s, s:s}", "node", node_name(), "result", "ok",
		"value", p->value));
}

void
command_list_vhost_limits(struct request *r, size_t *budget)
{
	struct vhost *v;

	if (words_option(&r->words, "global") != NULL) {
		list_all_limits(r, budget);
		return;
	}
	request_banner(
	    r, "Listing limits for vhost \"%s\" ...", command_vhost_name(r));
	if ((v = command_vhost(r)) == NULL)
		return;
	tell_limits(r, parameter_find(v, component, limits));
	request_end(r);
}

/* --- limits of users --------------------------------------------------------------- */

static void
answer(struct request *r, enum auth_status status, const char *user,
    const char *error)
{
	if (status == AUTH_OK)
		request_end(r);
	else if (status == AUTH_NO_USER)
		command_unexpected_user(r, user);
	else
		request_fail(r, CODE_UNAVAILABLE, "%s", error);
}

void
command_set_user_limits(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	const char *text = r->words.arguments[1];
	char error[600];
	enum auth_status status;

	request_banner(r, "Setting user limits to \"%s\" for user \"%s\" ...",
	    text, name);
	status = auth_set_limits(r->server->auth, bytes_str(name),
	    bytes_str(text), error, sizeof error);
	answer(r, status, name, error);
}

void
command_clear_user_limits(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	const char *which = r->words.arguments[1];

	if (strcmp(which, "all") == 0)
		request_banner(
		    r, "Clearing all limits for user \"%s\" ...", name);
	else
		request_banner(r, "Clearing \"%s\" limit for user \"%s\" ...",
		    which, name);
	answer(r,
	    auth_clear_limit(r->server->auth, bytes_str(name), which), name, "");
}

static void
list_every_user(struct request *r, size_t *budget)
{
	static const char *const names[] = {"user", "limits"};
	const struct user *user;
	char *text;

	if (!r->begun) {
		request_banner(r, "Listing limits for all users ...");
		request_columns(r, names, 2);
	}
	for (; *budget > 0; --*budget) {
		user = auth_each_user(r->server->auth, &r->at);
		if (user == NULL) {
			request_end(r);
			return;
		}
		if (user->max_connections < 0 && user->max_channels < 0)
			continue;
		text = user_limits_text(user);
		request_row(r);
		put_text_value(r, user->name);
		put_text_value(r, bytes_str(text));
		request_row_end(r);
		free(text);
	}
}

void
command_list_user_limits(struct request *r, size_t *budget)
{
	const char *name = words_option(&r->words, "user");
	const struct user *user;
	char *text;

	if (words_option(&r->words, "global") != NULL) {
		list_every_user(r, budget);
		return;
	}
	if (name == NULL)
		name = "guest";
	request_banner(r, "Listing limits for user \"%s\" ...", name);
	user = auth_user(r->server->auth, bytes_str(name));
	if (user == NULL) {
		answer(r, AUTH_NO_USER, name, "");
		return;
	}
	text = user_limits_text(user);
	request_text(r, "%s", text);
	request_end(r);
	free(text);
}
