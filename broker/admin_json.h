/* admin_json.h - argument tables from JSON and as JSON, for the tool: its values
 * become what RabbitMQ's HTTP interface makes of them. */
#ifndef BROKER_ADMIN_JSON_H
#define BROKER_ADMIN_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "amqp/bytes.h"
#include "amqp/wire.h"

/* Reads an object; a new reference, or NULL with a sentence. */
json_t *admin_json_read(const char *text, char *why, size_t size);

/* Appends its members as pairs: integers become l, fractions d, texts S. False
 * with a sentence where AMQP has no such value. */
bool admin_json_table(
    struct writer *, const json_t *object, char *why, size_t size);

/* A table as an object, a new reference; what is no text comes out in
 * Latin-1. */
json_t *admin_table_json(struct bytes table);

/* A string of any bytes. */
json_t *admin_json_text(struct bytes);

#endif
