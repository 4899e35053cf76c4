/* delivery.c - puts the frames of basic.deliver together again. */
#include "amqp/method.h"
#include "tests/bench/delivery.h"

/* The consumer tag is the queue's index in decimal. */
static bool
read_index(struct bytes tag, unsigned *index)
{
	unsigned n = 0;

	for (size_t i = 0; i < tag.n; i++) {
		if (tag.p[i] < '0' || tag.p[i] > '9' || n > 99999999)
			return false;
		n = n * 10 + (unsigned)(tag.p[i] - '0');
	}
	*index = n;
	return tag.n > 0;
}

static enum delivery_status
read_method(struct delivery *d, struct bytes payload)
{
	struct reader r = reader_of(payload);
	uint32_t id = reader_u32(&r);
	struct bytes consumer = reader_shortstr(&r);

	d->tag = reader_u64(&r);
	d->redelivered = reader_u8(&r) & 1;
	reader_shortstr(&r); /* exchange */
	reader_shortstr(&r); /* routing key */
	if (id != AMQP_basic_deliver || !reader_ok(&r) ||
	    !read_index(consumer, &d->queue))
		return DELIVERY_BROKEN;
	d->expect = FRAME_HEADER;
	return DELIVERY_PARTIAL;
}

static enum delivery_status
complete(struct delivery *d)
{
	d->expect = 0;
	return DELIVERY_COMPLETE;
}

static enum delivery_status
read_header(struct delivery *d, struct bytes payload)
{
	if (payload.n < FRAME_CONTENT_HEADER + 2 ||
	    get_u16(payload.p) != AMQP_basic_deliver >> 16)
		return DELIVERY_BROKEN;
	d->size = get_u64(payload.p + 4);
	d->received = 0;
	d->whole.n = 0;
	d->expect = FRAME_BODY;
	return d->size == 0 ? complete(d) : DELIVERY_PARTIAL;
}

static enum delivery_status
read_body(struct delivery *d, struct bytes payload)
{
	if (payload.n == 0 || payload.n > d->size - d->received)
		return DELIVERY_BROKEN;
	if (d->received == 0)
		memcpy(d->head, payload.p,
		    payload.n < STAMP_BOTH ? payload.n : STAMP_BOTH);
	if (d->assemble)
		writer_bytes(&d->whole, payload);
	d->received += payload.n;
	return d->received == d->size ? complete(d) : DELIVERY_PARTIAL;
}

enum delivery_status
delivery_frame(struct delivery *d, const struct amqp_frame *f)
{
	if (f->type == FRAME_METHOD && d->expect == 0)
		return read_method(d, f->payload);
	if (f->type == FRAME_HEADER && d->expect == FRAME_HEADER)
		return read_header(d, f->payload);
	if (f->type == FRAME_BODY && d->expect == FRAME_BODY)
		return read_body(d, f->payload);
	return DELIVERY_BROKEN;
}

void
delivery_fini(struct delivery *d)
{
	writer_fini(&d->whole);
}
