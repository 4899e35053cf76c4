/* wait.c - commands of leveretctl that wait for processes to come or go: wait,
 * stop with a file of a process id, shutdown. */
#include "broker/wait.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/control.h"
#include "broker/folder.h"
#include "broker/show.h"
#include "broker/usage.h"

enum {
	LOOK_MS = 10,		  /* between looks at a process or a file */
	WAIT_MS = 10 * 1000,	  /* unless another time was typed */
};

struct waiting {
	struct question *question;
	int64_t until; /* milliseconds of the steady clock */
	bool document; /* what is said is a list in JSON */
	unsigned said;
};

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A moment later; false when the time is over. */
static bool
pause_a_moment(const struct waiting *w)
{
	struct timespec t = {.tv_nsec = LOOK_MS * 1000000L};

	if (now() >= w->until)
		return false;
	nanosleep(&t, NULL);
	return true;
}

static void
say_document(struct waiting *w, const char *text)
{
	FILE *out = w->question->printer.out;

	fputs(w->said++ == 0 ? "[\n" : ",", out);
	fputs("{\"message\":", out);
	show_quoted(out, bytes_str(text));
	fputs("}\n", out);
}

__attribute__((format(printf, 2, 3))) static void
say(struct waiting *w, const char *format, ...)
{
	FILE *out = w->question->printer.out;
	char text[4096 + 200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (w->document)
		say_document(w, text);
	else if (printer_has_banners(&w->question->printer))
		fprintf(out, "%s\n", text);
	fflush(out);
}

static int
too_late(const struct waiting *w)
{
	const struct question *q = w->question;

	fflush(q->printer.out);
	fprintf(stderr,
	    "Error: operation %s on node %s timed out. Timeout value used: "
	    "%d\n",
	    q->words.command->name, node_name(), q->timeout_ms);
	return CODE_TIMEOUT;
}

static bool
is_alive(long pid)
{
	return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* 0: there is no file, or no number in it yet. */
static long
read_pid(const char *path)
{
	FILE *f = fopen(path, "r");
	long pid = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld", &pid) != 1 || pid < 1)
		pid = 0;
	fclose(f);
	return pid;
}

/* --- coming ------------------------------------------------------------- */

/* 0 when the time is over. */
static long
wait_for_file(struct waiting *w, const char *path)
{
	long pid;

	say(w, "Waiting for pid file '%s' to appear", path);
	while ((pid = read_pid(path)) == 0)
		if (!pause_a_moment(w))
			return 0;
	say(w, "pid is %ld", pid);
	return pid;
}

/* Until something answers, or the process has gone. */
static int
wait_for_socket(struct waiting *w, long pid)
{
	int fd;

	say(w,
	    "Waiting for erlang distribution on node '%s' while OS process "
	    "'%ld' is running",
	    node_name(), pid);
	while (is_alive(pid)) {
		if ((fd = ask_connect(w->question, false)) >= 0) {
			close(fd);
			return CODE_OK;
		}
		if (!pause_a_moment(w))
			return too_late(w);
	}
	fputs("Error:\nprocess_not_running\n", stderr);
	return CODE_UNAVAILABLE;
}

static int
wait_for_broker(struct waiting *w, long pid)
{
	struct question *q = w->question;
	int code = wait_for_socket(w, pid);

	if (code != CODE_OK)
		return code;
	say(w,
	    "Waiting for applications 'rabbit_and_plugins' to start on node "
	    "'%s'",
	    node_name());
	q->printer.format = FORMAT_TABLE; /* nothing more is said */
	if ((code = ask(q)) == CODE_OK)
		say(w,
		    "Applications 'rabbit_and_plugins' are running on node "
		    "'%s'",
		    node_name());
	return code;
}

static int
misused(const struct question *q, const char *sentence)
{
	usage_refuse(q->words.command, sentence, q->argv);
	return CODE_USAGE;
}

static int
run_wait(struct waiting *w)
{
	const struct words *words = &w->question->words;
	const char *typed = words_option(words, "pid");
	long pid = typed != NULL ? atol(typed) : 0;

	if (typed != NULL && words->count > 0)
		return misused(w->question,
		    ARGUMENT_ERROR "\"Cannot specify both pid and pidfile\"");
	if (typed == NULL && words->count == 0)
		return misused(w->question,
		    ARGUMENT_ERROR "\"No pid or pidfile specified\"");
	if (typed == NULL &&
	    (pid = wait_for_file(w, words->arguments[0])) == 0)
		return too_late(w);
	return wait_for_broker(w, pid);
}

/* --- going -------------------------------------------------------------- */

static int
wait_for_end(const struct waiting *w, long pid)
{
	while (is_alive(pid))
		if (!pause_a_moment(w))
			return too_late(w);
	return CODE_OK;
}

static int
run_stop(const struct waiting *w, long pid)
{
	int code = ask(w->question);

	return code == CODE_OK && pid > 0 ? wait_for_end(w, pid) : code;
}

static int
run_stop_file(const struct waiting *w)
{
	const char *path = w->question->words.arguments[0];
	long pid = read_pid(path);

	if (pid == 0) {
		fprintf(stderr, "Error:\ncould not read pid from '%s'\n", path);
		return CODE_DATA;
	}
	return run_stop(w, pid);
}

static int
run_shutdown(struct waiting *w)
{
	const struct question *q = w->question;
	long pid = ask_pid(q);
	int code;

	if (pid > 0)
		say(w, "Shutting down RabbitMQ node %s running at PID %ld",
		    node_name(), pid);
	if (pid == 0 || words_option(&q->words, "no-wait") != NULL)
		return run_stop(w, 0);
	say(w, "Waiting for PID %ld to terminate", pid);
	code = run_stop(w, pid);
	if (code == CODE_OK)
		say(w, "RabbitMQ node %s running at PID %ld successfully shut down",
		    node_name(), pid);
	return code;
}

/* --- which -------------------------------------------------------------- */

static bool
is(const struct question *q, enum command_id id)
{
	return q->words.command == &commands[id];
}

bool
wait_command(const struct question *q)
{
	return is(q, COMMAND_wait) || is(q, COMMAND_shutdown) ||
	       (is(q, COMMAND_stop) && q->words.count > 0);
}

int
wait_run(struct question *q)
{
	struct waiting w = {q, 0, false, 0};
	int code;

	if (is(q, COMMAND_wait) && !q->asked)
		q->timeout_ms = WAIT_MS;
	w.until = now() + q->timeout_ms;
	if (is(q, COMMAND_wait)) {
		w.document = q->printer.format == FORMAT_JSON;
		code = run_wait(&w);
		if (w.said > 0)
			fputs("]\n", q->printer.out);
		return code;
	}
	return is(q, COMMAND_stop) ? run_stop_file(&w) : run_shutdown(&w);
}
