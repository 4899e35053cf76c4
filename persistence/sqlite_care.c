/* sqlite_care.c - what keeps the database small and the log short.
 *
 * Checkpoints: a thread carries the log into the database beside the commits
 * (PASSIVE: it blocks nobody). Alone it would let the log grow for ever, since
 * there is always a commit behind the one it has carried over; so when the log
 * has reached LOG_BYTES the committer waits for the thread, carries over the
 * little that is left, and the log begins anew, in place: overwriting is
 * cheaper than growing. */
#include "persistence/sqlite.h"

#include <time.h>

enum {
	PAGE = 4096,
	PAGES_BETWEEN = (8 << 20) / PAGE, /* commits this much, then asks */
	PACKS_IN_A_SLICE = 16,
	FREE_PAGES_KEPT = (16 << 20) / PAGE,
	NOTES_IN_A_SLICE = 1024,
	CHANGES_BETWEEN = 256, /* rows, before the free pages are counted */
	VACUUM_US = 4000, /* and then the committer is free for the rest of */
	VACUUM_SHARE = 20, /* times as long */
};

/* --- checkpoints ---------------------------------------------------------- */

static void
checkpoint(struct sqlite_store *s)
{
	struct checkpointer *p = &s->checkpointer;
	struct connection *c = &p->connection;
	int rc = SQLITE_OK;

	pthread_mutex_lock(&p->working);
	if (c->db == NULL)
		rc = connection_open(c, s->path);
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_checkpoint_v2(
		    c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	/* The log stays as it was; the next checkpoint begins where the last
	 * good one ended. */
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		connection_close(c);
	pthread_mutex_unlock(&p->working);
}

static void *
run_checkpoints(void *arg)
{
	struct sqlite_store *s = arg;
	struct checkpointer *p = &s->checkpointer;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		if (!p->wanted) {
			pthread_cond_wait(&p->wanted_or_stop, &p->lock);
			continue;
		}
		p->wanted = false;
		pthread_mutex_unlock(&p->lock);
		checkpoint(s);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

bool
checkpointer_start(struct sqlite_store *s)
{
	return pthread_create(
		   &s->checkpointer.thread, NULL, run_checkpoints, s) == 0;
}

static void
signal_checkpointer(struct checkpointer *p, bool *what)
{
	pthread_mutex_lock(&p->lock);
	*what = true;
	pthread_cond_signal(&p->wanted_or_stop);
	pthread_mutex_unlock(&p->lock);
}

void
checkpointer_stop(struct sqlite_store *s)
{
	struct checkpointer *p = &s->checkpointer;

	signal_checkpointer(p, &p->stop);
	pthread_join(p->thread, NULL);
}

/* Carries over what the thread has not, and makes the next commit write to the
 * beginning of the log. Loads that read from the log are waited for: they are
 * short. */
static void
restart_log(struct sqlite_store *s)
{
	pthread_mutex_lock(&s->checkpointer.working);
	sqlite3_wal_checkpoint_v2(
	    s->writer.db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	pthread_mutex_unlock(&s->checkpointer.working);
}

void
checkpoint_if_due(struct sqlite_store *s)
{
	if (s->log_pages < s->asked_pages)
		s->asked_pages = 0; /* the log began anew */
	if (s->log_pages - s->asked_pages < PAGES_BETWEEN)
		return;
	s->asked_pages = s->log_pages;
	if (s->log_pages >= LOG_BYTES / PAGE)
		restart_log(s);
	else
		signal_checkpointer(&s->checkpointer, &s->checkpointer.wanted);
}

/* --- maintenance ---------------------------------------------------------- */

int
packs_slice(struct connection *c, uint64_t lane, uint64_t first, uint64_t last,
    uint64_t limit, uint64_t *count, uint64_t *behind)
{
	sqlite3_stmt *st =
	    connection_ask(c, ST_PACKS_SLICE, "iiii", lane, first, last, limit);
	int rc = connection_step(c, st);

	if (rc == SQLITE_ROW) {
		*count = (uint64_t)sqlite3_column_int64(st, 0);
		*behind = (uint64_t)sqlite3_column_int64(st, 1);
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int
notes_drop(struct connection *c, uint64_t lane, uint64_t first, uint64_t last,
    bool *more)
{
	int rc = connection_do(c, ST_NOTES_DROP, "iiii", lane, first, last,
	    (uint64_t)NOTES_IN_A_SLICE);

	*more = rc == SQLITE_OK &&
	    sqlite3_changes(c->db) == NOTES_IN_A_SLICE;
	return rc;
}

struct garbage {
	uint64_t lane, first, last;
};

static int
find_garbage(struct connection *c, struct garbage *g)
{
	sqlite3_stmt *st = connection_ask(c, ST_GARBAGE_ANY, "");
	int rc = connection_step(c, st);

	if (rc != SQLITE_ROW)
		return rc;
	g->lane = (uint64_t)sqlite3_column_int64(st, 0);
	g->first = (uint64_t)sqlite3_column_int64(st, 1);
	g->last = (uint64_t)sqlite3_column_int64(st, 2);
	sqlite3_reset(st);
	return rc;
}

/* The first packs and notes of a range, or the first entries of a timed lane;
 * the range goes with the last of them. */
static int
drop_slice(struct connection *c, const struct garbage *g)
{
	uint64_t count = 0, behind;
	bool more = false;
	int rc = packs_slice(
	    c, g->lane, g->first, g->last, PACKS_IN_A_SLICE, &count, &behind);

	if (rc == SQLITE_OK && count > 0)
		rc = connection_do(
		    c, ST_PACKS_DROP, "iii", g->lane, g->first, behind);
	if (rc == SQLITE_OK)
		rc = notes_drop(c, g->lane, g->first, g->last, &more);
	if (rc == SQLITE_OK && count == 0 && !more && g->last == INT64_MAX)
		rc = timed_drop_slice(c, g->lane, &more);
	if (rc == SQLITE_OK && count < PACKS_IN_A_SLICE && !more)
		rc = connection_do(c, ST_GARBAGE_DROP, "ii", g->lane, g->first);
	return rc;
}

/* Whether so much of the file is free that some should be given back. Asked
 * only when much has changed since it was not so. */
static bool
is_wasteful(struct sqlite_store *s)
{
	struct connection *c = &s->writer;
	int changes = sqlite3_total_changes(c->db);
	int64_t free_pages = 0, pages = 0;
	sqlite3_stmt *st;

	if (changes - s->changes_seen < CHANGES_BETWEEN)
		return false;
	st = connection_ask(c, ST_FREE_PAGES, "");
	if (connection_step(c, st) == SQLITE_ROW) {
		free_pages = sqlite3_column_int64(st, 0);
		pages = sqlite3_column_int64(st, 1);
		sqlite3_reset(st);
	}
	if (free_pages > FREE_PAGES_KEPT && free_pages > pages / 2)
		return true;
	s->changes_seen = changes;
	return false;
}

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

/* In how many milliseconds there is something to be done; -1: nothing is. */
static int64_t
next_work(struct sqlite_store *s)
{
	int64_t left = s->vacuum_at - now_us();

	if (s->littered)
		return 0;
	if (left > 0)
		return (left + 999) / 1000;
	return is_wasteful(s) ? 0 : -1;
}

/* Gives pages back for a moment, however many are free: SQLite may look through
 * them all to find where the last one can go. */
static int
vacuum(struct sqlite_store *s)
{
	sqlite3_stmt *st = connection_ask(&s->writer, ST_VACUUM, "");
	int64_t begin = now_us();
	int rc;

	do
		rc = connection_step(&s->writer, st);
	while (rc == SQLITE_ROW && now_us() - begin < VACUUM_US);
	if (rc == SQLITE_ROW)
		rc = sqlite3_reset(st);
	s->vacuum_at = now_us() + VACUUM_SHARE * (now_us() - begin);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
work(struct sqlite_store *s)
{
	struct connection *c = &s->writer;
	struct garbage g;
	int rc = find_garbage(c, &g);

	if (rc == SQLITE_ROW)
		return drop_slice(c, &g);
	s->littered = false;
	if (rc == SQLITE_DONE)
		rc = SQLITE_OK;
	return rc == SQLITE_OK && next_work(s) == 0 ? vacuum(s) : rc;
}

/* A transaction that does not wait for the disk: after a crash the work is done
 * again. */
static int
work_unsynced(struct sqlite_store *s)
{
	struct connection *c = &s->writer;
	int rc;

	sqlite3_exec(c->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	rc = connection_do(c, ST_BEGIN, "");
	if (rc == SQLITE_OK)
		rc = work(s);
	if (rc == SQLITE_OK)
		rc = connection_do(c, ST_COMMIT, "");
	if (!sqlite3_get_autocommit(c->db))
		connection_do(c, ST_ROLLBACK, "");
	sqlite3_exec(c->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
	return rc;
}

int64_t
sqlite_maintain(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	int64_t next = s->suspect ? -1 : next_work(s);
	int rc;

	if (next != 0)
		return next;
	rc = work_unsynced(s);
	if (rc != SQLITE_OK) {
		s->suspect = status_of(&s->writer, rc, s->error,
				 sizeof s->error) == STORE_IO;
		return -1;
	}
	checkpoint_if_due(s);
	/* Only a checkpoint makes the file itself shorter. */
	if (!s->littered && !is_wasteful(s))
		signal_checkpointer(&s->checkpointer, &s->checkpointer.wanted);
	return next_work(s);
}
