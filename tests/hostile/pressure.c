/* pressure.c - publishers that do not care how much memory there is. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hostile/client.h"
#include "tests/hostile/pressure.h"
#include "tests/hostile/rig.h"

enum {
	MIB = 1024 * 1024,
	BODY = 64 * 1024,
	PUBLISHERS = 6,
	EACH = 1000, /* messages: three times what may be in memory, together */
	OVER = 100 * MIB, /* sockets, frames held, and what a look may miss */
};

static uint8_t body[BODY];

/* Sanitizers keep what is freed: there no alarm ends by itself, and memory says
 * less. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEMORY_COMES_BACK = false, SLACK = 200 * MIB };
#else
enum { MEMORY_COMES_BACK = true, SLACK = 0 };
#endif

static struct client *
open_with(const char *queue)
{
	struct client *c = client_open();

	client_channel(c, 1);
	client_declare(c, 1, queue, false);
	return c;
}

static void
add(struct client *c, size_t size)
{
	client_add_publish(
	    c, 1, "", "q", false, (struct bytes){body, size});
}

static void
consume(struct client *c, bool no_ack)
{
	client_call(c, 1,
	    &(struct amqp_method){AMQP_basic_consume,
		.basic_consume = {.queue = BYTES("q"), .no_ack = no_ack}},
	    NULL);
}

/* Waits for that method of the connection; others are left out. */
static bool
await(struct client *c, uint32_t id)
{
	struct amqp_method m;

	while (client_method(c, &m, ANSWER_MS))
		if (m.id == id)
			return true;
	return false;
}

/* Publishes until it is told that memory is low. Returns how many messages. */
static unsigned
publish_until_blocked(struct client *c, size_t size)
{
	struct amqp_method m = {0};
	unsigned n = 0;

	for (; n < 20000 && m.id != AMQP_connection_blocked; n++) {
		add(c, size);
		if (!client_flush(c) || !client_method(c, &m, 1))
			m.id = 0;
	}
	CHECK(m.id == AMQP_connection_blocked);
	return n;
}

/* --- attackers ------------------------------------------------------------------ */

/* Publishes as fast as it can, and never listens until the end. */
static pid_t
publisher(void)
{
	pid_t pid;
	bool sent = true;
	struct client *c;

	fflush(stdout);
	if ((pid = fork()) != 0)
		return pid;
	c = client_open();
	client_channel(c, 1);
	for (int i = 0; i < EACH && sent; i++) {
		add(c, BODY);
		sent = client_flush(c);
	}
	client_close(c);
	_exit(sent ? 0 : 1);
}

static unsigned
drain(struct client *c, unsigned count, size_t *most)
{
	struct amqp_method m;
	unsigned n = 0;

	while (n < count && client_method(c, &m, ANSWER_MS)) {
		n += m.id == AMQP_basic_deliver;
		if (n % 256 == 0 && rig_memory() > *most)
			*most = rig_memory();
	}
	return n;
}

/* Memory stops growing, whoever goes on sending; when somebody consumes, all of
 * it comes through. */
