/* timed.c - messages in order of their deadlines, for the store that forgets. */
#include "persistence/timed.h"

#include <stdlib.h>

#include "amqp/xalloc.h"

/* The links that lead to the first entry not before due, one for each level. */
static void
find_links(
    struct timed *t, struct due due, struct timed_entry **links[TIMED_LEVELS])
{
	struct timed_entry **next = t->first;

	for (int level = TIMED_LEVELS - 1; level >= 0; level--) {
		while (next[level] != NULL && due_before(next[level]->due, due))
			next = next[level]->next;
		links[level] = &next[level];
	}
}

/* xorshift: whoever chooses deadlines chooses no levels. */
static int
draw_levels(struct timed *t)
{
	int levels = 1;

	if (t->random == 0)
		t->random = 2463534242;
	t->random ^= t->random << 13;
	t->random ^= t->random >> 17;
	t->random ^= t->random << 5;
	for (uint32_t r = t->random; (r & 3) == 0 && levels < TIMED_LEVELS;
	     r >>= 2)
		levels++;
	return levels;
}

void
timed_add(struct timed *t, struct due due, struct message *m)
{
	struct timed_entry **links[TIMED_LEVELS], *e;
	int levels = draw_levels(t);

	e = xmalloc(sizeof *e + (size_t)levels * sizeof *e->next);
	e->due = due;
	e->message = message_ref(m);
	find_links(t, due, links);
	for (int level = 0; level < levels; level++) {
		e->next[level] = *links[level];
		*links[level] = e;
	}
}

void
timed_remove(struct timed *t, struct due due)
{
	struct timed_entry **links[TIMED_LEVELS], *e;

	find_links(t, due, links);
	e = *links[0];
	if (e == NULL || due_before(due, e->due))
		return;
	for (int level = 0; level < TIMED_LEVELS && *links[level] == e; level++)
		*links[level] = e->next[level];
	message_unref(e->message);
	free(e);
}

const struct timed_entry *
timed_after(const struct timed *t, struct due due)
{
	struct timed_entry *const *next = t->first;

	for (int level = TIMED_LEVELS - 1; level >= 0; level--)
		while (next[level] != NULL && !due_before(due, next[level]->due))
			next = next[level]->next;
	return next[0];
}

void
timed_fini(struct timed *t)
{
	struct timed_entry *e;

	while ((e = t->first[0]) != NULL) {
		t->first[0] = e->next[0];
		message_unref(e->message);
		free(e);
	}
	*t = (struct timed){0};
}
