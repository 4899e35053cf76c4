/* admin.c - rabbitmqadmin: its commands, in either dialect. */
#include "broker/admin.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/program.h"

/* --- saying ------------------------------------------------------------------ */

int
admin_fail(const char *why)
{
	fflush(stdout);
	fprintf(stderr, "*** %s\n\n", why);
	return ADMIN_FAILED;
}

static int
fail_path(const struct admin *a, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "*** %s: /api%s\n\n", what, a->path);
	return ADMIN_FAILED;
}

int
admin_missing(const struct admin *a)
{
	return fail_path(a, "Not found");
}

int
admin_refused(const struct admin *a)
{
	return fail_path(a, "Access refused");
}

int
admin_wrong(const char *format, ...)
{
	va_list values;

	fflush(stdout);
	fputs("\nERROR: ", stderr);
	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	fputs("\n\nrabbitmqadmin --help for help\n\n", stderr);
	return ADMIN_FAILED;
}

int
admin_said(const struct admin *a, const char *line)
{
	if (!a->quiet)
		puts(line);
	return 0;
}

json_t *
admin_parse(const char *text)
{
	json_t *value =
	    json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	if (value == NULL) {
		fflush(stdout);
		fprintf(
		    stderr, "ERROR: Could not parse JSON:\n  %s\n", text);
	}
	return value;
}

/* --- what lasts ------------------------------------------------------------------ */

static struct kept {
	char *text;
	struct kept *next;
} *kept;

const char *
admin_keep(char *text)
{
	struct kept *k = xcalloc(1, sizeof *k);

	k->text = text;
	k->next = kept;
	kept = k;
	return text;
}

/* --- what was asked ------------------------------------------------------------ */

const char *
admin_value(const struct admin *a, const char *key)
{
	for (size_t i = a->pair_count; i > 0; i--)
		if (strcmp(a->pairs[i - 1].key, key) == 0)
			return a->pairs[i - 1].value;
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

	return value != NULL ? strcmp(value, "true") == 0 : none;
}

const char *
admin_vhost(const struct admin *a)
{
	return a->vhost != NULL		? a->vhost
	       : a->declare_vhost != NULL ? a->declare_vhost
					  : "/";
}

/* --- the commands ------------------------------------------------------------------ */

