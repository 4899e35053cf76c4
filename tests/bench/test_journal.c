/* test_journal.c - the judge of journals lets pass what may happen and nothing
 * else. */
#include "tests/bench/journal.h"
#include "tests/unit/unit.h"

static struct journal_report report;

/* Judges a journal of two queues: even numbers belong into queue 0. */
static void
judge(const char *events)
{
	FILE *f = tmpfile();

	journal_begin(f, 2, 1);
	fputs(events, f);
	journal_check(f, &report);
	fclose(f);
}

static bool
passes(const char *events)
{
	judge(events);
	return journal_good(&report);
}

/* Is that its only fault? */
static bool
shows(enum journal_fault fault, uint64_t number, const char *events)
{
	judge(events);
	for (unsigned i = 0; i < JOURNAL_FAULTS; i++)
		if (report.faults[i] != (i == fault))
			return false;
	return report.error[0] == '\0' && !journal_good(&report) &&
	       report.examples[fault][0].number == number;
}

static void
test_plain_run_passes(void)
{
	CU_ASSERT(passes("P 0 3\nC 0 2\nD 0 0 0\nD 2 0 0\nD 1 1 0\nA 0\nA 2\n"
			 "A 1\nC 3 3\nD 3 1 0\nA 3\nS\nE\n"));
	CU_ASSERT_EQUAL(report.published, 4);
	CU_ASSERT_EQUAL(report.confirmed, 4);
	CU_ASSERT_EQUAL(report.deliveries, 4);
	CU_ASSERT_EQUAL(report.acknowledged, 4);
	CU_ASSERT_EQUAL(report.next, 4);
}

static void
test_confirmed_and_not_delivered_is_missing(void)
{
	CU_ASSERT(shows(JOURNAL_MISSING, 2,
	    "P 0 2\nC 0 2\nD 0 0 0\nD 1 1 0\nA 0\nA 1\nS\nE\n"));
}

static void
test_confirmed_is_missing_even_if_the_broker_was_lost(void)
{
	CU_ASSERT(shows(JOURNAL_MISSING, 0, "P 0 0\nC 0 0\nL\nS\nE\n"));
}

static void
test_delivered_but_never_acknowledged_is_missing(void)
{
	CU_ASSERT(
	    shows(JOURNAL_MISSING, 0, "P 0 0\nC 0 0\nD 0 0 0\nL\nS\nE\n"));
	CU_ASSERT(
	    shows(JOURNAL_MISSING, 0, "P 0 0\nC 0 0\nD 0 0 0\nR 0\nS\nE\n"));
}

static void
test_unconfirmed_may_vanish(void)
{
	CU_ASSERT(passes("P 0 1\nC 0 0\nD 0 0 0\nA 0\nL\nS\nE\n"));
	CU_ASSERT_EQUAL(report.vanished, 1);
}

static void
test_unconfirmed_may_come(void)
{
	CU_ASSERT(passes("P 0 0\nL\nD 0 0 0\nA 0\nS\nE\n"));
}

static void
test_refused_may_vanish_or_come(void)
{
	CU_ASSERT(passes("P 0 1\nN 0 1\nD 0 0 0\nA 0\nS\nE\n"));
}

static void
test_transient_may_vanish_with_the_broker_only(void)
{
	CU_ASSERT(passes("P 0 0\nT 0\nC 0 0\nL\nS\nE\n"));
	CU_ASSERT(passes("P 0 0\nT 0\nC 0 0\nD 0 0 0\nL\nS\nE\n"));
	CU_ASSERT(shows(JOURNAL_MISSING, 0, "P 0 0\nT 0\nC 0 0\nS\nE\n"));
	CU_ASSERT(shows(JOURNAL_MISSING, 0, "L\nP 0 0\nT 0\nC 0 0\nS\nE\n"));
	CU_ASSERT(shows(JOURNAL_MISSING, 1, "P 0 1\nT 0\nC 0 1\nL\nS\nE\n"));
}

static void
test_order_within_a_queue_is_kept(void)
{
	CU_ASSERT(shows(JOURNAL_ORDER, 0,
	    "P 0 2\nD 2 0 0\nD 0 0 0\nD 1 1 0\nA 2\nA 0\nA 1\nS\nE\n"));
}

