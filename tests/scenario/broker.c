/* broker.c - the broker under test: one that runs already, or a Leveret of our
 * own in a temporary folder. */
#include "tests/scenario/broker.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/scenario/peer.h"
#include "tests/scenario/words.h"

enum { START_TIMEOUT = 10000, LOOK_EVERY = 2 }; /* milliseconds */

static void
become_broker(const struct broker *b)
{
	char *log = xasprintf("%s/log", b->folder);
	char *port = xasprintf("%s/port", b->folder);
	char *data = xasprintf("%s/data", b->folder);
	const char *fixed[] = {
	    b->program, "-p", "0", "--port-file", port, "-d", data};
	size_t n = sizeof fixed / sizeof *fixed, more = 0;
	while (b->arguments[more])
		more++;
	char **argv = xcalloc(n + more + 1, sizeof *argv);
	memcpy(argv, fixed, sizeof fixed);
	memcpy(argv + n, b->arguments, more * sizeof *argv);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(b->program, argv);
	fprintf(stderr, "%s: %s\n", b->program, strerror(errno));
	_exit(127);
}

/* The port file's line "amqp 40123"; false while it is not complete. */
static bool
read_port(struct broker *b)
{
	char *path = xasprintf("%s/port", b->folder), line[128], port[32];
	FILE *f = fopen(path, "r");
	bool found = false;
	free(path);
	if (!f)
		return false;
	while (!found && fgets(line, sizeof line, f) && strchr(line, '\n'))
		found = sscanf(line, "amqp %31[0-9]", port) == 1;
	fclose(f);
	if (!found)
		return false;
	free(b->port);
	b->port = xstrdup(port);
	return true;
}

static void
show_log(const struct broker *b)
{
	char *command = xasprintf("tail -n 20 '%s/log' >&2", b->folder);
	if (system(command) != 0)
		fprintf(stderr, "%s has no log\n", b->folder);
	free(command);
}

static bool
wait_until_up(struct broker *b)
{
	struct timespec pause = {.tv_nsec = LOOK_EVERY * 1000000};
	for (int i = 0; i < START_TIMEOUT / LOOK_EVERY; i++) {
		if (read_port(b))
			return true;
		if (waitpid(b->pid, NULL, WNOHANG) == b->pid) {
			b->pid = 0;
			break;
		}
		nanosleep(&pause, NULL);
	}
	fprintf(stderr, "%s did not start:\n", b->program);
	show_log(b);
	return false;
}

static bool
launch(struct broker *b)
{
	char *port = xasprintf("%s/port", b->folder);
	unlink(port);
	free(port);
	fflush(stdout);
	b->pid = fork();
	if (b->pid == 0)
		become_broker(b);
	return b->pid > 0 && wait_until_up(b) && broker_ask(b);
}

static void
remove_folder(struct broker *b)
{
	char *command = xasprintf("rm -rf '%s'", b->folder);
	if (system(command) != 0)
		fprintf(stderr, "%s is left\n", b->folder);
	free(command);
}

bool
broker_start(struct broker *b)
{
	const char *temporary = getenv("TMPDIR");
	char *folder =
	    xasprintf("%s/scenario-XXXXXX", temporary ? temporary : "/tmp");
	if (!mkdtemp(folder)) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return false;
	}
	b->folder = folder;
	b->host = xstrdup("127.0.0.1");
	b->ctl = xasprintf("'%s' -d '%s/data'", b->control, folder);
	if (launch(b))
		return true;
	broker_stop(b);
	return false;
}

static bool
foreign(const struct broker *b, const char *word)
{
	char *command = xasprintf("%s %s >&2", b->restart, word);
	int status = system(command);
	free(command);
	return status == 0;
}

void
broker_signal(struct broker *b, int sig)
{
	if (b->restart)
		foreign(b, sig == SIGKILL ? "KILL" : "TERM");
	else
		kill(b->pid, sig);
}

int
broker_wait(struct broker *b)
{
	int status;
	if (b->pid <= 0 || waitpid(b->pid, &status, 0) != b->pid)
		return -1;
	b->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool
broker_again(struct broker *b)
{
	if (b->restart)
		return foreign(b, "start") && broker_ask(b);
	broker_wait(b);
	return launch(b);
}

int
broker_stop(struct broker *b)
{
	int status = 0;
	if (b->pid > 0) {
		kill(b->pid, SIGTERM);
		status = broker_wait(b);
	}
	if (status != 0)
		show_log(b);
	remove_folder(b);
	return status;
}

/* --- who is it? ------------------------------------------------------------
 */

static char *
property(struct bytes table, const char *key)
{
	struct amqp_value v;
	if (!amqp_table_get(table, bytes_str(key), &v) || v.tag != 'S')
		return NULL;
	return words_string(v.bytes);
}

static bool
read_product(struct broker *b, const struct event *e)
{
	struct bytes text;
	struct writer table = {0};
	if (!event_is(e, "connection.start") ||
	    !words_field(e->line, BYTES("server_properties"), &text) ||
	    !amqp_table_scan(&table, text))
		return false;
	if (!b->product)
		b->product = property(writer_view(&table), "product");
	b->version = property(writer_view(&table), "version");
	for (char *p = b->product; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return b->product && b->version;
}

bool
broker_ask(struct broker *b)
{
	struct peer *p = peer_dial("asks", b->host, b->port);
	bool known = false;
	if (p) {
		peer_send(p, BYTES("AMQP\0\0\x09\x01"));
		struct event *e = peer_next(p, 0);
		known = e && read_product(b, e);
		peer_drop(p);
	}
	if (!known)
		fprintf(stderr, "no AMQP 0-9-1 broker at %s:%s\n", b->host,
		    b->port);
	return known;
}

int
broker_ctl(const struct broker *b, const char *words, struct writer *output)
{
	char *command = xasprintf("%s %s", b->ctl, words);
	FILE *f = b->ctl ? popen(command, "r") : NULL;
	int c;
	free(command);
	if (!f)
		return -1;
	while ((c = getc(f)) != EOF)
		if (output)
			writer_u8(output, (uint8_t)c);
	return pclose(f);
}
