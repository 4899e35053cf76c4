/* credentials.h - what new passwords must be like: credential_validator.* as in
 * RabbitMQ. */
#ifndef BROKER_CREDENTIALS_H
#define BROKER_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "amqp/bytes.h"

struct config;

/* Does a new password follow them? If not, a sentence in RabbitMQ's words. */
bool credential_acceptable(const struct config *, struct bytes password,
    char *error, size_t size);

#endif
