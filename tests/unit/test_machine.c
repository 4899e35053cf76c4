/* test_machine.c - memory limits of made-up machines, and what this one has. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/machine.h"
#include "tests/unit/unit.h"

#define MIB ((uint64_t)1 << 20)

static char root[] = "/tmp/leveret-test.XXXXXX";

/* --- a machine ----------------------------------------------------------- */

/* Below the root, with the folders above it. */
static void
put(const char *path, const char *text)
{
	char full[1024];
	FILE *f;

	snprintf(full, sizeof full, "%s%s", root, path);
	for (char *p = full + strlen(root) + 1; *p != '\0'; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(full, 0700);
			*p = '/';
		}
	if ((f = fopen(full, "w")) == NULL)
		abort();
	fputs(text, f);
	fclose(f);
}

/* With 1 GiB, and these groups. */
static void
machine(const char *cgroup, const char *mountinfo)
{
	char command[64];

	snprintf(command, sizeof command, "rm -rf %s/*", root);
	if (system(command) != 0)
		abort();
	put("/proc/meminfo",
	    "MemTotal:        1048576 kB\nMemFree:          500000 kB\n");
	put("/proc/self/cgroup", cgroup);
	put("/proc/self/mountinfo", mountinfo);
}

#define V2 "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
#define V1                                                                     \
	"31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755\n"           \
	"34 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"          \
	"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"

/* --- no group ---------------------------------------------------------------- */

