/* commands_replica.c - what RabbitMQ asks about replicas of queues: each queue is
 * here, once. */
#include <stdlib.h>
#include <string.h>

#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/server.h"
#include "broker/vhost.h"

/* --- one queue ---------------------------------------------------------- */

static bool
is_quorum(const struct queue *q)
{
	return q->type->bit == QUEUE_QUORUM;
}

/* The quorum queue of the first argument; NULL after having failed the request
 * with what is said of others. */
static struct queue *
quorum_queue(struct request *r, const char *otherwise)
{
	struct queue *q = command_queue(r);

	if (q != NULL && is_quorum(q))
		return q;
	request_fail(
	    r, CODE_UNAVAILABLE, "%s", q == NULL ? "not_found" : otherwise);
	return NULL;
}

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
	struct queue *q;

	request_banner(r, "Status of quorum queue %s on node %s ...",
	    r->words.arguments[0], node_name());
	q = quorum_queue(r, "Cannot get quorum status of a classic queue");
	if (q == NULL)
		return;
	put_member(r, q);
	request_end(r);
}

void
command_stream_status(struct request *r, size_t *budget)
{
	const struct queue *q;

	request_banner(r, "Status of stream %s on node %s ...",
	    r->words.arguments[0], node_name());
	q = command_queue(r);
	if (q == NULL)
		request_fail(r, CODE_UNAVAILABLE, "not_found");
	else
		request_fail(r, CODE_UNAVAILABLE,
		    "Cannot get stream status of a %s queue", q->type->name);
}

/* --- mirrors ------------------------------------------------------------ */

void
command_sync_queue(struct request *r, size_t *budget)
{
	const struct queue *q;

	request_banner(r, "Synchronising queue '%s' in vhost '%s' ...",
	    r->words.arguments[0], command_vhost_name(r));
	q = command_queue(r);
	request_fail(r, CODE_UNAVAILABLE, "%s",
	    q == NULL	   ? "not_found"
	    : is_quorum(q) ? "quorum_queue_not_supported"
			   : "not_mirrored");
}

void
command_cancel_sync_queue(struct request *r, size_t *budget)
{
	const struct queue *q;

	request_banner(r, "Stopping synchronising queue '%s' in vhost '%s' ...",
	    r->words.arguments[0], command_vhost_name(r));
	q = command_queue(r);
	if (q == NULL || is_quorum(q)) {
		request_fail(r, CODE_UNAVAILABLE, "%s",
		    q == NULL ? "not_found" : "quorum_queue_not_supported");
		return;
	}
	request_text(r, "not_syncing");
	request_end(r);
}

/* --- members ------------------------------------------------------------ */

static const char no_members[] = "Cannot add members to a classic queue";

void
command_add_member(struct request *r, size_t *budget)
{
	const char *node = r->words.arguments[1];

	request_banner(r, "Adding a replica for queue %s on node %s...",
	    r->words.arguments[0], node);
	if (quorum_queue(r, no_members) == NULL)
		return;
	if (strcmp(node, node_name()) == 0)
		request_end(r);
	else
		request_fail(r, CODE_UNAVAILABLE, "node_not_running");
}

void
command_delete_member(struct request *r, size_t *budget)
{
	const char *node = r->words.arguments[1];

	request_banner(r, "Removing a replica of queue %s on node %s...",
	    r->words.arguments[0], node);
	if (quorum_queue(r, no_members) == NULL)
		return;
	if (strcmp(node, node_name()) != 0)
		request_end(r);
	else
		request_fail(r, CODE_UNAVAILABLE, "last_node");
}

/* The store sees to its log itself. */
void
command_reclaim_quorum_memory(struct request *r, size_t *budget)
{
	const struct queue *q;

	request_banner(r, "Will flush Raft WAL of quorum queue %s ...",
	    r->words.arguments[0]);
	q = command_queue(r);
	if (q == NULL)
		request_fail(r, CODE_UNAVAILABLE,
		    "Target queue was not found in virtual host '%s'",
		    command_vhost_name(r));
	else if (!is_quorum(q))
		request_fail(r, CODE_UNAVAILABLE,
		    "This operation is not applicable to classic queues");
	else
		request_end(r);
}

