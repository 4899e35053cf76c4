/* admin_amqp.c - what rabbitmqadmin does as a client: declare, bind, delete, purge. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/admin_client.h"
#include "broker/admin_json.h"
#include "broker/folder.h"

/* --- a connection ---------------------------------------------------------- */

/* A listener without TLS, as the broker's status tells it. */
static bool
find_port(char host[64], unsigned *port, char *why, size_t size)
{
	const char *const words[] = {"status"};
	struct answer a = {0};
	char protocol[16];
	bool found = false;

	answer_ask(&a, words, 1);
	for (const char *p = a.text; !found && p != NULL;) {
		found = sscanf(p,
			    "Interface: %63[^,], port: %u, protocol: "
			    "%15[^,],",
			    host, port, protocol) == 3 &&
		    strcmp(protocol, "amqp") == 0;
		p = strchr(p, '\n');
		p = p != NULL ? p + 1 : NULL;
	}
	if (a.code != 0)
		snprintf(why, size, "Could not connect: %s", a.why);
	else if (!found)
		snprintf(why, size,
		    "the broker has no listener without TLS to be asked at");
	answer_fini(&a);
	return found;
}

bool
admin_open(struct client *c, const struct admin *a)
{
	char host[64];
	unsigned port;

	return find_port(host, &port, c->why, sizeof c->why) &&
	    client_open(c, host, port, a->user != NULL ? a->user : "guest",
		a->password != NULL ? a->password : "guest", admin_vhost(a));
}

/* RabbitMQ's HTTP interface has answers of its own for some replies, and of others
 * the text without their name. */
static int
explain(const struct admin *a, const char *why)
{
	const char *text = strstr(why, " - ");

	if (strncmp(why, "NOT_FOUND", 9) == 0 ||
	    (strncmp(why, "NOT_ALLOWED - vhost", 19) == 0 &&
		strstr(why, "not found") != NULL))
		return admin_missing(a);
	if (strncmp(why, "ACCESS_REFUSED", 14) == 0 ||
	    strncmp(why, "NOT_ALLOWED - access", 20) == 0)
		return admin_refused(a);
	return admin_fail(text != NULL ? text + 3 : why);
}

int
admin_end(const struct admin *a, struct client *c, bool done, const char *line)
{
	client_close(c);
	if (!done || c->why[0] != '\0')
		return explain(a, c->why);
	return admin_said(a, line);
}

/* One method, and what is said when it went well. */
static int
call(const struct admin *a, const struct amqp_method *m, uint32_t ok,
    const char *line)
{
	struct client c = {0};
	struct amqp_method answer;
	bool done = admin_open(&c, a) && client_call(&c, m, ok, 0, &answer);

	return admin_end(a, &c, done, line);
}

/* --- arguments --------------------------------------------------------------- */

/* JSON of an object becomes a table. False after having said what is wrong. */
static bool
read_arguments(const struct admin *a, struct writer *w)
{
	const char *text = admin_or(a, "arguments", "");
	json_t *object;
	char why[512];
	bool done;

	if (*text == '\0')
		return true;
	if ((object = admin_parse(text)) == NULL)
		return false;
	done = json_is_object(object)
		   ? admin_json_table(w, object, why, sizeof why)
		   : snprintf(why, sizeof why, "%.300s: not an object", text) < 0;
	json_decref(object);
	if (!done)
		admin_fail(why);
	return done;
}

static struct bytes
text_of(const struct admin *a, const char *key)
{
	return bytes_str(admin_or(a, key, ""));
}

/* Version 1 says queue_type, version 2 type. */
static void
put_queue_type(const struct admin *a, struct writer *w)
{
	const char *type = admin_value(a, "queue_type");
	struct amqp_value v;

	if (type == NULL)
		type = admin_value(a, "type");
	if (type != NULL &&
	    !amqp_table_get(writer_view(w), BYTES("x-queue-type"), &v))
		table_put_longstr(w, "x-queue-type", bytes_str(type));
}

/* There is but one node. */
static bool
is_here(const struct admin *a)
{
	const char *node = admin_or(a, "node", node_name());
	char why[300];

	if (strcmp(node, node_name()) == 0)
		return true;
	snprintf(why, sizeof why, "Node %.200s could not be contacted", node);
	admin_fail(why);
	return false;
}

int
admin_declare_queue(const struct admin *a)
{
	struct writer w = {0};
	struct amqp_method m = {AMQP_queue_declare};
	int status = ADMIN_FAILED;

	if (is_here(a) && read_arguments(a, &w)) {
		put_queue_type(a, &w);
		m.queue_declare =
		    (struct amqp_queue_declare){.queue = text_of(a, "name"),
			.durable = admin_flag(a, "durable", true),
			.auto_delete = admin_flag(a, "auto_delete", false),
			.arguments = writer_view(&w)};
		status = call(
		    a, &m, AMQP_queue_declare_ok, "queue declared");
	}
	writer_fini(&w);
	return status;
}

int
admin_declare_exchange(const struct admin *a)
{
	struct writer w = {0};
	struct amqp_method m = {AMQP_exchange_declare};
	int status = ADMIN_FAILED;

	if (read_arguments(a, &w)) {
		m.exchange_declare = (struct amqp_exchange_declare){
		    .exchange = text_of(a, "name"),
		    .type = text_of(a, "type"),
		    .durable = admin_flag(a, "durable", true),
		    .auto_delete = admin_flag(a, "auto_delete", false),
		    .internal = admin_flag(a, "internal", false),
		    .arguments = writer_view(&w)};
		status = call(
		    a, &m, AMQP_exchange_declare_ok, "exchange declared");
	}
	writer_fini(&w);
	return status;
}

