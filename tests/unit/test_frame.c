/* test_frame.c - frames as they come, whole and in pieces, and as they go. */
#include <stdlib.h>

#include "amqp/frame.h"
#include "tests/unit/unit.h"

#define HEARTBEAT BYTES("\x08\0\0\0\0\0\0\xce")
#define METHOD BYTES("\x01\x12\x34\0\0\0\x04\0\x0a\0\x33\xce")

static void
whole_frame_is_complete(void)
{
	struct amqp_frame f = {0};
	CU_ASSERT_EQUAL(amqp_frame_peek(METHOD, 0, &f), FRAME_COMPLETE);
	CU_ASSERT_EQUAL(f.type, FRAME_METHOD);
	CU_ASSERT_EQUAL(f.channel, 0x1234);
	CU_ASSERT_EQUAL(f.size, 4);
	CU_ASSERT(bytes_eq(f.payload, BYTES("\0\x0a\0\x33")));
}

static void
empty_payload_is_complete(void)
{
	struct amqp_frame f = {0};
	CU_ASSERT_EQUAL(amqp_frame_peek(HEARTBEAT, 4096, &f), FRAME_COMPLETE);
	CU_ASSERT_EQUAL(f.type, FRAME_HEARTBEAT);
	CU_ASSERT_EQUAL(f.payload.n, 0);
}

/* Copied to memory of just that size, so that reading past it is seen. */
static void
every_shorter_piece_is_partial(void)
{
	struct bytes whole = METHOD;
	for (size_t n = 0; n < whole.n; n++) {
		struct amqp_frame f = {0};
		uint8_t *piece = malloc(n + 1);
		memcpy(piece + 1, whole.p, n);
		CU_ASSERT_EQUAL(
		    amqp_frame_peek((struct bytes){piece + 1, n}, 0, &f),
		    FRAME_PARTIAL);
		free(piece);
	}
}

static void
prefix_is_told_before_the_payload_is_there(void)
{
	struct bytes prefix = {METHOD.p, FRAME_PREFIX};
	struct amqp_frame f = {0};
	CU_ASSERT_EQUAL(amqp_frame_peek(prefix, 0, &f), FRAME_PARTIAL);
	CU_ASSERT_EQUAL(f.type, FRAME_METHOD);
	CU_ASSERT_EQUAL(f.channel, 0x1234);
	CU_ASSERT_EQUAL(f.size, 4);
}

static void
bytes_behind_the_frame_are_left_alone(void)
{
	struct amqp_frame f = {0};
	struct bytes two = BYTES("\x08\0\0\0\0\0\0\xce\x01\x02");
	CU_ASSERT_EQUAL(amqp_frame_peek(two, 0, &f), FRAME_COMPLETE);
	CU_ASSERT_EQUAL(f.size + FRAME_OVERHEAD, 8);
}

static void
wrong_end_octet_is_told(void)
{
	struct amqp_frame f = {0};
	CU_ASSERT_EQUAL(amqp_frame_peek(BYTES("\x08\0\0\0\0\0\0\xcd"), 0, &f),
	    FRAME_BAD_END);
}

static void
limit_is_of_the_payload_and_told_at_once(void)
{
	struct amqp_frame f = {0};
	struct bytes prefix = {METHOD.p, FRAME_PREFIX};
	CU_ASSERT_EQUAL(amqp_frame_peek(METHOD, 4, &f), FRAME_COMPLETE);
	CU_ASSERT_EQUAL(amqp_frame_peek(METHOD, 3, &f), FRAME_TOO_LARGE);
	CU_ASSERT_EQUAL(amqp_frame_peek(prefix, 3, &f), FRAME_TOO_LARGE);
}

static void
largest_size_does_not_wrap(void)
{
	struct amqp_frame f = {0};
	struct bytes huge = BYTES("\x03\0\x01\xff\xff\xff\xff"
				  "abc");
	CU_ASSERT_EQUAL(amqp_frame_peek(huge, 0, &f), FRAME_PARTIAL);
	CU_ASSERT_EQUAL(f.size, UINT32_MAX);
	CU_ASSERT_EQUAL(
	    amqp_frame_peek(huge, UINT32_MAX - 1, &f), FRAME_TOO_LARGE);
}

static void
what_begin_and_end_write_is_read_back(void)
{
	struct writer w = {0};
	struct amqp_frame f = {0};
	size_t mark = amqp_frame_begin(&w, FRAME_BODY, 513);
	writer_bytes(&w, BYTES("body"));
	amqp_frame_end(&w, mark);
	CU_ASSERT_EQUAL(
	    amqp_frame_peek(writer_view(&w), 4, &f), FRAME_COMPLETE);
	CU_ASSERT_EQUAL(f.type, FRAME_BODY);
	CU_ASSERT_EQUAL(f.channel, 513);
	CU_ASSERT(bytes_eq(f.payload, BYTES("body")));
	CU_ASSERT_EQUAL(w.n, 4 + FRAME_OVERHEAD);
	writer_fini(&w);
}

static const struct unit_test tests[] = {
    {"whole frame is complete", whole_frame_is_complete},
    {"empty payload is complete", empty_payload_is_complete},
    {"every shorter piece is partial", every_shorter_piece_is_partial},
    {"prefix is told before the payload is there",
	prefix_is_told_before_the_payload_is_there},
    {"bytes behind the frame are left alone",
	bytes_behind_the_frame_are_left_alone},
    {"wrong end octet is told", wrong_end_octet_is_told},
    {"limit is of the payload and told at once",
	limit_is_of_the_payload_and_told_at_once},
    {"largest size does not wrap", largest_size_does_not_wrap},
    {"what begin and end write is read back",
	what_begin_and_end_write_is_read_back},
};

UNIT_MAIN("frame", tests)