static void
test_order_between_queues_is_free(void)
{
	CU_ASSERT(
	    passes("P 0 2\nD 1 1 0\nD 0 0 0\nD 2 0 0\nA 1\nA 0\nA 2\nS\nE\n"));
}

/* One queue, two priorities: odd numbers are of the higher. */
static bool
passes_by_priority(const char *events)
{
	FILE *f = tmpfile();

	journal_begin(f, 1, 2);
	fputs(events, f);
	journal_check(f, &report);
	fclose(f);
	return journal_good(&report);
}

static void
test_order_within_a_priority_is_kept(void)
{
	CU_ASSERT(passes_by_priority("P 0 3\nD 1 0 0\nD 3 0 0\nD 0 0 0\n"
				     "D 2 0 0\nA 0\nA 1\nA 2\nA 3\nS\nE\n"));
	CU_ASSERT_FALSE(
	    passes_by_priority("P 0 3\nD 1 0 0\nD 3 0 0\nD 2 0 0\n"
			       "D 0 0 0\nA 0\nA 1\nA 2\nA 3\nS\nE\n"));
	CU_ASSERT_EQUAL(report.faults[JOURNAL_ORDER], 1);
}

static void
test_order_starts_anew_after_a_loss(void)
{
	CU_ASSERT(passes("P 0 2\nC 0 2\nD 0 0 0\nD 2 0 0\nL\nD 0 0 0\nD 2 0 1\n"
			 "D 1 1 0\nA 0\nA 2\nA 1\nS\nE\n"));
}

static void
test_order_is_kept_after_a_loss_whatever_the_flag(void)
{
	CU_ASSERT(shows(JOURNAL_ORDER, 0,
	    "P 0 2\nD 0 0 0\nD 2 0 0\nL\nD 2 0 1\nD 0 0 1\n"
	    "D 1 1 0\nA 0\nA 2\nA 1\nS\nE\n"));
}

static void
test_given_back_comes_flagged_in_any_order(void)
{
	CU_ASSERT(passes("P 0 2\nC 0 2\nD 0 0 0\nR 0\nD 2 0 0\nD 0 0 1\nA 0\n"
			 "A 2\nD 1 1 0\nA 1\nS\nE\n"));
}

static void
test_given_back_must_come_flagged(void)
{
	CU_ASSERT(shows(JOURNAL_UNFLAGGED, 0,
	    "P 0 2\nD 0 0 0\nR 0\nD 2 0 0\nD 0 0 0\nA 0\nA 2\nS\nE\n"));
	CU_ASSERT(shows(
	    JOURNAL_UNFLAGGED, 0, "P 0 0\nD 0 0 0\nR 0\nD 0 0 0\nA 0\nS\nE\n"));
}

static void
test_delivered_twice_in_a_session(void)
{
	CU_ASSERT(
	    shows(JOURNAL_TWICE, 0, "P 0 0\nD 0 0 0\nD 0 0 0\nA 0\nS\nE\n"));
	CU_ASSERT(shows(
	    JOURNAL_TWICE, 0, "P 0 0\nD 0 0 0\nA 0\nD 0 0 1\nA 0\nS\nE\n"));
}

static void
test_given_back_once_comes_once(void)
{
	CU_ASSERT(shows(JOURNAL_TWICE, 0,
	    "P 0 0\nD 0 0 0\nR 0\nD 0 0 1\nD 0 0 1\nA 0\nS\nE\n"));
}

static void
test_cut_brings_back_flagged(void)
{
	CU_ASSERT(
	    passes("P 0 2\nC 0 2\nD 0 0 0\nX\nD 2 0 0\nD 0 0 1\nA 0\nA 2\n"
		   "D 1 1 1\nA 1\nS\nE\n"));
	CU_ASSERT(shows(
	    JOURNAL_UNFLAGGED, 0, "P 0 0\nD 0 0 0\nX\nD 0 0 0\nA 0\nS\nE\n"));
}

