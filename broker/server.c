/* server.c - owns the loop and runs turns.
 *
 * A turn: events are taken (connections read, methods do their work), then
 * consumers are given what their queues hold, changes are handed to the
 * committer, promises that are safe are said, every connection with output is
 * written to once, and what died is freed. */
#include "broker/server.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/control.h"
#include "broker/delayed.h"
#include "broker/hasher.h"
#include "broker/listener.h"
#include "broker/log.h"
#include "broker/log_exchange.h"
#include "broker/queue.h"
#include "broker/vhost.h"

enum {
	TURN_BUDGET = 16384, /* units of work in a turn */
	EXPIRY_BUDGET = 8192, /* entries expired in a turn */
	REAP_BUDGET = 16384, /* entries freed in a turn */
	STOP_MS = 1000,	     /* for peers to answer connection.close */
	ALARM_MS = 250,	     /* between looks while an alarm is set */
	HELD_BUDGET = 1024,  /* of a turn, for those who have waited */
	WRITER_KEPT = 1024 * 1024, /* bytes for the next encoding */
	RETRY_MS = 1000,     /* until what could not be read is tried again */
};

void
server_add_job(struct server *s, struct job *job, struct connection *asker)
{
	TAILQ_INSERT_TAIL(&s->jobs, job, link);
	job->asker = asker;
	if (asker == NULL)
		return;
	asker->job = job;
	connection_suspend(asker);
}

void
server_unpark(struct server *s, struct job *job)
{
	TAILQ_REMOVE(&s->parked, job, link);
	job->parked = false;
	TAILQ_INSERT_TAIL(&s->jobs, job, link);
}

struct vhost *
server_vhost(const struct server *s, struct bytes name)
{
	return names_get(&s->vhosts, name);
}

/* --- the parts of a turn ----------------------------------------------------------- */

static void
serve_ready(struct server *s)
{
	struct connection *last = TAILQ_LAST(&s->ready, connection_list), *c;

	while (s->budget > 0 && (c = TAILQ_FIRST(&s->ready)) != NULL) {
		connection_serve(c);
		if (c == last)
			return;
	}
}

static void
put_back(struct server *s, struct job *job)
{
	if (job->parked)
		TAILQ_INSERT_TAIL(&s->parked, job, link);
	else
		TAILQ_INSERT_TAIL(&s->jobs, job, link);
}

/* One slice of each job that was there at the beginning. */
static void
run_jobs(struct server *s)
{
	struct job *last = TAILQ_LAST(&s->jobs, job_list), *job;
	size_t budget = TURN_BUDGET;

	while (budget > 0 && (job = TAILQ_FIRST(&s->jobs)) != NULL) {
		bool was_last = job == last;
		struct connection *asker = job->asker;

		TAILQ_REMOVE(&s->jobs, job, link);
		s->stats.slices++;
		if (!job->step(job, &budget))
			put_back(s, job);
		else if (asker != NULL)
			connection_continue(asker);
		if (was_last)
			return;
	}
}

/* Queues that belonged to connections that have ended go. */
static void
disown(struct server *s)
{
	size_t budget = TURN_BUDGET;
	struct connection *c;

	while ((c = TAILQ_FIRST(&s->disowning)) != NULL &&
	    connection_disown(c, &budget)) {
		TAILQ_REMOVE(&s->disowning, c, disown_link);
		c->disowning = false;
	}
}

/* What was traced meanwhile enters its queues, and is served as well. */
static void
run_queues(struct server *s)
{
	size_t budget = TURN_BUDGET;
	struct queue *q;

	traces_enter(s);
	while (budget > 0 && (q = TAILQ_FIRST(&s->runnable)) != NULL) {
		TAILQ_REMOVE(&s->runnable, q, runnable_link);
		q->runnable = false;
		if (queue_run(q, &budget))
			queue_wake(q);
		traces_enter(s);
	}
}

/* Connections whose close waits for this turn's changes say so in time. */
static void
hurry_leaving(struct server *s)
{
	struct connection *c;

	TAILQ_FOREACH(c, &s->leaving, leave_link)
		connection_settled(c);
}

/* Every channel says what is safe; confirms of this turn among it. */
static void
keep_promises(struct server *s)
{
	uint64_t committed = journal_committed(&s->journal);
	struct channel *ch, *next;
	struct connection *c;

	for (ch = TAILQ_FIRST(&s->owing); ch != NULL; ch = next) {
		next = TAILQ_NEXT(ch, promises.link);
		if (!promises_keep(ch, committed) && ch->ended)
			channel_free(ch);
	}
	while ((c = TAILQ_FIRST(&s->leaving)) != NULL &&
	    connection_settled(c)) {
		TAILQ_REMOVE(&s->leaving, c, leave_link);
		connection_leave(c);
	}
}

