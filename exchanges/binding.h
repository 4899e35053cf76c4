/* binding.h - (source, destination, key, arguments), equal when all four are. */
#ifndef EXCHANGES_BINDING_H
#define EXCHANGES_BINDING_H

#include "amqp/bytes.h"

struct destination;
struct exchange;

/* Made by exchange_bind, freed by exchange_unbind; key and arguments are its
 * own copies. */
struct binding {
	struct exchange *source;
	struct destination *destination;
	struct bytes key;
	struct bytes arguments; /* a table */
	struct binding *to_next, **to_prev;	/* others to the destination */
	struct binding *from_next, **from_prev; /* others from the source */
	struct binding *hash_next;		/* exchange.c's own */
	struct binding *type_next, **type_prev; /* the type's own */
	void *type_data;			/* the type's own */
};

#endif
