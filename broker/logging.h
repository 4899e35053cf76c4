/* logging.h - where the log goes, as the settings say. */
#ifndef BROKER_LOGGING_H
#define BROKER_LOGGING_H

#include "broker/config.h"

/* Opens the log, or, when it is open, files and levels anew. What cannot be
 * written is said where it can. The texts of the settings are borrowed. */
void logging_open(const struct config *);

/* Where it goes, one a line as RabbitMQ shows them: "/var/log/x.log", "<stdout>".
 * The caller's. */
char *logging_places(const struct config *);

/* What is between the places that RabbitMQ's log shows when it starts. */
#define PLACES_BETWEEN "\n                : "

/* One level for all that is logged: a setting that stands until the broker ends,
 * SIGHUP or not. */
void logging_set_level(struct config *, enum log_level);

#endif
