/* admin.c - rabbitmqadmin: its command line, in either dialect. */
#include "broker/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/program.h"

int
admin_fail(const char *why)
{
	fflush(stdout);
	fprintf(stderr, "*** %s\n", why);
	return ADMIN_FAILED;
}

int
admin_said(const struct admin *a, const char *line)
{
	if (!a->quiet)
		puts(line);
	return 0;
}

const char *
admin_value(const struct admin *a, const char *key)
{
	for (size_t i = 0; i < a->pair_count; i++)
		if (strcmp(a->pairs[i].key, key) == 0)
			return a->pairs[i].value;
	return NULL;
}

const char *
admin_or(const struct admin *a, const char *key, const char *none)
{
	const char *value = admin_value(a, key);

	return value != NULL ? value : none;
}

bool
admin_flag(const struct admin *a, const char *key, bool none)
{
	const char *value = admin_value(a, key);

	if (value == NULL)
		return none;
	return strcmp(value, "true") == 0 || strcmp(value, "True") == 0;
}

/* --- the commands ------------------------------------------------------------------ */

static const struct row {
	const char *verb, *noun; /* noun NULL: a file's name */
	const char *needs, *takes; /* keys joined by spaces; NULL: words */
	int (*run)(const struct admin *);
} rows[] = {
    {"declare", "queue", "name",
	"durable auto_delete arguments node queue_type type",
	admin_declare_queue},
    {"declare", "exchange", "name type",
	"durable auto_delete internal arguments", admin_declare_exchange},
    {"declare", "binding", "source destination",
	"destination_type routing_key arguments", admin_declare_binding},
    {"declare", "user", "name password", "tags", admin_declare_user},
    {"declare", "vhost", "name",
	"description tags default_queue_type tracing", admin_declare_vhost},
    {"declare", "permission", "user configure write read", "vhost",
	admin_declare_permission},
    {"declare", "permissions", "user configure write read", "vhost",
	admin_declare_permission},
    {"declare", "policy", "name pattern definition", "priority apply_to",
	admin_declare_policy},
    {"declare", "parameter", "component name value", "", admin_declare_parameter},
    {"delete", "queue", "name", "idempotently if_empty if_unused",
	admin_delete_queue},
    {"delete", "exchange", "name", "idempotently if_unused",
	admin_delete_exchange},
    {"delete", "binding", "source destination",
	"destination_type routing_key properties_key arguments",
	admin_delete_binding},
    {"delete", "user", "name", "idempotently", admin_delete_user},
    {"delete", "vhost", "name", "idempotently", admin_delete_vhost},
    {"delete", "permission", "user", "vhost", admin_delete_permission},
    {"delete", "permissions", "user", "vhost", admin_delete_permission},
    {"delete", "policy", "name", "idempotently", admin_delete_policy},
    {"delete", "parameter", "component name", "", admin_delete_parameter},
    {"purge", "queue", "name", "", admin_purge_queue},
    {"close", "connection", "name", "", admin_close_connection},
    {"publish", "", "routing_key",
	"exchange payload properties payload_encoding", admin_publish},
    {"publish", "message", "routing_key",
	"exchange payload properties payload_encoding", admin_publish},
    {"get", "", "queue", "count ackmode", admin_get},
    {"get", "messages", "queue", "count ackmode", admin_get},
    {"export", "definition", "", "file stdout", admin_export},
    {"import", "definition", "", "file stdin", admin_import},
    {"export", NULL, "", "", admin_export},
    {"import", NULL, "", "", admin_import},
    {"list", "queues", NULL, NULL, admin_list},
    {"list", "exchanges", NULL, NULL, admin_list},
    {"list", "bindings", NULL, NULL, admin_list},
    {"list", "consumers", NULL, NULL, admin_list},
    {"list", "policies", NULL, NULL, admin_list},
    {"list", "parameters", NULL, NULL, admin_list},
    {"list", "permissions", NULL, NULL, admin_list},
    {"list", "vhosts", NULL, NULL, admin_list},
    {"list", "users", NULL, NULL, admin_list},
    {"list", "connections", NULL, NULL, admin_list},
    {"list", "channels", NULL, NULL, admin_list},
    {"health_check", "local_alarms", "", "", admin_health_check},
    {"health_check", "cluster_wide_alarms", "", "", admin_health_check},
    {"health_check", "port_listener", "port", "", admin_health_check},
};

