/* sqlite.c - the store on SQLite: opening, restoring, errors, closing. */
#include "persistence/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amqp/xalloc.h"

/* --- errors --------------------------------------------------------------- */

/* A disk without room says so in several ways. A sync that fails for lack of
 * room has written who knows what: that is an IO error. */
static bool
is_full(sqlite3 *db, int rc)
{
	int error = db != NULL ? sqlite3_system_errno(db) : 0;

	return (rc & 0xff) == SQLITE_FULL ||
	       ((rc & 0xff) == SQLITE_IOERR && rc != SQLITE_IOERR_FSYNC &&
		   (error == ENOSPC || error == EDQUOT));
}

/* Another program that holds the database makes us wait as a full disk does:
 * nothing was applied. */
static enum store_status
kind_of(sqlite3 *db, int rc)
{
	if (is_full(db, rc))
		return STORE_FULL;
	switch (rc & 0xff) {
	case SQLITE_OK:
		return STORE_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return STORE_FULL;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_NOMEM:
	case SQLITE_PROTOCOL:
		return STORE_IO;
	default:
		return STORE_BROKEN;
	}
}

enum store_status
status_of(const struct connection *c, int rc, char *error, size_t size)
{
	int number = c->db != NULL ? sqlite3_system_errno(c->db) : 0;
	const char *system = (rc & 0xff) == SQLITE_IOERR ||
				     (rc & 0xff) == SQLITE_FULL ||
				     (rc & 0xff) == SQLITE_CANTOPEN
				 ? strerror(number)
				 : "";

	snprintf(error, size, "the store: %s%s%s (%d)", sqlite3_errstr(rc),
	    *system != '\0' && number != 0 ? ": " : "",
	    number != 0 ? system : "", rc);
	return kind_of(c->db, rc);
}

/* --- opening -------------------------------------------------------------- */

static int
read_meta(struct sqlite_store *s, uint64_t *seq)
{
	struct connection *c = &s->writer;
	sqlite3_stmt *st = connection_ask(c, ST_META_GET, "");
	int rc = connection_step(c, st);

	if (rc == SQLITE_ROW) {
		*seq = (uint64_t)sqlite3_column_int64(st, 0);
		s->last_lane = (uint64_t)sqlite3_column_int64(st, 1);
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW    ? SQLITE_OK
	       : rc == SQLITE_DONE ? SQLITE_CORRUPT
				   : rc;
}

/* Called by SQLite after each commit. */
static int
note_log(void *arg, sqlite3 *db, const char *name, int pages)
{
	((struct sqlite_store *)arg)->log_pages = pages;
	return SQLITE_OK;
}

static int
connect_writer(struct sqlite_store *s, uint64_t *seq, char *why, size_t size)
{
	int rc = connection_open(&s->writer, s->path);

	*why = '\0';
	if (rc == SQLITE_OK)
		rc = schema_settle(s->writer.db, why, size);
	if (rc == SQLITE_OK)
		sqlite3_wal_hook(s->writer.db, note_log, s);
	s->littered = true;
	return rc == SQLITE_OK ? read_meta(s, seq) : rc;
}

/* Only one may have the folder: a second broker would deliver everything twice.
 * The lock goes with the process. */
static bool
lock_folder(struct sqlite_store *s, const char *dir, char *error, size_t size)
{
	s->folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->folder < 0)
		snprintf(error, size, "the data folder %s cannot be opened: %s",
		    dir, strerror(errno));
	else if (flock(s->folder, LOCK_EX | LOCK_NB) != 0)
		snprintf(error, size,
		    "the data folder %s is used by another process", dir);
	else
		return true;
	return false;
}

/* There are hashes of passwords in it, and what was published: whatever the folder
 * lets others do, it is for one user alone. SQLite gives its log the same mode. */