static const struct row {
	const char *verb, *noun; /* noun NULL: a file's name */
	/* Keys joined by spaces, alternatives by a |; NULL: words. Behind a comma
	 * those of version 2. */
	const char *needs, *takes, *more;
	const char *path; /* of RabbitMQ's HTTP interface */
	enum admin_tag tag;
	int (*run)(const struct admin *);
} rows[] = {
    {"list", "connections", NULL, NULL, "", "/connections",
	ADMIN_MANAGEMENT, admin_list},
    {"list", "channels", NULL, NULL, "", "/channels", ADMIN_MANAGEMENT,
	admin_list},
    {"list", "consumers", NULL, NULL, "", "/consumers{/vhost}",
	ADMIN_MANAGEMENT, admin_list},
    {"list", "exchanges", NULL, NULL, "", "/exchanges{/vhost}",
	ADMIN_MANAGEMENT, admin_list},
    {"list", "queues", NULL, NULL, "", "/queues{/vhost}", ADMIN_MANAGEMENT,
	admin_list},
    {"list", "bindings", NULL, NULL, "", "/bindings{/vhost}",
	ADMIN_MANAGEMENT, admin_list},
    {"list", "users", NULL, NULL, "", "/users", ADMIN_ADMINISTRATOR,
	admin_list},
    {"list", "vhosts", NULL, NULL, "", "/vhosts", ADMIN_MANAGEMENT,
	admin_list},
    {"list", "permissions", NULL, NULL, "", "/permissions",
	ADMIN_ADMINISTRATOR, admin_list},
    {"list", "nodes", NULL, NULL, "", "/nodes", ADMIN_MONITORING,
	admin_list},
    {"list", "parameters", NULL, NULL, "", "/parameters",
	ADMIN_POLICYMAKER, admin_list},
    {"list", "policies", NULL, NULL, "", "/policies", ADMIN_MANAGEMENT,
	admin_list},
    {"list", "operator_policies", NULL, NULL, "", "/operator-policies",
	ADMIN_MANAGEMENT, admin_list},
    {"list", "vhost_limits", NULL, NULL, "", "/vhost-limits",
	ADMIN_MANAGEMENT, admin_list},
    {"list", "user_limits", NULL, NULL, "", "/user-limits",
	ADMIN_ADMINISTRATOR, admin_list},
    {"show", "overview", NULL, NULL, "", "/overview", ADMIN_MANAGEMENT,
	admin_show},
    {"declare", "exchange", "name type",
	"auto_delete durable internal arguments", "",
	"/exchanges/{vhost}/{name}", ADMIN_MANAGEMENT, admin_declare_exchange},
    {"declare", "queue", "name",
	"auto_delete durable arguments node queue_type", "type",
	"/queues/{vhost}/{name}", ADMIN_MANAGEMENT, admin_declare_queue},
    {"declare", "binding", "source destination",
	"destination_type routing_key arguments", "",
	"/bindings/{vhost}/e/{source}/{destination_char}/{destination}",
	ADMIN_MANAGEMENT, admin_declare_binding},
    {"declare", "vhost", "name", "tracing",
	"description tags default_queue_type", "/vhosts/{name}",
	ADMIN_ADMINISTRATOR, admin_declare_vhost},
    {"declare", "user", "name password|password_hash tags",
	"hashing_algorithm", "", "/users/{name}", ADMIN_ADMINISTRATOR,
	admin_declare_user},
    {"declare", "permission", "vhost user configure write read", "", "",
	"/permissions/{vhost}/{user}", ADMIN_ADMINISTRATOR,
	admin_declare_permission},
    {"declare", "parameter", "component name value", "", "",
	"/parameters/{component}/{vhost}/{name}", ADMIN_POLICYMAKER,
	admin_declare_parameter},
    {"declare", "policy", "name pattern definition", "priority apply_to", "",
	"/policies/{vhost}/{name}", ADMIN_POLICYMAKER, admin_declare_policy},
    {"declare", "operator_policy", "name pattern definition",
	"priority apply_to", "", "/operator-policies/{vhost}/{name}",
	ADMIN_ADMINISTRATOR, admin_declare_operator_policy},
    {"declare", "vhost_limit", "vhost name value", "", "",
	"/vhost-limits/{vhost}/{name}", ADMIN_ADMINISTRATOR,
	admin_declare_vhost_limit},
    {"delete", "exchange", "name", "", "idempotently if_unused",
	"/exchanges/{vhost}/{name}", ADMIN_MANAGEMENT, admin_delete_exchange},
    {"delete", "queue", "name", "", "idempotently if_empty if_unused",
	"/queues/{vhost}/{name}", ADMIN_MANAGEMENT, admin_delete_queue},
    {"delete", "binding", "source destination_type destination",
	"properties_key", "routing_key arguments",
	"/bindings/{vhost}/e/{source}/{destination_char}/{destination}/"
	"{properties_key}",
	ADMIN_MANAGEMENT, admin_delete_binding},
    {"delete", "vhost", "name", "", "idempotently", "/vhosts/{name}",
	ADMIN_ADMINISTRATOR, admin_delete_vhost},
    {"delete", "user", "name", "", "idempotently", "/users/{name}",
	ADMIN_ADMINISTRATOR, admin_delete_user},
    {"delete", "permission", "vhost user", "", "",
	"/permissions/{vhost}/{user}", ADMIN_ADMINISTRATOR,
	admin_delete_permission},
    {"delete", "parameter", "component name", "", "",
	"/parameters/{component}/{vhost}/{name}", ADMIN_POLICYMAKER,
	admin_delete_parameter},
    {"delete", "policy", "name", "", "idempotently",
	"/policies/{vhost}/{name}", ADMIN_POLICYMAKER, admin_delete_policy},
    {"delete", "operator_policy", "name", "", "idempotently",
	"/operator-policies/{vhost}/{name}", ADMIN_ADMINISTRATOR,
	admin_delete_operator_policy},
    {"delete", "vhost_limit", "vhost name", "", "",
	"/vhost-limits/{vhost}/{name}", ADMIN_ADMINISTRATOR,
	admin_delete_vhost_limit},
    {"close", "connection", "name", "", "", "/connections/{name}",
	ADMIN_MANAGEMENT, admin_close_connection},
    {"purge", "queue", "name", "", "", "/queues/{vhost}/{name}/contents",
	ADMIN_MANAGEMENT, admin_purge_queue},
    {"export", "definition", "", "", "file stdout",
	"/definitions{/vhost}", ADMIN_ADMINISTRATOR, admin_export},
    {"import", "definition", "", "", "file stdin", "/definitions{/vhost}",
	ADMIN_ADMINISTRATOR, admin_import},
    {"export", NULL, "", "", "", "/definitions{/vhost}",
	ADMIN_ADMINISTRATOR, admin_export},
    {"import", NULL, "", "", "", "/definitions{/vhost}",
	ADMIN_ADMINISTRATOR, admin_import},
    {"publish", "", "routing_key",
	"payload properties exchange payload_encoding", "",
	"/exchanges/{vhost}/{exchange}/publish", ADMIN_MANAGEMENT,
	admin_publish},
    {"publish", "message", "routing_key",
	"payload properties exchange payload_encoding", "",
	"/exchanges/{vhost}/{exchange}/publish", ADMIN_MANAGEMENT,
	admin_publish},
    {"get", "", "queue", "count ackmode payload_file encoding", "",
	"/queues/{vhost}/{queue}/get", ADMIN_MANAGEMENT, admin_get},
    {"get", "messages", "queue", "count ackmode payload_file encoding", "",
	"/queues/{vhost}/{queue}/get", ADMIN_MANAGEMENT, admin_get},
    {"health_check", "local_alarms", "", "", "",
	"/health/checks/local-alarms", ADMIN_MANAGEMENT, admin_health_check},
    {"health_check", "cluster_wide_alarms", "", "", "",
	"/health/checks/alarms", ADMIN_MANAGEMENT, admin_health_check},
    {"health_check", "port_listener", "port", "", "",
	"/health/checks/port-listener/{port}", ADMIN_MANAGEMENT,
	admin_health_check},
    {"health_check", "protocol_listener", "protocol", "", "",
	"/health/checks/protocol-listener/{protocol}", ADMIN_MANAGEMENT,
	admin_health_check},
};

