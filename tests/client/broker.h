/* broker.h - starts, stops and kills a leveret for the end-to-end cases. */
#ifndef CLIENT_BROKER_H
#define CLIENT_BROKER_H

#include <sys/types.h>

struct broker {
	pid_t pid;
	int port;
	char url[64];
	char log[128]; /* the file with its standard output and error */
};

/* Starts LEVERET from the environment, or ./leveret, on a free port with its
 * data in FOLDER (NULL: -e) and waits until it accepts. It dies with the
 * calling process. Returns -1, with a line on stdout, if it does not come up.
 */
int broker_start(struct broker *, const char *folder);

/* Sends the signal and returns the wait status; SIGKILL after a minute. */
int broker_stop(struct broker *, int signal);

#endif
