/* printer.h - writes a command's answer to the screen as rabbitmqctl would. */
#ifndef BROKER_PRINTER_H
#define BROKER_PRINTER_H

#include <stdbool.h>
#include <stdio.h>

#include "amqp/bytes.h"

/* table: tabs between columns; json: one document; json_stream: a document for
 * each row; csv: RFC 4180; pretty_table: boxes drawn with a terminal's line
 * characters; erlang: terms. */
enum format {
	FORMAT_TABLE,
	FORMAT_JSON,
	FORMAT_JSON_STREAM,
	FORMAT_CSV,
	FORMAT_PRETTY,
	FORMAT_ERLANG
};

struct grid;

/* Zero-initialised but for the first part, which the caller sets. */
struct printer {
	FILE *out;
	enum format format;
	bool banners, headers;
	bool collected; /* rows are one value: none are an empty list */
	bool hushed;	/* that all is well is not told, but as a document */
	const char *path; /* where a document goes, "-" for out; NULL: none is
			   * expected */

	struct bytes names; /* of columns: an AMQP array, own */
	bool listing;	    /* columns came */
	size_t rows;
	char *text;	   /* what was said, if it is told at the end; own */
	char *json;	   /* what it is instead in JSON; own */
	struct grid *grid; /* of a pretty_table; own */
	FILE *document;
	int trouble; /* errno of what could not be opened or written */
};

/* False if the name is none of a format. */
bool printer_format(const char *name, enum format *);

/* Are banners shown in it? */
bool printer_has_banners(const struct printer *);

/* The payloads of the control socket's frames. False: malformed. */
bool printer_frame(struct printer *, char kind, struct bytes payload);

/* Closes the document, or shows what it is of a command that went well. */
void printer_end(struct printer *);

/* Closes the file of a document too. */
void printer_fini(struct printer *);

#endif
