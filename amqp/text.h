/* text.h - strings and numbers as readable text, and back.
 *
 * A string of [A-Za-z0-9._:/@#*+-] stands for itself, any other is quoted:
 * "a b", with \" and \\ for those two and \x00 for what cannot be printed. */
#ifndef AMQP_TEXT_H
#define AMQP_TEXT_H

#include "amqp/bytes.h"
#include "amqp/wire.h"

void text_put_string(struct writer *, struct bytes);

/* Quotes for a colon too, so that one can stand behind it. */
void text_put_key(struct writer *, struct bytes);

void text_printf(struct writer *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Moves *in behind the character c; false if another stands there. */
bool text_take(struct bytes *in, char c);

/* Moves *in up to the first of the characters in ends, or to its end, and
 * returns what lay before. */
struct bytes text_take_word(struct bytes *in, const char *ends);

/* Appends the string at the front of *in, quoted or up to one of ends, and
 * moves *in behind it. False if a quoted one is malformed. */
bool text_take_string(struct bytes *in, const char *ends, struct writer *);

/* Decimal numbers that fill the whole word; false if it is none, or out of
 * bounds. */
bool text_unsigned(struct bytes word, uint64_t max, uint64_t *v);
bool text_signed(struct bytes word, int64_t min, int64_t max, int64_t *v);
bool text_double(struct bytes word, double *v); /* finite */

#endif
