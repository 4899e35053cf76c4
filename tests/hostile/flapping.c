/* flapping.c - policies that change all the time, on queues that are in use. */
#include "tests/hostile/flapping.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hostile/client.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/rig.h"

enum { LOT = 500, LOTS = 400, KEPT = 10 };

/* Each takes the place of the one before; NULL: there is none. */
static const char *const definitions[] = {
    "{\"max-length\": 5}",
    "{\"max-length\": 3, \"overflow\": \"reject-publish\"}",
    "{\"message-ttl\": 1}",
    NULL,
    "{\"max-length-bytes\": 64, \"dead-letter-exchange\": \"\","
    " \"dead-letter-routing-key\": \"dead\"}",
    "{\"message-ttl\": 0, \"dead-letter-exchange\": \"amq.fanout\"}",
    "{\"consumer-timeout\": 1000, \"max-length\": 1}",
    NULL,
};

static void
set_policy(const char *definition)
{
	char command[700];

	if (definition == NULL)
		snprintf(command, sizeof command,
		    "./leveretctl -s -d '%s' clear_policy p",
		    rig_file("data"));
	else
		snprintf(command, sizeof command,
		    "./leveretctl -s -d '%s' set_policy p '^q' '%s' "
		    "--apply-to queues",
		    rig_file("data"), definition);
	CHECK(system(command) == 0);
}

/* Until it is killed. */
static pid_t
start_flapping(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (unsigned i = 0;; i++)
		set_policy(definitions[i % (sizeof definitions /
				       sizeof definitions[0])]);
}

/* So many, each of which is confirmed or refused, but once. */
static void
publish_lot(struct client *c, const char *queue, uint64_t *tag)
{
	uint64_t last = *tag + LOT;
	struct amqp_method m;

	for (unsigned i = 0; i < LOT; i++) {
		char body[24];

		snprintf(body, sizeof body, "%020llu",
		    (unsigned long long)(*tag + i));
		client_add_publish(
		    c, 1, "", queue, i % 2 == 0, bytes_str(body));
	}
	client_flush(c);
	for (unsigned settled = 0; settled < LOT && *tag < last;) {
		uint64_t upto;

		if (!CHECK(client_method(c, &m, ANSWER_MS)))
			return;
		upto = m.id == AMQP_basic_ack ? m.basic_ack.delivery_tag
					      : m.basic_nack.delivery_tag;
		CHECK(m.id == AMQP_basic_ack || m.id == AMQP_basic_nack);
		CHECK(upto <= last);
		settled += m.id == AMQP_basic_ack && m.basic_ack.multiple
		    ? (unsigned)(upto - *tag)
		    : 1;
		*tag = upto > *tag ? upto : *tag;
	}
	*tag = last;
}

static unsigned long long
number_in(struct client *c)
{
	struct amqp_frame f;

	while (client_next(c, &f, ANSWER_MS))
		if (f.type == FRAME_BODY && f.payload.n == 20)
			return strtoull((const char *)f.payload.p, NULL, 10);
	return 0;
}

/* What is left is in order. */
static void
check_order(struct client *c, const char *queue)
{
	unsigned long long before = 0, now;
	struct amqp_method m;

	for (unsigned n = client_ready(c, 1, queue); n > 0; n--) {
		client_send(c, 1,
		    &(struct amqp_method){AMQP_basic_get,
			.basic_get = {
			    .queue = bytes_str(queue), .no_ack = true}});
		client_expect(c, AMQP_basic_get_ok, &m);
		now = number_in(c);
		CHECK(now > before);
		before = now;
	}
}

void
test_flapping_policies(void)
{
	static const char *const queues[] = {"q1", "q2", "q3"};
	struct client *w = witness_open(), *c = client_open();
	pid_t flapping;
	uint64_t tag = 0;

	client_channel(c, 1);
	for (int i = 0; i < 3; i++)
		client_declare(c, 1, queues[i], i > 0);
	client_declare(c, 1, "dead", false);
	client_call(
	    c, 1, &(struct amqp_method){AMQP_confirm_select}, NULL);
	fflush(stdout);
	flapping = start_flapping();
	for (int i = 0; i < LOTS; i++) {
		publish_lot(c, queues[i % 3], &tag);
		if (i % 10 == 0)
			witness_all_is_well(w, 1);
	}
	kill(flapping, SIGKILL);
	waitpid(flapping, NULL, 0);
	set_policy("{\"max-length\": 10}");
	for (int i = 0; i < 3; i++) {
		publish_lot(c, queues[i], &tag);
		CHECK(client_ready(c, 1, queues[i]) == KEPT);
		check_order(c, queues[i]);
	}
	client_close(c);
	client_close(w);
}

/* --- a pattern that does not come to an end ------------------------------------ */

enum { LONG = 300 };

static void
declare_long(struct client *c, const char *what)
{
	char name[120];

	for (int i = 0; i < LONG; i++) {
		snprintf(name, sizeof name,
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa %s %d", what, i);
		client_add(c, 1,
		    &(struct amqp_method){AMQP_queue_declare,
			.queue_declare = {.queue = bytes_str(name),
			    .nowait = true}});
	}
	client_flush(c);
	client_ready(c, 1, name);
}

static void
list_queues(void)
{
	char command[700];

	snprintf(command, sizeof command,
	    "./leveretctl -s -d '%s' list_queues policy >/dev/null",
	    rig_file("data"));
	CHECK(system(command) == 0);
}

/* It costs time for each name, but no turn has much of it. */
void
test_runaway_policy(void)
{
	char command[700];
	struct client *w = witness_open(), *c = client_open();

	client_channel(c, 1);
	declare_long(c, "before");
	snprintf(command, sizeof command,
	    "./leveretctl -s -d '%s' set_policy p '(a+)+$' "
	    "'{\"max-length\": 1}'",
	    rig_file("data"));
	CHECK(system(command) == 0);
	witness_all_is_well(w, 20);
	declare_long(c, "behind");
	list_queues();
	witness_all_is_well(w, 1);
	CHECK(rig_turns_within(60));
	client_close(c);
	client_close(w);
}
