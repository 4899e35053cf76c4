/* hash.h - hashes of field values and tables, for looking up bindings and for
 * choosing among them. */
#ifndef EXCHANGES_HASH_H
#define EXCHANGES_HASH_H

#include "amqp/bytes.h"
#include "amqp/table.h"

/* The same in every process, for what must be found again after a restart: a
 * peer can choose things that collide. A value's tag does not count. */
uint64_t hash_stable(struct bytes);
uint64_t hash_stable_value(const struct amqp_value *);

/* Every bit of value changes half of the bits. */
uint64_t hash_spread(uint64_t value);

/* Folds value into a hash, so that order counts. */
uint64_t hash_join(uint64_t hash, uint64_t value);

/* The same for values that are alike (amqp_value_alike), hence for equal ones
 * too. */
uint64_t hash_value(const struct amqp_value *);

/* The same for equal tables (amqp_table_equal), whatever their order. */
uint64_t hash_table(struct bytes table);

#endif
