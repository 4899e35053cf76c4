/* test_transport.c - what must be true of the byte stream. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/transport.h"
#include "tests/unit/unit.h"

/* A transport on one end of a socket pair, the test on the other. */
struct world {
	struct event_base *base;
	struct io io;
	struct transport t;
	int peer;
	size_t take; /* what input consumes at most; SIZE_MAX: all */
	struct writer got;
	unsigned inputs, drained, closed;
	int error;
};

static size_t
on_input(void *arg, struct bytes in)
{
	struct world *w = arg;
	size_t n = in.n < w->take ? in.n : w->take;

	w->inputs++;
	writer_bytes(&w->got, (struct bytes){in.p, n});
	return n;
}

static void
on_drained(void *arg)
{
	((struct world *)arg)->drained++;
}

static void
on_closed(void *arg, int error)
{
	struct world *w = arg;

	w->closed++;
	w->error = error;
	transport_stop(&w->t);
}

static const struct transport_events events = {
    on_input, on_drained, on_closed};

static struct world *
world_new(void)
{
	struct world *w = xcalloc(1, sizeof *w);
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	w->base = event_base_new();
	io_init(&w->io, w->base, 4096);
	w->peer = fds[1];
	w->take = SIZE_MAX;
	transport_init(&w->t, &w->io, fds[0], &events, w);
	return w;
}

static void
world_free(struct world *w)
{
	transport_fini(&w->t);
	io_fini(&w->io);
	event_base_free(w->base);
	writer_fini(&w->got);
	close(w->peer);
	free(w);
}

static void
turn(struct world *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	io_flush(&w->io);
}

static void
say(struct world *w, const char *text)
{
	CU_ASSERT_EQUAL(
	    write(w->peer, text, strlen(text)), (ssize_t)strlen(text));
}

static bool
got(const struct world *w, const char *text)
{
	return bytes_eq(writer_view(&w->got), bytes_str(text));
}

static void
what_is_not_consumed_comes_again_with_more(void)
{
	struct world *w = world_new();

	w->take = 3;
	say(w, "abcde");
	turn(w);
	CU_ASSERT_TRUE(got(w, "abc"));
	CU_ASSERT_EQUAL(w->t.kept_size, 2);
	say(w, "f");
	turn(w);
	CU_ASSERT_TRUE(got(w, "abcdef"));
	CU_ASSERT_EQUAL(w->t.kept_size, 0);
	CU_ASSERT_PTR_NULL(w->t.kept);
	world_free(w);
}

static void
a_paused_transport_reads_nothing(void)
{
	struct world *w = world_new();

	transport_pause(&w->t);
	say(w, "abc");
	turn(w);
	CU_ASSERT_EQUAL(w->inputs, 0);
	transport_resume(&w->t);
	turn(w);
	CU_ASSERT_TRUE(got(w, "abc"));
	world_free(w);
}

static void
resuming_hands_over_what_was_kept_at_once(void)
{
	struct world *w = world_new();

	w->take = 1;
	say(w, "abc");
	turn(w);
	transport_pause(&w->t);
	w->take = SIZE_MAX;
	transport_resume(&w->t);
	CU_ASSERT_TRUE(got(w, "abc"));
	world_free(w);
}

static void
a_turn_writes_once_whatever_was_gathered(void)
{
	struct world *w = world_new();
	char text[64] = "";

	for (int i = 0; i < 10; i++) {
		put_bytes(transport_room(&w->t, 3), BYTES("xyz"));
		transport_used(&w->t, 3);
	}
	turn(w);
	CU_ASSERT_EQUAL(w->io.writes, 1);
	CU_ASSERT_EQUAL(read(w->peer, text, sizeof text), 30);
	CU_ASSERT_EQUAL(w->t.pending, 0);
	CU_ASSERT_PTR_NULL(w->t.first_block);
	CU_ASSERT_EQUAL(w->drained, 1);
	world_free(w);
}

/* Copied and lent pieces of every size, checked byte by byte through a socket
 * that is held up again and again. */
static void
order_holds_through_blocks_and_lent_bodies(void)
{
	struct world *w = world_new();
	static uint8_t expected[4 << 20], seen[sizeof expected];
	size_t sent = 0, received = 0;
	ssize_t n;

	srandom(3);
	while (sent < sizeof expected - 200000) {
		size_t size = (size_t)random() % 100000;
		struct message *m =
		    message_new(BYTES(""), BYTES(""), BYTES(""), size);
		struct bytes body = message_body(m);

		for (size_t i = 0; i < size; i++)
			((uint8_t *)body.p)[i] = (uint8_t)random();
		put_bytes(expected + sent, body);
		if (random() % 2)
			transport_lend(&w->t, m, body);
		else
			transport_write(&w->t, body);
		sent += size;
		message_unref(m);
	}
	CU_ASSERT_EQUAL(w->t.pending, sent);
	for (int i = 0; received < sent && i < 100000; i++) {
		turn(w);
		n = read(w->peer, seen + received, 50000);
		received += n > 0 ? (size_t)n : 0;
	}
	turn(w);
	CU_ASSERT_EQUAL(received, sent);
	CU_ASSERT_EQUAL(memcmp(seen, expected, sent), 0);
	CU_ASSERT_EQUAL(w->t.pending, 0);
	CU_ASSERT_EQUAL(w->t.lent, 0);
	world_free(w);
}

