/* due.c - what every store answers when asked what is due. */
#include "tests/contract/due.h"

#include "persistence/sqlite.h"
#include "tests/contract/rig.h"

/* --- what is due ------------------------------------------------------------
 */

/* Of a lane many packs long, a load of what is due looks into those alone that
 * have some. The store in memory learns by looking once more that they have not
 * any longer. */
void
only_packs_with_something_due_are_read(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);
	struct load *l;

	for (uint32_t i = 0; i < 60000; i++)
		rig_put(r, lane, i, 100, i % 3 == 0 ? 0 : 1000000 + i);
	rig_put(r, lane, 60000, 10, 5);
	rig_commit(r);
	rig_reopen(r);
	l = rig_load_due(r, lane, 0, 65535, 1 << 20, 4);
	CU_ASSERT_EQUAL(l->packs, 0);
	CU_ASSERT_EQUAL(l->next_deadline, 5);
	CU_ASSERT_FALSE(rig_expire(r, lane, l));
	l = rig_load_due(r, lane, 0, 65535, 1 << 20, 1000001);
	CU_ASSERT_EQUAL(l->count, 2);
	CU_ASSERT_EQUAL(l->packs, 2);
	CU_ASSERT_EQUAL(l->next_deadline, 1000002);
	CU_ASSERT_FALSE(rig_expire(r, lane, l));
	rig_reopen(r);
	l = rig_load_due(r, lane, 0, 65535, 1 << 20, 1000001);
	CU_ASSERT_EQUAL(l->count, 0);
	CU_ASSERT_EQUAL(l->packs, rig_forgets(r) ? 2 : 0);
	CU_ASSERT_FALSE(rig_expire(r, lane, l));
	rig_compare(r, 1 << 20);
	rig_close(r);
}

void
what_is_due_comes_in_bounded_pieces(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, UINT64_C(1) << 40), loads = 1;

	for (uint32_t i = 0; i < 5000; i++)
		rig_put(r, lane, i, 100, 1 + (i * 7919) % 5000);
	rig_commit(r);
	while (rig_expire(
	    r, lane, rig_load_due(r, lane, 0, 65535, 20000, 2500)))
		loads++;
	CU_ASSERT_TRUE(loads > 5);
	CU_ASSERT_EQUAL(r->lanes[lane].state.count, 2500);
	rig_compare(r, 1 << 20);
	rig_reopen(r);
	rig_compare(r, 1 << 20);
	rig_close(r);
}

/* Loads that go on from one another come to an end and bring nothing twice,
 * although nothing is removed meanwhile. */
void
loads_of_what_is_due_go_on(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, UINT64_C(1) << 40), loads = 0;
	struct deferral from = {0};
	bool more = true, seen[5000] = {false};
	size_t count = 0;

	for (uint32_t i = 0; i < 5000; i++)
		rig_put(r, lane, i, 1000, 1 + (i * 7919) % 5000);
	rig_commit(r);
	for (; more; loads++) {
		const struct model_lane *m = &r->lanes[lane];
		struct load wanted = {.lane = m->id,
		    .first = m->base,
		    .last = m->base + 65535,
		    .max_bytes = 100000,
		    .due = 5000,
		    .from = from};
		struct load *l = rig_load_as(r, &wanted);

		for (size_t i = 0; i < l->count; i++) {
			bool *s = &seen[l->entries[i].position - m->base];

			CU_ASSERT_FALSE(*s);
			*s = true;
		}
		count += l->count;
		more = l->more;
		from = l->here;
		load_free(l);
	}
	CU_ASSERT_TRUE(loads > 5);
	CU_ASSERT_TRUE(count > 500);
	rig_close(r);
}

/* Seen: a load stopped in the middle of a pack, and the next went on behind it. */
void
what_is_due_in_order_comes_in_order(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, UINT64_C(1) << 40);
	struct load wanted = {.max_bytes = 100000, .due = 5000}, *l;
	uint64_t next;
	bool more = true;

	for (uint32_t i = 0; i < 5000; i++)
		rig_put(r, lane, i, 1000, 1 + i / 10);
	rig_commit(r);
	wanted.lane = r->lanes[lane].id;
	wanted.first = next = r->lanes[lane].base;
	wanted.last = wanted.first + 65535;
	while (more) {
		l = rig_load_as(r, &wanted);
		for (size_t i = 0; i < l->count; i++, next++)
			CU_ASSERT_EQUAL(l->entries[i].position, next);
		more = l->more;
		wanted.from = l->here;
		load_free(l);
	}
	CU_ASSERT_EQUAL(next, wanted.first + 5000);
	rig_close(r);
}

