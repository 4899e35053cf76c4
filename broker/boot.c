/* boot.c - brings a server up from its settings and its store, and takes it
 * down. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/commands.h"
#include "broker/definitions.h"
#include "broker/delayed.h"
#include "broker/expiry.h"
#include "broker/hasher.h"
#include "broker/held.h"
#include "broker/listener.h"
#include "broker/log.h"
#include "broker/log_exchange.h"
#include "broker/parameters.h"
#include "broker/plugins.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/service.h"
#include "broker/tls.h"
#include "broker/vhost.h"
#include "broker/vhost_defaults.h"

/* --- the store ------------------------------------------------------------------- */

static void
on_definition(void *arg, const struct definition *d)
{
	struct server *s = arg;
	struct vhost *v;

	switch (d->kind) {
	case DEF_vhost:
		vhost_restore(s, &d->vhost);
		return;
	case DEF_user:
	case DEF_permission:
	case DEF_topic_permission:
		auth_restore(s->auth, d);
		return;
	case DEF_parameter:
	case DEF_global_parameter:
		parameters_restore(s, d);
		return;
	case DEF_exchange:
		if ((v = server_vhost(s, d->exchange.vhost)) != NULL)
			vhost_restore_exchange(v, &d->exchange);
		return;
	case DEF_queue:
		if ((v = server_vhost(s, d->queue.vhost)) != NULL)
			vhost_restore_queue(v, &d->queue);
		return;
	case DEF_queue_lane:
		if ((v = server_vhost(s, d->queue_lane.vhost)) != NULL)
			vhost_restore_lane(v, &d->queue_lane);
		return;
	case DEF_binding:
		if ((v = server_vhost(s, d->binding.vhost)) != NULL)
			vhost_restore_binding(v, &d->binding);
		return;
	case DEFINITION_KINDS:
		return;
	}
}

/* Whose a lane is. */
struct place {
	uint64_t id;
	struct lane *lane;	 /* a queue's, or */
	struct delayed *delayed; /* an exchange's */
};

/* Lanes are found by id: a table for the time of the restore. */
struct restoring {
	struct server *server;
	struct place *places; /* sorted by id */
	size_t count;
};