void
test_deaf_publishers(void)
{
	struct client *consumer, *witness;
	size_t mark = (size_t)atoi(PRESSURE_MARK) * MIB, most = 0;
	pid_t pids[PUBLISHERS];
	unsigned all = PUBLISHERS * EACH;
	int status;

	if (!MEMORY_COMES_BACK)
		return;
	consumer = open_with("q");
	witness = open_with("w");
	for (int i = 0; i < PUBLISHERS; i++)
		pids[i] = publisher();
	all += publish_until_blocked(witness, 1);
	for (int i = 0; i < 200; i++) {
		client_ready(consumer, 1, "q");
		most = rig_memory() > most ? rig_memory() : most;
	}
	consume(consumer, true);
	CHECK(drain(consumer, all, &most) == all);
	if (!CHECK(most < mark + OVER))
		printf("%zu MiB\n", most / MIB);
	for (int i = 0; i < PUBLISHERS; i++) {
		waitpid(pids[i], &status, 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	client_close(consumer);
	client_close(witness);
}

/* --- one connection ----------------------------------------------------------------- */

enum { PREFETCH = 10 };

/* Up to that delivery. */
static void
acknowledge(struct client *c, uint64_t tag)
{
	client_add(c, 1,
	    &(struct amqp_method){
		AMQP_basic_ack, .basic_ack = {tag, true}});
	client_flush(c);
}

/* What its consumer acknowledges makes room for what it published, though its
 * publications stand in front. */
void
test_one_connection_drains(void)
{
	struct client *c;
	struct amqp_method m;
	unsigned sent, got = PREFETCH;
	bool unblocked = false;

	if (!MEMORY_COMES_BACK)
		return;
	c = open_with("q");
	client_call(c, 1,
	    &(struct amqp_method){AMQP_basic_qos,
		.basic_qos = {.prefetch_count = PREFETCH}},
	    NULL);
	consume(c, false);
	sent = publish_until_blocked(c, BODY) + 1; /* deliveries among it */
	add(c, BODY); /* it does not care */
	acknowledge(c, PREFETCH);
	while ((got < sent || !unblocked) &&
	    client_method(c, &m, ANSWER_MS)) {
		unblocked |= m.id == AMQP_connection_unblocked;
		if (m.id != AMQP_basic_deliver)
			continue;
		got++;
		acknowledge(c, m.basic_deliver.delivery_tag);
	}
	CHECK(got == sent);
	CHECK(unblocked);
	client_close(c);
}

/* --- an alarm that does not end ------------------------------------------------------- */

enum { MANY = 400, EXCESS = 300 * 1024 };

static void
check_others_go_on(struct client *c)
{
	client_declare(c, 1, "new", false);
	CHECK(client_ready(c, 1, "q") == 0);
}

/* There is room for so much of what they publish, and no more. Half of them go
 * without a word, half stay until the broker ends. */
void
test_many_blocked(void)
{
	static struct client *blocked[MANY];
	struct client *w = open_with("q");
	size_t before = rig_memory(), after;

	for (int i = 0; i < MANY; i++) {
		blocked[i] = client_open();
		client_channel(blocked[i], 1);
		for (int sent = 0; sent < EXCESS; sent += 1000)
			add(blocked[i], 1000);
		client_push(blocked[i],
		    (struct bytes){blocked[i]->out.p, blocked[i]->out.n});
		CHECK(await(blocked[i], AMQP_connection_blocked));
	}
	check_others_go_on(w);
	after = rig_memory();
	if (!CHECK(after < before + 60 * MIB + SLACK))
		printf("%zu MiB more\n", (after - before) / MIB);
	for (int i = 0; i < MANY; i += 2)
		client_drop(blocked[i]);
	check_others_go_on(w);
	client_drop(w);
}

/* What a connection held goes back, and what it had set aside goes with it. */
void
test_lost_while_blocked(void)
{
	struct client *w = open_with("q");

	for (int i = 0; i < 100; i++) {
		struct client *c = client_open();

		client_channel(c, 1);
		client_channel(c, 2);
		add(c, 1000);
		client_flush(c);
		CHECK(await(c, AMQP_connection_blocked));
		add(c, 1000 * (size_t)(i % 50));
		if (i % 3 == 0)
			client_add(c, 1,
			    &(struct amqp_method){AMQP_channel_close});
		if (i % 3 == 1)
			client_add(c, 0,
			    &(struct amqp_method){AMQP_connection_close});
		if (i % 7 == 0)
			client_add(c, 2,
			    &(struct amqp_method){AMQP_queue_unbind});
		client_push(c, (struct bytes){c->out.p, c->out.n - i % 20});
		if (i % 2 == 0)
			client_ready(w, 1, "q");
		client_drop(c);
	}
	check_others_go_on(w);
	client_close(w);
}
