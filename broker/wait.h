/* wait.h - commands of leveretctl that wait for processes to come or go. */
#ifndef BROKER_WAIT_H
#define BROKER_WAIT_H

#include "broker/ask.h"

/* Is it one of them? */
bool wait_command(const struct question *);

/* Asks the broker when it is time to, waits, and returns the exit code. */
int wait_run(struct question *);

#endif
