/* exchange.c - a named set of bindings, and finding each by its identity. */
#include "exchanges/exchange.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "exchanges/hash.h"
#include "exchanges/type.h"

struct exchange *
exchange_new(
    const struct exchange_type *type, struct bytes name, struct bytes arguments)
{
	struct exchange *x = xcalloc(1, sizeof *x);
	struct amqp_value value;

	x->destination.kind = TO_EXCHANGE;
	x->destination.name = xbytesdup(name);
	x->type = type;
	x->rule = exchange_type_rule(type, arguments);
	assert(x->rule != NULL);
	x->arguments = xbytesdup(arguments);
	if (amqp_table_get(arguments, BYTES("alternate-exchange"), &value) &&
	    value.tag == 'S') {
		x->alternate = xbytesdup(value.bytes);
		x->own_alternate = true;
	}
	return x;
}

void
exchange_suggest_alternate(struct exchange *x, struct bytes name)
{
	if (x->own_alternate)
		return;
	free((void *)x->alternate.p);
	x->alternate = name.p != NULL ? xbytesdup(name) : (struct bytes){0};
}

void
exchange_free(struct exchange *x)
{
	assert(x->bindings == NULL && x->destination.bindings == NULL);
	if (x->rule->fini != NULL)
		x->rule->fini(x);
	chains_fini(&x->identities);
	free((void *)x->destination.name.p);
	free((void *)x->arguments.p);
	free((void *)x->alternate.p);
	free(x);
}

const char *
exchange_check_binding(
    const struct exchange *x, struct bytes key, struct bytes arguments)
{
	return x->rule->check == NULL ? NULL : x->rule->check(key, arguments);
}

/* --- identity ------------------------------------------------------------ */

static uint64_t
identity_hash(
    const struct destination *to, struct bytes key, struct bytes arguments)
{
	uint64_t hash = hash_join(bytes_hash(key), (uintptr_t)to);

	return hash_join(hash, hash_table(arguments));
}

static bool
identical(const struct binding *b, const struct destination *to,
    struct bytes key, struct bytes arguments)
{
	return b->destination == to && bytes_eq(b->key, key) &&
	       amqp_table_equal(b->arguments, arguments);
}

struct binding *
exchange_find_binding(const struct exchange *x, const struct destination *to,
    struct bytes key, struct bytes arguments)
{
	uint64_t hash = identity_hash(to, key, arguments);
	struct chain_link *link = chains_find(&x->identities, hash);

	while (link != NULL &&
	       !identical(CHAIN_THING(link, struct binding, identity), to, key,
		   arguments))
		link = chain_next(link);
	return CHAIN_THING(link, struct binding, identity);
}

/* --- bindings come and go ------------------------------------------------ */

/* One allocation holds the binding, its key and its arguments. */
static struct binding *
binding_new(struct exchange *source, struct destination *to, struct bytes key,
    struct bytes arguments)
{
	struct binding *b = xmalloc(sizeof *b + key.n + arguments.n);
	uint8_t *copies = (uint8_t *)(b + 1);

	*b = (struct binding){.source = source, .destination = to};
	b->key = (struct bytes){copies, key.n};
	b->arguments = (struct bytes){copies + key.n, arguments.n};
	put_bytes(put_bytes(copies, key), arguments);
	return b;
}

static struct binding *
binding_add(struct exchange *x, struct destination *to, struct bytes key,
    struct bytes arguments)
{
	struct binding *b = binding_new(x, to, key, arguments);

	chains_add(
	    &x->identities, &b->identity, identity_hash(to, key, arguments));
	BINDING_LINK(x->bindings, b, from);
	BINDING_LINK(to->bindings, b, to);
	x->binding_count++;
	x->was_bound = true;
	if (x->rule->add != NULL)
		x->rule->add(b);
	return b;
}

struct binding *
exchange_bind(struct exchange *x, struct destination *to, struct bytes key,
    struct bytes arguments, bool *added)
{
	struct binding *b = exchange_find_binding(x, to, key, arguments);

	if (added != NULL)
		*added = b == NULL;
	return b != NULL ? b : binding_add(x, to, key, arguments);
}

void
exchange_unbind(struct binding *b)
{
	struct exchange *x = b->source;

	if (x->rule->remove != NULL)
		x->rule->remove(b);
	BINDING_UNLINK(b, to);
	BINDING_UNLINK(b, from);
	chains_remove(&x->identities, &b->identity);
	x->binding_count--;
	free(b);
}
