/* fingerprint.h - by what definitions are known again that were imported once: the
 * SHA-256 of their text, kept as a global parameter. */
#ifndef BROKER_FINGERPRINT_H
#define BROKER_FINGERPRINT_H

#include <stdbool.h>

#include "amqp/bytes.h"

struct fingerprint;
struct server;

/* The parameter's name is RabbitMQ's. No document has it. */
#define FINGERPRINT_NAME "imported_definition_hash_value"

struct fingerprint *fingerprint_new(void);

/* Text may come in any pieces, at least one. */
void fingerprint_add(struct fingerprint *, struct bytes text);

/* Is it that of the last import which kept one? */
bool fingerprint_known(const struct fingerprint *, const struct server *);

/* Keeps it from now on, with the open batch. */
void fingerprint_keep(const struct fingerprint *, struct server *);

void fingerprint_free(struct fingerprint *);

#endif
