/* folder.c - where the data folder is, and what the node is called. */
#include "broker/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/program.h"

/* Its value, or NULL if it is not set or empty. */
static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

/* Where RabbitMQ's environment says, if it does and counts. */
static char *
mnesia_folder(void)
{
	const char *value;

	if (!program_is_rabbitmq())
		return NULL;
	if ((value = program_variable("MNESIA_DIR")) != NULL)
		return xstrdup(value);
	if ((value = program_variable("MNESIA_BASE")) != NULL)
		return xasprintf("%s/%s", value, node_name());
	return NULL;
}

char *
data_folder(void)
{
	static const char system_folder[] = LOCALSTATEDIR "/lib/leveret";
	const char *value;
	char *rabbitmq;

	if ((value = environment("LEVERET_DIR")) != NULL)
		return xstrdup(value);
	if ((rabbitmq = mnesia_folder()) != NULL)
		return rabbitmq;
	if (geteuid() == 0 || access(system_folder, W_OK | X_OK) == 0)
		return xstrdup(system_folder);
	if ((value = environment("XDG_STATE_HOME")) != NULL)
		return xasprintf("%s/leveret", value);
	if ((value = environment("HOME")) != NULL)
		return xasprintf("%s/.local/state/leveret", value);
	return NULL;
}

/* One folder; true if it is there afterwards. */
static bool
make_one(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0700) == 0)
		return true;
	if (errno != EEXIST && errno != EROFS && errno != EACCES)
		return false;
	return stat(dir, &st) == 0 && S_ISDIR(st.st_mode);
}

bool
folder_make(const char *dir)
{
	char *path = xstrdup(dir);
	bool made = true;
	char *p;

	for (p = path + 1; made && *dir != '\0' && *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			made = make_one(path);
			*p = '/';
		}
	made = made && make_one(path);
	free(path);
	return made;
}

char *
folder_private(void)
{
	const char *above = environment("TMPDIR");
	char *dir =
	    xasprintf("%s/leveret.XXXXXX", above != NULL ? above : "/tmp");

	if (mkdtemp(dir) != NULL)
		return dir;
	free(dir);
	return NULL;
}

static char node[256];

void
node_rename(const char *name)
{
	char host[65] = "localhost";

	if (strchr(name, '@') != NULL) {
		snprintf(node, sizeof node, "%s", name);
		return;
	}
	gethostname(host, sizeof host - 1);
	host[strcspn(host, ".")] = '\0';
	snprintf(node, sizeof node, "%s@%s", name, host);
}

const char *
node_name(void)
{
	const char *name;

	if (*node != '\0')
		return node;
	name = program_is_rabbitmq() ? program_variable("NODENAME") : NULL;
	node_rename(name != NULL ? name : "rabbit");
	return node;
}
