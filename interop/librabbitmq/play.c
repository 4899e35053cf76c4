/* play.c - the interop list in librabbitmq, and the programs of amqp-tools. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/client/case.h"
#include "tests/client/rabbit.h"

static amqp_bytes_t
bytes(const char *string)
{
	return amqp_cstring_bytes(string);
}

/* A connection whose channel 1 sees COUNT durable numbers in a new queue. */
static amqp_connection_state_t
filled(int count, char **queue)
{
	amqp_connection_state_t c = rabbit_connect(case_url());

	*queue = case_name("queue");
	rabbit_queue(c, 1, *queue, RABBIT_DURABLE);
	rabbit_open(c, 9);
	rabbit_fill(c, 9, *queue, 0, count, 1);
	rabbit_close_channel(c, 9);
	return c;
}

/* Takes the queue away and closes; COUNT messages are left in it. */
static void
emptied(amqp_connection_state_t c, char *queue, int count)
{
	rabbit_open(c, 9);
	expect_number(rabbit_delete(c, 9, queue), count);
	rabbit_close(c);
	free(queue);
}

static void
connect_with_heartbeat(void)
{
	amqp_connection_state_t c;
	struct rabbit_event e;
	time_t end = time(NULL) + 5;

	rabbit_login(&c, case_url(), &(struct rabbit_login){.heartbeat = 2});
	expect_number(amqp_get_heartbeat(c), 2);
	rabbit_open(c, 1);
	while (time(NULL) < end) {
		rabbit_wait(c, &e, 500);
		expect_number(e.kind, RABBIT_NOTHING);
	}
	rabbit_close(c);
}

static void
login_refused(const struct rabbit_login *login, int code, const char *text)
{
	amqp_connection_state_t c;

	rabbit_connection_refused(
	    rabbit_login(&c, case_url(), login), code, text);
	rabbit_drop(c);
}

static void
wrong_password(void)
{
	login_refused(
	    &(struct rabbit_login){.password = "wrong"}, 403, "ACCESS_REFUSED");
}

static void
missing_vhost(void)
{
	login_refused(&(struct rabbit_login){.vhost = "nowhere"}, 530,
	    "NOT_ALLOWED - vhost");
}

static void
declare_bind_route(void)
{
	static const char *keys[] = {"a.b.c", "a.b.d", "a.x.c"};
	char *queue, *exchange = case_name("topic");
	amqp_connection_state_t c = filled(0, &queue);

	rabbit_exchange(c, 1, exchange, "topic", RABBIT_DURABLE);
	rabbit_bind(c, 1, queue, exchange, "a.*.c");
	for (int n = 0; n < 3; n++)
		rabbit_publish(c, 1, exchange, keys[n], bytes(keys[n]));
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next(c, bytes("a.b.c"), false);
	rabbit_next(c, bytes("a.x.c"), false);
	rabbit_nothing(c);
	amqp_queue_unbind(c, 1, bytes(queue), bytes(exchange), bytes("a.*.c"),
	    amqp_empty_table);
	rabbit_ok(c, "queue.unbind");
	amqp_exchange_delete(c, 1, bytes(exchange), 0);
	rabbit_ok(c, "exchange.delete");
	emptied(c, queue, 0);
	free(exchange);
}

static void
exchange_to_exchange(void)
{
	char *queue, *first = case_name("first"), *second = case_name("second");
	amqp_connection_state_t c = filled(0, &queue);

	rabbit_exchange(c, 1, first, "fanout", RABBIT_DURABLE);
	rabbit_exchange(c, 1, second, "direct", RABBIT_DURABLE);
	amqp_exchange_bind(
	    c, 1, bytes(second), bytes(first), bytes(""), amqp_empty_table);
	rabbit_ok(c, "exchange.bind");
	rabbit_bind(c, 1, queue, second, "key");
	rabbit_publish(c, 1, first, "key", bytes("1"));
	rabbit_publish(c, 1, first, "other", bytes("2"));
	amqp_exchange_unbind(
	    c, 1, bytes(second), bytes(first), bytes(""), amqp_empty_table);
	rabbit_ok(c, "exchange.unbind");
	rabbit_publish(c, 1, first, "key", bytes("3"));
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next(c, bytes("1"), false);
	rabbit_nothing(c);
	amqp_exchange_delete(c, 1, bytes(first), 0);
	rabbit_ok(c, "exchange.delete");
	amqp_exchange_delete(c, 1, bytes(second), 0);
	rabbit_ok(c, "exchange.delete");
	emptied(c, queue, 0);
	free(first);
	free(second);
}

