/* type.h - one matching rule each. */
#ifndef EXCHANGES_TYPE_H
#define EXCHANGES_TYPE_H

#include "amqp/bytes.h"
#include "amqp/props.h"
#include "exchanges/exchange.h"

/* What a message is matched by. */
struct routing {
	struct bytes key;
	struct bytes headers; /* the table of the headers property, or empty */

	/* Further keys (CC and BCC). The router asks a type that matches every
	 * key for one at a time, in key; a type never looks here. */
	const struct bytes *copies;
	size_t copy_count;

	const struct amqp_props *props; /* the others, or NULL */
};

/* Called for each binding that matches, possibly with one destination more
 * than once. */
typedef void match_fn(struct binding *, void *arg);

/* What an exchange does with a message itself. Those it keeps are with the
 * broker, see broker/. */
enum keeping {
	KEEP_NOT,
	KEEP_TOO,  /* it goes on all the same */
	KEEP_BACK, /* it goes on some other time, if ever */
};

struct exchange_type {
	const char *name; /* as clients declare it */

	/* NULL if an exchange of this type can have these arguments; otherwise
	 * a sentence for 406 PRECONDITION_FAILED in RabbitMQ's words. NULL if
	 * they do not matter. */
	const char *(*check_arguments)(struct bytes arguments);

	/* The argument with the name of another type: its rule is followed, and
	 * there is none here. NULL if this type has one of its own. */
	const char *rule_argument;

	/* Asked once for each message that comes by; NULL for types that keep
	 * nothing. */
	enum keeping (*keeps)(const struct exchange *, const struct routing *);

	/* Whether routes depend on the routing key alone: then a channel may
	 * remember them while the topology stands. */
	bool by_key_only;

	/* Whether each of a message's keys is looked at: else the first stands
	 * for all. */
	bool every_key;

	/* Whether nothing but classic queues can be bound to it. */
	bool classic_only;

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
extern const struct exchange_type type_delayed;
extern const struct exchange_type type_consistent_hash;
extern const struct exchange_type type_modulus_hash;
extern const struct exchange_type type_random;
extern const struct exchange_type type_local_random;
extern const struct exchange_type type_recent_history;

/* The type of that name, or NULL. */
const struct exchange_type *exchange_type_find(struct bytes name);

/* The type whose rule an exchange of these arguments follows: the type itself,
 * or the one that its rule_argument names; NULL if that is none. */
const struct exchange_type *exchange_type_rule(
    const struct exchange_type *, struct bytes arguments);

#endif
