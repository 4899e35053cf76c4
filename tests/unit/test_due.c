/* test_due.c - what a broker does on time: what leaves, and what is written.
 *
 * The broker is a whole one in this process, with the store that forgets; its
 * clock moves when told to, and all that it reads back is counted. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/props.h"
#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/delayed.h"
#include "broker/expiry.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"
#include "exchanges/type.h"
#include "tests/unit/unit.h"

static char folder[] = "/tmp/leveret-due-XXXXXX";

/* What was read back, and whether that fails. */
static struct {
	struct store_ops ops;
	void (*load)(struct store *, struct load *);
	size_t loads, rows, letters, largest;
	bool broken;
	const struct clock *clock;
	int64_t asked; /* for the last */
} reading;

static void
load(struct store *s, struct load *l)
{
	reading.loads++;
	reading.asked = reading.clock->wall;
	if (reading.broken) {
		l->status = STORE_IO;
		l->error = xstrdup("it is broken");
		return;
	}
	reading.load(s, l);
	reading.rows += l->rows;
	reading.letters += l->count;
	if (l->bytes > reading.largest)
		reading.largest = l->bytes;
}

static void
set(struct config *c, const char *key, const char *value)
{
	char why[200];

	CU_ASSERT_EQUAL(config_set(c, key, value, "test", why, sizeof why),
	    CONFIG_OK);
}

