/* environment.h - RabbitMQ's environment variables. */
#ifndef BROKER_ENVIRONMENT_H
#define BROKER_ENVIRONMENT_H

#include "broker/config.h"

/* Sets what the variables of environment.def say, those that files count over, or
 * those that count over files. Only as rabbitmq-server. False with a sentence in
 * error, which names the variable. */
bool environment_read(
    struct config *, bool before_files, char *error, size_t size);

/* After all else has been read: certificates of variables open a port if no
 * listener for TLS was named. */
void environment_end(struct config *);

/* Logs which variables are set that mean nothing here. */
void environment_tell(void);

#endif
