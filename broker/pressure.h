/* pressure.h - memory, disk and backlog marks; who must stop publishing.
 *
 * An alarm is set while this process has more memory than its mark, while the
 * disk of the data folder has less room than its limit, and while the store says
 * that it is full, or somebody has set it to see what happens. Publishers wait then, and everybody else goes on. Nothing
 * wakes an idle broker: memory grows in turns only, so looking at the end of one
 * now and then is enough, sooner if much came in. While an alarm is set the
 * server's timer goes on, for it may end by itself. */
#ifndef BROKER_PRESSURE_H
#define BROKER_PRESSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;

enum {
	ALARM_MEMORY = 1,
	ALARM_DISK = 2,
};

struct pressure {
	bool on; /* look twice at what comes: an alarm is set, or some wait */
	unsigned alarms;
	unsigned forced; /* alarms that somebody set, whatever is measured */
	bool store_full;
	size_t backlog; /* unsaved bytes at which publishers wait, briefly */
	size_t held;	/* bytes of frames that were set aside */

	uint64_t memory_total, memory_mark, memory_used; /* bytes */
	uint64_t disk_limit, disk_free;
	const char *dir; /* NULL: nothing is written to a disk */
	int resident;	 /* descriptor for machine_resident */

	int64_t looked_at, trimmed_at; /* real milliseconds */
	uint64_t looked_bytes;	       /* that had come by then */
};

/* No alarm, marks from the settings; dir is borrowed, NULL without a disk. */
void pressure_init(struct pressure *, const struct config *, const char *dir);
void pressure_fini(struct pressure *);

/* The settings have changed: vm_memory_high_watermark.*, disk_free_limit.*.
 * An absolute value counts before a relative one, as in RabbitMQ; the relative
 * disk limit is a share of the memory. Each logs what it set. */
void pressure_mark_memory(struct pressure *, const struct config *);
void pressure_mark_disk(struct pressure *, const struct config *);

/* Both anew where the settings have changed, and looks. */
void pressure_reload(struct pressure *, const struct config *);

/* Measures if it is time to, and sets or clears alarms. now is in real
 * milliseconds, bytes_in what has been received so far. */
void pressure_turn(struct pressure *, int64_t now, uint64_t bytes_in);

/* The same, now. */
void pressure_look(struct pressure *);

/* What was measured: sets and clears alarms, and logs them as RabbitMQ does. */
void pressure_judge(struct pressure *, uint64_t used, uint64_t free);

/* The store cannot write for want of room, or it can again. */
void pressure_store(struct pressure *, bool full);

/* An alarm is set whatever is measured, until that is taken back. */
void pressure_force(struct pressure *, unsigned alarm, bool set);

/* The reason for connection.blocked. */
const char *pressure_reason(const struct pressure *);

#endif
