/* layout.c - what the store costs, beside the simplest layout there is: a row
 * for each message.
 *
 *	layout DIR packs|rows SIZE BATCH COUNT	puts all, then removes all
 *	layout DIR deep SIZE COUNT		fills, opens again, drains
 *
 * One lane, batches one after the other. The figures are microseconds, and
 * those of CPU are of all threads. DIR is a folder on the disk that is meant.
 */
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "persistence/store.h"

/* --- clocks and figures ----------------------------------------------------
 */

static double
wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double
cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static long
peak_mib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss / 1024;
}

struct laps {
	double *all, started, cpu_started;
	size_t count;
};

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
report(const char *what, struct laps *l, uint64_t messages)
{
	double t = wall() - l->started, c = cpu() - l->cpu_started;

	qsort(l->all, l->count, sizeof *l->all, compare);
	printf("%-8s %8.3f us/message %8.3f us CPU  commit p50 %7.0f p99 "
	       "%7.0f max %7.0f us\n",
	    what, t / (double)messages, c / (double)messages,
	    l->all[l->count / 2], l->all[l->count * 99 / 100],
	    l->all[l->count - 1]);
}

static void
laps_begin(struct laps *l, size_t size)
{
	free(l->all);
	l->all = xcalloc(size, sizeof *l->all);
	l->count = 0;
	l->started = wall();
	l->cpu_started = cpu();
}

/* --- the layout of a row for each message -----------------------------------
 */

struct rows {
	struct store store;
	sqlite3 *db;
	sqlite3_stmt *put, *remove, *lane, *begin, *commit;
};

static void
must(struct rows *r, int rc)
{
	if (rc == SQLITE_OK || rc == SQLITE_DONE)
		return;
	fprintf(stderr, "layout: %s\n", sqlite3_errmsg(r->db));
	exit(1);
}

static void
run(struct rows *r, sqlite3_stmt *st)
{
	must(r, sqlite3_step(st));
	sqlite3_reset(st);
}

static void
rows_put(struct rows *r, uint64_t position, const struct put *p)
{
	const struct message *m = p->message;
	struct bytes body = message_body(m);

	sqlite3_bind_int64(r->put, 2, (int64_t)position);
	sqlite3_bind_int64(r->put, 3, p->deadline);
	sqlite3_bind_blob(r->put, 4, message_names(m).p, m->names_size, NULL);
	sqlite3_bind_blob(
	    r->put, 5, message_props(m).p, (int)m->props_size, NULL);
	sqlite3_bind_blob64(r->put, 6, body.p, body.n, NULL);
	run(r, r->put);
}

static enum store_status
rows_apply(struct store *store, const struct batch *b)
{
	struct rows *r = (struct rows *)store;
	const struct lane_change *l = b->lanes;

	run(r, r->begin);
	for (size_t i = 0; i < l->removal_count; i++) {
		sqlite3_bind_int64(r->remove, 1, (int64_t)l->removals[i].first);
		sqlite3_bind_int64(r->remove, 2, (int64_t)l->removals[i].last);
		run(r, r->remove);
	}
	for (size_t i = 0; i < l->put_count; i++)
		rows_put(r, l->first_put + i, &l->puts[i]);
	sqlite3_bind_int64(r->lane, 1, (int64_t)b->seq);
	run(r, r->lane);
	run(r, r->commit);
	return STORE_OK;
}

static uint64_t
file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static uint64_t
rows_size(struct store *store)
{
	struct rows *r = (struct rows *)store;
	const char *path = sqlite3_db_filename(r->db, "main");

	return file_size(path) + file_size(sqlite3_filename_wal(path));
}

static void
rows_close(struct store *store)
{
	struct rows *r = (struct rows *)store;
	sqlite3_stmt *all[] = {r->put, r->remove, r->lane, r->begin, r->commit};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sqlite3_finalize(all[i]);
	sqlite3_close(r->db);
	free(r);
}

static const struct store_ops rows_ops = {
    .apply = rows_apply, .size = rows_size, .close = rows_close};

static sqlite3_stmt *
prepare(struct rows *r, const char *text)
{
	sqlite3_stmt *st;

	must(r, sqlite3_prepare_v2(r->db, text, -1, &st, NULL));
	return st;
}

static struct store *
rows_open(const char *dir)
{
	struct rows *r = xcalloc(1, sizeof *r);
	char *path = xasprintf("%s/rows.db", dir);

	r->store.ops = &rows_ops;
	must(r, sqlite3_open(path, &r->db));
	must(r, sqlite3_exec(r->db,
		    "PRAGMA auto_vacuum = INCREMENTAL;"
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		    "PRAGMA secure_delete = OFF; PRAGMA cache_size = -4096;"
		    "CREATE TABLE lane (id INTEGER PRIMARY KEY, seq);"
		    "CREATE TABLE entry (lane INTEGER, position INTEGER,"
		    " deadline INTEGER, names BLOB, props BLOB, body BLOB,"
		    " PRIMARY KEY (lane, position)) STRICT, WITHOUT ROWID;",
		    NULL, NULL, NULL));
	r->put = prepare(r, "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)");
	sqlite3_bind_int64(r->put, 1, 1);
	r->remove = prepare(
	    r, "DELETE FROM entry WHERE lane = 1 AND position BETWEEN ? AND ?");
	r->lane = prepare(r, "INSERT OR REPLACE INTO lane VALUES (1, ?)");
	r->begin = prepare(r, "BEGIN IMMEDIATE");
	r->commit = prepare(r, "COMMIT");
	free(path);
	return &r->store;
}

/* --- batches ----------------------------------------------------------------
 */