/* --- all queues --------------------------------------------------------- */

/* The next queue of any vhost: phase is where its vhost is found, at where the
 * queue is in it. NULL behind the last, or when the budget is used up. */
static struct queue *
next_queue(struct request *r, size_t *budget, bool *over)
{
	for (*over = false; *budget > 0; --*budget) {
		size_t behind = r->phase;
		struct vhost *v = names_each(&r->server->vhosts, &behind);
		struct queue *q;

		if (v == NULL) {
			*over = true;
			return NULL;
		}
		if ((q = names_each(&v->queues, &r->at)) != NULL) {
			--*budget;
			return q;
		}
		r->phase = behind;
		r->at = 0;
	}
	return NULL;
}

static void
end_listing(struct request *r, size_t rows)
{
	if (rows == 0)
		command_document(r, json_array());
	request_end(r);
}

/* Other nodes are none to grow on, and on this one all are. */
void
command_grow(struct request *r, size_t *budget)
{
	const char *node = r->words.arguments[0];
	const char *strategy = r->words.arguments[1];

	if (strcmp(strategy, "all") != 0 && strcmp(strategy, "even") != 0) {
		request_misused(r, CODE_USAGE,
		    ARGUMENT_ERROR "\"strategy '%s' is not recognised.\"",
		    strategy);
		return;
	}
	request_banner(
	    r, "Growing %s quorum queues on %s...", strategy, node);
	end_listing(r, 0);
}

static void
shrink_row(struct request *r, const struct queue *q)
{
	static const char *const names[] = {"vhost", "name", "size", "result"};

	if (r->column_count++ == 0)
		request_columns(r, names, 4);
	request_row(r);
	put_text_value(r, q->vhost->name);
	put_text_value(r, queue_name(q));
	put_int_value(r, 1);
	put_text_value(r, BYTES("error: the last node cannot be removed"));
	request_row_end(r);
}

/* Other nodes have nothing to give. */
void
command_shrink(struct request *r, size_t *budget)
{
	const char *node = r->words.arguments[0];
	struct queue *q;
	bool over = true;

	if (!r->begun)
		request_banner(r, "Shrinking quorum queues on %s...", node);
	if (strcmp(node, node_name()) == 0)
		while ((q = next_queue(r, budget, &over)) != NULL)
			if (is_quorum(q))
				shrink_row(r, q);
	if (over)
		end_listing(r, r->column_count);
}

/* --- leaders ------------------------------------------------------------ */

static const char *const balance_names[] = {"Node name",
    "Number of quorum queues", "Number of replicated classic queues"};

static void
balance_row(struct request *r, unsigned queues)
{
	request_columns(r, balance_names, 3);
	request_row(r);
	put_text_value(r, bytes_str(node_name()));
	put_int_value(r, queues);
	put_int_value(r, 0);
	request_row_end(r);
}

static void
tell_balance(struct request *r, unsigned queues)
{
	json_t *rows = json_array();

	if (queues > 0)
		json_array_append_new(rows,
		    json_pack("[[s,s],[s,i],[s,i]]", balance_names[0],
			node_name(), balance_names[1], (int)queues,
			balance_names[2], 0));
	command_document(r,
	    json_pack("{s:s, s:s, s:o}", "node", node_name(), "result", "ok",
		"value", rows));
	if (queues > 0)
		balance_row(r, queues);
	request_end(r);
}

/* Nothing is to be moved: it is counted what there is. */
void
command_rebalance(struct request *r, size_t *budget)
{
	const char *type = r->words.arguments[0];
	bool quorum = strcmp(type, "classic") != 0, over;
	struct queue *q;

	if (quorum && strcmp(type, "all") != 0 && strcmp(type, "quorum") != 0) {
		request_fail(r, CODE_UNAVAILABLE,
		    "type %s is not supported. Try one of all, classic, "
		    "quorum.",
		    type);
		return;
	}
	if (!r->begun)
		request_banner(
		    r, "Re-balancing leaders of %s queues...", type);
	while ((q = next_queue(r, budget, &over)) != NULL)
		r->column_count += quorum && is_quorum(q);
	if (over)
		tell_balance(r, r->column_count);
}
