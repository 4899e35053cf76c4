/* ledger.c - what a channel has delivered and not yet seen acknowledged. */
#include "broker/ledger.h"

#include <assert.h>

#include "amqp/xalloc.h"

enum { CHUNKS_MIN = 4 };

void
ledger_init(struct ledger *l)
{
	*l = (struct ledger){.base = 1, .next = 1};
}

static struct delivery **
chunk_at(const struct ledger *l, size_t i)
{
	return &l->chunks[(l->chunk_first + i) & (l->chunk_room - 1)];
}

static struct delivery *
slot(const struct ledger *l, uint64_t tag)
{
	uint64_t i = tag - l->base;

	return *chunk_at(l, i / LEDGER_CHUNK) + i % LEDGER_CHUNK;
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
	struct delivery **chunks = xmalloc(room * sizeof *chunks);

	for (size_t i = 0; i < l->chunk_count; i++)
		chunks[i] = *chunk_at(l, i);
	free(l->chunks);
	l->chunks = chunks;
	l->chunk_room = room;
	l->chunk_first = 0;
}

static void
add_chunk(struct ledger *l)
{
	if (l->chunk_count == l->chunk_room)
		grow(l);
	*chunk_at(l, l->chunk_count++) =
	    xcalloc(LEDGER_CHUNK, sizeof(struct delivery));
}

/* With nothing outstanding the next tag may start a fresh base, in the chunk
 * that is there. */
static void
rebase(struct ledger *l)
{
	while (l->chunk_count > 1) {
		free(*chunk_at(l, 0));
		l->chunk_first = (l->chunk_first + 1) & (l->chunk_room - 1);
		l->chunk_count--;
	}
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
	l->count--;
	return tag;
}

struct delivery *
ledger_find(struct ledger *l, uint64_t tag)
{
	struct delivery *d;

	if (l->count == 0 || tag < l->base || tag >= l->next)
		return NULL;
	d = slot(l, tag);
	return d->queue != NULL ? d : NULL;
}

/* Chunks all of whose deliveries are settled go from the front. */
static void
trim(struct ledger *l)
{
	while (l->chunk_count > 1) {
		struct delivery *c = *chunk_at(l, 0);

		for (size_t i = 0; i < LEDGER_CHUNK; i++)
			if (c[i].queue != NULL)
				return;
		free(c);
		l->chunk_first = (l->chunk_first + 1) & (l->chunk_room - 1);
		l->chunk_count--;
		l->base += LEDGER_CHUNK;
	}
}

struct delivery
ledger_take(struct ledger *l, uint64_t tag)
{
	struct delivery *d = slot(l, tag), taken = *d;

	d->queue = NULL;
	l->count--;
	if ((tag - l->base) % LEDGER_CHUNK == LEDGER_CHUNK - 1 &&
	    tag - l->base < LEDGER_CHUNK)
		trim(l);
	return taken;
}

uint64_t
ledger_first(struct ledger *l)
{
	uint64_t tag = l->base;

	if (l->count == 0)
		return l->next;
	trim(l);
	for (tag = l->base; slot(l, tag)->queue == NULL; tag++)
		;
	return tag;
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
	while (l->base + LEDGER_CHUNK <= upto + 1) {
		struct delivery *c = *chunk_at(l, 0);

		if (rest->chunk_count == rest->chunk_room)
			grow(rest);
		*chunk_at(rest, rest->chunk_count++) = c;
		for (size_t i = 0; i < LEDGER_CHUNK; i++)
			rest->count += c[i].queue != NULL;
		l->chunk_first = (l->chunk_first + 1) & (l->chunk_room - 1);
		l->chunk_count--;
		l->base += LEDGER_CHUNK;
		rest->next += LEDGER_CHUNK;
	}
	l->count -= rest->count;
	for (tag = l->base; tag <= upto; tag++) {
		struct delivery *from = slot(l, tag), *to;

		if (rest->next - rest->base ==
		    rest->chunk_count * LEDGER_CHUNK)
			add_chunk(rest);
		to = slot(rest, rest->next++);
		*to = *from;
		if (from->queue == NULL)
			continue;
		from->queue = NULL;
		l->count--;
		rest->count++;
	}
}
