/* options.h - the command line of leveret. */
#ifndef BROKER_OPTIONS_H
#define BROKER_OPTIONS_H

#include <stdbool.h>

#include "broker/config.h"
#include "broker/folder.h"

enum { OPTIONS_FILES = 16 };

struct options {
	const char *dir;  /* -d; NULL: data_folder() decides */
	bool ephemeral;	  /* -e */
	bool detached;	  /* -detached, as rabbitmq-server only */
	bool die_with_parent;  /* --die-with-parent */
	const char *port_file; /* --port-file, or NULL */
	const char *pid_file;  /* --pid-file, or NULL */
	const char *files[OPTIONS_FILES]; /* -f */
	size_t file_count;
};

/* Is told what cannot be in the settings. */
typedef void complaint(const char *sentence);

/* On standard error, as before there is a log. */
complaint options_complain;

/* Reads the command line, and the settings from where sources.h says and from
 * there. Returns -1 to go on, else the status to exit with at once: 0 after -V
 * and -h, 64 after having said what is wrong and what is possible, 78 for
 * settings that cannot be. */
int options_read(struct options *, struct config *, int argc, char **argv,
    complaint *);

#endif
