/* test_bodies.c - content comes back byte for byte, in frames of every size. */
#include <stdlib.h>
#include <string.h>

#include "tests/client/case.h"
#include "tests/client/rabbit.h"

static amqp_bytes_t
bytes(const char *string)
{
	return amqp_cstring_bytes(string);
}

static amqp_connection_state_t
connect_with_frames(int frame_max)
{
	amqp_connection_state_t c;

	if (rabbit_login(
		&c, case_url(), &(struct rabbit_login){.frame_max = frame_max})
		.reply_type != AMQP_RESPONSE_NORMAL)
		fail("the login was refused");
	rabbit_open(c, 1);
	return c;
}

/* Sends a confirmed body of each size in frames of OUT bytes and expects it in
 * frames of IN bytes. */
static void
round_trip(int out, int in, const size_t *sizes, size_t count)
{
	amqp_connection_state_t writer = connect_with_frames(out);
	amqp_connection_state_t reader = connect_with_frames(in);
	struct rabbit_confirms cs;
	char *queue = case_name("body");
	amqp_bytes_t body;

	rabbit_queue(writer, 1, queue, RABBIT_DURABLE);
	rabbit_consume(reader, 1, queue, NULL, true);
	rabbit_confirm_select(writer, 1);
	rabbit_confirms_init(&cs, 1, count);
	for (size_t n = 0; n < count; n++) {
		body = rabbit_noise(sizes[n], n);
		rabbit_publish(writer, 1, "", queue, body);
		cs.published++;
		rabbit_confirms_wait(writer, &cs, 0);
		rabbit_next(reader, body, false);
		amqp_bytes_free(body);
	}
	expect_number(rabbit_delete(writer, 1, queue), 0);
	rabbit_drop(reader);
	rabbit_close(writer);
	rabbit_confirms_fini(&cs);
	free(queue);
}

#define ROUND_TRIP(out, in, ...)                                               \
	round_trip(out, in, (const size_t[]){__VA_ARGS__},                     \
	    sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t))

static void
test_small_bodies(void)
{
	ROUND_TRIP(131072, 131072, 0, 1, 2, 255, 256, 1024, 8191, 8192, 8193,
	    65535, 65536);
}

/* A frame carries frame_max - 8 bytes; one more needs another frame. */
static void
test_edges_of_frames(void)
{
	ROUND_TRIP(4096, 4096, 4087, 4088, 4089, 2 * 4088 - 1, 2 * 4088,
	    2 * 4088 + 1, 131072 - 9, 131072 - 8, 131072 - 7);
	ROUND_TRIP(131072, 131072, 131072 - 9, 131072 - 8, 131072 - 7,
	    2 * (131072 - 8));
}

static void
test_split_anew(void)
{
	ROUND_TRIP(131072, 4096, 5000, 100000, 1 << 20);
	ROUND_TRIP(4096, 131072, 5000, 100000, 1 << 20);
}

static void
test_one_mebibyte(void)
{
	ROUND_TRIP(4096, 4096, 1 << 20);
	ROUND_TRIP(131072, 131072, 1 << 20);
}

static void
test_thirty_two_mebibytes(void)
{
	ROUND_TRIP(131072, 131072, 32 << 20);
}

static void
test_thirty_two_mebibytes_in_small_frames(void)
{
	ROUND_TRIP(4096, 4096, 32 << 20);
}

/* Bodies of four channels on one socket must not mix. */
static void
test_channels_in_turn(void)
{
	amqp_connection_state_t c = connect_with_frames(4096);
	struct rabbit_event e;
	amqp_bytes_t body[4];
	char *queue[4];

	for (int n = 0; n < 4; n++) {
		if (n > 0)
			rabbit_open(c, n + 1);
		queue[n] = case_name((char[]){"0123"[n], 0});
		rabbit_queue(c, n + 1, queue[n], RABBIT_EXCLUSIVE);
		rabbit_consume(c, n + 1, queue[n], NULL, true);
		body[n] = rabbit_noise(300000 + n * 777, n);
	}
	for (int n = 0; n < 40; n++)
		rabbit_publish(c, n % 4 + 1, "", queue[n % 4], body[n % 4]);
	for (int n = 0; n < 40; n++) {
		rabbit_wait(c, &e, RABBIT_PATIENCE_MS);
		expect_number(e.kind, RABBIT_DELIVERY);
		expect(rabbit_same(
		    e.letter.message.body, body[e.letter.channel - 1]));
		rabbit_event_fini(&e);
	}
	rabbit_close(c);
}

