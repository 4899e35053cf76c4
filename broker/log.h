/* log.h - what happens, a line each on standard output and in a file, in RabbitMQ's
 * shape or as JSON.
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

/* Where lines go (borrowed; standard output until called; -1: nowhere) and the
 * lowest level that is written (info until called). */
void log_init(int fd, enum log_level);

/* As objects of JSON, {"time":...,"level":...,"msg":...,"pid":...}, a line each,
 * rather than in RabbitMQ's shape. */
void log_as_json(bool);

/* A second place, with a level and a shape of its own: takes fd; -1 for none. */
void log_to_file(int fd, enum log_level, bool json);

/* The lowest level that is written of log_at and log_lines, wherever it goes. */
void log_set_connection_level(enum log_level);

void log_set_level(enum log_level);
bool log_wants(enum log_level);

/* The broker's own lines. log_warn and fatal add ": " and errno's text. */
void log_debug(const char *format, ...) LOG_FORMAT(1, 2);
void log_info(const char *format, ...) LOG_FORMAT(1, 2);
void log_warn(const char *format, ...) LOG_FORMAT(1, 2);
void log_warnx(const char *format, ...) LOG_FORMAT(1, 2);
void log_error(const char *format, ...) LOG_FORMAT(1, 2);

/* A line about one connection or whatever else has a number: "<0.id.0>". */
void log_at(enum log_level, unsigned id, const char *format, ...)
    LOG_FORMAT(3, 4);

/* Several lines, as RabbitMQ prints its errors: '\n' begins a new one with the
 * same prefix. What a peer sent goes through log_safe first. */
void log_lines(enum log_level, unsigned id, const char *format, ...)
    LOG_FORMAT(3, 4);

/* b with control characters escaped, cut at 255 bytes; good until called eight
 * times more. */
const char *log_safe(struct bytes b);

/* What a slow reader has not taken yet; for the end of a turn. At the end of
 * the run, wait_ms > 0 gives it that long. */
void log_flush(int wait_ms);

/* The last words, at level error; the process ends with status 1. */
_Noreturn void fatal(const char *format, ...) LOG_FORMAT(1, 2);
_Noreturn void fatalx(const char *format, ...) LOG_FORMAT(1, 2);

#endif
