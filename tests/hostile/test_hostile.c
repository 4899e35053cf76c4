/* test_hostile.c - what peers do that mean no good, or know no better, and what
 * the broker must not do then. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/reply.h"
#include "amqp/xalloc.h"
#include "tests/hostile/client.h"
#include "tests/hostile/flapping.h"
#include "tests/hostile/pressure.h"
#include "tests/hostile/malformed.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/rig.h"
#include "tests/hostile/secure.h"
#include "tests/hostile/stress.h"

/* --- errors ----------------------------------------------------------------- */

/* The refusal's words lay in the channel, which goes before they are said. */
static void
test_hard_error(void)
{
	struct client *c = client_open();
	struct amqp_method m;

	client_channel(c, 1);
	client_send(c, 1,
	    &(struct amqp_method){AMQP_basic_qos, .basic_qos = {7, 1, false}});
	if (client_expect(c, AMQP_connection_close, &m))
		CHECK(bytes_eq(m.connection_close.reply_text,
		    BYTES("NOT_IMPLEMENTED - prefetch_size!=0 (7)")));
	client_send(c, 0, &(struct amqp_method){AMQP_connection_close_ok});
	CHECK(client_ended(c, ANSWER_MS));
	client_drop(c);
}

/* --- consumers ---------------------------------------------------------------- */

static void
add_consume(struct client *c, const char *queue, const char *tag, bool nowait)
{
	client_add(c, 1,
	    &(struct amqp_method){AMQP_basic_consume,
		.basic_consume = {.queue = bytes_str(queue),
		    .consumer_tag = bytes_str(tag), .nowait = nowait}});
}

/* While the declaration waits for the disk, consumers come that need no answer;
 * each of them must begin. */
static void
test_consumers_behind_a_reply(void)
{
	const char *const queues[] = {"a", "b", "c"};
	struct client *c = client_open();
	unsigned deliveries = 0;
	struct amqp_method m;

	client_channel(c, 1);
	for (int i = 0; i < 3; i++) {
		client_declare(c, 1, queues[i], false);
		client_add_publish(c, 1, "", queues[i], false, BYTES("x"));
	}
	client_add(c, 1,
	    &(struct amqp_method){AMQP_queue_declare,
		.queue_declare = {.queue = BYTES("d"), .durable = true}});
	add_consume(c, "a", "a", false);
	add_consume(c, "b", "b", true);
	add_consume(c, "c", "c", true);
	client_flush(c);
	while (deliveries < 3 && client_method(c, &m, ANSWER_MS))
		deliveries += m.id == AMQP_basic_deliver;
	CHECK(deliveries == 3);
	client_close(c);
}

/* --- promises ------------------------------------------------------------------ */

enum { MANY = 60000 };

static void
fill(struct client *c, const char *queue, unsigned n)
{
	struct amqp_method m = {0};

	client_call(
	    c, 1, &(struct amqp_method){AMQP_confirm_select}, NULL);
	for (unsigned i = 0; i < n; i++)
		client_add_publish(c, 1, "", queue, true, BYTES("x"));
	client_flush(c);
	while (m.basic_ack.delivery_tag < n && client_method(c, &m, ANSWER_MS))
		CHECK(m.id == AMQP_basic_ack);
	CHECK(m.basic_ack.delivery_tag == n);
}

/* Much that nobody waits for, so that the disk is busy for a while. */
static void
add_bulk(struct client *c)
{
	static uint8_t body[1024 * 1024];

	for (int i = 0; i < 24; i++)
		client_add_publish(c, 1, "", "bulk", true,
		    (struct bytes){body, sizeof body});
}

/* More acknowledgements than are carried out in one turn: channel.close-ok says
 * that all of them are safe. */
