/* timed.c - what every store must do with a timed lane. */
#include <stdlib.h>

#include "tests/contract/rig.h"
#include "tests/contract/shim.h"

enum { ENTRIES = 4096 };

/* A lane, and what must be in it: at[i] is the entry of position i + 1. */
struct timed_model {
	struct rig *rig;
	uint64_t lane;
	struct batch *batch;
	struct lane_change *change;
	struct {
		int64_t deadline;
		uint32_t letter; /* 0: nothing */
		bool pending;	 /* put in the open batch */
	} at[ENTRIES];
	uint64_t count, bytes, next;
};

static struct timed_model *
model_open(const char *kind, uint64_t lane)
{
	struct timed_model *t = calloc(1, sizeof *t);

	t->rig = rig_open(kind);
	t->lane = lane;
	t->next = 1;
	return t;
}

static struct lane_change *
change(struct timed_model *t)
{
	if (t->batch == NULL) {
		t->batch = batch_new(++t->rig->seq);
		t->change = batch_lane(t->batch, t->lane, NULL);
		t->change->timed = true;
	}
	return t->change;
}

static void
put(struct timed_model *t, int64_t deadline, size_t size)
{
	uint32_t letter = (uint32_t)t->next + 1000;
	struct message *m = rig_letter(letter, size);

	lane_put(change(t), t->next, m, deadline);
	message_unref(m);
	t->at[t->next - 1].deadline = deadline;
	t->at[t->next - 1].letter = letter;
	t->at[t->next - 1].pending = true;
	t->next++;
	t->count++;
	t->bytes += size;
}

static void
take(struct timed_model *t, uint64_t position)
{
	struct due due = {t->at[position - 1].deadline, position};

	if (!t->at[position - 1].pending)
		lane_take(change(t), due);
	else if (t->at[position - 1].letter != 0)
		CU_ASSERT(lane_erase(change(t), position));
	t->count -= t->at[position - 1].letter != 0;
	t->at[position - 1].letter = 0;
}

static void
commit(struct timed_model *t)
{
	if (t->batch == NULL)
		return;
	t->change->count = t->count;
	t->change->bytes = t->bytes;
	t->change->next_position = t->next;
	rig_apply(t->rig, t->batch);
	batch_free(t->batch);
	t->batch = NULL;
	for (uint64_t i = 0; i < t->next; i++)
		t->at[i].pending = false;
}

static void
model_close(struct timed_model *t)
{
	rig_close(t->rig);
	free(t);
}

/* --- comparing ------------------------------------------------------------ */

/* The next live one behind due; its position is 0 if there is none. */
static struct due
next_behind(const struct timed_model *t, struct due due)
{
	struct due next = {INT64_MAX, 0};

	for (uint64_t i = 0; i < t->next - 1; i++) {
		struct due d = {t->at[i].deadline, i + 1};

		if (t->at[i].letter != 0 && due_before(due, d) &&
		    (next.position == 0 || due_before(d, next)))
			next = d;
	}
	return next;
}

static struct load *
load(struct timed_model *t, struct due after, int64_t until, uint64_t last,
    size_t bytes)
{
	struct load wanted = {.lane = t->lane,
	    .timed = true,
	    .after = after,
	    .until = until,
	    .last = last,
	    .max_bytes = bytes};

	return rig_load_as(t->rig, &wanted);
}

static void
compare_entry(struct timed_model *t, const struct loaded *e, struct due *behind)
{
	struct due next = next_behind(t, *behind);

	CU_ASSERT_EQUAL_FATAL(e->position, next.position);
	CU_ASSERT_EQUAL(e->deadline, next.deadline);
	CU_ASSERT(
	    rig_is_letter(e->message, t->at[next.position - 1].letter));
	*behind = next;
}

/* Everything, in pieces of so many bytes. */
static void
compare(struct timed_model *t, size_t piece)
{
	struct due behind = {0, 0};
	int64_t next_due;

	do {
		struct load *l =
		    load(t, behind, INT64_MAX, UINT64_MAX, piece);
		bool full = l->count > 0 && l->bytes >= piece;

		CU_ASSERT(l->rows <= l->count + 1);
		for (size_t i = 0; i < l->count; i++)
			compare_entry(t, &l->entries[i], &behind);
		next_due = l->next_due;
		CU_ASSERT_EQUAL(next_due, next_behind(t, behind).deadline);
		CU_ASSERT(full || next_due == INT64_MAX);
		load_free(l);
	} while (next_due != INT64_MAX);
}

/* The same numbers in each run. */
static uint64_t
draw(uint64_t *random, uint64_t limit)
{
	*random = *random * 6364136223846793005 + 1442695040888963407;
	return (*random >> 33) % limit;
}

/* --- the questions ----------------------------------------------------------- */

static void
entries_come_back_by_deadline(const char *kind)
{
	struct timed_model *t = model_open(kind, 7);
	uint64_t random = 1;

	for (int i = 0; i < 1500; i++) {
		put(t, 1700000000000 + (int64_t)draw(&random, 300), i % 97);
		if (i % 400 == 0)
			commit(t);
	}
	commit(t);
	compare(t, 20000);
	compare(t, 0);
	rig_reopen(t->rig);
	compare(t, 1 << 20);
	model_close(t);
}

static void
bodies_of_every_size_come_back(const char *kind)
{
	static const size_t sizes[] = {
	    0, 1, 489, 1002, 1003, 4095, 4096, 65536, 1 << 20, 5000000};
	struct timed_model *t = model_open(kind, 7);

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		put(t, 100 - (int64_t)i, sizes[i]);
	commit(t);
	rig_reopen(t->rig);
	compare(t, 100000);
	take(t, 10);
	commit(t);
	compare(t, 100000);
	model_close(t);
}