enum { ROWS = sizeof rows / sizeof *rows };

/* Version 2 says "permissions". */
static bool
is_noun(const struct row *r, const char *word)
{
	return r->noun == NULL || strcmp(r->noun, word) == 0 ||
	    (strcmp(r->noun, "permission") == 0 &&
		strcmp(word, "permissions") == 0) ||
	    (strcmp(r->noun, "definition") == 0 &&
		strcmp(word, "definitions") == 0);
}

static const struct row *
find_row(const struct admin *a)
{
	for (const struct row *r = rows; r < rows + ROWS; r++)
		if (strcmp(r->verb, a->verb) == 0 && is_noun(r, a->noun))
			return r;
	return NULL;
}

/* Is there such a word in a list that spaces and | part? */
static bool
is_among(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; n > 0 && (p = strstr(p, word)) != NULL;
	     p += n)
		if ((p == list || strchr(" |", p[-1]) != NULL) &&
		    strchr(" |", p[n]) != NULL)
			return true;
	return false;
}

static bool
knows(const struct row *r, const char *key)
{
	return r->needs != NULL &&
	    (is_among(r->needs, key) || is_among(r->takes, key) ||
		is_among(r->more, key));
}

bool
admin_is_key(const struct admin *a, const char *name)
{
	const struct row *r = find_row(a);
	char key[32];

	snprintf(key, sizeof key, "%s", name);
	key[strcspn(key, "=")] = '\0';
	for (char *p = key; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	return r != NULL && (knows(r, key) || strcmp(key, "ack_mode") == 0);
}

/* --- help ------------------------------------------------------------------------ */

static const char options_text[] =
    "Usage\n=====\n  rabbitmqadmin [options] subcommand\n\n"
    "Options\n=======\n"
    "--help, -h              show this help message and exit\n"
    "--config=CONFIG, -c CONFIG\n"
    "                        file of options [default: ~/.rabbitmqadmin.conf]\n"
    "--node=NODE, -N NODE    section of that file [default: default]\n"
    "--vhost=VHOST, -V VHOST\n"
    "                        vhost [default: all vhosts for list, '/' for\n"
    "                        declare]\n"
    "--username=USERNAME, -u USERNAME\n"
    "--password=PASSWORD, -p PASSWORD\n"
    "                        who asks [default: guest, guest]; without a name\n"
    "                        whoever may use the control socket is an\n"
    "                        administrator\n"
    "--base-uri=URI, -U URI  name and password of this URI\n"
    "--quiet, -q             suppress status messages\n"
    "--format=FORMAT, -f FORMAT\n"
    "                        one of [raw_json, pretty_json, tsv, long, table,\n"
    "                        kvp, bash] [default: table]\n"
    "--non-interactive       no lines and no names of columns\n"
    "--sort=SORT, -S SORT    sort key for listing queries\n"
    "--sort-reverse, -R      reverse the sort order\n"
    "--depth=DEPTH, -d DEPTH\n"
    "                        maximum depth to recurse for listing tables\n"
    "                        [default: 1]\n"
    "--bash-completion       print completion for bash and exit\n"
    "--version               display version and exit\n"
    "--host=HOST, -H HOST    only this machine's names: there is no HTTP, and\n"
    "                        --port, --path-prefix, --request-timeout, --ssl,\n"
    "                        --ssl-... mean nothing\n\n"
    "More Help\n=========\n\nFor more help use the help subcommand:\n\n"
    "  rabbitmqadmin help subcommands  # For a list of available subcommands\n"
    "  rabbitmqadmin help config       # For help with the configuration file\n";

static const char config_text[] =
    "Usage\n=====\nrabbitmqadmin [options] subcommand\n\n"
    "Configuration File\n==================\n\n"
    "  [default]\n"
    "  username = guest\n"
    "  password = guest\n"
    "  declare_vhost = /\n"
    "  vhost = /\n"
    "  format = tsv\n\n"
    "  Other sections are chosen with -N, other files with -c. What the command\n"
    "  line says counts over the file.\n\n";

/* "name password|password_hash" as "name=... password=... OR password_hash=...". */
static void
print_keys(const char *keys)
{
	for (const char *p = keys; *p != '\0'; p++) {
		if (*p == '|')
			fputs("=... OR ", stdout);
		else if (*p == ' ')
			fputs("=... ", stdout);
		else if (strncmp(p, "apply_to", 8) == 0)
			fputs("apply-to", stdout), p += 7;
		else
			putchar(*p);
	}
	fputs("=...", stdout);
}

static void
print_row(const struct row *r)
{
	printf("  %s %s%s", r->verb, r->noun != NULL ? r->noun : "<file>",
	    r->noun != NULL && *r->noun == '\0' ? "" : " ");
	if (r->needs == NULL)
		fputs("[<column>...]", stdout);
	else if (*r->needs != '\0')
		print_keys(r->needs);
	if (r->needs != NULL && *r->takes != '\0') {
		fputs(" [", stdout);
		print_keys(r->takes);
		putchar(']');
	}
	putchar('\n');
}

static void
print_commands(void)
{
	const char *verb = "";

	puts("Usage\n=====\n  rabbitmqadmin [options] subcommand\n\n"
	     "  where subcommand is one of:");
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		if (strcmp(r->verb, verb) != 0)
			putchar('\n');
		verb = r->verb;
		print_row(r);
	}
	puts("\n  * If payload is not specified on publish, standard input is "
	     "used\n\n  * If payload_file is specified on get, count must not "
	     "be set\n\n  * name=value may be said as --name value, declare "
	     "queue as queues declare\n");
}

