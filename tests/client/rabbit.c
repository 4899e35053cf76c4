/* rabbit.c - the verbs that end-to-end cases say through librabbitmq. */
#include "tests/client/rabbit.h"

#include <amqp_tcp_socket.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/client/case.h"

#define QUIET_MS 200

static amqp_bytes_t
bytes(const char *string)
{
	return amqp_cstring_bytes(string);
}

static const struct timeval *
patience(int ms)
{
	static struct timeval tv;

	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	return &tv;
}

bool
rabbit_same(amqp_bytes_t a, amqp_bytes_t b)
{
	return a.len == b.len &&
	       (a.len == 0 || !memcmp(a.bytes, b.bytes, a.len));
}

amqp_bytes_t
rabbit_noise(size_t size, unsigned seed)
{
	amqp_bytes_t noise = amqp_bytes_malloc(size);
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		((unsigned char *)noise.bytes)[i] = (unsigned char)x;
	}
	return noise;
}

/* --- connections and channels --------------------------------------------- */

static amqp_connection_state_t
dial(const char *host, int port)
{
	amqp_connection_state_t c = amqp_new_connection();
	amqp_socket_t *socket = amqp_tcp_socket_new(c);
	int rc = amqp_socket_open(socket, host, port);

	if (rc != AMQP_STATUS_OK)
		fail("no connection: %s", amqp_error_string2(rc));
	amqp_set_rpc_timeout(c, patience(RABBIT_PATIENCE_MS));
	amqp_set_handshake_timeout(c, patience(RABBIT_PATIENCE_MS));
	return c;
}

/* What the library says of itself besides, or does not say. */
static const amqp_table_t *
client_properties(const struct rabbit_login *login)
{
	static amqp_table_entry_t notify, capabilities;
	static amqp_table_t properties = {1, &capabilities};

	notify.key = bytes("consumer_cancel_notify");
	notify.value.kind = AMQP_FIELD_KIND_BOOLEAN;
	notify.value.value.boolean = 1;
	capabilities.key = bytes("capabilities");
	capabilities.value.kind = AMQP_FIELD_KIND_TABLE;
	capabilities.value.value.table = (amqp_table_t){1, &notify};
	return login->cancel_notify ? &properties : &amqp_empty_table;
}

amqp_rpc_reply_t
rabbit_login(amqp_connection_state_t *c, const char *url,
    const struct rabbit_login *login)
{
	static const struct rabbit_login defaults;
	struct amqp_connection_info info;
	amqp_rpc_reply_t reply;
	char *copy = strdup(url);

	if (login == NULL)
		login = &defaults;
	if (amqp_parse_url(copy, &info) != AMQP_STATUS_OK)
		fail("not a URL: %s", url);
	*c = dial(info.host, info.port);
	reply = amqp_login_with_properties(*c,
	    login->vhost ? login->vhost : info.vhost, login->channel_max,
	    login->frame_max ? login->frame_max : 131072, login->heartbeat,
	    client_properties(login), AMQP_SASL_METHOD_PLAIN,
	    login->user ? login->user : info.user,
	    login->password ? login->password : info.password);
	free(copy);
	return reply;
}

amqp_connection_state_t
rabbit_connect(const char *url)
{
	amqp_connection_state_t c;

	if (rabbit_login(&c, url, NULL).reply_type != AMQP_RESPONSE_NORMAL)
		fail("the login was refused");
	rabbit_open(c, 1);
	return c;
}

void
rabbit_open(amqp_connection_state_t c, int channel)
{
	amqp_channel_open(c, channel);
	rabbit_ok(c, "channel.open");
}

void
rabbit_close_channel(amqp_connection_state_t c, int channel)
{
	amqp_rpc_reply_t reply =
	    amqp_channel_close(c, channel, AMQP_REPLY_SUCCESS);

	if (reply.reply_type != AMQP_RESPONSE_NORMAL)
		fail("channel.close was not answered");
	amqp_maybe_release_buffers_on_channel(c, channel);
}