static void
make_private(const struct sqlite_store *s)
{
	int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

static bool
connect_first(struct sqlite_store *s, char *error, size_t size)
{
	char why[256];
	int rc;

	make_private(s);
	rc = connect_writer(s, &s->base, why, sizeof why);
	if (rc == SQLITE_OK)
		return true;
	if (*why == '\0')
		status_of(&s->writer, rc, why, sizeof why);
	if ((rc & 0xff) == SQLITE_CORRUPT ||
	    ((rc & 0xff) == SQLITE_NOTADB && strncmp(why, "it ", 3) != 0))
		snprintf(why, sizeof why,
		    "it is damaged (%s): restore a copy or move it away",
		    sqlite3_errstr(rc));
	snprintf(error, size, "%s cannot be used: %s", s->path, why);
	return false;
}

static struct sqlite_store *
store_new(const char *dir)
{
	struct sqlite_store *s = xcalloc(1, sizeof *s);

	s->path = xasprintf("%s/leveret.db", dir);
	s->log_path = xasprintf("%s/leveret.db-wal", dir);
	s->folder = -1;
	pthread_mutex_init(&s->reading, NULL);
	pthread_mutex_init(&s->checkpointer.lock, NULL);
	pthread_mutex_init(&s->checkpointer.working, NULL);
	pthread_cond_init(&s->checkpointer.wanted_or_stop, NULL);
	return s;
}

static void
store_free(struct sqlite_store *s)
{
	connection_close(&s->reader);
	connection_close(&s->checkpointer.connection);
	connection_close(&s->writer);
	if (s->folder >= 0)
		close(s->folder);
	pthread_mutex_destroy(&s->reading);
	pthread_mutex_destroy(&s->checkpointer.lock);
	pthread_mutex_destroy(&s->checkpointer.working);
	pthread_cond_destroy(&s->checkpointer.wanted_or_stop);
	free(s->path);
	free(s->log_path);
	free(s);
}

/* --- after an IO error ---------------------------------------------------- */

/* When a sync fails, the kernel may count the pages as written and never try
 * again, while reading them shows what should have been there. So all of the
 * log is written once more before anything in it is believed. */
static int
rewrite_log(const char *path)
{
	enum { PIECE = 256 * 1024 };
	char *piece = xmalloc(PIECE);
	off_t at = 0;
	ssize_t n = 0;
	int fd = open(path, O_RDWR | O_CLOEXEC), rc = 0;

	if (fd < 0) {
		free(piece);
		return errno == ENOENT ? 0 : -1;
	}
	while (rc == 0 && (n = pread(fd, piece, PIECE, at)) > 0) {
		rc = pwrite(fd, piece, (size_t)n, at) == n ? 0 : -1;
		at += n;
	}
	if (rc != 0 || n < 0 || fsync(fd) != 0)
		rc = -1;
	close(fd);
	free(piece);
	return rc;
}

/* The database is read anew from what is on the disk, which also says whether
 * the last batch is in it. */
static enum store_status
reconnect(struct sqlite_store *s)
{
	uint64_t seq = 0;
	int rc;

	connection_close(&s->reader);
	connection_close(&s->checkpointer.connection);
	connection_close(&s->writer);
	if (rewrite_log(s->log_path) != 0) {
		snprintf(s->error, sizeof s->error, "%s: %s", s->log_path,
		    strerror(errno));
		return STORE_IO;
	}
	rc = connect_writer(s, &seq, s->error, sizeof s->error);
	if (rc != SQLITE_OK)
		return status_of(&s->writer, rc, s->error, sizeof s->error);
	s->seq = seq - s->base;
	s->suspect = false;
	return STORE_OK;
}

enum store_status
store_reconnect(struct sqlite_store *s)
{
	enum store_status status;

	pthread_mutex_lock(&s->reading);
	pthread_mutex_lock(&s->checkpointer.working);
	status = reconnect(s);
	pthread_mutex_unlock(&s->checkpointer.working);
	pthread_mutex_unlock(&s->reading);
	return status;
}

/* --- the operations ------------------------------------------------------- */

static int
restore_lanes(struct connection *c, const struct store_visitor *v)
{
	sqlite3_stmt *st = connection_ask(c, ST_LANES, "");
	struct lane_state l;
	int rc;

	while ((rc = connection_step(c, st)) == SQLITE_ROW) {
		uint64_t *to[] = {&l.lane, &l.count, &l.bytes, &l.first,
		    &l.next_position, &l.delivered_to, &l.noted};
		for (int i = 0; i < 7; i++)
			*to[i] = (uint64_t)sqlite3_column_int64(st, i);
		l.next_deadline = sqlite3_column_int64(st, 7);
		v->lane(v->arg, &l);
	}
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static enum store_status
sqlite_restore(
    struct store *store, const struct store_visitor *v, uint64_t *last_lane)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	int rc = connection_do(&s->writer, ST_SNAPSHOT, "");

	for (int kind = 0; kind < DEFINITION_KINDS && rc == SQLITE_OK; kind++)
		rc = connection_definitions(&s->writer, kind, v);
	if (rc == SQLITE_OK)
		rc = restore_lanes(&s->writer, v);
	if (rc == SQLITE_OK)
		rc = connection_do(&s->writer, ST_COMMIT, "");
	*last_lane = s->last_lane;
	return rc == SQLITE_OK
		   ? STORE_OK
		   : status_of(&s->writer, rc, s->error, sizeof s->error);
}

static uint64_t
file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static uint64_t
sqlite_size(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;

	return file_size(s->path) + file_size(s->log_path);
}

static const char *
sqlite_error(struct store *store)
{
	return ((struct sqlite_store *)store)->error;
}

static void
sqlite_close(struct store *store)
{
	struct sqlite_store *s = (struct sqlite_store *)store;

	checkpointer_stop(s);
	store_free(s);
}

static const struct store_ops sqlite_ops = {
    .name = "sqlite",
    .apply = sqlite_apply,
    .load = sqlite_load,
    .restore = sqlite_restore,
    .maintain = sqlite_maintain,
    .size = sqlite_size,
    .error = sqlite_error,
    .close = sqlite_close,
};

struct store *
store_sqlite_open(const char *dir, char *error, size_t size)
{
	struct sqlite_store *s = store_new(dir);

	s->store.ops = &sqlite_ops;
	if (lock_folder(s, dir, error, size) && connect_first(s, error, size)) {
		if (checkpointer_start(s))
			return &s->store;
		snprintf(error, size, "the store has no thread: %s",
		    strerror(errno));
	}
	store_free(s);
	return NULL;
}

bool
store_sqlite_remove(const char *dir)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	bool removed = true;

	for (size_t i = 0; removed && i < sizeof ends / sizeof *ends; i++) {
		char *path = xasprintf("%s/leveret.db%s", dir, ends[i]);

		removed = unlink(path) == 0 || errno == ENOENT;
		free(path);
	}
	return removed;
}
