/* crash.c - a process that dies while it commits leaves each batch done or not
 * done, whatever it was writing. */
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "persistence/committer.h"
#include "tests/contract/rig.h"
#include "tests/contract/shim.h"

enum { PREPARED = 70, STEPS = PREPARED + 9 };

/* What the child tells of itself. */
struct word {
	volatile uint64_t durable; /* batches that apply said are */
	volatile uint64_t operations;
	volatile bool done;
};

static struct word *
word_new(void)
{
	void *p = mmap(NULL, sizeof(struct word), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CU_ASSERT_FATAL(p != MAP_FAILED);
	return p;
}

static void
copy_file(const char *from_dir, const char *to_dir)
{
	char *command =
	    xasprintf("cp %s/leveret.db %s/leveret.db && rm -f %s/leveret.db-*",
		from_dir, to_dir, to_dir);

	CU_ASSERT_EQUAL_FATAL(system(command), 0);
	free(command);
}

static void
open_in(struct rig *r, const char *dir)
{
	char error[256];

	r->kind = "sqlite";
	snprintf(r->dir, sizeof r->dir, "%s", dir);
	r->store = store_sqlite_open(dir, error, sizeof error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r->store);
}

static void
close_store(struct rig *r)
{
	r->store->ops->close(r->store);
	r->store = NULL;
}

/* --- the script ------------------------------------------------------------
 */

static void
put_everywhere(struct rig *r, uint32_t number, size_t size)
{
	struct message *m = rig_letter(number, size);

	for (int lane = 0; lane < 3; lane++)
		rig_put_letter(r, lane, 2000 + number, number, m, 0);
	message_unref(m);
}

/* One batch for each step. The first PREPARED make a lane of as many packs. */
static void
script(struct rig *r, int step)
{
	if (step == 0)
		for (int i = 0; i < 3; i++)
			rig_lane(r, 0);
	if (step < PREPARED) {
		rig_put(r, 0, (uint32_t)step, 30, 0);
		return;
	}
	switch (step - PREPARED) {
	case 0:
		for (uint32_t i = 100; i < 900; i++)
			rig_put(r, 1, i, i % 200, 0);
		break;
	case 1:
		rig_remove(r, 1, 110, 110);
		rig_remove(r, 1, 200, 300);
		for (uint32_t i = 400; i < 800; i++)
			rig_note(r, 1, i, i);
		rig_put(r, 2, 5, 100000, 0);
		break;
	case 2:
		put_everywhere(r, 7, 9000);
		rig_note(r, 2, 2007, 3);
		rig_note(r, 1, 400, 401);
		break;
	case 3:
		rig_remove(r, 0, 2, 68);
		break;
	case 4:
		rig_remove(r, 0, 2007, 2007);
		rig_remove(r, 2, 5, 2007);
		break;
	case 5:
		put_everywhere(r, 8, 70000);
		rig_remove(r, 1, 0, 899);
		break;
	case 6:
		rig_drop(r, 1);
		rig_put(r, 2, 3000, 10, 0);
		break;
	case 7:
		rig_drop(r, 0);
		break;
	default:
		rig_put(r, 2, 3001, 50000, 0);
	}
}

/* The model after so many batches. */
static struct rig *
model_after(int steps)
{
	struct rig *r = rig_model();

	for (int i = 0; i < steps; i++) {
		script(r, i);
		rig_commit(r);
	}
	return r;
}

/* How many batches the file has: their numbers are never begun anew in it. */
static int
batches_in(const char *dir)
{
	char *path = xasprintf("%s/leveret.db", dir);
	sqlite3_stmt *st;
	sqlite3 *db;
	int n;

	CU_ASSERT_EQUAL_FATAL(sqlite3_open(path, &db), SQLITE_OK);
	CU_ASSERT_EQUAL_FATAL(
	    sqlite3_prepare_v2(db, "SELECT seq FROM meta", -1, &st, NULL),
	    SQLITE_OK);
	CU_ASSERT_EQUAL_FATAL(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	free(path);
	return n;
}

static void
verify(const char *dir, int steps)
{
	struct rig *r = model_after(steps);

	open_in(r, dir);
	rig_compare(r, 30000);
	rig_maintain(r);
	rig_compare(r, 1 << 20);
	close_store(r);
	rig_model_free(r);
	rig_check_file(dir);
}

/* --- death at each write -----------------------------------------------------
 */

static void
prepare(const char *dir)
{
	struct rig *r = rig_model();

	open_in(r, dir);
	for (int i = 0; i < PREPARED; i++) {
		script(r, i);
		rig_commit(r);
	}
	close_store(r);
	rig_model_free(r);
}

/* The child: goes on where the preparation ended. The numbers of this run begin
 * at 1, whatever the model counted. */
static void
live_and_die(
    const char *dir, struct word *w, enum shim_fault fault, uint64_t at)
{
	struct rig *r = model_after(PREPARED);

	r->seq = 0;
	open_in(r, dir);
	shim_plan(fault, at, 1);
	for (int i = PREPARED; i < STEPS; i++) {
		script(r, i);
		rig_commit(r);
		w->durable = (uint64_t)i + 1;
		rig_maintain(r);
	}
	w->operations = shim_count();
	w->done = true;
	_exit(0);
}

/* Whether the child came to its end. */
static bool
die_at(
    const char *template, const char *dir, enum shim_fault fault, uint64_t at)
{
	struct word *w = word_new();
	int status, steps;
	bool done;
	pid_t pid;

	copy_file(template, dir);
	w->durable = PREPARED;
	fflush(NULL);
	if ((pid = fork()) == 0)
		live_and_die(dir, w, fault, at);
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	done = w->done;
	CU_ASSERT_TRUE_FATAL(
	    WIFEXITED(status) && WEXITSTATUS(status) == (done ? 0 : 9));
	steps = batches_in(dir);
	CU_ASSERT_TRUE(steps == (int)w->durable ||
		       (!done && steps == (int)w->durable + 1));
	verify(dir, steps);
	munmap(w, sizeof *w);
	return done;
}

static void
die_everywhere(enum shim_fault fault)
{
	char template[64], dir[64];
	uint64_t at = 1;

	rig_folder(template);
	rig_folder(dir);
	prepare(template);
	while (!die_at(template, dir, fault, at))
		at++;
	CU_ASSERT_TRUE(at > 50);
	rig_remove_folder(template);
	rig_remove_folder(dir);
}

static void
test_death_in_the_middle_of_a_write(void)
{
	die_everywhere(SHIM_DEATH);
}

static void
test_death_behind_a_write(void)
{
	die_everywhere(SHIM_AFTER);
}

/* --- trouble at each write ---------------------------------------------------
 */

/* All of it is applied in the end, whatever failed once. */
static bool
stumble_at(const char *template, const char *dir, enum shim_fault fault,
    uint64_t at, uint64_t length)
{
	struct rig *r = model_after(PREPARED);
	bool done;

	r->seq = 0;
	copy_file(template, dir);
	open_in(r, dir);
	shim_plan(fault, at, length);
	for (int i = PREPARED; i < STEPS; i++) {
		script(r, i);
		rig_commit(r);
		rig_maintain(r);
	}
	done = shim_count() < at;
	shim_plan(SHIM_NONE, 0, 0);
	close_store(r);
	rig_model_free(r);
	verify(dir, STEPS);
	return done;
}

static void
stumble_everywhere(enum shim_fault fault, uint64_t length)
{
	char template[64], dir[64];
	uint64_t at = 1;

	rig_folder(template);
	rig_folder(dir);
	prepare(template);
	while (!stumble_at(template, dir, fault, at, length))
		at++;
	CU_ASSERT_TRUE(at > 50);
	rig_remove_folder(template);
	rig_remove_folder(dir);
}

static void
test_no_room_at_any_write_only_delays(void)
{
	stumble_everywhere(SHIM_FULL, 1);
	stumble_everywhere(SHIM_FULL, 7);
}

static void
test_an_io_error_at_any_write_only_delays(void)
{
	stumble_everywhere(SHIM_IO, 1);
	stumble_everywhere(SHIM_IO, 7);
}

/* --- killed under load
 * -------------------------------------------------------- */

enum { KEPT = 40 };

/* Each batch puts ten entries and removes those of KEPT batches ago, but for
 * the first of the ten. */
static void
turn_over(struct rig *r, int step)
{
	uint32_t at = (uint32_t)step * 10;

	if (step == 0)
		rig_lane(r, 0);
	for (uint32_t i = 0; i < 10; i++)
		rig_put(r, 0, at + i, (at + i) % 500, 0);
	if (step >= KEPT)
		rig_remove(r, 0, at - KEPT * 10 + 1, at - KEPT * 10 + 9);
}

static void
no_wake(void *arg)
{
}

static void
commit_until_killed(const char *dir, struct word *w, int step)
{
	struct rig *r = rig_model();
	struct committer *c;
	struct batch *b;
	int first = step;

	for (int i = 0; i < step; i++) {
		turn_over(r, i);
		rig_commit(r);
	}
	r->seq = 0;
	open_in(r, dir);
	c = committer_start(r->store, no_wake, NULL);
	for (; step * 10 + 10 < RIG_POSITIONS; step++) {
		turn_over(r, step);
		committer_submit(c, rig_take(r));
		while (r->seq - committer_committed(c) > 4)
			usleep(100);
		w->durable = (uint64_t)first + committer_committed(c);
		while ((b = committer_reap(c)) != NULL)
			batch_free(b);
	}
	pause();
}

static void
verify_turn_over(const char *dir, int steps)
{
	struct rig *r = rig_model();

	for (int i = 0; i < steps; i++) {
		turn_over(r, i);
		rig_commit(r);
	}
	open_in(r, dir);
	rig_compare(r, 100000);
	close_store(r);
	rig_model_free(r);
	rig_check_file(dir);
}

static void
test_killed_under_load_keeps_what_was_committed(void)
{
	struct word *w = word_new();
	char dir[64];
	int steps = 0, status;
	pid_t pid;

	rig_folder(dir);
	for (int round = 0; round < 10; round++) {
		uint64_t before = w->durable;
		fflush(NULL);
		if ((pid = fork()) == 0)
			commit_until_killed(dir, w, steps);
		while (w->durable < before + 5 + (uint64_t)round * 13)
			usleep(1000);
		kill(pid, SIGKILL);
		CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
		steps = batches_in(dir);
		CU_ASSERT_TRUE((uint64_t)steps >= w->durable);
		verify_turn_over(dir, steps);
	}
	rig_remove_folder(dir);
	munmap(w, sizeof *w);
}

static const struct unit_test tests[] = {
    {"death in the middle of a write", test_death_in_the_middle_of_a_write},
    {"death behind a write", test_death_behind_a_write},
    {"no room at any write only delays", test_no_room_at_any_write_only_delays},
    {"an IO error at any write only delays",
	test_an_io_error_at_any_write_only_delays},
    {"killed under load keeps what was committed",
	test_killed_under_load_keeps_what_was_committed},
};

int
main(void)
{
	shim_install();
	return unit_main("crash", tests, sizeof tests / sizeof *tests);
}
