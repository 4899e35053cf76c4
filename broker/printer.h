/* printer.h - writes a command's answer to the screen as rabbitmqctl would. */
#ifndef BROKER_PRINTER_H
#define BROKER_PRINTER_H

#include <stdbool.h>
#include <stdio.h>

#include "amqp/bytes.h"

/* table: tabs between columns; json: one document. */
enum format { FORMAT_TABLE, FORMAT_JSON };

/* Zero-initialised but for the first part, which the caller sets. */
struct printer {
	FILE *out;
	enum format format;
	bool banners, headers;
	const char *path; /* where a document goes, "-" for out; NULL: none is
			   * expected */

	struct bytes names; /* of columns: an AMQP array, own */
	bool listing;	    /* columns came */
	size_t rows;
	char *text; /* what was said, for JSON; own */
	FILE *document;
	int trouble; /* errno of what could not be opened or written */
};

/* False if the name is none of a format. */
bool printer_format(const char *name, enum format *);

/* The payloads of the control socket's frames. False: malformed. */
bool printer_frame(struct printer *, char kind, struct bytes payload);

/* Ends what is printed, if the command went well, and closes the document's
 * file. */
void printer_end(struct printer *, bool well);

#endif
