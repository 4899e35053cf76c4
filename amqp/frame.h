/* frame.h - the seven bytes in front of a payload and the one behind. */
#ifndef AMQP_FRAME_H
#define AMQP_FRAME_H

#include "amqp/bytes.h"
#include "amqp/wire.h"

enum {
	FRAME_METHOD = 1,
	FRAME_HEADER = 2,
	FRAME_BODY = 3,
	FRAME_HEARTBEAT = 8,
	FRAME_END = 0xce,
	FRAME_PREFIX = 7,   /* type, channel, size */
	FRAME_OVERHEAD = 8, /* prefix and end octet */
	FRAME_CONTENT_HEADER = 12, /* class, weight, body size */
};

struct amqp_frame {
	uint8_t type;
	uint16_t channel;
	uint32_t size;	      /* of the payload */
	struct bytes payload; /* borrowed from the input */
};

enum amqp_frame_status {
	FRAME_COMPLETE,
	FRAME_PARTIAL,	 /* more bytes are needed; type, channel and size are
			  * set as soon as seven are there */
	FRAME_TOO_LARGE, /* announces more than the limit */
	FRAME_BAD_END,	 /* the octet behind the payload is not 0xce */
};

/* Looks at the frame at the front of input. max_payload is frame_max (RabbitMQ
 * tolerates a payload of that size, 8 more than §4.2.3 allows) or 0 for no
 * limit. On FRAME_COMPLETE the frame took frame->size + FRAME_OVERHEAD bytes.
 * Status FRAME_TOO_LARGE is told as soon as the prefix is there. */
static inline enum amqp_frame_status
amqp_frame_peek(
    struct bytes input, uint32_t max_payload, struct amqp_frame *frame)
{
	if (input.n < FRAME_PREFIX)
		return FRAME_PARTIAL;
	frame->type = input.p[0];
	frame->channel = get_u16(input.p + 1);
	frame->size = get_u32(input.p + 3);
	if (max_payload != 0 && frame->size > max_payload)
		return FRAME_TOO_LARGE;
	if (input.n - FRAME_PREFIX <= frame->size)
		return FRAME_PARTIAL;
	frame->payload = (struct bytes){input.p + FRAME_PREFIX, frame->size};
	return frame->payload.p[frame->size] == FRAME_END ? FRAME_COMPLETE
							  : FRAME_BAD_END;
}

/* Appends a frame's prefix with its size open, and returns the mark that
 * amqp_frame_end closes it with. */
size_t amqp_frame_begin(struct writer *, uint8_t type, uint16_t channel);
void amqp_frame_end(struct writer *, size_t mark);

#endif
