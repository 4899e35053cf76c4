/* test_control.c - the control socket, with peers that behave and others. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/control.h"
#include "broker/folder.h"
#include "broker/log.h"
#include "tests/unit/unit.h"

enum { ROWS = 100000, BUDGET = 1000 };

static struct event_base *base;
static struct control *control;
static char *dir;
static uint64_t committed;
static size_t steps, most_in_a_step;
static char error[512];

/* --- a host with three commands ---------------------------------------- */

static void
put_rows(struct request *r, size_t *budget)
{
	static const char *const names[] = {"n"};

	if (!r->begun)
		request_columns(r, names, 1);
	for (; *budget > 0 && r->at < ROWS; --*budget, r->at++) {
		request_row(r);
		put_int_value(r, (int64_t)r->at);
		request_row_end(r);
	}
	if (r->at == ROWS)
		request_end(r);
}

static void
host_step(struct request *r, size_t *budget)
{
	size_t before = *budget;

	steps++;
	switch (r->words.command - commands) {
	case COMMAND_ping:
		request_text(r, "pong");
		request_end(r);
		break;
	case COMMAND_add_user:
		r->changed = 5;
		if (strcmp(r->words.arguments[0], "bad") == 0)
			request_fail(r, CODE_SOFTWARE, "no %s", "way");
		else
			request_end(r);
		break;
	case COMMAND_list_queues:
		put_rows(r, budget);
		break;
	case COMMAND_stop:
		r->until_closed = true;
		break;
	default:
		request_fail(r, CODE_DATA, "not here");
	}
	if (before - *budget > most_in_a_step)
		most_in_a_step = before - *budget;
}

