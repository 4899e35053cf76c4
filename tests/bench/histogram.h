/* histogram.h - how often which time was seen, to within one part in 128. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_BITS = 7,
	HISTOGRAM_SLOTS = (64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS,
};

/* Zeroed is empty. A value below 2^8 has a slot of its own; above, each power
 * of two is cut in 128. */
struct histogram {
	uint64_t count;
	uint64_t max;
	uint64_t slots[HISTOGRAM_SLOTS];
};

static inline unsigned
histogram_slot(uint64_t value)
{
	unsigned shift = 0;
	if (value >> (HISTOGRAM_BITS + 1) != 0)
		shift = 63 - HISTOGRAM_BITS - (unsigned)__builtin_clzll(value);
	return (shift << HISTOGRAM_BITS) + (unsigned)(value >> shift);
}

static inline void
histogram_add(struct histogram *h, uint64_t value)
{
	h->count++;
	if (value > h->max)
		h->max = value;
	h->slots[histogram_slot(value)]++;
}

void histogram_merge(struct histogram *to, const struct histogram *from);

/* The value that the given part of all (0 to 1) does not pass, rounded up to
 * the end of its slot, and never above the largest seen. */
uint64_t histogram_quantile(const struct histogram *, double part);

/* Appends "key":{count, p50, p90, p99, p999, max} in microseconds to the JSON
 * line, if there is anything. */
void histogram_report(const struct histogram *, const char *key);

#endif
