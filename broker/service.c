/* service.c - what ties the process to whoever started it. */
#include "broker/service.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/log.h"

void
service_die_with_parent(void)
{
	pid_t parent = getppid();

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
		fatal("cannot end with the process that started this one");
	if (getppid() != parent)
		exit(0);
}

void
service_detach(void)
{
	int null = open("/dev/null", O_RDWR);
	pid_t child = fork();

	if (child < 0)
		fatal("cannot fork");
	if (child > 0)
		_exit(0);
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	close(null);
}

void
service_reap(void)
{
	struct sigaction ignore = {
	    .sa_handler = SIG_IGN, .sa_flags = SA_NOCLDWAIT};

	sigaction(SIGCHLD, &ignore, NULL);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		; /* those that ended before */
}

bool
service_write_pid(const char *path)
{
	FILE *f = fopen(path, "we");

	if (f == NULL)
		return false;
	fprintf(f, "%d\n", (int)getpid());
	return fclose(f) == 0;
}

/* --- the service manager ------------------------------------------------- */

/* A name that begins with '@' is in the abstract name space. */
static socklen_t
notify_address(struct sockaddr_un *a)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path != NULL ? strlen(path) : 0;

	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	if (n < 2 || n >= sizeof a->sun_path || (*path != '/' && *path != '@'))
		return 0;
	memcpy(a->sun_path, path, n);
	if (*path == '@')
		a->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

void
service_notify(const char *state)
{
	struct sockaddr_un a;
	socklen_t size = notify_address(&a);
	int fd;

	if (size == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL,
			  (const void *)&a, size) < 0)
		log_warn("cannot tell the service manager");
	if (fd >= 0)
		close(fd);
}

int
service_sockets(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (pid == NULL || fds == NULL || atoi(pid) != (int)getpid())
		return 0;
	return atoi(fds) > 0 ? atoi(fds) : 0;
}

bool
service_socket_secure(int n)
{
	const char *name = getenv("LISTEN_FDNAMES");
	size_t size;

	for (; name != NULL && n > 0; n--) {
		name = strchr(name, ':');
		name = name != NULL ? name + 1 : NULL;
	}
	if (name == NULL)
		return false;
	size = strcspn(name, ":");
	return (size == 5 && memcmp(name, "amqps", 5) == 0) ||
	    (size == 3 && memcmp(name, "tls", 3) == 0);
}
