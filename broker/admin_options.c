/* admin_options.c - the options of rabbitmqadmin, on its command line and in files
 * of options. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/admin.h"

/* What both dialects have in front of or behind a command. letter 0: none. */
enum option {
	OPTION_USER, OPTION_PASSWORD, OPTION_VHOST, OPTION_DECLARE_VHOST,
	OPTION_FORMAT, OPTION_QUIET, OPTION_PLAIN, OPTION_HOST, OPTION_URI,
	OPTION_SORT, OPTION_REVERSE, OPTION_DEPTH, OPTION_CONFIG, OPTION_NODE,
	OPTION_WEB, OPTION_WEB_FLAG, /* of the HTTP that is not here */
};

static const struct name {
	const char *name, *key; /* as an option, in a file */
	char letter;
	enum option option;
} names[] = {
    {"username", "username", 'u', OPTION_USER},
    {"password", "password", 'p', OPTION_PASSWORD},
    {"vhost", "vhost", 'V', OPTION_VHOST},
    {NULL, "declare_vhost", 0, OPTION_DECLARE_VHOST},
    {"format", "format", 'f', OPTION_FORMAT},
    {"quiet", NULL, 'q', OPTION_QUIET},
    {"non-interactive", NULL, 0, OPTION_PLAIN},
    {"host", "hostname", 'H', OPTION_HOST},
    {"base-uri", "base_uri", 'U', OPTION_URI},
    {"sort", "sort", 'S', OPTION_SORT},
    {"sort-reverse", "sort_reverse", 'R', OPTION_REVERSE},
    {"depth", "depth", 'd', OPTION_DEPTH},
    {"config", NULL, 'c', OPTION_CONFIG},
    {"node", NULL, 'N', OPTION_NODE},
    {"port", "port", 'P', OPTION_WEB},
    {"path-prefix", "path_prefix", 0, OPTION_WEB},
    {"request-timeout", "request_timeout", 't', OPTION_WEB},
    {"ssl", "ssl", 's', OPTION_WEB_FLAG},
    {"ssl-key-file", "ssl_key_file", 0, OPTION_WEB},
    {"ssl-cert-file", "ssl_cert_file", 0, OPTION_WEB},
    {"ssl-ca-cert-file", "ssl_ca_cert_file", 0, OPTION_WEB},
    {"ssl-disable-hostname-verification", "ssl_disable_hostname_verification",
	0, OPTION_WEB_FLAG},
    {"ssl-insecure", "ssl_insecure", 'k', OPTION_WEB_FLAG},
    {"table-style", NULL, 0, OPTION_WEB},
};

enum { NAMES = sizeof names / sizeof *names };

/* --- their values ------------------------------------------------------------ */

static bool
read_format(struct admin *a, const char *name)
{
	static const char *const formats[] = {[ADMIN_TABLE] = "table",
	    [ADMIN_BOX] = "box", [ADMIN_PLAIN] = "plain", [ADMIN_TSV] = "tsv",
	    [ADMIN_LONG] = "long", [ADMIN_KVP] = "kvp", [ADMIN_BASH] = "bash",
	    [ADMIN_RAW_JSON] = "raw_json", [ADMIN_PRETTY_JSON] = "pretty_json"};

	for (size_t i = ADMIN_TABLE; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i], name) == 0) {
			a->format = (enum admin_format)i;
			return true;
		}
	return false;
}

/* The broker is on this machine, or it is none of ours. */
static int
check_host(const char *host)
{
	static const char *const here[] = {
	    "localhost", "127.0.0.1", "::1", NULL};
	char why[300];

	for (const char *const *h = here; *h != NULL; h++)
		if (strcmp(*h, host) == 0)
			return 0;
	snprintf(why, sizeof why,
	    "Could not connect: only the broker on this machine can be asked, "
	    "not %.200s",
	    host);
	return admin_fail(why);
}

static int
read_depth(struct admin *a, const char *value)
{
	char *end;
	long depth = strtol(value, &end, 10);

	if (*value == '\0' || *end != '\0' || depth < 1 || depth > 1000)
		return admin_wrong("%s is no depth", value);
	a->depth = (int)depth;
	return 0;
}

/* http://user:password@host:port: the place of a web server that is not here, but
 * who asks. */
static int
read_uri(struct admin *a, const char *uri)
{
	const char *start = strstr(uri, "://");
	char *text = xstrdup(start != NULL ? start + 3 : uri), *at, *colon;

	admin_keep(text);
	text[strcspn(text, "/")] = '\0';
	if ((at = strrchr(text, '@')) != NULL) {
		*at = '\0';
		a->user = text;
		if ((colon = strchr(text, ':')) != NULL) {
			*colon = '\0';
			a->password = colon + 1;
		}
		text = at + 1;
	}
	if (*text == '[')
		return check_host(strncmp(text, "[::1]", 5) == 0 ? "::1" : text);
	text[strcspn(text, ":")] = '\0';
	return check_host(text);
}