static void
confirms(int count, int window)
{
	char *queue;
	amqp_connection_state_t c = filled(0, &queue);

	rabbit_fill(c, 1, queue, 0, count, window);
	rabbit_nothing(c); /* not one confirm too many */
	emptied(c, queue, count);
}

static void
confirms_single(void)
{
	confirms(200, 1);
}

static void
confirms_batch(void)
{
	confirms(1000, 1000);
}

static void
confirms_async(void)
{
	confirms(10000, 100);
}

static void
mandatory_return(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	struct rabbit_confirms cs;
	struct rabbit_event e;
	amqp_basic_return_t *r;

	rabbit_confirm_select(c, 1);
	rabbit_confirms_init(&cs, 1, 1);
	amqp_basic_publish(c, 1, amqp_empty_bytes, bytes("client.nobody"), 1, 0,
	    NULL, bytes("back"));
	cs.published++;
	rabbit_wait(c, &e, RABBIT_PATIENCE_MS);
	expect_number(e.kind, RABBIT_RETURN);
	r = e.method.decoded;
	expect_number(r->reply_code, 312);
	expect(rabbit_same(r->reply_text, bytes("NO_ROUTE")));
	expect(rabbit_same(e.letter.message.body, bytes("back")));
	rabbit_event_fini(&e);
	rabbit_confirms_wait(c, &cs, 0);
	rabbit_close(c);
}

static void
prefetch(void)
{
	char *queue;
	amqp_connection_state_t c = filled(10, &queue);

	rabbit_qos(c, 1, 3, false);
	rabbit_consume(c, 1, queue, NULL, false);
	rabbit_next_numbers(c, 0, 3, false);
	rabbit_nothing(c);
	for (int n = 3; n < 10; n++) {
		amqp_basic_ack(c, 1, n - 2, 0);
		rabbit_next_numbers(c, n, n + 1, false);
	}
	for (int tag = 8; tag <= 10; tag++)
		amqp_basic_ack(c, 1, tag, 0);
	rabbit_close_channel(c, 1);
	emptied(c, queue, 0);
}

static void
ack_multiple(void)
{
	char *queue;
	amqp_connection_state_t c = filled(10, &queue);

	rabbit_consume(c, 1, queue, NULL, false);
	rabbit_next_numbers(c, 0, 10, false);
	amqp_basic_ack(c, 1, 7, 1);
	rabbit_close_channel(c, 1);
	rabbit_open(c, 1);
	rabbit_await_count(c, 1, queue, 3);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 7, 10, true);
	emptied(c, queue, 0);
}

/* Gets COUNT messages without acknowledging; returns the last one's tag. */
static uint64_t
get_some(amqp_connection_state_t c, const char *queue, int count)
{
	amqp_basic_get_ok_t ok = {0};
	amqp_message_t m;

	for (int n = 0; n < count; n++) {
		expect(rabbit_get(c, 1, queue, false, &ok, &m));
		amqp_destroy_message(&m);
	}
	return ok.delivery_tag;
}

static void
nack_requeues(void)
{
	char *queue;
	amqp_connection_state_t c = filled(6, &queue);

	amqp_basic_nack(c, 1, get_some(c, queue, 4), 1, 1);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 0, 4, true);
	rabbit_next_numbers(c, 4, 6, false);
	emptied(c, queue, 0);
}

static void
reject_discards(void)
{
	char *queue;
	amqp_connection_state_t c = filled(3, &queue);

	get_some(c, queue, 3);
	amqp_basic_reject(c, 1, 1, 0);
	amqp_basic_reject(c, 1, 2, 1);
	amqp_basic_nack(c, 1, 3, 0, 0);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 1, 2, true);
	rabbit_nothing(c);
	emptied(c, queue, 0);
}