static struct message *
letter(size_t size)
{
	struct message *m = message_new(BYTES("amq.topic"),
	    BYTES("sensors.kitchen.temperature"), BYTES("\x10\x00\x02"), size);

	memset((uint8_t *)message_body(m).p, 'x', size);
	return m;
}

static struct store *
packs_open(const char *dir)
{
	char error[256];
	struct store *s = store_sqlite_open(dir, error, sizeof error);

	if (s == NULL)
		fprintf(stderr, "layout: %s\n", error);
	return s != NULL ? s : (exit(1), NULL);
}

static void
apply(struct store *s, struct batch *b, struct laps *laps)
{
	double start = wall();

	if (s->ops->apply(s, b) != STORE_OK) {
		fprintf(stderr, "layout: %s\n", s->ops->error(s));
		exit(1);
	}
	laps->all[laps->count++] = wall() - start;
	batch_free(b);
	if (s->ops->maintain != NULL)
		s->ops->maintain(s);
}

static void
put_batch(struct store *s, uint64_t seq, uint64_t first, uint64_t count,
    struct message *m, struct laps *laps)
{
	struct batch *b = batch_new(seq);
	struct lane_change *l = batch_lane(b, 1, NULL);

	for (uint64_t i = 0; i < count; i++)
		lane_put(l, first + i, m, 0);
	l->count = first + count;
	l->next_position = first + count;
	apply(s, b, laps);
}

static void
remove_batch(struct store *s, uint64_t seq, uint64_t first, uint64_t count,
    uint64_t end, struct laps *laps)
{
	struct batch *b = batch_new(seq);
	struct lane_change *l = batch_lane(b, 1, NULL);

	lane_remove(l, first, first + count - 1);
	l->count = end - first - count;
	l->next_position = end;
	apply(s, b, laps);
}

static void
measure(struct store *s, size_t size, uint64_t batch, uint64_t count)
{
	struct message *m = letter(size);
	struct laps laps = {0};
	uint64_t seq = 0, n = count / batch;

	laps_begin(&laps, n);
	for (uint64_t i = 0; i < n; i++)
		put_batch(s, ++seq, i * batch, batch, m, &laps);
	report("put", &laps, n * batch);
	printf("size     %.1f MB\n", (double)s->ops->size(s) / 1e6);
	laps_begin(&laps, n);
	for (uint64_t i = 0; i < n; i++)
		remove_batch(s, ++seq, i * batch, batch, n * batch, &laps);
	report("remove", &laps, n * batch);
	free(laps.all);
	message_unref(m);
}

/* --- a deep lane
 * -------------------------------------------------------------- */

static void
nothing(void *arg, const struct lane_state *l)
{
}

static void
no_definition(void *arg, const struct definition *d)
{
}

static struct store *
reopen(const char *dir)
{
	struct store_visitor v = {NULL, no_definition, nothing};
	double start = wall();
	struct store *s = packs_open(dir);
	uint64_t last_lane;

	s->ops->restore(s, &v, &last_lane);
	printf("open     %.1f ms\n", (wall() - start) / 1e3);
	return s;
}

/* Loads a piece, removes it, and so on. */
static uint64_t
drain(struct store *s, uint64_t count, struct laps *laps)
{
	uint64_t position = 0, seq = 0, loaded = 0;

	while (position < count) {
		struct load *l = xcalloc(1, sizeof *l);
		uint64_t first = position;
		l->lane = 1;
		l->first = position;
		l->last = count - 1;
		l->max_bytes = 256 * 1024;
		s->ops->load(s, l);
		loaded += l->count;
		position = l->next;
		load_free(l);
		remove_batch(s, ++seq, first, position - first, count, laps);
	}
	return loaded;
}

static void
deep(const char *dir, size_t size, uint64_t count)
{
	struct store *s = packs_open(dir);
	struct message *m = letter(size);
	uint64_t batch = (4 << 20) / message_size(m), seq = 0, i;
	struct laps laps = {0};
	int64_t next;

	laps_begin(&laps, count / batch + 1);
	for (i = 0; i < count; i += batch)
		put_batch(s, ++seq, i, batch < count - i ? batch : count - i, m,
		    &laps);
	report("fill", &laps, count);
	printf("size     %.1f MB, peak memory %ld MiB\n",
	    (double)s->ops->size(s) / 1e6, peak_mib());
	s->ops->close(s);
	s = reopen(dir);
	laps_begin(&laps, count);
	if (drain(s, count, &laps) != count)
		printf("not all came back\n");
	report("drain", &laps, count);
	laps_begin(&laps, 1);
	for (i = 0; (next = s->ops->maintain(s)) >= 0; i++)
		poll(NULL, 0, (int)next);
	printf("vacuum   %.0f ms in %llu slices, then %.1f MB, peak memory "
	       "%ld MiB\n",
	    (wall() - laps.started) / 1e3, (unsigned long long)i,
	    (double)s->ops->size(s) / 1e6, peak_mib());
	s->ops->close(s);
	free(laps.all);
	message_unref(m);
}

static uint64_t
number(const char *text)
{
	return strtoull(text, NULL, 10);
}

int
main(int argc, char **argv)
{
	struct store *s;

	if (argc == 5 && strcmp(argv[2], "deep") == 0) {
		deep(argv[1], number(argv[3]), number(argv[4]));
		return 0;
	}
	if (argc != 6) {
		fprintf(stderr,
		    "usage: layout DIR packs|rows SIZE BATCH COUNT\n"
		    "       layout DIR deep SIZE COUNT\n");
		return 2;
	}
	s = strcmp(argv[2], "rows") == 0 ? rows_open(argv[1])
					 : packs_open(argv[1]);
	measure(s, number(argv[3]), number(argv[4]), number(argv[5]));
	s->ops->close(s);
	return 0;
}
