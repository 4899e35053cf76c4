/* pressure.c - memory, disk and backlog marks; who must stop publishing. */
#include "broker/pressure.h"

#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include "broker/config.h"
#include "broker/folder.h"
#include "broker/log.h"
#include "broker/machine.h"

enum {
	LOOK_MS = 200, /* between looks while turns are taken */
	LOOK_BYTES = 4 * 1024 * 1024, /* or so much came in */
	TRIM_MS = 1000, /* between attempts to give memory back */
	BACKLOG_MAX = 32 * 1024 * 1024,
	MIB = 1024 * 1024,
};

/* --- marks ------------------------------------------------------------------- */

void
pressure_init(struct pressure *p, const struct config *c, const char *dir)
{
	*p = (struct pressure){
	    .dir = dir,
	    .backlog = BACKLOG_MAX,
	    .memory_total = c->memory_total > 0 ? c->memory_total
						: machine_memory(""),
	    .resident = machine_open_resident(),
	};
	pressure_mark_memory(p, c);
	if (dir != NULL)
		pressure_mark_disk(p, c);
}

void
pressure_fini(struct pressure *p)
{
	if (p->resident >= 0)
		close(p->resident);
}

static uint64_t
share(uint64_t total, double part)
{
	double n = (double)total * part;

	return n < (double)UINT64_MAX ? (uint64_t)n : UINT64_MAX;
}

static uint64_t
memory_mark(const struct pressure *p, const struct config *c)
{
	return config_is_set(c, SETTING_memory_absolute)
		   ? c->memory_absolute
		   : share(p->memory_total, c->memory_relative);
}

static uint64_t
disk_mark(const struct pressure *p, const struct config *c)
{
	return config_is_set(c, SETTING_disk_relative) &&
		       !config_is_set(c, SETTING_disk_absolute)
		   ? share(p->memory_total, c->disk_relative)
		   : c->disk_absolute;
}

void
pressure_mark_memory(struct pressure *p, const struct config *c)
{
	p->memory_mark = memory_mark(p, c);
	log_info("Memory high watermark set to %llu MiB (%llu bytes) of %llu "
		 "MiB (%llu bytes) total",
	    (unsigned long long)p->memory_mark / MIB,
	    (unsigned long long)p->memory_mark,
	    (unsigned long long)p->memory_total / MIB,
	    (unsigned long long)p->memory_total);
}

void
pressure_mark_disk(struct pressure *p, const struct config *c)
{
	p->disk_limit = disk_mark(p, c);
	log_info("Disk free limit set to %lluMB",
	    (unsigned long long)p->disk_limit / 1000000);
}

void
pressure_reload(struct pressure *p, const struct config *c)
{
	if (p->memory_mark != memory_mark(p, c))
		pressure_mark_memory(p, c);
	if (p->dir != NULL && p->disk_limit != disk_mark(p, c))
		pressure_mark_disk(p, c);
	pressure_look(p);
}

/* --- alarms -------------------------------------------------------------------- */

static const char *
alarm_name(unsigned alarm)
{
	return alarm == ALARM_MEMORY ? "memory" : "disk";
}

static const char *const notice[] = {"",
    "**********************************************************",
    "*** Publishers will be blocked until this alarm clears ***",
    "**********************************************************", ""};

static void
set_alarm(struct pressure *p, unsigned alarm)
{
	p->alarms |= alarm;
	p->on = true;
	log_warnx("%s resource limit alarm set on node %s.",
	    alarm_name(alarm), node_name());
	for (size_t i = 0; i < sizeof notice / sizeof *notice; i++)
		log_warnx("%s", notice[i]);
}

static void
clear_alarm(struct pressure *p, unsigned alarm)
{
	p->alarms &= ~alarm;
	log_warnx("%s resource limit alarm cleared on node %s",
	    alarm_name(alarm), node_name());
}

static void
judge_memory(struct pressure *p)
{
	bool high = p->memory_used > p->memory_mark ||
	    (p->forced & ALARM_MEMORY) != 0;

	if (high == ((p->alarms & ALARM_MEMORY) != 0))
		return;
	log_info("vm_memory_high_watermark %s. Memory used:%llu allowed:%llu",
	    high ? "set" : "clear", (unsigned long long)p->memory_used,
	    (unsigned long long)p->memory_mark);
	(high ? set_alarm : clear_alarm)(p, ALARM_MEMORY);
}

static void
judge_disk(struct pressure *p)
{
	bool low = p->store_full || (p->forced & ALARM_DISK) != 0 ||
	    (p->dir != NULL && p->disk_free < p->disk_limit);

	if (low == ((p->alarms & ALARM_DISK) != 0))
		return;
	log_info("Free disk space is %s. Free bytes: %llu. Limit: %llu",
	    low ? "insufficient" : "sufficient",
	    (unsigned long long)p->disk_free,
	    (unsigned long long)p->disk_limit);
	(low ? set_alarm : clear_alarm)(p, ALARM_DISK);
}

void
pressure_judge(struct pressure *p, uint64_t used, uint64_t free)
{
	p->memory_used = used;
	p->disk_free = free;
	judge_memory(p);
	judge_disk(p);
}

void
pressure_store(struct pressure *p, bool full)
{
	p->store_full = full;
	judge_disk(p);
}

void
pressure_force(struct pressure *p, unsigned alarm, bool set)
{
	p->forced = set ? p->forced | alarm : p->forced & ~alarm;
	pressure_look(p);
}

const char *
pressure_reason(const struct pressure *p)
{
	if (p->alarms == ALARM_MEMORY)
		return "low on memory";
	if (p->alarms == ALARM_DISK)
		return "low on disk";
	return "low on memory & disk";
}

/* --- looking --------------------------------------------------------------------- */

/* What was freed may still count as ours: while it matters, give it back. */
static void
trim(struct pressure *p)
{
	if ((p->alarms & ALARM_MEMORY) == 0 ||
	    p->looked_at - p->trimmed_at < TRIM_MS)
		return;
	p->trimmed_at = p->looked_at;
	malloc_trim(0);
}

void
pressure_look(struct pressure *p)
{
	uint64_t free = p->disk_free;

	trim(p);
	if (p->dir != NULL && !machine_disk_free(p->dir, &free))
		log_warn("cannot learn how much room %s has", p->dir);
	pressure_judge(p, machine_resident(p->resident), free);
}

void
pressure_turn(struct pressure *p, int64_t now, uint64_t bytes_in)
{
	if (now - p->looked_at < LOOK_MS &&
	    bytes_in - p->looked_bytes < LOOK_BYTES)
		return;
	p->looked_at = now;
	p->looked_bytes = bytes_in;
	pressure_look(p);
}