void
rabbit_close(amqp_connection_state_t c)
{
	amqp_rpc_reply_t reply = amqp_connection_close(c, AMQP_REPLY_SUCCESS);

	if (reply.reply_type != AMQP_RESPONSE_NORMAL)
		fail("connection.close was not answered");
	amqp_destroy_connection(c);
}

void
rabbit_drop(amqp_connection_state_t c)
{
	amqp_destroy_connection(c);
}

/* --- answers ----------------------------------------------------------------
 */

static void
describe(amqp_rpc_reply_t reply, char *buffer, size_t size)
{
	amqp_channel_close_t *m = reply.reply.decoded; /* both begin alike */

	if (reply.reply_type == AMQP_RESPONSE_NORMAL)
		snprintf(buffer, size, "success");
	else if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
		snprintf(buffer, size, "%s",
		    amqp_error_string2(reply.library_error));
	else
		snprintf(buffer, size, "%s %d '%.*s'",
		    reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD ? "channel"
								: "connection",
		    m->reply_code, (int)m->reply_text.len,
		    (char *)m->reply_text.bytes);
}

void
rabbit_ok(amqp_connection_state_t c, const char *what)
{
	amqp_rpc_reply_t reply = amqp_get_rpc_reply(c);
	char seen[300];

	if (reply.reply_type == AMQP_RESPONSE_NORMAL)
		return;
	describe(reply, seen, sizeof seen);
	fail("%s: %s", what, seen);
}

static void
refused(amqp_rpc_reply_t reply, amqp_method_number_t method, int code,
    const char *text)
{
	amqp_channel_close_t *m = reply.reply.decoded;
	char seen[300];

	describe(reply, seen, sizeof seen);
	if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION ||
	    reply.reply.id != method || m->reply_code != code ||
	    strstr(seen, text) == NULL)
		fail("%s instead of %d '%s'", seen, code, text);
}

