/* machine.c - how much memory this process may have and has, and how much room
 * a disk has left. */
#include "broker/machine.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "amqp/xalloc.h"

enum { LINE = 2 * PATH_MAX };

/* Where one hierarchy of control groups is mounted, and this process in it. */
struct hierarchy {
	char mount[PATH_MAX]; /* folder, "" if there is none */
	char top[PATH_MAX];   /* the group that is mounted there */
	char group[PATH_MAX]; /* this process's */
};

static FILE *
open_below(const char *root, const char *folder, const char *file)
{
	char *path = xasprintf("%s%s/%s", root, folder, file);
	FILE *f = fopen(path, "re");

	free(path);
	return f;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Is word one of those separated by commas? */
static bool
lists(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (; *words != '\0'; words += *words == ',') {
		size_t size = strcspn(words, ",");

		if (size == n && memcmp(words, word, n) == 0)
			return true;
		words += size;
	}
	return false;
}

/* --- proc(5): what the kernel says of this process -------------------------- */

/* "36 35 98:0 TOP MOUNT options more... - TYPE source super,options" */
static void
take_mount(char *line, struct hierarchy *v1, struct hierarchy *v2)
{
	char top[PATH_MAX], mount[PATH_MAX], type[32], super[1024];
	char *rest = strstr(line, " - ");
	struct hierarchy *h;

	if (rest == NULL ||
	    sscanf(line, "%*s %*s %*s %4095s %4095s", top, mount) != 2 ||
	    sscanf(rest, " - %31s %*s %1023s", type, super) != 2)
		return;
	if (strcmp(type, "cgroup2") == 0)
		h = v2;
	else if (strcmp(type, "cgroup") == 0 && lists(super, "memory"))
		h = v1;
	else
		return;
	strcpy(h->top, top);
	strcpy(h->mount, mount);
}

/* "4:cpu,memory:/group" of version 1, "0::/group" of version 2. */
static void
take_group(char *line, struct hierarchy *v1, struct hierarchy *v2)
{
	char *controllers = strchr(line, ':');
	char *group = controllers ? strchr(controllers + 1, ':') : NULL;

	if (group == NULL)
		return;
	*controllers++ = '\0';
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	if (strcmp(line, "0") == 0 && *controllers == '\0')
		snprintf(v2->group, sizeof v2->group, "%s", group);
	else if (lists(controllers, "memory"))
		snprintf(v1->group, sizeof v1->group, "%s", group);
}

static void
each_line(const char *root, const char *file,
    void (*take)(char *, struct hierarchy *, struct hierarchy *),
    struct hierarchy *v1, struct hierarchy *v2)
{
	FILE *f = open_below(root, "/proc/self", file);
	char line[LINE];

	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL)
		take(line, v1, v2);
	fclose(f);
}

/* --- limits ------------------------------------------------------------------ */

/* A group's own limit; "max" is none. */
static uint64_t
read_limit(const char *root, const char *group, const char *file)
{
	FILE *f = open_below(root, group, file);
	unsigned long long limit;

	if (f == NULL)
		return UINT64_MAX;
	if (fscanf(f, "%llu", &limit) != 1)
		limit = UINT64_MAX;
	fclose(f);
	return limit;
}

/* The part of the group's path below what is mounted. A group that lies
 * elsewhere cannot be seen from here: then the top stands for it. */
static const char *
below_top(const struct hierarchy *h)
{
	size_t n = strcmp(h->top, "/") == 0 ? 0 : strlen(h->top);

	if (strncmp(h->group, h->top, n) != 0 ||
	    (h->group[n] != '/' && h->group[n] != '\0') ||
	    strstr(h->group, "/..") != NULL)
		return "";
	return h->group + n;
}

/* A group is bound by the limits of all those above it too. */
static uint64_t
limit_of(const char *root, const struct hierarchy *h, const char *file)
{
	char *group = xasprintf("%s%s", h->mount, below_top(h));
	size_t mount = strlen(h->mount), n = strlen(group);
	uint64_t limit = UINT64_MAX;

	while (mount > 0) {
		limit = least(limit, read_limit(root, group, file));
		while (n > mount && group[n - 1] != '/')
			n--;
		if (n <= mount)
			break;
		group[--n] = '\0';
	}
	free(group);
	return limit;
}

/* In bytes; proc tells it in KiB. */
static uint64_t
physical(const char *root)
{
	FILE *f = open_below(root, "/proc", "meminfo");
	unsigned long long kib = 0;
	char line[256];

	if (f == NULL)
		return UINT64_MAX;
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "MemTotal: %llu kB", &kib) == 1)
			break;
	fclose(f);
	return kib > 0 ? kib * 1024 : UINT64_MAX;
}

uint64_t
machine_memory(const char *root)
{
	struct hierarchy v1 = {"", "", ""}, v2 = {"", "", ""};
	uint64_t limit;

	each_line(root, "mountinfo", take_mount, &v1, &v2);
	each_line(root, "cgroup", take_group, &v1, &v2);
	limit = least(limit_of(root, &v1, "memory.limit_in_bytes"),
	    limit_of(root, &v2, "memory.max"));
	return least(limit, physical(root));
}

/* --- use ------------------------------------------------------------------------ */

int
machine_open_resident(void)
{
	return open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

uint64_t
machine_resident(int fd)
{
	unsigned long long pages;
	char text[128];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%*u %llu", &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool
machine_disk_free(const char *dir, uint64_t *bytes)
{
	struct statvfs fs;

	if (statvfs(dir, &fs) != 0)
		return false;
	*bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return true;
}
