/* stage.c - a broker in this process without time, disk or chance. */
#include "tests/fuzz/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/connection.h"
#include "broker/server.h"
#include "tests/fuzz/fuzz.h"

enum {
	TIMERS_MAX = 8192,
	TURNS_MAX = 100000, /* a broker that is still busy then never rests */
};

/* --- time ------------------------------------------------------------------- */

struct timer {
	struct event *event;
	int64_t due;
};

static struct {
	int64_t now; /* milliseconds */
	struct timer timers[TIMERS_MAX];
	size_t count;
	uint64_t random;
} world;

int __wrap_clock_gettime(clockid_t, struct timespec *);
ssize_t __wrap_getrandom(void *, size_t, unsigned);
int __wrap_event_add(struct event *, const struct timeval *);
int __wrap_event_del(struct event *);
void __wrap_event_free(struct event *);
int __wrap_event_pending(const struct event *, short, struct timeval *);
int __real_event_add(struct event *, const struct timeval *);
int __real_event_del(struct event *);
void __real_event_free(struct event *);
int __real_event_pending(const struct event *, short, struct timeval *);

int
__wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	*t = (struct timespec){1000 + world.now / 1000,
	    world.now % 1000 * 1000000};
	return 0;
}

ssize_t
__wrap_getrandom(void *p, size_t n, unsigned flags)
{
	for (size_t i = 0; i < n; i++) {
		world.random = world.random * 6364136223846793005u + 1;
		((uint8_t *)p)[i] = (uint8_t)(world.random >> 56);
	}
	return (ssize_t)n;
}

static struct timer *
timer_find(const struct event *e)
{
	for (size_t i = 0; i < world.count; i++)
		if (world.timers[i].event == e)
			return &world.timers[i];
	return NULL;
}

static void
timer_drop(const struct event *e)
{
	struct timer *t = timer_find(e);

	if (t != NULL)
		*t = world.timers[--world.count];
}

int
__wrap_event_add(struct event *e, const struct timeval *tv)
{
	if (tv == NULL)
		return __real_event_add(e, NULL);
	timer_drop(e);
	MUST(world.count < TIMERS_MAX);
	world.timers[world.count++] = (struct timer){
	    e, world.now + tv->tv_sec * 1000 + tv->tv_usec / 1000};
	return 0;
}

int
__wrap_event_del(struct event *e)
{
	timer_drop(e);
	return __real_event_del(e);
}

void
__wrap_event_free(struct event *e)
{
	timer_drop(e);
	__real_event_free(e);
}

int
__wrap_event_pending(const struct event *e, short what, struct timeval *tv)
{
	return timer_find(e) != NULL || __real_event_pending(e, what, tv);
}

/* The first that is due by then, taken off the list; NULL if none is. */
static struct event *
timer_take(int64_t by)
{
	struct timer *first = NULL;
	struct event *e;

	for (size_t i = 0; i < world.count; i++)
		if (world.timers[i].due <= by &&
		    (first == NULL || world.timers[i].due < first->due))
			first = &world.timers[i];
	if (first == NULL)
		return NULL;
	if (first->due > world.now)
		world.now = first->due;
	e = first->event;
	timer_drop(e);
	return e;
}

void
stage_pass(struct stage *s, int64_t ms)
{
	int64_t end = world.now + ms;
	struct event *e;

	for (int i = 0; i < 1000 && (e = timer_take(end)) != NULL; i++) {
		event_active(e, EV_TIMEOUT, 0);
		stage_turn(s);
	}
	world.now = end;
	stage_turn(s);
}

/* --- the disk ----------------------------------------------------------------- */

struct committer {
	struct store *store;
	void (*wake)(void *arg);
	void *arg;
	uint64_t submitted, committed;
	struct batch *waiting, *done; /* the broker hands over one at a time */
	struct load *wanted, *loaded;
	bool full;
};

struct committer *
committer_start(struct store *store, void (*wake)(void *arg), void *arg)
{
	struct committer *c = xcalloc(1, sizeof *c);

	c->store = store;
	c->wake = wake;
	c->arg = arg;
	return c;
}

void
committer_submit(struct committer *c, struct batch *b)
{
	struct batch **end = &c->waiting;

	while (*end != NULL)
		end = &(*end)->next;
	b->next = NULL;
	*end = b;
	c->submitted = b->seq;
}

bool
committer_idle(const struct committer *c)
{
	return c->committed == c->submitted;
}

uint64_t
committer_committed(const struct committer *c)
{
	return c->committed;
}

struct batch *
committer_reap(struct committer *c)
{
	struct batch *b = c->done;

	if (b != NULL)
		c->done = b->next;
	return b;
}