static void
answer_close(amqp_connection_state_t c, int channel)
{
	amqp_channel_close_ok_t ok = {0};

	amqp_send_method(c, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
	amqp_maybe_release_buffers_on_channel(c, channel);
}

void
rabbit_channel_refused(
    amqp_connection_state_t c, int channel, int code, const char *text)
{
	refused(amqp_get_rpc_reply(c), AMQP_CHANNEL_CLOSE_METHOD, code, text);
	answer_close(c, channel);
}

void
rabbit_connection_refused(amqp_rpc_reply_t reply, int code, const char *text)
{
	refused(reply, AMQP_CONNECTION_CLOSE_METHOD, code, text);
}

/* --- queues and exchanges ---------------------------------------------------
 */

amqp_queue_declare_ok_t *
rabbit_try_queue(
    amqp_connection_state_t c, int channel, const char *name, int flags)
{
	return amqp_queue_declare(c, channel, bytes(name),
	    !!(flags & RABBIT_PASSIVE), !!(flags & RABBIT_DURABLE),
	    !!(flags & RABBIT_EXCLUSIVE), !!(flags & RABBIT_AUTO_DELETE),
	    amqp_empty_table);
}

void
rabbit_queue(
    amqp_connection_state_t c, int channel, const char *name, int flags)
{
	rabbit_try_queue(c, channel, name, flags);
	rabbit_ok(c, "queue.declare");
	amqp_maybe_release_buffers_on_channel(c, channel);
}

uint32_t
rabbit_count(amqp_connection_state_t c, int channel, const char *queue)
{
	amqp_queue_declare_ok_t *ok =
	    rabbit_try_queue(c, channel, queue, RABBIT_PASSIVE);

	rabbit_ok(c, "passive queue.declare");
	return ok->message_count;
}

void
rabbit_await_count(
    amqp_connection_state_t c, int channel, const char *queue, uint32_t count)
{
	struct timespec pause = {.tv_nsec = 2000000};
	uint32_t seen = rabbit_count(c, channel, queue);

	for (int ms = 0; seen != count && ms < RABBIT_PATIENCE_MS; ms += 2) {
		nanosleep(&pause, NULL);
		seen = rabbit_count(c, channel, queue);
	}
	expect_number(seen, count);
}

uint32_t
rabbit_delete(amqp_connection_state_t c, int channel, const char *queue)
{
	amqp_queue_delete_ok_t *ok =
	    amqp_queue_delete(c, channel, bytes(queue), 0, 0);

	rabbit_ok(c, "queue.delete");
	return ok->message_count;
}

void
rabbit_exchange(amqp_connection_state_t c, int channel, const char *name,
    const char *type, int flags)
{
	amqp_exchange_declare(c, channel, bytes(name), bytes(type),
	    !!(flags & RABBIT_PASSIVE), !!(flags & RABBIT_DURABLE),
	    !!(flags & RABBIT_AUTO_DELETE), 0, amqp_empty_table);
	rabbit_ok(c, "exchange.declare");
}

void
rabbit_bind(amqp_connection_state_t c, int channel, const char *queue,
    const char *exchange, const char *key)
{
	amqp_queue_bind(c, channel, bytes(queue), bytes(exchange), bytes(key),
	    amqp_empty_table);
	rabbit_ok(c, "queue.bind");
}

/* --- publishing and its confirms --------------------------------------------
 */

void
rabbit_confirm_select(amqp_connection_state_t c, int channel)
{
	amqp_confirm_select(c, channel);
	rabbit_ok(c, "confirm.select");
}

void
rabbit_publish(amqp_connection_state_t c, int channel, const char *exchange,
    const char *key, amqp_bytes_t body)
{
	amqp_basic_properties_t persistent = {
	    ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
	    .delivery_mode = AMQP_DELIVERY_PERSISTENT};
	int rc = amqp_basic_publish(
	    c, channel, bytes(exchange), bytes(key), 0, 0, &persistent, body);

	if (rc != AMQP_STATUS_OK)
		fail("basic.publish: %s", amqp_error_string2(rc));
}

void
rabbit_publish_number(
    amqp_connection_state_t c, int channel, const char *queue, uint64_t number)
{
	char body[24];

	snprintf(body, sizeof body, "%" PRIu64, number);
	rabbit_publish(c, channel, "", queue, bytes(body));
}

void
rabbit_confirms_init(struct rabbit_confirms *cs, int channel, uint64_t max)
{
	*cs = (struct rabbit_confirms){.channel = channel,
	    .lowest = 1,
	    .capacity = max,
	    .done = calloc(max + 1, 1)};
}

void
rabbit_confirms_fini(struct rabbit_confirms *cs)
{
	free(cs->done);
}

static void
take_one(struct rabbit_confirms *cs, uint64_t tag)
{
	if (!cs->done[tag]) {
		cs->done[tag] = 1;
		cs->confirmed++;
	}
}

void
rabbit_confirms_take(struct rabbit_confirms *cs, const amqp_basic_ack_t *ack)
{
	uint64_t tag = ack->delivery_tag;

	if (tag == 0 || tag > cs->published)
		fail("confirm of %" PRIu64 ", never published", tag);
	if (cs->done[tag])
		fail("second confirm of %" PRIu64, tag);
	take_one(cs, tag);
	for (; ack->multiple && cs->lowest < tag; cs->lowest++)
		take_one(cs, cs->lowest);
	while (cs->lowest <= cs->published && cs->done[cs->lowest])
		cs->lowest++;
}

void
rabbit_confirms_wait(
    amqp_connection_state_t c, struct rabbit_confirms *cs, uint64_t left)
{
	struct rabbit_event e;

	while (cs->published - cs->confirmed > left) {
		rabbit_wait(c, &e, RABBIT_PATIENCE_MS);
		if (e.kind != RABBIT_CONFIRM || e.channel != cs->channel)
			fail("no confirm of %" PRIu64 " (event %d)", cs->lowest,
			    e.kind);
		rabbit_confirms_take(cs, &e.ack);
	}
}

void
rabbit_fill(amqp_connection_state_t c, int channel, const char *queue,
    uint64_t from, uint64_t to, uint64_t window)
{
	struct rabbit_confirms cs;

	rabbit_confirms_init(&cs, channel, to - from);
	rabbit_confirm_select(c, channel);
	for (; from < to; from++) {
		rabbit_publish_number(c, channel, queue, from);
		cs.published++;
		rabbit_confirms_wait(c, &cs, window - 1);
	}
	rabbit_confirms_wait(c, &cs, 0);
	rabbit_confirms_fini(&cs);
}

/* --- what comes unasked
 * ------------------------------------------------------- */

static void
read_returned(amqp_connection_state_t c, struct rabbit_event *e)
{
	amqp_rpc_reply_t reply =
	    amqp_read_message(c, e->channel, &e->letter.message, 0);

	if (reply.reply_type != AMQP_RESPONSE_NORMAL)
		fail("basic.return without its content");
}

static void
read_method(amqp_connection_state_t c, struct rabbit_event *e, int ms)
{
	amqp_frame_t frame;
	int rc = amqp_simple_wait_frame_noblock(c, &frame, patience(ms));

	if (rc != AMQP_STATUS_OK || frame.frame_type != AMQP_FRAME_METHOD)
		fail("no method: %s", amqp_error_string2(rc));
	e->kind = RABBIT_METHOD;
	e->channel = frame.channel;
	e->method = frame.payload.method;
	if (e->method.id == AMQP_BASIC_ACK_METHOD) {
		e->kind = RABBIT_CONFIRM;
		e->ack = *(amqp_basic_ack_t *)e->method.decoded;
	} else if (e->method.id == AMQP_BASIC_RETURN_METHOD) {
		e->kind = RABBIT_RETURN;
		read_returned(c, e);
	}
}

void
rabbit_wait(amqp_connection_state_t c, struct rabbit_event *e, int ms)
{
	amqp_rpc_reply_t reply;

	memset(e, 0, sizeof *e);
	amqp_maybe_release_buffers(c);
	reply = amqp_consume_message(c, &e->letter, patience(ms), 0);
	if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
		e->kind = RABBIT_DELIVERY;
		e->channel = e->letter.channel;
	} else if (reply.library_error == AMQP_STATUS_UNEXPECTED_STATE) {
		read_method(c, e, ms);
	} else if (reply.library_error != AMQP_STATUS_TIMEOUT) {
		e->kind = RABBIT_LOST;
	}
}