static void
the_end_of_the_peer_is_told_once(void)
{
	struct world *w = world_new();

	shutdown(w->peer, SHUT_WR);
	turn(w);
	turn(w);
	CU_ASSERT_EQUAL(w->closed, 1);
	CU_ASSERT_EQUAL(w->error, 0);
	world_free(w);
}

static void
finishing_writes_all_first(void)
{
	struct world *w = world_new();
	char text[16];

	transport_write(&w->t, BYTES("bye"));
	transport_finish(&w->t);
	turn(w);
	turn(w);
	CU_ASSERT_EQUAL(w->closed, 1);
	CU_ASSERT_EQUAL(w->error, -1);
	CU_ASSERT_EQUAL(read(w->peer, text, sizeof text), 3);
	world_free(w);
}

static void
a_failed_write_is_told_from_the_loop(void)
{
	struct world *w = world_new();

	transport_pause(&w->t);
	close(w->peer);
	w->peer = open("/dev/null", O_RDONLY);
	transport_write(&w->t, BYTES("x"));
	io_flush(&w->io);
	CU_ASSERT_EQUAL(w->closed, 0);
	turn(w);
	CU_ASSERT_EQUAL(w->closed, 1);
	CU_ASSERT_EQUAL(w->error, EPIPE);
	world_free(w);
}

/* A frame of 4000 octets that come one by one: what has come stays where it is
 * kept, and is seldom moved even there. */
static const uint8_t *seen_at;
static unsigned moves, copies;

static size_t
on_trickle(void *arg, struct bytes in)
{
	struct world *w = arg;

	moves += in.p != seen_at;
	copies += in.n > 1024 && in.p != w->t.kept;
	seen_at = in.p;
	if (in.n < 4000)
		return 0;
	writer_bytes(&w->got, in);
	return in.n;
}

static void
what_trickles_in_is_not_copied_each_time(void)
{
	static const struct transport_events trickle = {
	    on_trickle, on_drained, on_closed};
	struct world *w = world_new();
	uint8_t octets[4000];

	w->t.events = &trickle;
	moves = copies = 0;
	for (size_t i = 0; i < sizeof octets; i++) {
		octets[i] = (uint8_t)(i % 251);
		CU_ASSERT_EQUAL(write(w->peer, octets + i, 1), 1);
		turn(w);
	}
	CU_ASSERT(moves < 10);
	CU_ASSERT_EQUAL(copies, 0);
	CU_ASSERT(bytes_eq(
	    writer_view(&w->got), (struct bytes){octets, sizeof octets}));
	CU_ASSERT_EQUAL(w->t.kept_size, 0);
	CU_ASSERT_PTR_NULL(w->t.kept);
	world_free(w);
}

struct one {
	struct transport t;
	unsigned *gone;
};

static void
on_gone(void *arg, int error)
{
	struct one *o = arg;

	++*o->gone;
	transport_stop(&o->t);
}

static const struct transport_events crowd_events = {
    on_input, on_drained, on_gone};

/* All peers go at once. */
static void
a_turn_does_not_serve_a_whole_crowd(void)
{
	enum { CROWD = 400 };
	static struct one crowd[CROWD];
	struct world *w = world_new();
	unsigned gone = 0;

	for (size_t i = 0; i < CROWD; i++) {
		int fds[2];

		CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX,
					  SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
		    0);
		crowd[i].gone = &gone;
		transport_init(
		    &crowd[i].t, &w->io, fds[0], &crowd_events, &crowd[i]);
		close(fds[1]);
	}
	turn(w);
	CU_ASSERT(gone > 0 && gone < CROWD);
	for (unsigned turns = 0; gone < CROWD && turns < CROWD; turns++)
		turn(w);
	CU_ASSERT_EQUAL(gone, CROWD);
	for (size_t i = 0; i < CROWD; i++)
		transport_fini(&crowd[i].t);
	world_free(w);
}

static const struct unit_test tests[] = {
    {"a turn does not serve a whole crowd",
	a_turn_does_not_serve_a_whole_crowd},
    {"what is not consumed comes again with more",
	what_is_not_consumed_comes_again_with_more},
    {"what trickles in is not copied each time",
	what_trickles_in_is_not_copied_each_time},
    {"a paused transport reads nothing", a_paused_transport_reads_nothing},
    {"resuming hands over what was kept at once",
	resuming_hands_over_what_was_kept_at_once},
    {"a turn writes once whatever was gathered",
	a_turn_writes_once_whatever_was_gathered},
    {"order holds through blocks and lent bodies",
	order_holds_through_blocks_and_lent_bodies},
    {"the end of the peer is told once", the_end_of_the_peer_is_told_once},
    {"finishing writes all first", finishing_writes_all_first},
    {"a failed write is told from the loop",
	a_failed_write_is_told_from_the_loop},
};

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return unit_main("transport", tests, sizeof tests / sizeof *tests);
}
