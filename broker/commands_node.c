/* commands_node.c - commands that take the broker down and up. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/listener.h"
#include "broker/log.h"
#include "broker/parameters.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"

/* --- the process -------------------------------------------------------- */

/* Ends when the socket closes, the last thing a broker does. */
static void
stop(struct request *r, const char *banner)
{
	if (r->begun)
		return;
	if (banner != NULL)
		request_banner(r, banner, node_name());
	r->until_closed = true;
	log_info(
	    "control: stop asked by user id %u, process %u", r->uid, r->pid);
	server_stop(r->server);
}

void
command_stop(struct request *r, size_t *budget)
{
	stop(r, "Stopping and halting node %s ...");
}

void
command_shutdown(struct request *r, size_t *budget)
{
	stop(r, NULL);
}

/* --- the broker in it --------------------------------------------------- */

void
command_stop_app(struct request *r, size_t *budget)
{
	if (!r->begun)
		request_banner(
		    r, "Stopping rabbit application on node %s ...", node_name());
	if (r->server->down)
		request_end(r);
	else
		server_rest(r->server);
}

void
command_start_app(struct request *r, size_t *budget)
{
	if (!r->begun)
		request_banner(r, "Starting node %s ...", node_name());
	if (r->server->stopping)
		return; /* down first */
	if (!r->server->down || server_awake(r->server))
		request_end(r);
	else
		request_fail(r, CODE_UNAVAILABLE,
		    "the broker did not start: its log tells why");
}

/* Tells when it is up. */
static void
await(struct request *r)
{
	if (!r->server->down && !r->server->stopping)
		request_end(r);
}

/* As RabbitMQ, it does not wait for somebody to call start_app. */
void
command_await_startup(struct request *r, size_t *budget)
{
	if (r->server->down)
		request_fail(r, CODE_UNAVAILABLE, "rabbit_is_not_running");
	else
		await(r);
}

void
command_wait(struct request *r, size_t *budget)
{
	await(r);
}

/* --- forgetting --------------------------------------------------------- */

static void
forget(struct request *r, const char *banner)
{
	struct server *s = r->server;

	if (!s->down) {
		request_misused(r, CODE_USAGE,
		    "Error: this command requires the 'rabbit' app to be "
		    "stopped on the target node. Stop it with 'rabbitmqctl "
		    "stop_app'.");
		return;
	}
	request_banner(r, banner, node_name());
	if (server_forget(s))
		request_end(r);
	else
		request_fail(r, CODE_UNAVAILABLE,
		    "the store in %s cannot be removed", s->dir);
}

/* Limits say what may be there, not what is: they stay. */
static bool
drop_parameter(struct vhost *v)
{
	const struct parameter *p;
	size_t at = 0;

	while ((p = parameter_each(v, &at)) != NULL)
		if (!bytes_eq(p->component, BYTES("vhost-limits"))) {
			parameter_clear(v, p->component, p->name);
			return true;
		}
	return false;
}

static bool
drop_queue(struct vhost *v)
{
	size_t at = 0;
	struct queue *q = names_each(&v->queues, &at);

	if (q != NULL)
		queue_delete(q);
	return q != NULL;
}

static bool
drop_exchange(struct vhost *v)
{
	struct exchange *x;
	size_t at = 0;

	while ((x = names_each(&v->exchanges, &at)) != NULL)
		if (!vhost_predeclares(x)) {
			vhost_delete_exchange(v, x);
			return true;
		}
	return false;
}

/* Policies first: nothing is deleted by one that was set for what is gone. */
static void
empty(struct request *r, size_t *budget)
{
	struct vhost *v;

	if (!r->begun)
		request_banner(
		    r, "Resetting vhost \"%s\" ...", command_vhost_name(r));
	if ((v = command_vhost(r)) == NULL)
		return;
	if (!r->begun)
		log_info("Resetting vhost '%s'", command_vhost_name(r));
	for (; *budget > 0; --*budget)
		if (!drop_parameter(v) && !drop_queue(v) && !drop_exchange(v)) {
			server_stored(r->server);
			request_end(r);
			return;
		}
}

void
command_reset(struct request *r, size_t *budget)
{
	if (words_option(&r->words, "vhost") == NULL)
		forget(r, "Resetting node %s ...");
	else if (r->server->down)
		command_needs_app(r);
	else
		empty(r, budget);
}

void
command_force_reset(struct request *r, size_t *budget)
{
	forget(r, "Forcefully resetting node %s ...");
}

/* --- listeners ---------------------------------------------------------- */

void
command_suspend_listeners(struct request *r, size_t *budget)
{
	struct listener *l;

	request_banner(r,
	    "Will suspend client connection listeners on node %s. The node "
	    "will no longer accept client connections!",
	    node_name());
	TAILQ_FOREACH(l, &r->server->listeners, link)
		listener_suspend(l);
	request_end(r);
}

void
command_resume_listeners(struct request *r, size_t *budget)
{
	struct listener *l;

	request_banner(r,
	    "Will resume client connection listeners on node %s. The node "
	    "will now accept client connections",
	    node_name());
	TAILQ_FOREACH(l, &r->server->listeners, link)
		if (!listener_resume(l)) {
			request_fail(r, CODE_UNAVAILABLE,
			    "cannot listen on port %u again: %s", l->port,
			    strerror(errno));
			return;
		}
	request_end(r);
}