static void
test_large_bodies_wait(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	struct rabbit_confirms cs;
	char *queue = case_name("waiting");
	amqp_bytes_t body;

	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_confirm_select(c, 1);
	rabbit_confirms_init(&cs, 1, 40);
	for (; cs.published < 40; cs.published++) {
		body = rabbit_noise(2 << 20, cs.published);
		rabbit_publish(c, 1, "", queue, body);
		amqp_bytes_free(body);
	}
	rabbit_confirms_wait(c, &cs, 0);
	rabbit_consume(c, 1, queue, NULL, true);
	for (unsigned n = 0; n < 40; n++) {
		body = rabbit_noise(2 << 20, n);
		rabbit_next(c, body, false);
		amqp_bytes_free(body);
	}
	rabbit_delete(c, 1, queue);
	rabbit_close(c);
	free(queue);
}

static void
publish_properties(amqp_connection_state_t c, const char *queue,
    const amqp_basic_properties_t *p)
{
	expect_number(amqp_basic_publish(c, 1, amqp_empty_bytes, bytes(queue),
			  0, 0, p, bytes("body")),
	    AMQP_STATUS_OK);
}

static void
expect_properties(
    amqp_connection_state_t c, const amqp_basic_properties_t *wanted)
{
	struct rabbit_event e;
	amqp_basic_properties_t *p;
	amqp_pool_t pool;
	char sent[8192], back[8192];
	amqp_bytes_t a = {sizeof sent, sent}, b = {sizeof back, back};

	init_amqp_pool(&pool, 4096);
	rabbit_wait(c, &e, RABBIT_PATIENCE_MS);
	expect_number(e.kind, RABBIT_DELIVERY);
	p = &e.letter.message.properties;
	expect_number(p->_flags, wanted->_flags);
	expect_number(p->delivery_mode, wanted->delivery_mode);
	expect_number(p->priority, wanted->priority);
	expect_number(p->timestamp, wanted->timestamp);
	expect(rabbit_same(p->content_type, wanted->content_type));
	expect(rabbit_same(p->content_encoding, wanted->content_encoding));
	expect(rabbit_same(p->correlation_id, wanted->correlation_id));
	expect(rabbit_same(p->reply_to, wanted->reply_to));
	expect(rabbit_same(p->expiration, wanted->expiration));
	expect(rabbit_same(p->message_id, wanted->message_id));
	expect(rabbit_same(p->type, wanted->type));
	expect(rabbit_same(p->user_id, wanted->user_id));
	expect(rabbit_same(p->app_id, wanted->app_id));
	expect(rabbit_same(p->cluster_id, wanted->cluster_id));
	a.len = amqp_encode_properties(AMQP_BASIC_CLASS, (void *)wanted, a);
	b.len = amqp_encode_properties(AMQP_BASIC_CLASS, p, b);
	expect(rabbit_same(a, b)); /* the headers too, byte for byte */
	rabbit_event_fini(&e);
	empty_amqp_pool(&pool);
}

static amqp_basic_properties_t
all_properties(void)
{
	return (amqp_basic_properties_t){
	    ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG |
		      AMQP_BASIC_CONTENT_ENCODING_FLAG |
		      AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
		      AMQP_BASIC_PRIORITY_FLAG |
		      AMQP_BASIC_CORRELATION_ID_FLAG |
		      AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_EXPIRATION_FLAG |
		      AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG |
		      AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_USER_ID_FLAG |
		      AMQP_BASIC_APP_ID_FLAG | AMQP_BASIC_CLUSTER_ID_FLAG,
	    .content_type = bytes("text/plain"),
	    .content_encoding = bytes("utf-8"),
	    .headers = rabbit_headers(),
	    .delivery_mode = AMQP_DELIVERY_PERSISTENT,
	    .priority = 3,
	    .correlation_id = bytes("correlation"),
	    .reply_to = bytes("reply"),
	    .expiration = bytes("600000"),
	    .message_id = bytes("message"),
	    .timestamp = 981173106,
	    .type = bytes("type"),
	    .user_id = bytes("guest"),
	    .app_id = bytes("app"),
	    .cluster_id = bytes("cluster"),
	};
}

