/* type.h - one matching rule each. */
#ifndef EXCHANGES_TYPE_H
#define EXCHANGES_TYPE_H

#include "amqp/bytes.h"
#include "exchanges/exchange.h"

/* What a message is matched by. */
struct routing {
	struct bytes key;
	struct bytes headers; /* the table of the headers property, or empty */

	/* Further keys (CC and BCC). The router asks a type for one key at a
	 * time, in key; a type never looks here. */
	const struct bytes *copies;
	size_t copy_count;
};

/* Called for each binding that matches, possibly with one destination more
 * than once. */
typedef void match_fn(struct binding *, void *arg);

struct exchange_type {
	const char *name; /* as clients declare it */

	/* Whether routes depend on the routing key alone: then a channel may
	 * remember them while the topology stands. */
	bool by_key_only;

	/* Called before anything is bound; see exchange_check_binding. NULL if
	 * everything can be bound. */
	const char *(*check)(struct bytes key, struct bytes arguments);

	/* Called once for each binding when it comes and when it goes, with the
	 * exchange's state to keep in binding->source->state. The binding's
	 * type_ members are zero when it comes. Both NULL if the type needs no
	 * more than source->bindings. */
	void (*add)(struct binding *);
	void (*remove)(struct binding *);

	/* Calls found for every matching binding. Its cost does not grow with
	 * the number of bindings that do not match. Returns units of work: one
	 * for each step it took. */
	size_t (*match)(const struct exchange *, const struct routing *,
	    match_fn *found, void *arg);

	/* Frees state when all bindings have gone; may be NULL. */
	void (*fini)(struct exchange *);
};

extern const struct exchange_type type_direct;
extern const struct exchange_type type_fanout;
extern const struct exchange_type type_topic;
extern const struct exchange_type type_headers;

/* The type of that name, or NULL. */
const struct exchange_type *exchange_type_find(struct bytes name);

#endif
