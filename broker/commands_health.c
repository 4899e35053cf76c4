/* commands_health.c - commands that tell whether all is well, for probes. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/listener.h"
#include "broker/server.h"

/* --- JSON --------------------------------------------------------------- */

void
command_document(struct request *r, json_t *document)
{
	char *text;

	if (document == NULL) /* for words that are no UTF-8 */
		return;
	text = json_write(document);
	request_json(r, text);
	free(text);
	json_decref(document);
}

/* --- is it up? ---------------------------------------------------------- */

void
command_ping(struct request *r, size_t *budget)
{
	request_banner(r,
	    "Will ping %s. This checks that the broker takes turns.",
	    node_name());
	request_text(r, "Ping succeeded");
	request_end(r);
}

bool
command_is_up(const struct request *r)
{
	return !r->server->down && !r->server->stopping;
}

void
command_is_running(struct request *r, size_t *budget)
{
	json_t *d = json_object();
	char *text = xasprintf(
	    command_is_up(r) ? "RabbitMQ on node %s is fully booted and running"
		     : "RabbitMQ on node %s is not running or has not fully "
		       "booted yet (check with is_booting)",
	    node_name());

	request_banner(r, "Asking node %s for its status ...", node_name());
	request_text(r, "%s", text);
	json_object_set_new(d, "message", json_string(text));
	json_object_set_new(d, "result", json_boolean(command_is_up(r)));
	command_document(r, d);
	free(text);
	request_end(r);
}

/* Who can be asked has booted. */
void
command_is_booting(struct request *r, size_t *budget)
{
	char *text = xasprintf(
	    "RabbitMQ on node %s is fully booted (check with is_running), "
	    "stopped or has not started booting yet",
	    node_name());
	json_t *d = json_object();

	request_banner(
	    r, "Asking node %s for its boot status ...", node_name());
	request_text(r, "%s", text);
	json_object_set_new(d, "message", json_string(text));
	json_object_set_new(d, "result", json_false());
	command_document(r, d);
	free(text);
	request_end(r);
}

void
command_check_running(struct request *r, size_t *budget)
{
	request_banner(
	    r, "Checking if RabbitMQ is running on node %s ...", node_name());
	if (command_is_up(r)) {
		request_text(r, "RabbitMQ on node %s is fully booted and running",
		    node_name());
		request_end(r);
		return;
	}
	request_fail(r, CODE_UNAVAILABLE,
	    "RabbitMQ on node %s is not running or has not fully booted "
	    "yet (check with is_booting)",
	    node_name());
}

/* A vhost is up as long as the broker is. */
void
command_check_virtual_hosts(struct request *r, size_t *budget)
{
	request_banner(r, "Checking if all vhosts are running on node %s ...",
	    node_name());
	request_text(
	    r, "Node %s reported all vhosts as running", node_name());
	command_document(r, json_pack("{s:s}", "result", "ok"));
	request_end(r);
}

void
command_restart_vhost(struct request *r, size_t *budget)
{
	request_banner(r, "Trying to restart vhost '%s' on node '%s' ...",
	    command_vhost_name(r), node_name());
	if (command_vhost(r) == NULL)
		return;
	request_text(r, "Vhost '%s' is already running on node '%s'",
	    command_vhost_name(r), node_name());
	request_end(r);
}

void
command_node_health_check(struct request *r, size_t *budget)
{
	char alarms[1024];

	request_banner(r,
	    "This command is DEPRECATED and will be removed in a future "
	    "version.");
	request_banner(r, "Use check_running and check_local_alarms instead.");
	request_banner(r, "Checking health of node %s ...", node_name());
	alarms_text(r->server, alarms, sizeof alarms);
	if (alarms[0] != '\0') {
		request_fail(r, CODE_SOFTWARE,
		    "Error: health check failed. Message: resource alarm(s) in "
		    "effect: %s",
		    alarms);
		return;
	}
	request_text(r, "Health check passed");
	request_end(r);
}

