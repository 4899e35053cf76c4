/* sasl.h - reads what a client answers to connection.start.
 *
 * Pure: bytes in, name and password out. A response that cannot be read is told
 * apart from a login that is refused. */
#ifndef BROKER_SASL_H
#define BROKER_SASL_H

#include "amqp/bytes.h"

enum sasl_status {
	SASL_OK,
	SASL_EXTERNAL,	/* whoever the peer's certificate names (RFC 4422 A) */
	SASL_ANONYMOUS, /* whoever the settings say (RFC 4505) */
	SASL_UNKNOWN,	/* no such mechanism here */
	SASL_MALFORMED, /* the response is not what the mechanism says */
};

struct credentials {
	struct bytes user, password; /* borrowed from the response */
};

struct config;

/* The mechanisms offered, joined by spaces; malloc'd. EXTERNAL is for those
 * who speak TLS, as in RabbitMQ, and ANONYMOUS is there where the settings name
 * whom it lets in. */
char *sasl_offer(const struct config *, bool secure);

/* Is that one of those offered? The names of mechanisms are taken in any case. */
bool sasl_offers(const char *offer, struct bytes mechanism);

/* mechanism is one of those offered. */
enum sasl_status sasl_read(
    struct bytes mechanism, struct bytes response, struct credentials *);

#endif
