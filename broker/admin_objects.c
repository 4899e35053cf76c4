/* admin_objects.c - what is there, as the objects of RabbitMQ's HTTP interface, made
 * of what the control socket lists. Rates and statistics are not counted here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/admin.h"
#include "broker/admin_json.h"
#include "broker/folder.h"

/* --- asking ------------------------------------------------------------------ */

/* The rows of a listing; NULL with status set after having said why. */
static json_t *
ask_rows(const struct admin *a, const char *const *words, size_t count,
    int *status)
{
	struct answer t = {0};
	json_t *rows;

	answer_ask(&t, words, count);
	rows = json_incref(t.rows);
	if (t.code == 65)
		*status = admin_missing(a);
	else if (t.code != 0)
		*status = admin_fail(t.why);
	answer_fini(&t);
	if (*status != 0) {
		json_decref(rows);
		return NULL;
	}
	return rows != NULL ? rows : json_array();
}

static void
append(json_t *all, json_t *more)
{
	json_array_extend(all, more);
	json_decref(more);
}

/* A section of what an export says. */
static json_t *
ask_section(const char *section, int *status)
{
	const char *const words[] = {"export_definitions", "-"};
	struct answer t = {0};
	json_t *document, *rows;

	answer_ask(&t, words, 2);
	document = t.text != NULL ? json_loads(t.text, 0, NULL) : NULL;
	rows = json_incref(json_object_get(document, section));
	if (t.code != 0)
		*status = admin_fail(t.why);
	json_decref(document);
	answer_fini(&t);
	return rows != NULL ? rows : json_array();
}

static json_t *
ask_document(const char *command, int *status)
{
	struct answer t = {0};
	json_t *document;

	answer_ask(&t, &command, 1);
	document = json_incref(t.document);
	if (t.code != 0)
		*status = admin_fail(t.why);
	answer_fini(&t);
	return document != NULL ? document : json_object();
}

/* --- rows become objects ---------------------------------------------------------- */

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static void
rename_key(json_t *object, const char *from, const char *to)
{
	json_object_set(object, to, json_object_get(object, from));
	json_object_del(object, from);
}

/* What RabbitMQ has an object for is never an array or nothing. */
static void
want_object(json_t *object, const char *key)
{
	if (!json_is_object(json_object_get(object, key)))
		json_object_set_new(object, key, json_object());
}

static void
no_value(json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value) && json_string_length(value) == 0)
		json_object_set_new(object, key, json_null());
}

static void
finish_queue(json_t *q, const char *vhost)
{
	want_object(q, "arguments");
	want_object(q, "effective_policy_definition");
	no_value(q, "policy");
	no_value(q, "operator_policy");
	no_value(q, "exclusive_consumer_tag");
	no_value(q, "single_active_consumer_tag");
	no_value(q, "head_message_timestamp");
	if (!json_is_true(json_object_get(q, "exclusive")))
		json_object_set_new(q, "exclusive", json_false());
	json_object_set_new(q, "node", json_string(node_name()));
}

static void
finish_exchange(json_t *x, const char *vhost)
{
	want_object(x, "arguments");
	if (text_of(x, "policy")[0] == '\0')
		json_object_del(x, "policy");
}

/* As RabbitMQ's: a name for a binding between two things, its key and, where there
 * are arguments, a digest of them. */
static json_t *
properties_key(const json_t *binding)
{
	const char *key = text_of(binding, "routing_key");
	json_t *arguments = json_object_get(binding, "arguments"), *value;
	char *text = json_dumps(arguments, JSON_COMPACT | JSON_SORT_KEYS), *all;
	unsigned long long digest = 14695981039346656037u; /* FNV-1a */
	char *quoted = admin_quote(key, true);

	for (const char *p = text; *p != '\0'; p++)
		digest = (digest ^ (unsigned char)*p) * 1099511628211u;
	if (json_object_size(arguments) == 0)
		all = xstrdup(*key == '\0' ? "~" : quoted);
	else
		all = xasprintf("%s~%016llx", quoted, digest);
	value = json_string(all);
	free(all);
	free(text);
	free(quoted);
	return value;
}

static void
finish_binding(json_t *b, const char *vhost)
{
	want_object(b, "arguments");
	rename_key(b, "source_name", "source");
	rename_key(b, "destination_name", "destination");
	rename_key(b, "destination_kind", "destination_type");
	json_object_set_new(b, "properties_key", properties_key(b));
}

static void
finish_consumer(json_t *c, const char *vhost)
{
	want_object(c, "arguments");
	json_object_set_new(c, "queue",
	    json_pack("{s:O, s:s}", "name", json_object_get(c, "queue_name"),
		"vhost", vhost));
	json_object_set_new(c, "channel_details",
	    json_pack("{s:O, s:s}", "name", json_object_get(c, "channel_pid"),
		"node", node_name()));
	json_object_del(c, "queue_name");
	json_object_del(c, "channel_pid");
}

