/* ring.c - entries in the order they came, in chunks. */
#include "broker/ring.h"

#include "amqp/xalloc.h"

enum { CHUNK_MIN = 8, CHUNK_MAX = 512, CHUNK_KEPT = 64 };

struct ring_chunk *
ring_add_chunk(struct ring *r)
{
	uint32_t size = r->last == NULL ? CHUNK_MIN : r->last->size * 2;
	struct ring_chunk *c;

	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	c = xmalloc(sizeof *c + size * sizeof c->entries[0]);
	*c = (struct ring_chunk){.size = size, .before = r->last};
	if (r->last == NULL)
		r->first = c;
	else
		r->last->next = c;
	r->last = c;
	return c;
}

static void
remove_chunk(struct ring *r, struct ring_chunk *c)
{
	if (c->before != NULL)
		c->before->next = c->next;
	else
		r->first = c->next;
	if (c->next != NULL)
		c->next->before = c->before;
	else
		r->last = c->before;
	free(c);
}

static void
skip_holes(struct ring_chunk *c)
{
	while (c->holes > 0 && c->entries[c->begin].message == NULL) {
		c->begin++;
		c->holes--;
	}
}

/* The first chunk is used up: it goes, unless it is a small one that will
 * serve again. */
static void
drop_chunk(struct ring *r)
{
	struct ring_chunk *c = r->first;

	if (c->next == NULL && c->size <= CHUNK_KEPT) {
		c->begin = c->end = c->holes = 0;
		return;
	}
	remove_chunk(r, c);
	if (r->first != NULL)
		skip_holes(r->first);
}

void
ring_advance(struct ring *r)
{
	struct ring_chunk *c = r->first;

	if (c->begin + c->holes == c->end)
		drop_chunk(r);
	else
		skip_holes(c);
}

/* --- taking from the middle --------------------------------------------------- */

static uint32_t
lives(const struct ring_chunk *c)
{
	return c->end - c->begin - c->holes;
}

const struct entry *
ring_nth(const struct ring *r, size_t n)
{
	const struct ring_chunk *c = r->first;
	const struct entry *e;

	for (; n >= lives(c); c = c->next)
		n -= lives(c);
	for (e = &c->entries[c->begin];; e++)
		if (e->message != NULL && n-- == 0)
			return e;
}

/* Moves what lives in one chunk to a place in another, or in itself. */
static uint32_t
move(struct ring_chunk *to, uint32_t n, struct ring_chunk *from,
    struct deadlines *d)
{
	for (uint32_t i = from->begin; i < from->end; i++) {
		if (from->entries[i].message == NULL)
			continue;
		to->entries[n] = from->entries[i];
		deadlines_moved(d, &to->entries[n], to);
		n++;
	}
	return n;
}

/* A chunk and the next become one if they fill no more than half of it: a few
 * entries that stay do not hold on to the room of all that went. */
static void
merge(struct ring *r, struct ring_chunk *c, struct deadlines *d)
{
	if (c == NULL || c->next == NULL ||
	    lives(c) + lives(c->next) > c->size / 2)
		return;
	c->end = move(c, 0, c, d);
	c->begin = c->holes = 0;
	c->end = move(c, c->end, c->next, d);
	remove_chunk(r, c->next);
}

struct entry
ring_take(struct ring *r, struct ring_chunk *c, struct entry *place,
    struct deadlines *d)
{
	struct entry taken = *place;

	if (place == ring_front(r))
		return ring_pop(r);
	place->message = NULL;
	c->holes++;
	r->count--;
	if (lives(c) == 0) {
		remove_chunk(r, c);
	} else if (lives(c) <= c->size / 4) {
		merge(r, c, d);
		merge(r, c->before, d);
	}
	return taken;
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
		b->first->before = a->last;
		a->last = b->last;
		a->count += b->count;
	}
	*b = (struct ring){NULL, NULL, 0};
}
