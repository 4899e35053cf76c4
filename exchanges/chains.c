/* chains.c - a hash table of things that carry their own links. */
#include "exchanges/chains.h"

#include <stdlib.h>

#include "amqp/xalloc.h"

enum { ROOM_MIN = 8 };

/* Bucket i splits into i and i + room / 2 once size has come to the latter:
 * until then what belongs there stays in i. */
static struct chain_link **
bucket(const struct chains *c, uint64_t hash)
{
	size_t at = hash & (c->room - 1);

	return &c->buckets[at < c->size ? at : at - c->room / 2];
}

static void
push(struct chain_link **at, struct chain_link *link)
{
	link->next = *at;
	*at = link;
}

static void
reserve(struct chains *c, size_t room)
{
	c->buckets = xrealloc(c->buckets, room * sizeof *c->buckets);
	c->room = room;
}

/* Adds a bucket and moves what belongs there from where it waited. */
static void
split(struct chains *c)
{
	struct chain_link **from, **to, *link;

	if (c->size == c->room)
		reserve(c, c->room == 0 ? ROOM_MIN : 2 * c->room);
	to = &c->buckets[c->size];
	*to = NULL;
	if (c->size++ < c->room / 2)
		return;
	from = to - c->room / 2;
	while ((link = *from) != NULL) {
		if (bucket(c, link->hash) != to) {
			from = &link->next;
			continue;
		}
		*from = link->next;
		push(to, link);
	}
}

/* Takes the last bucket away. */
static void
merge(struct chains *c)
{
	struct chain_link *link, *next;

	if (c->size == c->room / 2 && c->room > ROOM_MIN)
		reserve(c, c->room / 2);
	link = c->buckets[--c->size];
	for (; link != NULL; link = next) {
		next = link->next;
		push(bucket(c, link->hash), link);
	}
}

void
chains_fini(struct chains *c)
{
	free(c->buckets);
	*c = (struct chains){0};
}

void
chains_add(struct chains *c, struct chain_link *link, uint64_t hash)
{
	while (c->size <= c->count || c->size < ROOM_MIN)
		split(c);
	link->hash = hash;
	push(bucket(c, hash), link);
	c->count++;
}

void
chains_remove(struct chains *c, struct chain_link *link)
{
	struct chain_link **at = bucket(c, link->hash);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	c->count--;
	/* two at a time, to be small by when the last thing goes */
	for (int i = 0; i < 2; i++)
		if (c->size > ROOM_MIN && c->count < c->size / 2)
			merge(c);
}

static struct chain_link *
seek(struct chain_link *link, uint64_t hash)
{
	while (link != NULL && link->hash != hash)
		link = link->next;
	return link;
}

struct chain_link *
chains_find(const struct chains *c, uint64_t hash)
{
	return c->size == 0 ? NULL : seek(*bucket(c, hash), hash);
}

struct chain_link *
chain_next(const struct chain_link *link)
{
	return seek(link->next, link->hash);
}
