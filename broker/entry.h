/* entry.h - one message in one queue. */
#ifndef BROKER_ENTRY_H
#define BROKER_ENTRY_H

#include "amqp/message.h"

enum {
	ENTRY_REDELIVERED = 1, /* was delivered before */
	ENTRY_STORED = 2,      /* the store knows it, or will */
	RETURNS_MAX = (1 << 24) - 1,
};

/* By value; holds a reference to its message. */
struct entry {
	struct message *message;
	uint64_t position; /* in its lane; never given twice */
	int64_t deadline;  /* wall-clock milliseconds; 0: none */
	uint32_t flags : 8;
	uint32_t returns : 24; /* how often it came back, where that counts */
	uint32_t slot; /* in its lane's deadlines; 0: none */
};

#endif
