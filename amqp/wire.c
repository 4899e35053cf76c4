/* wire.c - writes into a growing buffer. */
#include "amqp/wire.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/xalloc.h"

enum { SIZE_MIN = 128 };

void
writer_fini(struct writer *w)
{
	free(w->p);
	*w = (struct writer){0};
}

static void
grow(struct writer *w, size_t n)
{
	size_t needed;
	bool overflow = __builtin_add_overflow(w->n, n, &needed);
	assert(!overflow && needed <= SIZE_MAX / 2);
	size_t size = w->size != 0 ? w->size : SIZE_MIN;
	while (size < needed)
		size *= 2;
	w->p = xrealloc(w->p, size);
	w->size = size;
}

uint8_t *
writer_room(struct writer *w, size_t n)
{
	if (w->size - w->n < n || w->p == NULL)
		grow(w, n);
	return w->p + w->n;
}

/* --- integers ------------------------------------------------------------ */

void
writer_u8(struct writer *w, uint8_t v)
{
	put_u8(writer_room(w, 1), v);
	w->n += 1;
}

void
writer_u16(struct writer *w, uint16_t v)
{
	put_u16(writer_room(w, 2), v);
	w->n += 2;
}

void
writer_u32(struct writer *w, uint32_t v)
{
	put_u32(writer_room(w, 4), v);
	w->n += 4;
}

void
writer_u64(struct writer *w, uint64_t v)
{
	put_u64(writer_room(w, 8), v);
	w->n += 8;
}

/* --- strings ------------------------------------------------------------- */

void
writer_bytes(struct writer *w, struct bytes b)
{
	if (b.n == 0)
		return;
	memcpy(writer_room(w, b.n), b.p, b.n);
	w->n += b.n;
}

void
writer_shortstr(struct writer *w, struct bytes b)
{
	if (b.n > UINT8_MAX)
		b.n = UINT8_MAX;
	writer_u8(w, (uint8_t)b.n);
	writer_bytes(w, b);
}

void
writer_longstr(struct writer *w, struct bytes b)
{
	assert(b.n <= UINT32_MAX);
	writer_u32(w, (uint32_t)b.n);
	writer_bytes(w, b);
}

/* --- lengths known later ------------------------------------------------- */

size_t
writer_mark(struct writer *w)
{
	writer_u32(w, 0);
	return w->n - 4;
}

void
writer_patch(struct writer *w, size_t mark)
{
	size_t length = w->n - mark - 4;
	assert(length <= UINT32_MAX);
	put_u32(w->p + mark, (uint32_t)length);
}