static int
help(const struct admin *a)
{
	if (a->noun[0] == '\0')
		fputs(options_text, stdout);
	else if (a->word_count > 0)
		return admin_wrong("Exactly one argument required");
	else if (strcmp(a->noun, "subcommands") == 0)
		print_commands();
	else if (strcmp(a->noun, "config") == 0)
		fputs(config_text, stdout);
	else
		return admin_wrong("help topic must be one of:\n"
				   "  subcommands\n  config");
	return 0;
}

/* Completion of verbs, of what they are about, and of names there are. */
static const char completion_end[] =
    "    -V|--vhost) words=$(rabbitmqadmin -q -f bash list vhosts) ;;\n"
    "    -u|--username) words=$(rabbitmqadmin -q -f bash list users) ;;\n"
    "    -f|--format) words='raw_json pretty_json tsv long table kvp bash' ;;\n"
    "    help) words='subcommands config' ;;\n"
    "    queue|exchange|vhost|user|connection)\n"
    "        words=$(rabbitmqadmin -q -f bash list ${prev}s) ;;\n"
    "    policy) words=$(rabbitmqadmin -q -f bash list policies) ;;\n"
    "    esac\n"
    "    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
    "}\n"
    "complete -F _rabbitmqadmin rabbitmqadmin\n";

