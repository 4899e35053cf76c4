/* test_transactions.c - a broker killed while it commits: all of a transaction
 * is there again, or nothing. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Each transaction gives as many messages to each of these. */
static const char *const targets[] = {
    "plain", "priorities", "quorum", "copied", "hidden", "later", "source"};

enum { TARGETS = sizeof targets / sizeof *targets };

/* A broker with a data folder of its own; channel 1 is transactional. */
struct life {
	struct broker broker;
	char folder[128];
	amqp_connection_state_t c;
	unsigned told; /* commits that were answered */
};

/* --- what there is ---------------------------------------------------------- */

static amqp_table_entry_t
text_entry(const char *key, const char *value)
{
	return (amqp_table_entry_t){.key = bytes(key),
	    .value = {.kind = AMQP_FIELD_KIND_UTF8,
		.value.bytes = bytes(value)}};
}

static amqp_table_entry_t
number_entry(const char *key, int value)
{
	return (amqp_table_entry_t){.key = bytes(key),
	    .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = value}};
}

static void
declare(amqp_connection_state_t c, const char *queue,
    amqp_table_entry_t *arguments, int count)
{
	amqp_queue_declare(c, 1, bytes(queue), 0, 1, 0, 0,
	    (amqp_table_t){count, arguments});
	rabbit_ok(c, "queue.declare");
}

static void
declare_all(amqp_connection_state_t c)
{
	amqp_table_entry_t priorities = number_entry("x-max-priority", 3);
	amqp_table_entry_t quorum = text_entry("x-queue-type", "quorum");
	amqp_table_entry_t topic = text_entry("x-delayed-type", "topic");
	amqp_table_entry_t letters[] = {
	    text_entry("x-dead-letter-exchange", ""),
	    text_entry("x-dead-letter-routing-key", "dead")};

	declare(c, "plain", NULL, 0);
	declare(c, "priorities", &priorities, 1);
	declare(c, "quorum", &quorum, 1);
	declare(c, "copied", NULL, 0);
	declare(c, "hidden", NULL, 0);
	declare(c, "later", NULL, 0);
	declare(c, "source", letters, 2);
	declare(c, "dead", NULL, 0);
	amqp_exchange_declare(c, 1, bytes("delayed"),
	    bytes("x-delayed-message"), 0, 1, 0, 0, (amqp_table_t){1, &topic});
	rabbit_ok(c, "exchange.declare");
	rabbit_bind(c, 1, "later", "delayed", "#");
	amqp_maybe_release_buffers_on_channel(c, 1);
}

static void
delete_all(amqp_connection_state_t c)
{
	for (int i = 0; i < TARGETS; i++)
		rabbit_delete(c, 1, targets[i]);
	rabbit_delete(c, 1, "dead");
	amqp_exchange_delete(c, 1, bytes("delayed"), 0);
	rabbit_ok(c, "exchange.delete");
}

/* --- transactions until the broker is gone ------------------------------------ */

/* Some go through in one turn, some take many. */
static unsigned
size_of(unsigned transaction)
{
	return transaction % 6 == 5 ? 1200 : 1 + transaction % 4;
}

/* How many each queue has got from that many transactions. */
static unsigned
sum_of(unsigned transactions)
{
	unsigned sum = 0;

	while (transactions > 0)
		sum += size_of(--transactions);
	return sum;
}

static bool
publish(struct life *l, const char *exchange, const char *key,
    unsigned priority, amqp_table_entry_t *headers, int count)
{
	amqp_basic_properties_t p = {
	    ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG |
		      AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_HEADERS_FLAG,
	    .delivery_mode = AMQP_DELIVERY_PERSISTENT,
	    .priority = (uint8_t)priority,
	    .headers = {count, headers}};

	return amqp_basic_publish(l->c, 1, bytes(exchange), bytes(key), 0, 0,
		   &p, bytes("in a transaction")) == AMQP_STATUS_OK;
}

static amqp_table_entry_t
keys_entry(const char *header, amqp_field_value_t *key, const char *queue)
{
	*key = text_entry("", queue).value;
	return (amqp_table_entry_t){.key = bytes(header),
	    .value = {.kind = AMQP_FIELD_KIND_ARRAY,
		.value.array = {1, key}}};
}

