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
	struct chain_link edge; /* WORD: by parent and word */
	uint32_t word_size;
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
	struct chains edges;
	struct set now, next; /* kept between matches */
	uint64_t step;
};

/* --- words --------------------------------------------------------------- */

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

/* --- edges --------------------------------------------------------------- */

static uint64_t
edge_hash(const struct node *parent, uint64_t word_hash)
{
	return hash_join(word_hash, (uintptr_t)parent);
}

static bool
edge_leads(const struct node *n, const struct node *parent, struct bytes word)
{
	return n->parent == parent &&
	       bytes_eq((struct bytes){n->word, n->word_size}, word);
}

static struct node *
edge_find(const struct trie *t, const struct node *parent, struct bytes word,
    uint64_t word_hash)
{
	struct chain_link *link =
	    chains_find(&t->edges, edge_hash(parent, word_hash));

	while (link != NULL &&
	       !edge_leads(CHAIN_THING(link, struct node, edge), parent, word))
		link = chain_next(link);
	return CHAIN_THING(link, struct node, edge);
}

/* --- nodes --------------------------------------------------------------- */

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
		chains_add(&t->edges, &n->edge, edge_hash(parent, hash));
		parent->words++;
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
	if (n->kind == STAR)
		n->parent->star = NULL;
	else if (n->kind == HASH)
		n->parent->hash = NULL;
	else {
		chains_remove(&t->edges, &n->edge);
		n->parent->words--;
	}
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

/* --- bindings come and go ------------------------------------------------ */

static struct trie *
trie_of(struct exchange *x)
{
	struct trie *t = x->state;

	if (t == NULL) {
		x->state = t = xcalloc(1, sizeof *t);
		t->root = node_new(NULL, WORD, (struct bytes){0});
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

/* --- matching ------------------------------------------------------------ */

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
	chains_fini(&t->edges);
	free(t->now.nodes);
	free(t->next.nodes);
	free(t);
}

const struct exchange_type type_topic = {
    .name = "topic",
    .by_key_only = true,
    .every_key = true,
    .add = topic_add,
    .remove = topic_remove,
    .match = topic_match,
    .fini = topic_fini,
};