static struct server *
broker_open(void)
{
	struct config *c = xcalloc(1, sizeof *c);
	struct server *s;

	config_init(c);
	set(c, "listeners.tcp", "none");
	set(c, "lane_memory_entries", "4096");
	set(c, "lane_memory_bytes", "256KiB");
	set(c, "committer.hold_ms", "0");
	strcpy(folder, "/tmp/leveret-due-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	CU_ASSERT_PTR_NOT_NULL_FATAL(s = server_new(c, folder, true));
	memset(&reading, 0, sizeof reading);
	reading.ops = *s->store->ops;
	reading.load = reading.ops.load;
	reading.ops.load = load;
	reading.clock = &s->clock;
	s->store->ops = &reading.ops;
	return s;
}

static void
broker_close(struct server *s)
{
	struct config *c = s->config;

	server_stop(s);
	CU_ASSERT_EQUAL(server_run(s), 0);
	server_free(s);
	config_fini(c);
	free(c);
	CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static void
settle(struct server *s)
{
	while (server_turn(s, false))
		;
	server_turn(s, false);
}

static struct message *
message(struct bytes key, int64_t delay, size_t size)
{
	struct amqp_props p = {.flags = PROP_HEADERS | PROP_DELIVERY_MODE,
	    .delivery_mode = 2};
	struct writer headers = {0}, wire = {0};
	struct message *m;

	table_put_long(&headers, "x-delay", delay);
	p.headers = writer_view(&headers);
	amqp_props_write(&wire, &p);
	m = message_new(BYTES("x"), key, writer_view(&wire), size);
	memset((void *)message_body(m).p, 'b', size);
	m->persistent = true;
	writer_fini(&headers);
	writer_fini(&wire);
	return m;
}

static struct vhost *
vhost(struct server *s)
{
	return server_vhost(s, BYTES("/"));
}

static struct queue *
queue(struct server *s, const char *name, const char *dead_key, int64_t ttl)
{
	struct writer arguments = {0};
	struct queue *q;

	if (dead_key != NULL) {
		table_put_longstr(
		    &arguments, "x-dead-letter-exchange", BYTES(""));
		table_put_longstr(&arguments, "x-dead-letter-routing-key",
		    bytes_str(dead_key));
		table_put_long(&arguments, "x-message-ttl", ttl);
	}
	q = vhost_add_queue(vhost(s), bytes_str(name), writer_view(&arguments),
	    true, false, NULL);
	writer_fini(&arguments);
	return q;
}

/* --- delayed --------------------------------------------------------------------- */

enum { LETTERS = 30000, SPAN = 60000, SIZE = 100 };

static struct delayed *
exchange(struct server *s)
{
	struct writer arguments = {0};
	struct exchange *x;

	table_put_longstr(&arguments, "x-delayed-type", BYTES("fanout"));
	x = vhost_add_exchange(vhost(s), &type_delayed, BYTES("x"),
	    writer_view(&arguments), true, false, false);
	writer_fini(&arguments);
	return x->kept;
}

/* A durable queue for what it lets go. */
static void
queue_bound(struct server *s, struct delayed *d)
{
	struct queue *q = queue(s, "bound", NULL, 0);

	vhost_bind(vhost(s), d->exchange, &q->destination, BYTES(""),
	    BYTES(""));
}

/* Deadlines in no order, none sooner than a minute. */
static void
fill(struct server *s, struct delayed *d)
{
	for (int i = 0; i < LETTERS; i++) {
		struct message *m =
		    message(BYTES(""), SPAN + i * 7919L % SPAN, SIZE);

		delayed_hold(d, m);
		message_unref(m);
		if (i % 100 == 0)
			settle(s);
	}
	settle(s);
}

static void
pass(struct server *s, struct delayed *d, int64_t ms)
{
	clock_advance(&s->clock, ms);
	if (d->timer != NULL)
		event_active(d->timer, EV_TIMEOUT, 0);
	settle(s);
}

static size_t
most_in_memory(const struct server *s)
{
	return s->mark.entries / 2;
}

static void
check_bounds(const struct server *s, const struct delayed *d)
{
	CU_ASSERT_TRUE(d->near.count <= most_in_memory(s));
	CU_ASSERT_TRUE(d->near.bytes <= s->mark.bytes);
}

/* Turns read, but never for a letter that is due: that one is there already. */
static void
letters_are_read_before_they_are_due(void)
{
	struct server *s = broker_open();
	struct delayed *d = exchange(s);

	fill(s, d);
	CU_ASSERT_EQUAL(d->count, LETTERS);
	CU_ASSERT_TRUE(d->near.count < 10);
	pass(s, d, SPAN - 1000);
	for (int i = 0; i < SPAN / 100 + 11; i++) {
		check_bounds(s, d);
		if (d->count > 0) {
			CU_ASSERT_TRUE_FATAL(d->near.count > 0);
			CU_ASSERT_TRUE(agenda_first(&d->near)->due.deadline <=
			    d->next_out);
		}
		CU_ASSERT_TRUE(d->next_out > s->clock.wall + 100);
		pass(s, d, 100);
	}
	CU_ASSERT_EQUAL(d->count, 0);
	CU_ASSERT_TRUE(reading.letters <= LETTERS);
	CU_ASSERT_TRUE(reading.letters > LETTERS - 10);
	CU_ASSERT_TRUE(reading.rows <= LETTERS + reading.loads);
	CU_ASSERT_TRUE(reading.largest <= s->mark.bytes / 4 + 1000);
	CU_ASSERT_TRUE(reading.loads < 400);
	broker_close(s);
}

/* All at once: in turns of bounded work, by loads that follow each other. */
static void
letters_due_together_go_in_slices(void)
{
	struct server *s = broker_open();
	struct delayed *d = exchange(s);
	uint64_t before;

	for (int i = 0; i < LETTERS; i++) {
		struct message *m = message(BYTES(""),
		    SPAN - (s->clock.wall - s->started_at), SIZE);

		delayed_hold(d, m);
		message_unref(m);
		if (i % 100 == 0)
			settle(s);
	}
	settle(s);
	clock_advance(&s->clock, SPAN + 100);
	event_active(d->timer, EV_TIMEOUT, 0);
	do {
		before = d->count;
		server_turn(s, false);
		check_bounds(s, d);
		CU_ASSERT_TRUE(before - d->count <= 1024);
	} while (d->count > 0);
	CU_ASSERT_TRUE(reading.rows <= LETTERS + reading.loads);
	broker_close(s);
}

/* Changes pile up as on a disk that is slow: publishers stop first. */
static void
what_is_due_does_not_wait_where_publishers_do(void)
{
	struct server *s = broker_open();
	struct delayed *d = exchange(s);
	size_t most;

	queue_bound(s, d);
	fill(s, d);
	journal_hold(&s->journal);
	most = s->pressure.backlog = 100000;
	pass(s, d, SPAN);
	for (int i = 0; i < 1000 && !server_behind(s); i++)
		pass(s, d, 10);
	CU_ASSERT_TRUE_FATAL(server_behind(s));
	for (int i = 0; i < 10000 && !server_far_behind(s); i++)
		pass(s, d, 10);
	CU_ASSERT_TRUE(journal_unsaved(&s->journal) > 2 * most);
	pass(s, d, 100);
	CU_ASSERT_TRUE(journal_unsaved(&s->journal) < 3 * most);
	journal_release(&s->journal);
	broker_close(s);
}

/* Each time it waits twice as long, up to half a minute. */
static void
what_cannot_be_read_is_seldom_asked_for(void)
{
	struct server *s = broker_open();
	struct delayed *d = exchange(s);
	int64_t wait = 1000;

	fill(s, d);
	reading.broken = true;
	reading.loads = 0;
	pass(s, d, SPAN + 10);
	for (size_t i = 0; i < 8; i++) {
		CU_ASSERT_EQUAL(reading.loads, i + 1);
		CU_ASSERT_EQUAL(d->retry_at, reading.asked + wait);
		pass(s, d, d->retry_at - s->clock.wall);
		wait = wait < 32000 ? wait * 2 : wait;
	}
	pass(s, d, wait / 2);
	CU_ASSERT_EQUAL(reading.loads, 9);
	reading.broken = false;
	pass(s, d, wait);
	CU_ASSERT_EQUAL(d->failures, 0);
	for (int i = 0; i < 1000 && d->count > 0; i++)
		pass(s, d, SPAN);
	CU_ASSERT_EQUAL(d->count, 0);
	broker_close(s);
}

/* --- expired ------------------------------------------------------------------------ */

static void
what_lives_a_time_does_not_leave_before_it(void)
{
	struct server *s = broker_open();
	struct queue *q = queue(s, "q", "dead", 70);

	s->clock.wall_us = s->clock.wall * 1000 + 999;
	CU_ASSERT_EQUAL(expiry_deadline(q, -1), s->clock.wall + 71);
	CU_ASSERT_EQUAL(expiry_deadline(q, 5), s->clock.wall + 6);
	CU_ASSERT_EQUAL(expiry_deadline(q, 0), s->clock.wall);
	broker_close(s);
}

/* --- counted ------------------------------------------------------------------------ */

static struct queue *
typed_queue(struct server *s, const char *type)
{
	struct writer arguments = {0};
	struct queue *q;

	table_put_longstr(&arguments, "x-queue-type", bytes_str(type));
	q = vhost_add_queue(vhost(s), bytes_str(type), writer_view(&arguments),
	    true, false, NULL);
	writer_fini(&arguments);
	return q;
}

/* Whether what would be delivered now waits for the store. */
static bool
waits(struct server *s, struct queue *q, struct entry *e)
{
	uint64_t seq;
	bool wait;

	CU_ASSERT_TRUE_FATAL(queue_take(q, e, &wait));
	seq = queue_count(q, e);
	CU_ASSERT_TRUE(seq == 0 || seq == s->journal.seq);
	return seq != 0;
}

static void
check_waits(struct server *s, struct queue *q, bool when_stored)
{
	struct message *m = message(BYTES("k"), 0, 1);
	struct entry e;

	queue_push(q, m, -1);
	message_unref(m);
	CU_ASSERT_FALSE(waits(s, q, &e));
	queue_requeue(q, e);
	CU_ASSERT_FALSE(waits(s, q, &e));
	journal_promise(&s->journal, s->journal.seq);
	settle(s);
	queue_requeue(q, e);
	CU_ASSERT_EQUAL(waits(s, q, &e), when_stored);
	queue_settle(q, &e);
}

static void
a_delivery_that_counts_waits_for_its_count(void)
{
	struct server *s = broker_open();

	check_waits(s, typed_queue(s, "quorum"), true);
	check_waits(s, typed_queue(s, "classic"), false);
	broker_close(s);
}

/* A peer at the other end that is through with its handshake. */
static struct connection *
connected(struct server *s, int *peer)
{
	struct connection *c;
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	*peer = pair[1];
	c = connection_new(s, pair[0], NULL);
	c->frame_max = 128 * 1024;
	c->vhost = vhost(s);
	c->user = auth_user(s->auth, BYTES("guest"));
	c->user->refs++;
	c->vhost->connection_count++;
	c->user->connections++;
	s->open_connections++;
	connection_enter(c, CONNECTION_START);
	connection_enter(c, CONNECTION_TUNE);
	connection_enter(c, CONNECTION_OPEN);
	connection_enter(c, CONNECTION_RUNNING);
	connection_set_timer(c, 0);
	return c;
}

static void
put(struct server *s, struct queue *q, size_t count, size_t size)
{
	for (; count > 0; count--) {
		struct message *m = message(BYTES("k"), 0, size);

		queue_push(q, m, -1);
		message_unref(m);
	}
	journal_promise(&s->journal, s->journal.seq);
	settle(s);
}

/* Until there is nothing more. */
static size_t
read_all(struct server *s, int peer)
{
	static uint8_t buffer[256 * 1024];
	size_t all = 0;
	ssize_t n;

	do {
		settle(s);
		n = read(peer, buffer, sizeof buffer);
		all += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	return all;
}

/* Whatever its channels are, a peer is kept little while the disk does not answer;
 * then it is given all. */
static void
deliveries_that_wait_are_bounded(void)
{
	enum { CHANNELS = 50, BODY = 100 * 1000 };
	struct server *s = broker_open();
	struct queue *q = typed_queue(s, "quorum");
	struct connection *c;
	int peer;

	put(s, q, 2 * CHANNELS, BODY);
	c = connected(s, &peer);
	for (uint16_t i = 1; i <= CHANNELS; i++)
		consumer_wake(consumer_new(channel_new(c, i), q, BYTES("c"),
		    BYTES(""), false, false));
	journal_hold(&s->journal);
	CU_ASSERT_EQUAL(read_all(s, peer), 0);
	CU_ASSERT_TRUE(c->owed > BODY && c->owed < 1024 * 1024 + 2 * BODY);
	journal_release(&s->journal);
	CU_ASSERT_TRUE(read_all(s, peer) > 2 * CHANNELS * BODY);
	CU_ASSERT_EQUAL(q->unacked, 2 * CHANNELS);
	CU_ASSERT_EQUAL(c->owed, 0);
	close(peer);
	settle(s);
	broker_close(s);
}

/* What it publishes when it goes on is looked at in the same turn, or in one that
 * comes: nothing else may ever happen. */
static void
who_was_held_up_is_confirmed(void)
{
	struct server *s = broker_open();
	struct queue *q = typed_queue(s, "quorum");
	struct writer w = {0};
	struct channel *ch;
	int peer;

	ch = channel_new(connected(s, &peer), 1);
	ch->confirming = true;
	s->pressure.backlog = 100;
	journal_hold(&s->journal);
	put(s, q, 1, 1000);
	amqp_method_frame(&w, 1,
	    &(struct amqp_method){AMQP_basic_publish,
		.basic_publish = {.routing_key = BYTES("quorum")}});
	writer_bytes(&w,
	    BYTES("\2\0\1\0\0\0\16\0\74\0\0\0\0\0\0\0\0\0\0\0\0\xce"));
	CU_ASSERT_EQUAL(write(peer, w.p, w.n), (ssize_t)w.n);
	writer_fini(&w);
	settle(s);
	CU_ASSERT_EQUAL(ch->published, 0);
	journal_release(&s->journal);
	while (server_turn(s, false) || ch->published == 0)
		;
	CU_ASSERT_TRUE(ch->promises.confirmed == 1 ||
	    evtimer_pending(s->timer, NULL));
	settle(s);
	CU_ASSERT_EQUAL(ch->promises.confirmed, 1);
	close(peer);
	settle(s);
	broker_close(s);
}

/* However long ago the turn began. */
static void
time_counts_from_when_a_socket_was_read(void)
{
	struct server *s = broker_open();
	int pair[2];
	int64_t before;

	CU_ASSERT_EQUAL_FATAL(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	connection_new(s, pair[0], NULL);
	CU_ASSERT_EQUAL(write(pair[1], "AMQP\0\0\x09\x01", 8), 8);
	before = clock_us();
	s->clocked = true;
	server_turn(s, false);
	CU_ASSERT_TRUE(s->clock.real_us >= before);
	close(pair[1]);
	settle(s);
	broker_close(s);
}

static void
letters_of_a_turn_are_bounded(void)
{
	struct server *s = broker_open();
	struct queue *q = queue(s, "q", "dead", 1000);
	struct queue *dead = queue(s, "dead", NULL, 0);
	uint64_t before;
	size_t turns = 0;

	for (int i = 0; i < LETTERS; i++) {
		struct message *m = message(BYTES("q"), 0, SIZE);

		queue_push(q, m, -1);
		message_unref(m);
		if (i % 100 == 0)
			settle(s);
	}
	settle(s);
	clock_advance(&s->clock, 2000);
	event_active(q->deadline_timer, EV_TIMEOUT, 0);
	for (; lanes_ready(&dead->lanes) < LETTERS && turns < 10000; turns++) {
		before = s->letters_carried;
		server_turn(s, false);
		CU_ASSERT_TRUE(s->letters_carried - before <= 1024);
	}
	CU_ASSERT_EQUAL(lanes_ready(&dead->lanes), LETTERS);
	CU_ASSERT_EQUAL(lanes_ready(&q->lanes), 0);
	broker_close(s);
}

/* --- timers ---------------------------------------------------------------------- */

static bool
has_descriptor_of(const char *kind)
{
	DIR *all = opendir("/proc/self/fd");
	struct dirent *e;
	bool found = false;

	while (all != NULL && (e = readdir(all)) != NULL) {
		char name[300], target[200] = "";

		snprintf(name, sizeof name, "/proc/self/fd/%s", e->d_name);
		if (readlink(name, target, sizeof target - 1) > 0)
			found |= strstr(target, kind) != NULL;
	}
	closedir(all);
	return found;
}

/* Those of the kernel's, not of a clock with ticks. */
static void
timers_are_precise(void)
{
	struct server *s;

	CU_ASSERT_FALSE(has_descriptor_of("timerfd"));
	s = broker_open();
	CU_ASSERT_TRUE(has_descriptor_of("timerfd"));
	broker_close(s);
}

static const struct unit_test tests[] = {
    {"timers are precise", timers_are_precise},
    {"letters are read before they are due",
	letters_are_read_before_they_are_due},
    {"letters due together go in slices", letters_due_together_go_in_slices},
    {"what is due does not wait where publishers do",
	what_is_due_does_not_wait_where_publishers_do},
    {"what cannot be read is seldom asked for",
	what_cannot_be_read_is_seldom_asked_for},
    {"what lives a time does not leave before it",
	what_lives_a_time_does_not_leave_before_it},
    {"a delivery that counts waits for its count",
	a_delivery_that_counts_waits_for_its_count},
    {"deliveries that wait are bounded", deliveries_that_wait_are_bounded},
    {"who was held up is confirmed", who_was_held_up_is_confirmed},
    {"time counts from when a socket was read",
	time_counts_from_when_a_socket_was_read},
    {"letters of a turn are bounded", letters_of_a_turn_are_bounded},
};

int
main(void)
{
	log_init(open("/dev/null", O_WRONLY), LEVEL_ERROR);
	return unit_main("due", tests, sizeof tests / sizeof *tests);
}
