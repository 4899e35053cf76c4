/* program.c - by which name a program was called. */
#include "broker/program.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/conf_env.h"

static const char *called = "leveret";

/* A file or socket must not get the number of a stream that is closed: what is
 * printed would go there. */
static void
fill_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
}

void
program_init(const char *argv0)
{
	const char *slash = argv0 != NULL ? strrchr(argv0, '/') : NULL;

	fill_streams();
	if (argv0 != NULL)
		called = slash != NULL ? slash + 1 : argv0;
	if (program_is_rabbitmq())
		conf_env_read();
}

const char *
program_name(void)
{
	return called;
}

bool
program_is_rabbitmq(void)
{
	return strncmp(called, "rabbitmq", 8) == 0;
}

const char *
program_variable(const char *name)
{
	char whole[64];
	const char *value;

	snprintf(whole, sizeof whole, "%s_%s",
	    program_is_rabbitmq() ? "RABBITMQ" : "LEVERET", name);
	value = getenv(whole);
	return value != NULL && *value != '\0' ? value : NULL;
}
