/* main.c - arguments, settings, signals; then the server runs. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/config.h"
#include "broker/folder.h"
#include "broker/log.h"
#include "broker/logging.h"
#include "broker/options.h"
#include "broker/program.h"
#include "broker/server.h"
#include "broker/service.h"
#include "broker/sources.h"

/* What a run needs again when it is told to read its settings anew. */
struct run {
	int argc;
	char **argv;
	struct options options;
	struct config config;
	struct server *server;
};

static void
tell_left_out(const struct config *c)
{
	for (size_t i = 0; i < c->unknown.count; i++)
		log_warnx("%s: it is left out", c->unknown.lines[i]);
	for (size_t i = 0; i < c->foreign.count; i++)
		log_warnx("%s", c->foreign.lines[i]);
}

/* --- signals --------------------------------------------------------------- */

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct run *r = arg;

	log_info("%s received - shutting down",
	    number == SIGINT ? "SIGINT" : "SIGTERM");
	service_notify("STOPPING=1");
	server_stop(r->server);
}

static void
tell_change(const char *key, bool taken)
{
	if (taken)
		log_info("%s has changed", key);
	else
		log_warnx("%s has changed: that takes a restart", key);
}

static void
log_complaint(const char *sentence)
{
	log_error("%s", sentence);
}

static void
read_settings_again(struct run *r)
{
	struct options options;
	struct config fresh;

	config_init(&fresh);
	if (options_read(&options, &fresh, r->argc, r->argv, log_complaint) <
	    0) {
		tell_left_out(&fresh);
		config_adopt(&r->config, &fresh, tell_change);
		logging_open(&r->config);
		log_info("the settings were read again");
	} else {
		log_error("the settings cannot be used: all stays as it was");
	}
	config_fini(&fresh);
}

static void
on_hangup(evutil_socket_t number, short what, void *arg)
{
	struct run *r = arg;
	struct timespec now;
	char state[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	service_notify(state);
	log_info("SIGHUP received - reading settings and certificates again");
	read_settings_again(r);
	server_reload(r->server);
	service_notify("READY=1");
}

/* Signals wait until there is somebody to take them: process 1 would lose them
 * otherwise. The threads of the store inherit that they are not theirs. */
static void
hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(how, &set, NULL);
}

/* --- a run ------------------------------------------------------------------- */

/* Where store and socket go; freed by nobody, it lasts as long as the
 * process. */
static char *
choose_folder(const struct options *o)
{
	char *dir;

	if (o->ephemeral)
		return folder_private();
	if (o->dir != NULL)
		return strdup(o->dir);
	dir = data_folder();
	if (dir != NULL && !folder_make(dir))
		fatal("cannot make the data folder %s", dir);
	return dir;
}

/* A descriptor for each connection: as many as the system lets us have. */
static void
raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		log_warn("cannot raise the limit of open files");
}

/* In the place and the words where people look for them in RabbitMQ's log. */
static void
tell_start(const struct run *r, const char *dir)
{
	const char *home = getenv("HOME"), *files = sources_files();
	char *places = logging_places(&r->config);

	if (!program_is_rabbitmq()) {
		log_info("Starting Leveret %s in %s", PACKAGE_VERSION,
		    r->options.ephemeral ? "memory" : dir);
	} else {
		log_of(LOG_DEFAULT, LEVEL_INFO, 0,
		    "\n Starting RabbitMQ %s on Leveret %s",
		    r->config.version, PACKAGE_VERSION);
		log_of(LOG_DEFAULT, LEVEL_INFO, 0,
		    "\n"
		    " node           : %s\n"
		    " home dir       : %s\n"
		    " config file(s) : %s\n"
		    " log(s)         : %s\n"
		    " database dir   : %s",
		    node_name(), home != NULL ? home : "(none)",
		    files != NULL ? files : "(none)", places, dir);
	}
	free(places);
	sources_tell();
	tell_left_out(&r->config);
}

/* RabbitMQ's is beside the node's folder, for scripts that wait for it. The
 * caller's; NULL: there is none. */
static char *
pid_path(const struct options *o, const char *dir)
{
	const char *path;

	if (o->pid_file != NULL)
		return xstrdup(o->pid_file);
	if (!program_is_rabbitmq())
		return NULL;
	if ((path = program_variable("PID_FILE")) != NULL)
		return xstrdup(path);
	return program_variable("MNESIA_BASE") != NULL ||
		       program_variable("MNESIA_DIR") != NULL
		   ? xasprintf("%s.pid", dir)
		   : NULL;
}

/* It goes with the process, as RabbitMQ's does; one that was asked for by
 * option stays. */
static void
forget_pid(const struct options *o, const char *path)
{
	const char *keep = program_variable("KEEP_PID_FILE_ON_EXIT");

	if (o->pid_file == NULL && (keep == NULL || strcmp(keep, "true") != 0))
		unlink(path);
}

static int
serve(struct run *r)
{
	struct server *s = r->server;
	struct event *term = evsignal_new(s->base, SIGTERM, on_signal, r);
	struct event *interrupt = evsignal_new(s->base, SIGINT, on_signal, r);
	struct event *hangup = evsignal_new(s->base, SIGHUP, on_hangup, r);
	int status;

	event_add(term, NULL);
	event_add(interrupt, NULL);
	event_add(hangup, NULL);
	hold_signals(SIG_UNBLOCK);
	if (r->options.port_file != NULL &&
	    !server_write_ports(s, r->options.port_file))
		fatal("cannot write %s", r->options.port_file);
	server_start(s);
	service_notify("READY=1");
	status = server_run(s);
	event_free(term);
	event_free(interrupt);
	event_free(hangup);
	return status;
}

static int
run(struct run *r)
{
	char *dir, *pid_file;
	int status = 1;

	raise_descriptors();
	dir = choose_folder(&r->options);
	if (dir == NULL)
		fatal("no data folder: name one with -d");
	tell_start(r, dir);
	pid_file = pid_path(&r->options, dir);
	if (pid_file != NULL && !service_write_pid(pid_file))
		fatal("cannot write %s", pid_file);
	r->server = server_new(&r->config, dir, r->options.ephemeral);
	if (r->server != NULL) {
		status = serve(r);
		server_free(r->server);
		log_info("Leveret has stopped");
	}
	if (pid_file != NULL)
		forget_pid(&r->options, pid_file);
	if (r->options.ephemeral)
		rmdir(dir);
	free(pid_file);
	free(dir);
	return status;
}

int
main(int argc, char **argv)
{
	struct run r = {.argc = argc, .argv = argv};
	int status;

	program_init(argv[0]);
	config_init(&r.config);
	status = options_read(
	    &r.options, &r.config, argc, argv, options_complain);
	if (status < 0) {
		if (r.options.detached)
			service_detach();
		signal(SIGPIPE, SIG_IGN);
		service_reap();
		hold_signals(SIG_BLOCK);
		logging_open(&r.config);
		if (r.options.die_with_parent)
			service_die_with_parent();
		status = run(&r);
		log_flush(1000);
	}
	config_fini(&r.config);
	return status;
}
