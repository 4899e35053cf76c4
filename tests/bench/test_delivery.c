/* test_delivery.c - deliveries are put together from right frames only. */
#include "amqp/method.h"
#include "tests/bench/delivery.h"
#include "tests/unit/unit.h"

static struct delivery delivery;
static struct writer payload;

static enum delivery_status
feed(uint8_t type)
{
	struct amqp_frame f = {
	    type, 1, (uint32_t)payload.n, writer_view(&payload)};

	return delivery_frame(&delivery, &f);
}

static void
begin(void)
{
	delivery_fini(&delivery);
	delivery = (struct delivery){.assemble = true};
	payload.n = 0;
}

static enum delivery_status
feed_deliver(const char *tag)
{
	struct amqp_method m = {.id = AMQP_basic_deliver};

	m.basic_deliver.consumer_tag = bytes_str(tag);
	m.basic_deliver.delivery_tag = 7;
	m.basic_deliver.redelivered = true;
	m.basic_deliver.routing_key = BYTES("key");
	payload.n = 0;
	amqp_method_encode(&payload, &m);
	return feed(FRAME_METHOD);
}

static enum delivery_status
feed_header(uint64_t size)
{
	payload.n = 0;
	writer_u16(&payload, 60);
	writer_u16(&payload, 0);
	writer_u64(&payload, size);
	writer_u16(&payload, 0);
	return feed(FRAME_HEADER);
}

static enum delivery_status
feed_body(const char *text)
{
	payload.n = 0;
	writer_bytes(&payload, bytes_str(text));
	return feed(FRAME_BODY);
}

static void
test_frames_make_a_message(void)
{
	begin();
	CU_ASSERT_EQUAL(feed_deliver("12"), DELIVERY_PARTIAL);
	CU_ASSERT_EQUAL(feed_header(12), DELIVERY_PARTIAL);
	CU_ASSERT_EQUAL(feed_body("01234567"), DELIVERY_PARTIAL);
	CU_ASSERT_EQUAL(feed_body("89ab"), DELIVERY_COMPLETE);
	CU_ASSERT_EQUAL(delivery.tag, 7);
	CU_ASSERT_EQUAL(delivery.queue, 12);
	CU_ASSERT(delivery.redelivered);
	CU_ASSERT_EQUAL(delivery_number(&delivery), 0x3031323334353637);
	CU_ASSERT(
	    bytes_eq(writer_view(&delivery.whole), BYTES("0123456789ab")));
	CU_ASSERT_EQUAL(feed_deliver("1"), DELIVERY_PARTIAL);
}

static void
test_empty_body_has_no_frame(void)
{
	begin();
	feed_deliver("0");
	CU_ASSERT_EQUAL(feed_header(0), DELIVERY_COMPLETE);
	CU_ASSERT_EQUAL(feed_body("x"), DELIVERY_BROKEN);
}

static void
test_frames_out_of_turn_are_refused(void)
{
	begin();
	CU_ASSERT_EQUAL(feed_header(1), DELIVERY_BROKEN);
	CU_ASSERT_EQUAL(feed_body("x"), DELIVERY_BROKEN);
	CU_ASSERT_EQUAL(feed_deliver("0"), DELIVERY_PARTIAL);
	CU_ASSERT_EQUAL(feed_body("x"), DELIVERY_BROKEN);
	CU_ASSERT_EQUAL(feed_deliver("0"), DELIVERY_BROKEN);
	CU_ASSERT_EQUAL(feed_header(3), DELIVERY_PARTIAL);
	CU_ASSERT_EQUAL(feed_header(3), DELIVERY_BROKEN);
}

static void
test_body_beyond_its_size_is_refused(void)
{
	begin();
	feed_deliver("0");
	feed_header(3);
	CU_ASSERT_EQUAL(feed_body("xy"), DELIVERY_PARTIAL);
	CU_ASSERT_EQUAL(feed_body("zz"), DELIVERY_BROKEN);
}

static void
test_foreign_consumer_tag_is_refused(void)
{
	begin();
	CU_ASSERT_EQUAL(feed_deliver("1x"), DELIVERY_BROKEN);
	CU_ASSERT_EQUAL(feed_deliver(""), DELIVERY_BROKEN);
	CU_ASSERT_EQUAL(feed_deliver("99999999999999999999"), DELIVERY_BROKEN);
}

/* Every shorter payload of basic.deliver and of the content header. */
static void
test_cut_payloads_are_refused(void)
{
	begin();
	feed_deliver("5");
	while (payload.n > 0) {
		payload.n--;
		delivery.expect = 0;
		CU_ASSERT_EQUAL(feed(FRAME_METHOD), DELIVERY_BROKEN);
	}
	feed_deliver("5");
	feed_header(1);
	while (payload.n > 0) {
		payload.n--;
		delivery.expect = FRAME_HEADER;
		CU_ASSERT_EQUAL(feed(FRAME_HEADER), DELIVERY_BROKEN);
	}
	writer_fini(&payload);
	delivery_fini(&delivery);
}

#define ROW(name)                                                              \
	{                                                                      \
#name, test_##name                                             \
	}
static const struct unit_test tests[] = {
    ROW(frames_make_a_message),
    ROW(empty_body_has_no_frame),
    ROW(frames_out_of_turn_are_refused),
    ROW(body_beyond_its_size_is_refused),
    ROW(foreign_consumer_tag_is_refused),
    ROW(cut_payloads_are_refused),
};

UNIT_MAIN("delivery", tests)