void
rabbit_event_fini(struct rabbit_event *e)
{
	if (e->kind == RABBIT_DELIVERY)
		amqp_destroy_envelope(&e->letter);
	else if (e->kind == RABBIT_RETURN)
		amqp_destroy_message(&e->letter.message);
}

void
rabbit_consume(amqp_connection_state_t c, int channel, const char *queue,
    const char *tag, bool no_ack)
{
	amqp_basic_consume(c, channel, bytes(queue),
	    tag == NULL ? amqp_empty_bytes : bytes(tag), 0, no_ack, 0,
	    amqp_empty_table);
	rabbit_ok(c, "basic.consume");
}

void
rabbit_qos(amqp_connection_state_t c, int channel, int prefetch, bool global)
{
	amqp_basic_qos(c, channel, 0, prefetch, global);
	rabbit_ok(c, "basic.qos");
}

uint64_t
rabbit_next(amqp_connection_state_t c, amqp_bytes_t body, bool redelivered)
{
	struct rabbit_event e;
	uint64_t tag;

	rabbit_wait(c, &e, RABBIT_PATIENCE_MS);
	if (e.kind != RABBIT_DELIVERY)
		fail("event %d instead of a delivery", e.kind);
	if (!rabbit_same(e.letter.message.body, body))
		fail("body '%.*s' (%zu bytes) instead of '%.*s' (%zu bytes)",
		    (int)(e.letter.message.body.len % 64),
		    (char *)e.letter.message.body.bytes,
		    e.letter.message.body.len, (int)(body.len % 64),
		    (char *)body.bytes, body.len);
	expect_number(e.letter.redelivered, redelivered);
	tag = e.letter.delivery_tag;
	rabbit_event_fini(&e);
	return tag;
}

uint64_t
rabbit_next_numbers(
    amqp_connection_state_t c, uint64_t from, uint64_t to, bool redelivered)
{
	uint64_t tag = 0;
	char body[24];

	for (; from < to; from++) {
		snprintf(body, sizeof body, "%" PRIu64, from);
		tag = rabbit_next(c, bytes(body), redelivered);
	}
	return tag;
}

