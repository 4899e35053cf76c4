/* ledger.c - what a channel has delivered and not yet seen acknowledged. */
#include "broker/ledger.h"

#include <assert.h>

#include "amqp/xalloc.h"

enum { CHUNKS_MIN = 4 };

struct ledger_chunk {
	unsigned count; /* not yet settled */
	struct delivery slots[LEDGER_CHUNK];
};

void
ledger_init(struct ledger *l)
{
	*l = (struct ledger){.base = 1, .next = 1};
}

static struct ledger_chunk **
chunk_at(const struct ledger *l, size_t i)
{
	return &l->chunks[(l->chunk_first + i) & (l->chunk_room - 1)];
}

static struct ledger_chunk **
chunk_of(const struct ledger *l, uint64_t tag)
{
	return chunk_at(l, (tag - l->base) / LEDGER_CHUNK);
}

/* In a chunk that is there. */
static struct delivery *
slot(const struct ledger *l, uint64_t tag)
{
	return &(*chunk_of(l, tag))->slots[(tag - l->base) % LEDGER_CHUNK];
}

void
ledger_fini(struct ledger *l)
{
	assert(l->count == 0);
	for (size_t i = 0; i < l->chunk_count; i++)
		free(*chunk_at(l, i));
	free(l->chunks);
	l->chunks = NULL;
	l->chunk_count = l->chunk_room = 0;
}

static void
grow(struct ledger *l)
{
	size_t room = l->chunk_room ? l->chunk_room * 2 : CHUNKS_MIN;
	struct ledger_chunk **chunks = xmalloc(room * sizeof *chunks);

	for (size_t i = 0; i < l->chunk_count; i++)
		chunks[i] = *chunk_at(l, i);
	free(l->chunks);
	l->chunks = chunks;
	l->chunk_room = room;
	l->chunk_first = 0;
}

/* Frees it if nothing is left in it. */
static void
drop_settled(struct ledger_chunk **c)
{
	if (*c == NULL || (*c)->count > 0)
		return;
	free(*c);
	*c = NULL;
}

static void
add_chunk(struct ledger *l)
{
	if (l->chunk_count > 0)
		drop_settled(chunk_at(l, l->chunk_count - 1));
	if (l->chunk_count == l->chunk_room)
		grow(l);
	*chunk_at(l, l->chunk_count++) = xcalloc(1, sizeof(struct ledger_chunk));
}

static void
drop_first(struct ledger *l)
{
	free(*chunk_at(l, 0));
	l->chunk_first = (l->chunk_first + 1) & (l->chunk_room - 1);
	l->chunk_count--;
	l->base += LEDGER_CHUNK;
}

/* Chunks all of whose deliveries are settled go from the front. The last stays,
 * for the tags to come. */
static void
trim(struct ledger *l)
{
	while (l->chunk_count > 1 &&
	    (*chunk_at(l, 0) == NULL || (*chunk_at(l, 0))->count == 0))
		drop_first(l);
}

/* With nothing outstanding the next tag may start a fresh base, in the chunk
 * that is there. */
static void
rebase(struct ledger *l)
{
	trim(l);
	if (l->chunk_count == 1 && *chunk_at(l, 0) == NULL)
		l->chunk_count = 0;
	l->base = l->next;
}

uint64_t
ledger_add(struct ledger *l, struct delivery **d)
{
	if (l->count == 0 && l->base != l->next)
		rebase(l);
	if (l->next - l->base == l->chunk_count * LEDGER_CHUNK)
		add_chunk(l);
	*d = slot(l, l->next);
	(*chunk_of(l, l->next))->count++;
	l->count++;
	return l->next++;
}

uint64_t
ledger_skip(struct ledger *l)
{
	struct delivery *d;
	uint64_t tag;

	if (l->count == 0)
		return l->next++;
	tag = ledger_add(l, &d);
	d->queue = NULL;
	(*chunk_of(l, tag))->count--;
	l->count--;
	return tag;
}

struct delivery *
ledger_find(struct ledger *l, uint64_t tag)
{
	struct delivery *d;

	if (l->count == 0 || tag < l->base || tag >= l->next ||
	    *chunk_of(l, tag) == NULL)
		return NULL;
	d = slot(l, tag);
	return d->queue != NULL ? d : NULL;
}

struct delivery
ledger_take(struct ledger *l, uint64_t tag)
{
	struct delivery *d = slot(l, tag), taken = *d;
	struct ledger_chunk **c = chunk_of(l, tag);

	d->queue = NULL;
	l->count--;
	if (--(*c)->count > 0)
		return taken;
	if (c != chunk_at(l, l->chunk_count - 1))
		drop_settled(c);
	trim(l);
	return taken;
}

uint64_t
ledger_first(struct ledger *l)
{
	const struct delivery *d, *first;

	if (l->count == 0)
		return l->next;
	trim(l);
	first = slot(l, l->base);
	for (d = first; d->queue == NULL; d++)
		;
	return l->base + (uint64_t)(d - first);
}

/* Whole chunks move as they are. */
static void
split_chunks(struct ledger *l, uint64_t upto, struct ledger *rest)
{
	while (l->base + LEDGER_CHUNK <= upto + 1) {
		struct ledger_chunk **c = chunk_at(l, 0);

		if (rest->chunk_count == rest->chunk_room)
			grow(rest);
		*chunk_at(rest, rest->chunk_count++) = *c;
		rest->next += LEDGER_CHUNK;
		if (*c != NULL)
			rest->count += (*c)->count;
		*c = NULL;
		drop_first(l);
	}
	l->count -= rest->count;
}

void
ledger_split(struct ledger *l, uint64_t upto, struct ledger *rest)
{
	uint64_t tag;

	if (upto >= l->next - 1) {
		*rest = *l;
		ledger_init(l);
		l->base = l->next = rest->next;
		return;
	}
	ledger_init(rest);
	rest->base = rest->next = l->base;
	split_chunks(l, upto, rest);
	for (tag = l->base; tag <= upto; tag++) {
		struct delivery *to;

		if (ledger_find(l, tag) == NULL) {
			ledger_skip(rest);
			continue;
		}
		ledger_add(rest, &to);
		*to = ledger_take(l, tag);
	}
}
