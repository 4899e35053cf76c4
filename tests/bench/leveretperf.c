/* leveretperf.c - loads an AMQP 0-9-1 broker, measures it, and checks what it
 * does with messages. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/modes.h"
#include "tests/bench/sink.h"

static const struct mode {
	const char *name;
	enum exit_status (*run)(const struct options *);
	const char *help;
	struct options defaults; /* where they differ */
} modes[] = {
    {"throughput", mode_throughput,
	"rates at full speed, or at a --rate, after the warm-up",
	{.size = 100}},
    {"latency", mode_latency,
	"the same at a fixed rate; counts from when a message was due",
	{.size = 1024, .rate = 5000}},
    {"fill-drain", mode_fill_drain,
	"publishes --count messages, then takes them; checks their order",
	{.size = 100, .count = 100000}},
    {"delay", mode_delay,
	"publishes --count messages to be held up to --delay ms, and sees how "
	"late they\n             come",
	{.size = 100, .count = 100000, .delay = 10000}},
    {"verify", mode_verify,
	"publishes and consumes with a journal, while the broker may be killed "
	"and come\n             back, then drains and checks",
	{.size = 100, .queues = 4, .ack = 10, .window = 1000,
	    .priorities = 1, .rate = 20000}},
    {"check", mode_check, "judges a --journal again", {.size = 100}},
    {"selftest", mode_selftest,
	"the program's own limits: a line for each of some short runs with "
	"--sink",
	{.size = 100}},
};

enum { MODES = sizeof modes / sizeof *modes };

static void
help(void)
{
	printf("usage: leveretperf MODE [OPTION...]\n\n");
	for (unsigned i = 0; i < MODES; i++)
		printf("  %-10s %s\n", modes[i].name, modes[i].help);
	printf("\nThe result is one line of JSON on stdout; rates are per "
	       "second, latencies in\nmicroseconds, memory in bytes. Exit "
	       "status: 0 fine, 1 the broker or the network\nfailed, 2 usage, "
	       "3 a check failed.\n\n");
	options_help();
}

static const struct mode *
find_mode(const char *name)
{
	for (unsigned i = 0; i < MODES; i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	die(EXIT_USAGE, "there is no mode '%s'; see leveretperf --help", name);
}

static struct options
defaults(const struct mode *mode)
{
	struct options o = mode->defaults;

	o.address.sin_family = AF_INET;
	o.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	o.address.sin_port = htons(5672);
	o.user = o.password = "guest";
	o.vhost = "/";
	o.timeout = 30;
	o.producers = o.consumers = 1;
	o.prefetch = 1000;
	o.batch = 131072;
	o.duration = 5;
	o.warmup = 1;
	o.idle = 2;
	if (o.queues == 0)
		o.queues = 1;
	return o;
}

/* Two runs meet by the name they are given. */
static void
choose_name(struct options *o)
{
	static char name[64];

	if (o->name != NULL)
		return;
	if (o->only != NULL)
		die(EXIT_USAGE, "--only needs a --name");
	snprintf(name, sizeof name, "leveretperf-%d", (int)getpid());
	o->name = name;
}

int
main(int argc, char **argv)
{
	const struct mode *mode;
	struct options o;
	enum exit_status status;

	if (argc < 2)
		die(EXIT_USAGE, "which mode? see leveretperf --help");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help();
		return EXIT_FINE;
	}
	signal(SIGPIPE, SIG_IGN);
	mode = find_mode(argv[1]);
	o = defaults(mode);
	options_parse(&o, argc - 1, argv + 1);
	choose_name(&o);
	if (o.sink)
		sink_start(&o);
	status = mode->run(&o);
	options_fini(&o);
	return status;
}