static json_t *
find_queue(json_t *queues, json_t *consumer)
{
	json_t *q, *of = json_object_get(consumer, "queue");
	size_t i;

	json_array_foreach(queues, i, q)
		if (json_equal(json_object_get(q, "name"),
			json_object_get(of, "name")) &&
		    json_equal(json_object_get(q, "vhost"),
			json_object_get(of, "vhost")))
			return q;
	return NULL;
}

/* A queue knows by which tag it is consumed alone. */
static json_t *
tell_exclusive(const struct admin *a, json_t *consumers, int *status)
{
	json_t *queues = admin_objects(a, "queues", NULL, status), *c, *q;
	size_t i;

	json_array_foreach(consumers, i, c)
	{
		q = find_queue(queues, c);
		json_object_set_new(c, "exclusive",
		    json_boolean(q != NULL &&
			json_equal(json_object_get(q, "exclusive_consumer_tag"),
			    json_object_get(c, "consumer_tag"))));
	}
	json_decref(queues);
	return consumers;
}

static void
finish_connection(json_t *c, const char *vhost)
{
	want_object(c, "client_properties");
	json_object_set_new(c, "protocol", json_string("AMQP 0-9-1"));
	json_object_set_new(c, "type", json_string("network"));
	json_object_set_new(c, "node", json_string(node_name()));
}

/* "127.0.0.1:5 -> 127.0.0.1:6 (1)" is of the connection whose name is in it. */
static void
finish_channel(json_t *c, const char *vhost)
{
	const char *name = text_of(c, "name");
	const char *end = strrchr(name, '(');
	size_t n = end != NULL && end > name ? (size_t)(end - name) - 1
					     : strlen(name);

	json_object_set_new(c, "connection_details",
	    json_pack("{s:s%}", "name", name, n));
	json_object_set_new(c, "node", json_string(node_name()));
	json_object_set_new(c, "state", json_string("running"));
}

/* What is listed, from which command and columns, and in which order. */
static const struct listing {
	const char *kind, *command;
	bool each_vhost;
	const char *columns; /* joined by spaces; "": the command's own */
	void (*finish)(json_t *, const char *vhost);
} listings[] = {
    {"queues", "list_queues", true,
	"name type durable auto_delete exclusive arguments state policy "
	"operator_policy effective_policy_definition messages messages_ready "
	"messages_unacknowledged messages_ram messages_persistent "
	"message_bytes message_bytes_ready message_bytes_unacknowledged "
	"message_bytes_persistent consumers consumer_utilisation "
	"consumer_capacity exclusive_consumer_tag single_active_consumer_tag "
	"head_message_timestamp memory",
	finish_queue},
    {"exchanges", "list_exchanges", true,
	"name type durable auto_delete internal arguments policy",
	finish_exchange},
    {"bindings", "list_bindings", true,
	"source_name destination_name destination_kind routing_key arguments",
	finish_binding},
    {"consumers", "list_consumers", true,
	"queue_name channel_pid consumer_tag ack_required prefetch_count active "
	"activity_status arguments",
	finish_consumer},
    {"permissions", "list_permissions", true, "", NULL},
    {"connections", "list_connections", false,
	"name user vhost host port peer_host peer_port auth_mechanism channels "
	"channel_max frame_max timeout state ssl ssl_protocol ssl_key_exchange "
	"ssl_cipher ssl_hash peer_cert_subject peer_cert_issuer "
	"peer_cert_validity client_properties connected_at recv_oct send_oct "
	"send_pend user_provided_name",
	finish_connection},
    {"channels", "list_channels", false,
	"name user vhost number transactional confirm consumer_count "
	"messages_unacknowledged messages_unconfirmed messages_uncommitted "
	"acks_uncommitted prefetch_count global_prefetch_count",
	finish_channel},
    {NULL, NULL, false, NULL, NULL}};

static json_t *
list_once(const struct admin *a, const struct listing *l, const char *vhost,
    int *status)
{
	const char *words[64] = {l->command};
	char *columns = xstrdup(l->columns), *at, *word;
	size_t count = 1, i;
	json_t *rows, *row;

	if (l->each_vhost) {
		words[count++] = "-p";
		words[count++] = vhost;
	}
	for (word = strtok_r(columns, " ", &at); word != NULL;
	     word = strtok_r(NULL, " ", &at))
		words[count++] = word;
	rows = ask_rows(a, words, count, status);
	json_array_foreach(rows, i, row)
	{
		if (l->each_vhost)
			json_object_set_new(row, "vhost", json_string(vhost));
		if (l->finish != NULL)
			l->finish(row, vhost);
	}
	free(columns);
	return rows;
}

