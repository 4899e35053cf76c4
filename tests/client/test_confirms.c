/* test_confirms.c - every publish is confirmed, once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/client/case.h"
#include "tests/client/rabbit.h"

static amqp_bytes_t
bytes(const char *string)
{
	return amqp_cstring_bytes(string);
}

static void
fill_and_count(int count, int window)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("filled");

	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_fill(c, 1, queue, 0, count, window);
	rabbit_nothing(c);
	expect_number(rabbit_delete(c, 1, queue), count);
	rabbit_close(c);
	free(queue);
}

static void
test_one_at_a_time(void)
{
	fill_and_count(300, 1);
}

static void
test_batch(void)
{
	fill_and_count(5000, 5000);
}

static void
test_window(void)
{
	fill_and_count(50000, 1000);
}

static void
publish_plain(amqp_connection_state_t c, const char *exchange, const char *key,
    bool mandatory)
{
	expect_number(amqp_basic_publish(c, 1, bytes(exchange), bytes(key),
			  mandatory, 0, NULL, bytes("plain")),
	    AMQP_STATUS_OK);
}

static void
test_transient(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	struct rabbit_confirms cs;
	char *queue = case_name("transient");

	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	rabbit_confirm_select(c, 1);
	rabbit_confirms_init(&cs, 1, 1000);
	while (cs.published < 1000) {
		publish_plain(c, "", queue, false);
		cs.published++;
	}
	rabbit_confirms_wait(c, &cs, 0);
	rabbit_nothing(c);
	rabbit_close(c);
	rabbit_confirms_fini(&cs);
	free(queue);
}

static void
test_unroutable(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	struct rabbit_confirms cs;

	rabbit_confirm_select(c, 1);
	rabbit_confirms_init(&cs, 1, 100);
	while (cs.published < 100) {
		publish_plain(c, "amq.direct", "client.nobody", false);
		cs.published++;
	}
	rabbit_confirms_wait(c, &cs, 0);
	rabbit_close(c);
	rabbit_confirms_fini(&cs);
}

static void
expect_return(amqp_connection_state_t c)
{
	struct rabbit_event e;
	amqp_basic_return_t *r;

	rabbit_wait(c, &e, RABBIT_PATIENCE_MS);
	expect_number(e.kind, RABBIT_RETURN);
	r = e.method.decoded;
	expect_number(r->reply_code, 312);
	expect(rabbit_same(r->reply_text, bytes("NO_ROUTE")));
	expect(rabbit_same(r->exchange, bytes("amq.direct")));
	expect(rabbit_same(r->routing_key, bytes("client.nobody")));
	expect(rabbit_same(e.letter.message.body, bytes("plain")));
	rabbit_event_fini(&e);
}

static void
test_return_before_confirm(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	struct rabbit_confirms cs;

	rabbit_confirm_select(c, 1);
	rabbit_confirms_init(&cs, 1, 20);
	while (cs.published < 20) {
		publish_plain(c, "amq.direct", "client.nobody", true);
		cs.published++;
		expect_return(c);
		rabbit_confirms_wait(c, &cs, 0);
	}
	rabbit_close(c);
	rabbit_confirms_fini(&cs);
}

static void
test_return_without_confirms(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());

	publish_plain(c, "amq.direct", "client.nobody", true);
	expect_return(c);
	rabbit_close(c);
}

/* Publishing on two channels in turn: each counts from 1 for itself. */
static void
test_channels_count_apart(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	struct rabbit_confirms cs[2];
	struct rabbit_event e;
	char *queue = case_name("apart");

	rabbit_open(c, 2);
	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	for (int n = 0; n < 2; n++) {
		rabbit_confirm_select(c, n + 1);
		rabbit_confirms_init(&cs[n], n + 1, 1000);
	}
	for (int n = 0; n < 1500; n++) {
		rabbit_publish_number(c, n % 3 == 0 ? 2 : 1, queue, n);
		cs[n % 3 == 0].published++;
	}
	while (cs[0].confirmed + cs[1].confirmed < 1500) {
		rabbit_wait(c, &e, RABBIT_PATIENCE_MS);
		expect_number(e.kind, RABBIT_CONFIRM);
		rabbit_confirms_take(&cs[e.channel - 1], &e.ack);
	}
	expect_number(cs[0].confirmed, 1000);
	expect_number(cs[1].confirmed, 500);
	expect_number(rabbit_delete(c, 1, queue), 1500);
	rabbit_close(c);
	free(queue);
}

static void
test_select_again_goes_on_counting(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	struct rabbit_confirms cs;
	char *queue = case_name("again");

	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	rabbit_confirms_init(&cs, 1, 4);
	for (int n = 0; n < 4; n++) {
		rabbit_confirm_select(c, 1);
		rabbit_publish_number(c, 1, queue, n);
		cs.published++;
		rabbit_confirms_wait(c, &cs, 0);
	}
	rabbit_close(c);
	free(queue);
}

static void
test_published_before_select(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("before");

	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	for (int n = 0; n < 10; n++)
		rabbit_publish_number(c, 1, queue, n);
	rabbit_fill(c, 1, queue, 10, 20, 10);
	rabbit_nothing(c);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 0, 20, false);
	rabbit_close(c);
	free(queue);
}