static void
test_many_acks_then_close(void)
{
	struct client *c = client_open(), *other = client_open();
	struct amqp_method m = {0};

	client_channel(other, 1);
	client_declare(other, 1, "bulk", true);
	add_bulk(other);

	client_channel(c, 1);
	client_declare(c, 1, "many", true);
	fill(c, "many", MANY);
	add_consume(c, "many", "c", true);
	client_flush(c);
	while (m.basic_deliver.delivery_tag < MANY &&
	    client_method(c, &m, ANSWER_MS))
		CHECK(m.id == AMQP_basic_deliver);
	client_add(c, 1,
	    &(struct amqp_method){
		AMQP_basic_ack, .basic_ack = {MANY, true}});
	client_add(c, 1, &(struct amqp_method){AMQP_channel_close});
	client_push(other, writer_view(&other->out));
	client_flush(c);
	client_expect(c, AMQP_channel_close_ok, NULL);
	rig_restart(true);
	client_drop(c);
	client_drop(other);
	c = client_open();
	client_channel(c, 1);
	CHECK(client_ready(c, 1, "many") == 0);
	client_close(c);
}

/* Somebody else's declaration is on its way to the disk, behind much else: who
 * hears that the queue is there must find it after a crash. */
static void
test_declared_by_another(void)
{
	struct client *a = client_open(), *b = client_open();
	struct amqp_method m = {0};

	client_channel(a, 1);
	client_channel(b, 1);
	client_declare(a, 1, "bulk", true);
	add_bulk(a);
	client_add(a, 1,
	    &(struct amqp_method){AMQP_queue_declare,
		.queue_declare = {.queue = BYTES("new"), .durable = true}});
	client_flush(a);
	client_send(b, 1,
	    &(struct amqp_method){AMQP_queue_declare,
		.queue_declare = {.queue = BYTES("new"), .passive = true}});
	while (client_method(b, &m, ANSWER_MS) &&
	    m.id != AMQP_queue_declare_ok) {
		client_channel_again(b, 1);
		client_send(b, 1,
		    &(struct amqp_method){AMQP_queue_declare,
			.queue_declare = {
			    .queue = BYTES("new"), .passive = true}});
	}
	rig_restart(true);
	client_drop(a);
	client_drop(b);
	a = client_open();
	client_channel(a, 1);
	CHECK(client_ready(a, 1, "new") == 0);
	client_close(a);
}

/* The broker is asked to stop while a queue's removal is not yet on disk. */
static void
test_deleted_at_the_end(void)
{
	struct client *c = client_open();

	client_channel(c, 1);
	client_declare(c, 1, "gone", true);
	fill(c, "gone", 1000);
	client_send(c, 1,
	    &(struct amqp_method){AMQP_queue_delete,
		.queue_delete = {.queue = BYTES("gone"), .nowait = true}});
	rig_restart(false);
	client_drop(c);
}

/* --- much at once --------------------------------------------------------------- */

enum { QUEUES = 6000, RETURNS = 20000 };

static const char *
queue_of(unsigned i)
{
	static char name[24];

	snprintf(name, sizeof name, "mine %u", i);
	return name;
}

static void
declare_many(struct client *c)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		struct bytes name = bytes_str(queue_of(i));

		client_add(c, 1,
		    &(struct amqp_method){AMQP_queue_declare,
			.queue_declare = {.queue = name, .exclusive = true,
			    .nowait = true}});
		client_add(c, 1,
		    &(struct amqp_method){AMQP_queue_bind,
			.queue_bind = {.queue = name, .nowait = true,
			    .exchange = BYTES("amq.fanout")}});
	}
	client_flush(c);
}

/* One publication leads to thousands of queues, which are one connection's: all
 * have it when it is confirmed, and all are gone when the connection's close is
 * answered. */
static void
test_many_queues(void)
{
	struct client *c = client_open(), *other = client_open();
	struct amqp_method m = {0};

	client_channel(c, 1);
	declare_many(c);
	client_call(
	    c, 1, &(struct amqp_method){AMQP_confirm_select}, NULL);
	for (int i = 0; i < 3; i++)
		client_add_publish(c, 1, "amq.fanout", "", false, BYTES("x"));
	client_flush(c);
	while (m.basic_ack.delivery_tag < 3 && client_method(c, &m, ANSWER_MS))
		CHECK(m.id == AMQP_basic_ack);
	for (unsigned i = 0; i < QUEUES; i += 599)
		CHECK(client_ready(c, 1, queue_of(i)) == 3);
	CHECK(client_ready(c, 1, queue_of(QUEUES - 1)) == 3);
	client_close(c);
	for (unsigned i = 0; i < QUEUES; i += 599) {
		client_channel(other, 1);
		client_send(other, 1,
		    &(struct amqp_method){AMQP_queue_declare,
			.queue_declare = {.queue = bytes_str(queue_of(i)),
			    .passive = true}});
		client_expect(other, AMQP_channel_close, &m);
		CHECK(m.channel_close.reply_code == AMQP_NOT_FOUND);
		client_send(other, 1,
		    &(struct amqp_method){AMQP_channel_close_ok});
	}
	client_close(other);
}

