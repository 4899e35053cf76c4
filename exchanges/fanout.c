/* fanout.c - every binding matches. */
#include "exchanges/type.h"

static size_t
fanout_match(const struct exchange *x, const struct routing *routing,
    match_fn *found, void *arg)
{
	for (struct binding *b = x->bindings; b != NULL; b = b->from_next)
		found(b, arg);
	return x->binding_count;
}

const struct exchange_type type_fanout = {
    .name = "fanout",
    .by_key_only = true,
    .match = fanout_match,
};
