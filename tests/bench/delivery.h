/* delivery.h - puts the frames of basic.deliver together again. */
#ifndef BENCH_DELIVERY_H
#define BENCH_DELIVERY_H

#include "amqp/frame.h"

enum {
	STAMP_NUMBER = 8, /* bytes in front of a body: the message's number */
	STAMP_BOTH = 16,  /* and behind it the time it counts from */
};

enum delivery_status {
	DELIVERY_PARTIAL,
	DELIVERY_COMPLETE,
	DELIVERY_BROKEN, /* not the frames of a delivery in their order */
};

/* The message that is arriving. Zeroed is ready. */
struct delivery {
	uint64_t tag;
	unsigned queue; /* its index, which is the consumer tag */
	bool redelivered;
	uint64_t size;     /* of the body */
	uint64_t received; /* bytes of it */
	uint8_t head[STAMP_BOTH];
	struct writer whole; /* the body, if assemble is set */
	bool assemble;
	uint32_t expect; /* the type of the next frame, 0: a method */
};

enum delivery_status delivery_frame(
    struct delivery *, const struct amqp_frame *);
void delivery_fini(struct delivery *);

static inline uint64_t
delivery_number(const struct delivery *d)
{
	return get_u64(d->head);
}

static inline int64_t
delivery_stamp(const struct delivery *d)
{
	return (int64_t)get_u64(d->head + STAMP_NUMBER);
}

#endif
