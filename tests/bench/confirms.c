/* confirms.c - which published messages a broker has not yet confirmed. */
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "tests/bench/confirms.h"

void
confirms_init(struct confirms *c, uint64_t window)
{
	uint64_t size = 1;

	while (size < window)
		size *= 2;
	*c = (struct confirms){.low = 1, .next = 1, .mask = size - 1};
	c->since = xcalloc(size, sizeof *c->since);
}

void
confirms_fini(struct confirms *c)
{
	free(c->since);
	c->since = NULL;
}

void
confirms_reset(struct confirms *c)
{
	memset(c->since, 0, (c->mask + 1) * sizeof *c->since);
	c->low = c->next = 1;
}

uint64_t
confirms_open(const struct confirms *c)
{
	uint64_t open = 0;

	for (uint64_t tag = c->low; tag < c->next; tag++)
		open += c->since[tag & c->mask] != 0;
	return open;
}

void
confirms_publish(struct confirms *c, uint64_t count, int64_t now)
{
	while (count-- > 0)
		c->since[c->next++ & c->mask] = now;
}

/* Settles the open tags from first to last, telling one run after another of
 * those published at the same time. */
static void
settle_run(struct confirms *c, uint64_t first, uint64_t last,
    confirms_told *told, void *arg)
{
	while (first <= last) {
		int64_t since = c->since[first & c->mask];
		uint64_t n = 0;

		do
			c->since[(first + n) & c->mask] = 0;
		while (first + ++n <= last &&
		       c->since[(first + n) & c->mask] == since);
		if (since != 0 && told != NULL)
			told(arg, first, first + n - 1, since);
		first += n;
	}
}

bool
confirms_settle(struct confirms *c, uint64_t tag, bool multiple,
    confirms_told *told, void *arg)
{
	if (multiple && tag == 0)
		tag = c->next - 1;
	if (tag >= c->next)
		return false;
	if (multiple)
		settle_run(c, c->low, tag, told, arg);
	else if (tag < c->low || c->since[tag & c->mask] == 0)
		return false;
	else
		settle_run(c, tag, tag, told, arg);
	while (c->low < c->next && c->since[c->low & c->mask] == 0)
		c->low++;
	return true;
}
