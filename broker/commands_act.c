/* commands_act.c - commands about one queue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/server.h"
#include "broker/vhost.h"

/* --- queues ------------------------------------------------------------ */

/* NULL if there is none, or not even the vhost: RabbitMQ says the same of
 * both. */
static struct queue *
find_queue(const struct request *r, const char *name)
{
	struct vhost *v =
	    server_vhost(r->server, bytes_str(command_vhost_name(r)));

	return v != NULL ? vhost_queue(v, bytes_str(name)) : NULL;
}

void
command_purge_queue(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	struct queue *q;

	request_banner(r, "Purging queue '%s' in vhost '%s' ...", name,
	    command_vhost_name(r));
	q = find_queue(r, name);
	if (q == NULL) {
		request_fail(r, CODE_UNAVAILABLE, "not_found");
		return;
	}
	queue_purge(q, NULL);
	if (queue_stored(q))
		server_stored(r->server);
	request_end(r);
}

static const char *
delete_condition(bool if_empty, bool if_unused)
{
	if (if_empty && if_unused)
		return "if queue is empty and if queue is unused ";
	return if_empty    ? "if queue is empty "
	       : if_unused ? "if queue is unused "
			   : "";
}

void
command_delete_queue(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	bool if_empty = words_option(&r->words, "if-empty") != NULL;
	bool if_unused = words_option(&r->words, "if-unused") != NULL;
	struct queue *q;

	request_banner(r, "Deleting queue '%s' on vhost '%s' %s...", name,
	    command_vhost_name(r), delete_condition(if_empty, if_unused));
	q = find_queue(r, name);
	if (q == NULL) {
		request_fail(r, CODE_USAGE, "Queue not found");
	} else if (if_unused && q->consumer_count > 0) {
		request_fail(r, CODE_USAGE, "Queue is in use");
	} else if (if_empty && lanes_ready(&q->lanes) > 0) {
		request_fail(r, CODE_USAGE, "Queue is not empty");
	} else {
		request_text(r,
		    "Queue was successfully deleted with %zu ready messages",
		    queue_delete(q));
		request_end(r);
	}
}

/* --- quorum queues ------------------------------------------------------ */

/* There is no log of Raft's: positions stand for its indexes. */
static void
put_member(struct request *r, const struct queue *q)
{
	static const char *const names[] = {"Node Name", "Raft State",
	    "Log Index", "Commit Index", "Snapshot Index", "Term",
	    "Machine Version"};
	const struct lane *lane = &q->lanes.lowest;

	request_columns(r, names, 7);
	request_row(r);
	put_text_value(r, bytes_str(node_name()));
	put_text_value(r, BYTES("leader"));
	put_int_value(r, (int64_t)lane->next_position - 1);
	put_int_value(r, (int64_t)lane->committed_to - 1);
	put_text_value(r, BYTES("undefined"));
	put_int_value(r, 1);
	put_int_value(r, 1);
	request_row_end(r);
}

void
command_quorum_status(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	struct queue *q;

	request_banner(r, "Status of quorum queue %s on node %s ...", name,
	    node_name());
	q = find_queue(r, name);
	if (q == NULL) {
		request_fail(r, CODE_UNAVAILABLE, "not_found");
	} else if (strcmp(q->type->name, "quorum") != 0) {
		request_fail(r, CODE_UNAVAILABLE,
		    "Cannot get quorum status of a classic queue");
	} else {
		put_member(r, q);
		request_end(r);
	}
}
