/* test_channels.c - channels, and what is declared on them. */
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
test_many_channels(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("own"), name[64];

	for (int channel = 2; channel <= 500; channel++)
		rabbit_open(c, channel);
	for (int channel = 1; channel <= 500; channel++) {
		snprintf(name, sizeof name, "%s.%d", queue, channel);
		rabbit_queue(c, channel, name, RABBIT_EXCLUSIVE);
		rabbit_consume(c, channel, name, NULL, true);
	}
	for (int channel = 500; channel >= 1; channel--) {
		snprintf(name, sizeof name, "%s.%d", queue, channel);
		rabbit_publish_number(c, channel, name, channel);
		rabbit_next_numbers(c, channel, channel + 1, false);
	}
	rabbit_close(c);
	free(queue);
}

static void
test_highest_number(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());

	rabbit_open(c, 2047);
	rabbit_queue(c, 2047, "", RABBIT_EXCLUSIVE);
	rabbit_close(c);
}

static void
test_number_is_free_after_close(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());

	for (int n = 0; n < 200; n++) {
		rabbit_open(c, 2);
		rabbit_queue(c, 2, "", RABBIT_EXCLUSIVE);
		rabbit_close_channel(c, 2);
	}
	rabbit_close(c);
}

static void
test_number_is_free_after_error(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());

	for (int n = 0; n < 200; n++) {
		rabbit_open(c, 2);
		rabbit_try_queue(c, 2, "client.nowhere", RABBIT_PASSIVE);
		rabbit_channel_refused(c, 2, 404,
		    "NOT_FOUND - no queue 'client.nowhere' in vhost ");
	}
	rabbit_close(c);
}

static void
test_error_leaves_the_neighbour(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("neighbour");

	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	rabbit_fill(c, 1, queue, 0, 3, 3);
	rabbit_consume(c, 1, queue, NULL, false);
	rabbit_open(c, 2);
	rabbit_publish(c, 2, "client.nowhere", "key", bytes("lost"));
	rabbit_next_numbers(c, 0, 3, false);
	rabbit_channel_closes(
	    c, 2, 404, "NOT_FOUND - no exchange 'client.nowhere' in vhost ");
	expect_number(amqp_basic_ack(c, 1, 3, 1), AMQP_STATUS_OK);
	expect_number(rabbit_delete(c, 1, queue), 0);
	rabbit_close(c);
	free(queue);
}

static void
test_unopened_channel(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());

	rabbit_try_queue(c, 5, "", RABBIT_EXCLUSIVE);
	rabbit_connection_refused(amqp_get_rpc_reply(c), 504,
	    "CHANNEL_ERROR - expected 'channel.open'");
	rabbit_drop(c);
}

static void
test_second_open(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());

	amqp_channel_open(c, 1);
	rabbit_connection_refused(amqp_get_rpc_reply(c), 504,
	    "CHANNEL_ERROR - second 'channel.open' seen");
	rabbit_drop(c);
}

static void
test_server_named_queues(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	amqp_queue_declare_ok_t *ok;
	char first[256];

	ok = rabbit_try_queue(c, 1, "", RABBIT_EXCLUSIVE);
	rabbit_ok(c, "queue.declare");
	expect_number(ok->queue.len, strlen("amq.gen-") + 22);
	snprintf(first, sizeof first, "%.*s", (int)ok->queue.len,
	    (char *)ok->queue.bytes);
	expect(strncmp(first, "amq.gen-", 8) == 0);
	ok = rabbit_try_queue(c, 1, "", RABBIT_EXCLUSIVE);
	rabbit_ok(c, "queue.declare");
	expect(!rabbit_same(ok->queue, bytes(first)));
	rabbit_publish_number(c, 1, first, 0);
	rabbit_consume(c, 1, first, NULL, true);
	rabbit_next_numbers(c, 0, 1, false);
	rabbit_close(c);
}

static void
test_redeclare(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("redeclared");

	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_try_queue(c, 1, queue, 0);
	rabbit_channel_refused(c, 1, 406,
	    "PRECONDITION_FAILED - inequivalent arg 'durable' for queue");
	rabbit_open(c, 1);
	rabbit_try_queue(c, 1, queue, RABBIT_DURABLE | RABBIT_AUTO_DELETE);
	rabbit_channel_refused(c, 1, 406, "inequivalent arg 'auto_delete'");
	rabbit_open(c, 1);
	rabbit_delete(c, 1, queue);
	rabbit_close(c);
	free(queue);
}

