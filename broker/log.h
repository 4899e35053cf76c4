/* log.h - what happens, a line each on standard output and in files, in RabbitMQ's
 * shape or another.
 *
 *   2026-01-02 03:04:05.678901+00:00 [info] <0.684.0> text
 *
 * Every line is one write. A reader that does not keep up, or has gone, never
 * holds up the broker: lines wait in a bounded buffer, then they are dropped and
 * counted. Control characters (newlines too) come out escaped, so peers' bytes
 * may be logged as they are; lines longer than LOG_LINE are cut. errno is left
 * as it was. Loop thread only. */
#ifndef BROKER_LOG_H
#define BROKER_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "amqp/bytes.h"

enum log_level {
	LEVEL_DEBUG,
	LEVEL_INFO,
	LEVEL_NOTICE,
	LEVEL_WARNING,
	LEVEL_ERROR,
	LEVEL_CRITICAL,
	LEVEL_ALERT,
	LEVEL_EMERGENCY,
	LEVEL_NONE, /* as a filter: nothing is written */
};

/* "debug", "info" ... "emergency", "none". */
const char *log_level_name(enum log_level);

/* The level of that name; false if there is none. */
bool log_level_find(const char *name, enum log_level *);

enum { LOG_LINE = 4000 }; /* bytes of text; more is cut */

#define LOG_FORMAT(text, first)                                                \
	__attribute__((format(printf, text, first)))

/* What lines are about, as in RabbitMQ: each may have a level and a file of its
 * own. */
enum log_category {
	LOG_DEFAULT, /* all else */
	LOG_CONNECTION,
	LOG_CHANNEL,
	LOG_QUEUE,
	LOG_CATEGORIES,
};

/* --- where lines go ------------------------------------------------------- */

enum log_output {
	LOG_CONSOLE,
	LOG_FILE,
	LOG_EXCHANGE, /* who takes messages rather than lines */
	LOG_CONNECTION_FILE, /* then those of connections go nowhere else */
	LOG_CHANNEL_FILE,
	LOG_QUEUE_FILE,
	LOG_OUTPUTS,
};

/* What lines look like. Texts are borrowed. */
struct log_shape {
	bool json;
	bool single_line; /* ends of lines in a text become commas */
	enum log_time {
		LOG_TIME_SPACE, /* 2026-01-02 03:04:05.678901+00:00 */
		LOG_TIME_T,	/* 2026-01-02T03:04:05.678901+00:00 */
		LOG_TIME_LAGER, /* 2026-01-02 03:04:05.678 */
		LOG_TIME_SECS,	/* since 1970; as a number in JSON */
		LOG_TIME_USECS,
	} time;
	enum log_level_form {
		LOG_LEVEL_LC, /* warning */
		LOG_LEVEL_UC, /* WARNING */
		LOG_LEVEL_LC3, /* wrn */
		LOG_LEVEL_UC3,
		LOG_LEVEL_LC4, /* warn */
		LOG_LEVEL_UC4,
	} level;
	const char *format;    /* "$time [$level] $pid $msg" */
	const char *field_map; /* of JSON: "time:when level gl:-" */
	const char *verbosity_map; /* "debug:2 info:1 *:0" */
};

/* When a file is set aside: it becomes file.0, file.0 becomes file.1 and so on,
 * up to count; with 0 it is begun anew. */
struct log_rotation {
	uint64_t size;	  /* when it has more bytes; 0: never */
	const char *date; /* "$D0": see log_sink.h; "" never. Borrowed */
	unsigned count;
};

struct log_place {
	int fd;		  /* taken, unless it is the console's; -1: nowhere */
	const char *path; /* of a file, or NULL; copied */
	struct log_shape shape;
	struct log_rotation rotation;
	enum log_level levels[LOG_CATEGORIES]; /* the lowest that are written */
};

/* "$time [$level] $pid $msg" and the like. */
extern const struct log_shape log_usual_shape;

/* Opens an output, or changes it. Until then there is the console, at info. */
void log_place(enum log_output, const struct log_place *);

/* Where its lines go: a path, or "<stdout>". False if nothing goes there. */
bool log_location(enum log_output, char *path, size_t size);

/* Who takes what goes to LOG_EXCHANGE, a whole message with the ends of its lines,
 * or NULL; called from wherever something is logged. */
typedef void log_taker(enum log_level, struct bytes text);
void log_take(log_taker *);

/* The levels of an output alone. */
void log_set_levels(enum log_output, const enum log_level[LOG_CATEGORIES]);

/* The console alone, in the usual shape, with one level for all: for tests. */
void log_init(int fd, enum log_level);

/* Would a line of that level be written anywhere? */
bool log_wants(enum log_category, enum log_level);

/* What a slow reader has not taken yet; for the end of a turn. At the end of
 * the run, wait_ms > 0 gives it that long. */
void log_flush(int wait_ms);

/* --- lines ------------------------------------------------------------------ */

/* The broker's own lines. log_warn and fatal add ": " and errno's text. */
void log_debug(const char *format, ...) LOG_FORMAT(1, 2);
void log_info(const char *format, ...) LOG_FORMAT(1, 2);
void log_warn(const char *format, ...) LOG_FORMAT(1, 2);
void log_warnx(const char *format, ...) LOG_FORMAT(1, 2);
void log_error(const char *format, ...) LOG_FORMAT(1, 2);

/* A line of a category about what has a number, "<0.id.0>", or, with 0, is the
 * broker's own. '\n' begins another line with the same prefix, as RabbitMQ prints
 * its errors: what a peer sent goes through log_safe first. */
void log_of(enum log_category, enum log_level, unsigned id, const char *format,
    ...) LOG_FORMAT(4, 5);

/* b with control characters escaped, cut at 255 bytes; good until called eight
 * times more. */
const char *log_safe(struct bytes b);

/* The last words, at level error; the process ends with status 1. */
_Noreturn void fatal(const char *format, ...) LOG_FORMAT(1, 2);
_Noreturn void fatalx(const char *format, ...) LOG_FORMAT(1, 2);

#endif