static int
set(struct admin *a, enum option option, const char *value)
{
	switch (option) {
	case OPTION_USER:
		a->user = value;
		return 0;
	case OPTION_PASSWORD:
		a->password = value;
		return 0;
	case OPTION_VHOST:
		a->vhost = value;
		return 0;
	case OPTION_DECLARE_VHOST:
		a->declare_vhost = value;
		return 0;
	case OPTION_FORMAT:
		return read_format(a, value)
			   ? 0
			   : admin_wrong("Format %s not recognised", value);
	case OPTION_QUIET:
		a->quiet = true;
		return 0;
	case OPTION_PLAIN:
		a->format = ADMIN_PLAIN;
		return 0;
	case OPTION_HOST:
		return check_host(value);
	case OPTION_URI:
		return read_uri(a, value);
	case OPTION_SORT:
		a->sort = value;
		return 0;
	case OPTION_REVERSE:
		a->reverse = value == NULL || strcmp(value, "True") == 0;
		return 0;
	case OPTION_DEPTH:
		return read_depth(a, value);
	case OPTION_CONFIG:
		a->config = value;
		return 0;
	case OPTION_NODE:
		a->node = value;
		return 0;
	default:
		return 0;
	}
}

static bool
has_value(enum option option)
{
	return option != OPTION_QUIET && option != OPTION_PLAIN &&
	    option != OPTION_REVERSE && option != OPTION_WEB_FLAG;
}

/* --- the command line -------------------------------------------------------- */

static int
no_option(const char *format, ...)
{
	va_list values;

	fputs("Usage\n=====\n  rabbitmqadmin [options] subcommand\n\n"
	      "rabbitmqadmin: error: ",
	    stderr);
	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	putc('\n', stderr);
	return ADMIN_USAGE;
}

/* "-u", "-uname", "--username", "--username=name": *value is what is joined to
 * it, or NULL. */
static const struct name *
find_option(const char *word, const char **value)
{
	size_t n = strcspn(word, "=");

	*value = NULL;
	for (const struct name *o = names; o < names + NAMES; o++) {
		if (word[1] != '-' && word[1] == o->letter) {
			*value = word[2] != '\0' ? word + 2 : NULL;
			return o;
		}
		if (word[1] == '-' && o->name != NULL &&
		    strlen(o->name) == n - 2 &&
		    memcmp(word + 2, o->name, n - 2) == 0) {
			*value = word[n] == '=' ? word + n + 1 : NULL;
			return o;
		}
	}
	return NULL;
}

