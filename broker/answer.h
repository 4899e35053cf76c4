/* answer.h - what the broker's control socket answers, as a table of texts. */
#ifndef BROKER_ANSWER_H
#define BROKER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "amqp/bytes.h"

struct cell {
	char *text;
	bool bare; /* a number or a truth, or JSON: not to be quoted */
};

/* Zero-initialised. Cells lie row by row, the columns' names first. */
struct answer {
	struct cell *cells;
	size_t count, columns;
	char *text; /* what was said besides, a line each; or NULL */
	int code;   /* an exit code, 0 if all is well */
	char *why;  /* else */
};

/* Asks the broker of data_folder(). */
void answer_ask(struct answer *, const char *const *words, size_t count);

/* A column's name while there are no others than columns, then a value. */
void answer_add(struct answer *, struct bytes text, bool bare);

static inline size_t
answer_rows(const struct answer *a)
{
	return a->columns > 0 ? a->count / a->columns - 1 : 0;
}

void answer_fini(struct answer *);

#endif
