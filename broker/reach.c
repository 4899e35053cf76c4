/* reach.c - finds the broker that a tool is to talk to. */
#include "broker/reach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/control.h"
#include "broker/folder.h"

static int
connect_to(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const void *)address, sizeof *address) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int
connect_path(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	return connect_to(&address);
}

static int
connect_dir(const char *dir)
{
	struct sockaddr_un address;
	int folder, fd = -1;

	if (control_address(dir, &address, &folder))
		fd = connect_to(&address);
	if (folder >= 0)
		close(folder);
	return fd;
}

int
reach_broker(const char *path, const char *dir)
{
	char *chosen = path == NULL && dir == NULL ? data_folder() : NULL;
	int fd, saved;

	if (path != NULL)
		return connect_path(path);
	errno = ENOENT;
	if (dir == NULL)
		dir = chosen;
	fd = dir != NULL ? connect_dir(dir) : -1;
	saved = errno;
	free(chosen);
	errno = saved;
	return fd;
}

void
reach_failed(const char *path, const char *dir)
{
	int saved = errno;
	char *chosen = path == NULL && dir == NULL ? data_folder() : NULL;
	const char *where = path != NULL     ? path
			    : dir != NULL    ? dir
			    : chosen != NULL ? chosen
					     : "the default data folder";

	/* RabbitMQ begins like this, and scripts look for it. */
	fprintf(stderr,
	    "Error: unable to perform an operation on node '%s'. Please see "
	    "diagnostics information and suggestions below.\n\n"
	    "No broker answers on %s: %s\n"
	    "Is it running? -d DIR names another data folder, --socket PATH "
	    "another socket.\n",
	    node_name(), where, strerror(saved));
	free(chosen);
}
