/* test_acks.c - consuming: who gets what, in which order, and again. */
#include <stdlib.h>
#include <string.h>

#include "tests/client/case.h"
#include "tests/client/rabbit.h"

static amqp_bytes_t
bytes(const char *string)
{
	return amqp_cstring_bytes(string);
}

/* A connection with COUNT numbers in a durable queue; *QUEUE is its name. */
static amqp_connection_state_t
filled(const char *word, int count, char **queue)
{
	amqp_connection_state_t c = rabbit_connect(case_url());

	*queue = case_name(word);
	rabbit_queue(c, 1, *queue, RABBIT_DURABLE);
	rabbit_open(c, 9);
	rabbit_fill(c, 9, *queue, 0, count, 500);
	rabbit_close_channel(c, 9);
	return c;
}

/* Deletes the queue, in which COUNT messages are ready, and closes. */
static void
emptied(amqp_connection_state_t c, char *queue, int count)
{
	rabbit_open(c, 9);
	expect_number(rabbit_delete(c, 9, queue), count);
	rabbit_close(c);
	free(queue);
}

static void
test_prefetch(void)
{
	char *queue;
	amqp_connection_state_t c = filled("prefetch", 100, &queue);
	uint64_t tag;

	rabbit_qos(c, 1, 10, false);
	rabbit_consume(c, 1, queue, NULL, false);
	tag = rabbit_next_numbers(c, 0, 10, false);
	rabbit_nothing(c);
	amqp_basic_ack(c, 1, tag - 9, 0);
	rabbit_next_numbers(c, 10, 11, false);
	rabbit_nothing(c);
	amqp_basic_ack(c, 1, tag, 1);
	tag = rabbit_next_numbers(c, 11, 20, false);
	rabbit_nothing(c);
	rabbit_close_channel(c, 1);
	emptied(c, queue, 90);
}

static void
test_prefetch_one(void)
{
	char *queue;
	amqp_connection_state_t c = filled("one", 500, &queue);

	rabbit_qos(c, 1, 1, false);
	rabbit_consume(c, 1, queue, NULL, false);
	for (int n = 0; n < 500; n++)
		amqp_basic_ack(
		    c, 1, rabbit_next_numbers(c, n, n + 1, false), 0);
	emptied(c, queue, 0);
}

static void
test_prefetch_of_channel(void)
{
	char *queue;
	amqp_connection_state_t c = filled("global", 20, &queue);
	uint64_t tag;

	rabbit_qos(c, 1, 5, true);
	rabbit_consume(c, 1, queue, "one", false);
	rabbit_consume(c, 1, queue, "two", false);
	tag = rabbit_next_numbers(c, 0, 5, false);
	rabbit_nothing(c);
	amqp_basic_ack(c, 1, tag, 1);
	rabbit_next_numbers(c, 5, 10, false);
	rabbit_nothing(c);
	rabbit_close_channel(c, 1);
	emptied(c, queue, 15);
}

static void
test_unlimited(void)
{
	char *queue;
	amqp_connection_state_t c = filled("unlimited", 5000, &queue);
	uint64_t tag;

	rabbit_consume(c, 1, queue, NULL, false);
	tag = rabbit_next_numbers(c, 0, 5000, false);
	expect_number(tag, 5000);
	amqp_basic_ack(c, 1, tag, 1);
	emptied(c, queue, 0);
}

static void
test_ack_in_any_order(void)
{
	char *queue;
	amqp_connection_state_t c = filled("order", 100, &queue);

	rabbit_consume(c, 1, queue, NULL, false);
	rabbit_next_numbers(c, 0, 100, false);
	for (int tag = 100; tag > 0; tag--)
		if (tag % 10 != 0)
			amqp_basic_ack(c, 1, tag, 0);
	rabbit_close_channel(c, 1);
	rabbit_open(c, 1);
	rabbit_consume(c, 1, queue, NULL, true);
	for (int n = 9; n < 100; n += 10)
		rabbit_next_numbers(c, n, n + 1, true);
	rabbit_nothing(c);
	emptied(c, queue, 0);
}