static int
by_id(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static size_t
count_lanes(const struct server *s)
{
	const struct delayed *d;
	struct vhost *v;
	struct queue *q;
	size_t at = 0, n = 0;

	while ((v = names_each(&s->vhosts, &at)) != NULL)
		for (size_t i = 0; (q = names_each(&v->queues, &i)) != NULL;)
			n += q->lanes.count + 2U;
	LIST_FOREACH(d, &s->delayed, link)
		n++;
	return n;
}

static void
collect(struct restoring *r, struct lanes *lanes)
{
	struct lane *lane;

	for (unsigned i = 0; (lane = lanes_nth(lanes, i)) != NULL; i++)
		r->places[r->count++] = (struct place){lane->id, lane, NULL};
	if ((lane = lanes->dead) != NULL)
		r->places[r->count++] = (struct place){lane->id, lane, NULL};
}

static void
sort_lanes(struct restoring *r)
{
	struct delayed *d;
	struct vhost *v;
	struct queue *q;
	size_t at = 0, n = count_lanes(r->server);

	r->places = xcalloc(n + 1, sizeof *r->places);
	while ((v = names_each(&r->server->vhosts, &at)) != NULL)
		for (size_t i = 0; (q = names_each(&v->queues, &i)) != NULL;)
			collect(r, &q->lanes);
	LIST_FOREACH(d, &r->server->delayed, link)
		r->places[r->count++] = (struct place){d->lane, NULL, d};
	qsort(r->places, r->count, sizeof *r->places, by_id);
}

/* What an exchange held that did not outlive the broker; bury_the_past sees to
 * it when changes can be told. */
static void
note_the_past(struct server *s, const struct lane_state *state)
{
	log_info("lane %llu is nobody's any more: what it holds (%llu) is "
		 "dropped",
	    (unsigned long long)state->lane, (unsigned long long)state->count);
	delayed_new(s, NULL, NULL, state->lane);
}

static void
bury_the_past(struct server *s)
{
	struct delayed *d, *next;

	for (d = LIST_FIRST(&s->delayed); d != NULL; d = next) {
		next = LIST_NEXT(d, link);
		if (d->exchange == NULL)
			delayed_delete(d);
	}
}

/* Calls back for each queue there is. */
static void
each_queue(struct server *s, void (*call)(struct queue *))
{
	struct vhost *v;
	struct queue *q;
	size_t at = 0;

	while ((v = names_each(&s->vhosts, &at)) != NULL)
		for (size_t i = 0; (q = names_each(&v->queues, &i)) != NULL;)
			call(q);
}

static void
restore_lane(struct lane *lane, const struct lane_state *state)
{
	lane_restore(lane, state);
	if (lane->priority == LANE_DEAD)
		held_restored(lane->owner);
	else
		expiry_watch(lane->owner);
}

static void
on_lane(void *arg, const struct lane_state *state)
{
	struct restoring *r = arg;
	struct place wanted = {.id = state->lane}, *found;

	if (r->places == NULL)
		sort_lanes(r);
	found = bsearch(
	    &wanted, r->places, r->count, sizeof *r->places, by_id);
	if (found == NULL)
		note_the_past(r->server, state);
	else if (found->delayed != NULL)
		delayed_restore(found->delayed, state);
	else
		restore_lane(found->lane, state);
}

static void
on_restored_definition(void *arg, const struct definition *d)
{
	struct restoring *r = arg;

	on_definition(r->server, d);
}

static bool
restore(struct server *s)
{
	struct restoring r = {.server = s};
	struct store_visitor visitor = {&r, on_restored_definition, on_lane};

	if (s->store->ops->restore(s->store, &visitor, &s->last_lane) !=
	    STORE_OK) {
		log_error("cannot read the store: %s",
		    s->store->ops->error(s->store));
		free(r.places);
		return false;
	}
	free(r.places);
	return true;
}

/* --- the first start ---------------------------------------------------------------- */

static void
store_auth(void *arg, const struct definition *d, bool remove)
{
	struct server *s = arg;

	if (remove)
		journal_remove(&s->journal, d);
	else
		journal_put(&s->journal, d);
	server_changed(s);
	server_stored(s);
}

static char *
join_tags(const struct config_map *tags)
{
	char *all = xstrdup(""), *more;

	for (size_t i = 0; i < tags->count; i++) {
		if (strcmp(tags->pairs[i].value, "false") == 0)
			continue;
		more = xasprintf("%s%s%s", all, all[0] ? "," : "",
		    tags->pairs[i].name);
		free(all);
		all = more;
	}
	return all;
}

static void
make_default_vhost(struct server *s)
{
	const char *name = s->config->default_vhost;

	log_info("creating default vhost '%s'", name);
	vhost_make(s, bytes_str(name),
	    &(struct vhost_metadata){
		.description = BYTES("Default virtual host")});
}

static void
make_default_user(struct server *s)
{
	const struct config *c = s->config;
	struct bytes vhost = bytes_str(c->default_vhost);
	struct bytes user = bytes_str(c->default_user);
	const struct bytes rights[VERBS] = {bytes_str(c->default_configure),
	    bytes_str(c->default_write), bytes_str(c->default_read)};
	char *tags = join_tags(&c->default_user_tags), why[300];

	log_info("creating default user '%s'", c->default_user);
	auth_add_user(s->auth, user, bytes_str(c->default_pass), tags);
	free(tags);
	if (server_vhost(s, vhost) != NULL &&
	    auth_set_permission(
		s->auth, user, vhost, rights, why, sizeof why) != AUTH_OK)
		log_warnx("default_permissions: %s", why);
}

static void
set_algorithm(struct server *s)
{
	auth_set_algorithm(s->auth,
	    password_algorithm(s->config->password_hashing_module));
}

/* An operator who deleted the vhosts, or the users, does not get the first ones
 * back. */
static bool
is_blank(const struct server *s)
{
	size_t at = 0;

	return s->vhosts.count == 0 && auth_each_user(s->auth, &at) == NULL;
}

/* A data folder without vhosts and users begins with the default vhost and the
 * default user with its permissions: each of them, unless a definitions file brings
 * some of its kind. */
static bool
define_first(struct server *s, struct definitions *d)
{
	bool blank = is_blank(s);
	bool want_user = blank && !definitions_bring(d, "users");

	if (blank && !definitions_bring(d, "vhosts"))
		make_default_vhost(s);
	if (!definitions_import(d))
		return false;
	if (want_user)
		make_default_user(s);
	return true;
}

/* All of it is stored, or none. */
static bool
load_definitions(struct server *s)
{
	struct definitions *d = definitions_open(s);
	bool defined;

	if (d == NULL)
		return false;
	journal_hold(&s->journal);
	defined = define_first(s, d);
	journal_release(&s->journal);
	definitions_close(d);
	if (!defined)
		journal_abandon(&s->journal);
	return defined;
}

static void
set_loopback_users(struct server *s)
{
	const struct config_map *m = &s->config->loopback_users;

	auth_clear_loopback(s->auth);
	for (size_t i = 0; i < m->count; i++)
		if (strcmp(m->pairs[i].value, "false") != 0)
			auth_add_loopback(
			    s->auth, bytes_str(m->pairs[i].name));
}

/* --- listeners ------------------------------------------------------------------------ */

static bool
open_listener(struct server *s, const struct config_pair *p, bool secure)
{
	const char *kind = secure ? "ssl" : "tcp";
	struct listener *l;
	char host[64];
	unsigned port;

	if (!config_address(p->value, host, sizeof host, &port)) {
		log_error("listeners.%s.%s: '%s' is no port and no "
			  "address:port",
		    kind, p->name, p->value);
		return false;
	}
	l = listener_open(s, host, port, secure);
	if (l == NULL && errno == EADDRINUSE) {
		log_error("port %u is in use: choose another with %s, or port "
			  "0 for any free one",
		    port, secure ? "listeners.ssl" : "-p PORT");
		return false;
	}
	if (l == NULL) {
		log_error("cannot listen on %s: %s", p->value,
		    strerror(errno));
		return false;
	}
	TAILQ_INSERT_TAIL(&s->listeners, l, link);
	return true;
}

static bool
passed_listener(struct server *s, int n)
{
	struct listener *l =
	    listener_adopt(s, SERVICE_FIRST + n, service_socket_secure(n));

	if (l == NULL) {
		log_error("descriptor %d was passed, but is no listening "
			  "socket: %s",
		    SERVICE_FIRST + n, strerror(errno));
		return false;
	}
	TAILQ_INSERT_TAIL(&s->listeners, l, link);
	return true;
}

static bool
make_context(struct server *s)
{
	char why[600];
	struct ssl_ctx_st *context = tls_context_new(s->config, why, sizeof why);

	if (context == NULL) {
		log_error("%s", why);
		return false;
	}
	tls_context_free(s->tls);
	s->tls = context;
	return true;
}

/* Sockets that were passed in take the place of those in the settings. */
static bool
take_sockets(struct server *s, int count)
{
	bool secure = false;

	for (int i = 0; i < count; i++)
		secure = secure || service_socket_secure(i);
	if (secure && !make_context(s))
		return false;
	for (int i = 0; i < count; i++)
		if (!passed_listener(s, i))
			return false;
	return true;
}

/* Those that were closed when the broker came to rest, where they were. */
static bool
open_again(struct server *s)
{
	for (size_t i = 0; i < s->closed_count; i++) {
		const struct listener_place *place = &s->closed[i];
		struct listener *l;

		if (place->secure && s->tls == NULL && !make_context(s))
			return false;
		l = listener_open(s, place->host, place->port, place->secure);
		if (l == NULL) {
			log_error("cannot listen on port %u again: %s",
			    place->port, strerror(errno));
			return false;
		}
		TAILQ_INSERT_TAIL(&s->listeners, l, link);
	}
	return true;
}

static bool
open_listeners(struct server *s)
{
	const struct config_map *tcp = &s->config->listeners_tcp;
	const struct config_map *ssl = &s->config->listeners_ssl;
	int passed = service_sockets();

	if (s->closed != NULL)
		return open_again(s);
	if (passed > 0)
		return take_sockets(s, passed);
	for (size_t i = 0; i < tcp->count; i++)
		if (!open_listener(s, &tcp->pairs[i], false))
			return false;
	if (ssl->count > 0 && !make_context(s))
		return false;
	for (size_t i = 0; i < ssl->count; i++)
		if (!open_listener(s, &ssl->pairs[i], true))
			return false;
	return true;
}

void
server_reload(struct server *s)
{
	if (s->down)
		return;
	set_loopback_users(s);
	set_algorithm(s);
	log_exchange_open(s);
	pressure_reload(&s->pressure, s->config);
	if (s->tls != NULL && make_context(s))
		log_info("certificates and keys were read again");
}

bool
server_write_ports(const struct server *s, const char *path)
{
	char *temporary = xasprintf("%s.new", path);
	FILE *f = fopen(temporary, "w");
	const struct listener *l;
	bool ok = f != NULL;

	if (ok) {
		TAILQ_FOREACH(l, &s->listeners, link)
			fprintf(f, "%s %u\n", l->name, l->port);
		ok = fclose(f) == 0 && rename(temporary, path) == 0;
	}
	free(temporary);
	return ok;
}

static bool
open_control(struct server *s)
{
	char why[512];

	s->control = commands_open(s, why, sizeof why);
	if (s->control == NULL)
		log_error("%s", why);
	return s->control != NULL;
}

/* --- up and down ------------------------------------------------------------------------ */

/* One broker for a data folder: whoever holds the lock. */
static bool
lock_folder(struct server *s)
{
	char *path = xasprintf("%s/leveret.lock", s->dir);

	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0) {
		log_error("cannot write to %s: %s", path, strerror(errno));
		free(path);
		return false;
	}
	free(path);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	log_error("another broker is running on the data folder %s", s->dir);
	return false;
}

