/* shim.h - a layer between SQLite and the disk that fails when told to.
 *
 * Only files that SQLite opens after shim_install are behind it. What counts
 * are writes, syncs and truncations of the database and its log, in all
 * threads. */
#ifndef CONTRACT_SHIM_H
#define CONTRACT_SHIM_H

#include <stdbool.h>
#include <stdint.h>

enum shim_fault {
	SHIM_NONE,
	SHIM_FULL,  /* no room: the write writes half, a sync is well */
	SHIM_IO,    /* the write writes half; the sync does not sync */
	SHIM_DEATH, /* the write writes half; the process ends */
	SHIM_AFTER, /* all is written or synced; the process ends */
};

void shim_install(void); /* once, before the first store is opened */

/* The fault befalls the at-th operation from now on (1: the next) and as many
 * behind it as length says. */
void shim_plan(enum shim_fault, uint64_t at, uint64_t length);

/* From now on one operation in so many fails, at random; 0: none. */
void shim_disturb(uint32_t one_in);

/* How many operations there have been since the last plan. */
uint64_t shim_count(void);

#endif