static void
cancel_by_client(void)
{
	char *queue;
	amqp_connection_state_t c = filled(0, &queue);
	amqp_queue_declare_ok_t *ok;

	rabbit_consume(c, 1, queue, "reader", false);
	amqp_basic_cancel(c, 1, bytes("reader"));
	rabbit_ok(c, "basic.cancel");
	rabbit_open(c, 2);
	rabbit_fill(c, 2, queue, 0, 1, 1);
	rabbit_nothing(c);
	ok = rabbit_try_queue(c, 1, queue, RABBIT_PASSIVE);
	rabbit_ok(c, "queue.declare");
	expect_number(ok->message_count, 1);
	expect_number(ok->consumer_count, 0);
	emptied(c, queue, 1);
}

static void
cancel_by_deletion(void)
{
	amqp_connection_state_t c;
	struct rabbit_event e;
	char *queue = case_name("deleted");

	rabbit_login(
	    &c, case_url(), &(struct rabbit_login){.cancel_notify = true});
	rabbit_open(c, 1);
	rabbit_open(c, 2);
	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_consume(c, 1, queue, "reader", false);
	rabbit_delete(c, 2, queue);
	rabbit_wait(c, &e, RABBIT_PATIENCE_MS);
	expect_number(e.kind, RABBIT_METHOD);
	expect_number(e.method.id, AMQP_BASIC_CANCEL_METHOD);
	expect(
	    rabbit_same(((amqp_basic_cancel_t *)e.method.decoded)->consumer_tag,
		bytes("reader")));
	rabbit_close(c);
	free(queue);
}

static void
get(void)
{
	char *queue;
	amqp_connection_state_t c = filled(2, &queue);
	amqp_basic_get_ok_t ok;
	amqp_message_t m;

	for (int n = 0; n < 2; n++) {
		expect(rabbit_get(c, 1, queue, n == 1, &ok, &m));
		expect_number(ok.message_count, 1 - n);
		expect_number(
		    m.properties.delivery_mode, AMQP_DELIVERY_PERSISTENT);
		expect(rabbit_same(m.body, bytes(n == 0 ? "0" : "1")));
		amqp_destroy_message(&m);
	}
	amqp_basic_ack(c, 1, 1, 0);
	expect(!rabbit_get(c, 1, queue, false, &ok, &m));
	rabbit_close_channel(c, 1);
	emptied(c, queue, 0);
}

static void
body(size_t size)
{
	char *queue;
	amqp_connection_state_t c = filled(0, &queue);
	amqp_bytes_t sent = rabbit_noise(size, 7);
	struct rabbit_confirms cs;

	rabbit_confirm_select(c, 1);
	rabbit_confirms_init(&cs, 1, 1);
	rabbit_publish(c, 1, "", queue, sent);
	cs.published++;
	rabbit_confirms_wait(c, &cs, 0);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next(c, sent, false);
	emptied(c, queue, 0);
	amqp_bytes_free(sent);
}

static void
body_empty(void)
{
	body(0);
}

static void
body_mebibyte(void)
{
	body(1 << 20);
}

static void
body_large(void)
{
	body(32 << 20);
}

static amqp_bytes_t
encoded(const amqp_basic_properties_t *p)
{
	amqp_bytes_t wire = amqp_bytes_malloc(8192);

	wire.len = amqp_encode_properties(AMQP_BASIC_CLASS, (void *)p, wire);
	return wire;
}

static void
headers_of_every_type(void)
{
	amqp_basic_properties_t sent = {
	    ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG |
		      AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_PRIORITY_FLAG |
		      AMQP_BASIC_CORRELATION_ID_FLAG |
		      AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_EXPIRATION_FLAG |
		      AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG |
		      AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_APP_ID_FLAG,
	    .content_type = bytes("text/plain"),
	    .headers = rabbit_headers(),
	    .delivery_mode = AMQP_DELIVERY_PERSISTENT,
	    .priority = 3,
	    .correlation_id = bytes("correlation"),
	    .reply_to = bytes("reply"),
	    .expiration = bytes("600000"),
	    .message_id = bytes("message"),
	    .timestamp = 981173106,
	    .type = bytes("type"),
	    .app_id = bytes("app")};
	char *queue;
	amqp_connection_state_t c = filled(0, &queue);
	amqp_basic_get_ok_t ok;
	amqp_message_t m;

	amqp_basic_publish(
	    c, 1, amqp_empty_bytes, bytes(queue), 0, 0, &sent, bytes(""));
	expect(rabbit_get(c, 1, queue, true, &ok, &m));
	expect_number(
	    m.properties.headers.num_entries, sent.headers.num_entries);
	expect(rabbit_same(encoded(&m.properties), encoded(&sent)));
	emptied(c, queue, 0);
}

