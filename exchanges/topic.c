/* topic.c - the binding key is a pattern of words between dots, where * is any
 * word and # any number of words.
 *
 * The patterns form a trie. A key walks it one word at a time with the set of
 * all nodes it can have reached: no node is visited twice for a word, so the
 * walk is linear in the key whatever the patterns. Invariants:
 *  1. A node without children has bindings, except the root.
 *  2. A # node has no # child: a pattern's #.# is stored as #.
 *  3. The set holds, with each node, also the # below it, which can be no word
 *     at all. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "exchanges/hash.h"
#include "exchanges/type.h"

enum { EDGES_MIN = 16 }; /* buckets; a power of two, as every size */

enum node_kind { WORD, STAR, HASH };

/* What is reached by the words from the root to here. */
struct node {
	struct node *parent;
	struct node *star;        /* the child for any word */
	struct node *hash;        /* the child for any number of words */
	size_t words;             /* how many children for one certain word */
	uint64_t step;            /* the last step whose set it was put into */
	struct binding *bindings; /* whose pattern ends here */
	enum node_kind kind;
	uint32_t word_size;
	struct node *edge_next; /* WORD: in the bucket of parent and word */
	uint64_t word_hash;
	uint8_t word[];
};

struct set {
	struct node **nodes;
	size_t count;
	size_t size;
};

/* The children for a certain word are in one hash table for the whole trie,
 * found by parent and word. */
struct trie {
	struct node *root;
	struct node **edges;
	size_t edge_count, edge_size;
	struct set now, next; /* kept between matches */
	uint64_t step;
};

/* --- words ---------------------------------------------------------------- */

struct words {
	struct bytes rest;
	bool more;
};

/* The empty key has no word, "." has two empty ones. */
static struct words
words_of(struct bytes key)
{
	return (struct words){key, key.n > 0};
}

static bool
words_next(struct words *w, struct bytes *word)
{
	const uint8_t *dot;

	if (!w->more)
		return false;
	*word = w->rest;
	dot = w->rest.n == 0 ? NULL : memchr(w->rest.p, '.', w->rest.n);
	w->more = dot != NULL;
	if (dot != NULL) {
		word->n = (size_t)(dot - word->p);
		w->rest.p += word->n + 1;
		w->rest.n -= word->n + 1;
	}
	return true;
}

/* --- edges ---------------------------------------------------------------- */

static struct node **
edge_bucket(const struct trie *t, const struct node *parent, uint64_t word_hash)
{
	uint64_t hash = hash_join(word_hash, (uintptr_t)parent);

	return &t->edges[hash & (t->edge_size - 1)];
}

static struct node *
edge_find(const struct trie *t, const struct node *parent, struct bytes word,
    uint64_t word_hash)
{
	struct node *n = *edge_bucket(t, parent, word_hash);

	while (n != NULL &&
	       (n->parent != parent ||
		   !bytes_eq((struct bytes){n->word, n->word_size}, word)))
		n = n->edge_next;
	return n;
}

static void
edge_put(struct trie *t, struct node *n)
{
	struct node **at = edge_bucket(t, n->parent, n->word_hash);

	n->edge_next = *at;
	*at = n;
}

static void
edges_resize(struct trie *t, size_t size)
{
	struct node **old = t->edges;
	size_t old_size = t->edge_size;
	struct node *next;

	t->edges = xcalloc(size, sizeof *t->edges);
	t->edge_size = size;
	for (size_t i = 0; i < old_size; i++)
		for (struct node *n = old[i]; n != NULL; n = next) {
			next = n->edge_next;
			edge_put(t, n);
		}
	free(old);
}

static void
edge_add(struct trie *t, struct node *n)
{
	if (t->edge_count == t->edge_size)
		edges_resize(t, 2 * t->edge_size);
	edge_put(t, n);
	t->edge_count++;
	n->parent->words++;
}

static void
edge_remove(struct trie *t, struct node *n)
{
	struct node **at = edge_bucket(t, n->parent, n->word_hash);

	while (*at != n)
		at = &(*at)->edge_next;
	*at = n->edge_next;
	n->parent->words--;
	t->edge_count--;
	if (t->edge_size > EDGES_MIN && t->edge_count < t->edge_size / 8)
		edges_resize(t, t->edge_size / 2);
}

/* --- nodes ---------------------------------------------------------------- */

static struct node *
node_new(struct node *parent, enum node_kind kind, struct bytes word)
{
	struct node *n = xcalloc(1, sizeof *n + word.n);

	n->parent = parent;
	n->kind = kind;
	n->word_size = (uint32_t)word.n;
	put_bytes(n->word, word);
	return n;
}

static struct node *
wildcard_child(struct node **child, struct node *parent, enum node_kind kind)
{
	if (*child == NULL)
		*child = node_new(parent, kind, (struct bytes){0});
	return *child;
}

