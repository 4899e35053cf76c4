/* admin.h - rabbitmqadmin: what it was asked, in either of its dialects, and how
 * it answers.
 *
 *   rabbitmqadmin [options] declare queue name=q durable=true        (version 1)
 *   rabbitmqadmin [options] declare queue --name q --durable true    (version 2)
 *   rabbitmqadmin [options] queues declare --name q */
#ifndef BROKER_ADMIN_H
#define BROKER_ADMIN_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/answer.h"

enum {
	ADMIN_PAIRS = 64,
	ADMIN_WORDS = 64,
	ADMIN_FAILED = 1, /* its exit status for everything that fails */
};

enum admin_format {
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

/* What was asked. All is borrowed from the command line but keys. */
struct admin {
	const char *user, *password; /* NULL: not given, guest */
	const char *vhost;	     /* NULL: not given, / or all */
	enum admin_format format;
	bool quiet;
	char verb[32], noun[4096]; /* "declare", "queue", or a file's name */
	struct {
		char key[32]; /* '_' for '-' */
		const char *value;
	} pairs[ADMIN_PAIRS];
	size_t pair_count;
	const char *words[ADMIN_WORDS]; /* that belong to no key */
	size_t word_count;
};

/* The value of a key; NULL if it was not given. */
const char *admin_value(const struct admin *, const char *key);

/* Its value or the one for none. */
const char *admin_or(const struct admin *, const char *key, const char *none);

/* "true" or "false". */
bool admin_flag(const struct admin *, const char *key, bool none);

/* "*** why" to standard error; returns ADMIN_FAILED. */
int admin_fail(const char *why);

/* Says a line unless quiet; returns 0. */
int admin_said(const struct admin *, const char *line);

/* Prints a table as the format says. */
void admin_print(const struct answer *, enum admin_format);

/* What goes over AMQP, with the rights of the user: admin_amqp.c. */
int admin_declare_queue(const struct admin *);
int admin_declare_exchange(const struct admin *);
int admin_declare_binding(const struct admin *);
int admin_delete_queue(const struct admin *);
int admin_delete_exchange(const struct admin *);
int admin_delete_binding(const struct admin *);
int admin_purge_queue(const struct admin *);
int admin_publish(const struct admin *);
int admin_get(const struct admin *);

/* What goes over the control socket: admin_control.c. */
int admin_declare_user(const struct admin *);
int admin_declare_vhost(const struct admin *);
int admin_declare_permission(const struct admin *);
int admin_declare_policy(const struct admin *);
int admin_declare_parameter(const struct admin *);
int admin_delete_user(const struct admin *);
int admin_delete_vhost(const struct admin *);
int admin_delete_permission(const struct admin *);
int admin_delete_policy(const struct admin *);
int admin_delete_parameter(const struct admin *);
int admin_close_connection(const struct admin *);
int admin_health_check(const struct admin *);
int admin_export(const struct admin *);
int admin_import(const struct admin *);
int admin_list(const struct admin *);

/* rabbitmqadmin. Returns its exit status. */
int admin_main(int argc, char **argv);

#endif