static void
test_ack_zero_means_all(void)
{
	char *queue;
	amqp_connection_state_t c = filled("zero", 50, &queue);

	rabbit_consume(c, 1, queue, NULL, false);
	rabbit_next_numbers(c, 0, 50, false);
	amqp_basic_ack(c, 1, 0, 1);
	amqp_basic_ack(c, 1, 0, 1); /* nothing is left: not an error */
	rabbit_close_channel(c, 1);
	emptied(c, queue, 0);
}

static void
test_unknown_tag(void)
{
	char *queue;
	amqp_connection_state_t c = filled("unknown", 1, &queue);

	amqp_basic_ack(c, 1, 1, 0);
	rabbit_channel_closes(
	    c, 1, 406, "PRECONDITION_FAILED - unknown delivery tag 1");
	emptied(c, queue, 1);
}

static void
test_double_ack(void)
{
	char *queue;
	amqp_connection_state_t c = filled("double", 2, &queue);

	rabbit_consume(c, 1, queue, NULL, false);
	rabbit_next_numbers(c, 0, 2, false);
	amqp_basic_ack(c, 1, 1, 0);
	amqp_basic_ack(c, 1, 1, 0);
	rabbit_channel_closes(
	    c, 1, 406, "PRECONDITION_FAILED - unknown delivery tag 1");
	emptied(c, queue, 1);
}

static void
test_tags_belong_to_their_channel(void)
{
	char *queue;
	amqp_connection_state_t c = filled("channels", 2, &queue);

	rabbit_open(c, 2);
	rabbit_qos(c, 1, 1, false);
	rabbit_qos(c, 2, 1, false);
	rabbit_consume(c, 1, queue, NULL, false);
	rabbit_next_numbers(c, 0, 1, false);
	rabbit_consume(c, 2, queue, NULL, false);
	expect_number(rabbit_next_numbers(c, 1, 2, false), 1);
	amqp_basic_ack(c, 2, 1, 0);
	rabbit_close_channel(c, 2);
	rabbit_close_channel(c, 1);
	emptied(c, queue, 1);
}

static void
test_nack_multiple_requeues(void)
{
	char *queue;
	amqp_connection_state_t c = filled("nack", 10, &queue);
	amqp_basic_get_ok_t ok;
	amqp_message_t m;

	for (int n = 0; n < 6; n++) {
		expect(rabbit_get(c, 1, queue, false, &ok, &m));
		amqp_destroy_message(&m);
	}
	amqp_basic_nack(c, 1, ok.delivery_tag, 1, 1);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 0, 6, true);
	rabbit_next_numbers(c, 6, 10, false);
	emptied(c, queue, 0);
}

static void
test_requeue_to_old_place(void)
{
	char *queue;
	amqp_connection_state_t c = filled("place", 10, &queue);

	rabbit_qos(c, 1, 5, false);
	rabbit_consume(c, 1, queue, "reader", false);
	rabbit_next_numbers(c, 0, 5, false);
	amqp_basic_cancel(c, 1, bytes("reader"));
	rabbit_ok(c, "basic.cancel");
	amqp_basic_reject(c, 1, 4, 1);
	amqp_basic_reject(c, 1, 2, 1);
	amqp_basic_ack(c, 1, 1, 0);
	amqp_basic_reject(c, 1, 3, 0);
	amqp_basic_reject(c, 1, 5, 1);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 1, 2, true);
	rabbit_next_numbers(c, 3, 5, true);
	rabbit_next_numbers(c, 5, 10, false);
	emptied(c, queue, 0);
}

static void
test_requeued_goes_round(void)
{
	char *queue;
	amqp_connection_state_t c = filled("round", 1, &queue);

	rabbit_consume(c, 1, queue, NULL, false);
	amqp_basic_reject(c, 1, rabbit_next_numbers(c, 0, 1, false), 1);
	for (int n = 0; n < 200; n++)
		amqp_basic_reject(c, 1, rabbit_next_numbers(c, 0, 1, true), 1);
	amqp_basic_ack(c, 1, rabbit_next_numbers(c, 0, 1, true), 0);
	emptied(c, queue, 0);
}

static void
test_recover(void)
{
	char *queue;
	amqp_connection_state_t c = filled("recover", 5, &queue);

	rabbit_consume(c, 1, queue, NULL, false);
	rabbit_next_numbers(c, 0, 5, false);
	amqp_basic_recover(c, 1, 1);
	rabbit_ok(c, "basic.recover");
	rabbit_next_numbers(c, 0, 5, true);
	rabbit_close_channel(c, 1);
	emptied(c, queue, 5);
}

