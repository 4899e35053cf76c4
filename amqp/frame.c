/* frame.c - the seven bytes in front of a payload and the one behind. */
#include "amqp/frame.h"

size_t
amqp_frame_begin(struct writer *w, uint8_t type, uint16_t channel)
{
	writer_u8(w, type);
	writer_u16(w, channel);
	return writer_mark(w);
}

void
amqp_frame_end(struct writer *w, size_t mark)
{
	writer_patch(w, mark);
	writer_u8(w, FRAME_END);
}