static void
test_cut_may_be_noticed_late(void)
{
	CU_ASSERT(passes("X\nP 0 2\nD 2 0 0\nD 0 0 1\nA 2\nA 0\nD 1 1 1\nA 1\n"
			 "S\nE\n"));
}

static void
test_loss_forgives_missing_flags(void)
{
	CU_ASSERT(passes("P 0 0\nC 0 0\nD 0 0 0\nL\nD 0 0 0\nA 0\nS\nE\n"));
	CU_ASSERT_EQUAL(report.unmarked, 1);
	CU_ASSERT(passes("P 0 0\nC 0 0\nD 0 0 0\nL\nD 0 0 1\nA 0\nS\nE\n"));
	CU_ASSERT_EQUAL(report.unmarked, 0);
}

static void
test_loss_forgives_once(void)
{
	CU_ASSERT(shows(JOURNAL_UNFLAGGED, 0,
	    "P 0 0\nD 0 0 0\nL\nD 0 0 0\nX\nD 0 0 0\nA 0\nS\nE\n"));
}

static void
test_flag_needs_a_cause(void)
{
	CU_ASSERT(shows(JOURNAL_FLAGGED, 0, "P 0 0\nD 0 0 1\nA 0\nS\nE\n"));
	CU_ASSERT(shows(JOURNAL_FLAGGED, 0, "L\nP 0 0\nD 0 0 1\nA 0\nS\nE\n"));
	CU_ASSERT(passes("P 0 0\nL\nD 0 0 1\nA 0\nS\nE\n"));
}

static void
test_acknowledged_may_come_back_after_a_loss_or_cut(void)
{
	CU_ASSERT(
	    passes("P 0 0\nC 0 0\nD 0 0 0\nA 0\nL\nD 0 0 0\nA 0\nS\nE\n"));
	CU_ASSERT_EQUAL(report.came_back, 1);
	CU_ASSERT(passes("P 0 0\nD 0 0 0\nA 0\nX\nD 0 0 1\nA 0\nS\nE\n"));
}

static void
test_acknowledged_and_closed_must_not_come_back(void)
{
	CU_ASSERT(shows(JOURNAL_RETURNED, 0,
	    "P 0 0\nC 0 0\nD 0 0 0\nA 0\nS\nD 0 0 1\nA 0\nS\nE\n"));
	CU_ASSERT(shows(JOURNAL_RETURNED, 0,
	    "P 0 0\nC 0 0\nD 0 0 0\nA 0\nS\nL\nD 0 0 0\nA 0\nS\nE\n"));
}

static void
test_what_was_not_published_is_unknown(void)
{
	CU_ASSERT(
	    shows(JOURNAL_UNKNOWN, 1, "P 0 0\nD 0 0 0\nA 0\nD 1 1 0\nS\nE\n"));
	CU_ASSERT(shows(
	    JOURNAL_UNKNOWN, 5, "P 0 0\nC 0 0\nC 5 5\nD 0 0 0\nA 0\nS\nE\n"));
	CU_ASSERT(shows(JOURNAL_UNKNOWN, 1000000,
	    "P 0 0\nD 0 0 0\nA 0\nD 1000000 0 0\nS\nE\n"));
}

static void
test_verdict_comes_once(void)
{
	CU_ASSERT(shows(
	    JOURNAL_UNKNOWN, 0, "P 0 0\nC 0 0\nN 0 0\nD 0 0 0\nA 0\nS\nE\n"));
	CU_ASSERT(shows(
	    JOURNAL_UNKNOWN, 0, "P 0 0\nC 0 0\nC 0 0\nD 0 0 0\nA 0\nS\nE\n"));
}

static void
test_wrong_queue_is_seen(void)
{
	CU_ASSERT(shows(JOURNAL_QUEUE, 0, "P 0 0\nD 0 1 0\nA 0\nS\nE\n"));
}

static void
test_altered_body_is_seen(void)
{
	CU_ASSERT(shows(
	    JOURNAL_ALTERED, 0, "P 0 0\nC 0 0\nD 0 0 0\nB 0\nA 0\nS\nE\n"));
}

