/* session.h - the steps that a session consists of. */
#ifndef SESSION_H
#define SESSION_H

#include <stdint.h>

enum { PEERS = 3, STEPS_MAX = 400 };

enum action {
	DO_METHOD,
	DO_PUBLISH,
	DO_SETTLE,
	DO_FRAME,
	DO_OCTETS,
	DO_FLIP,
	DO_CUT,
	DO_PART,
	DO_RESET,
	DO_SHUT,
	DO_HEAR,
	DO_COMMIT,
	DO_DISK,
	DO_TIME,
	DO_OPERATOR,
	DO_NEIGHBOUR,
	ACTIONS
};

/* who: the client, then two bits for its channel, then flags. */
enum {
	WHO_HOLDS = 0x40, /* nothing is sent yet */
	WHO_WRONG = 0x80, /* without opening anything, on channel f */
};

/* a to f choose fields from the pools. */
struct step {
	uint8_t action, who, a, b, c, d, e, f;
};

#endif