static void
test_all_properties(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	amqp_basic_properties_t all = all_properties();
	char *queue = case_name("all");

	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	publish_properties(c, queue, &all);
	rabbit_consume(c, 1, queue, NULL, true);
	expect_properties(c, &all);
	rabbit_close(c);
	free(queue);
}

/* Each alone, so that every bit of the flags is seen by itself. */
static void
test_each_property(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	amqp_basic_properties_t all = all_properties(), one;
	char *queue = case_name("each");
	amqp_pool_t pool;
	char buffer[8192];
	amqp_bytes_t wire = {sizeof buffer, buffer};
	void *decoded;

	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	rabbit_consume(c, 1, queue, NULL, true);
	for (int bit = 2; bit < 16; bit++) {
		init_amqp_pool(&pool, 4096);
		one = all;
		one._flags = 1u << bit;
		wire.len = sizeof buffer;
		wire.len = amqp_encode_properties(AMQP_BASIC_CLASS, &one, wire);
		amqp_decode_properties(AMQP_BASIC_CLASS, &pool, wire, &decoded);
		publish_properties(c, queue, decoded);
		expect_properties(c, decoded);
		empty_amqp_pool(&pool);
	}
	rabbit_close(c);
	free(queue);
}

static void
test_no_properties(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	amqp_basic_properties_t none = {0};
	char *queue = case_name("none");

	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	publish_properties(c, queue, &none);
	rabbit_consume(c, 1, queue, NULL, true);
	expect_properties(c, &none);
	rabbit_close(c);
	free(queue);
}

/* A header of content as large as a frame can be. */
static void
test_large_headers(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	static char text[7000];
	amqp_table_entry_t entry = {.key = bytes("text")};
	amqp_basic_properties_t p = {
	    ._flags = AMQP_BASIC_HEADERS_FLAG, .headers = {1, &entry}};
	char *queue = case_name("large");

	memset(text, 'x', sizeof text);
	entry.value.kind = AMQP_FIELD_KIND_UTF8;
	entry.value.value.bytes = (amqp_bytes_t){sizeof text, text};
	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	publish_properties(c, queue, &p);
	rabbit_consume(c, 1, queue, NULL, true);
	expect_properties(c, &p);
	rabbit_close(c);
	free(queue);
}

static void
test_too_large(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	amqp_bytes_t body = amqp_bytes_malloc((128 << 20) + 1);

	memset(body.bytes, 'x', body.len);
	rabbit_publish(c, 1, "", "client.nobody", body);
	rabbit_channel_closes(c, 1, 406,
	    "PRECONDITION_FAILED - message size 134217729 is larger than "
	    "configured max size 134217728");
	rabbit_open(c, 1);
	rabbit_close(c);
	amqp_bytes_free(body);
}

static const struct test_case cases[] = {
    {"small bodies", test_small_bodies},
    {"bodies at the edges of frames", test_edges_of_frames},
    {"bodies are split anew for each reader", test_split_anew},
    {"body of 1 MiB", test_one_mebibyte},
    {"body of 32 MiB", test_thirty_two_mebibytes},
    {"body of 32 MiB in frames of 4096",
	test_thirty_two_mebibytes_in_small_frames},
    {"bodies of four channels do not mix", test_channels_in_turn},
    {"large bodies wait in a queue", test_large_bodies_wait},
    {"all properties and header types", test_all_properties},
    {"each property by itself", test_each_property},
    {"no properties", test_no_properties},
    {"large headers", test_large_headers},
    {"too large a body is refused", test_too_large},
};

CASE_MAIN(CASE_SHARED, cases)
