/* hash.h - hashes of field values and tables, for looking up bindings. */
#ifndef EXCHANGES_HASH_H
#define EXCHANGES_HASH_H

#include "amqp/bytes.h"
#include "amqp/table.h"

/* Folds value into a hash, so that order counts. */
uint64_t hash_join(uint64_t hash, uint64_t value);

/* The same for values that are alike (amqp_value_alike), hence for equal ones
 * too. */
uint64_t hash_value(const struct amqp_value *);

/* The same for equal tables (amqp_table_equal), whatever their order. */
uint64_t hash_table(struct bytes table);

#endif