static void
missing_queue(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());

	for (int n = 0; n < 3; n++) {
		rabbit_open(c, 7);
		rabbit_try_queue(c, 7, "client.nowhere", RABBIT_PASSIVE);
		rabbit_channel_refused(c, 7, 404, "NOT_FOUND - no queue");
	}
	rabbit_open(c, 7);
	rabbit_queue(c, 7, "", RABBIT_EXCLUSIVE);
	rabbit_close(c);
}

static void
exclusive_queue(void)
{
	amqp_connection_state_t owner = rabbit_connect(case_url());
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("exclusive");

	rabbit_queue(owner, 1, queue, RABBIT_EXCLUSIVE);
	rabbit_try_queue(c, 1, queue, RABBIT_PASSIVE);
	rabbit_channel_refused(c, 1, 405, "RESOURCE_LOCKED");
	rabbit_close(owner);
	rabbit_open(c, 1);
	rabbit_try_queue(c, 1, queue, RABBIT_PASSIVE);
	rabbit_channel_refused(c, 1, 404, "NOT_FOUND - no queue");
	rabbit_close(c);
	free(queue);
}

static void
precondition_failed(void)
{
	char *queue;
	amqp_connection_state_t c = filled(0, &queue);

	rabbit_try_queue(c, 1, queue, 0);
	rabbit_channel_refused(c, 1, 406, "inequivalent arg 'durable'");
	rabbit_open(c, 1);
	amqp_basic_ack(c, 1, 1, 0);
	rabbit_channel_closes(c, 1, 406, "unknown delivery tag 1");
	emptied(c, queue, 0);
}

enum { MANY = 100000 };

static void
publish_many(const char *queue)
{
	amqp_connection_state_t c = rabbit_connect(case_url());

	rabbit_fill(c, 1, queue, 0, MANY, 2000);
	rabbit_close(c);
	_exit(0);
}

/* Publisher and consumer at the same time, each a process. */
static void
hundred_thousand(void)
{
	char *queue;
	amqp_connection_state_t c = filled(0, &queue);
	int status;

	if (fork() == 0)
		publish_many(queue);
	rabbit_qos(c, 1, 1000, false);
	rabbit_consume(c, 1, queue, NULL, false);
	for (int n = 0; n < MANY; n += 100)
		amqp_basic_ack(
		    c, 1, rabbit_next_numbers(c, n, n + 100, false), 1);
	expect(wait(&status) != -1);
	expect_number(status, 0);
	rabbit_close_channel(c, 1);
	emptied(c, queue, 0);
}

static void
redelivery_after_channel(void)
{
	char *queue;
	amqp_connection_state_t c = filled(3, &queue);

	rabbit_consume(c, 1, queue, NULL, false);
	rabbit_next_numbers(c, 0, 3, false);
	rabbit_close_channel(c, 1);
	rabbit_open(c, 1);
	rabbit_await_count(c, 1, queue, 3);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 0, 3, true);
	emptied(c, queue, 0);
}

static void
redelivery_after_connection(void)
{
	char *queue;
	amqp_connection_state_t c = filled(3, &queue);
	amqp_connection_state_t lost = rabbit_connect(case_url());

	rabbit_consume(lost, 1, queue, NULL, false);
	rabbit_next_numbers(lost, 0, 3, false);
	rabbit_drop(lost); /* no connection.close */
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 0, 3, true);
	emptied(c, queue, 0);
}

/* --- amqp-tools -------------------------------------------------------------
 */

