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

struct queue *
command_queue(const struct request *r)
{
	struct vhost *v =
	    server_vhost(r->server, bytes_str(command_vhost_name(r)));

	return v != NULL ? vhost_queue(v, bytes_str(r->words.arguments[0]))
			 : NULL;
}

void
command_purge_queue(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	struct queue *q;

	request_banner(r, "Purging queue '%s' in vhost '%s' ...", name,
	    command_vhost_name(r));
	q = command_queue(r);
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

	if (*name == '\0') {
		request_misused(r, CODE_DATA,
		    ARGUMENT_ERROR
		    "Bad argument: queue name cannot be an empty string");
		return;
	}
	request_banner(r, "Deleting queue '%s' on vhost '%s' %s...", name,
	    command_vhost_name(r), delete_condition(if_empty, if_unused));
	q = command_queue(r);
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
