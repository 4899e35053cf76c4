/* destination.h - anything a binding can lead to; queues and exchanges embed
 * one. */
#ifndef EXCHANGES_DESTINATION_H
#define EXCHANGES_DESTINATION_H

#include "amqp/bytes.h"

enum destination_kind { TO_QUEUE, TO_EXCHANGE };

struct destination {
	enum destination_kind kind;
	struct bytes name;	  /* borrowed from whoever embeds it */
	uint64_t seen;		  /* the last routing pass that named it */
	struct binding *bindings; /* what leads here, linked by to_next */
};

#endif