/* --- listeners ---------------------------------------------------------- */

void
tell_listeners(struct request *r)
{
	const struct listener *l;

	TAILQ_FOREACH(l, &r->server->listeners, link)
		request_text(r,
		    "Interface: %s, port: %u, protocol: %s, purpose: %s",
		    l->host, l->port, listener_protocol(l), listener_purpose(l));
}

static json_t *
listener_document(const struct listener *l)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:s}", "interface", l->host,
	    "node", node_name(), "port", (int)l->port, "protocol",
	    listener_protocol(l), "purpose", listener_purpose(l));
}

json_t *
listeners_document(const struct server *s)
{
	json_t *list = json_array();
	const struct listener *l;

	TAILQ_FOREACH(l, &s->listeners, link)
		json_array_append_new(list, listener_document(l));
	return list;
}

/* {"listeners":[...],"node":"...","result":"ok"} */
static json_t *
with_listeners(const struct server *s, const char *word)
{
	json_t *d = json_object();

	json_object_set_new(d, "listeners", listeners_document(s));
	json_object_set_new(d, "node", json_string(node_name()));
	json_object_set_new(d, "result", json_string(word));
	return d;
}

void
command_listeners(struct request *r, size_t *budget)
{
	request_banner(r, "Asking node %s to report its protocol listeners ...",
	    node_name());
	tell_listeners(r);
	command_document(r, with_listeners(r->server, "ok"));
	request_end(r);
}

/* "5672, 5671" of those that answer or do not; malloc'd. */
static char *
ports(const struct server *s, bool answering)
{
	char *all = xstrdup(""), *more;
	const struct listener *l;

	TAILQ_FOREACH(l, &s->listeners, link)
	{
		if (listener_answers(l) != answering)
			continue;
		more = xasprintf(
		    "%s%s%u", all, *all != '\0' ? ", " : "", l->port);
		free(all);
		all = more;
	}
	return all;
}

static void
tell_unreachable(struct request *r)
{
	char *lines = xstrdup(""), *more;
	json_t *list = json_array();
	const struct listener *l;

	TAILQ_FOREACH(l, &r->server->listeners, link)
	{
		if (listener_answers(l))
			continue;
		more = xasprintf("%s\nInterface: %s, port: %u, protocol: %s, "
				 "purpose: %s",
		    lines, l->host, l->port, listener_protocol(l),
		    listener_purpose(l));
		free(lines);
		lines = more;
		json_array_append_new(list, listener_document(l));
	}
	command_document(r,
	    json_pack("{s:o, s:s, s:s}", "failures", list, "node", node_name(),
		"result", "error"));
	request_fail(r, CODE_UNAVAILABLE,
	    "Connection to ports of the following listeners on node %s "
	    "failed: %s",
	    node_name(), lines);
	free(lines);
}

void
command_check_port_connectivity(struct request *r, size_t *budget)
{
	char *failed = ports(r->server, false);
	char *answered = ports(r->server, true);
	bool good = *failed == '\0';

	request_banner(r,
	    "Testing TCP connections to all active listeners on node %s ...",
	    node_name());
	if (good) {
		command_document(r, with_listeners(r->server, "ok"));
		request_text(r, "Successfully connected to ports %s on node %s.",
		    answered, node_name());
		request_end(r);
	} else {
		tell_unreachable(r);
	}
	free(failed);
	free(answered);
}

/* --- is there one? ------------------------------------------------------ */

static void
no_listener(struct request *r, const char *port)
{
	char *others = ports(r->server, true);
	json_t *d = json_object(), *list = json_array();
	const struct listener *l;

	TAILQ_FOREACH(l, &r->server->listeners, link)
		json_array_append_new(list, json_integer(l->port));
	json_object_set_new(d, "listeners", listeners_document(r->server));
	json_object_set_new(d, "missing", json_string(port));
	json_object_set_new(d, "ports", list);
	json_object_set_new(d, "result", json_string("error"));
	command_document(r, d);
	request_fail_bare(r, CODE_UNAVAILABLE,
	    "No listener for port %s is active on node %s. Found listeners "
	    "that use the following ports: %s",
	    port, node_name(), others);
	free(others);
}

