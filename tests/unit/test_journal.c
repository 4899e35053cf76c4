/* test_journal.c - what must be true of handing changes over and of what may be
 * promised. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/journal.h"
#include "tests/unit/unit.h"

static void
wake(void *arg)
{
}

static unsigned handed, returned;

static void
before(struct lane_change *c)
{
	c->next_position = 100;
	handed++;
}

static void
after(struct lane_change *c)
{
	returned++;
}

static struct store *store;

static void
begin(struct journal *j)
{
	store = store_memory_open();
	journal_init(j, committer_start(store, wake, NULL));
	handed = returned = 0;
}

static void
end(struct journal *j)
{
	committer_stop(j->committer);
	journal_fini(j);
	store->ops->close(store);
}

static struct lane_change *
put(struct journal *j, uint64_t position)
{
	struct lane_change *c = batch_lane(j->open, 1, NULL);
	struct message *m =
	    message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), 10);

	memset((void *)message_body(m).p, 0, 10);
	lane_put(c, position, m, 0);
	message_unref(m);
	return c;
}

static void
nothing_is_handed_over_while_nobody_waits(void)
{
	struct journal j;

	begin(&j);
	put(&j, 1);
	journal_turn(&j, 1000, before);
	CU_ASSERT_EQUAL(handed, 0);
	CU_ASSERT_EQUAL(journal_committed(&j), 0);
	CU_ASSERT_EQUAL(journal_delay(&j, 1030), 70);
	end(&j);
}

static void
a_promise_hands_it_over(void)
{
	struct journal j;

	begin(&j);
	put(&j, 1);
	journal_promise(&j, j.seq);
	journal_turn(&j, 1000, before);
	CU_ASSERT_EQUAL(handed, 1);
	CU_ASSERT_EQUAL(journal_committed(&j), 1);
	CU_ASSERT_EQUAL(j.seq, 2);
	end(&j);
}

static void
an_old_batch_is_handed_over(void)
{
	struct journal j;

	begin(&j);
	put(&j, 1);
	journal_turn(&j, 1000, before);
	journal_turn(&j, 1099, before);
	CU_ASSERT_EQUAL(handed, 0);
	journal_turn(&j, 1100, before);
	CU_ASSERT_EQUAL(handed, 1);
	end(&j);
}

static void
a_large_batch_is_handed_over(void)
{
	struct journal j;

	begin(&j);
	j.hold_bytes = 1;
	put(&j, 1);
	journal_turn(&j, 1000, before);
	CU_ASSERT_EQUAL(handed, 1);
	end(&j);
}

/* Neither age nor size nor a promise parts what a transaction tells. */
static void
what_is_held_stays_in_one_batch(void)
{
	struct journal j;

	begin(&j);
	j.hold_bytes = 1;
	journal_hold(&j);
	put(&j, 1);
	journal_promise(&j, j.seq);
	journal_turn(&j, 1000, before);
	journal_hold(&j);
	journal_turn(&j, 9000, before);
	journal_release(&j);
	journal_turn(&j, 10000, before);
	CU_ASSERT_EQUAL(handed, 0);
	CU_ASSERT_EQUAL(journal_committed(&j), 0);
	CU_ASSERT_EQUAL(j.seq, 1);
	journal_release(&j);
	journal_turn(&j, 10000, before);
	CU_ASSERT_EQUAL(handed, 1);
	CU_ASSERT_EQUAL(journal_committed(&j), 1);
	end(&j);
}

static void
a_promise_about_nothing_is_kept_at_once(void)
{
	struct journal j;

	begin(&j);
	journal_promise(&j, j.seq);
	CU_ASSERT_EQUAL(journal_committed(&j), 0);
	journal_turn(&j, 1000, before);
	CU_ASSERT_EQUAL(journal_committed(&j), 1);
	CU_ASSERT_EQUAL(handed, 0);
	end(&j);
}

static void
what_was_erased_is_not_written(void)
{
	struct journal j;
	struct lane_change *c;

	begin(&j);
	c = put(&j, 7);
	CU_ASSERT_TRUE(lane_erase(c, 7));
	journal_promise(&j, j.seq);
	journal_turn(&j, 1000, before);
	CU_ASSERT_EQUAL(handed, 0);
	CU_ASSERT_EQUAL(journal_committed(&j), 1);
	CU_ASSERT_EQUAL(journal_unsaved(&j), 0);
	end(&j);
}

static void
a_committed_batch_comes_back_once(void)
{
	struct journal j;
	size_t budget = 1000;

	begin(&j);
	put(&j, 1);
	journal_promise(&j, j.seq);
	journal_turn(&j, 1000, before);
	CU_ASSERT_TRUE(journal_unsaved(&j) > 0);
	CU_ASSERT_FALSE(journal_reap(&j, &budget, after));
	CU_ASSERT_EQUAL(returned, 1);
	CU_ASSERT_EQUAL(journal_unsaved(&j), 0);
	CU_ASSERT_FALSE(journal_reap(&j, &budget, after));
	CU_ASSERT_EQUAL(returned, 1);
	end(&j);
}

static void
freeing_goes_in_slices(void)
{
	struct journal j;
	struct lane_change *c;
	size_t budget;
	unsigned slices = 1;

	begin(&j);
	c = put(&j, 1);
	for (uint64_t i = 2; i <= 100; i++) {
		struct message *m =
		    message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), 0);

		lane_put(c, i, m, 0);
		message_unref(m);
	}
	journal_promise(&j, j.seq);
	journal_turn(&j, 1000, before);
	for (budget = 10; journal_reap(&j, &budget, after); budget = 10)
		slices++;
	CU_ASSERT_TRUE(slices >= 10);
	CU_ASSERT_EQUAL(returned, 1);
	end(&j);
}

static const struct unit_test tests[] = {
    {"nothing is handed over while nobody waits",
	nothing_is_handed_over_while_nobody_waits},
    {"a promise hands it over", a_promise_hands_it_over},
    {"an old batch is handed over", an_old_batch_is_handed_over},
    {"a large batch is handed over", a_large_batch_is_handed_over},
    {"what is held stays in one batch", what_is_held_stays_in_one_batch},
    {"a promise about nothing is kept at once",
	a_promise_about_nothing_is_kept_at_once},
    {"what was erased is not written", what_was_erased_is_not_written},
    {"a committed batch comes back once", a_committed_batch_comes_back_once},
    {"freeing goes in slices", freeing_goes_in_slices},
};

UNIT_MAIN("journal", tests)
