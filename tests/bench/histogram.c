/* histogram.c - how often which time was seen, to within one part in 128. */
#include <math.h>

#include "tests/bench/histogram.h"
#include "tests/bench/json.h"

void
histogram_merge(struct histogram *to, const struct histogram *from)
{
	to->count += from->count;
	if (from->max > to->max)
		to->max = from->max;
	for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++)
		to->slots[i] += from->slots[i];
}

/* The largest value that falls into a slot. */
static uint64_t
slot_end(unsigned slot)
{
	unsigned shift = slot >> HISTOGRAM_BITS;
	uint64_t top;

	if (shift <= 1)
		return slot;
	shift--;
	top = slot - (shift << HISTOGRAM_BITS);
	return ((top + 1) << shift) - 1;
}

uint64_t
histogram_quantile(const struct histogram *h, double part)
{
	uint64_t wanted = (uint64_t)ceil((double)h->count * part);
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++) {
		seen += h->slots[i];
		if (seen > 0 && seen >= wanted)
			return slot_end(i) < h->max ? slot_end(i) : h->max;
	}
	return h->max;
}

void
histogram_report(const struct histogram *h, const char *key)
{
	static const struct {
		const char *key;
		double part;
	} rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};

	if (h->count == 0)
		return;
	json_object(key);
	json_count("count", h->count);
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
		json_number(rows[i].key,
		    (double)histogram_quantile(h, rows[i].part) / 1e3);
	json_number("max", (double)h->max / 1e3);
	json_close();
}
