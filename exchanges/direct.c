/* direct.c - the binding key is the routing key. */
#include <stdlib.h>

#include "amqp/names.h"
#include "amqp/xalloc.h"
#include "exchanges/type.h"

/* The state is a table from key to the first binding of that key, which needs
 * no memory beyond the bindings. The others hang from the first by type_next;
 * the first is the one without a type_prev. */

static struct names *
keys_of(struct exchange *x)
{
	if (x->state == NULL) {
		x->state = xmalloc(sizeof(struct names));
		names_init(x->state);
	}
	return x->state;
}

static void
direct_add(struct binding *b)
{
	struct names *keys = keys_of(b->source);
	struct binding *first = names_get(keys, b->key);

	if (first != NULL) {
		BINDING_LINK(first->type_next, b, type);
		return;
	}
	b->type_next = NULL;
	b->type_prev = NULL;
	names_put(keys, b->key, b);
}

static void
direct_remove(struct binding *b)
{
	struct names *keys = b->source->state;
	struct binding *second = b->type_next;

	if (b->type_prev != NULL) {
		BINDING_UNLINK(b, type);
		return;
	}
	if (second == NULL) {
		names_take(keys, b->key);
		return;
	}
	second->type_prev = NULL;
	names_put(keys, second->key, second); /* in place of b */
}

static size_t
direct_match(const struct exchange *x, const struct routing *routing,
    match_fn *found, void *arg)
{
	const struct names *keys = x->state;
	size_t work = 1;

	if (keys == NULL)
		return work;
	for (struct binding *b = names_get(keys, routing->key); b != NULL;
	     b = b->type_next, work++)
		found(b, arg);
	return work;
}

static void
direct_fini(struct exchange *x)
{
	if (x->state != NULL)
		names_fini(x->state);
	free(x->state);
}

const struct exchange_type type_direct = {
    .name = "direct",
    .by_key_only = true,
    .add = direct_add,
    .remove = direct_remove,
    .match = direct_match,
    .fini = direct_fini,
};
