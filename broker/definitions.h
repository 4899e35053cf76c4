/* definitions.h - everything that is defined, as RabbitMQ's definitions.json: out
 * of the broker, and in again.
 *
 * An object with a list for each kind: users, vhosts, permissions,
 * topic_permissions, parameters, global_parameters, policies, queues, exchanges,
 * bindings. What is not known is passed over, as by RabbitMQ. */
#ifndef BROKER_DEFINITIONS_H
#define BROKER_DEFINITIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "amqp/bytes.h"

struct server;

/* --- out ------------------------------------------------------------------ */

/* Writes the document down in slices. It tells of one moment: what changes in
 * between makes it begin again, and where changes do not end it is written at
 * once. Exclusive queues and exchanges every vhost has are left out. */
struct export *export_new(struct server *);
bool export_step(struct export *, size_t *budget); /* true: it is done */
struct bytes export_text(const struct export *);   /* borrowed from it */
void export_free(struct export *);

/* --- in ------------------------------------------------------------------- */

/* Checks all of a document, and then makes what it defines or, if anything is
 * wrong, nothing. What is there already is changed (users, vhosts, rights,
 * parameters, policies) or left as it is (queues, exchanges, bindings); nothing is
 * removed. All of it joins one batch of the journal. A binding to or from what
 * does not exist is left out with a warning: RabbitMQ's own documents have those
 * of exclusive queues. */
struct import;

/* Takes the memory, malloc'd, in which the text lies. vhost is where things are
 * that name none; without it (n 0) there must be none. One reference. */
struct import *import_new(struct server *, void *memory, struct bytes text,
    struct bytes vhost);
void import_unref(struct import *);

/* Before it is run: it is done, with nothing made, when the document is the one
 * that was last imported so (fingerprint.h). */
void import_skip_unchanged(struct import *);

/* Runs it in slices, with a reference of its own. Whoever wants to know asks
 * import_done from time to time. */
void import_start(struct import *);

/* Or to its end, now. False if it was refused. */
bool import_run(struct import *);

bool import_done(const struct import *);

/* Once it is done: NULL, or what was refused and why. */
const char *import_error(const struct import *);

/* Once it is done: was it passed over as unchanged? */
bool import_unchanged(const struct import *);
#define DEFINITIONS_UNCHANGED                                                  \
	"definitions are unchanged since their last import"

/* Bindings that were left out. */
size_t import_left_out(const struct import *);

/* Has the document a member in the section of that name? For those who prepare
 * an import; a malformed document has none. */
bool import_has(struct import *, const char *section);

/* At the end: what was begun is brought to an end, what was not is given up. */
void imports_finish(struct server *);

/* --- when a broker starts --------------------------------------------------- */

/* The files that the settings load_definitions and its like name, read but not yet
 * imported; there may be none. NULL after having said what is wrong. */
struct definitions *definitions_open(struct server *);
void definitions_close(struct definitions *);

/* Has one of them a member in the section? */
bool definitions_bring(const struct definitions *, const char *section);

/* Imports them in order, unless they are unchanged and the settings say so. False after having said what is wrong: then none of the
 * open batch may be committed. */
bool definitions_import(struct definitions *);

#endif
