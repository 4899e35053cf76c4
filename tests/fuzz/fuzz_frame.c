/* fuzz_frame.c - a stream is taken apart into frames and put together again.
 *
 * The first two octets choose the limit. */
#include "amqp/frame.h"
#include "tests/fuzz/fuzz.h"

/* What was read is what would be written. */
static void
check_writing(const struct amqp_frame *f, struct bytes wire)
{
	struct writer w = {0};
	size_t mark = amqp_frame_begin(&w, f->type, f->channel);
	writer_bytes(&w, f->payload);
	amqp_frame_end(&w, mark);
	MUST(bytes_eq(writer_view(&w), wire));
	writer_fini(&w);
}

/* No frame is complete before its last octet, nor needs one more. */
static void
check_cuts(struct bytes wire, uint32_t limit)
{
	struct amqp_frame f;
	for (size_t n = 0; n < wire.n; n += 1 + n / 4)
		MUST(amqp_frame_peek((struct bytes){wire.p, n}, limit, &f) ==
		     FRAME_PARTIAL);
	MUST(amqp_frame_peek((struct bytes){wire.p, wire.n - 1}, limit, &f) ==
	     FRAME_PARTIAL);
	MUST(amqp_frame_peek(wire, limit, &f) == FRAME_COMPLETE);
}

static size_t
take_frame(struct bytes input, uint32_t limit)
{
	struct amqp_frame f;
	enum amqp_frame_status status = amqp_frame_peek(input, limit, &f);
	if (status == FRAME_TOO_LARGE)
		MUST(limit != 0 && f.size > limit);
	if (status != FRAME_COMPLETE)
		return 0;
	struct bytes wire = {input.p, (size_t)f.size + FRAME_OVERHEAD};
	MUST(wire.n <= input.n && (limit == 0 || f.size <= limit));
	MUST(f.payload.p == input.p + FRAME_PREFIX && f.payload.n == f.size);
	check_writing(&f, wire);
	check_cuts(wire, limit);
	return wire.n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of((struct bytes){data, size});
	uint32_t limit = reader_u16(&r);
	for (size_t n = 1; n != 0; reader_bytes(&r, n))
		n = take_frame((struct bytes){r.p, reader_left(&r)}, limit);
	return 0;
}