/* Publisher and consumer on one channel: two numberings, one socket. */
static void
test_while_consuming(void)
{
	enum { COUNT = 5000 };
	amqp_connection_state_t c = rabbit_connect(case_url());
	struct rabbit_confirms cs;
	struct rabbit_event e;
	char *queue = case_name("both");
	uint64_t seen = 0;

	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_qos(c, 1, 100, false);
	rabbit_consume(c, 1, queue, NULL, false);
	rabbit_confirm_select(c, 1);
	rabbit_confirms_init(&cs, 1, COUNT);
	while (seen < COUNT || cs.confirmed < COUNT) {
		while (
		    cs.published < COUNT && cs.published - cs.confirmed < 200)
			rabbit_publish_number(c, 1, queue, cs.published++);
		rabbit_wait(c, &e, RABBIT_PATIENCE_MS);
		if (e.kind == RABBIT_CONFIRM) {
			rabbit_confirms_take(&cs, &e.ack);
			continue;
		}
		expect_number(e.kind, RABBIT_DELIVERY);
		expect_number(e.letter.delivery_tag, ++seen);
		amqp_basic_ack(c, 1, seen, 0);
		rabbit_event_fini(&e);
	}
	expect_number(rabbit_delete(c, 1, queue), 0);
	rabbit_close(c);
	free(queue);
}

static void
test_counts_after_confirm(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	amqp_connection_state_t other = rabbit_connect(case_url());
	char *queue = case_name("counted");
	uint64_t n;

	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	for (n = 0; n < 50; n++) {
		rabbit_open(c, 2);
		rabbit_fill(c, 2, queue, n, n + 1, 1);
		rabbit_close_channel(c, 2);
		expect_number(rabbit_count(other, 1, queue), n + 1);
	}
	rabbit_delete(c, 1, queue);
	rabbit_close(other);
	rabbit_close(c);
	free(queue);
}

/* One publish to durable and transient queues alike is one confirm. */
static void
test_fan_out_is_one_confirm(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	struct rabbit_confirms cs;
	char *prefix = case_name("fan"), name[80];

	rabbit_exchange(c, 1, prefix, "fanout", RABBIT_AUTO_DELETE);
	for (int n = 0; n < 20; n++) {
		snprintf(name, sizeof name, "%s.%d", prefix, n);
		rabbit_queue(
		    c, 1, name, n % 2 == 0 ? RABBIT_DURABLE : RABBIT_EXCLUSIVE);
		rabbit_bind(c, 1, name, prefix, "");
	}
	rabbit_confirm_select(c, 1);
	rabbit_confirms_init(&cs, 1, 100);
	while (cs.published < 100) {
		rabbit_publish(c, 1, prefix, "", bytes("to all"));
		cs.published++;
	}
	rabbit_confirms_wait(c, &cs, 0);
	rabbit_nothing(c);
	for (int n = 0; n < 20; n++) {
		snprintf(name, sizeof name, "%s.%d", prefix, n);
		expect_number(rabbit_delete(c, 1, name), 100);
	}
	rabbit_close(c);
	free(prefix);
}

/* Closing a channel with confirms under way costs nobody else a confirm. */
static void
test_close_with_confirms_under_way(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	amqp_connection_state_t other = rabbit_connect(case_url());
	char *queue = case_name("underway");

	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	for (int n = 0; n < 50; n++) {
		rabbit_open(c, 2);
		rabbit_confirm_select(c, 2);
		for (int m = 0; m < 20; m++)
			rabbit_publish_number(c, 2, queue, m);
		rabbit_close_channel(c, 2);
		rabbit_open(other, 2);
		rabbit_fill(other, 2, queue, 0, 1, 1);
		rabbit_close_channel(other, 2);
	}
	expect_number(rabbit_delete(c, 1, queue), 50 * 21);
	rabbit_close(other);
	rabbit_close(c);
	free(queue);
}

static void
test_queue_deleted_meanwhile(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	amqp_connection_state_t other = rabbit_connect(case_url());
	struct rabbit_confirms cs;
	char *queue = case_name("vanishing");

	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_confirm_select(c, 1);
	rabbit_confirms_init(&cs, 1, 2000);
	while (cs.published < 2000) {
		rabbit_publish_number(c, 1, queue, cs.published);
		if (++cs.published == 1000)
			rabbit_delete(other, 1, queue);
	}
	rabbit_confirms_wait(c, &cs, 0);
	rabbit_close(other);
	rabbit_close(c);
	free(queue);
}

static const struct test_case cases[] = {
    {"confirms one at a time", test_one_at_a_time},
    {"confirms of a batch of 5000", test_batch},
    {"confirms of 50000 in a window of 1000", test_window},
    {"transient messages are confirmed", test_transient},
    {"unroutable messages are confirmed", test_unroutable},
    {"return comes before its confirm", test_return_before_confirm},
    {"return comes without confirm mode", test_return_without_confirms},
    {"two channels count their confirms apart", test_channels_count_apart},
    {"selecting again goes on counting", test_select_again_goes_on_counting},
    {"counting begins at select", test_published_before_select},
    {"confirms while consuming on the channel", test_while_consuming},
    {"counts are exact after a confirm", test_counts_after_confirm},
    {"fan-out is one confirm", test_fan_out_is_one_confirm},
    {"channel closed with confirms under way",
	test_close_with_confirms_under_way},
    {"queue deleted with confirms under way", test_queue_deleted_meanwhile},
};

CASE_MAIN(CASE_SHARED, cases)