static void
test_channel_close_requeues(void)
{
	char *queue;
	amqp_connection_state_t c = filled("closed", 1000, &queue);

	rabbit_qos(c, 1, 700, false);
	rabbit_consume(c, 1, queue, "reader", false);
	rabbit_next_numbers(c, 0, 700, false);
	amqp_basic_cancel(c, 1, bytes("reader"));
	rabbit_ok(c, "basic.cancel");
	amqp_basic_ack(c, 1, 300, 1);
	rabbit_close_channel(c, 1);
	rabbit_open(c, 1);
	rabbit_await_count(c, 1, queue, 700);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 300, 700, true);
	rabbit_next_numbers(c, 700, 1000, false);
	emptied(c, queue, 0);
}

static void
test_get(void)
{
	char *queue;
	amqp_connection_state_t c = filled("get", 3, &queue);
	amqp_basic_get_ok_t ok;
	amqp_message_t m;

	for (int n = 0; n < 3; n++) {
		expect(rabbit_get(c, 1, queue, n == 0, &ok, &m));
		expect_number(ok.message_count, 2 - n);
		expect_number(ok.redelivered, 0);
		expect_number(atoi((char[]){*(char *)m.body.bytes, 0}), n);
		expect_number(
		    m.properties.delivery_mode, AMQP_DELIVERY_PERSISTENT);
		amqp_destroy_message(&m);
	}
	expect(!rabbit_get(c, 1, queue, false, &ok, &m));
	amqp_basic_ack(c, 1, 2, 0);
	rabbit_close_channel(c, 1);
	emptied(c, queue, 1);
}

static void
test_round_robin(void)
{
	amqp_connection_state_t c[3];
	char *queue = case_name("robin");

	for (int n = 0; n < 3; n++)
		c[n] = rabbit_connect(case_url());
	rabbit_queue(c[0], 1, queue, RABBIT_AUTO_DELETE);
	for (int n = 0; n < 3; n++)
		rabbit_consume(c[n], 1, queue, NULL, true);
	rabbit_open(c[0], 2);
	for (int n = 0; n < 30; n++)
		rabbit_publish_number(c[0], 2, queue, n);
	for (int n = 0; n < 30; n++)
		rabbit_next_numbers(c[n % 3], n, n + 1, false);
	for (int n = 0; n < 3; n++)
		rabbit_close(c[n]);
	free(queue);
}

/* A consumer that is full does not stop the one that is not. */
static void
test_full_consumer_is_passed_over(void)
{
	char *queue;
	amqp_connection_state_t c = filled("full", 10, &queue);
	amqp_connection_state_t slow = rabbit_connect(case_url());

	rabbit_qos(slow, 1, 1, false);
	rabbit_consume(slow, 1, queue, NULL, false);
	rabbit_next_numbers(slow, 0, 1, false);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 1, 10, false);
	rabbit_close(slow);
	rabbit_next_numbers(c, 0, 1, true);
	emptied(c, queue, 0);
}

static void
test_exclusive_consumer(void)
{
	char *queue;
	amqp_connection_state_t c = filled("alone", 1, &queue);

	amqp_basic_consume(
	    c, 1, bytes(queue), bytes("alone"), 0, 1, 1, amqp_empty_table);
	rabbit_ok(c, "basic.consume");
	rabbit_next_numbers(c, 0, 1, false);
	rabbit_open(c, 2);
	amqp_basic_consume(
	    c, 2, bytes(queue), bytes("other"), 0, 1, 0, amqp_empty_table);
	rabbit_channel_refused(c, 2, 403, "in exclusive use");
	emptied(c, queue, 0);
}

static void
test_cancel(void)
{
	char *queue;
	amqp_connection_state_t c = filled("cancel", 10, &queue);

	rabbit_qos(c, 1, 3, false);
	rabbit_consume(c, 1, queue, "reader", false);
	rabbit_next_numbers(c, 0, 3, false);
	amqp_basic_cancel(c, 1, bytes("reader"));
	rabbit_ok(c, "basic.cancel");
	amqp_basic_ack(c, 1, 2, 1); /* deliveries outlive their consumer */
	rabbit_nothing(c);
	rabbit_close_channel(c, 1);
	emptied(c, queue, 8);
}

