/* broker.c - starts, stops and kills a leveret for the end-to-end cases. */
#include "tests/client/broker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/client/case.h"

#define PATIENCE_MS 60000

static int started;

static void
nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static const char *
program(void)
{
	const char *path = getenv("LEVERET");

	return path != NULL ? path : "./leveret";
}

static void
execute(const struct broker *b, const char *port_file, const char *folder)
{
	int fd = open(b->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (folder == NULL)
		execlp(program(), "leveret", "-p", "0", "--port-file",
		    port_file, "-e", NULL);
	else
		execlp(program(), "leveret", "-p", "0", "--port-file",
		    port_file, "-d", folder, NULL);
	perror(program());
	_exit(127);
}

/* The number after "amqp " in a complete line, or 0. */
static int
read_port(const char *port_file)
{
	char line[64];
	int port = 0;
	FILE *f;

	if ((f = fopen(port_file, "r")) == NULL)
		return 0;
	while (port == 0 && fgets(line, sizeof line, f) != NULL)
		if (strchr(line, '\n') != NULL)
			sscanf(line, "amqp %d", &port);
	fclose(f);
	return port;
}

static int
await_port(struct broker *b, const char *port_file)
{
	for (int ms = 0; ms < PATIENCE_MS; ms += 2) {
		if ((b->port = read_port(port_file)) != 0) {
			snprintf(b->url, sizeof b->url,
			    "amqp://guest:guest@127.0.0.1:%d/%%2f", b->port);
			return 0;
		}
		if (waitpid(b->pid, NULL, WNOHANG) == b->pid) {
			printf("%s ended before it accepted\n", program());
			b->pid = 0;
			return -1;
		}
		nap();
	}
	printf("%s did not write its port in time\n", program());
	broker_stop(b, SIGKILL);
	return -1;
}

int
broker_start(struct broker *b, const char *folder)
{
	char port_file[128];

	started++;
	snprintf(b->log, sizeof b->log, "%s/%d.%d.log", case_folder(),
	    (int)getpid(), started);
	snprintf(port_file, sizeof port_file, "%s/%d.%d.port", case_folder(),
	    (int)getpid(), started);
	fflush(stdout);
	if ((b->pid = fork()) == 0)
		execute(b, port_file, folder);
	return await_port(b, port_file);
}

int
broker_stop(struct broker *b, int signal)
{
	int status;

	kill(b->pid, signal);
	for (int ms = 0; ms < PATIENCE_MS; ms += 2) {
		if (waitpid(b->pid, &status, WNOHANG) == b->pid)
			return status;
		nap();
	}
	kill(b->pid, SIGKILL);
	waitpid(b->pid, &status, 0);
	return status;
}
