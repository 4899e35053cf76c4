/* evict.h - connections whose user or vhost has gone are closed, in slices. */
#ifndef BROKER_EVICT_H
#define BROKER_EVICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;
struct user;
struct vhost;

enum { EVICT_UNITS = 64 }; /* of a turn's budget, for closing one connection */

/* A walk through all connections; zero but for whose they are, of a user or of a
 * vhost, and what they are told. */
struct eviction {
	const struct user *user;
	const struct vhost *vhost;
	char *reason; /* the caller's */
	uint32_t told; /* those with ids up to it were looked at */
};

/* Closes some of them with 320 and the reason. True when none is left; there will
 * be no more, if nobody can log in or open the vhost any more. */
bool evict_some(struct server *, struct eviction *, size_t *budget);

/* Does so in a job, for a user who was removed. Takes a reference. */
void evict_user(struct server *, struct user *);

#endif
