/* options.h - the command line of leveret. */
#ifndef BROKER_OPTIONS_H
#define BROKER_OPTIONS_H

#include <stdbool.h>

#include "broker/config.h"
#include "broker/folder.h"

struct options {
	const char *dir;  /* -d; NULL: data_folder() decides */
	bool ephemeral;	  /* -e */
	const char *port_file; /* --port-file, or NULL */
};

/* Reads the command line; settings go to config, -f's file first. Returns -1
 * to go on, else the status to exit with at once: 0 after -V and -h, 64 after
 * having said what is wrong and what is possible, 78 for a bad setting. */
int options_read(struct options *, struct config *, int argc, char **argv);

#endif
