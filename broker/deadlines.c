/* deadlines.c - a binary heap of deadlines whose entries know their places. */
#include "broker/deadlines.h"

#include <stdlib.h>

#include "amqp/xalloc.h"

enum { ROOM_MIN = 16 };

static bool
before(const struct deadline *a, const struct deadline *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	return a->entry->position < b->entry->position;
}

static void
put(struct deadlines *d, size_t i, struct deadline it)
{
	d->all[i] = it;
	it.entry->slot = (uint32_t)i + 1;
}

static void
rise(struct deadlines *d, size_t i, struct deadline it)
{
	for (; i > 0 && before(&it, &d->all[(i - 1) / 2]); i = (i - 1) / 2)
		put(d, i, d->all[(i - 1) / 2]);
	put(d, i, it);
}

static void
sink(struct deadlines *d, size_t i, struct deadline it)
{
	for (;;) {
		size_t least = 2 * i + 1;

		if (least + 1 < d->count &&
		    before(&d->all[least + 1], &d->all[least]))
			least++;
		if (least >= d->count || !before(&d->all[least], &it))
			break;
		put(d, i, d->all[least]);
		i = least;
	}
	put(d, i, it);
}

void
deadlines_add(struct deadlines *d, struct entry *e, struct ring_chunk *chunk)
{
	if (d->count == d->room) {
		d->room = d->room > 0 ? d->room * 2 : ROOM_MIN;
		d->all = xrealloc(d->all, d->room * sizeof *d->all);
	}
	d->count++;
	rise(d, d->count - 1, (struct deadline){e->deadline, e, chunk});
}

void
deadlines_remove(struct deadlines *d, uint32_t slot)
{
	size_t i = slot - 1;
	struct deadline last = d->all[--d->count];

	if (d->count == 0 && d->room > ROOM_MIN)
		deadlines_fini(d);
	if (i >= d->count)
		return;
	if (i > 0 && before(&last, &d->all[(i - 1) / 2]))
		rise(d, i, last);
	else
		sink(d, i, last);
}

void
deadlines_fini(struct deadlines *d)
{
	free(d->all);
	*d = (struct deadlines){NULL, 0, 0};
}
