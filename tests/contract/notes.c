/* notes.c - what every store must do with the numbers beside entries. */
#include "tests/contract/rig.h"
#include "tests/contract/shim.h"

static void
notes_come_back_with_their_entries(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 70), other = rig_lane(r, 70);

	for (uint32_t i = 0; i < 100; i++) {
		rig_put(r, lane, i, 50, 0);
		rig_put(r, other, i, 50, 0);
	}
	rig_note(r, lane, 7, 1);
	rig_commit(r);
	rig_compare(r, 1000);
	rig_note(r, lane, 8, 5);
	rig_note(r, lane, 7, 2);
	rig_note(r, lane, 8, 4);
	rig_note(r, other, 99, UINT32_MAX);
	rig_commit(r);
	rig_compare(r, 1000);
	rig_reopen(r);
	rig_compare(r, 1);
	rig_close(r);
}

static void
notes_go_with_their_entries(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);

	for (uint32_t i = 0; i < 100; i++) {
		rig_put(r, lane, i, 50, 0);
		rig_note(r, lane, i, i + 1);
	}
	rig_commit(r);
	rig_remove(r, lane, 3, 3);
	rig_remove(r, lane, 50, 60);
	rig_commit(r);
	rig_compare(r, 1000);
	rig_note(r, lane, 4, 900);
	rig_remove(r, lane, 4, 20);
	rig_commit(r);
	rig_compare(r, 1000);
	rig_drop(r, lane);
	rig_commit(r);
	rig_maintain(r);
	rig_compare(r, 1000);
	rig_close(r);
}

static void
very_many_notes_go_in_slices(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0), other = rig_lane(r, 0);

	for (uint32_t i = 0; i < 9000; i++) {
		rig_put(r, lane, i, 5, 0);
		rig_put(r, other, i, 5, 0);
		rig_note(r, lane, i, 1);
		rig_note(r, other, i, 2);
	}
	rig_commit(r);
	rig_remove(r, lane, 10, 8990);
	rig_drop(r, other);
	rig_commit(r);
	rig_compare(r, 10000);
	CU_ASSERT_TRUE(rig_maintain(r) > 10 || strcmp(kind, "sqlite") != 0);
	rig_reopen(r);
	rig_compare(r, 10000);
	rig_close(r);
}

/* What was delivered is a number of the lane's, which may be all a batch has. */
static void
a_touch_writes_what_was_delivered(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0), other = rig_lane(r, 0);

	rig_put(r, lane, 0, 50, 0);
	rig_put(r, lane, 1, 50, 0);
	rig_put(r, other, 0, 50, 0);
	rig_commit(r);
	rig_compare(r, 1000);
	rig_touch(r, lane);
	rig_commit(r);
	rig_compare(r, 1000);
	rig_reopen(r);
	rig_compare(r, 1000);
	rig_close(r);
}

/* clang-format off */
#define QUESTIONS(X) \
	X(notes_come_back_with_their_entries) \
	X(notes_go_with_their_entries) \
	X(very_many_notes_go_in_slices) \
	X(a_touch_writes_what_was_delivered)

#define ASK(question) \
	static void memory_##question(void) { question("memory"); } \
	static void sqlite_##question(void) { question("sqlite"); } \
	static void failing_##question(void) { question("failing"); }
QUESTIONS(ASK)

static const struct unit_test tests[] = {
#define ROW(question) {"memory: " #question, memory_##question},
	QUESTIONS(ROW)
#undef ROW
#define ROW(question) {"sqlite: " #question, sqlite_##question},
	QUESTIONS(ROW)
#undef ROW
#define ROW(question) {"failing: " #question, failing_##question},
	QUESTIONS(ROW)
};
/* clang-format on */

int
main(void)
{
	shim_install();
	return unit_main("notes", tests, sizeof tests / sizeof *tests);
}
