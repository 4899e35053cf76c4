/* answer.h - what the broker's control socket answers, as JSON. */
#ifndef BROKER_ANSWER_H
#define BROKER_ANSWER_H

#include <jansson.h>
#include <stddef.h>

/* Zero-initialised. */
struct answer {
	json_t *rows;	  /* of a table, an object each; NULL if none came */
	json_t *columns;  /* their names, in order */
	json_t *document; /* what is shown where JSON is wanted; or NULL */
	char *text;	  /* what was said besides, a line each; or NULL */
	int code;	  /* an exit code, 0 if all is well */
	char *why;	  /* else */
};

/* Asks the broker of data_folder(). */
void answer_ask(struct answer *, const char *const *words, size_t count);

void answer_fini(struct answer *);

#endif
