/* sqlite.h - what the files of the SQLite store know of each other.
 *
 * Three connections to one database: the writer (apply, maintain and restore,
 * one thread at a time), the reader (loads) and the checkpointer (a thread of
 * its own, see sqlite_care.c). The last two are opened when first needed, and
 * each has a lock that is held while it works: whoever has both may close all
 * and open again.
 *
 * The schema, version 1 (sqlite_schema.c has the words):
 *
 *	meta		one row: last seq, highest lane id ever used
 *	lane		what lane_change says of each lane
 *	note		numbers kept beside entries
 *	pack		runs of entries: (lane, first) and which still live
 *	chunk		the bytes of packs, and bodies that are kept apart
 *	body, share	how many entries need a body that is kept apart
 *	timed		entries of timed lanes, a row each, by deadline
 *	garbage		ranges of lanes whose rows are yet to be deleted
 *	vhost, user ...	a table for each row of definitions.def */
#ifndef PERSISTENCE_SQLITE_H
#define PERSISTENCE_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>

#include "amqp/wire.h"
#include "persistence/definition.h"
#include "persistence/store.h"

enum {
	PACK_BYTES = 64 * 1024, /* a pack is closed before it gets longer */
	PACK_SPAN = 4096,       /* positions: so many bits has its bitmap */
	BODY_SHARED = 4096,     /* a longer body is kept once for all lanes */
	BODY_APART = 32 * 1024, /* a longer one is never copied into a pack */
	TIMED_IN_A_SLICE = 256, /* rows deleted at once */
	LOG_BYTES = 32 << 20,   /* the log is begun anew when it is longer */
};

/* Positions and ids are below 2^63; a range may say more. */
static inline int64_t
sqlite_int(uint64_t v)
{
	return v < INT64_MAX ? (int64_t)v : INT64_MAX;
}

/* --- statements ---------------------------------------------------------- */

