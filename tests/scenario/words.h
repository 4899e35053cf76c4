/* words.h - words, quotes and escapes: how a script and a printed method are
 * written. */
#ifndef SCENARIO_WORDS_H
#define SCENARIO_WORDS_H

#include "amqp/bytes.h"
#include "amqp/wire.h"

/* Takes the next word off the front of line: it ends at a blank outside quotes
 * and braces. False when none is left. */
bool words_take(struct bytes *line, struct bytes *word);

/* Takes what stands in front of the separator off *rest, the separator too, or
 * all of it where there is none. False if nothing is left. */
bool words_piece(struct bytes *rest, char separator, struct bytes *piece);

/* Splits "name=value"; false if word has no '=' outside quotes. */
bool words_split(struct bytes word, struct bytes *name, struct bytes *value);

/* The value of name in a line of "name=value" words; false if it has none. */
bool words_field(struct bytes line, struct bytes name, struct bytes *value);

/* Appends what raw stands for: "a\x00b" without its quotes and escapes,
 * anything else as it is. False if a quote or an escape is broken. */
bool words_unquote(struct writer *, struct bytes raw);

/* Appends b's bytes with quotes, backslashes and unprintable ones as \xHH. */
void words_escape(struct writer *, struct bytes b);

/* Reads a whole number; false if raw is none. */
bool words_number(struct bytes raw, uint64_t *number);

/* The value of a hexadecimal digit, or -1. */
int words_hex(uint8_t digit);

/* A copy with a zero behind it, kept for the life of the process. */
char *words_string(struct bytes b);

/* Appends a zero-ended string. */
void words_put(struct writer *, const char *s);

#endif
