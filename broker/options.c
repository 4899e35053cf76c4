/* options.c - the command line of leveret. */
#include "broker/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/environment.h"
#include "broker/program.h"
#include "broker/sources.h"

/* sysexits' numbers, which RabbitMQ's tools use too. */
enum { EXIT_USAGE = 64, EXIT_CONFIG = 78, GO_ON = -1 };

enum { OPTION_PORT_FILE = 256, OPTION_PID_FILE, OPTION_DIE };

static const char short_options[] = ":f:o:d:ep:Vh";

static const struct option long_options[] = {
    {"port-file", required_argument, NULL, OPTION_PORT_FILE},
    {"pid-file", required_argument, NULL, OPTION_PID_FILE},
    {"die-with-parent", no_argument, NULL, OPTION_DIE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: leveret [-eVh] [-d DIR] [-f FILE] [-o KEY=VALUE] [-p PORT]\n"
    "               [--port-file FILE] [--pid-file FILE] "
    "[--die-with-parent]\n"
    "  -d DIR        data folder: messages, definitions, control socket\n"
    "                (default: $LEVERET_DIR, else " LOCALSTATEDIR
    "/lib/leveret if it\n"
    "                can be written to, else ~/.local/state/leveret)\n"
    "  -e            ephemeral: keep nothing on disk\n"
    "  -f FILE       read settings from FILE, in the syntax of "
    "rabbitmq.conf,\n"
    "                rather than from " SYSCONFDIR "/leveret\n"
    "  -o KEY=VALUE  set any setting\n"
    "  -p PORT       accept AMQP on PORT; 0: any free one\n"
    "  --port-file FILE\n"
    "                write a line \"name port\" for each listener to FILE "
    "once\n"
    "                it accepts\n"
    "  --pid-file FILE\n"
    "                write the process id to FILE\n"
    "  --die-with-parent\n"
    "                stop when the process that started it ends\n"
    "  -V            print the version\n"
    "  -h            print this\n";

static int
wrong(const char *format, const char *what)
{
	fprintf(stderr, "%s: ", program_name());
	fprintf(stderr, format, what);
	fprintf(stderr, "\n%s", usage);
	return EXIT_USAGE;
}

static void
print_key(void *arg, const struct setting_view *view)
{
	fprintf(stderr, "  %s\n", view->key);
}

/* A setting from the command line, where an unknown one is a mistake. */
static int
set(struct config *c, const char *key, const char *value, const char *option)
{
	char error[1024];

	switch (config_set(c, key, value, option, error, sizeof error)) {
	case CONFIG_OK:
		return GO_ON;
	case CONFIG_UNKNOWN:
		fprintf(stderr, "%s: %s; possibilities are:\n", program_name(),
		    error);
		config_each(c, print_key, NULL);
		return EXIT_USAGE;
	case CONFIG_FOREIGN:
		options_complain(error);
		return EXIT_USAGE;
	case CONFIG_BAD:
		break;
	}
	options_complain(error);
	return EXIT_CONFIG;
}

static int
set_pair(struct config *c, const char *pair)
{
	const char *equals = strchr(pair, '=');
	char *key;
	int rc;

	if (equals == NULL || equals == pair)
		return wrong("-o wants KEY=VALUE, not '%s'", pair);
	key = xstrdup(pair);
	key[equals - pair] = '\0';
	rc = set(c, key, equals + 1, "-o");
	free(key);
	return rc;
}

/* This port takes the place of all that were listed. */
static int
set_port(struct config *c, const char *port)
{
	int rc;

	if (*port == '\0' || port[strspn(port, "0123456789")] != '\0')
		return wrong("-p wants a port number, not '%s'", port);
	if ((rc = set(c, "listeners.tcp", "none", "-p")) != GO_ON)
		return rc;
	return set(c, "listeners.tcp.default", port, "-p");
}

static int
add_file(struct options *o, const char *path)
{
	if (o->file_count == OPTIONS_FILES)
		return wrong("no more than sixteen files, not %s too", path);
	o->files[o->file_count++] = path;
	return GO_ON;
}

/* A letter may be one of many in a word, which is then not over. A known option is
 * one that takes no value. */
static int
unknown(char **argv)
{
	const char letter[] = {'-', (char)optopt, '\0'};
	bool known = optopt > UCHAR_MAX || strchr(short_options, optopt) != NULL;

	return wrong("unknown option '%s'", known ? argv[optind - 1] : letter);
}

/* The command line wins over files, wherever -f stands in it: so they are named
 * in a first pass, which also finds every wrong option. */
static int
first_pass(struct options *o, int option, char **argv)
{
	switch (option) {
	case 'f':
		return add_file(o, optarg);
	case 'd':
		o->dir = optarg;
		return GO_ON;
	case 'e':
		o->ephemeral = true;
		return GO_ON;
	case OPTION_PORT_FILE:
		o->port_file = optarg;
		return GO_ON;
	case OPTION_PID_FILE:
		o->pid_file = optarg;
		return GO_ON;
	case OPTION_DIE:
		o->die_with_parent = true;
		return GO_ON;
	case 'V':
		puts("leveret " PACKAGE_VERSION);
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 0;
	case ':':
		return wrong("%s wants a value", argv[optind - 1]);
	case '?':
		return unknown(argv);
	default:
		return GO_ON;
	}
}

static int
second_pass(struct config *c, int option)
{
	switch (option) {
	case 'o':
		return set_pair(c, optarg);
	case 'p':
		return set_port(c, optarg);
	default:
		return GO_ON;
	}
}

/* Everything but the command line. */
static int
load(struct config *c, const struct options *o, complaint *complain)
{
	char error[2048];

	if (sources_read(c, o->files, o->file_count, error, sizeof error))
		return GO_ON;
	complain(error);
	return EXIT_CONFIG;
}

static int
check_strict(const struct config *c, complaint *complain)
{
	if (!c->config_strict || c->unknown.count == 0)
		return GO_ON;
	for (size_t i = 0; i < c->unknown.count; i++)
		complain(c->unknown.lines[i]);
	return EXIT_CONFIG;
}

/* rabbitmq-server has one word that getopt takes for four. When called again the
 * NULL stands where that has been taken out. */
static int
take_detached(struct options *o, int argc, char **argv)
{
	int n = 1;

	for (int i = 1; i < argc && argv[i] != NULL; i++)
		if (program_is_rabbitmq() && strcmp(argv[i], "-detached") == 0)
			o->detached = true;
		else
			argv[n++] = argv[i];
	argv[n] = NULL;
	return n;
}

static int
next_option(int argc, char **argv)
{
	return getopt_long(argc, argv, short_options, long_options, NULL);
}

void
options_complain(const char *sentence)
{
	fprintf(stderr, "%s: %s\n", program_name(), sentence);
}

int
options_read(struct options *o, struct config *c, int argc, char **argv,
    complaint *complain)
{
	int option, rc = GO_ON;

	memset(o, 0, sizeof *o);
	argc = take_detached(o, argc, argv);
	optind = 0; /* from the beginning, also when called again */
	while (rc == GO_ON && (option = next_option(argc, argv)) >= 0)
		rc = first_pass(o, option, argv);
	if (rc == GO_ON && optind < argc)
		return wrong("unknown argument '%s'", argv[optind]);
	if (rc == GO_ON)
		rc = load(c, o, complain);
	optind = 0;
	while (rc == GO_ON && (option = next_option(argc, argv)) >= 0)
		rc = second_pass(c, option);
	if (rc == GO_ON && o->ephemeral && o->dir != NULL)
		return wrong("-e keeps nothing: it goes without %s", "-d");
	environment_end(c);
	return rc == GO_ON ? check_strict(c, complain) : rc;
}