/* So it is when the socket just closes, or the broker goes meanwhile. */
static void
test_many_queues_drop(void)
{
	struct client *c = client_open(), *other;

	client_channel(c, 1);
	declare_many(c);
	CHECK(client_ready(c, 1, queue_of(QUEUES - 1)) == 0);
	client_drop(c);
	other = client_open();
	client_close(other);
}

/* All of a vhost's go with it, some in each turn. */
static void
test_many_queues_of_a_vhost(void)
{
	struct client *c = client_open();
	char command[600], name[24];
	struct amqp_method m;

	client_channel(c, 1);
	for (int i = 0; i < 20000; i++) {
		snprintf(name, sizeof name, "queue %d", i);
		client_add(c, 1,
		    &(struct amqp_method){AMQP_queue_declare,
			.queue_declare = {.queue = bytes_str(name),
			    .durable = true, .nowait = true}});
	}
	client_flush(c);
	CHECK(client_ready(c, 1, name) == 0);
	snprintf(command, sizeof command,
	    "./leveretctl -s -d '%s' delete_vhost /", rig_file("data"));
	CHECK(system(command) == 0);
	client_expect(c, AMQP_connection_close, &m);
	CHECK(rig_turns_within(40));
	client_drop(c);
}

static void
test_many_returns(void)
{
	struct client *c = client_open();
	struct amqp_method m = {0};
	unsigned returns = 0;

	client_channel(c, 1);
	client_call(c, 1, &(struct amqp_method){AMQP_tx_select}, NULL);
	for (unsigned i = 0; i < RETURNS; i++) {
		client_add(c, 1,
		    &(struct amqp_method){AMQP_basic_publish,
			.basic_publish = {.routing_key = BYTES("nowhere"),
			    .mandatory = true}});
		client_add_frame(c, FRAME_HEADER, 1,
		    BYTES("\0\x3c\0\0\0\0\0\0\0\0\0\0\0\0"));
	}
	client_flush(c);
	client_send(c, 1, &(struct amqp_method){AMQP_tx_commit});
	while (client_method(c, &m, ANSWER_MS) && m.id == AMQP_basic_return)
		returns++;
	CHECK(m.id == AMQP_tx_commit_ok && returns == RETURNS);
	client_close(c);
}

/* --- a store that cannot be read --------------------------------------------------- */

/* Its queue waits; the broker says so now and then, and the others go on. */
static void
test_damaged_store(void)
{
	static uint8_t body[10000];
	struct client *c = client_open();
	struct amqp_method m;
	long logged;

	client_channel(c, 1);
	client_declare(c, 1, "damaged", true);
	for (int i = 0; i < 300; i++)
		client_add_publish(c, 1, "", "damaged", true,
		    (struct bytes){body, sizeof body});
	client_flush(c);
	client_close(c);
	rig_damage(1000000);
	logged = rig_logged();
	c = client_open();
	client_channel(c, 1);
	client_channel(c, 2);
	add_consume(c, "damaged", "c", true);
	client_flush(c);
	while (client_method(c, &m, 1500))
		CHECK(m.id == AMQP_basic_deliver);
	CHECK(rig_logged() < logged + 4000);
	client_declare(c, 2, "other", true);
	client_close(c);
}

/* --- at random ------------------------------------------------------------------- */

static void
test_stress(void)
{
	stress(4, false);
}

static void
test_stress_and_kill(void)
{
	stress(4, true);
}

