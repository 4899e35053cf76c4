/* headers.c - the binding's arguments are headers the message must have.
 *
 * A binding becomes rules, each a set of headers that together let a message
 * through: one rule with all its headers for "all", one rule for each header
 * for "any". A rule without headers always holds; "any" of nothing is no rule
 * and never does.
 *
 * The names a rule asks for, with those of which any value will do, are its
 * shape. Given a shape, one look-up with the message's values for these names
 * finds the rules that hold, and only those. A shape waits at one of its names,
 * the one where fewest wait; a message tries the shapes that wait at the names
 * of its headers. So what a message costs is its headers, the shapes tried and
 * the rules that hold, however many others there are. Where a name comes twice,
 * in a message or a binding, the first counts. */
#include <stdlib.h>

#include "amqp/names.h"
#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "exchanges/hash.h"
#include "exchanges/type.h"
#include "exchanges/xmatch.h"

enum { RULES_MIN = 16 }; /* buckets; a power of two, as every size */

/* A name some shape asks for, and what the message at hand says to it. */
struct header {
	size_t uses;           /* by shapes */
	struct shape *waiting; /* linked by next */
	size_t waiting_count;
	uint64_t pass; /* the last match whose message had it */
	struct amqp_value value;
	uint64_t value_hash;
	struct header *next; /* in the list of those the message has */
	struct bytes name;   /* lies behind */
};

struct wish {
	struct header *header;
	bool any_value;
};

struct shape {
	struct bytes id; /* own; see write_id */
	size_t uses;     /* by rules */
	struct header *waits_at;
	struct shape *next, **prev;
	size_t count;
	struct wish wishes[]; /* by name */
};

struct rule {
	struct binding *binding;
	struct shape *shape;
	struct chain_link by_hash;  /* of shape and values */
	struct rule *sibling;       /* the binding's next rule */
	struct amqp_value values[]; /* one per wish; borrow from the binding */
};

/* The state of an exchange. */
struct headers {
	struct names names;   /* struct header */
	struct names shapes;  /* struct shape, by id */
	struct header always; /* every message has it: for rules of no wish;
			       * ends the list of those it has */
	struct chains rules;
	uint64_t pass;
};

/* --- names and shapes ---------------------------------------------------- */

/* An argument that asks for a header. */
struct pair {
	struct bytes name;
	struct amqp_value value;
};

static struct header *
header_use(struct headers *h, struct bytes name)
{
	struct header *header = names_get(&h->names, name);

	if (header == NULL) {
		header = xcalloc(1, sizeof *header + name.n);
		put_bytes((uint8_t *)(header + 1), name);
		header->name = (struct bytes){(uint8_t *)(header + 1), name.n};
		names_put(&h->names, header->name, header);
	}
	header->uses++;
	return header;
}

static void
header_unuse(struct headers *h, struct header *header)
{
	if (--header->uses > 0)
		return;
	names_take(&h->names, header->name);
	free(header);
}

static void
shape_wait(struct shape *s, struct header *header)
{
	s->waits_at = header;
	header->waiting_count++;
	s->next = header->waiting;
	s->prev = &header->waiting;
	if (s->next != NULL)
		s->next->prev = &s->next;
	header->waiting = s;
}

static void
shape_leave(struct shape *s)
{
	s->waits_at->waiting_count--;
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
}

/* The one of its names where fewest shapes wait. */
static struct header *
rarest(struct headers *h, const struct shape *s)
{
	struct header *best = s->count == 0 ? &h->always : s->wishes[0].header;

	for (size_t i = 1; i < s->count; i++)
		if (s->wishes[i].header->waiting_count < best->waiting_count)
			best = s->wishes[i].header;
	return best;
}

static struct shape *
shape_new(
    struct headers *h, struct bytes id, const struct pair *pairs, size_t count)
{
	struct shape *s = xcalloc(1, sizeof *s + count * sizeof *s->wishes);

