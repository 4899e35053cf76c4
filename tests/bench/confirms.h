/* confirms.h - which published messages a broker has not yet confirmed. */
#ifndef BENCH_CONFIRMS_H
#define BENCH_CONFIRMS_H

#include <stdbool.h>
#include <stdint.h>

/* Delivery tags low .. next-1 may be open; the ring tells which are. */
struct confirms {
	uint64_t low;
	uint64_t next;
	int64_t *since; /* by tag: when it was published; 0: settled */
	uint64_t mask;
};

/* How many tags the ring must hold now: this must not pass the window. */
static inline uint64_t
confirms_span(const struct confirms *c)
{
	return c->next - c->low;
}

/* How many of these are not settled. */
uint64_t confirms_open(const struct confirms *);

/* Room for a span of that many tags. */
void confirms_init(struct confirms *, uint64_t window);
void confirms_fini(struct confirms *);
void confirms_reset(struct confirms *); /* a new channel: tags start at 1 */

/* The next count tags are published now. */
void confirms_publish(struct confirms *, uint64_t count, int64_t now);

/* Told for each run of tags that settles, in ascending order. */
typedef void confirms_told(
    void *arg, uint64_t first, uint64_t last, int64_t since);

/* Settles a tag, or all up to it (0: all). False if it names one that was never
 * published or, alone, one that is settled. told may be NULL. */
bool confirms_settle(struct confirms *, uint64_t tag, bool multiple,
    confirms_told *told, void *arg);

#endif
