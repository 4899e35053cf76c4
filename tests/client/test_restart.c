/* test_restart.c - what is there again after SIGTERM, and after SIGKILL. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/client/broker.h"
#include "tests/client/case.h"
#include "tests/client/rabbit.h"

static amqp_bytes_t
bytes(const char *string)
{
	return amqp_cstring_bytes(string);
}

/* A broker with a data folder that this case alone uses. */
struct life {
	struct broker broker;
	char folder[128];
	amqp_connection_state_t c; /* channel 1 is open */
};

static void
begin(struct life *l)
{
	if (broker_start(&l->broker, l->folder) == -1)
		fail("the broker does not come up");
	l->c = rabbit_connect(l->broker.url);
}

static void
life_init(struct life *l)
{
	snprintf(l->folder, sizeof l->folder, "%s/data.%d", case_folder(),
	    (int)getpid());
	begin(l);
}

static void
die(struct life *l, int how)
{
	int status = broker_stop(&l->broker, how);

	rabbit_drop(l->c);
	if (how == SIGTERM)
		expect_number(status, 0);
}

static void
again(struct life *l, int how)
{
	die(l, how);
	begin(l);
}

static void
life_fini(struct life *l)
{
	rabbit_close(l->c);
	expect_number(broker_stop(&l->broker, SIGTERM), 0);
}

/* Fills on a channel of its own. */
static void
fill(struct life *l, const char *queue, int from, int to)
{
	rabbit_open(l->c, 2);
	rabbit_fill(l->c, 2, queue, from, to, 1000);
	rabbit_close_channel(l->c, 2);
}

/* What a killed broker had may have been delivered; what was published since, or
 * came through an orderly stop, was not. */
static void
survives(int how)
{
	struct life l;
	bool killed = how == SIGKILL;

	life_init(&l);
	rabbit_queue(l.c, 1, "kept", RABBIT_DURABLE);
	fill(&l, "kept", 0, 10000);
	again(&l, how);
	expect_number(rabbit_count(l.c, 1, "kept"), 10000);
	fill(&l, "kept", 10000, 10100);
	rabbit_qos(l.c, 1, 1000, false);
	rabbit_consume(l.c, 1, "kept", NULL, false);
	for (int n = 0; n < 10100; n += 100)
		amqp_basic_ack(
		    l.c, 1,
		    rabbit_next_numbers(l.c, n, n + 100, killed && n < 10000),
		    1);
	rabbit_close_channel(l.c, 1);
	rabbit_open(l.c, 1);
	expect_number(rabbit_count(l.c, 1, "kept"), 0);
	life_fini(&l);
}

static void
test_messages_survive_term(void)
{
	survives(SIGTERM);
}

static void
test_messages_survive_kill(void)
{
	survives(SIGKILL);
}

static void
missing_queue(struct life *l, const char *queue)
{
	rabbit_open(l->c, 3);
	rabbit_try_queue(l->c, 3, queue, RABBIT_PASSIVE);
	rabbit_channel_refused(l->c, 3, 404, "NOT_FOUND - no queue");
}