static void
test_reserved_name(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());

	rabbit_try_queue(c, 1, "amq.mine", 0);
	rabbit_channel_refused(c, 1, 403,
	    "ACCESS_REFUSED - queue name 'amq.mine' contains "
	    "reserved prefix 'amq.*'");
	rabbit_close(c);
}

static void
test_auto_delete(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("autodelete");

	rabbit_queue(c, 1, queue, RABBIT_AUTO_DELETE);
	rabbit_consume(c, 1, queue, "one", true);
	rabbit_consume(c, 1, queue, "two", true);
	amqp_basic_cancel(c, 1, bytes("one"));
	rabbit_ok(c, "basic.cancel");
	expect_number(rabbit_count(c, 1, queue), 0);
	amqp_basic_cancel(c, 1, bytes("two"));
	rabbit_ok(c, "basic.cancel");
	rabbit_try_queue(c, 1, queue, RABBIT_PASSIVE);
	rabbit_channel_refused(c, 1, 404, "NOT_FOUND - no queue");
	rabbit_close(c);
	free(queue);
}

static void
test_purge_and_counts(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("purged");
	amqp_queue_purge_ok_t *purged;
	amqp_basic_get_ok_t ok;
	amqp_message_t m;

	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_fill(c, 1, queue, 0, 100, 100);
	expect(rabbit_get(c, 1, queue, false, &ok, &m));
	expect_number(ok.message_count, 99);
	amqp_destroy_message(&m);
	purged = amqp_queue_purge(c, 1, bytes(queue));
	rabbit_ok(c, "queue.purge");
	expect_number(purged->message_count, 99);
	amqp_basic_nack(c, 1, ok.delivery_tag, 0, 1);
	rabbit_await_count(c, 1, queue, 1);
	expect_number(rabbit_delete(c, 1, queue), 1);
	rabbit_close(c);
	free(queue);
}

static void
test_delete_conditions(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("kept");

	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_fill(c, 1, queue, 0, 1, 1);
	amqp_queue_delete(c, 1, bytes(queue), 0, 1);
	rabbit_channel_refused(c, 1, 406, "not empty");
	rabbit_open(c, 1);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 0, 1, false);
	amqp_queue_delete(c, 1, bytes(queue), 1, 0);
	rabbit_channel_refused(c, 1, 406, "in use");
	rabbit_open(c, 1);
	expect_number(rabbit_delete(c, 1, queue), 0);
	expect_number(rabbit_delete(c, 1, queue), 0); /* again: not an error */
	rabbit_close(c);
	free(queue);
}

static void
publish_key(amqp_connection_state_t c, const char *exchange, const char *key)
{
	rabbit_publish(c, 1, exchange, key, bytes(key));
}

static void
test_direct_and_unbind(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *exchange = case_name("direct"), *queue = case_name("direct");

	rabbit_exchange(c, 1, exchange, "direct", RABBIT_AUTO_DELETE);
	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	rabbit_bind(c, 1, queue, exchange, "red");
	rabbit_bind(c, 1, queue, exchange, "blue");
	rabbit_consume(c, 1, queue, NULL, true);
	publish_key(c, exchange, "red");
	publish_key(c, exchange, "green");
	publish_key(c, exchange, "blue");
	rabbit_next(c, bytes("red"), false);
	rabbit_next(c, bytes("blue"), false);
	amqp_queue_unbind(c, 1, bytes(queue), bytes(exchange), bytes("red"),
	    amqp_empty_table);
	rabbit_ok(c, "queue.unbind");
	publish_key(c, exchange, "red");
	publish_key(c, exchange, "blue");
	rabbit_next(c, bytes("blue"), false);
	rabbit_nothing(c);
	rabbit_close(c);
	free(exchange);
	free(queue);
}

static void
test_topic(void)
{
	static const char *keys[] = {
	    "stock.usd.nyse", "stock", "usd.stock", "stock.eur", "", "a.usd.b"};
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("topic");

	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	rabbit_bind(c, 1, queue, "amq.topic", "stock.#");
	rabbit_bind(c, 1, queue, "amq.topic", "*.usd.*");
	rabbit_consume(c, 1, queue, NULL, true);
	for (size_t n = 0; n < sizeof keys / sizeof *keys; n++)
		publish_key(c, "amq.topic", keys[n]);
	rabbit_next(c, bytes("stock.usd.nyse"), false);
	rabbit_next(c, bytes("stock"), false);
	rabbit_next(c, bytes("stock.eur"), false);
	rabbit_next(c, bytes("a.usd.b"), false);
	rabbit_nothing(c);
	rabbit_close(c);
	free(queue);
}

