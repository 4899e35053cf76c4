/* test_pressure.c - marks, and the alarms they set. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/config.h"
#include "broker/log.h"
#include "broker/pressure.h"
#include "tests/unit/unit.h"

static struct config config;
static struct pressure p;
static int ends[2];
static char seen[16384];

/* With 1000 bytes of memory, and a disk or none. */
static void
begin(const char *dir)
{
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
		abort();
	log_init(ends[1], LEVEL_INFO);
	config_init(&config);
	pressure_init(&p, &config, dir);
	p.memory_total = 1000;
}

static void
end(void)
{
	pressure_fini(&p);
	config_fini(&config);
	log_init(STDOUT_FILENO, LEVEL_NONE);
	close(ends[0]);
	close(ends[1]);
}

static void
set(const char *key, const char *value)
{
	char error[256];

	CU_ASSERT_EQUAL(
	    config_set(&config, key, value, "test", error, sizeof error),
	    CONFIG_OK);
}

/* What was logged since it was last asked. */
static bool
logged(const char *text)
{
	ssize_t n = read(ends[0], seen, sizeof seen - 1);

	seen[n > 0 ? n : 0] = '\0';
	return strstr(seen, text) != NULL;
}

/* --- marks ------------------------------------------------------------------ */

static void
test_memory_marks(void)
{
	begin("/");
	pressure_mark_memory(&p, &config);
	CU_ASSERT_EQUAL(p.memory_mark, 600);
	set("vm_memory_high_watermark.relative", "0.25");
	pressure_mark_memory(&p, &config);
	CU_ASSERT_EQUAL(p.memory_mark, 250);
	set("vm_memory_high_watermark.absolute", "2kB");
	pressure_mark_memory(&p, &config);
	CU_ASSERT_EQUAL(p.memory_mark, 2000);
	config_reset(&config, "vm_memory_high_watermark.absolute");
	set("vm_memory_high_watermark.relative", "0.000000001");
	pressure_mark_memory(&p, &config);
	CU_ASSERT_EQUAL(p.memory_mark, 0);
	p.memory_total = UINT64_MAX; /* it could not be learnt */
	set("vm_memory_high_watermark.relative", "1");
	pressure_mark_memory(&p, &config);
	CU_ASSERT_EQUAL(p.memory_mark, UINT64_MAX);
	end();
}

static void
test_disk_limits(void)
{
	begin("/");
	pressure_mark_disk(&p, &config);
	CU_ASSERT_EQUAL(p.disk_limit, 50000000);
	set("disk_free_limit.relative", "1.5");
	pressure_mark_disk(&p, &config);
	CU_ASSERT_EQUAL(p.disk_limit, 1500);
	set("disk_free_limit.absolute", "7");
	pressure_mark_disk(&p, &config);
	CU_ASSERT_EQUAL(p.disk_limit, 7);
	end();
}

/* --- alarms ------------------------------------------------------------------ */

static void
test_memory_alarm(void)
{
	begin("/");
	p.memory_mark = 100;
	p.disk_limit = 10;
	pressure_judge(&p, 100, 10);
	CU_ASSERT_EQUAL(p.alarms, 0);
	CU_ASSERT_FALSE(p.on);
	pressure_judge(&p, 101, 10);
	CU_ASSERT_EQUAL(p.alarms, ALARM_MEMORY);
	CU_ASSERT_TRUE(p.on);
	CU_ASSERT_STRING_EQUAL(pressure_reason(&p), "low on memory");
	CU_ASSERT_TRUE(
	    logged("> memory resource limit alarm set on node rabbit@"));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen,
	    "*** Publishers will be blocked until this alarm clears ***"));
	pressure_judge(&p, 102, 10); /* nothing new */
	CU_ASSERT_FALSE(logged("alarm"));
	pressure_judge(&p, 99, 10);
	CU_ASSERT_EQUAL(p.alarms, 0);
	CU_ASSERT_TRUE(logged("memory resource limit alarm cleared on node "));
	end();
}

static void
test_disk_alarm(void)
{
	begin("/");
	p.memory_mark = 100;
	p.disk_limit = 10;
	pressure_judge(&p, 1, 9);
	CU_ASSERT_EQUAL(p.alarms, ALARM_DISK);
	CU_ASSERT_STRING_EQUAL(pressure_reason(&p), "low on disk");
	CU_ASSERT_TRUE(logged("disk resource limit alarm set on node "));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen,
	    "Free disk space is insufficient. Free bytes: 9. Limit: 10"));
	pressure_judge(&p, 101, 9);
	CU_ASSERT_STRING_EQUAL(pressure_reason(&p), "low on memory & disk");
	pressure_judge(&p, 1, 10);
	CU_ASSERT_EQUAL(p.alarms, 0);
	end();
}

/* Whatever the file system says, and without a limit. */
static void
test_full_store(void)
{
	begin("/");
	p.memory_mark = UINT64_MAX;
	p.disk_limit = 10;
	pressure_judge(&p, 1, 1000);
	pressure_store(&p, true);
	CU_ASSERT_STRING_EQUAL(pressure_reason(&p), "low on disk");
	pressure_judge(&p, 1, 1000);
	CU_ASSERT_EQUAL(p.alarms, ALARM_DISK);
	pressure_store(&p, false);
	CU_ASSERT_EQUAL(p.alarms, 0);
	end();
}

static void
test_no_disk(void)
{
	begin(NULL);
	p.memory_mark = UINT64_MAX;
	pressure_look(&p);
	CU_ASSERT_EQUAL(p.alarms, 0);
	end();
}

static void
test_forced(void)
{
	begin("/");
	p.memory_mark = UINT64_MAX;
	p.disk_limit = 0;
	pressure_force(&p, ALARM_MEMORY, true);
	CU_ASSERT_EQUAL(p.alarms, ALARM_MEMORY);
	CU_ASSERT(logged("memory resource limit alarm set"));
	pressure_look(&p);
	CU_ASSERT_EQUAL(p.alarms, ALARM_MEMORY);
	pressure_force(&p, ALARM_DISK, true);
	pressure_force(&p, ALARM_MEMORY, false);
	CU_ASSERT_EQUAL(p.alarms, ALARM_DISK);
	pressure_force(&p, ALARM_DISK, false);
	CU_ASSERT_EQUAL(p.alarms, 0);
	end();
}

static void
test_looks_now_and_then(void)
{
	begin("/");
	p.memory_mark = p.disk_limit = 0;
	pressure_turn(&p, 1000, 0);
	CU_ASSERT_EQUAL(p.alarms, ALARM_MEMORY);
	p.memory_mark = UINT64_MAX;
	pressure_turn(&p, 1001, 1000); /* too soon */
	CU_ASSERT_EQUAL(p.alarms, ALARM_MEMORY);
	pressure_turn(&p, 1001, 100000000); /* but so much has come */
	CU_ASSERT_EQUAL(p.alarms, 0);
	p.memory_mark = 0;
	pressure_turn(&p, 2000, 100000000); /* or time has passed */
	CU_ASSERT_EQUAL(p.alarms, ALARM_MEMORY);
	end();
}

static const struct unit_test tests[] = {
    {"memory marks", test_memory_marks},
    {"disk limits", test_disk_limits},
    {"memory alarm", test_memory_alarm},
    {"disk alarm", test_disk_alarm},
    {"a full store is an alarm", test_full_store},
    {"no disk, no alarm", test_no_disk},
    {"an alarm that was asked for stays", test_forced},
    {"looks now and then", test_looks_now_and_then},
};

UNIT_MAIN("pressure", tests)
