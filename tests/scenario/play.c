/* play.c - plays scenarios, several at a time, and counts. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "tests/scenario/scene.h"

enum { SCENARIO_TIMEOUT = 120 }; /* seconds */

struct job {
	const struct script *script;
	pid_t pid; /* 0: free */
	FILE *output;
};

struct run {
	struct broker broker;
	const char *transcripts;
	bool trace;
	unsigned width; /* scenarios at a time */
	unsigned timeout; /* seconds for each */
	struct script **scripts;
	size_t n;
	struct job *jobs;
	unsigned passed, failed, skipped;
};

/* --- collecting ------------------------------------------------------------
 */

static void
add_script(struct run *r, const char *path)
{
	struct script *s = script_read(path);
	if (!s) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
	r->scripts = xrealloc(r->scripts, (r->n + 1) * sizeof *r->scripts);
	r->scripts[r->n++] = s;
}

static int
is_script(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);
	return n > 5 && strcmp(entry->d_name + n - 5, ".amqp") == 0;
}

static void
add_path(struct run *r, const char *path)
{
	struct dirent **entries;
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
		add_script(r, path);
		return;
	}
	int n = scandir(path, &entries, is_script, alphasort);
	for (int i = 0; i < n; i++) {
		char *file = xasprintf("%s/%s", path, entries[i]->d_name);
		add_script(r, file);
		free(file);
		free(entries[i]);
	}
	free(entries);
}

/* --- playing ---------------------------------------------------------------
 */

static void
add_argument(struct broker *b, const char *setting)
{
	size_t n = 0;
	while (b->arguments[n])
		n++;
	b->arguments = xrealloc(b->arguments, (n + 3) * sizeof(char *));
	b->arguments[n] = xstrdup("-o");
	b->arguments[n + 1] = xstrdup(setting);
	b->arguments[n + 2] = NULL;
}

static const char *
why_skip(const struct run *r, const struct script *s)
{
	const struct broker *b = &r->broker;
	if (s->n_settings > 0 && !b->program)
		return "it needs a setting";
	if (s->needs_own_broker && !b->program && !b->restart)
		return "it restarts the broker (--restart)";
	if (s->needs_ctl && !b->program && !b->ctl)
		return "it needs a control command (--ctl)";
	return NULL;
}

static void
play_in_child(struct run *r, const struct job *job)
{
	struct broker *b = &r->broker;
	dup2(fileno(job->output), STDOUT_FILENO);
	dup2(fileno(job->output), STDERR_FILENO);
	alarm(r->timeout);
	for (size_t i = 0; i < job->script->n_settings; i++)
		add_argument(b, job->script->settings[i]);
	if (job->script->needs_own_broker && b->program && !broker_start(b)) {
		printf("not ok %s: no broker\n", job->script->name);
		fflush(stdout);
		_exit(1);
	}
	scene_play(job->script, b, r->transcripts, r->trace);
}

static void
begin(struct run *r, struct job *job, const struct script *script)
{
	job->script = script;
	job->output = tmpfile();
	fflush(stdout);
	job->pid = job->output ? fork() : -1;
	if (job->pid == 0)
		play_in_child(r, job);
	if (job->pid > 0)
		return;
	perror("fork");
	exit(2);
}

static void
show_output(struct job *job)
{
	int c;
	rewind(job->output);
	while ((c = getc(job->output)) != EOF)
		putchar(c);
	fclose(job->output);
}

static void
end(struct run *r, struct job *job, int status)
{
	show_output(job);
	if (WIFSIGNALED(status))
		printf("not ok %s: ended by signal %d\n", job->script->name,
		    WTERMSIG(status));
	if (status == 0)
		r->passed++;
	else
		r->failed++;
	fflush(stdout);
	job->pid = 0;
}

/* Waits for one scenario to end, and returns its place; NULL if none runs. */
static struct job *
reap(struct run *r)
{
	int status;
	for (;;) {
		pid_t pid = waitpid(-1, &status, 0);
		if (pid < 0)
			return NULL;
		for (unsigned i = 0; i < r->width; i++)
			if (r->jobs[i].pid == pid) {
				end(r, &r->jobs[i], status);
				return &r->jobs[i];
			}
	}
}

static bool
any_running(const struct run *r)
{
	for (unsigned i = 0; i < r->width; i++)
		if (r->jobs[i].pid > 0)
			return true;
	return false;
}

static struct job *
free_job(struct run *r)
{
	for (unsigned i = 0; i < r->width; i++)
		if (r->jobs[i].pid == 0)
			return &r->jobs[i];
	return reap(r);
}

/* A foreign broker is restarted by one scenario at a time, with no other one
 * running. */
static bool
goes_alone(const struct run *r, const struct script *s)
{
	return s->needs_own_broker && !r->broker.program;
}

