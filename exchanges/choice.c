/* choice.c - one of the bindings gets a message: by its key's hash, or by
 * chance. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/reply.h"
#include "amqp/xalloc.h"
#include "exchanges/circle.h"
#include "exchanges/hash.h"
#include "exchanges/type.h"

/* By what a binding is, so that all have the same order after a restart. */
static uint64_t
place_of(const struct binding *b)
{
	uint64_t hash = hash_stable(b->destination->name);

	hash = hash_join(hash, (uint64_t)b->destination->kind);
	hash = hash_join(hash, hash_stable(b->key));
	return hash_join(hash, hash_stable(b->arguments));
}

static void
choice_add(struct binding *b)
{
	if (b->source->state == NULL)
		b->source->state = xcalloc(1, sizeof(struct circle));
	circle_add(b->source->state, place_of(b), b);
}

static void
choice_remove(struct binding *b)
{
	circle_remove(b->source->state, b);
}

static void
choice_fini(struct exchange *x)
{
	if (x->state != NULL)
		circle_fini(x->state);
	free(x->state);
}

static size_t
choose(const struct exchange *x, uint64_t hash, match_fn *found, void *arg)
{
	if (x->binding_count > 0)
		found(circle_nth(x->state, hash % x->binding_count), arg);
	return 1;
}

static size_t
modulus_match(const struct exchange *x, const struct routing *routing,
    match_fn *found, void *arg)
{
	return choose(x, hash_stable(routing->key), found, arg);
}

static size_t
random_match(const struct exchange *x, const struct routing *routing,
    match_fn *found, void *arg)
{
	static uint64_t state;

	if (state == 0) /* the process's own seed */
		state = bytes_hash(BYTES("x-random"));
	state += 0x9e3779b97f4a7c15;
	return choose(x, hash_spread(state), found, arg);
}

const struct exchange_type type_modulus_hash = {
    .name = "x-modulus-hash",
    .by_key_only = true,
    .add = choice_add,
    .remove = choice_remove,
    .match = modulus_match,
    .fini = choice_fini,
};

const struct exchange_type type_random = {
    .name = "x-random",
    .add = choice_add,
    .remove = choice_remove,
    .match = random_match,
    .fini = choice_fini,
};

/* --- on this node -------------------------------------------------------- */

static const char *
local_check(struct bytes key, struct bytes arguments)
{
	static char text[560];

	if (key.n == 0)
		return NULL;
	snprintf(text, sizeof text,
	    "Non-empty binding '%s' key not permitted", amqp_reply_word(key));
	return text;
}

/* There is but one. */
const struct exchange_type type_local_random = {
    .name = "x-local-random",
    .check = local_check,
    .classic_only = true,
    .add = choice_add,
    .remove = choice_remove,
    .match = random_match,
    .fini = choice_fini,
};
