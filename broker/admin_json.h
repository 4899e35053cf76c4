/* admin_json.h - argument tables from JSON and as JSON, for the tool: its values
 * become what RabbitMQ's HTTP interface makes of them. */
#ifndef BROKER_ADMIN_JSON_H
#define BROKER_ADMIN_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "amqp/bytes.h"
#include "amqp/wire.h"

/* Appends its members as pairs: integers become l, fractions d, texts S. False
 * with a sentence where AMQP has no such value. */
bool admin_json_table(
    struct writer *, const json_t *object, char *why, size_t size);

/* A table as an object, a new reference; what is no text comes out in
 * Latin-1. */
json_t *admin_table_json(struct bytes table);

/* An array's values likewise. */
json_t *admin_array_json(struct bytes);

/* A string of any bytes. */
json_t *admin_json_text(struct bytes);

#endif
