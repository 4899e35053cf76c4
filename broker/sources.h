/* sources.h - where settings come from, in their order. */
#ifndef BROKER_SOURCES_H
#define BROKER_SOURCES_H

#include "broker/config.h"

/* Called as rabbitmq-server: RabbitMQ's identity, and the variables of
 * environment.def. Then the files:
 *
 *   those named, if any are, and no others;
 *   else as rabbitmq-server $RABBITMQ_CONFIG_FILE or /etc/rabbitmq/rabbitmq.conf,
 *   then those of $RABBITMQ_CONFIG_FILES or /etc/rabbitmq/conf.d, then
 *   $RABBITMQ_ADVANCED_CONFIG_FILE or /etc/rabbitmq/advanced.config;
 *   else $LEVERET_CONFIG_FILE or SYSCONFDIR/leveret/leveret.conf, then those of
 *   $LEVERET_CONFIG_FILES or SYSCONFDIR/leveret/conf.d.
 *
 * Those whose names end in .config are of Erlang terms. A file nobody asked for may
 * be missing. False with a sentence in error. */
bool sources_read(struct config *, const char *const *named, size_t count,
    char *error, size_t size);

/* Logs what was read: which variables mean nothing here. */
void sources_tell(void);

/* The files that were read, one a line as RabbitMQ's log shows them, or NULL. */
const char *sources_files(void);

#endif
