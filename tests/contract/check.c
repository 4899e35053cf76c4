/* check.c - what an offline check of an SQLite store would: the counters are
 * what a scan finds, and nothing is left behind. */
#include <sqlite3.h>

#include "tests/contract/rig.h"

/* Each counts what must not be. Packs that garbage covers wholly count as gone;
 * bodies of a removed entry are not in the lane's bytes, which only the broker
 * knows better. */
static const char *const questions[] = {
    "SELECT 1 FROM pragma_integrity_check WHERE integrity_check <> 'ok'",

    /* the count of every lane */
    "SELECT lane.id FROM lane LEFT JOIN (SELECT p.lane AS id, sum(p.live) AS"
    " live FROM pack p WHERE NOT EXISTS (SELECT 1 FROM garbage g WHERE"
    " g.lane = p.lane AND g.first <= p.first AND g.last >= p.last)"
    " GROUP BY p.lane) s USING (id) WHERE lane.count <> coalesce(s.live, 0)"
    " + (SELECT count(*) FROM timed t WHERE t.lane = lane.id)",

    /* packs: bounds, counts, no overlap, a lane or garbage above them */
    "SELECT 1 FROM pack WHERE live < 1 OR live > entries OR last < first"
    " OR entries > last - first + 1 OR shared > entries"
    " OR last - first + 1 > 4096"
    " OR (length(alive) = 0 AND live <> last - first + 1)",
    "SELECT 1 FROM pack a JOIN pack b ON a.lane = b.lane AND a.first < b.first"
    " AND a.last >= b.first",
    "SELECT 1 FROM pack p WHERE NOT EXISTS (SELECT 1 FROM lane WHERE"
    " id = p.lane) AND NOT EXISTS (SELECT 1 FROM garbage g WHERE"
    " g.lane = p.lane AND g.first <= p.first AND g.last >= p.last)",

    /* entries of timed lanes: a lane or garbage above them */
    "SELECT 1 FROM timed t WHERE NOT EXISTS (SELECT 1 FROM lane WHERE"
    " id = t.lane) AND NOT EXISTS (SELECT 1 FROM garbage g WHERE"
    " g.lane = t.lane AND g.first = 0)",

    /* chunks belong to a pack or a body, and are there */
    "SELECT 1 FROM chunk WHERE id NOT IN (SELECT chunk FROM pack)"
    " AND id NOT IN (SELECT chunk FROM body)",
    "SELECT 1 FROM pack WHERE chunk NOT IN (SELECT id FROM chunk)",
    "SELECT 1 FROM body WHERE chunk NOT IN (SELECT id FROM chunk)",
    "SELECT 1 FROM pack p JOIN chunk c ON c.id = p.chunk"
    " WHERE p.bytes <> length(c.data)",

    /* bodies have as many references as they say */
    "SELECT 1 FROM body LEFT JOIN (SELECT body AS chunk, count(*) AS n FROM"
    " share GROUP BY body) s USING (chunk) WHERE refs <> coalesce(n, 0)",
    "SELECT 1 FROM share WHERE body NOT IN (SELECT chunk FROM body)",
    "SELECT 1 FROM share WHERE chunk NOT IN (SELECT chunk FROM pack)",

    "SELECT 1 FROM meta WHERE last_lane < (SELECT max(id) FROM lane)",
    "SELECT 1 FROM (SELECT count(*) AS n FROM meta) WHERE n <> 1",
};

/* How many of a pack's positions its bitmap says live. */
static void
count_bits(sqlite3_context *context, int n, sqlite3_value **values)
{
	const uint8_t *p = sqlite3_value_blob(values[0]);
	int size = sqlite3_value_bytes(values[0]), bits = 0;

	for (int i = 0; i < size; i++)
		bits += __builtin_popcount(p[i]);
	sqlite3_result_int(context, bits);
}

/* Whether the bitmap says that a position, counted from the first, lives. */
static void
bit_of(sqlite3_context *context, int n, sqlite3_value **values)
{
	const uint8_t *p = sqlite3_value_blob(values[0]);
	int size = sqlite3_value_bytes(values[0]);
	int at = sqlite3_value_int(values[1]);

	sqlite3_result_int(context,
	    size == 0 || (at / 8 < size && (p[at / 8] >> at % 8 & 1) != 0));
}

static void
ask(sqlite3 *db, const char *question)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, question, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc != SQLITE_DONE)
		fprintf(
		    stderr, "not so: %s (%s)\n", question, sqlite3_errmsg(db));
	CU_ASSERT_EQUAL(rc, SQLITE_DONE);
	sqlite3_finalize(st);
}

void
rig_check_file(const char *dir)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/leveret.db", dir);
	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_create_function(
	    db, "bits", 1, SQLITE_UTF8, NULL, count_bits, NULL, NULL);
	sqlite3_create_function(
	    db, "lives", 2, SQLITE_UTF8, NULL, bit_of, NULL, NULL);
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		ask(db, questions[i]);
	ask(db, "SELECT 1 FROM pack WHERE length(alive) > 0"
		" AND live <> bits(alive)");
	ask(db, "SELECT 1 FROM note n WHERE NOT EXISTS (SELECT 1 FROM pack p"
		" WHERE p.lane = n.lane AND n.position BETWEEN p.first AND"
		" p.last AND lives(p.alive, n.position - p.first))"
		" AND NOT EXISTS (SELECT 1 FROM garbage g WHERE g.lane ="
		" n.lane AND n.position BETWEEN g.first AND g.last)");
	sqlite3_close(db);
}
