/* exchange.h - a named set of bindings of one type. */
#ifndef EXCHANGES_EXCHANGE_H
#define EXCHANGES_EXCHANGE_H

#include "amqp/bytes.h"
#include "exchanges/binding.h"
#include "exchanges/destination.h"

struct exchange_type;

struct exchange {
	struct destination destination; /* its name is this exchange's own */
	const struct exchange_type *type;
	const struct exchange_type *rule; /* whose functions match: the type, or
					   * another one that it names */
	struct bytes arguments; /* a table, this exchange's own */
	struct bytes alternate; /* name of the alternate exchange, own; p is
				 * NULL when there is none */
	bool own_alternate;	/* its arguments name it */
	bool durable;
	bool auto_delete;
	bool internal;
	bool was_bound; /* had a binding from it once: auto-delete waits for
			 * that (RabbitMQ) */
	struct binding *bindings; /* from it, linked by from_next */
	size_t binding_count;
	struct chains identities; /* exchange.c's own: bindings by identity */
	void *state;		  /* the type's own */
	uint64_t visited; /* router.c's own: the last pass that came by */
	uint64_t policies_seen; /* the broker's own: when they were asked */
	void *kept;	  /* the broker's own: what it keeps, if it keeps */
};

/* Copies name and arguments, which the type must have found right. A longstr
 * argument alternate-exchange becomes the alternate. */
struct exchange *exchange_new(const struct exchange_type *, struct bytes name,
    struct bytes arguments);

/* The alternate for an exchange whose arguments name none; p NULL: none. */
void exchange_suggest_alternate(struct exchange *, struct bytes name);

/* Its bindings, from it and to it, must be gone. */
void exchange_free(struct exchange *);

/* NULL if these key and arguments can be bound to this type; otherwise a
 * static buffer's sentence for 406 PRECONDITION_FAILED in RabbitMQ's words, good
 * until the next call. */
const char *exchange_check_binding(
    const struct exchange *, struct bytes key, struct bytes arguments);

/* The binding of that identity, or NULL. */
struct binding *exchange_find_binding(const struct exchange *,
    const struct destination *, struct bytes key, struct bytes arguments);

/* Adds a binding and returns it, or returns the one that is there already.
 * *added tells which, and may be NULL. The arguments must have passed
 * exchange_check_binding. */
struct binding *exchange_bind(struct exchange *, struct destination *,
    struct bytes key, struct bytes arguments, bool *added);

/* Takes the binding out of its source and its destination and frees it. Its
 * cost does not depend on how many others there are. */
void exchange_unbind(struct binding *);

#endif
