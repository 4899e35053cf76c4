/* server.h - owns the loop, listeners, vhosts and the journal; runs turns. */
#ifndef BROKER_SERVER_H
#define BROKER_SERVER_H

#include <sys/queue.h>

#include <event2/event.h>

#include "amqp/names.h"
#include "broker/auth.h"
#include "broker/clock.h"
#include "broker/config.h"
#include "broker/envelope.h"
#include "broker/journal.h"
#include "broker/lane.h"
#include "broker/pressure.h"
#include "broker/trace.h"
#include "broker/transport.h"
#include "exchanges/router.h"

struct channel;
struct connection;
struct control;
struct delayed;
struct hasher;
struct listener;
struct queue;
struct ssl_ctx_st;
struct vhost;

/* A walk over something large, done in slices: step uses up to *budget units
 * and tells whether it is done; then it frees itself. */
struct job {
	bool (*step)(struct job *, size_t *budget);
	struct connection *asker; /* suspended until it is done, or NULL */
	bool parked; /* set by step: no more slices until server_unpark */
	TAILQ_ENTRY(job) link;
};

struct stats {
	uint64_t turns, longest_turn_us;
	uint64_t slices; /* of jobs */
	uint64_t published, delivered, acked, confirmed, returned;
	uint64_t connections_opened, connections_closed;
	uint64_t logins, logins_refused; /* since that was last reset */
};

struct server {
	struct event_base *base;
	struct io io;
	struct config *config;
	struct clock clock;
	bool clocked; /* it was read in this turn */
	struct auth *auth;
	struct hasher *hasher;
	struct vhost_defaults *vhost_defaults; /* for new ones */
	struct ssl_ctx_st *tls; /* for new connections; NULL: no listener */
	struct store *store;
	struct journal journal;
	struct lane_mark mark;
	struct pressure pressure;
	struct control *control;
	bool control_busy; /* it has more to say at once */
	struct names vhosts;
	struct names reply_consumers; /* by the names they were given */
	struct names global_parameters;
	uint64_t last_lane;  /* ids given to lanes */
	uint64_t generation; /* of topology and permissions, for caches */
	struct route route;  /* used again for each publication */
	struct copies copies; /* of its keys; the same */
	uint32_t last_id;    /* of connections */
	unsigned connection_count;
	unsigned open_connections; /* of them those in a vhost */
	unsigned channel_count;
	uint64_t changed_seq; /* batch the current method's answer waits for */
	uint64_t stored_seq;  /* batch of the last change that answers tell of */
	size_t budget;	      /* units left this turn */
	size_t expiry_budget; /* entries that may expire in it */
	struct writer writer; /* for encoding one thing at a time */

	TAILQ_HEAD(connection_list, connection) connections;
	struct connection_list ready; /* have input left */
	struct connection_list held;	/* publishers that must wait */
	struct connection_list leaving; /* close-ok waits for the disk */
	struct connection_list disowning; /* ended, with queues left */
	struct connection_list dead;
	TAILQ_HEAD(, queue) runnable;
	TAILQ_HEAD(, queue) deleted_queues; /* something holds them yet */
	TAILQ_HEAD(, queue) dead_queues;
	TAILQ_HEAD(job_list, job) jobs;
	struct job_list parked; /* wait for something that is no turn */
	LIST_HEAD(, delayed) delayed; /* what exchanges hold back */
	TAILQ_HEAD(, channel) owing; /* channels with promises */
	size_t tags_owed; /* deliveries that wait for the disk */
	TAILQ_HEAD(, listener) listeners;
	struct event *wake;  /* the committer has something */
	struct event *timer; /* the open batch grows old; an alarm may end */
	int wake_fd, lock_fd;
	bool stopping, stopped;
	bool resting; /* it stops, but the process and its socket stay */
	bool down;    /* it did: there are no store, vhosts, users, listeners */
	struct listener_place *closed; /* where they were then */
	size_t closed_count;
	int64_t stop_by; /* real time: then no peer is waited for any more */
	int status;	 /* to exit with */
	struct load *failed; /* loads to be tried again at: */
	int64_t retry_at;
	struct carrier *carrier; /* of dead letters, while there are some */
	uint64_t letters_posted, letters_carried; /* since the start */
	struct stats stats;
	unsigned traced_count; /* vhosts that are traced */
	struct traces traces;
	uint64_t cpu_us;      /* the loop thread's, at the last turn */
	const char *dir;      /* the data folder */
	bool ephemeral;
	int64_t started_at;
};

