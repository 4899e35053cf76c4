/* admin.h - rabbitmqadmin: what it was asked, in either of its dialects, and how
 * it answers.
 *
 *   rabbitmqadmin [options] declare queue name=q durable=true        (version 1)
 *   rabbitmqadmin [options] declare queue --name q --durable true    (version 2)
 *   rabbitmqadmin [options] queues declare --name q
 *
 * RabbitMQ's is a client of its HTTP interface. What it shows are that interface's
 * objects, and what it says of errors that interface's paths: so both are here, but
 * there is no HTTP. */
#ifndef BROKER_ADMIN_H
#define BROKER_ADMIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "broker/answer.h"

enum {
	ADMIN_PAIRS = 64,
	ADMIN_WORDS = 64,
	ADMIN_FAILED = 1, /* its exit status for everything that fails */
	ADMIN_USAGE = 2,  /* but for options that nobody knows */
};

enum admin_format {
	ADMIN_UNSAID, /* until all options are read */
	ADMIN_TABLE, /* a box of + - | */
	ADMIN_BOX,   /* of a terminal's line characters */
	ADMIN_PLAIN, /* no lines, for scripts */
	ADMIN_TSV,
	ADMIN_LONG,
	ADMIN_KVP,
	ADMIN_BASH,
	ADMIN_RAW_JSON,
	ADMIN_PRETTY_JSON,
};

/* What was asked. Texts are borrowed from the command line or kept. */
struct admin {
	const char *user, *password; /* NULL: not given, guest */
	const char *vhost;	     /* NULL: not given, / or all */
	const char *declare_vhost;   /* NULL: / */
	const char *config, *node;   /* a file of options, a section of it */
	const char *sort;	     /* a column, or NULL */
	bool reverse;
	int depth;		     /* of objects shown as columns; 0: not given */
	enum admin_format format;
	bool quiet;
	bool second; /* in version 2's way */
	char verb[32], noun[4096]; /* "declare", "queue", or a file's name */
	struct {
		char key[32]; /* '_' for '-' */
		const char *value;
	} pairs[ADMIN_PAIRS];
	size_t pair_count;
	const char *words[ADMIN_WORDS]; /* that belong to no key */
	size_t word_count;
	const char *path; /* "/queues/%2F/q": what RabbitMQ's HTTP interface calls it */
};

/* The value of a key; NULL if it was not given. */
const char *admin_value(const struct admin *, const char *key);

/* Its value or the one for none. */
const char *admin_or(const struct admin *, const char *key, const char *none);

/* "true" or "false"; check_pairs has seen to it that it is one of them. */
bool admin_flag(const struct admin *, const char *key, bool none);

/* The vhost that was asked for, or the one that is meant then. */
const char *admin_vhost(const struct admin *);

/* "*** why" to standard error; returns ADMIN_FAILED. */
int admin_fail(const char *why);

/* "*** Not found: /api/..." and "*** Access refused: /api/...". */
int admin_missing(const struct admin *);
int admin_refused(const struct admin *);

/* "ERROR: ..." about what was typed; returns ADMIN_FAILED. */
int admin_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Takes a text that lasts as long as the process. */
const char *admin_keep(char *text);

/* Reads JSON; a new value, or NULL after having said that it is none. */
json_t *admin_parse(const char *text);

/* As a path or (plus) a query writes it, the caller's to free. */
char *admin_quote(const char *text, bool plus);

/* Says a line unless quiet; returns 0. */
int admin_said(const struct admin *, const char *line);

/* Takes options and files of options; what is left are verb, noun, pairs, words.
 * 0, or an exit status after having said why. */
int admin_options(struct admin *, int argc, char **argv);

/* Does this verb and noun know a key of that name? */
bool admin_is_key(const struct admin *, const char *name);

/* Prints objects as the format says, in the columns asked for, or in all; values
 * of the keys in json, joined by spaces, are shown as JSON. Takes items. */
int admin_print(const struct admin *, json_t *items, const char *const *columns,
    size_t count, const char *json);

/* All there is of a kind ("queues"), in vhost or, if that is NULL, in all; a new
 * array, or NULL with status set after having said why. */
json_t *admin_objects(const struct admin *, const char *kind,
    const char *vhost, int *status);

/* How many fewer rights than all a user has. */
enum admin_tag {
	ADMIN_ANYBODY,	     /* whoever may log in */
	ADMIN_MANAGEMENT,    /* whoever has any of these tags */
	ADMIN_POLICYMAKER,
	ADMIN_MONITORING,
	ADMIN_ADMINISTRATOR,
};

/* Is the user who it says, and has this tag? Whoever may open the control socket
 * and names nobody is an administrator. 0, or a status after having said why. */
int admin_check_user(const struct admin *, enum admin_tag);
bool admin_has_tag(const struct admin *, enum admin_tag);

/* What goes over AMQP, with the rights of the user: admin_amqp.c,
 * admin_message.c. */
int admin_declare_queue(const struct admin *);
int admin_declare_exchange(const struct admin *);
int admin_declare_binding(const struct admin *);
int admin_delete_queue(const struct admin *);
int admin_delete_exchange(const struct admin *);
int admin_delete_binding(const struct admin *);
int admin_purge_queue(const struct admin *);
int admin_publish(const struct admin *);
int admin_get(const struct admin *);

/* What goes over the control socket: admin_control.c, admin_list.c. */
int admin_declare_user(const struct admin *);
int admin_declare_vhost(const struct admin *);
int admin_declare_permission(const struct admin *);
int admin_declare_policy(const struct admin *);
int admin_declare_operator_policy(const struct admin *);
int admin_declare_parameter(const struct admin *);
int admin_declare_vhost_limit(const struct admin *);
int admin_delete_user(const struct admin *);
int admin_delete_vhost(const struct admin *);
int admin_delete_permission(const struct admin *);
int admin_delete_policy(const struct admin *);
int admin_delete_operator_policy(const struct admin *);
int admin_delete_parameter(const struct admin *);
int admin_delete_vhost_limit(const struct admin *);
int admin_close_connection(const struct admin *);
int admin_health_check(const struct admin *);
int admin_export(const struct admin *);
int admin_import(const struct admin *);
int admin_list(const struct admin *);
int admin_show(const struct admin *);

/* rabbitmqadmin. Returns its exit status. */
int admin_main(int argc, char **argv);

#endif
