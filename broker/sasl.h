/* sasl.h - reads what a client answers to connection.start.
 *
 * Pure: bytes in, name and password out. A response that cannot be read is told
 * apart from a login that is refused. */
#ifndef BROKER_SASL_H
#define BROKER_SASL_H

#include "amqp/bytes.h"

#define SASL_MECHANISMS "PLAIN AMQPLAIN"

enum sasl_status {
	SASL_OK,
	SASL_UNKNOWN,	/* no such mechanism */
	SASL_MALFORMED, /* the response is not what the mechanism says */
};

struct credentials {
	struct bytes user, password; /* borrowed from the response */
};

/* The names of mechanisms are taken in any case. */
enum sasl_status sasl_read(
    struct bytes mechanism, struct bytes response, struct credentials *);

#endif