static bool
open_store(struct server *s)
{
	char why[512];

	if (mkdir(s->dir, 0700) != 0 && errno != EEXIST) {
		log_error("cannot make the data folder %s: %s", s->dir,
		    strerror(errno));
		return false;
	}
	if (!s->ephemeral && s->lock_fd < 0 && !lock_folder(s))
		return false;
	if (s->store == NULL)
		s->store = s->ephemeral
			       ? store_memory_open()
			       : store_sqlite_open(s->dir, why, sizeof why);
	if (s->store == NULL)
		log_error("cannot open the store in %s: %s", s->dir, why);
	return s->store != NULL;
}

static void
init_lists(struct server *s)
{
	TAILQ_INIT(&s->connections);
	TAILQ_INIT(&s->ready);
	TAILQ_INIT(&s->held);
	TAILQ_INIT(&s->leaving);
	TAILQ_INIT(&s->disowning);
	TAILQ_INIT(&s->dead);
	TAILQ_INIT(&s->runnable);
	TAILQ_INIT(&s->deleted_queues);
	TAILQ_INIT(&s->dead_queues);
	TAILQ_INIT(&s->jobs);
	TAILQ_INIT(&s->parked);
	LIST_INIT(&s->delayed);
	TAILQ_INIT(&s->owing);
	TAILQ_INIT(&s->listeners);
	names_init(&s->vhosts);
	names_init(&s->reply_consumers);
	names_init(&s->global_parameters);
}

