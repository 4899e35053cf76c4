/* store.c - what every store does alike: collecting what a load finds. */
#include "persistence/store.h"

#include <stdlib.h>

#include "amqp/xalloc.h"

void
load_free(struct load *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->entries[i].message != NULL)
			message_unref(l->entries[i].message);
	free(l->entries);
	free(l->deferrals);
	free(l->error);
	free(l);
}

/* Arrays double at powers of two, so that their size need not be kept. */
static void *
grow(void *array, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return array;
	return xrealloc(array, (count > 0 ? 2 * count : 1) * size);
}

bool
load_add(struct load *l, uint64_t position, int64_t deadline, struct message *m)
{
	size_t size = message_size(m);

	l->entries = grow(l->entries, l->count, sizeof *l->entries);
	l->entries[l->count++] = (struct loaded){position, deadline, m, 0};
	l->next = position + 1;
	l->bytes += size;
	return l->bytes >= l->max_bytes;
}

void
load_leave(struct load *l, int64_t deadline)
{
	l->next_deadline = deadline_min(l->next_deadline, deadline);
}

void
load_defer(struct load *l, uint64_t first, int64_t deadline)
{
	l->deferrals =
	    grow(l->deferrals, l->deferral_count, sizeof *l->deferrals);
	l->deferrals[l->deferral_count++] = (struct deferral){first, deadline};
}