/* Exchanges, queues, bindings of all kinds: the durable ones and no others. */
static void
topology_survives(int how)
{
	struct life l;

	life_init(&l);
	rabbit_exchange(l.c, 1, "durable.x", "topic", RABBIT_DURABLE);
	rabbit_exchange(l.c, 1, "behind.x", "fanout", RABBIT_DURABLE);
	rabbit_exchange(l.c, 1, "transient.x", "fanout", 0);
	rabbit_queue(l.c, 1, "durable.q", RABBIT_DURABLE);
	rabbit_queue(l.c, 1, "transient.q", 0);
	rabbit_queue(l.c, 1, "exclusive.q", RABBIT_DURABLE | RABBIT_EXCLUSIVE);
	rabbit_queue(l.c, 1, "deleted.q", RABBIT_DURABLE);
	rabbit_bind(l.c, 1, "durable.q", "durable.x", "a.#");
	rabbit_bind(l.c, 1, "durable.q", "durable.x", "unbound");
	rabbit_bind(l.c, 1, "durable.q", "behind.x", "");
	rabbit_bind(l.c, 1, "durable.q", "transient.x", "");
	amqp_exchange_bind(l.c, 1, bytes("behind.x"), bytes("durable.x"),
	    bytes("through"), amqp_empty_table);
	rabbit_ok(l.c, "exchange.bind");
	amqp_queue_unbind(l.c, 1, bytes("durable.q"), bytes("durable.x"),
	    bytes("unbound"), amqp_empty_table);
	rabbit_ok(l.c, "queue.unbind");
	rabbit_delete(l.c, 1, "deleted.q");
	again(&l, how);
	missing_queue(&l, "transient.q");
	missing_queue(&l, "exclusive.q");
	missing_queue(&l, "deleted.q");
	rabbit_queue(l.c, 1, "durable.q", RABBIT_DURABLE);
	rabbit_exchange(l.c, 1, "durable.x", "topic", RABBIT_DURABLE);
	rabbit_consume(l.c, 1, "durable.q", NULL, true);
	rabbit_publish(l.c, 1, "durable.x", "a.b", bytes("bound"));
	rabbit_publish(l.c, 1, "durable.x", "unbound", bytes("unbound"));
	rabbit_publish(l.c, 1, "durable.x", "through", bytes("through"));
	rabbit_next(l.c, bytes("bound"), false);
	rabbit_next(l.c, bytes("through"), false);
	rabbit_nothing(l.c);
	rabbit_open(l.c, 3);
	amqp_exchange_declare(l.c, 3, bytes("transient.x"), bytes("fanout"), 1,
	    0, 0, 0, amqp_empty_table);
	rabbit_channel_refused(l.c, 3, 404, "NOT_FOUND - no exchange");
	life_fini(&l);
}

static void
test_topology_survives_term(void)
{
	topology_survives(SIGTERM);
}

static void
test_topology_survives_kill(void)
{
	topology_survives(SIGKILL);
}

static void
test_transient_messages_go(void)
{
	struct life l;

	life_init(&l);
	rabbit_queue(l.c, 1, "mixed", RABBIT_DURABLE);
	fill(&l, "mixed", 0, 10);
	for (int n = 0; n < 10; n++)
		amqp_basic_publish(l.c, 1, amqp_empty_bytes, bytes("mixed"), 0,
		    0, NULL, bytes("transient"));
	fill(&l, "mixed", 10, 20);
	expect_number(rabbit_count(l.c, 1, "mixed"), 30);
	again(&l, SIGTERM);
	rabbit_consume(l.c, 1, "mixed", NULL, true);
	rabbit_next_numbers(l.c, 0, 20, false);
	rabbit_nothing(l.c);
	life_fini(&l);
}

/* A clean stop commits every acknowledgement that had arrived. */
static void
test_acked_stay_gone(void)
{
	struct life l;

	life_init(&l);
	rabbit_queue(l.c, 1, "acked", RABBIT_DURABLE);
	fill(&l, "acked", 0, 1000);
	rabbit_consume(l.c, 1, "acked", NULL, false);
	rabbit_next_numbers(l.c, 0, 1000, false);
	for (int tag = 1; tag <= 1000; tag++)
		if (tag % 100 != 0)
			amqp_basic_ack(l.c, 1, tag, 0);
	rabbit_count(l.c, 1, "acked"); /* the acks have arrived */
	again(&l, SIGTERM);
	expect_number(rabbit_count(l.c, 1, "acked"), 10);
	rabbit_consume(l.c, 1, "acked", NULL, true);
	for (int n = 99; n < 1000; n += 100)
		rabbit_next_numbers(l.c, n, n + 1, true);
	life_fini(&l);
}

/* channel.close-ok tells that the acks before it are on the disk. */
static void
test_acked_stay_gone_after_close_ok(void)
{
	struct life l;
	uint64_t tag;

	life_init(&l);
	rabbit_queue(l.c, 1, "settled", RABBIT_DURABLE);
	fill(&l, "settled", 0, 500);
	rabbit_consume(l.c, 1, "settled", NULL, false);
	tag = rabbit_next_numbers(l.c, 0, 500, false);
	amqp_basic_ack(l.c, 1, tag, 1);
	rabbit_close_channel(l.c, 1);
	again(&l, SIGKILL);
	expect_number(rabbit_count(l.c, 1, "settled"), 0);
	life_fini(&l);
}