static void
what_was_taken_stays_away(const char *kind)
{
	struct timed_model *t = model_open(kind, 7);

	for (int i = 0; i < 1000; i++)
		put(t, i % 10 + 1, 20);
	commit(t);
	for (uint64_t i = 1; i <= 1000; i += 3)
		take(t, i);
	put(t, 5, 10);
	commit(t);
	compare(t, 3000);
	take(t, 1);
	take(t, 1001);
	commit(t);
	rig_reopen(t->rig);
	compare(t, 3000);
	model_close(t);
}

static void
what_was_erased_was_never_there(const char *kind)
{
	struct timed_model *t = model_open(kind, 7);

	for (int i = 0; i < 20; i++)
		put(t, 50 - i, 30);
	for (uint64_t i = 1; i <= 20; i += 2)
		take(t, i);
	commit(t);
	compare(t, 100);
	model_close(t);
}

static void
a_load_ends_where_it_was_told_to(const char *kind)
{
	struct timed_model *t = model_open(kind, 7);
	struct load *l;

	for (int i = 0; i < 10; i++)
		put(t, 10 * (i + 1), 100);
	commit(t);
	l = load(t, (struct due){30, 3}, 60, UINT64_MAX, 1 << 20);
	CU_ASSERT_EQUAL(l->count, 3);
	CU_ASSERT_EQUAL(l->entries[0].position, 4);
	CU_ASSERT_EQUAL(l->next_due, 70);
	load_free(l);
	l = load(t, (struct due){30, 2}, 30, UINT64_MAX, 1 << 20);
	CU_ASSERT_EQUAL(l->count, 1);
	CU_ASSERT_EQUAL(l->next_due, 40);
	load_free(l);
	l = load(t, (struct due){0, 0}, 100, 4, 1 << 20);
	CU_ASSERT_EQUAL(l->count, 4);
	CU_ASSERT_EQUAL(l->next_due, INT64_MAX);
	load_free(l);
	l = load(t, (struct due){100, 10}, INT64_MAX, UINT64_MAX, 1 << 20);
	CU_ASSERT_EQUAL(l->count, 0);
	CU_ASSERT_EQUAL(l->next_due, INT64_MAX);
	load_free(l);
	model_close(t);
}

static void
a_lane_that_is_not_there_is_empty(const char *kind)
{
	struct timed_model *t = model_open(kind, 7);
	struct load *l = load(t, (struct due){0, 0}, 9, 9, 1000);

	CU_ASSERT_EQUAL(l->count, 0);
	CU_ASSERT_EQUAL(l->next_due, INT64_MAX);
	load_free(l);
	model_close(t);
}

static void
lanes_do_not_see_each_other(const char *kind)
{
	struct timed_model *t = model_open(kind, 7);
	struct lane_change *other;
	struct message *m = rig_letter(5, 10);

	for (int i = 0; i < 100; i++)
		put(t, 5, 10);
	for (uint64_t lane = 6; lane <= 8; lane += 2) {
		other = batch_lane(t->batch, lane, NULL);
		other->timed = true;
		other->count = 1;
		lane_put(other, 50, m, 5);
	}
	message_unref(m);
	commit(t);
	compare(t, 2000);
	model_close(t);
}

static void
a_great_lane_is_dropped_at_once(const char *kind)
{
	struct timed_model *t = model_open(kind, 7);
	struct load *l;
	int slices;

	for (int i = 0; i < 3000; i++)
		put(t, 5 + i, 10);
	commit(t);
	lane_drop(change(t));
	commit(t);
	rig_reopen(t->rig);
	slices = rig_maintain(t->rig);
	if (strcmp(kind, "sqlite") == 0)
		CU_ASSERT(slices > 10); /* others forget, or fail half way */
	if (strcmp(kind, "failing") != 0) {
		l = load(t, (struct due){0, 0}, INT64_MAX, UINT64_MAX, 1000);
		CU_ASSERT_EQUAL(l->count, 0);
		load_free(l);
	}
	model_close(t);
}

static void
random_batch(struct timed_model *t, uint64_t *random)
{
	for (uint64_t n = draw(random, 80); n > 0 && t->next < ENTRIES; n--)
		put(t, 1 + (int64_t)draw(random, 500), draw(random, 3000));
	for (uint64_t n = draw(random, 80); n > 0 && t->next > 1; n--)
		take(t, 1 + draw(random, t->next - 1));
	commit(t);
}

static void
anything_at_random_agrees_with_the_model(const char *kind)
{
	const char *seed = getenv("LEVERET_SEED");
	uint64_t random = seed != NULL ? strtoull(seed, NULL, 10) : 1;
	struct timed_model *t = model_open(kind, 7);

	for (int i = 0; i < 80; i++) {
		random_batch(t, &random);
		if (draw(&random, 8) == 0)
			rig_reopen(t->rig);
		if (draw(&random, 8) == 0)
			compare(t, 1 + draw(&random, 300000));
	}
	rig_reopen(t->rig);
	compare(t, 100000);
	model_close(t);
}

/* clang-format off */
#define QUESTIONS(X) \
	X(entries_come_back_by_deadline) \
	X(bodies_of_every_size_come_back) \
	X(what_was_taken_stays_away) \
	X(what_was_erased_was_never_there) \
	X(a_load_ends_where_it_was_told_to) \
	X(a_lane_that_is_not_there_is_empty) \
	X(lanes_do_not_see_each_other) \
	X(a_great_lane_is_dropped_at_once) \
	X(anything_at_random_agrees_with_the_model)

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
	return unit_main("timed", tests, sizeof tests / sizeof *tests);
}
