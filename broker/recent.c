/* recent.c - the last lines of the log, for whoever asks afterwards. */
#include "broker/recent.h"

#include <assert.h>

static char kept[RECENT_SIZE];
static uint64_t first, end; /* places of what is kept */

static char
at(uint64_t place)
{
	return kept[place % RECENT_SIZE];
}

/* Behind the newline that is next. */
static uint64_t
line_end(uint64_t place)
{
	while (at(place++) != '\n')
		assert(place < end);
	return place;
}

void
recent_add(struct bytes line)
{
	assert(line.n < RECENT_SIZE && line.p[line.n - 1] == '\n');
	while (end - first + line.n > RECENT_SIZE)
		first = line_end(first);
	for (size_t i = 0; i < line.n; i++)
		kept[end++ % RECENT_SIZE] = (char)line.p[i];
}

uint64_t
recent_end(void)
{
	return end;
}

uint64_t
recent_tail(size_t lines)
{
	uint64_t place = end;

	while (lines > 0 && place > first) {
		place--; /* over the newline */
		while (place > first && at(place - 1) != '\n')
			place--;
		lines--;
	}
	return place;
}

bool
recent_next(uint64_t *place, char *text, size_t size)
{
	uint64_t next;
	size_t n = 0;

	if (*place < first)
		*place = first;
	if (*place >= end)
		return false;
	next = line_end(*place);
	for (uint64_t i = *place; i < next - 1 && n + 1 < size; i++)
		text[n++] = at(i);
	text[n] = '\0';
	*place = next;
	return true;
}
