/* rig.c - tests that each have a broker of their own, and count themselves. */
#include "tests/hostile/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS = 20000, LOOK_MS = 5 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWER = 8 };
#else
enum { SLOWER = 1 };
#endif

static struct {
	char folder[256];
	const struct test *test;
	pid_t pid;
	unsigned port, secure_port;
	unsigned failures; /* of the test that runs */
} rig;

unsigned
rig_port(void)
{
	return rig.port;
}

unsigned
rig_secure_port(void)
{
	return rig.secure_port;
}

const char *
rig_file(const char *name)
{
	static char path[300];

	snprintf(path, sizeof path, "%s/%s", rig.folder, name);
	return path;
}

bool
rig_check(bool so, const char *what, const char *file, int line)
{
	if (!so) {
		rig.failures++;
		printf("%s:%d: not so: %s\n", file, line, what);
	}
	return so;
}

/* --- the broker ----------------------------------------------------------- */

static void
path_of(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", rig.folder, name);
}

static bool
is_secure(void)
{
	for (const char *const *a = rig.test->arguments; *a != NULL; a++)
		if (strcmp(*a, "TLS") == 0)
			return true;
	return false;
}

static void
make_certificate(void)
{
	char command[1200];

	snprintf(command, sizeof command,
	    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
	    "-nodes -keyout '%s/server.key' -out '%s/server.pem' "
	    "-subj /CN=localhost -days 2 2>/dev/null",
	    rig.folder, rig.folder);
	CHECK(system(command) == 0);
}

/* Its own certificate is the authority too. */
static size_t
add_secure(const char **argv)
{
	static char certificate[400], key[400], authority[400];
	size_t n = 0;

	snprintf(certificate, sizeof certificate,
	    "ssl_options.certfile=%s/server.pem", rig.folder);
	snprintf(authority, sizeof authority,
	    "ssl_options.cacertfile=%s/server.pem", rig.folder);
	snprintf(key, sizeof key, "ssl_options.keyfile=%s/server.key",
	    rig.folder);
	argv[n++] = "-o";
	argv[n++] = "listeners.ssl.default=0";
	argv[n++] = "-o";
	argv[n++] = certificate;
	argv[n++] = "-o";
	argv[n++] = key;
	argv[n++] = "-o";
	argv[n++] = authority;
	return n;
}

