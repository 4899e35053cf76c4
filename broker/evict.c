/* evict.c - connections whose user or vhost has gone are closed, in slices. */
#include "broker/evict.h"

#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/auth.h"
#include "broker/connection.h"
#include "broker/log.h"
#include "broker/server.h"

static bool
is_meant(const struct connection *c, const struct eviction *e)
{
	return e->user != NULL ? c->user == e->user : c->vhost == e->vhost;
}

/* Connections stand in order of their ids; one that is closed may leave the list
 * at once. */
bool
evict_some(struct server *s, struct eviction *e, size_t *budget)
{
	struct connection *c, *next;

	for (c = TAILQ_FIRST(&s->connections); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->id <= e->told)
			continue;
		if (*budget == 0)
			return false;
		--*budget;
		e->told = c->id;
		if (!is_meant(c, e))
			continue;
		connection_force(c, e->reason);
		*budget -= *budget < EVICT_UNITS ? *budget : EVICT_UNITS;
	}
	return true;
}

/* --- users ------------------------------------------------------------------------- */

struct leaving {
	struct job job;
	struct server *server;
	struct user *user; /* a reference */
	struct eviction eviction;
};

static bool
leave(struct job *job, size_t *budget)
{
	struct leaving *l = (struct leaving *)job;

	if (!evict_some(l->server, &l->eviction, budget))
		return false;
	user_unref(l->user);
	free(l->eviction.reason);
	free(l);
	return true;
}

void
evict_user(struct server *s, struct user *user)
{
	struct leaving *l = xcalloc(1, sizeof *l);

	l->job.step = leave;
	l->server = s;
	l->user = user;
	user->refs++;
	l->eviction.user = user;
	l->eviction.reason =
	    xasprintf("user '%s' is deleted", log_safe(user->name));
	server_add_job(s, &l->job, NULL);
}