static bool
to_exchange(const struct admin *a)
{
	return strcmp(admin_or(a, "destination_type", "queue"), "exchange") ==
	    0;
}

int
admin_declare_binding(const struct admin *a)
{
	struct bytes source = text_of(a, "source");
	struct bytes destination = text_of(a, "destination");
	struct bytes key = text_of(a, "routing_key");
	struct amqp_method m = {AMQP_queue_bind};
	uint32_t ok = AMQP_queue_bind_ok;
	struct writer w = {0};
	int status = ADMIN_FAILED;

	if (read_arguments(a, &w)) {
		m.queue_bind = (struct amqp_queue_bind){.queue = destination,
		    .exchange = source, .routing_key = key,
		    .arguments = writer_view(&w)};
		if (to_exchange(a)) {
			m = (struct amqp_method){AMQP_exchange_bind,
			    .exchange_bind = {.destination = destination,
				.source = source, .routing_key = key,
				.arguments = writer_view(&w)}};
			ok = AMQP_exchange_bind_ok;
		}
		status = call(a, &m, ok, "binding declared");
	}
	writer_fini(&w);
	return status;
}

/* The arguments of the binding that has this properties_key, and its routing key;
 * false if there is none. */
static bool
find_binding(const struct admin *a, const char *name, char **key,
    json_t **arguments)
{
	const char *const fields[] = {"source", "destination",
	    "destination_type", "properties_key"};
	const char *values[] = {admin_or(a, "source", ""),
	    admin_or(a, "destination", ""),
	    admin_or(a, "destination_type", "queue"), name};
	int status = 0;
	json_t *all = admin_objects(a, "bindings", admin_vhost(a), &status), *b;
	bool found = false;
	size_t i, n;

	json_array_foreach(all, i, b)
	{
		for (n = 0; n < 4; n++)
			if (strcmp(json_string_value(
				       json_object_get(b, fields[n])),
				values[n]) != 0)
				break;
		if (n < 4)
			continue;
		*key = xstrdup(
		    json_string_value(json_object_get(b, "routing_key")));
		*arguments = json_incref(json_object_get(b, "arguments"));
		found = true;
		break;
	}
	json_decref(all);
	return found;
}

static int
unbind(const struct admin *a, struct bytes key, struct bytes arguments)
{
	struct bytes source = text_of(a, "source");
	struct bytes destination = text_of(a, "destination");
	struct amqp_method m = {AMQP_queue_unbind,
	    .queue_unbind = {.queue = destination, .exchange = source,
		.routing_key = key, .arguments = arguments}};

	if (!to_exchange(a))
		return call(a, &m, AMQP_queue_unbind_ok, "binding deleted");
	m = (struct amqp_method){AMQP_exchange_unbind,
	    .exchange_unbind = {.destination = destination, .source = source,
		.routing_key = key, .arguments = arguments}};
	return call(a, &m, AMQP_exchange_unbind_ok, "binding deleted");
}

/* Version 1 names a binding by its properties_key, version 2 by what it is. */
int
admin_delete_binding(const struct admin *a)
{
	struct writer w = {0};
	json_t *arguments = NULL;
	char why[200], *key = NULL;
	int status = ADMIN_FAILED;

	if (admin_value(a, "routing_key") != NULL ||
	    admin_value(a, "arguments") != NULL) {
		if (read_arguments(a, &w))
			status = unbind(
			    a, text_of(a, "routing_key"), writer_view(&w));
	} else if (!find_binding(a, admin_or(a, "properties_key", "~"), &key,
		       &arguments)) {
		status = admin_missing(a);
	} else if (!admin_json_table(&w, arguments, why, sizeof why)) {
		status = admin_fail(why);
	} else {
		status = unbind(a, bytes_str(key), writer_view(&w));
	}
	json_decref(arguments);
	free(key);
	writer_fini(&w);
	return status;
}

/* AMQP is content with what is not there; rabbitmqadmin is not, unless asked to
 * be. */
static int
delete(const struct admin *a, const struct amqp_method *passive,
    uint32_t declared, const struct amqp_method *m, uint32_t ok,
    const char *line)
{
	struct client c = {0};
	struct amqp_method answer;
	bool done = admin_open(&c, a);

	if (done && !admin_flag(a, "idempotently", false))
		done = client_call(&c, passive, declared, 0, &answer);
	done = done && client_call(&c, m, ok, 0, &answer);
	return admin_end(a, &c, done, line);
}

int
admin_delete_queue(const struct admin *a)
{
	struct amqp_method passive = {AMQP_queue_declare,
	    .queue_declare = {.queue = text_of(a, "name"), .passive = true}};
	struct amqp_method m = {AMQP_queue_delete,
	    .queue_delete = {.queue = text_of(a, "name"),
		.if_unused = admin_flag(a, "if_unused", false),
		.if_empty = admin_flag(a, "if_empty", false)}};

	return delete(a, &passive, AMQP_queue_declare_ok, &m,
	    AMQP_queue_delete_ok, "queue deleted");
}

int
admin_delete_exchange(const struct admin *a)
{
	struct amqp_method passive = {AMQP_exchange_declare,
	    .exchange_declare = {
		.exchange = text_of(a, "name"), .passive = true}};
	struct amqp_method m = {AMQP_exchange_delete,
	    .exchange_delete = {.exchange = text_of(a, "name"),
		.if_unused = admin_flag(a, "if_unused", false)}};

	return delete(a, &passive, AMQP_exchange_declare_ok, &m,
	    AMQP_exchange_delete_ok, "exchange deleted");
}

int
admin_purge_queue(const struct admin *a)
{
	struct amqp_method m = {AMQP_queue_purge,
	    .queue_purge = {.queue = text_of(a, "name")}};

	return call(a, &m, AMQP_queue_purge_ok, "queue purged");
}