static void
init_loop(struct server *s)
{
	struct event_config *ec = event_config_new();

	event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK);
	/* The coarse clock has ticks of up to ten milliseconds. */
	event_config_set_flag(ec, EVENT_BASE_FLAG_PRECISE_TIMER);
	s->base = event_base_new_with_config(ec);
	event_config_free(ec);
	if (s->base == NULL)
		fatalx("no event loop");
	io_init(&s->io, s->base, s->config->frame_max + 8);
	s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->wake_fd < 0)
		fatal("eventfd");
	s->wake = event_new(
	    s->base, s->wake_fd, EV_READ | EV_PERSIST, server_on_wake, s);
	event_add(s->wake, NULL);
	s->timer = evtimer_new(s->base, server_on_timer, s);
	s->hasher = hasher_new(server_wake, s);
}

/* All but the loop and the control socket, which stay when a broker rests. */
static bool
awake(struct server *s)
{
	if (!open_store(s))
		return false;
	s->auth = auth_new(store_auth, s);
	set_algorithm(s);
	if (!restore(s))
		return false;
	journal_init(&s->journal, committer_start(s->store, server_wake, s));
	s->journal.hold_ms = s->config->hold_ms;
	s->journal.hold_bytes = s->config->hold_bytes;
	bury_the_past(s);
	s->vhost_defaults = vhost_defaults_new(s);
	if (s->vhost_defaults == NULL || !load_definitions(s))
		return false;
	each_queue(s, queue_recount);
	set_loopback_users(s);
	log_exchange_open(s);
	pressure_init(&s->pressure, s->config, s->ephemeral ? NULL : s->dir);
	pressure_look(&s->pressure);
	return open_listeners(s);
}