/* Rows without a noun have a file's name there. */
static bool
is_noun(const struct row *r, const char *word)
{
	return r->noun == NULL || strcmp(r->noun, word) == 0;
}

enum { ROWS = sizeof rows / sizeof *rows };

static void
print_usage(FILE *out)
{
	const char *verb = "";

	fputs("Usage\n=====\n\n  rabbitmqadmin [options] command\n\n"
	      "Options: -u USER, -p PASSWORD, -V or --vhost=VHOST, -q, "
	      "-f table|tsv|long|kvp|bash|raw_json|pretty_json,\n"
	      "  --non-interactive\n\nCommands, with name=value or --name "
	      "value:\n",
	    out);
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		if (strcmp(r->verb, verb) != 0)
			putc('\n', out);
		verb = r->verb;
		fprintf(out, "  %s %s %s%s%s%s\n", r->verb,
		    r->noun != NULL ? r->noun : "[<file>]",
		    r->needs != NULL ? r->needs : "[<column> ...]",
		    r->takes != NULL && *r->takes != '\0' ? " [" : "",
		    r->takes != NULL ? r->takes : "",
		    r->takes != NULL && *r->takes != '\0' ? "]" : "");
	}
}

static int
wrong(const char *format, const char *what)
{
	fputs("ERROR: ", stderr);
	fprintf(stderr, format, what);
	fputs("\n\nrabbitmqadmin --help for help\n", stderr);
	return ADMIN_FAILED;
}

