/* commands_act.c - commands that change queues and connections. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/commands.h"
#include "broker/connection.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"

/* --- queues ------------------------------------------------------------ */

void
command_purge_queue(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	struct vhost *v;
	struct queue *q;

	request_banner(r, "Purging queue '%s' in vhost '%s' ...", name,
	    command_vhost_name(r));
	if ((v = command_vhost(r)) == NULL)
		return;
	if ((q = vhost_queue(v, bytes_str(name))) == NULL) {
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
	struct vhost *v;
	struct queue *q;

	request_banner(r, "Deleting queue '%s' on vhost '%s' %s...", name,
	    command_vhost_name(r), delete_condition(if_empty, if_unused));
	if ((v = command_vhost(r)) == NULL)
		return;
	q = vhost_queue(v, bytes_str(name));
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

/* --- connections ------------------------------------------------------- */

/* By the number in "<0.7.0>", or by its name. */
static struct connection *
find_connection(const struct server *s, const char *word)
{
	struct connection *c;
	unsigned id = 0;

	sscanf(word, "<0.%u.0>", &id);
	TAILQ_FOREACH(c, &s->connections, link)
	if (c->id == id || (c->name != NULL && strcmp(c->name, word) == 0))
		return c;
	return NULL;
}

void
command_close_connection(struct request *r, size_t *budget)
{
	const char *word = r->words.arguments[0];
	const char *reason = r->words.arguments[1];
	struct connection *c = find_connection(r->server, word);

	request_banner(r, "Closing connection %s, reason: %s...", word, reason);
	if (c == NULL) {
		request_fail(
		    r, CODE_UNAVAILABLE, "there is no connection %s", word);
		return;
	}
	connection_force(c, reason);
	request_end(r);
}