/* --- lanes of queues, and timed ones of exchanges ------------------------------------ */

void
server_hand_over(struct lane_change *c)
{
	if (c->timed)
		delayed_hand_over(c);
	else
		queue_hand_over(c);
}

void
server_committed(struct lane_change *c)
{
	if (c->timed)
		delayed_committed(c);
	else
		queue_committed(c);
}

static void
loaded(struct load *load)
{
	if (load->timed)
		delayed_loaded(load);
	else
		queue_loaded(load);
}

static void
say_unread(const struct load *load)
{
	const struct lane *lane;
	const struct queue *q;

	if (load->timed) {
		log_error("cannot read what an exchange holds back: %s",
		    load->error);
		return;
	}
	lane = load->owner;
	q = lane->owner;
	log_error("cannot read what waits in queue '%s' in vhost '%s': %s",
	    log_safe(queue_name(q)), log_safe(q->vhost->name), load->error);
}

/* Whoever asked waits, and the others go on; soon it is tried again. An exchange
 * sees to that itself. */
static void
postpone(struct server *s, struct load *load)
{
	say_unread(load);
	if (load->timed) {
		delayed_loaded(load);
		return;
	}
	load->link = s->failed;
	s->failed = load;
	s->retry_at = s->clock.real + RETRY_MS;
}

static void
retry_loads(struct server *s)
{
	struct load *load, *next;

	if (s->failed == NULL || s->clock.real < s->retry_at)
		return;
	load = s->failed;
	s->failed = NULL;
	for (; load != NULL; load = next) {
		next = load->link;
		loaded(load);
	}
}

static void
take_loads(struct server *s)
{
	struct load *load;

	retry_loads(s);
	while ((load = committer_loaded(s->journal.committer)) != NULL)
		if (load->came != NULL)
			load->came(load);
		else if (load->status == STORE_OK)
			loaded(load);
		else
			postpone(s, load);
}

static void
free_dead(struct server *s)
{
	struct connection *c, *next;
	struct queue *q;

	for (c = TAILQ_FIRST(&s->dead); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->disowning || c->settling > 0)
			continue;
		TAILQ_REMOVE(&s->dead, c, link);
		connection_free(c);
	}
	while ((q = TAILQ_FIRST(&s->dead_queues)) != NULL) {
		TAILQ_REMOVE(&s->dead_queues, q, runnable_link);
		queue_free(q);
	}
}

/* --- pressure ------------------------------------------------------------------------- */

/* A full disk blocks publishers until there is room again; a broken store ends
 * the broker, for nothing could be confirmed any more. */
static void
watch_store(struct server *s)
{
	char text[512];
	enum store_status status =
	    committer_trouble(s->journal.committer, text, sizeof text);

	if (status == STORE_BROKEN)
		fatalx("the store cannot go on: %s", text);
	if ((status != STORE_OK) == s->pressure.store_full)
		return;
	if (status != STORE_OK)
		log_warnx("the store cannot commit: %s", text);
	else
		log_warnx("the store commits again");
	pressure_store(&s->pressure, status != STORE_OK);
}

static void
release_held(struct server *s)
{
	struct connection *c;

	if (s->budget < HELD_BUDGET)
		s->budget = HELD_BUDGET;
	while (s->budget > 0 && (!server_pressed(s) || s->stopping) &&
	    (c = TAILQ_FIRST(&s->held)) != NULL) {
		s->budget--;
		connection_serve(c);
	}
	s->pressure.on = s->pressure.alarms != 0 || s->pressure.held > 0;
}

/* --- the turn --------------------------------------------------------------------------- */

static bool
busy(const struct server *s)
{
	return !TAILQ_EMPTY(&s->ready) || !TAILQ_EMPTY(&s->runnable) ||
	    !TAILQ_EMPTY(&s->jobs) || !TAILQ_EMPTY(&s->disowning) ||
	    s->journal.freeing != NULL ||
	    s->control_busy ||
	    (!TAILQ_EMPTY(&s->held) && !server_pressed(s));
}

static void
set_timer(struct server *s)
{
	int64_t ms = journal_delay(&s->journal, s->clock.real);
	struct timeval tv;

	if ((s->pressure.alarms != 0 || s->failed != NULL || s->stopping) &&
	    (ms < 0 || ms > ALARM_MS))
		ms = ALARM_MS;
	if (ms < 0 || (ms == 0 && !committer_idle(s->journal.committer)))
		return;
	if (evtimer_pending(s->timer, NULL))
		return;
	tv = (struct timeval){ms / 1000, ms % 1000 * 1000};
	evtimer_add(s->timer, &tv);
}

