/* commands_definitions.c - commands about definitions files. leveretctl reads and
 * writes the files: the broker is sent the text, and sends it. */
#include <stdlib.h>
#include <string.h>

#include "broker/commands.h"
#include "broker/definitions.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/log.h"
#include "broker/server.h"

enum { PART = 65536 }; /* bytes of a document in one frame */

static bool
check_format(struct request *r)
{
	const char *format = words_option(&r->words, "format");

	if (format == NULL || strcasecmp(format, "json") == 0)
		return true;
	request_misused(r, CODE_DATA,
	    ARGUMENT_ERROR "Bad argument: Format should be json");
	return false;
}

/* --- out -------------------------------------------------------------------- */

static void
release_export(void *work)
{
	export_free(work);
}

static bool
begin_export(struct request *r)
{
	const char *file = r->words.arguments[0];

	if (!check_format(r))
		return false;
	if (strcmp(file, "-") != 0)
		request_banner(r,
		    "Exporting definitions in JSON to a file at \"%s\" ...",
		    file);
	r->work = export_new(r->server);
	r->release = release_export;
	return true;
}

/* Passwords that only Leveret can check: told beside a file, not within it. */
static void
name_those_left_behind(struct request *r)
{
	bool file = strcmp(r->words.arguments[0], "-") != 0;
	const struct user *user;
	size_t at = 0;

	while ((user = auth_each_user(r->server->auth, &at)) != NULL) {
		if (auth_travels(user))
			continue;
		log_warnx("the password of user '%s' is hashed with scrypt: "
			  "RabbitMQ cannot check it",
		    log_safe(user->name));
		if (file)
			request_text(r,
			    "The password of user \"%.*s\" is hashed with "
			    "scrypt: RabbitMQ cannot check it.",
			    BYTES_FMT(user->name));
	}
}

/* phase 0: it is being written down; 1: it is sent, from r->at on. */
void
command_export_definitions(struct request *r, size_t *budget)
{
	struct bytes rest;

	if (!r->begun && !begin_export(r))
		return;
	if (r->phase == 0 && !export_step(r->work, budget))
		return;
	r->phase = 1;
	rest = export_text(r->work);
	rest.p += r->at;
	rest.n -= r->at;
	if (rest.n > PART)
		rest.n = PART;
	r->at += rest.n;
	request_document(r, rest);
	if (r->at < export_text(r->work).n)
		return;
	name_those_left_behind(r);
	request_end(r);
}

/* --- in --------------------------------------------------------------------- */

static void
release_import(void *work)
{
	import_unref(work);
}

/* The words go with it: they lie in the same memory, which may be large. */
static struct import *
take_document(struct request *r, const char *document)
{
	const char *vhost = words_option(&r->words, "vhost");
	struct import *im = import_new(r->server, r->input,
	    bytes_str(document), bytes_str(vhost != NULL ? vhost : ""));

	r->input = NULL;
	return im;
}

static void
begin_import(struct request *r)
{
	const char *document = words_option(&r->words, "document");
	const char *file = r->words.count > 0 ? r->words.arguments[0] : "-";
	bool skip;

	if (!check_format(r))
		return;
	if (strcmp(file, "-") == 0)
		request_banner(r,
		    "Importing definitions in JSON from standard input ...");
	else
		request_banner(r,
		    "Importing definitions in JSON from a file at \"%s\" ...",
		    file);
	if (document == NULL) {
		request_fail(r, CODE_USAGE, "the definitions are missing");
		return;
	}
	skip = words_option(&r->words, "skip-if-unchanged") != NULL;
	r->work = take_document(r, document);
	r->release = release_import;
	if (skip)
		import_skip_unchanged(r->work);
	import_start(r->work);
}

static void
answer(struct request *r)
{
	size_t left_out = import_left_out(r->work);

	if (import_error(r->work) != NULL) {
		request_fail(r, CODE_DATA, "%s", import_error(r->work));
		return;
	}
	if (import_unchanged(r->work))
		request_text(r, "The definitions are unchanged since their "
				"last import: nothing was done.");
	else
		request_text(r, "Successfully imported definitions.");
	if (left_out > 0)
		request_text(r,
		    "%zu bindings to or from what does not exist were left out; "
		    "the log names them.",
		    left_out);
	command_document(r,
	    json_pack("{ssss}", "node", node_name(), "result", "ok"));
	request_end(r);
}

/* A job does the work; what it stored must be safe before this is answered. */
void
command_import_definitions(struct request *r, size_t *budget)
{
	if (!r->begun)
		begin_import(r);
	else if (import_done(r->work)) {
		answer(r);
		server_found(r->server);
	}
}
