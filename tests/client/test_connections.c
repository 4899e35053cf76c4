/* test_connections.c - logins, tuning, heartbeats, and many at once. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/client/case.h"
#include "tests/client/rabbit.h"

static void
test_open_and_close(void)
{
	for (int n = 0; n < 100; n++)
		rabbit_close(rabbit_connect(case_url()));
}

static const amqp_field_value_t *
entry(const amqp_table_t *table, const char *key)
{
	for (int n = 0; n < table->num_entries; n++)
		if (rabbit_same(table->entries[n].key, amqp_cstring_bytes(key)))
			return &table->entries[n].value;
	fail("no %s among the server's properties", key);
}

static void
test_server_properties(void)
{
	static const char *capabilities[] = {"publisher_confirms",
	    "exchange_exchange_bindings", "basic.nack",
	    "consumer_cancel_notify", "authentication_failure_close"};
	amqp_connection_state_t c = rabbit_connect(case_url());
	const amqp_table_t *properties = amqp_get_server_properties(c);
	const amqp_field_value_t *table = entry(properties, "capabilities");
	int major, minor, patch;
	char version[32] = "";

	expect_number(entry(properties, "product")->kind, AMQP_FIELD_KIND_UTF8);
	memcpy(version, entry(properties, "version")->value.bytes.bytes,
	    entry(properties, "version")->value.bytes.len % sizeof version);
	expect_number(sscanf(version, "%d.%d.%d", &major, &minor, &patch), 3);
	expect_number(table->kind, AMQP_FIELD_KIND_TABLE);
	for (size_t n = 0; n < sizeof capabilities / sizeof *capabilities; n++)
		expect(
		    entry(&table->value.table, capabilities[n])->value.boolean);
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
test_wrong_password(void)
{
	login_refused(&(struct rabbit_login){.password = "wrong"}, 403,
	    "ACCESS_REFUSED - Login was refused using authentication "
	    "mechanism PLAIN");
}

static void
test_unknown_user(void)
{
	login_refused(&(struct rabbit_login){.user = "nobody"}, 403,
	    "ACCESS_REFUSED - Login was refused using authentication "
	    "mechanism PLAIN");
}

static void
test_missing_vhost(void)
{
	login_refused(&(struct rabbit_login){.vhost = "nowhere"}, 530,
	    "NOT_ALLOWED - vhost nowhere not found");
}

static void
test_frame_max(void)
{
	amqp_connection_state_t c;

	rabbit_login(&c, case_url(), &(struct rabbit_login){.frame_max = 4096});
	expect_number(amqp_get_frame_max(c), 4096);
	rabbit_open(c, 1);
	rabbit_close(c);
	rabbit_login(
	    &c, case_url(), &(struct rabbit_login){.frame_max = 1 << 20});
	expect_number(amqp_get_frame_max(c), 131072);
	rabbit_open(c, 1);
	rabbit_close(c);
}

static void
test_channel_max(void)
{
	amqp_connection_state_t c;

	rabbit_login(&c, case_url(), &(struct rabbit_login){.channel_max = 3});
	expect_number(amqp_get_channel_max(c), 3);
	for (int channel = 1; channel <= 3; channel++)
		rabbit_open(c, channel);
	amqp_channel_open(c, 4);
	rabbit_connection_refused(amqp_get_rpc_reply(c), 530,
	    "NOT_ALLOWED - number of channels opened (3) has reached the "
	    "negotiated channel_max (3)");
	rabbit_drop(c);
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void
test_heartbeats_keep_idle_connection(void)
{
	amqp_connection_state_t c;
	struct rabbit_event e;
	double end = now() + 4.5;

	rabbit_login(&c, case_url(), &(struct rabbit_login){.heartbeat = 1});
	expect_number(amqp_get_heartbeat(c), 1);
	rabbit_open(c, 1);
	while (now() < end) {
		rabbit_wait(c, &e, 300);
		expect_number(e.kind, RABBIT_NOTHING);
	}
	rabbit_close(c);
}

/* A client that says nothing for two intervals is given up. */
static void
test_silent_client_is_dropped(void)
{
	amqp_connection_state_t c;
	struct pollfd p = {.events = POLLIN};
	char heartbeat[64];
	double began = now();

	rabbit_login(&c, case_url(), &(struct rabbit_login){.heartbeat = 1});
	p.fd = amqp_get_sockfd(c);
	while (now() < began + 20) {
		expect_number(poll(&p, 1, 20000), 1);
		if (recv(p.fd, heartbeat, sizeof heartbeat, 0) <= 0)
			break;
	}
	expect(now() - began > 1.5);
	expect(now() - began < 10);
	rabbit_drop(c);
}

static void
publish_and_consume(int number)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("own");

	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	rabbit_fill(c, 1, queue, number, number + 200, 50);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, number, number + 200, false);
	rabbit_close(c);
	free(queue);
	_exit(0);
}

static void
test_forty_processes_at_once(void)
{
	int status;

	for (int n = 0; n < 40; n++)
		if (fork() == 0)
			publish_and_consume(n * 1000);
	for (int n = 0; n < 40; n++) {
		expect(wait(&status) > 0);
		expect_number(status, 0);
	}
}

static void
test_three_hundred_connections(void)
{
	amqp_connection_state_t c[300];
	char *queue = case_name("shared");

	for (int n = 0; n < 300; n++)
		c[n] = rabbit_connect(case_url());
	rabbit_queue(c[0], 1, queue, RABBIT_AUTO_DELETE);
	rabbit_consume(c[0], 1, queue, NULL, true);
	for (int n = 0; n < 300; n++) {
		rabbit_publish_number(c[n], 1, queue, n);
		rabbit_next_numbers(c[0], n, n + 1, false);
	}
	for (int n = 0; n < 300; n++)
		rabbit_close(c[n]);
	free(queue);
}

