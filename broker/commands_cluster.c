/* commands_cluster.c - what RabbitMQ asks of a cluster, answered by one broker. */
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/listener.h"
#include "broker/parameters.h"
#include "broker/server.h"

static bool
is_this(const char *node)
{
	return strcmp(node, node_name()) == 0;
}

/* --- its state ---------------------------------------------------------- */
static json_t *
one_node(json_t *value)
{
	json_t *d = json_object();

	json_object_set_new(d, node_name(), value);
	return d;
}

static json_t *
node_list(void)
{
	json_t *list = json_array();

	json_array_append_new(list, json_string(node_name()));
	return list;
}

static json_t *
cluster_document(const struct server *s)
{
	json_t *d = json_object(), *version = json_object();
	char *name = server_cluster_name(s);

	json_object_set_new(d, "alarms", alarms_document(s));
	json_object_set_new(d, "cluster_name", json_string(name));
	free(name);
	json_object_set_new(d, "disk_nodes", node_list());
	json_object_set_new(d, "feature_flags", flags_document());
	json_object_set_new(d, "listeners", one_node(listeners_document(s)));
	json_object_set_new(d, "maintenance_status",
	    one_node(json_string("not under maintenance")));
	json_object_set_new(d, "partitions", json_object());
	json_object_set_new(d, "ram_nodes", json_array());
	json_object_set_new(
	    d, "running_nodes", s->down ? json_array() : node_list());
	json_object_set_new(
	    version, "rabbitmq_name", json_string(s->config->product));
	json_object_set_new(
	    version, "rabbitmq_version", json_string(s->config->version));
	json_object_set_new(d, "versions", one_node(version));
	return d;
}

static void
tell_node_listeners(struct request *r)
{
	const struct listener *l;

	TAILQ_FOREACH(l, &r->server->listeners, link)
		request_text(r,
		    "Node: %s, interface: %s, port: %u, protocol: %s, purpose: "
		    "%s",
		    node_name(), l->host, l->port, listener_protocol(l),
		    listener_purpose(l));
}

static void
tell_cluster(struct request *r)
{
	const struct server *s = r->server;
	char *name = server_cluster_name(s);

	request_text(r,
	    "Basics\n\nCluster name: %s\n\nDisk Nodes\n\n%s\n\nRunning "
	    "Nodes\n\n%s\n\nVersions\n\n%s: %s %s\n\nMaintenance "
	    "status\n\nNode: %s, status: not under maintenance",
	    name, node_name(), s->down ? "(none)" : node_name(),
	    node_name(), s->config->product, s->config->version, node_name());
	tell_alarms(r);
	request_text(
	    r, "\nNetwork Partitions\n\n(none)\n\nListeners\n");
	tell_node_listeners(r);
	request_text(r, "\nFeature flags\n");
	tell_flags(r);
	free(name);
}

void
command_cluster_status(struct request *r, size_t *budget)
{
	request_banner(r, "Cluster status of node %s ...", node_name());
	tell_cluster(r);
	command_document(r, cluster_document(r->server));
	request_end(r);
}

/* What clients read in server properties; a JSON string in the store. */
void
command_set_cluster_name(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	json_t *value = json_string(name);
	char *text = value != NULL ? json_write(value) : NULL;
	char error[400] = "a name is UTF-8";

	request_banner(r, "Setting cluster name to %s ...", name);
	if (text != NULL &&
	    global_parameter_set(r->server, BYTES("cluster_name"),
		bytes_str(text), error, sizeof error))
		request_end(r);
	else
		request_fail(r, CODE_UNAVAILABLE, "%s", error);
	json_decref(value);
	free(text);
}

/* --- waiting for others ------------------------------------------------- */

/* There is one, and it answers. More never come: whoever waits for them is told
 * at once. */
void
command_await_online_nodes(struct request *r, size_t *budget)
{
	const char *count = r->words.arguments[0];
	char *end;
	long n = strtol(count, &end, 10);

	if (*count == '\0' || *end != '\0' || n < 1) {
		request_misused(r, CODE_DATA,
		    ARGUMENT_ERROR
		    "Bad argument: Argument must be a positive integer");
		return;
	}
	if (!r->begun)
		request_banner(r,
		    "Will wait for at least %ld nodes to join the cluster of "
		    "%s.",
		    n, node_name());
	if (n > 1)
		request_fail(r, CODE_SOFTWARE,
		    "Error: timed out while waiting. Not enough nodes joined "
		    "%s's cluster.",
		    node_name());
	else if (command_is_up(r))
		request_end(r);
}