static void
test_purge_and_delete_stay(void)
{
	struct life l;
	amqp_queue_purge_ok_t *ok;

	life_init(&l);
	rabbit_queue(l.c, 1, "purged", RABBIT_DURABLE);
	rabbit_queue(l.c, 1, "deleted", RABBIT_DURABLE);
	fill(&l, "purged", 0, 500);
	fill(&l, "deleted", 0, 500);
	ok = amqp_queue_purge(l.c, 1, bytes("purged"));
	rabbit_ok(l.c, "queue.purge");
	expect_number(ok->message_count, 500);
	expect_number(rabbit_delete(l.c, 1, "deleted"), 500);
	again(&l, SIGKILL);
	expect_number(rabbit_count(l.c, 1, "purged"), 0);
	missing_queue(&l, "deleted");
	rabbit_queue(l.c, 1, "deleted", RABBIT_DURABLE);
	expect_number(rabbit_count(l.c, 1, "deleted"), 0);
	life_fini(&l);
}

/* Held, not acknowledged: all of them come again, in order. */
static void
test_unacked_come_back(void)
{
	struct life l;

	life_init(&l);
	rabbit_queue(l.c, 1, "held", RABBIT_DURABLE);
	fill(&l, "held", 0, 1000);
	rabbit_consume(l.c, 1, "held", NULL, false);
	rabbit_next_numbers(l.c, 0, 1000, false);
	again(&l, SIGKILL);
	rabbit_consume(l.c, 1, "held", NULL, true);
	rabbit_next_numbers(l.c, 0, 1000, true);
	rabbit_nothing(l.c);
	life_fini(&l);
}

static void
test_large_bodies_survive(void)
{
	static const size_t sizes[] = {0, 100, 4096, 65536, 1 << 20, 20 << 20};
	struct rabbit_confirms cs;
	struct life l;
	amqp_bytes_t body;

	life_init(&l);
	rabbit_queue(l.c, 1, "large", RABBIT_DURABLE);
	rabbit_queue(l.c, 1, "copies", RABBIT_DURABLE);
	rabbit_exchange(l.c, 1, "both", "fanout", RABBIT_DURABLE);
	rabbit_bind(l.c, 1, "large", "both", "");
	rabbit_bind(l.c, 1, "copies", "both", "");
	rabbit_confirm_select(l.c, 1);
	rabbit_confirms_init(&cs, 1, 6);
	for (; cs.published < 6; cs.published++) {
		body = rabbit_noise(sizes[cs.published], cs.published);
		rabbit_publish(l.c, 1, "both", "", body);
		amqp_bytes_free(body);
	}
	rabbit_confirms_wait(l.c, &cs, 0);
	again(&l, SIGKILL);
	for (int q = 0; q < 2; q++) {
		rabbit_consume(l.c, 1, q == 0 ? "large" : "copies", NULL, true);
		for (int n = 0; n < 6; n++) {
			body = rabbit_noise(sizes[n], n);
			rabbit_next(l.c, body, true);
			amqp_bytes_free(body);
		}
	}
	life_fini(&l);
}