static int
print_completion(void)
{
	const char *verb = "";

	fputs("# Completion of rabbitmqadmin for bash.\n"
	      "_rabbitmqadmin()\n{\n"
	      "    local prev=${COMP_WORDS[COMP_CWORD-1]} words\n"
	      "    words='list show declare delete close purge import export get "
	      "publish help --help --config --node --vhost --username --password "
	      "--format --depth --sort --sort-reverse'\n"
	      "    case $prev in",
	    stdout);
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		if (r->noun == NULL || *r->noun == '\0')
			continue;
		if (strcmp(r->verb, verb) != 0)
			printf("%s    %s) words='", *verb != '\0' ? "' ;;\n" : "\n",
			    r->verb);
		printf("%s ", r->noun);
		verb = r->verb;
	}
	printf("' ;;\n%s", completion_end);
	return 0;
}

/* --- checks ---------------------------------------------------------------------- */

/* One key, or alternatives. */
static int
check_need(const struct admin *a, const char *need)
{
	char words[64], *at, *word = strtok_r(strcpy(words, need), "|", &at);
	char *second = strchr(need, '|');

	for (; word != NULL; word = strtok_r(NULL, "|", &at))
		if (admin_value(a, word) != NULL)
			return 0;
	if (second == NULL)
		return admin_wrong("mandatory argument \"%s\" is required", need);
	return admin_wrong("one of mandatory arguments \"['%.*s', '%s']\" is "
			   "required",
	    (int)(second - need), need, second + 1);
}

/* These are truths wherever they are. */
static int
check_value(const char *key, const char *value)
{
	char why[300];

	if (!is_among("durable auto_delete internal tracing idempotently if_empty "
		      "if_unused",
		key) ||
	    strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
		return 0;
	snprintf(why, sizeof why, "['not_boolean', '%.200s']", value);
	return admin_fail(why);
}

/* Version 2 names the vhost in front of the command. */
static bool
is_given(const struct admin *a, const char *key)
{
	return strcmp(key, "vhost") == 0 && a->vhost != NULL;
}

/* 0, or the status after having said what is wrong. */
static int
check_pairs(const struct admin *a, const struct row *r)
{
	char word[64];
	int n, status = 0;

	if (r->needs == NULL)
		return a->pair_count > 0
			   ? admin_wrong("Argument \"%s\" is not recognised",
				 a->pairs[0].key)
			   : 0;
	if (r->noun == NULL)
		return *a->noun != '\0' && a->word_count == 0
			   ? 0
			   : admin_wrong("Exactly one argument required");
	if (a->word_count > 0)
		return admin_wrong("Argument \"%s\" not in the name=value format",
		    a->words[0]);
	for (size_t i = 0; status == 0 && i < a->pair_count; i++)
		status = knows(r, a->pairs[i].key) ||
				 strcmp(a->pairs[i].key, "vhost") == 0
			     ? check_value(a->pairs[i].key, a->pairs[i].value)
			     : admin_wrong("Argument \"%s\" is not recognised",
				   a->pairs[i].key);
	for (const char *p = r->needs;
	     status == 0 && sscanf(p, "%63s%n", word, &n) == 1; p += n)
		if (!is_given(a, word))
			status = check_need(a, word);
	return status;
}

/* --- the path -------------------------------------------------------------------- */

static char *
append(char *text, const char *more, size_t n)
{
	char *both = xasprintf("%s%.*s", text, (int)n, more);

	free(text);
	return both;
}

char *
admin_quote(const char *value, bool plus)
{
	char octet[4], *text = xstrdup("");

	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if (isalnum(c) || strchr("_.-~", c) != NULL)
			text = append(text, value, 1);
		else if (c == ' ' && plus)
			text = append(text, "+", 1);
		else {
			snprintf(octet, sizeof octet, "%%%02X", c);
			text = append(text, octet, 3);
		}
	}
	return text;
}

