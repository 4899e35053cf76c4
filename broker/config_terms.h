/* config_terms.h - settings written as Erlang terms, by their names in Erlang:
 * classic files, advanced ones, and arguments of Erlang. What is no setting here
 * is kept in foreign: RabbitMQ takes any name. */
#ifndef BROKER_CONFIG_TERMS_H
#define BROKER_CONFIG_TERMS_H

#include "broker/config.h"

/* A file: [{rabbit, [{heartbeat, 60}, ...]}, ...]. False with a sentence in error,
 * file and line first. */
bool config_load_terms(
    struct config *, const char *path, char *error, size_t size);

/* "-rabbit heartbeat 60 -rabbit tcp_listeners [5672] +P 1000". */
bool config_set_arguments(struct config *, const char *arguments,
    const char *source, char *error, size_t size);

#endif