static void
test_lost_connection_requeues(void)
{
	amqp_connection_state_t lost = rabbit_connect(case_url());
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("lost");

	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_fill(c, 1, queue, 0, 20, 20);
	rabbit_consume(lost, 1, queue, NULL, false);
	rabbit_next_numbers(lost, 0, 20, false);
	rabbit_drop(lost);
	rabbit_consume(c, 1, queue, NULL, true);
	rabbit_next_numbers(c, 0, 20, true);
	rabbit_delete(c, 1, queue);
	rabbit_close(c);
	free(queue);
}

/* Waits until the exclusive queue of another connection is gone with it. */
static void
await_gone(amqp_connection_state_t c, const char *queue)
{
	amqp_rpc_reply_t reply;
	amqp_channel_close_t *m;
	int code = 0;

	for (double end = now() + 30; code != 404; usleep(5000)) {
		expect(now() < end);
		rabbit_open(c, 9);
		rabbit_try_queue(c, 9, queue, RABBIT_PASSIVE);
		reply = amqp_get_rpc_reply(c);
		expect_number(reply.reply.id, AMQP_CHANNEL_CLOSE_METHOD);
		m = reply.reply.decoded;
		code = m->reply_code;
		amqp_send_method(c, 9, AMQP_CHANNEL_CLOSE_OK_METHOD,
		    &(amqp_channel_close_ok_t){0});
		amqp_maybe_release_buffers(c);
	}
}

/* Announces a thousand bytes and sends four hundred. */
static void
publish_torn(amqp_connection_state_t c, const char *queue)
{
	static char part[400];
	amqp_basic_properties_t properties = {0};
	amqp_basic_publish_t method = {
	    .routing_key = amqp_cstring_bytes(queue)};
	amqp_frame_t header = {.frame_type = AMQP_FRAME_HEADER, .channel = 1};
	amqp_frame_t body = {.frame_type = AMQP_FRAME_BODY, .channel = 1};

	header.payload.properties.class_id = AMQP_BASIC_CLASS;
	header.payload.properties.body_size = 1000;
	header.payload.properties.decoded = &properties;
	body.payload.body_fragment = (amqp_bytes_t){sizeof part, part};
	amqp_send_method(c, 1, AMQP_BASIC_PUBLISH_METHOD, &method);
	amqp_send_frame(c, &header);
	amqp_send_frame(c, &body);
}

static void
test_torn_body_is_no_message(void)
{
	amqp_connection_state_t lost = rabbit_connect(case_url());
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("torn"), *marker = case_name("marker");

	rabbit_queue(c, 1, queue, RABBIT_DURABLE);
	rabbit_queue(lost, 1, marker, RABBIT_EXCLUSIVE);
	publish_torn(lost, queue);
	rabbit_drop(lost);
	await_gone(c, marker);
	rabbit_fill(c, 1, queue, 0, 10, 10);
	expect_number(rabbit_delete(c, 1, queue), 10);
	rabbit_close(c);
	free(marker);
	free(queue);
}

static void
test_exclusive_queue_goes_with_connection(void)
{
	amqp_connection_state_t owner = rabbit_connect(case_url());
	amqp_connection_state_t c = rabbit_connect(case_url());
	char *queue = case_name("exclusive");

	rabbit_queue(owner, 1, queue, RABBIT_EXCLUSIVE);
	rabbit_try_queue(c, 1, queue, RABBIT_PASSIVE);
	rabbit_channel_refused(c, 1, 405,
	    "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue");
	rabbit_close(owner);
	rabbit_open(c, 1);
	rabbit_try_queue(c, 1, queue, RABBIT_PASSIVE);
	rabbit_channel_refused(c, 1, 404, "NOT_FOUND - no queue");
	rabbit_close(c);
	free(queue);
}

/* An error on one connection is none of the others' business. */
static void
test_connection_error_disturbs_nobody(void)
{
	amqp_connection_state_t c = rabbit_connect(case_url());
	amqp_connection_state_t bad;
	char *queue = case_name("calm");

	rabbit_queue(c, 1, queue, RABBIT_EXCLUSIVE);
	rabbit_consume(c, 1, queue, NULL, true);
	for (int n = 0; n < 50; n++) {
		bad = rabbit_connect(case_url());
		amqp_queue_purge(bad, 7, amqp_cstring_bytes(queue));
		rabbit_connection_refused(amqp_get_rpc_reply(bad), 504,
		    "CHANNEL_ERROR - expected 'channel.open'");
		rabbit_drop(bad);
		rabbit_publish_number(c, 1, queue, n);
		rabbit_next_numbers(c, n, n + 1, false);
	}
	rabbit_close(c);
	free(queue);
}

static const struct test_case cases[] = {
    {"opens and closes a hundred times", test_open_and_close},
    {"names itself and what it can do", test_server_properties},
    {"wrong password is refused", test_wrong_password},
    {"unknown user is refused like a wrong password", test_unknown_user},
    {"missing vhost is refused", test_missing_vhost},
    {"frame_max is negotiated down", test_frame_max},
    {"channel_max is kept", test_channel_max},
    {"heartbeats keep an idle connection",
	test_heartbeats_keep_idle_connection},
    {"silent client is dropped", test_silent_client_is_dropped},
    {"forty processes at once", test_forty_processes_at_once},
    {"three hundred connections", test_three_hundred_connections},
    {"lost connection requeues in order", test_lost_connection_requeues},
    {"torn body is no message", test_torn_body_is_no_message},
    {"exclusive queue goes with its connection",
	test_exclusive_queue_goes_with_connection},
    {"connection error disturbs nobody", test_connection_error_disturbs_nobody},
};

CASE_MAIN(CASE_SHARED, cases)
