/* router.h - follows exchange-to-exchange bindings and alternates, and names
 * each queue once. */
#ifndef EXCHANGES_ROUTER_H
#define EXCHANGES_ROUTER_H

#include "amqp/names.h"
#include "exchanges/exchange.h"
#include "exchanges/type.h"

/* Where one message goes. Zero-initialised is ready; kept and used again, so
 * that routing allocates nothing once it has grown. */
struct route {
	struct destination **queues; /* each once, in the order found */
	size_t count;
	size_t size;
	struct exchange **keepers; /* exchanges that keep it, each once */
	size_t keeper_count, keeper_size;
	bool held_back;         /* one of them did not let it go on */
	size_t work;            /* steps taken since route_begin */
	bool by_key_only;       /* no exchange on the way looked at more than
				 * the key, and there were no copies: the same
				 * key leads here again */
	uint64_t pass;          /* marks what this message has reached */
	struct exchange **todo; /* exchanges still to follow */
	size_t todo_count, todo_size;
};

void route_fini(struct route *);

/* Starts a new message: forgets the queues and takes a new pass number. */
void route_begin(struct route *);

/* Behind route_begin: the message is not to go to this queue. */
void route_pass_by(struct route *, struct destination *);

/* Adds every queue the exchange leads to, for the key or one of its copies, each
 * once. One call for a pass: what it has come by, another would not follow.
 *
 * A cycle of exchanges is cut. An exchange whose bindings match none of the
 * keys passes the message to its alternate, looked up in exchanges; an
 * alternate that does not exist, or is the default exchange, drops it. An
 * exchange with a matching binding to another exchange does not try its
 * alternate, even if that leads nowhere (all seen in RabbitMQ). An exchange
 * that keeps the message is named, and not followed if it holds it back. The default
 * exchange (empty name, direct) has no bindings here: queues, by name, serve
 * for it. The things in queues begin with their struct destination. */
void route(struct route *, struct exchange *, const struct routing *,
    const struct names *exchanges, const struct names *queues);

#endif