static void
become_broker(void)
{
	const char *program = getenv("LEVERET"), *argv[ARGUMENTS_MAX + 16];
	char log[300], port[300], data[300];
	size_t n = 0;
	int fd;

	path_of(log, sizeof log, "log");
	path_of(port, sizeof port, "port");
	path_of(data, sizeof data, "data");
	argv[n++] = program != NULL ? program : "./leveret";
	argv[n++] = "-p0";
	argv[n++] = "--port-file";
	argv[n++] = port;
	if (rig.test->arguments[0] == NULL)
		argv[n++] = "-e";
	for (const char *const *a = rig.test->arguments; *a != NULL; a++)
		if (strcmp(*a, "TLS") == 0)
			n += add_secure(argv + n);
		else
			argv[n++] = strcmp(*a, "DATA") == 0 ? data : *a;
	argv[n] = NULL;
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(argv[0], (char **)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void
show_log(void)
{
	char command[400];

	snprintf(command, sizeof command, "tail -n 60 '%s/log'", rig.folder);
	fflush(stdout);
	if (system(command) != 0)
		printf("there is no log\n");
}

static bool
read_port(void)
{
	char path[300], name[16];
	unsigned port;
	FILE *f;

	rig.port = rig.secure_port = 0;
	path_of(path, sizeof path, "port");
	if ((f = fopen(path, "r")) == NULL)
		return false;
	while (fscanf(f, "%15s %u", name, &port) == 2)
		*(strcmp(name, "amqps") == 0 ? &rig.secure_port : &rig.port) =
		    port;
	fclose(f);
	return rig.port != 0;
}

static void
start(void)
{
	struct timespec pause = {0, LOOK_MS * 1000000};
	char path[300];

	path_of(path, sizeof path, "port");
	unlink(path);
	fflush(stdout);
	rig.pid = fork();
	if (rig.pid == 0)
		become_broker();
	for (int i = 0; i < START_MS / LOOK_MS && !read_port(); i++) {
		if (waitpid(rig.pid, NULL, WNOHANG) == rig.pid)
			break;
		nanosleep(&pause, NULL);
	}
	if (!rig_check(read_port(), "the broker starts", __FILE__, __LINE__)) {
		show_log();
		exit(1);
	}
}

static void
end(int number)
{
	int status;

	kill(rig.pid, number);
	waitpid(rig.pid, &status, 0);
	if (number == SIGKILL)
		return;
	if (!rig_check(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		"the broker ends in order", __FILE__, __LINE__))
		show_log();
}

void
rig_restart(bool kill)
{
	end(kill ? SIGKILL : SIGTERM);
	start();
}

void
rig_damage(long from)
{
	char path[300];
	FILE *f;

	end(SIGTERM);
	path_of(path, sizeof path, "data/leveret.db");
	if (CHECK((f = fopen(path, "r+")) != NULL)) {
		long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : 0;

		CHECK(size > from && fseek(f, from, SEEK_SET) == 0);
		for (; from < size; from++)
			fputc((int)(from % 251), f);
		fclose(f);
	}
	start();
}

long
rig_logged(void)
{
	char path[300];
	struct stat st;

	path_of(path, sizeof path, "log");
	return stat(path, &st) == 0 ? (long)st.st_size : 0;
}

static double
longest_turn(void)
{
	char command[600], line[400];
	double ms = -1;
	FILE *f;

	snprintf(command, sizeof command, "./leveretctl -d '%s' status",
	    rig_file("data"));
	if ((f = popen(command, "r")) == NULL)
		return ms;
	while (fgets(line, sizeof line, f) != NULL)
		sscanf(line, "Turns: %*u, the longest %lf", &ms);
	pclose(f);
	return ms;
}

bool
rig_turns_within(double ms)
{
	double longest = longest_turn();

	if (longest >= 0 && longest < ms * SLOWER)
		return true;
	printf("the longest turn took %.3f ms\n", longest);
	return false;
}

size_t
rig_memory(void)
{
	char path[64], line[256];
	size_t kib = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)rig.pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	while (kib == 0 && fgets(line, sizeof line, f) != NULL)
		sscanf(line, "VmRSS: %zu", &kib);
	fclose(f);
	return kib * 1024;
}

/* --- running --------------------------------------------------------------- */

static void
make_folder(void)
{
	const char *temporary = getenv("TMPDIR");

	snprintf(rig.folder, sizeof rig.folder, "%s/hostile-XXXXXX",
	    temporary != NULL ? temporary : "/tmp");
	if (mkdtemp(rig.folder) == NULL) {
		printf("%s: %s\n", rig.folder, strerror(errno));
		exit(1);
	}
}

static void
remove_folder(void)
{
	char command[300];

	snprintf(command, sizeof command, "rm -rf '%s'", rig.folder);
	if (system(command) != 0)
		printf("%s is left\n", rig.folder);
}

static bool
run(const struct test *test)
{
	rig.test = test;
	rig.failures = 0;
	make_folder();
	if (is_secure())
		make_certificate();
	start();
	test->run();
	end(SIGTERM);
	remove_folder();
	if (rig.failures > 0)
		printf("failed: %s\n", test->name);
	return rig.failures == 0;
}

static bool
wanted(const struct test *test, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(test->name, argv[i]) != NULL)
			return true;
	return argc < 2;
}

int
rig_main(const struct test *tests, size_t count, int argc, char **argv)
{
	unsigned passed = 0, failed = 0;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < count; i++) {
		if (!wanted(&tests[i], argc, argv))
			continue;
		if (run(&tests[i]))
			passed++;
		else
			failed++;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0 || passed == 0;
}
