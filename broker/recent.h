/* recent.h - the last lines of the log, for whoever asks afterwards.
 *
 * 64 KiB of whole lines, in RabbitMQ's shape, wherever else they went. A place is
 * the number of bytes that came before it, so it stays good when what it speaks of
 * has made room for newer lines. Loop thread only. */
#ifndef BROKER_RECENT_H
#define BROKER_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/bytes.h"

enum { RECENT_SIZE = 64 * 1024 }; /* bytes; longer than any line */

/* A line with its newline. */
void recent_add(struct bytes line);

/* Behind the last line; where the last so many lines begin, as far as they are
 * kept. */
uint64_t recent_end(void);
uint64_t recent_tail(size_t lines);

/* The first line at that place, or behind it if that has gone, without its newline,
 * in text (size bytes); the place then is behind it. False if there is none. */
bool recent_next(uint64_t *place, char *text, size_t size);

#endif