static json_t *
list_vhosts(const struct admin *a, int *status)
{
	static const char *const words[] = {"list_vhosts", "name", "description",
	    "tags", "tracing", "default_queue_type"};

	return ask_rows(a, words, 6, status);
}

static json_t *
list_each(const struct admin *a, const struct listing *l, int *status)
{
	json_t *vhosts = list_vhosts(a, status), *all = json_array(), *v, *rows;
	size_t i;

	json_array_foreach(vhosts, i, v)
	{
		if (*status != 0)
			break;
		rows = list_once(a, l, text_of(v, "name"), status);
		if (rows != NULL)
			append(all, rows);
	}
	json_decref(vhosts);
	return all;
}

/* --- kinds that are put together ----------------------------------------------------- */

static void
add_to(json_t *object, const char *key, const json_t *other)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	n += json_integer_value(json_object_get(other, key));
	json_object_set_new(object, key, json_integer(n));
}

static void
count_messages(json_t *object, const json_t *queues, const char *vhost)
{
	static const char *const keys[] = {
	    "messages", "messages_ready", "messages_unacknowledged"};
	const json_t *q;
	size_t i;

	for (size_t k = 0; k < 3; k++)
		json_object_set_new(object, keys[k], json_integer(0));
	json_array_foreach(queues, i, q)
		for (size_t k = 0; k < 3; k++)
			if (vhost == NULL ||
			    strcmp(text_of(q, "vhost"), vhost) == 0)
				add_to(object, keys[k], q);
}

static json_t *
vhosts(const struct admin *a, int *status)
{
	json_t *all = list_vhosts(a, status), *v;
	json_t *queues = admin_objects(a, "queues", NULL, status);
	size_t i;

	json_array_foreach(all, i, v)
	{
		json_object_set_new(v, "metadata",
		    json_pack("{s:O, s:O}", "description",
			json_object_get(v, "description"), "tags",
			json_object_get(v, "tags")));
		json_object_set_new(v, "cluster_state",
		    json_pack("{s:s}", node_name(), "running"));
		if (text_of(v, "default_queue_type")[0] == '\0')
			json_object_set_new(v, "default_queue_type",
			    json_string("undefined"));
		count_messages(v, queues, text_of(v, "name"));
	}
	json_decref(queues);
	return all;
}

static json_t *
find_named(json_t *objects, const char *key, const char *name)
{
	json_t *object;
	size_t i;

	json_array_foreach(objects, i, object)
		if (strcmp(text_of(object, key), name) == 0)
			return object;
	return NULL;
}

/* An export leaves out whose passwords do not travel; they are users all the
 * same. */
static json_t *
users(const struct admin *a, int *status)
{
	static const char *const words[] = {"list_users"};
	json_t *all = ask_rows(a, words, 1, status), *u, *more;
	json_t *exported = ask_section("users", status);
	size_t i;

	json_array_foreach(all, i, u)
	{
		rename_key(u, "user", "name");
		more = find_named(exported, "name", text_of(u, "name"));
		if (more != NULL)
			json_object_update_missing(u, more);
		want_object(u, "limits");
	}
	json_decref(exported);
	return all;
}

static json_t *
parameters(const char *component, bool only, int *status)
{
	json_t *all = ask_section("parameters", status), *p;
	size_t i = 0;

	while ((p = json_array_get(all, i)) != NULL)
		if (only && strcmp(text_of(p, "component"), component) != 0)
			json_array_remove(all, i);
		else
			i++;
	return all;
}

static json_t *
operator_policies(int *status)
{
	json_t *all = parameters("operator_policy", true, status), *p, *value;
	size_t i;

	json_array_foreach(all, i, p)
	{
		value = json_incref(json_object_get(p, "value"));
		json_object_del(p, "value");
		json_object_del(p, "component");
		json_object_update(p, value);
		json_decref(value);
	}
	return all;
}

static json_t *
vhost_limits(int *status)
{
	json_t *all = parameters("vhost-limits", true, status), *p;
	size_t i;

	json_array_foreach(all, i, p)
	{
		json_object_del(p, "component");
		json_object_del(p, "name");
	}
	return all;
}

static json_t *
user_limits(const struct admin *a, int *status)
{
	json_t *all = users(a, status), *limits = json_array(), *u;
	size_t i;

	json_array_foreach(all, i, u)
		if (json_object_size(json_object_get(u, "limits")) > 0)
			json_array_append_new(limits,
			    json_pack("{s:O, s:O}", "user",
				json_object_get(u, "name"), "value",
				json_object_get(u, "limits")));
	json_decref(all);
	return limits;
}

static json_t *
dig(json_t *object, const char *first, const char *second)
{
	json_t *value = json_object_get(json_object_get(object, first), second);

	return value != NULL ? json_incref(value) : json_integer(0);
}

