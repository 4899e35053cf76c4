/* xmatch.h - how a headers binding's arguments are to be understood. */
#ifndef EXCHANGES_XMATCH_H
#define EXCHANGES_XMATCH_H

#include "amqp/bytes.h"

struct xmatch {
	bool any;    /* one header suffices; otherwise all must be there */
	bool with_x; /* names that begin with x- count too */
};

/* NULL if x-match is absent or one of all, any, all-with-x, any-with-x;
 * otherwise RabbitMQ's sentence in a static buffer. */
const char *xmatch_check(struct bytes key, struct bytes arguments);

/* Of arguments that passed the check; all is the default. */
struct xmatch xmatch_of(struct bytes arguments);

/* Does the argument of that name ask for a header? x-match itself never does.
 */
bool xmatch_asks(struct xmatch, struct bytes name);

#endif
