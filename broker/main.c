/* main.c - arguments, settings, signals; then the server runs. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/config.h"
#include "broker/folder.h"
#include "broker/log.h"
#include "broker/options.h"
#include "broker/server.h"

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	log_info("%s received - shutting down",
	    number == SIGINT ? "SIGINT" : "SIGTERM");
	server_stop(arg);
}

static void
on_hangup(evutil_socket_t number, short what, void *arg)
{
	log_info("SIGHUP received - reading certificates again");
	server_reload(arg);
}

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

static int
run(struct server *s, const struct options *o)
{
	struct event *term = evsignal_new(s->base, SIGTERM, on_signal, s);
	struct event *interrupt = evsignal_new(s->base, SIGINT, on_signal, s);
	struct event *hangup = evsignal_new(s->base, SIGHUP, on_hangup, s);
	int status;

	event_add(term, NULL);
	event_add(interrupt, NULL);
	event_add(hangup, NULL);
	if (o->port_file != NULL && !server_write_ports(s, o->port_file))
		fatal("cannot write %s", o->port_file);
	server_start(s);
	status = server_run(s);
	event_free(term);
	event_free(interrupt);
	event_free(hangup);
	return status;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct config config;
	struct server *s;
	char *dir;
	int status;

	config_init(&config);
	status = options_read(&options, &config, argc, argv);
	if (status >= 0) {
		config_fini(&config);
		return status;
	}
	signal(SIGPIPE, SIG_IGN);
	log_init(STDOUT_FILENO, config.log_console_level);
	raise_descriptors();
	dir = choose_folder(&options);
	if (dir == NULL)
		fatal("no data folder: name one with -d");
	log_info("Starting Leveret %s in %s", PACKAGE_VERSION,
	    options.ephemeral ? "memory" : dir);
	s = server_new(&config, dir, options.ephemeral);
	status = s != NULL ? run(s, &options) : 1;
	if (s != NULL)
		server_free(s);
	if (options.ephemeral)
		rmdir(dir);
	if (s != NULL)
		log_info("Leveret has stopped");
	log_flush(1000);
	config_fini(&config);
	free(dir);
	return status;
}
