/* ask.c - words to the broker's control socket, its answer to the screen. */
#include "broker/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "broker/control.h"
#include "broker/folder.h"
#include "broker/reach.h"
#include "broker/usage.h"

int
ask_connect(const struct question *q, bool say)
{
	int fd = reach_broker(q->socket, q->dir);

	if (fd < 0 && say)
		reach_failed(q->socket, q->dir);
	return fd;
}

long
ask_pid(const struct question *q)
{
	struct ucred peer = {.pid = 0};
	socklen_t n = sizeof peer;
	int fd = ask_connect(q, false);

	if (fd < 0)
		return 0;
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
	close(fd);
	return peer.pid;
}

/* --- asking and printing ----------------------------------------------- */

static bool
send_all(int fd, struct bytes b)
{
	ssize_t n;

	for (; b.n > 0; b.p += n, b.n -= (size_t)n) {
		n = send(fd, b.p, b.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return false;
	}
	return true;
}

/* Is there a document for who asked for JSON? RabbitMQ's exit code is one for all
 * refusals that are documents. */
static bool
in_json(const struct question *q)
{
	return q->printer.format == FORMAT_JSON && q->printer.json != NULL;
}

/* Words that only the broker can judge are refused as others are. */
static void
say_error(const struct question *q, char kind, const char *sentence)
{
	if (in_json(q))
		fprintf(stderr, "%s\n", q->printer.json);
	else if (kind == 'U')
		usage_refuse(q->words.command, sentence, q->argv);
	else
		fprintf(stderr, "%s%s\n", kind == 'E' ? "Error:\n" : "",
		    sentence);
}

static int
cannot_write(const char *path, int error)
{
	if (error == EISDIR)
		fprintf(stderr, "Error:\nPath %s is a directory\n", path);
	else
		fprintf(stderr, "Error:\ncannot write %s: %s\n", path,
		    strerror(error));
	return CODE_DATA;
}

static int
finish(struct question *q, char kind, struct bytes end)
{
	struct reader r = reader_of(end);
	int code = reader_u8(&r);
	char *sentence =
	    xasprintf("%.*s", (int)reader_left(&r), (const char *)r.p);

	if (code == CODE_OK || q->printer.listing)
		printer_end(&q->printer);
	fflush(q->printer.out);
	if (code != CODE_OK && *sentence != '\0')
		say_error(q, kind, sentence);
	if (code != CODE_OK && in_json(q))
		code = CODE_UNAVAILABLE;
	printer_fini(&q->printer);
	free(sentence);
	if (code == CODE_OK && q->printer.trouble != 0)
		return cannot_write(q->printer.path, q->printer.trouble);
	return code;
}

/* rabbitmqctl says first how long it will wait, for the one command that may
 * take long there. */
static void
print_patience(struct question *q)
{
	if (!q->told && printer_has_banners(&q->printer) &&
	    q->words.command == &commands[COMMAND_list_queues])
		fprintf(q->printer.out, "Timeout: %.1f seconds ...\n",
		    q->timeout_ms / 1000.0);
	q->told = true;
}

static int
senseless(void)
{
	fputs("Error:\nthe answer makes no sense: is it a broker of this "
	      "version?\n",
	    stderr);
	return CODE_UNAVAILABLE;
}

static bool
is_end(char kind)
{
	return kind == 'E' || kind == 'F' || kind == 'U';
}

/* Prints whole frames and moves what is left to the front. Returns -1 to read
 * on, else the exit code. */
static int
print_frames(struct question *q, struct writer *in)
{
	struct bytes rest = writer_view(in), payload;
	size_t n;
	char kind;

	while ((n = control_frame(rest, &kind, &payload)) > 0) {
		if (is_end(kind) && payload.n > 0)
			return finish(q, kind, payload);
		if (kind == 'B')
			print_patience(q);
		if (!printer_frame(&q->printer, kind, payload))
			return senseless();
		rest.p += n;
		rest.n -= n;
	}
	fflush(q->printer.out);
	memmove(in->p, rest.p, rest.n);
	in->n = rest.n;
	return -1;
}

/* 0: it closed; -1 with errno. */
static ssize_t
read_more(int fd, struct writer *in, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, timeout_ms) == 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	n = read(fd, writer_room(in, 65536), 65536);
	if (n > 0)
		in->n += (size_t)n;
	return n;
}

static int
timed_out(const struct question *q)
{
	fflush(stdout);
	fprintf(stderr,
	    "Error: operation %s on node %s timed out. Timeout value used: "
	    "%d\n",
	    q->words.command->name, node_name(), q->timeout_ms);
	return CODE_TIMEOUT;
}

static int
broken(const struct question *q, ssize_t n)
{
	if (n < 0 && errno == ETIMEDOUT)
		return timed_out(q);
	fflush(stdout);
	fprintf(stderr, "Error:\nthe broker closed the connection%s%s\n",
	    n < 0 ? ": " : "", n < 0 ? strerror(errno) : "");
	return CODE_UNAVAILABLE;
}

static int
print_answer(int fd, struct question *q)
{
	struct writer in = {0};
	ssize_t n;
	int code = -1;

	while (code < 0) {
		n = read_more(fd, &in, q->timeout_ms);
		if (n < 0 && errno == EINTR)
			continue;
		code = n > 0 ? print_frames(q, &in) : broken(q, n);
	}
	writer_fini(&in);
	return code;
}

int
ask(struct question *q)
{
	struct writer request = {0};
	int fd, code;

	if (q->timeout_ms == 0)
		return timed_out(q);
	fd = ask_connect(q, true);
	if (fd < 0)
		return CODE_UNAVAILABLE;
	control_request(&request, q->list, q->count);
	send_all(fd, writer_view(&request)); /* if not, reading fails too */
	code = print_answer(fd, q);
	writer_fini(&request);
	close(fd);
	return code;
}