static void
begin(void)
{
	const struct control_host host = {NULL, host_step};

	dir = folder_private();
	base = event_base_new();
	committed = 0;
	steps = most_in_a_step = 0;
	control = control_open(base, dir, &host, error, sizeof error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(control);
}

static void
end(void)
{
	if (control != NULL)
		control_close(control);
	event_base_free(base);
	CU_ASSERT_EQUAL(rmdir(dir), 0); /* nothing is left in it */
	free(dir);
}

static bool
turn(void)
{
	size_t budget = BUDGET;
	bool more;

	event_base_loop(base, EVLOOP_NONBLOCK);
	more = control_turn(control, &budget);
	control_keep(control, committed);
	event_base_loop(base, EVLOOP_NONBLOCK);
	return more;
}

/* --- a client ---------------------------------------------------------- */

static struct writer answer;

static int
client(void)
{
	struct sockaddr_un address;
	int folder, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	CU_ASSERT_TRUE(control_address(dir, &address, &folder));
	CU_ASSERT_EQUAL(connect(fd, (const void *)&address, sizeof address), 0);
	if (folder >= 0)
		close(folder);
	writer_fini(&answer);
	return fd;
}

/* Takes what is there; false when the other side closed. */
static bool
take(int fd)
{
	ssize_t n;

	while ((n = read(fd, writer_room(&answer, 65536), 65536)) > 0)
		answer.n += (size_t)n;
	return n < 0 && errno == EAGAIN;
}

/* Turns until the other side closes; false if it does not. */
static bool
take_all(int fd)
{
	for (int i = 0; i < 2000; i++) {
		if (!take(fd))
			return true;
		turn();
	}
	return false;
}

static void
ask(int fd, const char *const *words, size_t count)
{
	struct writer w = {0};

	control_request(&w, words, count);
	CU_ASSERT_EQUAL(write(fd, w.p, w.n), (ssize_t)w.n);
	writer_fini(&w);
}

#define ASK(fd, ...)                                                           \
	ask(fd, (const char *[]){__VA_ARGS__},                                 \
	    sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

/* The answer as kinds of frames with the texts among them: "Tpong E0". */
static const char *
summary(void)
{
	static char text[1024];
	struct bytes rest = writer_view(&answer), payload;
	size_t n, rows = 0, size = 0;
	char kind;

	text[0] = '\0';
	while ((n = control_frame(rest, &kind, &payload)) > 0) {
		rest.p += n;
		rest.n -= n;
		rows += kind == 'R';
		if (kind == 'T')
			size += (size_t)sprintf(
			    text + size, "T%.*s ", BYTES_FMT(payload));
		if (kind == 'E')
			size += (size_t)sprintf(text + size, "E%u%.*s",
			    payload.p[0], (int)payload.n - 1, payload.p + 1);
	}
	if (rows > 0)
		sprintf(text + size, " %zu rows", rows);
	return rest.n == 0 ? text : "torn";
}

static const char *
answered(int fd)
{
	bool closed = take_all(fd);

	close(fd);
	return closed ? summary() : "open";
}

/* --- tests ------------------------------------------------------------- */

static void
request_is_answered_and_closed(void)
{
	int fd;

	begin();
	fd = client();
	ASK(fd, "ping");
	CU_ASSERT_STRING_EQUAL(answered(fd), "Tpong E0");
	end();
}

static void
refused_words_come_back_with_64(void)
{
	int fd;

	begin();
	fd = client();
	ASK(fd, "bogus");
	CU_ASSERT_STRING_EQUAL(answered(fd), "E64Command 'bogus' not found.");
	fd = client();
	ASK(fd, "ping", "pong");
	CU_ASSERT_STRING_EQUAL(answered(fd),
	    "E64Error (argument validation): too many arguments.");
	CU_ASSERT_EQUAL(steps, 0);
	end();
}

static void
end_waits_for_the_commit(void)
{
	int fd;

	begin();
	fd = client();
	ASK(fd, "add_user", "u", "p");
	for (int i = 0; i < 5; i++) {
		turn();
		CU_ASSERT_TRUE(take(fd));
	}
	CU_ASSERT_EQUAL(answer.n, 0);
	committed = 4;
	turn();
	take(fd);
	CU_ASSERT_EQUAL(answer.n, 0);
	committed = 5;
	CU_ASSERT_STRING_EQUAL(answered(fd), "E0");
	fd = client();
	ASK(fd, "add_user", "bad", "p");
	CU_ASSERT_STRING_EQUAL(answered(fd), "E70no way");
	end();
}

static void
long_answers_come_in_slices(void)
{
	int fd;

	begin();
	fd = client();
	ASK(fd, "list_queues");
	CU_ASSERT_STRING_EQUAL(answered(fd), "E0 100000 rows");
	CU_ASSERT(most_in_a_step > 0 && most_in_a_step <= BUDGET);
	end();
}

static void
peer_that_does_not_read_stops_only_itself(void)
{
	size_t stuck;
	int slow, fast;

	begin();
	slow = client();
	ASK(slow, "list_queues");
	for (int i = 0; i < 1000; i++)
		turn();
	stuck = steps;
	CU_ASSERT_FALSE(turn()); /* nothing to do at once */
	CU_ASSERT_EQUAL(steps, stuck);
	CU_ASSERT(stuck < ROWS / 256); /* far from the end */
	fast = client();
	ASK(fast, "ping");
	CU_ASSERT_STRING_EQUAL(answered(fast), "Tpong E0");
	writer_fini(&answer);
	CU_ASSERT_STRING_EQUAL(answered(slow), "E0 100000 rows");
	end();
}

static void
peer_that_leaves_is_forgotten(void)
{
	int fd;

	begin();
	fd = client();
	ASK(fd, "list_queues");
	turn();
	close(fd);
	for (int i = 0; i < 10; i++)
		turn();
	CU_ASSERT_FALSE(turn());
	fd = client();
	ASK(fd, "add_user", "u", "p");
	turn();
	close(fd);
	turn();
	committed = 5;
	turn();
	fd = client();
	ASK(fd, "ping");
	CU_ASSERT_STRING_EQUAL(answered(fd), "Tpong E0");
	end();
}

static void
request_may_come_in_single_bytes(void)
{
	const char *words[] = {"add_user", "u", "p"};
	struct writer w = {0};
	int fd;

	begin();
	committed = 5;
	fd = client();
	control_request(&w, words, 3);
	for (size_t i = 0; i < w.n; i++) {
		CU_ASSERT_EQUAL(write(fd, w.p + i, 1), 1);
		turn();
	}
	CU_ASSERT_STRING_EQUAL(answered(fd), "E0");
	writer_fini(&w);
	end();
}

static void
hostile_requests_are_refused(void)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *answer;
	} hostile[] = {
	    {"\xff\xff\xff\xff", 4, ""},
	    {"\x10\0\0\1", 4, ""},
	    {"\0\0\0\0", 4, "E64Command '' not found."},
	    {"\0\0\0\1x", 5, "E64malformed request"},
	    {"\0\0\0\4\0\0\0\0", 8, "E64Command '' not found."},
	    {"\0\0\0\4\0\0\0\1", 8, "E64malformed request"},
	    {"\0\0\0\4\xff\xff\xff\xff", 8, "E64malformed request"},
	    {"\0\0\0\7\0\0\0\3a\0b", 11, "E64malformed request"},
	    {"\0\0\0\x0a\0\0\0\4ping\0\0", 14, "E64malformed request"},
	};

	begin();
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		int fd = client();

		CU_ASSERT_EQUAL(write(fd, hostile[i].bytes, hostile[i].n),
		    (ssize_t)hostile[i].n);
		CU_ASSERT_STRING_EQUAL(answered(fd), hostile[i].answer);
	}
	CU_ASSERT_EQUAL(steps, 0);
	end();
}