static const struct test tests[] = {
    {"a hard error is told whole", test_hard_error, {NULL}},
    {"consumers behind a reply that waits begin",
	test_consumers_behind_a_reply, {"-d", "DATA"}},
    {"close-ok comes when many acknowledgements are safe",
	test_many_acks_then_close,
	{"-d", "DATA", "-o", "committer.hold_ms=0"}},
    {"who hears of a queue finds it after a crash",
	test_declared_by_another, {"-d", "DATA"}},
    {"a queue that goes with the broker leaves nothing",
	test_deleted_at_the_end, {"-d", "DATA"}},
    {"thousands of queues get a message and go", test_many_queues, {NULL}},
    {"thousands of queues go with the broker", test_many_queues_drop, {NULL}},
    {"thousands of queues go with their vhost", test_many_queues_of_a_vhost,
	{"-d", "DATA"}},
    {"thousands of messages come back from a commit", test_many_returns,
	{NULL}},
    {"a queue that cannot be read disturbs nobody", test_damaged_store,
	{"-d", "DATA", "-o", "lane_memory_entries=4", "-o",
	    "lane_memory_bytes=4000"}},
    {"silent connections disturb nobody and are ended",
	test_silent_connections, {"-e", "-o", "handshake_timeout=6000"}},
    {"memory grows with what comes, not with what is announced",
	test_announced_bodies, {NULL}},
    {"malformed input is told so and disturbs nobody", test_malformed,
	{NULL}},
    {"a session may be cut short anywhere", test_cut_short, {NULL}},
    {"a session may come byte by byte", test_byte_by_byte, {NULL}},
    {"who never reads disturbs nobody", test_deaf_clients, {NULL}},
    {"publishers who never listen do not fill the memory",
	test_deaf_publishers,
	{"-e", "-o",
	    "vm_memory_high_watermark.absolute=" PRESSURE_MARK "MiB"}},
    {"a connection drains what it publishes itself",
	test_one_connection_drains,
	{"-e", "-o",
	    "vm_memory_high_watermark.absolute=" PRESSURE_MARK "MiB"}},
    {"what many set aside is bounded", test_many_blocked,
	{"-e", "-o", "vm_memory_high_watermark.absolute=1"}},
    {"what blocked connections leave is in order", test_lost_while_blocked,
	{"-d", "DATA", "-o", "disk_free_limit.absolute=900TiB"}},
    {"replies to who never reads are dropped in the end",
	test_deaf_requester, {NULL}},
    {"policies that change all the time harm nobody",
	test_flapping_policies, {"-d", "DATA"}},
    {"a policy that does not come to an end keeps nobody waiting",
	test_runaway_policy, {"-d", "DATA"}},
    {"TLS: handshakes that stall disturb nobody and are ended",
	test_stalled_handshakes,
	{"-e", "TLS", "-o", "ssl_handshake_timeout=3000"}},
    {"TLS: many handshakes at once keep nobody waiting",
	test_many_handshakes, {"-d", "DATA", "TLS"}},
    {"TLS: there is no second handshake", test_renegotiation, {"-e", "TLS"}},
    {"TLS: a chain of certificates without end is refused",
	test_endless_chain,
	{"-e", "TLS", "-o", "ssl_options.verify=verify_peer"}},
    {"TLS: a record may be cut short anywhere", test_cut_records,
	{"-d", "DATA", "TLS"}},
    {"TLS: a record may be wrong anywhere", test_garbage_records,
	{"-d", "DATA", "TLS"}},
    {"TLS: who never reads disturbs nobody", test_deaf_secure_clients,
	{"-e", "TLS"}},
    {"TLS: what came before a pause is served after it",
	test_paused_secure_client, {"-e", "TLS"}},
    {"who comes through a proxy is whom that names", test_proxies,
	{"-e", "TLS", "-o", "proxy_protocol=true", "-o",
	    "handshake_timeout=1500"}},
    {"random clients leave an ephemeral broker in order", test_stress, {NULL}},
    {"random clients leave a broker with little memory in order", test_stress,
	{"-d", "DATA", "-o", "lane_memory_entries=4", "-o",
	    "lane_memory_bytes=4000", "-o", "committer.hold_ms=0"}},
    {"random clients and a crash leave a broker in order",
	test_stress_and_kill,
	{"-d", "DATA", "-o", "lane_memory_entries=4", "-o",
	    "lane_memory_bytes=4000"}},
};

int
main(int argc, char **argv)
{
	return rig_main(tests, sizeof tests / sizeof *tests, argc, argv);
}