static void
test_properties_survive(void)
{
	amqp_table_entry_t header = {
	    .key = bytes("void"), .value = {.kind = AMQP_FIELD_KIND_VOID}};
	amqp_basic_properties_t sent = {
	    ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG |
		      AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_PRIORITY_FLAG,
	    .delivery_mode = AMQP_DELIVERY_PERSISTENT,
	    .headers = {1, &header},
	    .message_id = bytes("the message"),
	    .priority = 7};
	amqp_basic_properties_t *p;
	struct rabbit_event e;
	struct life l;

	life_init(&l);
	rabbit_queue(l.c, 1, "properties", RABBIT_DURABLE);
	rabbit_bind(l.c, 1, "properties", "amq.direct", "the key");
	amqp_basic_publish(l.c, 1, bytes("amq.direct"), bytes("the key"), 0, 0,
	    &sent, bytes("body"));
	fill(&l, "properties", 0, 1); /* confirmed after the one before it */
	again(&l, SIGKILL);
	rabbit_consume(l.c, 1, "properties", NULL, true);
	rabbit_wait(l.c, &e, RABBIT_PATIENCE_MS);
	expect_number(e.kind, RABBIT_DELIVERY);
	p = &e.letter.message.properties;
	expect_number(p->_flags, sent._flags);
	expect_number(p->priority, 7);
	expect(rabbit_same(p->message_id, sent.message_id));
	expect_number(p->headers.num_entries, 1);
	expect_number(p->headers.entries->value.kind, AMQP_FIELD_KIND_VOID);
	expect(rabbit_same(e.letter.exchange, bytes("amq.direct")));
	expect(rabbit_same(e.letter.routing_key, bytes("the key")));
	rabbit_event_fini(&e);
	life_fini(&l);
}

static void
test_term_tells_clients(void)
{
	struct rabbit_event e;
	amqp_connection_close_t *close;
	struct life l;

	life_init(&l);
	rabbit_queue(l.c, 1, "told", RABBIT_EXCLUSIVE);
	rabbit_consume(l.c, 1, "told", NULL, true);
	kill(l.broker.pid, SIGTERM);
	rabbit_wait(l.c, &e, RABBIT_PATIENCE_MS);
	expect_number(e.kind, RABBIT_METHOD);
	expect_number(e.method.id, AMQP_CONNECTION_CLOSE_METHOD);
	close = e.method.decoded;
	expect_number(close->reply_code, 320);
	expect(rabbit_same(close->reply_text,
	    bytes("CONNECTION_FORCED - broker forced connection closure with "
		  "reason 'shutdown'")));
	die(&l, SIGTERM);
}

static void
test_folder_in_use(void)
{
	struct life l;
	struct broker second;

	life_init(&l);
	rabbit_queue(l.c, 1, "first", RABBIT_DURABLE);
	expect_number(broker_start(&second, l.folder), -1);
	fill(&l, "first", 0, 10);
	expect_number(rabbit_count(l.c, 1, "first"), 10);
	life_fini(&l);
}

/* Publishes a number; false when the broker is not there any more. */
static bool
try_publish(struct life *l, uint64_t number)
{
	amqp_basic_properties_t persistent = {
	    ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
	    .delivery_mode = AMQP_DELIVERY_PERSISTENT};
	char body[24];

	snprintf(body, sizeof body, "%llu", (unsigned long long)number);
	return amqp_basic_publish(l->c, 1, amqp_empty_bytes, bytes("stream"), 0,
		   0, &persistent, bytes(body)) == AMQP_STATUS_OK;
}

/* Publishes until the broker is gone; returns the last one confirmed, and in
 * *PUBLISHED how many may be there. All before a confirmed one must be there
 * as well: the queue keeps the order. */
static uint64_t
publish_until_lost(struct life *l, uint64_t from, uint64_t *published)
{
	struct rabbit_confirms cs;
	struct rabbit_event e = {.kind = RABBIT_NOTHING};
	bool there = true;

	rabbit_confirms_init(&cs, 1, 10000000);
	while (e.kind != RABBIT_LOST) {
		while (there && cs.published - cs.confirmed < 500)
			there = try_publish(l, from + cs.published++);
		rabbit_wait(l->c, &e, RABBIT_PATIENCE_MS);
		if (e.kind == RABBIT_CONFIRM)
			rabbit_confirms_take(&cs, &e.ack);
		else
			expect_number(e.kind, RABBIT_LOST);
	}
	*published = cs.published;
	for (from = cs.published; from > 0 && !cs.done[from]; from--)
		;
	rabbit_confirms_fini(&cs);
	return from;
}

/* In the queue of a broker that was killed are the numbers from FIRST, in order,
 * CONFIRMED at least and PUBLISHED at most. Takes them out and returns how many they were. */