static struct node *
word_child(struct trie *t, struct node *parent, struct bytes word)
{
	uint64_t hash = bytes_hash(word);
	struct node *n = edge_find(t, parent, word, hash);

	if (n == NULL) {
		n = node_new(parent, WORD, word);
		n->word_hash = hash;
		edge_add(t, n);
	}
	return n;
}

static struct node *
node_child(struct trie *t, struct node *parent, struct bytes word)
{
	if (bytes_eq(word, BYTES("*")))
		return wildcard_child(&parent->star, parent, STAR);
	if (!bytes_eq(word, BYTES("#")))
		return word_child(t, parent, word);
	if (parent->kind == HASH) /* invariant 2 */
		return parent;
	return wildcard_child(&parent->hash, parent, HASH);
}

static bool
node_needed(const struct node *n)
{
	return n->parent == NULL || n->bindings != NULL || n->words > 0 ||
	       n->star != NULL || n->hash != NULL;
}

static void
node_free(struct trie *t, struct node *n)
{
	if (n->kind == WORD)
		edge_remove(t, n);
	else if (n->kind == STAR)
		n->parent->star = NULL;
	else
		n->parent->hash = NULL;
	free(n);
}

/* Keeps invariant 1 when a binding has left n. */
static void
prune(struct trie *t, struct node *n)
{
	while (!node_needed(n)) {
		struct node *parent = n->parent;

		node_free(t, n);
		n = parent;
	}
}

/* --- bindings come and go ------------------------------------------------- */

static struct trie *
trie_of(struct exchange *x)
{
	struct trie *t = x->state;

	if (t == NULL) {
		x->state = t = xcalloc(1, sizeof *t);
		t->root = node_new(NULL, WORD, (struct bytes){0});
		edges_resize(t, EDGES_MIN);
	}
	return t;
}

static void
topic_add(struct binding *b)
{
	struct trie *t = trie_of(b->source);
	struct words words = words_of(b->key);
	struct node *n = t->root;
	struct bytes word;

	while (words_next(&words, &word))
		n = node_child(t, n, word);
	BINDING_LINK(n->bindings, b, type);
	b->type_data = n;
}

static void
topic_remove(struct binding *b)
{
	BINDING_UNLINK(b, type);
	prune(b->source->state, b->type_data);
}

/* --- matching ------------------------------------------------------------- */

static void
set_add(struct set *set, struct node *n)
{
	if (set->count == set->size) {
		set->size = set->size == 0 ? 16 : 2 * set->size;
		set->nodes =
		    xrealloc(set->nodes, set->size * sizeof *set->nodes);
	}
	set->nodes[set->count++] = n;
}

/* Puts n into the next set, and what invariant 3 asks for; if n is there
 * already, so is that. */
static void
enter(struct trie *t, struct node *n)
{
	for (; n != NULL && n->step != t->step; n = n->hash) {
		n->step = t->step;
		set_add(&t->next, n);
	}
}

static void
step_begin(struct trie *t)
{
	t->next.count = 0;
	t->step++;
}

static void
step_end(struct trie *t)
{
	struct set now = t->now;

	t->now = t->next;
	t->next = now;
}

/* Where the word leads from each node of the set. */
static void
step(struct trie *t, struct bytes word)
{
	uint64_t hash = bytes_hash(word);

	step_begin(t);
	for (size_t i = 0; i < t->now.count; i++) {
		struct node *n = t->now.nodes[i];

		if (n->kind == HASH)
			enter(t, n);
		if (n->words > 0)
			enter(t, edge_find(t, n, word, hash));
		enter(t, n->star);
	}
	step_end(t);
}

static size_t
report(const struct trie *t, match_fn *found, void *arg)
{
	size_t work = 0;

	for (size_t i = 0; i < t->now.count; i++)
		for (struct binding *b = t->now.nodes[i]->bindings; b != NULL;
		     b = b->type_next, work++)
			found(b, arg);
	return work;
}

static size_t
topic_match(const struct exchange *x, const struct routing *routing,
    match_fn *found, void *arg)
{
	struct trie *t = x->state;
	struct words words = words_of(routing->key);
	struct bytes word;
	size_t work = 1;

	if (t == NULL)
		return work;
	step_begin(t);
	enter(t, t->root);
	step_end(t);
	while (t->now.count > 0 && words_next(&words, &word)) {
		work += t->now.count;
		step(t, word);
	}
	return work + report(t, found, arg);
}

static void
topic_fini(struct exchange *x)
{
	struct trie *t = x->state;

	if (t == NULL)
		return;
	free(t->root);
	free(t->edges);
	free(t->now.nodes);
	free(t->next.nodes);
	free(t);
}

const struct exchange_type type_topic = {
    .name = "topic",
    .by_key_only = true,
    .add = topic_add,
    .remove = topic_remove,
    .match = topic_match,
    .fini = topic_fini,
};