/* clang-format off */
#define SQLITE_STATEMENTS(X) \
	X(BEGIN, "BEGIN IMMEDIATE") \
	X(SNAPSHOT, "BEGIN") \
	X(COMMIT, "COMMIT") \
	X(ROLLBACK, "ROLLBACK") \
	X(META_GET, "SELECT seq, last_lane FROM meta") \
	X(META_SET, "UPDATE meta SET seq = ?, last_lane = ?") \
	X(LANES, "SELECT id, count, bytes, first, next_position," \
	    " delivered_to, noted, coalesce((SELECT min(min_deadline) FROM pack" \
	    " WHERE pack.lane = lane.id AND min_deadline > 0), 0)" \
	    " FROM lane ORDER BY id") \
	X(LANE_SET, "INSERT OR REPLACE INTO lane VALUES (?, ?, ?, ?, ?, ?, ?)") \
	X(LANE_DROP, "DELETE FROM lane WHERE id = ?") \
	X(NOTE_SET, "INSERT INTO note VALUES (?, ?, ?) ON CONFLICT DO UPDATE" \
	    " SET value = max(value, excluded.value)") \
	X(NOTE_GET, "SELECT value FROM note WHERE lane = ? AND position = ?") \
	X(NOTES_DROP, "DELETE FROM note WHERE lane = ?1 AND position IN" \
	    " (SELECT position FROM note WHERE lane = ?1" \
	    " AND position BETWEEN ?2 AND ?3 LIMIT ?4)") \
	X(CHUNK_ADD, "INSERT INTO chunk (data) VALUES (?)") \
	X(CHUNK_GET, "SELECT data FROM chunk WHERE id = ?") \
	X(BODY_ADD, "INSERT INTO body VALUES (?, ?)") \
	X(SHARE_ADD, "INSERT INTO share VALUES (?, ?, ?)") \
	X(SHARE_DROP, "DELETE FROM share WHERE chunk = ?" \
	    " AND position BETWEEN ? AND ?") \
	X(PACK_ADD, "INSERT INTO pack VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
	X(PACK_BEFORE, "SELECT first, last, chunk, live, shared, alive" \
	    " FROM pack WHERE lane = ? AND first <= ?" \
	    " ORDER BY first DESC LIMIT 1") \
	X(PACK_FROM, "SELECT first, last, chunk, live, shared, alive" \
	    " FROM pack WHERE lane = ?1 AND last >= ?2 AND first >= coalesce(" \
	    "(SELECT max(first) FROM pack WHERE lane = ?1 AND first <= ?2), ?2)" \
	    " ORDER BY first LIMIT 1") \
	X(PACKS_DUE, "SELECT first, last, chunk, live, shared, alive," \
	    " min_deadline FROM pack WHERE lane = ?1 AND min_deadline > 0" \
	    " AND (min_deadline, first) > (?4, ?5) AND first <= ?3 AND last >= ?2 ORDER BY min_deadline, first") \
	X(PACK_DEFER, "UPDATE pack SET min_deadline = ?3" \
	    " WHERE lane = ?1 AND first = ?2") \
	X(PACK_SET, "UPDATE pack SET live = ?3, alive = ?4" \
	    " WHERE lane = ?1 AND first = ?2") \
	X(PACK_DROP, "DELETE FROM pack WHERE lane = ? AND first = ?") \
	X(PACKS_SLICE, "SELECT count(*), max(last) FROM (SELECT last FROM pack" \
	    " WHERE lane = ?1 AND first BETWEEN ?2 AND ?3 AND last <= ?3" \
	    " ORDER BY first LIMIT ?4)") \
	X(PACKS_DROP, "DELETE FROM pack WHERE lane = ?1" \
	    " AND first BETWEEN ?2 AND ?3 AND last <= ?3") \
	X(TIMED_ADD, "INSERT INTO timed VALUES (?, ?, ?, ?, ?, ?, ?)") \
	X(TIMED_TAKE, "DELETE FROM timed WHERE lane = ? AND deadline = ?" \
	    " AND position = ?") \
	X(TIMED_AFTER, "SELECT deadline, position, names, props, body, bcc" \
	    " FROM timed WHERE lane = ? AND (deadline, position) > (?, ?)" \
	    " ORDER BY deadline, position") \
	X(TIMED_SLICE, "DELETE FROM timed WHERE lane = ?1 AND" \
	    " (deadline, position) IN (SELECT deadline, position FROM timed" \
	    " WHERE lane = ?1 ORDER BY deadline, position LIMIT ?2)") \
	X(GARBAGE_ADD, "INSERT INTO garbage VALUES (?, ?, ?)" \
	    " ON CONFLICT DO UPDATE SET last = max(last, excluded.last)") \
	X(GARBAGE_ANY, "SELECT lane, first, last FROM garbage LIMIT 1") \
	X(GARBAGE_DROP, "DELETE FROM garbage WHERE lane = ? AND first = ?") \
	X(GARBAGE_OF, "SELECT 1 FROM garbage WHERE lane = ? LIMIT 1") \
	X(GARBAGE_AT, "SELECT max(last) FROM garbage WHERE lane = ?1" \
	    " AND first <= ?2 AND last >= ?2") \
	X(FREE_PAGES, "SELECT * FROM pragma_freelist_count(), " \
	    "pragma_page_count()") \
	X(VACUUM, "PRAGMA incremental_vacuum")
/* clang-format on */

enum sqlite_statement {
#define X(name, text) ST_##name,
	SQLITE_STATEMENTS(X)
#undef X
	    STATEMENTS
};

/* A connection and its statements, each prepared when first needed. */
struct connection {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	sqlite3_stmt *put[DEFINITION_KINDS], *remove[DEFINITION_KINDS];
};

/* Opens with all settings made; SQLITE_OK or the trouble, and the connection
 * must be closed in either case. */
int connection_open(struct connection *, const char *path);
void connection_close(struct connection *);

/* The statement, ready to be stepped, with its parameters bound as types says:
 * i (uint64_t) b (struct bytes, a blob). What is borrowed must stay until the
 * statement is reset. NULL if it cannot be prepared. */
sqlite3_stmt *connection_ask(
    struct connection *, enum sqlite_statement, const char *types, ...);

/* Its next row: SQLITE_ROW, SQLITE_DONE or the trouble, that of preparing it
 * too. Who stops before the end resets it. */
int connection_step(struct connection *, sqlite3_stmt *);

/* The same, run to its end: SQLITE_OK or the trouble. */
int connection_do(
    struct connection *, enum sqlite_statement, const char *types, ...);

/* Puts or removes one definition. */
int connection_define(
    struct connection *, const struct definition *, bool remove);

/* Tells the definitions of one kind. */
int connection_definitions(
    struct connection *, enum definition_kind, const struct store_visitor *);

/* A column as a borrowed run of bytes. */
struct bytes column_bytes(sqlite3_stmt *, int column);

/* Makes the schema in an empty database, or sees that it is ours and of this
 * version. SQLITE_OK; or the trouble, perhaps with a sentence in error. */
int schema_settle(sqlite3 *, char *error, size_t size);

/* --- packs --------------------------------------------------------------- */

/* A pack being written: its entries one behind the other, names and properties
 * only where they differ from those of the entry before. */
struct pack_writer {
	struct writer data;
	uint64_t first, last;
	size_t count, shared;
	int64_t min_deadline;           /* 0: none */
	const struct message *previous; /* borrowed */
	uint8_t alive[PACK_SPAN / 8];
};

void pack_begin(struct pack_writer *, uint64_t first);

/* Would the pack become too long with so many bytes of body, or reach too far?
 */
bool pack_full(const struct pack_writer *, uint64_t position, size_t body);

/* Adds an entry; body is the chunk with its body, 0 if that goes here. */
void pack_add(
    struct pack_writer *, uint64_t position, const struct put *, uint64_t body);

/* The bitmap, one bit for each position; empty if all of them hold something.
 */
struct bytes pack_alive(const struct pack_writer *);

struct pack_entry {
	uint64_t position;
	int64_t deadline;
	struct bytes names, props, bcc, body;
	uint64_t apart;     /* the chunk with the body, or 0 */
	uint64_t body_size; /* wherever it is */
};

/* Reads the next entry; false at the end, or where the bytes make no sense:
 * then r->bad. Start with pack_open and a zeroed entry but for its position:
 * the pack's first. */
struct reader pack_open(struct bytes data);
bool pack_next(struct reader *, struct pack_entry *);

/* --- the store ----------------------------------------------------------- */

/* Wakes a thread that carries the log into the database, see sqlite_care.c. */
struct checkpointer {
	pthread_t thread;
	pthread_mutex_t lock; /* of wanted and stop */
	pthread_cond_t wanted_or_stop;
	bool wanted, stop;
	pthread_mutex_t working; /* held while the connection is used */
	struct connection connection;
};

struct sqlite_store {
	struct store store;
	char *path, *log_path;
	int folder; /* locked */
	struct connection writer;
	uint64_t base;      /* seq in the file when it was opened: the numbers
			     * of this run are added to it */
	uint64_t seq;       /* of the last batch that was applied */
	uint64_t last_lane; /* as in the file */
	bool suspect;       /* an IO error: open again before anything else */
	bool littered;      /* there may be garbage */
	int log_pages;      /* in the log after the last commit */
	int asked_pages;    /* when a checkpoint was last asked for */
	int changes_seen;   /* when free pages were last counted */
	int64_t vacuum_at;  /* not before; monotonic microseconds */
	char error[256];

	pthread_mutex_t reading; /* held while the reader is used */
	struct connection reader;
	struct checkpointer checkpointer;
};

/* What a return code means; with a sentence about it in error, if that is not
 * NULL. */
enum store_status status_of(
    const struct connection *, int rc, char *error, size_t size);

enum store_status sqlite_apply(struct store *, const struct batch *);
void sqlite_load(struct store *, struct load *);
int64_t sqlite_maintain(struct store *);

/* The first packs wholly inside a range, at most limit: how many they are, and
 * the last position of the last. */
int packs_slice(struct connection *, uint64_t lane, uint64_t first,
    uint64_t last, uint64_t limit, uint64_t *count, uint64_t *behind);

/* Entries of timed lanes: what a batch does to one, what a load asks for, and
 * the first rows of a lane that goes (more tells whether there may be others). */
int timed_write(struct connection *, const struct lane_change *);
int timed_load(struct connection *, struct load *);
int timed_drop_slice(struct connection *, uint64_t lane, bool *more);

/* Drops the notes beside the entries of a range; *more if there were too many
 * for once. */
int notes_drop(struct connection *, uint64_t lane, uint64_t first,
    uint64_t last, bool *more);

/* After an IO error: closes all, makes sure of the log, and opens again. */
enum store_status store_reconnect(struct sqlite_store *);

/* False if there can be no thread; then it must not be stopped. */
bool checkpointer_start(struct sqlite_store *);
void checkpointer_stop(struct sqlite_store *);

/* After a commit: asks for a checkpoint if one is due, or lets it finish. */
void checkpoint_if_due(struct sqlite_store *);

#endif
