/* report.h - leveretctl's report: the answers of many commands, one behind another,
 * for whoever is asked for help. */
#ifndef BROKER_REPORT_H
#define BROKER_REPORT_H

#include "broker/ask.h"

/* Is it that command? */
bool report_command(const struct question *);

/* Asks them all; returns the first exit code that is not 0. */
int report_run(struct question *);

#endif