static bool
is_among(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; n > 0 && (p = strstr(p, word)) != NULL;
	     p += n)
		if ((p == list || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

/* 0, or the status after having said what is wrong. */
static int
check_pairs(const struct admin *a, const struct row *r)
{
	char word[32];
	int n;

	if (r->needs == NULL)
		return a->pair_count > 0 ? wrong("Argument \"%s\" not "
						 "recognised",
					       a->pairs[0].key)
					 : 0;
	if (a->word_count > 0)
		return wrong("Argument \"%s\" not in the form name=value",
		    a->words[0]);
	for (const char *p = r->needs; sscanf(p, "%31s%n", word, &n) == 1;
	     p += n)
		if (admin_value(a, word) == NULL)
			return wrong("mandatory argument \"%s\" required", word);
	for (size_t i = 0; i < a->pair_count; i++)
		if (!is_among(r->needs, a->pairs[i].key) &&
		    !is_among(r->takes, a->pairs[i].key))
			return wrong("Argument \"%s\" not recognised",
			    a->pairs[i].key);
	return 0;
}

/* --- the command line ---------------------------------------------------------------- */

static bool
read_format(struct admin *a, const char *name)
{
	static const char *const names[] = {[ADMIN_TABLE] = "table",
	    [ADMIN_BOX] = "box", [ADMIN_PLAIN] = "plain", [ADMIN_TSV] = "tsv",
	    [ADMIN_LONG] = "long", [ADMIN_KVP] = "kvp", [ADMIN_BASH] = "bash",
	    [ADMIN_RAW_JSON] = "raw_json", [ADMIN_PRETTY_JSON] = "pretty_json"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0) {
			a->format = (enum admin_format)i;
			return true;
		}
	return false;
}

/* What both dialects have in front of or behind a command. letter 0: none. */
enum { GLOBAL_USER, GLOBAL_PASSWORD, GLOBAL_VHOST, GLOBAL_FORMAT, GLOBAL_QUIET,
	GLOBAL_PLAIN, GLOBAL_HOST, GLOBAL_IGNORED, GLOBAL_IGNORED_FLAG };

static const struct global {
	const char *name;
	char letter;
	int what;
} globals[] = {
    {"username", 'u', GLOBAL_USER}, {"password", 'p', GLOBAL_PASSWORD},
    {"vhost", 'V', GLOBAL_VHOST}, {"format", 'f', GLOBAL_FORMAT},
    {"quiet", 'q', GLOBAL_QUIET}, {"non-interactive", 0, GLOBAL_PLAIN},
    {"host", 'H', GLOBAL_HOST}, {"port", 'P', GLOBAL_IGNORED},
    {"config", 'c', GLOBAL_IGNORED}, {"node", 'N', GLOBAL_IGNORED},
    {"ssl", 's', GLOBAL_IGNORED_FLAG}, {"ssl-insecure", 'k', GLOBAL_IGNORED_FLAG},
    {"table-style", 0, GLOBAL_IGNORED}, {"depth", 'd', GLOBAL_IGNORED},
};

/* "-u", "-uname", "--username", "--username=name": *value is what is joined to
 * it, or NULL. */
static const struct global *
find_global(const char *word, const char **value)
{
	size_t n;

	for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
		const struct global *g = &globals[i];

		*value = NULL;
		n = strlen(g->name);
		if (word[1] != '-' && word[1] == g->letter) {
			*value = word[2] != '\0' ? word + 2 : NULL;
			return g;
		}
		if (word[1] == '-' && strncmp(word + 2, g->name, n) == 0) {
			if (word[2 + n] == '=')
				*value = word + 3 + n;
			if (word[2 + n] == '=' || word[2 + n] == '\0')
				return g;
		}
	}
	return NULL;
}

/* The broker is on this machine, or it is none of ours. */
static int
check_host(const char *host)
{
	if (strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
	    strcmp(host, "::1") == 0)
		return 0;
	return wrong("%s: only the broker on this machine can be asked, over "
		     "its control socket",
	    host);
}

static int
set_global(struct admin *a, int what, const char *value)
{
	switch (what) {
	case GLOBAL_USER:
		a->user = value;
		return 0;
	case GLOBAL_PASSWORD:
		a->password = value;
		return 0;
	case GLOBAL_VHOST:
		a->vhost = value;
		return 0;
	case GLOBAL_FORMAT:
		return read_format(a, value)
			   ? 0
			   : wrong("Format \"%s\" not recognised", value);
	case GLOBAL_QUIET:
		a->quiet = true;
		return 0;
	case GLOBAL_PLAIN:
		a->format = ADMIN_PLAIN;
		return 0;
	case GLOBAL_HOST:
		return check_host(value);
	default:
		return 0;
	}
}

static bool
has_value(const struct global *g)
{
	return g->what != GLOBAL_QUIET && g->what != GLOBAL_PLAIN &&
	    g->what != GLOBAL_IGNORED_FLAG;
}

/* Behind the command a key of its own may have the name of an option. */
static bool
is_key(const struct admin *a, const char *name)
{
	char key[32];

	snprintf(key, sizeof key, "%s", name);
	key[strcspn(key, "=")] = '\0';
	for (const struct row *r = rows; r < rows + ROWS; r++)
		if (strcmp(r->verb, a->verb) == 0 &&
		    is_noun(r, a->noun) && r->needs != NULL)
			return is_among(r->needs, key);
	return false;
}

static int
add_pair(struct admin *a, const char *key, size_t n, const char *value)
{
	char *to = a->pairs[a->pair_count].key;

	if (a->pair_count == ADMIN_PAIRS || n >= sizeof a->pairs[0].key)
		return wrong("Argument \"%s\" not recognised", key);
	memcpy(to, key, n);
	to[n] = '\0';
	for (char *p = to; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	if (strcmp(to, "ack_mode") == 0)
		strcpy(to, "ackmode");
	if (strcmp(to, "vhost") == 0)
		a->vhost = value;
	a->pairs[a->pair_count++].value = value;
	return 0;
}

/* Verb and noun, in either order: "declare queue", "queues declare". */
static void
add_word(struct admin *a, const char *word)
{
	if (a->verb[0] == '\0')
		snprintf(a->verb, sizeof a->verb, "%s", word);
	else if (a->noun[0] == '\0')
		snprintf(a->noun, sizeof a->noun, "%s", word);
	else
		a->words[a->word_count++] = word;
}

static const char *const verbs =
    "declare delete list purge publish get close export import";

/* "queues declare" is "declare queue", "queues list" is "list queues". */
static void
turn_round(struct admin *a)
{
	char noun[32];
	size_t n = strlen(a->verb);

	if (!is_among(verbs, a->noun) || n == 0)
		return;
	strcpy(noun, a->verb);
	snprintf(a->verb, sizeof a->verb, "%.31s", a->noun);
	if (strcmp(a->verb, "list") != 0 && strcmp(noun, "messages") != 0) {
		if (strcmp(noun, "policies") == 0)
			strcpy(noun, "policy");
		else if (noun[n - 1] == 's')
			noun[n - 1] = '\0';
	}
	if (strcmp(a->verb, "publish") == 0)
		strcpy(noun, "message");
	strcpy(a->noun, noun);
	if (a->format == ADMIN_TABLE)
		a->format = ADMIN_BOX;
}

/* Version 1's commands of one word have their pairs right behind. */
static bool
is_pair(const struct admin *a, const char *word)
{
	return a->verb[0] != '\0' && strchr(word, '=') != NULL;
}

/* A key of version 2, with its value joined to it or behind it. */
static int
take_key(struct admin *a, int argc, char **argv, int *i)
{
	const char *name = argv[*i] + 2, *equals = strchr(name, '=');

	if (equals != NULL)
		return add_pair(a, name, (size_t)(equals - name), equals + 1);
	if (is_among("idempotently if-empty if-unused stdout stdin", name) &&
	    (*i + 1 == argc || argv[*i + 1][0] == '-'))
		return add_pair(a, name, strlen(name), "true");
	if (*i + 1 == argc)
		return wrong("%s wants a value", argv[*i]);
	return add_pair(a, name, strlen(name), argv[++*i]);
}

static int
take(struct admin *a, int argc, char **argv, int *i)
{
	const char *word = argv[*i], *value, *equals;
	const struct global *g;

	if (word[0] == '-' && word[1] != '\0') {
		turn_round(a);
		g = find_global(word, &value);
		if (g != NULL && !(word[1] == '-' && is_key(a, word + 2))) {
			if (has_value(g) && value == NULL && *i + 1 == argc)
				return wrong("%s wants a value", word);
			if (has_value(g) && value == NULL)
				value = argv[++*i];
			return set_global(a, g->what, value);
		}
		if (word[1] != '-')
			return wrong("no such option: %s", word);
		return take_key(a, argc, argv, i);
	}
	if (is_pair(a, word)) {
		equals = strchr(word, '=');
		return add_pair(
		    a, word, (size_t)(equals - word), equals + 1);
	}
	add_word(a, word);
	return 0;
}

/* A user that is named must be who it says. What goes over AMQP shows it there. */
static int
check_user(const struct admin *a)
{
	const char *const words[] = {"authenticate_user", "--", a->user,
	    a->password != NULL ? a->password : "guest"};
	struct answer t = {0};
	int status = 0;

	if (a->user == NULL)
		return 0;
	answer_ask(&t, words, 4);
	if (t.code != 0)
		status = admin_fail(
		    t.code == 65 ? "Access refused" : t.why);
	answer_fini(&t);
	return status;
}

static int
run(const struct admin *a)
{
	int status;

	for (const struct row *r = rows; r < rows + ROWS; r++) {
		if (strcmp(r->verb, a->verb) != 0 ||
		    !is_noun(r, a->noun))
			continue;
		if ((status = check_pairs(a, r)) != 0 ||
		    (status = check_user(a)) != 0)
			return status;
		return r->run(a);
	}
	return wrong("Action %s not recognised", a->verb);
}

int
admin_main(int argc, char **argv)
{
	struct admin a = {0};
	int status = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "help") == 0) {
			print_usage(stdout);
			return 0;
		}
		if (strcmp(argv[i], "--version") == 0) {
			puts("rabbitmqadmin " RABBITMQ_VERSION);
			return 0;
		}
	}
	for (int i = 1; status == 0 && i < argc && i < ADMIN_WORDS; i++)
		status = take(&a, argc, argv, &i);
	if (status != 0)
		return status;
	turn_round(&a);
	if (a.verb[0] == '\0') {
		print_usage(stderr);
		return ADMIN_FAILED;
	}
	return run(&a);
}
