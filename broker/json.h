/* json.h - a few verbs around jansson, which reads and writes JSON for
 * parameters, policies and definitions. */
#ifndef BROKER_JSON_H
#define BROKER_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "amqp/bytes.h"
#include "amqp/wire.h"

/* Reads any value; a new reference, or NULL with what is wrong and where. Of
 * duplicate keys the last counts. */
json_t *json_read(struct bytes text, char *error, size_t size);

/* The value on one line without spaces; malloc'd. */
char *json_write(const json_t *);

/* The same with the keys of all objects in order, as RabbitMQ shows what it was
 * given as JSON. */
char *json_write_sorted(const json_t *);

/* A number in as few digits as bring it back, and never those of an integer.
 * RabbitMQ's reader takes 0.10000000000000001 for another number. */
void json_put_fraction(struct writer *, double);

/* Borrowed from the value; empty if it is no string. */
struct bytes json_bytes(const json_t *);

/* Writes a text as JSON. What is no UTF-8 becomes "Not UTF-8, base64 is: ..", as
 * in RabbitMQ. */
void json_quote(struct writer *, struct bytes);

/* The value as RabbitMQ's messages show it, an Erlang term: 1, <<"text">>, [..],
 * #{<<"key">> => ..}. Goes on behind what is written. */
void json_print_term(struct writer *, const json_t *);

/* A member of an object in the same way: {<<"key">>,value}. */
void json_print_pair(struct writer *, const char *key, const json_t *);

#endif
