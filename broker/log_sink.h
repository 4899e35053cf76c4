/* log_sink.h - writes lines where they go, without ever being held up, and sets
 * files aside when their time has come. */
#ifndef BROKER_LOG_SINK_H
#define BROKER_LOG_SINK_H

#include <time.h>

#include "broker/log.h"

enum { LOG_WAITING = 262144 }; /* bytes kept for a slow reader */

struct log_sink {
	int fd;	    /* -1: there is none, or its reader has gone */
	char *path; /* of a file that may be set aside, or NULL */
	struct log_rotation rotation;
	uint64_t size;	/* of that file */
	time_t next;	/* when its date has come; 0: it has none */
	uint64_t lost;	/* lines dropped since the last report */
	size_t waiting_size;
	char waiting[LOG_WAITING];
};

/* Turns to another fd. The old one is closed if it had a path. */
void log_sink_set(struct log_sink *, int fd, const char *path,
    const struct log_rotation *);

/* A whole line: written, or kept, or lost and counted. A file that is no longer
 * where it was is opened there anew. */
void log_sink_write(struct log_sink *, const char *p, size_t n);

/* Writes what was kept, waiting up to wait_ms for a reader. Returns the lines
 * that were lost, once all that was kept is out; 0 if there are none. */
uint64_t log_sink_flush(struct log_sink *, int wait_ms);

/* The first time after now that a date says: "$H30" each hour at half past,
 * "$D23" each day at 23, "$W0" each Sunday, "$M1" each first of a month, "$ML" each
 * last; "$W5D23H30" Fridays at 23:30. 0 for none (empty), -1 if it cannot be. */
time_t log_date_next(const char *date, time_t now);

#endif