/* What was acknowledged before its time leaves its pack's deadline behind. */
void
a_deadline_left_behind_is_found_out_once(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);
	struct load *l;

	for (uint32_t i = 0; i < 10; i++)
		rig_put(r, lane, i, 10, 100 + i);
	rig_commit(r);
	rig_remove(r, lane, 0, 2);
	rig_commit(r);
	l = rig_load_due(r, lane, 3, 9, 1000, 101);
	CU_ASSERT_EQUAL(l->count, 0);
	CU_ASSERT_EQUAL(l->next_deadline, 103);
	CU_ASSERT_FALSE(rig_expire(r, lane, l));
	rig_reopen(r);
	l = rig_load_due(r, lane, 3, 9, 1000, 102);
	CU_ASSERT_EQUAL(l->packs, 0);
	CU_ASSERT_EQUAL(l->next_deadline, 103);
	CU_ASSERT_FALSE(rig_expire(r, lane, l));
	l = rig_load_due(r, lane, 3, 9, 1000, 200);
	CU_ASSERT_EQUAL(l->count, 7);
	CU_ASSERT_EQUAL(l->next_deadline, 0);
	CU_ASSERT_FALSE(rig_expire(r, lane, l));
	rig_close(r);
}

/* They are with a consumer, or in memory: only a crash makes them due again. */
void
what_lies_outside_the_range_stays_due(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);
	struct load *l;

	for (uint32_t i = 0; i < 10; i++)
		rig_put(r, lane, i, 10, i % 2 == 0 ? 50 : 900);
	rig_commit(r);
	l = rig_load_due(r, lane, 4, 7, 1000, 60);
	CU_ASSERT_EQUAL(l->count, 2);
	CU_ASSERT_EQUAL(l->next_deadline, 900);
	CU_ASSERT_FALSE(rig_expire(r, lane, l));
	rig_reopen(r);
	rig_compare(r, 1000);
	l = rig_load_due(r, lane, 0, 9, 1000, 60);
	CU_ASSERT_EQUAL(l->count, 3);
	CU_ASSERT_FALSE(rig_expire(r, lane, l));
	rig_close(r);
}

/* Rows of a purge may lie about for long. */
void
purged_entries_are_not_due(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);
	struct load *l;

	for (uint32_t i = 0; i < 300; i++) {
		for (uint32_t n = 0; n < 5; n++)
			rig_put(r, lane, i * 5 + n, 20, 70 + i);
		rig_commit(r);
	}
	rig_remove(r, lane, 2, 1497);
	rig_commit(r);
	l = rig_load_due(r, lane, 0, 65535, 1 << 20, 1000);
	CU_ASSERT_EQUAL(l->count, 4);
	CU_ASSERT_TRUE(l->packs <= 2);
	CU_ASSERT_FALSE(rig_expire(r, lane, l));
	rig_maintain(r);
	rig_compare(r, 1000);
	rig_close(r);
}

/* --- how SQLite finds what is due --------------------------------------------
 */

/* By the index: no scan of a table, nothing sorted, and of other rows none. */
void
what_is_due_is_found_by_its_index(void)
{
	struct rig *r = rig_open("sqlite");
	int lane = rig_lane(r, 0);
	struct connection c = {0};
	char path[128];
	sqlite3_stmt *st;

	for (uint32_t i = 0; i < 30000; i++)
		rig_put(r, lane, i, 100, i == 20000 ? 7 : 0);
	rig_commit(r);
	snprintf(path, sizeof path, "%s/leveret.db", r->dir);
	CU_ASSERT_EQUAL_FATAL(connection_open(&c, path), SQLITE_OK);
	st = connection_ask(&c, ST_PACKS_DUE, "iiiii", r->lanes[lane].id,
	    UINT64_C(0), UINT64_C(65535), UINT64_C(0), UINT64_C(0));
	CU_ASSERT_EQUAL(connection_step(&c, st), SQLITE_ROW);
	CU_ASSERT_EQUAL(connection_step(&c, st), SQLITE_DONE);
	CU_ASSERT_EQUAL(
	    sqlite3_stmt_status(st, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0), 0);
	CU_ASSERT_EQUAL(sqlite3_stmt_status(st, SQLITE_STMTSTATUS_SORT, 0), 0);
	CU_ASSERT_TRUE(
	    sqlite3_stmt_status(st, SQLITE_STMTSTATUS_VM_STEP, 0) < 60);
	st = connection_ask(&c, ST_LANES, "");
	CU_ASSERT_EQUAL(connection_step(&c, st), SQLITE_ROW);
	CU_ASSERT_EQUAL(sqlite3_column_int64(st, 7), 7);
	CU_ASSERT_TRUE(
	    sqlite3_stmt_status(st, SQLITE_STMTSTATUS_VM_STEP, 0) < 60);
	connection_close(&c);
	rig_close(r);
}