static int
add_pair(struct admin *a, const char *key, size_t n, const char *value)
{
	char *to = a->pairs[a->pair_count].key;

	if (a->pair_count == ADMIN_PAIRS || n >= sizeof a->pairs[0].key)
		return admin_wrong(
		    "Argument \"%.*s\" is not recognised", (int)n, key);
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
static int
add_word(struct admin *a, const char *word)
{
	if (a->verb[0] == '\0')
		snprintf(a->verb, sizeof a->verb, "%s", word);
	else if (a->noun[0] == '\0')
		snprintf(a->noun, sizeof a->noun, "%s", word);
	else if (a->word_count == ADMIN_WORDS)
		return admin_wrong("too many words: %s", word);
	else
		a->words[a->word_count++] = word;
	return 0;
}

static bool
is_verb(const char *word)
{
	static const char *const verbs[] = {"declare", "delete", "list", "purge",
	    "publish", "get", "close", "export", "import", "show", NULL};

	for (const char *const *v = verbs; *v != NULL; v++)
		if (strcmp(*v, word) == 0)
			return true;
	return false;
}

static void
make_singular(char *noun)
{
	size_t n = strlen(noun);

	if (n > 3 && strcmp(noun + n - 3, "ies") == 0)
		strcpy(noun + n - 3, "y");
	else if (n > 1 && noun[n - 1] == 's')
		noun[n - 1] = '\0';
}

/* "queues declare" is "declare queue", "queues list" is "list queues". */
static void
turn_round(struct admin *a)
{
	char noun[32];

	if (!is_verb(a->noun) || a->verb[0] == '\0' || is_verb(a->verb))
		return;
	strcpy(noun, a->verb);
	snprintf(a->verb, sizeof a->verb, "%.31s", a->noun);
	if (strcmp(a->verb, "list") != 0 && strcmp(noun, "messages") != 0)
		make_singular(noun);
	if (strcmp(a->verb, "publish") == 0)
		strcpy(noun, "message");
	strcpy(a->noun, noun);
	a->second = true;
}

/* A key of version 2, with its value joined to it or behind it. */
static int
take_key(struct admin *a, int argc, char **argv, int *i)
{
	static const char *const flags[] = {"idempotently", "if-empty",
	    "if-unused", "stdout", "stdin", NULL};
	const char *name = argv[*i] + 2, *equals = strchr(name, '=');

	if (equals != NULL)
		return add_pair(a, name, (size_t)(equals - name), equals + 1);
	for (const char *const *f = flags; *f != NULL; f++)
		if (strcmp(*f, name) == 0 &&
		    (*i + 1 == argc || argv[*i + 1][0] == '-'))
			return add_pair(a, name, strlen(name), "true");
	if (*i + 1 == argc)
		return no_option("--%s option requires 1 argument", name);
	return add_pair(a, name, strlen(name), argv[++*i]);
}

static int
take_option(struct admin *a, const struct name *o, const char *value, int argc,
    char **argv, int *i)
{
	if (has_value(o->option) && value == NULL) {
		if (*i + 1 == argc)
			return no_option(
			    "%s option requires 1 argument", argv[*i]);
		value = argv[++*i];
	}
	return set(a, o->option, value);
}

/* Behind a command a key of its own may have the name of an option. */
static int
take(struct admin *a, int argc, char **argv, int *i)
{
	const char *word = argv[*i], *value, *equals;
	const struct name *o;

	if (word[0] == '-' && word[1] != '\0') {
		turn_round(a);
		o = find_option(word, &value);
		if (word[1] == '-' && admin_is_key(a, word + 2))
			return take_key(a, argc, argv, i);
		if (o != NULL)
			return take_option(a, o, value, argc, argv, i);
		return no_option("no such option: %.*s",
		    (int)(word[1] == '-' ? strcspn(word, "=") : 2), word);
	}
	equals = strchr(word, '=');
	if (equals != NULL && a->verb[0] != '\0')
		return add_pair(
		    a, word, (size_t)(equals - word), equals + 1);
	return add_word(a, word);
}

/* --- files of options ---------------------------------------------------------- */

static char *
strip(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
		text[--n] = '\0';
	return text + strspn(text, " \t");
}

/* "key = value" or "key: value", and comments in lines of their own. What the
 * command line says counts over it, and so is in the struct already. */
static int
take_setting(struct admin *file, char *line, const char *path)
{
	size_t n = strcspn(line, "=:");
	char *value = line[n] != '\0' ? strip(line + n + 1) : NULL;

	if (value == NULL)
		return admin_wrong("Could not read config file '%s'", path);
	line[n] = '\0';
	line = strip(line);
	for (const struct name *o = names; o < names + NAMES; o++)
		if (o->key != NULL && strcmp(o->key, line) == 0)
			return set(
			    file, o->option, admin_keep(xstrdup(value)));
	return admin_wrong("'%s' in config file '%s' is not recognised", line,
	    path);
}

static bool
names_section(char *line, const char *section)
{
	size_t n = strlen(section);

	return strncmp(line + 1, section, n) == 0 && line[n + 1] == ']';
}

static int
read_section(struct admin *file, FILE *f, const char *section, const char *path,
    bool *found)
{
	char *line = NULL, *text;
	size_t room = 0;
	bool inside = false;
	int status = 0;

	while (status == 0 && getline(&line, &room, f) >= 0) {
		text = strip(line);
		if (*text == '\0' || *text == '#' || *text == ';')
			continue;
		if (*text == '[')
			*found |= inside = names_section(text, section);
		else if (inside)
			status = take_setting(file, text, path);
	}
	free(line);
	return status;
}

/* The command line's over the file's. */
static void
merge(struct admin *a, const struct admin *file)
{
#define TAKE(member) a->member = a->member != NULL ? a->member : file->member
	TAKE(user);
	TAKE(password);
	TAKE(vhost);
	TAKE(declare_vhost);
	TAKE(sort);
#undef TAKE
	a->reverse = a->reverse || file->reverse;
	a->depth = a->depth > 0 ? a->depth : file->depth;
	if (a->format == ADMIN_UNSAID)
		a->format = file->format;
}

static int
read_file(struct admin *a, const char *path)
{
	const char *section = a->node != NULL ? a->node : "default";
	struct admin *file = xcalloc(1, sizeof *file);
	FILE *f = fopen(path, "re");
	bool found = false;
	int status;

	if (f == NULL) {
		free(file);
		return admin_wrong("Could not read config file '%s'", path);
	}
	status = read_section(file, f, section, path, &found);
	fclose(f);
	if (status == 0)
		merge(a, file);
	free(file);
	if (status == 0 && !found && strcmp(section, "default") != 0)
		return admin_wrong("Could not read section '%s' in config file "
				   "'%s':\n   No section: '%s'",
		    section, path, section);
	return status;
}

/* The one that is named, or ~/.rabbitmqadmin.conf if there is one. */
static int
read_config(struct admin *a)
{
	const char *home = getenv("HOME");
	char *path;
	FILE *f;
	int status = 0;

	if (a->config != NULL)
		return read_file(a, a->config);
	if (home == NULL)
		return 0;
	path = xasprintf("%s/.rabbitmqadmin.conf", home);
	if ((f = fopen(path, "re")) != NULL) {
		fclose(f);
		status = read_file(a, path);
	}
	free(path);
	return status;
}

int
admin_options(struct admin *a, int argc, char **argv)
{
	int status = 0;

	for (int i = 1; status == 0 && i < argc; i++)
		status = take(a, argc, argv, &i);
	if (status != 0)
		return status;
	turn_round(a);
	status = read_config(a);
	if (a->format == ADMIN_UNSAID)
		a->format = a->second ? ADMIN_BOX : ADMIN_TABLE;
	return status;
}
