/* ask.h - words to the broker's control socket, its answer to the screen. */
#ifndef BROKER_ASK_H
#define BROKER_ASK_H

#include "broker/printer.h"
#include "broker/words.h"

enum { PATIENCE_MS = 60000 };

/* A command as it was typed. All is borrowed. */
struct question {
	const char *socket, *dir; /* where the broker may be; NULL: not said */
	char **argv;		  /* to tell what was typed */
	const char **list;	  /* the words that are sent */
	size_t count;
	struct words words; /* the same, split */
	struct printer printer;
	int timeout_ms; /* without an answer until it gives up */
	bool asked;	/* the time was typed */
	bool told;	/* a banner was shown */
};

/* A socket to the broker; -1, after having said that nobody is there if say is
 * set. */
int ask_connect(const struct question *, bool say);

/* The process at the other end of that socket; 0 if nobody is there. */
long ask_pid(const struct question *);

/* Asks, prints the answer, and returns the exit code. */
int ask(struct question *);

#endif