	s->id = xbytesdup(id);
	s->count = count;
	for (size_t i = 0; i < count; i++)
		s->wishes[i] = (struct wish){
		    header_use(h, pairs[i].name), pairs[i].value.tag == 'V'};
	shape_wait(s, rarest(h, s));
	names_put(&h->shapes, s->id, s);
	return s;
}

static void
shape_unuse(struct headers *h, struct shape *s)
{
	if (--s->uses > 0)
		return;
	names_take(&h->shapes, s->id);
	shape_leave(s);
	for (size_t i = 0; i < s->count; i++)
		header_unuse(h, s->wishes[i].header);
	free((void *)s->id.p);
	free(s);
}

/* The same for the same wishes, since pairs are sorted by name. */
static void
write_id(struct writer *w, const struct pair *pairs, size_t count)
{
	writer_u32(w, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		writer_u8(w, pairs[i].value.tag == 'V');
		writer_shortstr(w, pairs[i].name);
	}
}

static struct shape *
shape_use(struct headers *h, const struct pair *pairs, size_t count)
{
	struct writer id = {0};
	struct shape *s;

	write_id(&id, pairs, count);
	s = names_get(&h->shapes, writer_view(&id));
	if (s == NULL)
		s = shape_new(h, writer_view(&id), pairs, count);
	s->uses++;
	writer_fini(&id);
	return s;
}

/* --- rules --------------------------------------------------------------- */

static uint64_t
shape_hash(const struct shape *s)
{
	return hash_join(0, (uintptr_t)s);
}

static uint64_t
rule_hash(const struct rule *rule)
{
	const struct shape *s = rule->shape;
	uint64_t hash = shape_hash(s);

	for (size_t i = 0; i < s->count; i++)
		if (!s->wishes[i].any_value)
			hash = hash_join(hash, hash_value(&rule->values[i]));
	return hash;
}

static void
rule_add(struct headers *h, struct binding *b, const struct pair *pairs,
    size_t count)
{
	struct rule *rule = xmalloc(sizeof *rule + count * sizeof pairs->value);

	rule->binding = b;
	rule->shape = shape_use(h, pairs, count);
	for (size_t i = 0; i < count; i++)
		rule->values[i] = pairs[i].value;
	chains_add(&h->rules, &rule->by_hash, rule_hash(rule));
	rule->sibling = b->type_data;
	b->type_data = rule;
}

static void
rule_remove(struct headers *h, struct rule *rule)
{
	chains_remove(&h->rules, &rule->by_hash);
	shape_unuse(h, rule->shape);
	free(rule);
}

/* --- bindings come and go ------------------------------------------------ */

/* By name, and where names are the same by place in the arguments. */
static int
pair_order(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;
	int order = bytes_cmp(a->name, b->name);

	return order != 0 ? order
			  : (a->name.p > b->name.p) - (a->name.p < b->name.p);
}

/* Keeps the first of each name. */
static size_t
drop_repeated(struct pair *pairs, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (kept == 0 || !bytes_eq(pairs[kept - 1].name, pairs[i].name))
			pairs[kept++] = pairs[i];
	return kept;
}

/* The arguments that ask for a header, sorted, each name once; the caller frees
 * them. */
static struct pair *
pairs_of(struct bytes arguments, struct xmatch how, size_t *count)
{
	struct reader r = reader_of(arguments);
	struct pair pair, *pairs = NULL;
	size_t n = 0, size = 0;

	while (amqp_table_next(&r, &pair.name, &pair.value)) {
		if (!xmatch_asks(how, pair.name))
			continue;
		if (n == size) {
			size = size == 0 ? 8 : 2 * size;
			pairs = xrealloc(pairs, size * sizeof *pairs);
		}
		pairs[n++] = pair;
	}
	if (n > 1)
		qsort(pairs, n, sizeof *pairs, pair_order);
	*count = drop_repeated(pairs, n);
	return pairs;
}