static void
copy(json_t *to, const char *key, json_t *from, const char *name)
{
	json_t *value = json_object_get(from, name);

	if (value != NULL)
		json_object_set(to, key, value);
}

static bool
has_alarm(json_t *status, const char *resource)
{
	char *text = json_dumps(json_object_get(status, "alarms"), JSON_COMPACT);
	bool found = text != NULL && strstr(text, resource) != NULL;

	free(text);
	return found;
}

static json_t *
nodes(int *status)
{
	json_t *s = ask_document("status", status), *n = json_object();
	json_t *total = json_object_get(json_object_get(s, "memory"), "total");

	json_object_set_new(n, "name", json_string(node_name()));
	json_object_set_new(n, "type", json_string("disc"));
	json_object_set_new(n, "running", json_true());
	json_object_set_new(n, "partitions", json_array());
	copy(n, "mem_used", total, "rss");
	copy(n, "mem_limit", s, "vm_memory_high_watermark_limit");
	copy(n, "disk_free", s, "disk_free");
	copy(n, "disk_free_limit", s, "disk_free_limit");
	copy(n, "os_pid", s, "pid");
	json_object_set_new(
	    n, "mem_alarm", json_boolean(has_alarm(s, "memory")));
	json_object_set_new(
	    n, "disk_free_alarm", json_boolean(has_alarm(s, "disk")));
	json_object_set_new(n, "fd_used", dig(s, "file_descriptors", "total_used"));
	json_object_set_new(
	    n, "fd_total", dig(s, "file_descriptors", "total_limit"));
	json_object_set_new(
	    n, "sockets_used", dig(s, "file_descriptors", "sockets_used"));
	json_object_set_new(
	    n, "uptime", json_integer(json_integer_value(
					json_object_get(s, "uptime")) *
			     1000));
	json_decref(s);
	return json_pack("[o]", n);
}

static json_t *
object_totals(const struct admin *a, json_t *queues, int *status)
{
	static const char *const kinds[] = {
	    "exchanges", "connections", "channels", "consumers"};
	json_t *totals = json_object(), *all;

	json_object_set_new(totals, "queues",
	    json_integer((json_int_t)json_array_size(queues)));
	for (size_t i = 0; i < 4; i++) {
		all = admin_objects(a, kinds[i], NULL, status);
		json_object_set_new(totals, kinds[i],
		    json_integer((json_int_t)json_array_size(all)));
		json_decref(all);
	}
	return totals;
}

static json_t *
overview(const struct admin *a, int *status)
{
	json_t *s = ask_document("status", status);
	json_t *c = ask_document("cluster_status", status);
	json_t *queues = admin_objects(a, "queues", NULL, status);
	json_t *o = json_object(), *totals = json_object();

	copy(o, "rabbitmq_version", s, "rabbitmq_version");
	copy(o, "product_name", s, "product_name");
	copy(o, "product_version", s, "product_version");
	copy(o, "cluster_name", c, "cluster_name");
	copy(o, "listeners", s, "listeners");
	json_object_set_new(o, "node", json_string(node_name()));
	json_object_set_new(o, "statistics_db_event_queue", json_integer(0));
	count_messages(totals, queues, NULL);
	json_object_set_new(o, "queue_totals", totals);
	json_object_set_new(
	    o, "object_totals", object_totals(a, queues, status));
	json_decref(queues);
	json_decref(s);
	json_decref(c);
	return json_pack("[o]", o);
}

static json_t *
make(const struct admin *a, const char *kind, int *status)
{
	if (strcmp(kind, "vhosts") == 0)
		return vhosts(a, status);
	if (strcmp(kind, "users") == 0)
		return users(a, status);
	if (strcmp(kind, "nodes") == 0)
		return nodes(status);
	if (strcmp(kind, "parameters") == 0)
		return parameters("", false, status);
	if (strcmp(kind, "policies") == 0)
		return ask_section("policies", status);
	if (strcmp(kind, "operator_policies") == 0)
		return operator_policies(status);
	if (strcmp(kind, "vhost_limits") == 0)
		return vhost_limits(status);
	if (strcmp(kind, "user_limits") == 0)
		return user_limits(a, status);
	return overview(a, status);
}

json_t *
admin_objects(const struct admin *a, const char *kind, const char *vhost,
    int *status)
{
	const struct listing *l = listings;
	json_t *all;

	while (l->kind != NULL && strcmp(l->kind, kind) != 0)
		l++;
	if (l->kind == NULL)
		all = make(a, kind, status);
	else if (l->each_vhost && vhost == NULL)
		all = list_each(a, l, status);
	else
		all = list_once(a, l, vhost, status);
	if (*status == 0 && strcmp(kind, "consumers") == 0)
		all = tell_exclusive(a, all, status);
	if (*status == 0)
		return all;
	json_decref(all);
	return NULL;
}
