/* ring.c - entries in the order they came, in chunks. */
#include "broker/ring.h"

#include "amqp/xalloc.h"

enum { CHUNK_MIN = 8, CHUNK_MAX = 512, CHUNK_KEPT = 64 };

static struct ring_chunk *
add_chunk(struct ring *r)
{
	uint32_t size = r->last == NULL ? CHUNK_MIN : r->last->size * 2;
	struct ring_chunk *c;

	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	c = xmalloc(sizeof *c + size * sizeof c->entries[0]);
	*c = (struct ring_chunk){.size = size};
	if (r->last == NULL)
		r->first = c;
	else
		r->last->next = c;
	r->last = c;
	return c;
}

struct entry *
ring_push(struct ring *r)
{
	struct ring_chunk *c = r->last;

	if (c == NULL || c->end == c->size)
		c = add_chunk(r);
	r->count++;
	return &c->entries[c->end++];
}

/* The first chunk is used up: it goes, unless it is a small one that will
 * serve again. */
static void
drop_chunk(struct ring *r)
{
	struct ring_chunk *c = r->first;

	if (c->next == NULL && c->size <= CHUNK_KEPT) {
		c->begin = c->end = 0;
		return;
	}
	r->first = c->next;
	if (r->first == NULL)
		r->last = NULL;
	free(c);
}

struct entry
ring_pop(struct ring *r)
{
	struct ring_chunk *c = r->first;
	struct entry e = c->entries[c->begin++];

	r->count--;
	if (c->begin == c->end)
		drop_chunk(r);
	return e;
}

bool
ring_clear(struct ring *r, size_t *budget)
{
	while (r->count > 0) {
		if (*budget == 0)
			return false;
		message_unref(ring_pop(r).message);
		--*budget;
	}
	free(r->first);
	r->first = r->last = NULL;
	return true;
}

void
ring_join(struct ring *a, struct ring *b)
{
	if (a->count == 0) {
		free(a->first);
		*a = *b;
	} else if (b->count == 0) {
		free(b->first);
	} else {
		a->last->next = b->first;
		a->last = b->last;
		a->count += b->count;
	}
	*b = (struct ring){NULL, NULL, 0};
}