struct server *
server_new(struct config *config, const char *dir, bool ephemeral)
{
	struct server *s = xcalloc(1, sizeof *s);

	s->config = config;
	s->dir = dir;
	s->ephemeral = ephemeral;
	s->lock_fd = -1;
	s->pressure.resident = -1;
	s->generation = 1;
	s->mark.entries = (size_t)config->lane_memory_entries;
	s->mark.bytes = config->lane_memory_bytes;
	clock_advance(&s->clock, config->clock_offset);
	clock_update(&s->clock);
	s->started_at = s->clock.wall;
	init_lists(s);
	init_loop(s);
	if (awake(s) && open_control(s))
		return s;
	server_free(s);
	return NULL;
}

void
server_start(struct server *s)
{
	struct listener *l;

	TAILQ_FOREACH(l, &s->listeners, link)
		listener_start(l);
	plugins_tell();
}

/* What changes are left is committed; what memory holds is freed. */
static void
end_journal(struct server *s)
{
	struct load *load;

	if (s->journal.committer == NULL)
		return;
	each_queue(s, queue_seal);
	journal_finish(&s->journal, server_hand_over);
	while ((load = s->failed) != NULL) {
		s->failed = load->link;
		load_free(load);
	}
	while ((load = committer_loaded(s->journal.committer)) != NULL)
		load_free(load);
	if (!committer_stop(s->journal.committer)) {
		log_error("the last changes could not be committed");
		s->status = 1;
	}
	journal_fini(&s->journal);
	s->journal = (struct journal){0};
}

static void
close_store(struct server *s)
{
	if (s->store != NULL)
		s->store->ops->close(s->store);
	s->store = NULL;
}

static void
free_topology(struct server *s)
{
	struct delayed *d;
	struct vhost *v;
	struct queue *q;
	size_t at = 0;

	while ((v = names_each(&s->vhosts, &at)) != NULL)
		vhost_free(v);
	while ((d = LIST_FIRST(&s->delayed)) != NULL)
		delayed_free(d);
	while ((q = TAILQ_FIRST(&s->deleted_queues)) != NULL) {
		TAILQ_REMOVE(&s->deleted_queues, q, runnable_link);
		queue_free(q);
	}
	names_fini(&s->vhosts);
	if (s->vhost_defaults != NULL)
		vhost_defaults_free(s->vhost_defaults);
	s->vhost_defaults = NULL;
	names_fini(&s->reply_consumers);
	global_parameters_free(s);
	if (s->auth != NULL)
		auth_free(s->auth);
	s->auth = NULL;
}

static void
close_listeners(struct server *s)
{
	struct listener *l;

	while ((l = TAILQ_FIRST(&s->listeners)) != NULL) {
		TAILQ_REMOVE(&s->listeners, l, link);
		listener_close(l);
	}
	tls_context_free(s->tls);
	s->tls = NULL;
}

/* --- rest ------------------------------------------------------------------------------- */

/* A store in memory is all that a broker which forgets has: it stays open. */
void
server_sleep(struct server *s)
{
	log_exchange_close();
	close_listeners(s);
	imports_finish(s);
	end_journal(s);
	if (!s->ephemeral)
		close_store(s);
	free_topology(s);
	pressure_fini(&s->pressure);
	init_lists(s);
	s->changed_seq = s->stored_seq = 0;
	s->carrier = NULL;
	s->stopping = s->stopped = s->resting = false;
	s->down = true;
}

bool
server_awake(struct server *s)
{
	s->generation++;
	if (awake(s)) {
		s->down = false;
		free(s->closed);
		s->closed = NULL;
		s->closed_count = 0;
		server_start(s);
		return true;
	}
	server_sleep(s);
	return false;
}

bool
server_forget(struct server *s)
{
	close_store(s);
	return s->ephemeral || store_sqlite_remove(s->dir);
}

void
server_free(struct server *s)
{
	log_exchange_close();
	close_listeners(s);
	imports_finish(s);
	end_journal(s);
	close_store(s);
	if (s->control != NULL)
		control_close(s->control); /* all is on disk: stop says so */
	hasher_stop(s->hasher);
	hasher_free(s->hasher);
	free_topology(s);
	route_fini(&s->route);
	copies_fini(&s->copies);
	traces_fini(&s->traces);
	writer_fini(&s->writer);
	if (!s->down)
		pressure_fini(&s->pressure);
	event_free(s->wake);
	event_free(s->timer);
	io_fini(&s->io);
	event_base_free(s->base);
	close(s->wake_fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->closed);
	free(s);
}