/* Bytes without end, before and behind a request. */
static void
floods_are_cut_off(void)
{
	static const uint8_t zeros[65536];
	size_t sent = 0;
	ssize_t n;
	int fd;

	begin();
	fd = client();
	CU_ASSERT_EQUAL(write(fd, "\0\x0f\xff\xff", 4), 4);
	for (int i = 0; i < 200; i++) {
		n = send(fd, zeros, sizeof zeros, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		turn();
	}
	CU_ASSERT_STRING_EQUAL(answered(fd), "E64malformed request");
	CU_ASSERT(sent < 3 * 1024 * 1024);
	end();
}

static void
too_many_words_are_refused(void)
{
	const char *words[WORDS_MAX * 2];
	int fd;

	begin();
	for (size_t i = 0; i < WORDS_MAX * 2; i++)
		words[i] = "list_queues";
	fd = client();
	ask(fd, words, WORDS_MAX * 2);
	CU_ASSERT_STRING_EQUAL(answered(fd), "E64malformed request");
	end();
}

static void
many_peers_wait_their_turn(void)
{
	int fds[100];

	begin();
	for (size_t i = 0; i < 100; i++)
		fds[i] = client(); /* who says nothing */
	for (int i = 0; i < 200; i++)
		turn();
	for (size_t i = 0; i < 99; i++)
		close(fds[i]);
	for (int i = 0; i < 200; i++)
		turn();
	ASK(fds[99], "ping");
	CU_ASSERT_STRING_EQUAL(answered(fds[99]), "Tpong E0");
	end();
}

static void
stop_is_answered_by_closing(void)
{
	int stopper, other;

	begin();
	other = client();
	ASK(other, "list_queues");
	turn();
	stopper = client();
	ASK(stopper, "stop");
	turn();
	turn();
	CU_ASSERT_TRUE(take(stopper));
	CU_ASSERT_EQUAL(answer.n, 0);
	control_close(control);
	control = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK); /* libevent closes late */
	CU_ASSERT_FALSE(take(stopper));
	CU_ASSERT_STRING_EQUAL(summary(), "E0");
	close(stopper);
	close(other);
	end();
}

/* --- the socket itself ------------------------------------------------- */

static void
socket_is_private_and_goes(void)
{
	struct stat st;
	char *path;

	begin();
	path = xasprintf("%s/" CONTROL_SOCKET, dir);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0660);
	control_close(control);
	control = NULL;
	CU_ASSERT_EQUAL(stat(path, &st), -1);
	free(path);
	end();
}

static void
second_broker_is_refused_and_stale_socket_replaced(void)
{
	const struct control_host host = {NULL, host_step};
	struct sockaddr_un address;
	int folder, fd;

	begin();
	CU_ASSERT_PTR_NULL(control_open(base, dir, &host, error, sizeof error));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "another broker is running"));
	fd = client();
	ASK(fd, "ping"); /* the first still answers */
	CU_ASSERT_STRING_EQUAL(answered(fd), "Tpong E0");
	control_close(control);

	control_address(dir, &address, &folder);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL(bind(fd, (const void *)&address, sizeof address), 0);
	close(fd); /* left behind, as by a kill */
	control = control_open(base, dir, &host, error, sizeof error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(control);
	fd = client();
	ASK(fd, "ping");
	CU_ASSERT_STRING_EQUAL(answered(fd), "Tpong E0");
	end();
}

static void
long_paths_work_too(void)
{
	const struct control_host host = {NULL, host_step};
	char *top, *longer;
	int fd;

	begin();
	top = dir;
	control_close(control);
	longer = xasprintf("%s/%0100d/%0100d", top, 1, 2);
	CU_ASSERT_TRUE(folder_make(longer));
	dir = longer;
	control = control_open(base, dir, &host, error, sizeof error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(control);
	fd = client();
	ASK(fd, "ping");
	CU_ASSERT_STRING_EQUAL(answered(fd), "Tpong E0");
	control_close(control);
	control = NULL;
	CU_ASSERT_EQUAL(rmdir(longer), 0);
	*strrchr(longer, '/') = '\0';
	CU_ASSERT_EQUAL(rmdir(longer), 0);
	free(longer);
	dir = top;
	end();
}

static void
missing_folder_is_told(void)
{
	const struct control_host host = {NULL, host_step};

	base = event_base_new();
	CU_ASSERT_PTR_NULL(
	    control_open(base, "/no/such/folder", &host, error, sizeof error));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "/no/such/folder"));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "No such file"));
	event_base_free(base);
}

static const struct unit_test tests[] = {
    {"a request is answered and closed", request_is_answered_and_closed},
    {"refused words come back with 64", refused_words_come_back_with_64},
    {"the end waits for the commit", end_waits_for_the_commit},
    {"long answers come in slices", long_answers_come_in_slices},
    {"a peer that does not read stops only itself",
	peer_that_does_not_read_stops_only_itself},
    {"a peer that leaves is forgotten", peer_that_leaves_is_forgotten},
    {"a request may come in single bytes", request_may_come_in_single_bytes},
    {"hostile requests are refused", hostile_requests_are_refused},
    {"floods are cut off", floods_are_cut_off},
    {"too many words are refused", too_many_words_are_refused},
    {"many peers wait their turn", many_peers_wait_their_turn},
    {"stop is answered by closing", stop_is_answered_by_closing},
    {"the socket is private and goes", socket_is_private_and_goes},
    {"a second broker is refused, a stale socket replaced",
	second_broker_is_refused_and_stale_socket_replaced},
    {"long paths work too", long_paths_work_too},
    {"a missing folder is told", missing_folder_is_told},
};

int
main(void)
{
	int rc;

	log_init(STDOUT_FILENO, LEVEL_NONE);
	rc = unit_main("control", tests, sizeof tests / sizeof *tests);
	writer_fini(&answer);
	return rc;
}