static void
play_all(struct run *r, bool alone)
{
	for (size_t i = 0; i < r->n; i++) {
		const char *why = why_skip(r, r->scripts[i]);
		if (goes_alone(r, r->scripts[i]) != alone)
			continue;
		if (why) {
			printf("skip %s: %s\n", r->scripts[i]->name, why);
			r->skipped++;
			continue;
		}
		begin(r, free_job(r), r->scripts[i]);
		while (alone && any_running(r))
			reap(r);
	}
	while (any_running(r))
		reap(r);
}

/* --- options ---------------------------------------------------------------
 */

static void
usage(FILE *f, int status)
{
	fputs(
	    "usage: play [options] FILE|FOLDER...\n"
	    "  -b, --broker HOST:PORT  a broker that runs already; without it "
	    "$LEVERET is started\n"
	    "  -c, --ctl COMMAND       its control command, "
	    "\"rabbitmqctl -n node\"\n"
	    "  -r, --restart COMMAND   takes it down and up: called with TERM, "
	    "KILL, start\n"
	    "  -a, --as PRODUCT        whose words to expect: rabbitmq or "
	    "leveret\n"
	    "  -o KEY=VALUE            a setting for the Leveret that is "
	    "started\n"
	    "  -t, --transcripts DIR   write what was said\n"
	    "  -j, --jobs N            scenarios at a time (4)\n"
	    "  -T, --timeout SECONDS   for each (120)\n"
	    "  -v, --verbose           show what is said\n",
	    f);
	exit(status);
}

static void
set_address(struct broker *b, const char *text)
{
	const char *colon = strrchr(text, ':');
	if (!colon)
		usage(stderr, 2);
	b->host = xstrdup(text);
	b->host[colon - text] = '\0';
	b->port = xstrdup(colon + 1);
}

static void
take_option(struct run *r, int option)
{
	switch (option) {
	case 'b':
		set_address(&r->broker, optarg);
		break;
	case 'c':
		r->broker.ctl = xstrdup(optarg);
		break;
	case 'r':
		r->broker.restart = xstrdup(optarg);
		break;
	case 'a':
		r->broker.product = xstrdup(optarg);
		break;
	case 'o':
		add_argument(&r->broker, optarg);
		break;
	case 't':
		r->transcripts = optarg;
		break;
	case 'j':
		r->width = (unsigned)atoi(optarg);
		break;
	case 'T':
		r->timeout = (unsigned)atoi(optarg);
		break;
	case 'v':
		r->trace = true;
		break;
	case 'h':
		usage(stdout, 0);
		break;
	default:
		usage(stderr, 2);
	}
}

static void
take_options(struct run *r, int argc, char **argv)
{
	static const struct option options[] = {
	    {"broker", required_argument, NULL, 'b'},
	    {"ctl", required_argument, NULL, 'c'},
	    {"restart", required_argument, NULL, 'r'},
	    {"as", required_argument, NULL, 'a'},
	    {"transcripts", required_argument, NULL, 't'},
	    {"jobs", required_argument, NULL, 'j'},
	    {"timeout", required_argument, NULL, 'T'},
	    {"verbose", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'}, {0}};
	int option;
	while ((option = getopt_long(
		    argc, argv, "b:c:r:a:o:t:j:T:vh", options, NULL)) >= 0)
		take_option(r, option);
	if (optind == argc || r->width == 0)
		usage(stderr, 2);
	for (int i = optind; i < argc; i++)
		add_path(r, argv[i]);
}

static char *
from_environment(const char *name, const char *usual)
{
	const char *value = getenv(name);
	return xstrdup(value ? value : usual);
}

static bool
find_broker(struct run *r)
{
	struct broker *b = &r->broker;
	if (b->host)
		return broker_ask(b);
	b->program = from_environment("LEVERET", "./leveret");
	b->control = from_environment("LEVERETCTL", "./leveretctl");
	return broker_start(b);
}

static int
play_scripts(struct run *r)
{
	if (!find_broker(r)) {
		printf("not ok broker: it cannot be reached\n"
		       "0 passed, 1 failed\n");
		return 1;
	}
	printf("# %s %s\n", r->broker.product, r->broker.version);
	play_all(r, false);
	play_all(r, true);
	if (r->broker.program && broker_stop(&r->broker) != 0) {
		printf("not ok broker: it ended badly\n");
		r->failed++;
	}
	if (r->skipped > 0)
		printf("%u skipped\n", r->skipped);
	printf("%u passed, %u failed\n", r->passed, r->failed);
	return r->failed > 0 || r->passed == 0;
}

/* What is allocated lasts as long as the process, so it ends without looking
 * back. */
int
main(int argc, char **argv)
{
	struct run r = {.width = 4, .timeout = SCENARIO_TIMEOUT};
	r.broker.arguments = xcalloc(1, sizeof(char *));
	take_options(&r, argc, argv);
	r.jobs = xcalloc(r.width, sizeof *r.jobs);
	int status = play_scripts(&r);
	fflush(stdout);
	_exit(status);
}
