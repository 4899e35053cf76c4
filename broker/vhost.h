/* vhost.h - one namespace of exchanges, queues and bindings. */
#ifndef BROKER_VHOST_H
#define BROKER_VHOST_H

#include "amqp/names.h"
#include "broker/journal.h"
#include "exchanges/exchange.h"

struct channel;
struct connection;
struct policy;
struct lane;
struct queue;
struct server;

/* What operators say of it. */
struct vhost_metadata {
	struct bytes description, tags; /* tags joined by commas */
	struct bytes default_queue_type; /* empty: classic */
};

/* Life of a vhost: vhost_new gives it its name and one reference, each of its
 * queues holds another. vhost_delete takes the name away at once and the rest in
 * slices; it is freed with the last reference. */
struct vhost {
	struct server *server;
	struct bytes name; /* own */
	unsigned refs;
	bool deleted; /* out of the store: nothing of it is told any more */
	struct vhost_metadata metadata; /* own */
	struct names parameters;
	struct policy *policies;   /* policy.c's own, the first to ask first */
	uint64_t policies_changed; /* counts that */
	bool applying;		   /* a job tells queues and exchanges of it */
	struct hurry *hurry;	   /* overdue.c's own, while it runs */
	int64_t max_connections, max_queues; /* -1: no limit */
	struct names exchanges;
	struct names queues;
	struct exchange *default_exchange;
	unsigned connection_count;
	bool traced; /* see trace.h */
	struct exchange **doomed; /* out of the namespace, not yet freed */
	size_t doomed_count, doomed_room;
};

/* A vhost with its predeclared exchanges. It is known to the store only by
 * vhost_describe. */
struct vhost *vhost_new(struct server *, struct bytes name);

/* A new one, with that said of it and what the settings give to new ones. */
struct vhost *vhost_make(
    struct server *, struct bytes name, const struct vhost_metadata *);

/* Copies what is said of it, and stores it. */
void vhost_describe(struct vhost *, const struct vhost_metadata *);

/* Its name is free at once and the store forgets all of it; its connections are
 * closed with 320 "vhost 'x' is deleted", queues and exchanges go in slices. */
void vhost_delete(struct vhost *);

/* Frees it with all its exchanges and queues, at the end. */
void vhost_free(struct vhost *);

void vhost_unref(struct vhost *);

struct exchange *vhost_exchange(const struct vhost *, struct bytes name);
struct queue *vhost_queue(const struct vhost *, struct bytes name);

/* The type of an exchange that every vhost has, by its name; NULL if there is no
 * such. */
const struct exchange_type *vhost_predeclared(struct bytes name);

/* Each of these stores what is durable (server_stored tells that, so that the
 * answer waits) and advances the topology's generation. */
struct exchange *vhost_add_exchange(struct vhost *,
    const struct exchange_type *, struct bytes name, struct bytes arguments,
    bool durable, bool auto_delete, bool internal);
void vhost_delete_exchange(struct vhost *, struct exchange *);
struct queue *vhost_add_queue(struct vhost *, struct bytes name,
    struct bytes arguments, bool durable, bool auto_delete,
    struct connection *owner);
/* True if there was no such binding. */
bool vhost_bind(struct vhost *, struct exchange *, struct destination *,
    struct bytes key, struct bytes arguments);

/* An auto-delete exchange goes with its last binding. */
void vhost_unbind(struct vhost *, struct binding *);

/* A lane for a priority that has none yet, or LANE_DEAD, stored if the queue is,
 * in the batch that is open: so with the first message that needs it, at the
 * latest. */
struct lane *vhost_add_lane(struct vhost *, struct queue *, int priority);

/* Has every vhost such an exchange from the beginning? */
bool vhost_predeclares(const struct exchange *);

/* The queue leaves the namespace, with all bindings to it, and the store; for
 * queue_delete. */
void vhost_remove_queue(struct vhost *, struct queue *);

/* Takes definitions back from the store at start. */
void vhost_restore(struct server *, const struct def_vhost *);
void vhost_restore_exchange(struct vhost *, const struct def_exchange *);
void vhost_restore_queue(struct vhost *, const struct def_queue *);
void vhost_restore_lane(struct vhost *, const struct def_queue_lane *);
void vhost_restore_binding(struct vhost *, const struct def_binding *);

#endif