void
command_discover_peers(struct request *r, size_t *budget)
{
	json_t *d = json_object();

	request_banner(r, "Discovering peers nodes ...");
	request_text(r, "No peers discovered");
	json_object_set_new(d, "message", json_string("No peers discovered"));
	command_document(r, d);
	request_end(r);
}

/* --- would another matter? ---------------------------------------------- */

static void
tell_alone(struct request *r)
{
	json_t *d = json_object();

	request_text(r,
	    "Node %s seems to be the only one in a single node cluster, the "
	    "check does not apply",
	    node_name());
	json_object_set_new(d, "message",
	    json_string("Target node seems to be the only one in a single node "
			"cluster, the check does not apply"));
	json_object_set_new(d, "result", json_string("ok"));
	command_document(r, d);
	request_end(r);
}

void
command_check_if_node_is_quorum_critical(struct request *r, size_t *budget)
{
	request_banner(r,
	    "Checking if node %s is critical for quorum of any quorum queues "
	    "...",
	    node_name());
	tell_alone(r);
}

void
command_check_if_node_is_mirror_sync_critical(
    struct request *r, size_t *budget)
{
	request_banner(r,
	    "Checking if node %s is critical for data safety of any classic "
	    "mirrored queues ...",
	    node_name());
	tell_alone(r);
}

/* --- becoming part of one ----------------------------------------------- */

/* False after having refused: the broker is up. */
static bool
is_down(struct request *r)
{
	if (!r->server->down)
		request_misused(r, CODE_USAGE,
		    "Error: this command requires the 'rabbit' app to be "
		    "stopped on the target node. Stop it with 'rabbitmqctl "
		    "stop_app'.");
	return r->server->down;
}

static void
refuse_node(struct request *r, const char *node)
{
	if (is_this(node))
		request_fail(r, CODE_SOFTWARE,
		    "Error: cannot cluster node with itself: %s", node);
	else
		request_fail(r, CODE_UNAVAILABLE,
		    "%s is one broker and no part of a cluster", node_name());
}

void
command_join_cluster(struct request *r, size_t *budget)
{
	const char *node = r->words.arguments[0];

	if (!is_down(r))
		return;
	request_banner(r, "Clustering node %s with %s", node_name(), node);
	refuse_node(r, node);
}

void
command_update_cluster_nodes(struct request *r, size_t *budget)
{
	const char *node = r->words.arguments[0];

	if (!is_down(r))
		return;
	request_banner(r, "Will seed %s from %s on next start", node_name(),
	    node);
	refuse_node(r, node);
}

void
command_change_cluster_node_type(struct request *r, size_t *budget)
{
	const char *type = r->words.arguments[0];
	bool disc = strcmp(type, "disc") == 0 || strcmp(type, "disk") == 0;

	if (!disc && strcmp(type, "ram") != 0) {
		request_misused(r, CODE_DATA,
		    ARGUMENT_ERROR "Bad argument: The node type must be "
				   "either disc or ram.");
		return;
	}
	if (!is_down(r))
		return;
	request_banner(
	    r, "Turning %s into a %s node", node_name(), disc ? "disc" : "ram");
	if (disc) {
		request_text(r, "Node type is already disc");
		request_end(r);
	} else {
		request_fail(r, CODE_UNAVAILABLE,
		    "{:not_clustered, 'Non-clustered nodes can only be disc "
		    "nodes.'}");
	}
}

/* It never waits for others when it starts. */
void
command_force_boot(struct request *r, size_t *budget)
{
	if (is_down(r))
		request_end(r);
}

/* --- leaving one -------------------------------------------------------- */

/* Whoever can be asked is not stopped. */
static void
needs_stopped(struct request *r)
{
	request_misused(r, CODE_USAGE,
	    "Error: this command requires the target node to be stopped.");
}

void
command_forget_cluster_node(struct request *r, size_t *budget)
{
	if (words_option(&r->words, "offline") != NULL) {
		needs_stopped(r);
		return;
	}
	request_banner(r, "Removing node %s from the cluster",
	    r->words.arguments[0]);
	if (is_this(r->words.arguments[0]))
		request_fail(r, CODE_UNAVAILABLE,
		    "the last node of a cluster cannot be removed");
	else
		request_fail(r, CODE_UNAVAILABLE,
		    "{:not_a_cluster_node, 'The node selected is not in "
		    "the cluster.'}");
}

void
command_rename_cluster_node(struct request *r, size_t *budget)
{
	needs_stopped(r);
}
