/* logging.h - where the log goes, as the settings say. */
#ifndef BROKER_LOGGING_H
#define BROKER_LOGGING_H

#include "broker/config.h"

/* Opens the log, or, when it is open, files and levels anew. What cannot be
 * written is said where it can. The texts of the settings are borrowed. */
void logging_open(const struct config *);

/* The path of the log file, the caller's; NULL: there is none. */
char *logging_path(const struct config *);

/* One level for all that is logged: a setting that stands until the broker ends,
 * SIGHUP or not. */
void logging_set_level(struct config *, enum log_level);

#endif