static struct headers *
state_of(struct exchange *x)
{
	struct headers *h = x->state;

	if (h == NULL) {
		x->state = h = xcalloc(1, sizeof *h);
		names_init(&h->names);
		names_init(&h->shapes);
	}
	return h;
}

static void
headers_add(struct binding *b)
{
	struct headers *h = state_of(b->source);
	struct xmatch how = xmatch_of(b->arguments);
	size_t count;
	struct pair *pairs = pairs_of(b->arguments, how, &count);

	if (!how.any)
		rule_add(h, b, pairs, count);
	else
		for (size_t i = 0; i < count; i++)
			rule_add(h, b, &pairs[i], 1);
	free(pairs);
}

static void
headers_remove(struct binding *b)
{
	struct headers *h = b->source->state;
	struct rule *next;

	for (struct rule *rule = b->type_data; rule != NULL; rule = next) {
		next = rule->sibling;
		rule_remove(h, rule);
	}
}

/* --- matching ------------------------------------------------------------ */

/* Notes the message's value for each name that matters, and lists them. */
static struct header *
read_headers(struct headers *h, struct bytes table, size_t *work)
{
	struct reader r = reader_of(table);
	struct bytes name;
	struct amqp_value value;
	struct header *list = &h->always, *header;

	for (h->pass++; amqp_table_next(&r, &name, &value); (*work)++) {
		header = names_get(&h->names, name);
		if (header == NULL || header->pass == h->pass)
			continue;
		header->pass = h->pass;
		header->value = value;
		header->value_hash = hash_value(&value);
		header->next = list;
		list = header;
	}
	return list;
}

/* Does the message have all the names? *hash becomes what its values make of
 * the shape. */
static bool
shape_present(const struct headers *h, const struct shape *s, uint64_t *hash)
{
	*hash = shape_hash(s);
	for (size_t i = 0; i < s->count; i++) {
		const struct header *header = s->wishes[i].header;

		if (header->pass != h->pass)
			return false;
		if (!s->wishes[i].any_value)
			*hash = hash_join(*hash, header->value_hash);
	}
	return true;
}

static bool
rule_holds(const struct rule *rule, const struct shape *s)
{
	if (rule->shape != s)
		return false;
	for (size_t i = 0; i < s->count; i++)
		if (!s->wishes[i].any_value &&
		    !amqp_value_alike(
			&rule->values[i], &s->wishes[i].header->value))
			return false;
	return true;
}

static size_t
shape_match(
    const struct headers *h, const struct shape *s, match_fn *found, void *arg)
{
	uint64_t hash;
	size_t work = 1;

	if (!shape_present(h, s, &hash))
		return work;
	for (struct chain_link *link = chains_find(&h->rules, hash);
	     link != NULL; link = chain_next(link), work++) {
		struct rule *rule = CHAIN_THING(link, struct rule, by_hash);

		if (rule_holds(rule, s))
			found(rule->binding, arg);
	}
	return work;
}

static size_t
headers_match(const struct exchange *x, const struct routing *routing,
    match_fn *found, void *arg)
{
	struct headers *h = x->state;
	size_t work = 1;

	if (h == NULL)
		return work;
	for (struct header *header = read_headers(h, routing->headers, &work);
	     header != NULL; header = header->next)
		for (struct shape *s = header->waiting; s != NULL; s = s->next)
			work += shape_match(h, s, found, arg);
	return work;
}

static void
headers_fini(struct exchange *x)
{
	struct headers *h = x->state;

	if (h == NULL)
		return;
	names_fini(&h->names);
	names_fini(&h->shapes);
	chains_fini(&h->rules);
	free(h);
}

const struct exchange_type type_headers = {
    .name = "headers",
    .check = xmatch_check,
    .add = headers_add,
    .remove = headers_remove,
    .match = headers_match,
    .fini = headers_fini,
};