static void
test_without_groups_it_is_the_machine(void)
{
	machine("", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	CU_ASSERT_EQUAL(machine_memory(root), 1024 * MIB);
}

static void
test_nothing_known_is_no_limit(void)
{
	CU_ASSERT_EQUAL(machine_memory("/nonexistent"), UINT64_MAX);
}

/* --- version 2 ------------------------------------------------------------------ */

static void
test_v2_limit(void)
{
	machine("0::/app.slice\n", V2);
	put("/sys/fs/cgroup/app.slice/memory.max", "268435456\n");
	CU_ASSERT_EQUAL(machine_memory(root), 256 * MIB);
}

static void
test_v2_max_is_none(void)
{
	machine("0::/app.slice\n", V2);
	put("/sys/fs/cgroup/app.slice/memory.max", "max\n");
	CU_ASSERT_EQUAL(machine_memory(root), 1024 * MIB);
}

static void
test_v2_a_group_above_counts(void)
{
	machine("0::/pod/app/broker\n", V2);
	put("/sys/fs/cgroup/pod/memory.max", "134217728\n");
	put("/sys/fs/cgroup/pod/app/memory.max", "268435456\n");
	put("/sys/fs/cgroup/pod/app/broker/memory.max", "max\n");
	CU_ASSERT_EQUAL(machine_memory(root), 128 * MIB);
}

static void
test_v2_in_a_container(void)
{
	machine("0::/\n", V2);
	put("/sys/fs/cgroup/memory.max", "100000000\n");
	CU_ASSERT_EQUAL(machine_memory(root), 100000000);
}

static void
test_a_limit_above_the_machine_is_none(void)
{
	machine("0::/\n", V2);
	put("/sys/fs/cgroup/memory.max", "999999999999\n");
	CU_ASSERT_EQUAL(machine_memory(root), 1024 * MIB);
}

/* --- version 1 -------------------------------------------------------------------- */

static void
test_v1_limit(void)
{
	machine("9:name=systemd:/\n4:memory:/app\n1:cpu:/other\n0::/\n", V1);
	put("/sys/fs/cgroup/memory/app/memory.limit_in_bytes", "50000000\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes",
	    "9223372036854771712\n");
	CU_ASSERT_EQUAL(machine_memory(root), 50000000);
}

static void
test_v1_no_limit(void)
{
	machine("4:memory:/app\n", V1);
	put("/sys/fs/cgroup/memory/app/memory.limit_in_bytes",
	    "9223372036854771712\n");
	CU_ASSERT_EQUAL(machine_memory(root), 1024 * MIB);
}

static void
test_v1_a_group_above_counts(void)
{
	machine("4:cpu,memory:/pod/app\n", V1);
	put("/sys/fs/cgroup/memory/pod/memory.limit_in_bytes", "60000000\n");
	put("/sys/fs/cgroup/memory/pod/app/memory.limit_in_bytes",
	    "70000000\n");
	CU_ASSERT_EQUAL(machine_memory(root), 60000000);
}

/* The container's own group is mounted as the top. */
static void
test_v1_in_a_container(void)
{
	machine("4:memory:/docker/abc/inner\n",
	    "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup "
	    "rw,memory\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "80000000\n");
	put("/sys/fs/cgroup/memory/inner/memory.limit_in_bytes",
	    "90000000\n");
	CU_ASSERT_EQUAL(machine_memory(root), 80000000);
}

/* Its path is told as seen from outside: the top is all there is. */
static void
test_a_group_that_cannot_be_seen(void)
{
	machine("4:memory:/elsewhere\n",
	    "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup "
	    "rw,memory\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "80000000\n");
	CU_ASSERT_EQUAL(machine_memory(root), 80000000);
	machine("0::/../../sibling\n", V2);
	put("/sys/fs/cgroup/memory.max", "70000000\n");
	CU_ASSERT_EQUAL(machine_memory(root), 70000000);
}

/* Systemd's hybrid: the memory controller is with version 1. */
static void
test_both_versions(void)
{
	machine("4:memory:/app\n0::/app\n",
	    V1 "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	put("/sys/fs/cgroup/memory/app/memory.limit_in_bytes", "50000000\n");
	put("/sys/fs/cgroup/unified/app/cgroup.procs", "1\n");
	CU_ASSERT_EQUAL(machine_memory(root), 50000000);
}

static void
test_nonsense_is_no_limit(void)
{
	machine("\n:\n::\n4:memory\nx\n0::/a\n", "\n - \n1 2 3 - cgroup2 x\n");
	CU_ASSERT_EQUAL(machine_memory(root), 1024 * MIB);
	machine("0::/a\n", V2);
	put("/sys/fs/cgroup/a/memory.max", "");
	CU_ASSERT_EQUAL(machine_memory(root), 1024 * MIB);
}

/* --- this one ------------------------------------------------------------------------ */

static void
test_resident_grows(void)
{
	int fd = machine_open_resident();
	uint64_t before = machine_resident(fd);
	volatile char *p = malloc(32 * MIB); /* no compiler leaves it out */

	CU_ASSERT_TRUE(before > 0);
	for (size_t i = 0; i < 32 * MIB; i += 1024)
		p[i] = 1;
	CU_ASSERT_TRUE(machine_resident(fd) >= before + 30 * MIB);
	CU_ASSERT_EQUAL(p[MIB], 1);
	free((void *)p);
	close(fd);
	CU_ASSERT_EQUAL(machine_resident(-1), 0);
}

static void
test_disk_free(void)
{
	uint64_t bytes = 0;

	CU_ASSERT_TRUE(machine_disk_free("/", &bytes));
	CU_ASSERT_TRUE(bytes > 0);
	CU_ASSERT_FALSE(machine_disk_free("/nonexistent", &bytes));
}

static const struct unit_test tests[] = {
    {"without groups it is the machine",
	test_without_groups_it_is_the_machine},
    {"nothing known is no limit", test_nothing_known_is_no_limit},
    {"v2: limit", test_v2_limit},
    {"v2: max is none", test_v2_max_is_none},
    {"v2: a group above counts", test_v2_a_group_above_counts},
    {"v2: in a container", test_v2_in_a_container},
    {"a limit above the machine is none",
	test_a_limit_above_the_machine_is_none},
    {"v1: limit", test_v1_limit},
    {"v1: no limit", test_v1_no_limit},
    {"v1: a group above counts", test_v1_a_group_above_counts},
    {"v1: in a container", test_v1_in_a_container},
    {"a group that cannot be seen", test_a_group_that_cannot_be_seen},
    {"both versions", test_both_versions},
    {"nonsense is no limit", test_nonsense_is_no_limit},
    {"resident grows", test_resident_grows},
    {"disk free", test_disk_free},
};

int
main(void)
{
	char command[64];
	int status;

	if (mkdtemp(root) == NULL)
		abort();
	status = unit_main("machine", tests, sizeof tests / sizeof *tests);
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command) == 0 ? status : 1;
}
