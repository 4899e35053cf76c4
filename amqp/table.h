/* table.h - a field table kept as its own validated wire bytes.
 *
 * A table is struct bytes: name-value pairs without the four octets of length
 * in front. Tags and sizes are RabbitMQ's (its published errata to 0-9-1
 * §4.2.5.5): t b B s u I i l L f d D S x A T F V. Floating numbers are finite,
 * as RabbitMQ demands. */
#ifndef AMQP_TABLE_H
#define AMQP_TABLE_H

#include "amqp/bytes.h"
#include "amqp/wire.h"

struct amqp_value {
	char tag;
	union {
		int64_t i;	    /* b B s u I i l, T as unsigned seconds */
		double d;	    /* f d */
		bool t;		    /* t */
		struct bytes bytes; /* S x, and the insides of A and F */
		struct {
			uint8_t scale;
			int32_t value;
		} decimal; /* D */
	};
};

enum { AMQP_TABLE_DEPTH = 64 }; /* tables and arrays inside each other */

/* Well-formed to the last byte and not nested deeper than AMQP_TABLE_DEPTH?
 * Time and stack are linear in the size. Everything below may be asked only of
 * tables that passed. */
bool amqp_table_check(struct bytes table);

/* The same for a headers property; *copied is set if one of its keys ends in C
 * and so may be CC or BCC. */
bool amqp_headers_check(struct bytes table, bool *copied);

/* Reads the next pair; false at the end. Start with reader_of(table). */
bool amqp_table_next(
    struct reader *, struct bytes *key, struct amqp_value *value);

/* Reads the next member of an array ('A'). */
bool amqp_array_next(struct reader *, struct amqp_value *value);

/* The first value of that key; false if there is none. */
bool amqp_table_get(
    struct bytes table, struct bytes key, struct amqp_value *value);

/* Is it one of b B s u I i l L? Its number is then in value->i. */
bool amqp_value_integer(const struct amqp_value *value);

/* The same tag and value; tables inside without regard to order. */
bool amqp_value_equal(const struct amqp_value *, const struct amqp_value *);

/* As RabbitMQ's headers exchange compares: numbers by value over all numeric
 * tags, timestamps too (1 = 1L = 1.0), S and x by bytes, others as amqp_value_equal. */
bool amqp_value_alike(const struct amqp_value *, const struct amqp_value *);

/* The same keys with equal values, in any order. This is a binding's identity,
 * where I 1 is not l 1. */
bool amqp_table_equal(struct bytes, struct bytes);

/* Appends the pairs in order of their keys, each key once with its first value. */
void amqp_table_sort(struct writer *, struct bytes table);

/* "longstr", "signedint": what RabbitMQ's texts call the type of a tag. */
const char *amqp_type_name(char tag);

/* {key:S:text,n:I:5,t:{...}} in one line, for logs and scripts; S is quoted as
 * in amqp_method_print. */
void amqp_table_print(struct writer *, struct bytes table);

/* Reads what amqp_table_print writes and appends the pairs; false if it cannot
 * be read. */
bool amqp_table_scan(struct writer *, struct bytes text);

/* --- building: append pairs to a writer --------------------------------- */

void table_put_longstr(struct writer *, const char *key, struct bytes);
void table_put_bool(struct writer *, const char *key, bool);
void table_put_int(struct writer *, const char *key, int32_t);  /* I */
void table_put_long(struct writer *, const char *key, int64_t); /* l */
void table_put_timestamp(struct writer *, const char *key, uint64_t seconds);

/* A table inside: begin, put pairs, end with what begin returned. */
size_t table_begin(struct writer *, const char *key);
void table_end(struct writer *, size_t mark);

#endif