static uint64_t
drain(struct life *l, uint64_t first, uint64_t confirmed, uint64_t published)
{
	uint64_t count = rabbit_count(l->c, 1, "stream");

	if (count < confirmed || count > published)
		fail("%llu in the queue, %llu confirmed, %llu published",
		    (unsigned long long)count, (unsigned long long)confirmed,
		    (unsigned long long)published);
	rabbit_qos(l->c, 1, 1000, false);
	rabbit_consume(l->c, 1, "stream", "reader", false);
	for (uint64_t n = 0; n < count; n++)
		amqp_basic_ack(l->c, 1,
		    rabbit_next_numbers(l->c, first + n, first + n + 1, true),
		    0);
	rabbit_close_channel(l->c, 1);
	rabbit_open(l->c, 1);
	expect_number(rabbit_count(l->c, 1, "stream"), 0);
	return count;
}

/* A child kills the broker while this process publishes. */
static void
kill_soon(struct life *l, int ms)
{
	if (fork() != 0)
		return;
	usleep(ms * 1000);
	kill(l->broker.pid, SIGKILL);
	_exit(0);
}

static void
test_kill_while_publishing(void)
{
	struct life l;
	uint64_t first = 0, confirmed, published;

	life_init(&l);
	rabbit_queue(l.c, 1, "stream", RABBIT_DURABLE);
	for (int n = 0; n < 10; n++) {
		rabbit_confirm_select(l.c, 1);
		kill_soon(&l, 30 + n * 41);
		confirmed = publish_until_lost(&l, first, &published);
		again(&l, SIGKILL);
		drain(&l, first, confirmed, published);
		first += 1000000;
	}
	life_fini(&l);
}

static void
test_many_restarts(void)
{
	struct life l;

	life_init(&l);
	rabbit_queue(l.c, 1, "grown", RABBIT_DURABLE);
	for (int n = 0; n < 20; n++) {
		fill(&l, "grown", n * 50, n * 50 + 50);
		again(&l, n % 2 == 0 ? SIGKILL : SIGTERM);
		expect_number(rabbit_count(l.c, 1, "grown"), n * 50 + 50);
	}
	rabbit_consume(l.c, 1, "grown", NULL, true);
	rabbit_next_numbers(l.c, 0, 950, true); /* there at the last kill */
	rabbit_next_numbers(l.c, 950, 1000, false);
	life_fini(&l);
}

static void
test_ephemeral_forgets(void)
{
	struct broker b;
	amqp_connection_state_t c;

	for (int n = 0; n < 2; n++) {
		expect_number(broker_start(&b, NULL), 0);
		c = rabbit_connect(b.url);
		rabbit_queue(c, 1, "forgotten", RABBIT_DURABLE);
		expect_number(rabbit_count(c, 1, "forgotten"), 0);
		rabbit_fill(c, 1, "forgotten", 0, 100, 100);
		rabbit_close(c);
		expect_number(broker_stop(&b, SIGTERM), 0);
	}
}

static const struct test_case cases[] = {
    {"confirmed messages survive SIGTERM", test_messages_survive_term},
    {"confirmed messages survive SIGKILL", test_messages_survive_kill},
    {"topology survives SIGTERM", test_topology_survives_term},
    {"topology survives SIGKILL", test_topology_survives_kill},
    {"transient messages do not survive", test_transient_messages_go},
    {"acknowledged stay gone after SIGTERM", test_acked_stay_gone},
    {"acknowledged stay gone after close-ok and SIGKILL",
	test_acked_stay_gone_after_close_ok},
    {"purge and delete survive SIGKILL", test_purge_and_delete_stay},
    {"unacknowledged come back in order", test_unacked_come_back},
    {"large bodies survive", test_large_bodies_survive},
    {"properties survive", test_properties_survive},
    {"SIGTERM tells the clients", test_term_tells_clients},
    {"second broker on a folder is refused", test_folder_in_use},
    {"ten times SIGKILL while publishing", test_kill_while_publishing},
    {"twenty restarts, nothing lost", test_many_restarts},
    {"ephemeral broker forgets", test_ephemeral_forgets},
};

CASE_MAIN(CASE_OWN, cases)