/* All peers have gone, or had their time. */
static void
check_stop(struct server *s)
{
	struct connection *c;

	if (!s->stopping)
		return;
	if (s->clock.real >= s->stop_by)
		while ((c = TAILQ_FIRST(&s->connections)) != NULL)
			connection_kill(c);
	s->stopped = TAILQ_EMPTY(&s->connections) &&
	    TAILQ_EMPTY(&s->jobs) && TAILQ_EMPTY(&s->disowning);
}

/* The loop thread's own time: waiting does not count, nor do other programs. */
static void
measure(struct server *s)
{
	struct timespec t;
	uint64_t now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	now = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	if (s->stats.turns > 0 && now - s->cpu_us > s->stats.longest_turn_us)
		s->stats.longest_turn_us = now - s->cpu_us;
	s->cpu_us = now;
	s->stats.turns++;
}

/* Nobody but commands. */
static void
end_quiet_turn(struct server *s)
{
	size_t answers = TURN_BUDGET;

	server_tick(s);
	s->control_busy = control_turn(s->control, &answers);
	control_keep(s->control, UINT64_MAX);
	log_flush(0);
	s->clocked = false;
}

static void
end_turn(struct server *s)
{
	size_t reap = REAP_BUDGET, answers = TURN_BUDGET;

	server_tick(s);
	run_jobs(s);
	disown(s);
	log_exchange_turn(s);
	run_queues(s);
	journal_reap(&s->journal, &reap, server_committed);
	take_loads(s);
	hasher_turn(s->hasher);
	s->control_busy = control_turn(s->control, &answers);
	watch_store(s);
	pressure_turn(&s->pressure, s->clock.real, s->io.bytes_in);
	release_held(s);
	hurry_leaving(s);
	journal_turn(&s->journal, s->clock.real, server_hand_over);
	keep_promises(s);
	control_keep(s->control, journal_committed(&s->journal));
	io_flush(&s->io);
	check_stop(s);
	free_dead(s);
	if (s->writer.size > WRITER_KEPT)
		writer_fini(&s->writer);
	log_flush(0);
	set_timer(s);
	measure(s);
	s->clocked = false;
	if (s->stopped && s->resting) {
		server_sleep(s);
		s->control_busy = true; /* who asked for it is told */
	}
}

/* Those with input left over are served before new input is taken. */
bool
server_turn(struct server *s, bool wait)
{
	if (busy(s))
		wait = false;
	s->budget = TURN_BUDGET;
	s->expiry_budget = EXPIRY_BUDGET;
	serve_ready(s);
	event_base_loop(s->base, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK));
	if (s->down)
		end_quiet_turn(s);
	else
		end_turn(s);
	return busy(s);
}

int
server_run(struct server *s)
{
	set_timer(s); /* an alarm may be set already */
	while (!s->stopped)
		server_turn(s, true);
	return s->status;
}

static void
close_listeners(struct server *s)
{
	struct listener *l;

	s->closed_count = 0;
	while ((l = TAILQ_FIRST(&s->listeners)) != NULL) {
		s->closed = xrealloc(
		    s->closed, (s->closed_count + 1) * sizeof *s->closed);
		s->closed[s->closed_count++] = listener_place(l);
		TAILQ_REMOVE(&s->listeners, l, link);
		log_info("stopped TCP listener on %s:%u", l->host, l->port);
		listener_close(l);
	}
}

static void
begin_stop(struct server *s)
{
	struct connection *c, *next;

	s->stopping = true;
	clock_update(&s->clock); /* the last turn may be long ago */
	s->stop_by = s->clock.real + STOP_MS;
	close_listeners(s);
	for (c = TAILQ_FIRST(&s->connections); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		connection_force(c,
		    "broker forced connection closure with reason 'shutdown'");
	}
}

void
server_rest(struct server *s)
{
	if (s->stopping || s->down)
		return;
	log_info("Leveret is asked to rest");
	s->resting = true;
	begin_stop(s);
}

void
server_stop(struct server *s)
{
	bool begun = s->stopping;

	if (begun && !s->resting)
		return;
	log_info("Leveret is asked to stop");
	s->resting = false;
	if (s->down)
		s->stopped = true;
	else if (!begun)
		begin_stop(s);
}

/* --- events -------------------------------------------------------------------------------- */

void
server_on_wake(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	if (read(fd, &n, sizeof n) < 0 && errno != EAGAIN)
		log_warn("eventfd");
}

/* Nothing to do but to have a turn. */
void
server_on_timer(evutil_socket_t fd, short what, void *arg)
{
}

/* On the committer's thread. */
void
server_wake(void *arg)
{
	struct server *s = arg;
	uint64_t one = 1;

	if (write(s->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
		log_warn("eventfd");
}
