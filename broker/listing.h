/* listing.h - how the columns of listings are written. */
#ifndef BROKER_LISTING_H
#define BROKER_LISTING_H

#include "broker/commands.h"

struct connection;

#define COLUMNS(array) (array), (unsigned)(sizeof(array) / sizeof *(array))

/* COLUMN(put_name, struct thing, put_text_value, expression of t) */
#define COLUMN(function, type, put, value)                                     \
	static void function(struct request *r, const void *thing)             \
	{                                                                      \
		const type *t = thing;                                         \
		put(r, value);                                                 \
	}

/* Something that never holds here, where RabbitMQ has a column for it. */
#define NOTHING(function)                                                      \
	static void function(struct request *r, const void *thing)             \
	{                                                                      \
		put_no_value(r);                                               \
	}

void put_string(struct request *, const char *text); /* or NULL */

/* "<0.7.0>", as the log calls what has a number. */
void put_pid(struct request *, unsigned id, unsigned channel);

/* A connection's, or nothing. */
void put_owner(struct request *, const struct connection *);

#endif
