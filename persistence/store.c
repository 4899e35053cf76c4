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
	free(l->error);
	free(l);
}

/* The array doubles at powers of two, so that its size need not be kept. */
static void
grow(struct load *l)
{
	if ((l->count & (l->count - 1)) == 0)
		l->entries = xrealloc(l->entries,
		    (l->count > 0 ? 2 * l->count : 1) * sizeof *l->entries);
}

bool
load_add(struct load *l, uint64_t position, int64_t deadline, struct message *m)
{
	size_t size = message_size(m);

	grow(l);
	l->entries[l->count++] = (struct loaded){position, deadline, m};
	l->next = position + 1;
	l->bytes += size;
	return l->bytes >= l->max_bytes;
}
