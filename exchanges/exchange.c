/* exchange.c - a named set of bindings, and finding each by its identity. */
#include "exchanges/exchange.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "exchanges/hash.h"
#include "exchanges/type.h"

enum { INDEX_MIN = 8 }; /* buckets; a power of two, as every size */

struct exchange *
exchange_new(
    const struct exchange_type *type, struct bytes name, struct bytes arguments)
{
	struct exchange *x = xcalloc(1, sizeof *x);
	struct amqp_value value;

	x->destination.kind = TO_EXCHANGE;
	x->destination.name = xbytesdup(name);
	x->type = type;
	x->arguments = xbytesdup(arguments);
	if (amqp_table_get(arguments, BYTES("alternate-exchange"), &value) &&
	    value.tag == 'S')
		x->alternate = xbytesdup(value.bytes);
	return x;
}

void
exchange_free(struct exchange *x)
{
	assert(x->bindings == NULL && x->destination.bindings == NULL);
	if (x->type->fini != NULL)
		x->type->fini(x);
	free(x->index);
	free((void *)x->destination.name.p);
	free((void *)x->arguments.p);
	free((void *)x->alternate.p);
	free(x);
}

const char *
exchange_check_binding(
    const struct exchange *x, struct bytes key, struct bytes arguments)
{
	return x->type->check == NULL ? NULL : x->type->check(key, arguments);
}

/* --- identity ----------------------------------------------------------- */

static uint64_t
identity_hash(
    const struct destination *to, struct bytes key, struct bytes arguments)
{
	uint64_t hash = hash_join(bytes_hash(key), (uintptr_t)to);

	return hash_join(hash, hash_table(arguments));
}

static struct binding **
bucket(const struct exchange *x, uint64_t hash)
{
	return &x->index[hash & (x->index_size - 1)];
}

static struct binding **
bucket_of(const struct exchange *x, const struct binding *b)
{
	return bucket(x, identity_hash(b->destination, b->key, b->arguments));
}

static void
index_put(struct exchange *x, struct binding *b)
{
	struct binding **at = bucket_of(x, b);

	b->hash_next = *at;
	*at = b;
}

static void
index_resize(struct exchange *x, size_t size)
{
	x->index = xrealloc(x->index, size * sizeof *x->index);
	memset(x->index, 0, size * sizeof *x->index);
	x->index_size = size;
	for (struct binding *b = x->bindings; b != NULL; b = b->from_next)
		index_put(x, b);
}

static void
index_take(struct exchange *x, struct binding *b)
{
	struct binding **at = bucket_of(x, b);

	while (*at != b)
		at = &(*at)->hash_next;
	*at = b->hash_next;
}

struct binding *
exchange_find_binding(const struct exchange *x, const struct destination *to,
    struct bytes key, struct bytes arguments)
{
	struct binding *b;

	if (x->index_size == 0)
		return NULL;
	b = *bucket(x, identity_hash(to, key, arguments));
	while (b != NULL && (b->destination != to || !bytes_eq(b->key, key) ||
				!amqp_table_equal(b->arguments, arguments)))
		b = b->hash_next;
	return b;
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

	if (x->binding_count == x->index_size)
		index_resize(
		    x, x->index_size == 0 ? INDEX_MIN : 2 * x->index_size);
	index_put(x, b);
	BINDING_LINK(x->bindings, b, from);
	BINDING_LINK(to->bindings, b, to);
	x->binding_count++;
	x->was_bound = true;
	if (x->type->add != NULL)
		x->type->add(b);
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

	if (x->type->remove != NULL)
		x->type->remove(b);
	BINDING_UNLINK(b, to);
	BINDING_UNLINK(b, from);
	index_take(x, b);
	x->binding_count--;
	free(b);
	if (x->index_size > INDEX_MIN && x->binding_count < x->index_size / 8)
		index_resize(x, x->index_size / 2);
}
