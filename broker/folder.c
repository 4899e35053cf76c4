/* folder.c - where the data folder is. */
#include "broker/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amqp/xalloc.h"

/* Its value, or NULL if it is not set or empty. */
static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

char *
data_folder(void)
{
	static const char system_folder[] = LOCALSTATEDIR "/lib/leveret";
	const char *value;

	if ((value = environment("LEVERET_DIR")) != NULL)
		return xstrdup(value);
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
