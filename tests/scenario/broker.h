/* broker.h - the broker under test: one that runs already, or a Leveret of our
 * own in a temporary folder. */
#ifndef SCENARIO_BROKER_H
#define SCENARIO_BROKER_H

#include <stdbool.h>
#include <sys/types.h>

#include "amqp/bytes.h"
#include "amqp/wire.h"

struct broker {
	char *host;
	char *port;
	char *product; /* "rabbitmq" or "leveret": whose words to expect */
	char *version;
	char *ctl;     /* a command that takes control words, or NULL */
	char *restart; /* a command that restarts a foreign broker, or NULL */
	char *program; /* leveret, NULL for a foreign broker */
	char *control; /* leveretctl */
	char **arguments; /* for leveret behind our own, ends with NULL */
	char *folder;     /* of our own broker: data, log, port file */
	pid_t pid;        /* of our own broker, 0 if it does not run */
};

/* Makes a folder and starts a Leveret there on a free port; all but program,
 * control and arguments is filled in. False with a sentence on stderr if it
 * does not come up. */
bool broker_start(struct broker *);

/* Starts it again on its folder. */
bool broker_again(struct broker *);

/* Sends it a signal; broker_wait waits until it is gone and returns its exit
 * status, -1 if a signal ended it. */
void broker_signal(struct broker *, int signal);
int broker_wait(struct broker *);

/* Stops it if it runs and removes its folder; its exit status. */
int broker_stop(struct broker *);

/* Asks host and port for product and version, by its connection.start. */
bool broker_ask(struct broker *);

/* Runs a control command; its exit status. What it prints is appended to
 * output, which may be NULL. */
int broker_ctl(const struct broker *, const char *words, struct writer *output);

#endif
