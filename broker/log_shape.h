/* log_shape.h - what one line of the log looks like: RabbitMQ's shape, one of the
 * operator's, or an object of JSON. */
#ifndef BROKER_LOG_SHAPE_H
#define BROKER_LOG_SHAPE_H

#include <time.h>

#include "broker/log.h"

/* What happened. text may have several lines. */
struct log_event {
	struct timespec at;
	enum log_level level;
	enum log_category category;
	unsigned id; /* "<0.id.0>" */
	struct bytes text;
};

enum { LOG_ROOM = 2 * LOG_LINE }; /* for a line with all that is around it */

/* The event as one object, with the end of the line. At most LOG_ROOM bytes;
 * returns how many. */
size_t log_shape_json(
    const struct log_shape *, const struct log_event *, char p[LOG_ROOM]);

/* Likewise one line of its text. */
size_t log_shape_line(const struct log_shape *, const struct log_event *,
    struct bytes line, char p[LOG_ROOM]);

/* Copies text, with control characters escaped, into at most room bytes; what
 * does not fit becomes "...". Returns the size. */
size_t log_escape(char *p, size_t room, struct bytes text);

#endif