void
committer_load(struct committer *c, struct load *l)
{
	struct load **end = &c->wanted;

	while (*end != NULL)
		end = &(*end)->link;
	l->link = NULL;
	*end = l;
}

struct load *
committer_loaded(struct committer *c)
{
	struct load *l = c->loaded;

	if (l != NULL)
		c->loaded = l->link;
	return l;
}

enum store_status
committer_trouble(struct committer *c, char *text, size_t size)
{
	if (!c->full)
		return STORE_OK;
	snprintf(text, size, "no room");
	return STORE_FULL;
}

static bool
commit_one(struct committer *c)
{
	struct batch *b = c->waiting, **end = &c->done;

	if (b == NULL || c->full)
		return false;
	c->waiting = b->next;
	MUST(c->store->ops->apply(c->store, b) == STORE_OK);
	while (*end != NULL)
		end = &(*end)->next;
	b->next = NULL;
	*end = b;
	c->committed = b->seq;
	c->wake(c->arg);
	return true;
}

static bool
load_one(struct committer *c)
{
	struct load *l = c->wanted, **end = &c->loaded;

	if (l == NULL)
		return false;
	c->wanted = l->link;
	c->store->ops->load(c->store, l);
	while (*end != NULL)
		end = &(*end)->link;
	l->link = NULL;
	*end = l;
	c->wake(c->arg);
	return true;
}

bool
committer_stop(struct committer *c)
{
	struct load *l;
	struct batch *b;
	bool all;

	while (commit_one(c))
		continue;
	all = c->waiting == NULL;
	while ((b = committer_reap(c)) != NULL)
		batch_free(b);
	while ((l = committer_loaded(c)) != NULL)
		load_free(l);
	while ((l = c->wanted) != NULL) {
		c->wanted = l->link;
		load_free(l);
	}
	free(c);
	return all;
}

bool
stage_commit(struct stage *s)
{
	struct committer *c = s->server->journal.committer;
	bool committed = commit_one(c), loaded = load_one(c);

	return committed || loaded;
}

void
stage_fill(struct stage *s, bool full)
{
	s->server->journal.committer->full = full;
}

/* --- the broker ----------------------------------------------------------------- */

static char folder[] = "/tmp/leveret-fuzz-XXXXXX";

static void
remove_folder(void)
{
	rmdir(folder);
}

/* What the log says is written, but to nowhere. */
static void
prepare_once(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	signal(SIGPIPE, SIG_IGN);
	log_init(open("/dev/null", O_WRONLY), LEVEL_DEBUG);
	MUST(mkdtemp(folder) != NULL);
	atexit(remove_folder);
}

static void
set(struct config *c, const char *key, const char *value)
{
	char why[200];

	MUST(config_set(c, key, value, "test", why, sizeof why) == CONFIG_OK);
}

void
stage_open(struct stage *s, size_t lane_entries)
{
	struct config *config = xcalloc(1, sizeof *config);
	char number[24];

	prepare_once();
	MUST(world.count == 0);
	world.now = 0;
	world.random = 1;
	config_init(config);
	set(config, "listeners.tcp", "none");
	set(config, "loopback_users", "none");
	set(config, "max_message_size", "300000");
	snprintf(number, sizeof number, "%zu", lane_entries);
	set(config, "lane_memory_entries", number);
	s->server = server_new(config, folder, true);
	MUST(s->server != NULL);
	stage_settle(s);
}

int
stage_connect(struct stage *s)
{
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		 pair) == 0);
	connection_new(s->server, pair[0], NULL);
	return pair[1];
}

void
stage_turn(struct stage *s)
{
	server_turn(s->server, false);
	while (s->commits && stage_commit(s))
		server_turn(s->server, false);
}

/* What a turn may have done. */
static uint64_t
work(const struct server *s)
{
	return s->io.reads + s->io.writes + s->stats.slices +
	    s->stats.connections_closed;
}

void
stage_settle(struct stage *s)
{
	uint64_t before = 0;

	for (int turns = 0, idle = 0; idle < 2; idle++) {
		MUST(++turns < TURNS_MAX);
		if (server_turn(s->server, false))
			idle = 0;
		if (stage_commit(s) || work(s->server) != before)
			idle = 0;
		before = work(s->server);
	}
}

void
stage_close(struct stage *s)
{
	struct config *config = s->server->config;

	server_stop(s->server);
	for (int turns = 0; !s->server->stopped; turns++) {
		MUST(turns < TURNS_MAX);
		stage_pass(s, 1000);
		stage_commit(s);
	}
	MUST(server_run(s->server) == 0);
	server_free(s->server);
	MUST(world.count == 0);
	config_fini(config);
	free(config);
}
