/* topology.h - the queues and the exchange a run works with, and the messages
 * that reach them. */
#ifndef BENCH_TOPOLOGY_H
#define BENCH_TOPOLOGY_H

#include "tests/bench/client.h"

enum { TOPOLOGY_NAME = 256 };

/* Names have the same length for every index. */
void topology_queue(
    const struct options *, unsigned index, char name[TOPOLOGY_NAME]);

/* Declares queues, exchange and bindings; what exists already is used. */
bool topology_declare(struct client *);

/* Deletes them, unless options->keep. */
bool topology_delete(struct client *);

/* Asks how many messages are ready in all queues together, by passive
 * declarations. */
bool topology_count(struct client *, uint64_t *count);

/* Throws away what is in the queues. */
bool topology_purge(struct client *);

/* Confirm mode, or basic.qos and a consumer for queues first, first + step ...
 * with their indexes as consumer tags. */
bool topology_confirm(struct client *);
bool topology_consume(struct client *, unsigned first, unsigned step);

/* Where in a message its delay stands, 0 if it has none; and writes another one
 * there. */
size_t topology_find_delay(const struct options *, struct bytes message);
void topology_write_delay(
    const struct options *, uint8_t *to, uint64_t ms);

/* Appends the frames of a message of options->size bytes for a queue; priority
 * 0 is not told. Returns
 * where its body begins, counted from what was in the writer before. */
size_t topology_message(struct writer *, const struct client *, unsigned queue,
    uint8_t priority, const uint8_t *body);

#endif