void
rabbit_nothing(amqp_connection_state_t c)
{
	struct rabbit_event e;

	rabbit_wait(c, &e, QUIET_MS);
	if (e.kind != RABBIT_NOTHING)
		fail("event %d instead of nothing", e.kind);
}

void
rabbit_channel_closes(
    amqp_connection_state_t c, int channel, int code, const char *text)
{
	struct rabbit_event e;
	amqp_rpc_reply_t reply = {.reply_type = AMQP_RESPONSE_SERVER_EXCEPTION};

	rabbit_wait(c, &e, RABBIT_PATIENCE_MS);
	if (e.kind != RABBIT_METHOD || e.channel != channel)
		fail("event %d instead of channel.close", e.kind);
	reply.reply = e.method;
	refused(reply, AMQP_CHANNEL_CLOSE_METHOD, code, text);
	answer_close(c, channel);
}

bool
rabbit_get(amqp_connection_state_t c, int channel, const char *queue,
    bool no_ack, amqp_basic_get_ok_t *ok, amqp_message_t *message)
{
	amqp_rpc_reply_t reply =
	    amqp_basic_get(c, channel, bytes(queue), no_ack);

	if (reply.reply_type != AMQP_RESPONSE_NORMAL)
		fail("basic.get was not answered");
	if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD)
		return false;
	*ok = *(amqp_basic_get_ok_t *)reply.reply.decoded;
	reply = amqp_read_message(c, channel, message, 0);
	if (reply.reply_type != AMQP_RESPONSE_NORMAL)
		fail("basic.get-ok without its content");
	return true;
}

/* --- a field of every type
 * ---------------------------------------------------- */

#define FIELD(name, letter, member, ...)                                       \
	{                                                                      \
		.key = {sizeof name - 1, (void *)name}, .value = {             \
			.kind = letter,                                        \
			.value.member = __VA_ARGS__                            \
		}                                                              \
	}

static amqp_table_entry_t inner[] = {
    FIELD("deep", AMQP_FIELD_KIND_I32, i32, -5),
};
static amqp_field_value_t items[] = {
    {.kind = AMQP_FIELD_KIND_I64, .value.i64 = 1},
    {.kind = AMQP_FIELD_KIND_VOID},
    {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {1, inner}},
};
static amqp_table_entry_t fields[] = {
    FIELD("bool", AMQP_FIELD_KIND_BOOLEAN, boolean, 1),
    FIELD("i8", AMQP_FIELD_KIND_I8, i8, -128),
    FIELD("u8", AMQP_FIELD_KIND_U8, u8, 255),
    FIELD("i16", AMQP_FIELD_KIND_I16, i16, -32768),
    FIELD("u16", AMQP_FIELD_KIND_U16, u16, 65535),
    FIELD("i32", AMQP_FIELD_KIND_I32, i32, INT32_MIN),
    FIELD("u32", AMQP_FIELD_KIND_U32, u32, UINT32_MAX),
    FIELD("i64", AMQP_FIELD_KIND_I64, i64, INT64_MIN),
    FIELD("f32", AMQP_FIELD_KIND_F32, f32, 1.5f),
    FIELD("f64", AMQP_FIELD_KIND_F64, f64, 2.25),
    FIELD("decimal", AMQP_FIELD_KIND_DECIMAL, decimal, {2, 314}),
    FIELD("string", AMQP_FIELD_KIND_UTF8, bytes,
	{7, (void *)"gr\303\274\303\237e"}),
    FIELD("bytes", AMQP_FIELD_KIND_BYTES, bytes, {3, (void *)"\0\377\0"}),
    FIELD("time", AMQP_FIELD_KIND_TIMESTAMP, u64, 981173106),
    FIELD("table", AMQP_FIELD_KIND_TABLE, table, {1, inner}),
    FIELD("array", AMQP_FIELD_KIND_ARRAY, array, {3, items}),
    FIELD("void", AMQP_FIELD_KIND_VOID, u64, 0),
};

amqp_table_t
rabbit_headers(void)
{
	return (amqp_table_t){sizeof fields / sizeof *fields, fields};
}
