/* vhost.h - one namespace of exchanges, queues and bindings. */
#ifndef BROKER_VHOST_H
#define BROKER_VHOST_H

#include "amqp/names.h"
#include "broker/journal.h"
#include "exchanges/exchange.h"

struct channel;
struct connection;
struct lane;
struct queue;
struct server;

struct vhost {
	struct server *server;
	struct bytes name; /* own */
	struct names exchanges;
	struct names queues;
	struct exchange *default_exchange;
	unsigned connection_count;
	struct exchange **doomed; /* out of the namespace, not yet freed */
	size_t doomed_count, doomed_room;
};

/* A vhost with its predeclared exchanges. It is known to the store only by
 * vhost_store. */
struct vhost *vhost_new(struct server *, struct bytes name);
void vhost_store(struct vhost *);

/* Frees it with all its exchanges and queues, at the end. */
void vhost_free(struct vhost *);

struct exchange *vhost_exchange(const struct vhost *, struct bytes name);
struct queue *vhost_queue(const struct vhost *, struct bytes name);

/* Each of these stores what is durable (server_stored tells that, so that the
 * answer waits) and advances the topology's generation. */
struct exchange *vhost_add_exchange(struct vhost *,
    const struct exchange_type *, struct bytes name, struct bytes arguments,
    bool durable, bool auto_delete, bool internal);
void vhost_delete_exchange(struct vhost *, struct exchange *);
struct queue *vhost_add_queue(struct vhost *, struct bytes name,
    struct bytes arguments, bool durable, bool auto_delete,
    struct connection *owner);
void vhost_bind(struct vhost *, struct exchange *, struct destination *,
    struct bytes key, struct bytes arguments);

/* An auto-delete exchange goes with its last binding. */
void vhost_unbind(struct vhost *, struct binding *);

/* A lane for a priority that has none yet, stored if the queue is, in the batch
 * that is open: so with the first message that needs it, at the latest. */
struct lane *vhost_add_lane(
    struct vhost *, struct queue *, uint8_t priority);

/* The queue leaves the namespace, with all bindings to it, and the store; for
 * queue_delete. */
void vhost_remove_queue(struct vhost *, struct queue *);

/* Takes definitions back from the store at start. */
void vhost_restore_exchange(struct vhost *, const struct def_exchange *);
void vhost_restore_queue(struct vhost *, const struct def_queue *);
void vhost_restore_lane(struct vhost *, const struct def_queue_lane *);
void vhost_restore_binding(struct vhost *, const struct def_binding *);

#endif