static void
test_faults_are_counted_and_shown_by_line(void)
{
	judge("P 0 19\nC 0 19\nS\nE\n");
	CU_ASSERT_EQUAL(report.faults[JOURNAL_MISSING], 20);
	CU_ASSERT_EQUAL(report.examples[JOURNAL_MISSING][3].number, 3);
	CU_ASSERT_EQUAL(report.examples[JOURNAL_MISSING][0].line, 5);
}

static void
test_journal_without_end_is_not_good(void)
{
	CU_ASSERT_FALSE(passes("P 0 0\nC 0 0\nD 0 0 0\nA 0\nS\n"));
	CU_ASSERT_STRING_EQUAL(
	    report.error, "the journal stops before the queues were empty");
	CU_ASSERT_EQUAL(report.next, 1);
}

static void
test_what_is_no_journal_is_refused(void)
{
	static const char *const bad[] = {"Q 1\n", "P 1\n", "P 2 1\n", "P 0 1",
	    "D 0 0 2\n", "D 0 0\n", "A\n", "A x\n", "A 1 2\n", "E 1\n",
	    "P 0 99999999999999\n", "A -1\n", "E\nE\n", "\n"};
	FILE *f = tmpfile();

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		judge(bad[i]);
		CU_ASSERT_STRING_NOT_EQUAL(report.error, "");
	}
	fputs("leveretperf-journal 3 1 1\nE\n", f);
	journal_check(f, &report);
	CU_ASSERT_FALSE(journal_good(&report));
	fclose(f);
}

static void
test_written_journal_reads_back(void)
{
	FILE *f = tmpfile();

	journal_begin(f, 1, 1);
	journal_range(f, 'P', 0, 1);
	journal_range(f, 'C', 0, 1);
	journal_delivery(f, 0, 0, false);
	journal_number(f, 'R', 0);
	journal_delivery(f, 0, 0, true);
	journal_delivery(f, 1, 0, false);
	journal_number(f, 'A', 0);
	journal_number(f, 'A', 1);
	journal_mark(f, 'S');
	journal_mark(f, 'E');
	journal_flush(f);
	journal_check(f, &report);
	CU_ASSERT(journal_good(&report));
	CU_ASSERT_EQUAL(report.redelivered, 1);
	CU_ASSERT_EQUAL(report.queues, 1);
	fclose(f);
}

#define ROW(name)                                                              \
	{                                                                      \
#name, test_##name                                             \
	}
static const struct unit_test tests[] = {
    ROW(plain_run_passes),
    ROW(confirmed_and_not_delivered_is_missing),
    ROW(confirmed_is_missing_even_if_the_broker_was_lost),
    ROW(delivered_but_never_acknowledged_is_missing),
    ROW(unconfirmed_may_vanish),
    ROW(unconfirmed_may_come),
    ROW(refused_may_vanish_or_come),
    ROW(transient_may_vanish_with_the_broker_only),
    ROW(order_within_a_queue_is_kept),
    ROW(order_between_queues_is_free),
    ROW(order_within_a_priority_is_kept),
    ROW(order_starts_anew_after_a_loss),
    ROW(order_is_kept_after_a_loss_whatever_the_flag),
    ROW(given_back_comes_flagged_in_any_order),
    ROW(given_back_must_come_flagged),
    ROW(delivered_twice_in_a_session),
    ROW(given_back_once_comes_once),
    ROW(cut_brings_back_flagged),
    ROW(cut_may_be_noticed_late),
    ROW(loss_forgives_missing_flags),
    ROW(loss_forgives_once),
    ROW(flag_needs_a_cause),
    ROW(acknowledged_may_come_back_after_a_loss_or_cut),
    ROW(acknowledged_and_closed_must_not_come_back),
    ROW(what_was_not_published_is_unknown),
    ROW(verdict_comes_once),
    ROW(wrong_queue_is_seen),
    ROW(altered_body_is_seen),
    ROW(faults_are_counted_and_shown_by_line),
    ROW(journal_without_end_is_not_good),
    ROW(what_is_no_journal_is_refused),
    ROW(written_journal_reads_back),
};

UNIT_MAIN("journal", tests)