static char *
append_quoted(char *text, const char *value, bool plus)
{
	char *quoted = admin_quote(value, plus);

	text = append(text, quoted, strlen(quoted));
	free(quoted);
	return text;
}

static const char *
part(const struct admin *a, const char *key, char one[2])
{
	if (strcmp(key, "vhost") == 0)
		return admin_vhost(a);
	if (strcmp(key, "destination_char") == 0) {
		one[0] = admin_or(a, "destination_type", "queue")[0];
		one[1] = '\0';
		return one;
	}
	if (strcmp(key, "properties_key") == 0)
		return admin_or(a, key, "~");
	return admin_or(a, key, strcmp(key, "exchange") == 0 ? "amq.default" : "");
}

/* {name} stands for what is asked for, {/vhost} for a vhost if one is. */
static char *
make_path(const struct admin *a, const char *template)
{
	char *path = xstrdup(""), key[32], one[2];
	size_t n;

	for (const char *p = template; *p != '\0'; p += n) {
		n = strcspn(p, "{");
		path = append(path, p, n);
		p += n;
		n = 0;
		if (*p == '\0')
			break;
		n = strcspn(p, "}") + 1;
		snprintf(key, sizeof key, "%.*s", (int)n - 2, p + 1);
		if (key[0] != '/')
			path = append_quoted(path, part(a, key, one), false);
		else if (a->vhost != NULL)
			path = append_quoted(
			    append(path, "/", 1), a->vhost, true);
	}
	return path;
}

/* --- running --------------------------------------------------------------------- */

/* What can be said of a verb whose noun is unknown. */
static int
unknown(const struct admin *a)
{
	bool known = false;

	for (const struct row *r = rows; r < rows + ROWS; r++)
		known = known || strcmp(r->verb, a->verb) == 0;
	if (!known)
		return admin_wrong("Action %s not understood", a->verb);
	if (strcmp(a->verb, "list") == 0 || strcmp(a->verb, "show") == 0)
		return admin_wrong("Don't know how to %s %s", a->verb, a->noun);
	if (a->noun[0] == '\0')
		return admin_wrong("Type not specified");
	if (strcmp(a->verb, "publish") == 0 || strcmp(a->verb, "get") == 0)
		return admin_wrong("Argument \"%s\" not in the name=value format",
		    a->noun);
	return admin_wrong("Type %s not recognised", a->noun);
}

static int
run(struct admin *a)
{
	const struct row *r = find_row(a);
	int status;

	if (r == NULL)
		return unknown(a);
	if ((status = check_pairs(a, r)) != 0)
		return status;
	a->path = admin_keep(make_path(a, r->path));
	if (strcmp(a->verb, "list") != 0 && strcmp(a->verb, "show") != 0 &&
	    (status = admin_check_user(a, r->tag)) != 0)
		return status;
	return r->run(a);
}

int
admin_main(int argc, char **argv)
{
	struct admin a = {0};
	int status;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return help(&a);
		if (strcmp(argv[i], "--version") == 0) {
			puts("rabbitmqadmin " RABBITMQ_VERSION);
			return 0;
		}
		if (strcmp(argv[i], "--bash-completion") == 0)
			return print_completion();
	}
	if ((status = admin_options(&a, argc, argv)) != 0)
		return status;
	if (a.verb[0] == '\0')
		return admin_wrong("Action not specified");
	return strcmp(a.verb, "help") == 0 ? help(&a) : run(&a);
}