static void
publish_colour(amqp_connection_state_t c, const char *colour)
{
	amqp_table_entry_t header = {.key = bytes("colour")};
	amqp_basic_properties_t properties = {
	    ._flags = AMQP_BASIC_HEADERS_FLAG, .headers = {1, &header}};

	header.value.kind = AMQP_FIELD_KIND_UTF8;
	header.value.value.bytes = bytes(colour);
	amqp_basic_publish(c, 1, bytes("amq.headers"), amqp_empty_bytes, 0, 0,
	    &properties, bytes(colour));
}

static void
test_headers(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("headers");
	amqp_table_entry_t entries[2] = {
	    {.key = bytes("colour")}, {.key = bytes("x-match")}};

	entries[0].value.kind = entries[1].value.kind = AMQP_FIELD_KIND_UTF8;
	entries[0].value.value.bytes = bytes("red");
	entries[1].value.value.bytes = bytes("all");
	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	amqp_queue_bind(c, 1, bytes(queue), bytes("amq.headers"),
	    amqp_empty_bytes, (amqp_table_t){2, entries});
	rabbit_ok(c, "queue.bind");
	rabbit_consume(c, 1, queue, NULL, true);
	publish_colour(c, "blue");
	publish_colour(c, "red");
	rabbit_next(c, bytes("red"), false);
	rabbit_nothing(c);
	rabbit_close(c);
	free(queue);
}

/* However many ways lead there, a queue gets one copy. */
static void
test_one_copy_per_queue(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *first = case_name("first"), *second = case_name("second");
	char *queue = case_name("once");

	rabbit_exchange(c, 1, first, "topic", 0);
	rabbit_exchange(c, 1, second, "fanout", 0);
	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	rabbit_bind(c, 1, queue, first, "a.*");
	rabbit_bind(c, 1, queue, first, "#");
	rabbit_bind(c, 1, queue, second, "");
	amqp_exchange_bind(
	    c, 1, bytes(second), bytes(first), bytes("a.b"), amqp_empty_table);
	rabbit_ok(c, "exchange.bind");
	amqp_exchange_bind(/* a ring */
	    c, 1, bytes(first), bytes(second), bytes(""), amqp_empty_table);
	rabbit_ok(c, "exchange.bind");
	rabbit_consume(c, 1, queue, NULL, true);
	publish_key(c, first, "a.b");
	rabbit_next(c, bytes("a.b"), false);
	rabbit_nothing(c);
	amqp_exchange_delete(c, 1, bytes(first), 0);
	rabbit_ok(c, "exchange.delete");
	publish_key(c, second, "x");
	rabbit_next(c, bytes("x"), false);
	amqp_exchange_delete(c, 1, bytes(second), 0);
	rabbit_ok(c, "exchange.delete");
	rabbit_close(c);
	free(first);
	free(second);
	free(queue);
}

static void
test_fan_out(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *exchange = case_name("fanout"), *prefix = case_name("out");
	char name[80];

	rabbit_exchange(c, 1, exchange, "fanout", RABBIT_AUTO_DELETE);
	for (int n = 0; n < 100; n++) {
		snprintf(name, sizeof name, "%s.%d", prefix, n);
		rabbit_queue(c, 1, name, RABBIT_EXCLUSIVE);
		rabbit_bind(c, 1, name, exchange, "");
		rabbit_consume(c, 1, name, NULL, true);
	}
	publish_key(c, exchange, "all");
	for (int n = 0; n < 100; n++)
		rabbit_next(c, bytes("all"), false);
	rabbit_nothing(c);
	rabbit_close(c);
	free(exchange);
	free(prefix);
}

static const struct test_case cases[] = {
    {"five hundred channels on one connection", test_many_channels},
    {"channel 2047 opens", test_highest_number},
    {"number is free again after close", test_number_is_free_after_close},
    {"number is free again after an error", test_number_is_free_after_error},
    {"channel error leaves the neighbour alone",
	test_error_leaves_the_neighbour},
    {"method on an unopened channel is refused", test_unopened_channel},
    {"second open of a channel is refused", test_second_open},
    {"broker makes up names for queues", test_server_named_queues},
    {"redeclaring must be equal", test_redeclare},
    {"names beginning amq. are reserved", test_reserved_name},
    {"auto-delete queue goes with its last consumer", test_auto_delete},
    {"purge takes the ready ones", test_purge_and_counts},
    {"delete if unused, if empty", test_delete_conditions},
    {"direct exchange routes by key", test_direct_and_unbind},
    {"topic exchange routes by pattern", test_topic},
    {"headers exchange routes by values", test_headers},
    {"one copy per queue by all ways", test_one_copy_per_queue},
    {"fanout to a hundred queues", test_fan_out},
};

CASE_MAIN(CASE_SHARED, cases)