/* One message for each of the targets. */
static bool
publish_to_all(struct life *l, unsigned n)
{
	amqp_field_value_t copied, hidden;
	amqp_table_entry_t copies[] = {keys_entry("CC", &copied, "copied"),
	    keys_entry("BCC", &hidden, "hidden")};
	amqp_table_entry_t delay = number_entry("x-delay", 1 + n % 50);

	return publish(l, "", "plain", 0, copies, 2) &&
	       publish(l, "", "priorities", n % 4, NULL, 0) &&
	       publish(l, "", "quorum", 0, NULL, 0) &&
	       publish(l, "delayed", "later", 0, &delay, 1) &&
	       publish(l, "", "source", 0, NULL, 0);
}

/* Takes what the transaction before gave to the source and rejects it. */
static bool
reject(struct life *l, unsigned count)
{
	struct rabbit_event e;
	uint64_t tag = 0;

	for (; count > 0; count--) {
		rabbit_wait(l->c, &e, RABBIT_PATIENCE_MS);
		if (e.kind == RABBIT_LOST)
			return false;
		expect_number(e.kind, RABBIT_DELIVERY);
		tag = e.letter.delivery_tag;
		rabbit_event_fini(&e);
	}
	return tag == 0 ||
	       amqp_basic_nack(l->c, 1, tag, 1, 0) == AMQP_STATUS_OK;
}

static bool
transaction(struct life *l, unsigned number)
{
	if (number > 0 && !reject(l, size_of(number - 1)))
		return false;
	for (unsigned n = 0; n < size_of(number); n++)
		if (!publish_to_all(l, n))
			return false;
	amqp_tx_commit(l->c, 1);
	amqp_maybe_release_buffers_on_channel(l->c, 1);
	return amqp_get_rpc_reply(l->c).reply_type == AMQP_RESPONSE_NORMAL;
}

/* --- and what is there again --------------------------------------------------- */

static void
begin(struct life *l)
{
	if (broker_start(&l->broker, l->folder) == -1)
		fail("the broker does not come up");
	l->c = rabbit_connect(l->broker.url);
}

static void
kill_soon(const struct life *l, int ms)
{
	if (fork() != 0)
		return;
	usleep(ms * 1000);
	kill(l->broker.pid, SIGKILL);
	_exit(0);
}

static void
commit_until_killed(struct life *l, int ms)
{
	amqp_tx_select(l->c, 1);
	rabbit_ok(l->c, "tx.select");
	rabbit_consume(l->c, 1, "source", "reader", false);
	kill_soon(l, ms);
	for (l->told = 0; transaction(l, l->told); l->told++)
		;
	broker_stop(&l->broker, SIGKILL);
	rabbit_drop(l->c);
}

/* Every commit that was answered, and the next one wholly or not at all. */
static void
check(struct life *l)
{
	unsigned there = rabbit_count(l->c, 1, "plain"), done = l->told;

	if (there == sum_of(done + 1))
		done++;
	for (int i = 0; i < TARGETS - 1; i++)
		rabbit_await_count(l->c, 1, targets[i], sum_of(done));
	expect_number(rabbit_count(l->c, 1, "source"),
	    done > 0 ? size_of(done - 1) : 0);
	expect_number(rabbit_count(l->c, 1, "dead"),
	    done > 0 ? sum_of(done - 1) : 0);
}

static void
test_all_or_nothing(void)
{
	struct life l = {.told = 0};
	unsigned told = 0;

	snprintf(l.folder, sizeof l.folder, "%s/data.%d", case_folder(),
	    (int)getpid());
	begin(&l);
	for (int n = 0; n < 8; n++) {
		declare_all(l.c);
		commit_until_killed(&l, 20 + n * 67);
		begin(&l);
		check(&l);
		delete_all(l.c);
		told += l.told;
	}
	expect(told > 0);
	rabbit_close(l.c);
	expect_number(broker_stop(&l.broker, SIGTERM), 0);
}

static const struct test_case cases[] = {
    {"all of a transaction or nothing after SIGKILL", test_all_or_nothing},
};

CASE_MAIN(CASE_OWN, cases)
