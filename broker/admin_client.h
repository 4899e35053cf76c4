/* admin_client.h - rabbitmqadmin as a client: with the rights of its user, at a
 * listener without TLS. */
#ifndef BROKER_ADMIN_CLIENT_H
#define BROKER_ADMIN_CLIENT_H

#include "broker/admin.h"
#include "broker/client.h"

/* Opens channel 1 in the vhost that is meant. */
bool admin_open(struct client *, const struct admin *);

/* Closes it and says a line, or what went wrong unless all is done. Returns the
 * exit status. */
int admin_end(
    const struct admin *, struct client *, bool done, const char *line);

#endif
