/* binding.h - (source, destination, key, arguments); equal if all four are. */
#ifndef EXCHANGES_BINDING_H
#define EXCHANGES_BINDING_H

#include "amqp/bytes.h"
#include "exchanges/chains.h"

struct destination;
struct exchange;

/* Made by exchange_bind, freed by exchange_unbind; key and arguments are its
 * own copies. */
struct binding {
	struct exchange *source;
	struct destination *destination;
	struct bytes key;
	struct bytes arguments;                 /* a table */
	struct binding *to_next, **to_prev;     /* others to the destination */
	struct binding *from_next, **from_prev; /* others from the source */
	struct chain_link identity;             /* exchange.c's own */
	struct binding *type_next, **type_prev; /* the type's own */
	union {
		void *type_data;             /* the type's own */
		struct chain_link type_link; /* the same */
	};
};

/* Puts b in front of the list that starts at head and is linked by which_next
 * and which_prev, where which is to, from or type. */
#define BINDING_LINK(head, b, which)                                           \
	do {                                                                   \
		(b)->which##_next = (head);                                    \
		(b)->which##_prev = &(head);                                   \
		if ((head) != NULL)                                            \
			(head)->which##_prev = &(b)->which##_next;             \
		(head) = (b);                                                  \
	} while (0)

/* Takes b out of that list. */
#define BINDING_UNLINK(b, which)                                               \
	do {                                                                   \
		*(b)->which##_prev = (b)->which##_next;                        \
		if ((b)->which##_next != NULL)                                 \
			(b)->which##_next->which##_prev = (b)->which##_prev;   \
	} while (0)

#endif
