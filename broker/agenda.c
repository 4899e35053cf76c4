/* agenda.c - messages in memory that wait for their time, the earliest first. */
#include "broker/agenda.h"

#include <stdlib.h>

#include "amqp/xalloc.h"

enum { AGENDA_MIN = 16 };

static bool
before(const struct agenda *a, size_t i, size_t k)
{
	return due_before(a->items[i].due, a->items[k].due);
}

static void
swap(struct agenda *a, size_t i, size_t k)
{
	struct agenda_item item = a->items[i];

	a->items[i] = a->items[k];
	a->items[k] = item;
}

static void
sift_up(struct agenda *a, size_t i)
{
	for (; i > 0 && before(a, i, (i - 1) / 2); i = (i - 1) / 2)
		swap(a, i, (i - 1) / 2);
}

static void
sift_down(struct agenda *a, size_t i)
{
	for (;;) {
		size_t least = i, left = 2 * i + 1;

		if (left < a->count && before(a, left, least))
			least = left;
		if (left + 1 < a->count && before(a, left + 1, least))
			least = left + 1;
		if (least == i)
			return;
		swap(a, i, least);
		i = least;
	}
}

void
agenda_add(struct agenda *a, struct due due, struct message *m)
{
	if (a->count == a->room) {
		a->room = a->room > 0 ? 2 * a->room : AGENDA_MIN;
		a->items = xrealloc(a->items, a->room * sizeof *a->items);
	}
	a->items[a->count] = (struct agenda_item){due, m};
	a->bytes += message_size(m);
	sift_up(a, a->count++);
}

static void
give_back_if_empty(struct agenda *a)
{
	if (a->count > 0)
		return;
	free(a->items);
	*a = (struct agenda){0};
}

struct agenda_item
agenda_take(struct agenda *a)
{
	struct agenda_item item = a->items[0];

	a->bytes -= message_size(item.message);
	a->items[0] = a->items[--a->count];
	sift_down(a, 0);
	give_back_if_empty(a);
	return item;
}

static void
drop(struct agenda *a, struct agenda_item *item)
{
	a->bytes -= message_size(item->message);
	message_unref(item->message);
}

void
agenda_cut(struct agenda *a, struct due edge)
{
	size_t n = 0;

	for (size_t i = 0; i < a->count; i++)
		if (due_before(edge, a->items[i].due))
			drop(a, &a->items[i]);
		else
			a->items[n++] = a->items[i];
	if (n == a->count)
		return;
	a->count = n;
	for (size_t i = n / 2; i-- > 0;)
		sift_down(a, i);
	give_back_if_empty(a);
}

static int
compare(const void *x, const void *y)
{
	const struct agenda_item *a = x, *b = y;

	return due_before(b->due, a->due) - due_before(a->due, b->due);
}

/* What is sorted is a heap. */
struct due
agenda_halve(struct agenda *a, size_t bytes)
{
	size_t most = (a->count + 1) / 2;

	qsort(a->items, a->count, sizeof *a->items, compare);
	while (a->count > most || (a->count > 1 && a->bytes > bytes))
		drop(a, &a->items[--a->count]);
	return a->items[a->count - 1].due;
}

bool
agenda_clear(struct agenda *a, size_t *budget)
{
	for (; a->count > 0 && *budget > 0; --*budget)
		drop(a, &a->items[--a->count]);
	if (a->count > 0)
		return false;
	give_back_if_empty(a);
	return true;
}
