/* process.c - what another process has used of the machine. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/clock.h"
#include "tests/bench/die.h"
#include "tests/bench/process.h"

static uint64_t
status_bytes(const char *line, const char *key)
{
	uint64_t kib = 0;

	if (strncmp(line, key, strlen(key)) == 0)
		sscanf(line + strlen(key), "%" SCNu64, &kib);
	return kib * 1024;
}

static void
read_memory(int pid, struct process_use *use)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	if ((f = fopen(path, "r")) == NULL)
		die(EXIT_BROKER, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, f) != NULL) {
		use->rss += status_bytes(line, "VmRSS:");
		use->rss_peak += status_bytes(line, "VmHWM:");
	}
	fclose(f);
}

/* The process's CPU clock is utime + stime, finer than the ticks in
 * /proc/PID/stat. */
struct process_use
process_use(int pid)
{
	struct process_use use = {0};
	clockid_t clock;
	int rc;

	if (pid == 0)
		return use;
	if ((rc = clock_getcpuclockid(pid, &clock)) != 0)
		die(EXIT_BROKER, "process %d: %s", pid, strerror(rc));
	use.cpu = clock_ns(clock);
	read_memory(pid, &use);
	return use;
}
