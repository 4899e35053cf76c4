/* case.c - runs end-to-end cases, each in a process with a time limit. */
#include "tests/client/case.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/client/broker.h"

#define SECONDS_PER_CASE 240 /* valgrind and sanitizers included */

static char folder[] = "/tmp/leveret-client-XXXXXX";
static struct broker broker;
static const char *given_url;
static const char *running;

const char *
case_url(void)
{
	return given_url != NULL ? given_url : broker.url;
}

const char *
case_folder(void)
{
	return folder;
}

char *
case_name(const char *word)
{
	char *name;

	if (asprintf(&name, "client.%d.%s", (int)getpid(), word) == -1)
		abort();
	return name;
}

void
case_fail(const char *file, int line, const char *format, ...)
{
	va_list ap;

	printf("FAILED %s: %s:%d: ", running, file, line);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

static void
run_here(const struct test_case *c)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(SECONDS_PER_CASE);
	running = c->name;
	c->run();
	fflush(stdout);
	_exit(0);
}

static bool
run(const struct test_case *c)
{
	pid_t pid;
	int status;

	fflush(stdout);
	if ((pid = fork()) == 0)
		run_here(c);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			abort();
	if (WIFSIGNALED(status))
		printf("FAILED %s: %s\n", c->name, strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 0)
		printf("ok     %s\n", c->name);
	else if (WEXITSTATUS(status) != 1)
		printf("FAILED %s: status %d\n", c->name, WEXITSTATUS(status));
	return status == 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

/* What the broker had to say, for whoever looks into a failure. */
static void
print_log(void)
{
	char line[1024];
	FILE *f;

	if ((f = fopen(broker.log, "r")) == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL)
		fprintf(stderr, "leveret: %s", line);
	fclose(f);
}

static bool
start_broker(void)
{
	return broker_start(&broker, NULL) == 0;
}

static bool
stop_broker(void)
{
	int status = broker_stop(&broker, SIGTERM);

	if (status != 0)
		printf("FAILED SIGTERM ends the broker with 0: status %#x\n",
		    status);
	return status == 0;
}

struct totals {
	int passed, failed;
};

static void
run_all(const struct test_case *cases, size_t count, const char *wanted,
    struct totals *t)
{
	for (size_t i = 0; i < count; i++) {
		if (strstr(cases[i].name, wanted) == NULL)
			continue;
		if (run(&cases[i]))
			t->passed++;
		else
			t->failed++;
	}
}

int
case_main(int argc, char **argv, enum case_broker whose,
    const struct test_case *cases, size_t count)
{
	const char *wanted = argc > 1 ? argv[1] : "";
	struct totals t = {0, 0};
	bool start;

	given_url = getenv("AMQP_URL");
	if (given_url != NULL && whose == CASE_OWN) {
		printf("skipped: these cases start leveret themselves\n"
		       "0 passed, 0 failed\n");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(folder) == NULL)
		abort();
	start = given_url == NULL && whose == CASE_SHARED;
	if (start && !start_broker()) {
		t.failed++;
	} else {
		run_all(cases, count, wanted, &t);
		if (start && !stop_broker())
			t.failed++;
	}
	if (t.failed > 0)
		print_log();
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	printf("%d passed, %d failed\n", t.passed, t.failed);
	return t.passed == 0 || t.failed > 0;
}