static void
test_cancelled_by_deletion(void)
{
	amqp_connection_state_t c;
	struct rabbit_event e;
	amqp_basic_cancel_t *cancel;
	char *queue = case_name("deleted");

	rabbit_login(
	    &c, case_url(), &(struct rabbit_login){.cancel_notify = true});
	rabbit_open(c, 1);
	rabbit_open(c, 2);
	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_consume(c, 2, queue, "reader", false);
	rabbit_delete(c, 1, queue);
	rabbit_wait(c, &e, RABBIT_PATIENCE_MS);
	expect_number(e.kind, RABBIT_METHOD);
	expect_number(e.method.id, AMQP_BASIC_CANCEL_METHOD);
	expect_number(e.channel, 2);
	cancel = e.method.decoded;
	expect(rabbit_same(cancel->consumer_tag, bytes("reader")));
	rabbit_close(c);
	free(queue);
}

/* Who did not ask to be told is not told. */
static void
test_deletion_unnoticed(void)
{
	char *queue;
	amqp_connection_state_t c = filled("unnoticed", 0, &queue);

	rabbit_open(c, 2);
	rabbit_consume(c, 2, queue, "reader", false);
	rabbit_delete(c, 1, queue);
	rabbit_nothing(c);
	rabbit_close(c);
	free(queue);
}

static void
test_second_tag_is_refused(void)
{
	char *queue;
	amqp_connection_state_t c = filled("tags", 0, &queue);

	rabbit_consume(c, 1, queue, "reader", false);
	amqp_basic_consume(
	    c, 1, bytes(queue), bytes("reader"), 0, 1, 0, amqp_empty_table);
	rabbit_connection_refused(amqp_get_rpc_reply(c), 530,
	    "NOT_ALLOWED - attempt to reuse consumer tag 'reader'");
	rabbit_drop(c);
	c = rabbit_connect(case_url());
	emptied(c, queue, 0);
}

/* Everything at full speed, in order, with acknowledgements. */
static void
test_hundred_thousand(void)
{
	enum { COUNT = 100000 };
	char *queue;
	amqp_connection_state_t c = filled("many", COUNT, &queue);

	rabbit_qos(c, 1, 1000, false);
	rabbit_consume(c, 1, queue, NULL, false);
	for (int n = 0; n < COUNT; n += 100)
		amqp_basic_ack(
		    c, 1, rabbit_next_numbers(c, n, n + 100, false), 1);
	rabbit_close_channel(c, 1);
	emptied(c, queue, 0);
}

static const struct test_case cases[] = {
    {"prefetch limits the unacknowledged", test_prefetch},
    {"prefetch of one, acknowledged each", test_prefetch_one},
    {"prefetch of a channel is shared by its consumers",
	test_prefetch_of_channel},
    {"no prefetch is no limit", test_unlimited},
    {"acks in any order", test_ack_in_any_order},
    {"ack of 0 with multiple means all", test_ack_zero_means_all},
    {"ack of an unknown tag closes the channel", test_unknown_tag},
    {"second ack of a tag closes the channel", test_double_ack},
    {"tags belong to their channel", test_tags_belong_to_their_channel},
    {"nack with multiple requeues in order", test_nack_multiple_requeues},
    {"requeued goes to its old place", test_requeue_to_old_place},
    {"requeued is delivered again and again", test_requeued_goes_round},
    {"recover delivers again", test_recover},
    {"channel close requeues in order", test_channel_close_requeues},
    {"get, acknowledged or not", test_get},
    {"consumers take turns", test_round_robin},
    {"full consumer is passed over", test_full_consumer_is_passed_over},
    {"exclusive consumer is alone", test_exclusive_consumer},
    {"cancel keeps what was delivered", test_cancel},
    {"deleting the queue cancels its consumers", test_cancelled_by_deletion},
    {"no cancel to who did not ask for it", test_deletion_unnoticed},
    {"consumer tag in use is refused", test_second_tag_is_refused},
    {"hundred thousand with acks in order", test_hundred_thousand},
};

CASE_MAIN(CASE_SHARED, cases)
