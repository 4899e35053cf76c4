/* json_table.h - argument tables as JSON, the way RabbitMQ's definitions show
 * them. */
#ifndef BROKER_JSON_TABLE_H
#define BROKER_JSON_TABLE_H

#include <jansson.h>
#include <stdbool.h>

#include "amqp/bytes.h"
#include "amqp/wire.h"

/* Writes a table as an object: integers and timestamps as numbers, decimals as
 * fractions, void as "undefined". */
void table_to_json(struct writer *, struct bytes table);

/* Appends the members of an object as pairs: integers become l, fractions d,
 * texts S. False with a sentence where there is no such value in AMQP: null, a key
 * longer than 255 bytes, more than 64 levels. */
bool table_from_json(
    struct writer *, const json_t *object, char *error, size_t size);

#endif