/* Opens the store in dir (or one that forgets), takes back what it knows, and
 * opens listeners. dir is borrowed. NULL after having said why not. */
struct server *server_new(
    struct config *, const char *dir, bool ephemeral);

/* Accepts from now on, and says so. */
void server_start(struct server *);

/* Writes a line "name port" for each listener. False with errno. */
bool server_write_ports(const struct server *, const char *path);

/* Reads certificates and keys again, for connections that come from now on;
 * what cannot be used is logged and changes nothing. */
void server_reload(struct server *);

/* One turn. With nothing left to do it first waits for an event, if it may. True
 * if something is left to be done in the next. */
bool server_turn(struct server *, bool wait);

/* Runs until server_stop. Returns the exit status. */
int server_run(struct server *);

/* Tells all connections 320, commits, and ends the run. */
void server_stop(struct server *);
void server_free(struct server *);

/* The same, but for the loop and the control socket: when all connections have
 * gone the server is down, and only commands are served. */
void server_rest(struct server *);

/* What the loop does then. */
void server_sleep(struct server *);

/* Takes back from the store what it knows, as after a restart, and opens the
 * listeners where they were. False, and down as before, after having logged why
 * not. */
bool server_awake(struct server *);

/* While it is down: the store is empty from now on. False with errno. */
bool server_forget(struct server *);

struct vhost *server_vhost(const struct server *, struct bytes name);

/* Runs the job in slices from the next turn on. asker, if any, is suspended
 * meanwhile. */
void server_add_job(struct server *, struct job *, struct connection *asker);

/* What a parked job waited for has come. */
void server_unpark(struct server *, struct job *);

/* Reads the clock, once in a turn: whoever is first. */
static inline void
server_tick(struct server *s)
{
	if (s->clocked)
		return;
	clock_update(&s->clock);
	s->clocked = true;
}

/* So much of a budget is used up. */
static inline void
budget_spend(size_t *budget, size_t units)
{
	*budget -= units < *budget ? units : *budget;
}

/* Reads it again, for what has come since: a time to wait or to live must not
 * begin before its message came, or it would end too soon. */
static inline void
server_tick_again(struct server *s)
{
	clock_update(&s->clock);
	s->clocked = true;
}

/* So much of the turn is used up. */
static inline void
server_spend(struct server *s, size_t units)
{
	budget_spend(&s->budget, units);
}

/* The exchanges' or the rights' answer may have changed. */
static inline void
server_changed(struct server *s)
{
	s->generation++;
}

/* What the method being handled does is stored with the open batch: its answer
 * waits for that. */
static inline void
server_stored(struct server *s)
{
	s->changed_seq = s->stored_seq = s->journal.seq;
}

/* It found what it asked for done already: by somebody else, perhaps, whose
 * change is not yet safe. The answer waits for that as well. */
static inline void
server_found(struct server *s)
{
	s->changed_seq = s->stored_seq;
}

/* Must publishers wait for the disk for a moment? */
static inline bool
server_behind(const struct server *s)
{
	size_t most = s->pressure.backlog;

	return journal_unsaved(&s->journal) >
	    (s->tags_owed > 0 ? most / 16 : most);
}

/* Must what an exchange lets go wait for it as well? Publishers stop long before,
 * so that they do not make it late. */
static inline bool
server_far_behind(const struct server *s)
{
	return journal_unsaved(&s->journal) > 2 * s->pressure.backlog;
}

/* Must they wait for that, or until an alarm ends? */
static inline bool
server_pressed(const struct server *s)
{
	return s->pressure.alarms != 0 || server_behind(s);
}

/* For the journal: before a lane's change is handed over, and after it is
 * committed. */
void server_hand_over(struct lane_change *);
void server_committed(struct lane_change *);

/* Events of the loop: the committer has something; time has passed. wake may be
 * called on any thread. */
void server_on_wake(evutil_socket_t, short, void *);
void server_on_timer(evutil_socket_t, short, void *);
void server_wake(void *);

#endif