void
command_check_port_listener(struct request *r, size_t *budget)
{
	const char *port = r->words.arguments[0];
	const struct listener *l;
	char *end;
	unsigned long n = strtoul(port, &end, 10);

	if (*port < '0' || *port > '9' || *end != '\0' || n == 0) {
		request_misused(r, CODE_DATA, ARGUMENT_ERROR "Bad argument: Argument must be a positive "
				   "integer");
		return;
	}
	request_banner(r,
	    "Asking node %s if there's an active listener on port %s ...",
	    node_name(), port);
	TAILQ_FOREACH(l, &r->server->listeners, link)
		if (l->port == n) {
			request_text(r,
			    "A listener for port %s is running on node %s.",
			    port, node_name());
			command_document(r,
			    json_pack("{s:s, s:s, s:s}", "node", node_name(),
				"port", port, "result", "ok"));
			request_end(r);
			return;
		}
	no_listener(r, port);
}

/* By any of the names that RabbitMQ takes. */
static bool
speaks(const struct listener *l, const char *protocol)
{
	static const char *const plain[] = {
	    "amqp", "amqp091", "amqp0.9.1", "amqp0-9-1", "AMQP"};
	static const char *const secure[] = {
	    "amqps", "amqp/ssl", "amqps091", "AMQPS"};
	const char *const *names = l->secure ? secure : plain;
	size_t n = l->secure ? sizeof secure / sizeof *secure
			     : sizeof plain / sizeof *plain;

	for (size_t i = 0; i < n; i++)
		if (strcmp(protocol, names[i]) == 0)
			return true;
	return false;
}

static json_t *
missing_protocol(
    const struct server *s, const char *protocol, bool plain, bool secure)
{
	json_t *list = json_array();

	if (plain)
		json_array_append_new(list, json_string("amqp"));
	if (secure)
		json_array_append_new(list, json_string("amqp/ssl"));
	return json_pack("{s:o, s:s, s:o, s:s}", "listeners",
	    listeners_document(s), "missing", protocol, "protocols", list,
	    "result", "error");
}

/* "amqp, amqp/ssl" */
static void
no_protocol(struct request *r, const char *protocol)
{
	bool plain = false, secure = false;
	const struct listener *l;

	TAILQ_FOREACH(l, &r->server->listeners, link)
	{
		plain |= !l->secure;
		secure |= l->secure;
	}
	command_document(
	    r, missing_protocol(r->server, protocol, plain, secure));
	request_fail(r, CODE_UNAVAILABLE,
	    "No listener for protocol %s is active on node %s. Found listeners "
	    "for the following protocols: %s%s%s",
	    protocol, node_name(), plain ? "amqp" : "",
	    plain && secure ? ", " : "", secure ? "amqp/ssl" : "");
}

void
command_check_protocol_listener(struct request *r, size_t *budget)
{
	const char *protocol = r->words.arguments[0];
	const struct listener *l;

	request_banner(r,
	    "Asking node %s if there's an active listener for protocol %s ...",
	    node_name(), protocol);
	TAILQ_FOREACH(l, &r->server->listeners, link)
		if (speaks(l, protocol)) {
			request_text(r,
			    "A listener for protocol %s is running on node "
			    "%s.",
			    listener_protocol(l), node_name());
			command_document(r,
			    json_pack("{s:s, s:s, s:s}", "node", node_name(),
				"protocol", listener_protocol(l), "result",
				"ok"));
			request_end(r);
			return;
		}
	no_protocol(r, protocol);
}