/* Runs "amqp-TOOL -u URL REST" and holds that it prints exactly this. */
static void
tool(const char *name, const char *rest, const char *printed)
{
	char command[1024], output[1024];
	size_t n;
	FILE *f;

	snprintf(command, sizeof command, "timeout 60 amqp-%s -u '%s' %s 2>&1",
	    name, case_url(), rest);
	if ((f = popen(command, "r")) == NULL)
		abort();
	n = fread(output, 1, sizeof output - 1, f);
	output[n] = '\0';
	expect_number(pclose(f), 0);
	if (strcmp(output, printed) != 0)
		fail("it printed '%s' instead of '%s'", output, printed);
}

/* The same with the queue's name after REST. */
static void
tool_on(
    const char *name, const char *rest, const char *queue, const char *printed)
{
	char words[512];

	snprintf(words, sizeof words, "%s%s", rest, queue);
	tool(name, words, printed);
}

static void
tool_declare(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("declared"), printed[256];

	snprintf(printed, sizeof printed, "%s\n", queue);
	tool_on("declare-queue", "-d -q ", queue, printed);
	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	emptied(c, queue, 0);
}

static void
tool_publish(void)
{
	char *queue;
	amqp_connection_state_t c = filled(0, &queue);
	amqp_basic_get_ok_t ok;
	amqp_message_t m;

	tool_on("publish", "-p -C text/plain -b 'one message' -r ", queue, "");
	expect(rabbit_get(c, 1, queue, true, &ok, &m));
	expect(rabbit_same(m.body, bytes("one message")));
	expect(rabbit_same(m.properties.content_type, bytes("text/plain")));
	expect_number(m.properties.delivery_mode, AMQP_DELIVERY_PERSISTENT);
	amqp_destroy_message(&m);
	emptied(c, queue, 0);
}

static void
tool_get(void)
{
	char *queue;
	amqp_connection_state_t c = filled(2, &queue);

	tool_on("get", "-q ", queue, "0");
	rabbit_await_count(c, 1, queue, 1);
	emptied(c, queue, 1);
}

static void
tool_consume(void)
{
	char *queue, rest[256];
	amqp_connection_state_t c = filled(5, &queue);

	snprintf(rest, sizeof rest, "-q %s -p 2 -c 4 cat", queue);
	tool("consume", rest, "0123");
	rabbit_await_count(c, 1, queue, 1);
	emptied(c, queue, 1);
}

static void
tool_delete(void)
{
	char *queue;
	amqp_connection_state_t c = filled(3, &queue);

	tool_on("delete-queue", "-q ", queue, "3\n");
	rabbit_try_queue(c, 1, queue, RABBIT_PASSIVE);
	rabbit_channel_refused(c, 1, 404, "NOT_FOUND - no queue");
	rabbit_close(c);
	free(queue);
}

static const struct test_case cases[] = {
    {"connect with heartbeat", connect_with_heartbeat},
    {"wrong password is refused with 403", wrong_password},
    {"missing vhost is refused with 530", missing_vhost},
    {"declare, bind and route", declare_bind_route},
    {"exchange to exchange", exchange_to_exchange},
    {"confirms one at a time", confirms_single},
    {"confirms in a batch", confirms_batch},
    {"confirms asynchronously", confirms_async},
    {"mandatory return before confirm", mandatory_return},
    {"prefetch and acknowledged consuming", prefetch},
    {"ack multiple", ack_multiple},
    {"nack requeues in order, redelivered", nack_requeues},
    {"reject without requeue discards", reject_discards},
    {"cancel by the client", cancel_by_client},
    {"cancel by queue deletion", cancel_by_deletion},
    {"get", get},
    {"body of 0 bytes", body_empty},
    {"body of 1 MiB", body_mebibyte},
    {"body of 32 MiB", body_large},
    {"headers of every type", headers_of_every_type},
    {"missing queue 404, channel reused", missing_queue},
    {"exclusive queue 405", exclusive_queue},
    {"precondition failed 406", precondition_failed},
    {"100000 messages", hundred_thousand},
    {"redelivery after channel close", redelivery_after_channel},
    {"redelivery after connection close", redelivery_after_connection},
    {"amqp-declare-queue", tool_declare},
    {"amqp-publish", tool_publish},
    {"amqp-get", tool_get},
    {"amqp-consume", tool_consume},
    {"amqp-delete-queue", tool_delete},
};

CASE_MAIN(CASE_SHARED, cases)
