/* direct.c - the binding key is the routing key. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "exchanges/type.h"

/* The state is a table of the first binding of each key, so that nothing is
 * allocated beyond the bindings. The others of the key hang from the first by
 * type_next; the first is the one without a type_prev. */

static struct binding *
first_of(const struct chains *keys, struct bytes key)
{
	struct chain_link *link = chains_find(keys, bytes_hash(key));
	struct binding *b = CHAIN_THING(link, struct binding, type_link);

	while (b != NULL && !bytes_eq(b->key, key)) {
		link = chain_next(link);
		b = CHAIN_THING(link, struct binding, type_link);
	}
	return b;
}

static void
direct_add(struct binding *b)
{
	struct exchange *x = b->source;
	struct binding *first;

	if (x->state == NULL)
		x->state = xcalloc(1, sizeof(struct chains));
	first = first_of(x->state, b->key);
	if (first != NULL)
		BINDING_LINK(first->type_next, b, type);
	else
		chains_add(x->state, &b->type_link, bytes_hash(b->key));
}

static void
direct_remove(struct binding *b)
{
	struct chains *keys = b->source->state;
	struct binding *second = b->type_next;

	if (b->type_prev != NULL) {
		BINDING_UNLINK(b, type);
		return;
	}
	chains_remove(keys, &b->type_link);
	if (second != NULL) {
		second->type_prev = NULL;
		chains_add(keys, &second->type_link, b->type_link.hash);
	}
}

static size_t
direct_match(const struct exchange *x, const struct routing *routing,
    match_fn *found, void *arg)
{
	size_t work = 1;

	if (x->state == NULL)
		return work;
	for (struct binding *b = first_of(x->state, routing->key); b != NULL;
	     b = b->type_next, work++)
		found(b, arg);
	return work;
}

static void
direct_fini(struct exchange *x)
{
	if (x->state != NULL)
		chains_fini(x->state);
	free(x->state);
}

const struct exchange_type type_direct = {
    .name = "direct",
    .by_key_only = true,
    .every_key = true,
    .add = direct_add,
    .remove = direct_remove,
    .match = direct_match,
    .fini = direct_fini,
};
