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

	struct bytes names; /* of columns: an AMQP array, own */
	bool listing;	    /* columns came */
	size_t rows;
	char *text; /* what was said, for JSON; own */
};

/* False if the name is none of a format. */
bool printer_format(const char *name, enum format *);

/* The payloads of the control socket's frames. False: malformed. */
bool printer_frame(struct printer *, char kind, struct bytes payload);

/* Closes the document, if the command went well. */
void printer_end(struct printer *, bool well);

#endif
