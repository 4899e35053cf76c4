/* client.h - a blocking AMQP client on this machine, for a tool that acts with
 * a user's rights and is told what any client is told. */
#ifndef BROKER_CLIENT_H
#define BROKER_CLIENT_H

#include "amqp/method.h"
#include "amqp/wire.h"

/* Zero-initialised. After anything has failed, why is a sentence: the broker's
 * reply text, or what the socket says; nothing more can be asked then. */
struct client {
	int fd;
	uint32_t frame_max;
	struct writer in;
	size_t taken; /* of in, by the frame that was read last */
	char why[512];
};

/* Connects to an address (any: this machine's own), logs in, opens vhost and
 * channel 1. */
bool client_open(struct client *, const char *host, unsigned port,
    const char *user, const char *password, const char *vhost);

/* Sends a method and reads the answer, which borrows until the next call. False
 * unless it is ok, or, where or is not 0, or. */
bool client_call(struct client *, const struct amqp_method *, uint32_t ok,
    uint32_t or, struct amqp_method *answer);

/* Publishes with a confirm, on a channel where that was selected. *routed is
 * false if it was returned. */
bool client_publish(struct client *, const struct amqp_basic_publish *,
    struct bytes properties, struct bytes body, bool *routed);

/* What follows get-ok: flags and properties, and the body; own, for
 * writer_fini. */
bool client_content(
    struct client *, struct writer *properties, struct writer *body);

/* Without an answer. */
void client_tell(struct client *, const struct amqp_method *);

/* Closes it properly, so that all that was told has been heard. */
void client_close(struct client *);

#endif
