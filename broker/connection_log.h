/* connection_log.h - what the log says of a connection, in RabbitMQ's words and
 * order. */
#ifndef BROKER_CONNECTION_LOG_H
#define BROKER_CONNECTION_LOG_H

#include <stdint.h>

#include "amqp/bytes.h"

struct connection;

void connection_log_accepted(const struct connection *);

/* The name its client gives it: it follows the addresses from there. */
void connection_log_named(const struct connection *);

/* Its user may enter its vhost. */
void connection_log_open(const struct connection *);

/* An error that it is closed for. */
void connection_log_exception(const struct connection *, int code, const char *text,
    uint32_t method, uint16_t channel);
void connection_log_login_refused(const struct connection *);

/* Ends: the first that is told is the only one. connection_log_end is for those
 * that end as they should; error is 0 or errno's. */
void connection_log_end(struct connection *);
void connection_log_lost(struct connection *, int error);
void connection_log_silent(struct connection *);
void connection_log_refused(struct connection *, const char *text);

/* It began with what is no AMQP. */
void connection_log_bad_header(struct connection *, struct bytes header);

#endif
