/* test_ledger.c - what must be true of a channel's unacknowledged deliveries. */
#include <stdlib.h>

#include "broker/ledger.h"
#include "tests/unit/unit.h"

enum { MOST = 5000 };

/* Any address serves as a queue: a ledger never looks behind it. */
static struct queue *const some_queue = (struct queue *)&some_queue;

static uint64_t
add(struct ledger *l)
{
	struct delivery *d;
	uint64_t tag = ledger_add(l, &d);

	*d = (struct delivery){some_queue, NULL, {NULL, tag, 0, 0}};
	return tag;
}

static void
take_all(struct ledger *l)
{
	while (l->count > 0)
		ledger_take(l, ledger_first(l));
	ledger_fini(l);
}

static void
tags_count_from_one(void)
{
	struct ledger l;

	ledger_init(&l);
	CU_ASSERT_EQUAL(add(&l), 1);
	CU_ASSERT_EQUAL(ledger_skip(&l), 2);
	CU_ASSERT_EQUAL(add(&l), 3);
	CU_ASSERT_PTR_NULL(ledger_find(&l, 2));
	CU_ASSERT_PTR_NULL(ledger_find(&l, 0));
	CU_ASSERT_PTR_NULL(ledger_find(&l, 4));
	CU_ASSERT_EQUAL(ledger_find(&l, 3)->entry.position, 3);
	take_all(&l);
}

static void
a_tag_is_taken_once(void)
{
	struct ledger l;

	ledger_init(&l);
	add(&l);
	add(&l);
	CU_ASSERT_EQUAL(ledger_take(&l, 1).entry.position, 1);
	CU_ASSERT_PTR_NULL(ledger_find(&l, 1));
	CU_ASSERT_EQUAL(ledger_first(&l), 2);
	take_all(&l);
}

/* Adds, skips, takes and splits at random beside a plain array. */
static void
it_agrees_with_a_plain_array(void)
{
	struct ledger l;
	bool there[MOST] = {false};
	uint64_t next = 1;

	srandom(11);
	ledger_init(&l);
	while (next < MOST - 1) {
		uint64_t tag = 1 + (uint64_t)random() % (MOST - 1);

		switch (random() % 4) {
		case 0:
		case 1:
			CU_ASSERT_EQUAL(add(&l), next);
			there[next++] = true;
			break;
		case 2:
			CU_ASSERT_EQUAL(ledger_skip(&l), next++);
			break;
		case 3:
			tag = tag % next;
			CU_ASSERT_EQUAL(
			    ledger_find(&l, tag) != NULL, there[tag]);
			if (!there[tag])
				break;
			CU_ASSERT_EQUAL(
			    ledger_take(&l, tag).entry.position, tag);
			there[tag] = false;
			break;
		}
	}
	for (uint64_t tag = 1; tag < next; tag++)
		CU_ASSERT_EQUAL(ledger_find(&l, tag) != NULL, there[tag]);
	take_all(&l);
}

static void
splitting_parts_at_the_tag(void)
{
	for (uint64_t n = 1; n < 300; n += 37)
		for (uint64_t at = 1; at <= n; at += 13) {
			struct ledger l, rest;

			ledger_init(&l);
			for (uint64_t i = 0; i < n; i++)
				add(&l);
			ledger_take(&l, 1);
			ledger_split(&l, at, &rest);
			CU_ASSERT_EQUAL(rest.count, at - 1);
			CU_ASSERT_EQUAL(l.count, n - at);
			if (at < n)
				CU_ASSERT_EQUAL(ledger_first(&l), at + 1);
			if (at > 1)
				CU_ASSERT_EQUAL(ledger_first(&rest), 2);
			CU_ASSERT_EQUAL(add(&l), n + 1);
			take_all(&l);
			take_all(&rest);
		}
}

static void
what_was_settled_in_front_takes_no_memory(void)
{
	struct ledger l;

	ledger_init(&l);
	for (uint64_t i = 1; i <= 100; i++)
		add(&l);
	for (uint64_t i = 101; i < 100000; i++) {
		add(&l);
		ledger_take(&l, i - 100);
		CU_ASSERT_TRUE(l.chunk_count <= 3);
	}
	take_all(&l);
}

/* As by a consumer with several workers: the order within a few is by chance. */
static void
settling_out_of_order_takes_no_memory(void)
{
	struct ledger l;

	ledger_init(&l);
	for (uint64_t i = 1; i <= 100; i++)
		add(&l);
	for (uint64_t i = 101; i < 100000; i += 2) {
		add(&l);
		add(&l);
		ledger_take(&l, i - 99);
		ledger_take(&l, i - 100);
		CU_ASSERT_TRUE(l.chunk_count <= 3);
	}
	take_all(&l);
}

/* One delivery that a consumer sits on must not keep all later ones. */
static void
what_was_settled_behind_one_takes_little(void)
{
	struct ledger l;
	struct delivery *d;

	ledger_init(&l);
	add(&l);
	for (uint64_t i = 2; i < 100000; i++) {
		add(&l);
		ledger_take(&l, i);
	}
	add(&l);
	CU_ASSERT_EQUAL(l.count, 2);
	for (size_t i = 1; i + 1 < l.chunk_count; i++)
		CU_ASSERT_PTR_NULL(l.chunks[i]);
	CU_ASSERT_EQUAL(ledger_first(&l), 1);
	ledger_take(&l, 1);
	CU_ASSERT_EQUAL(ledger_first(&l), 100000);
	CU_ASSERT_EQUAL(l.chunk_count, 1);
	CU_ASSERT_EQUAL(ledger_add(&l, &d), 100001);
	*d = (struct delivery){some_queue, NULL, {NULL, 100001, 0, 0}};
	take_all(&l);
}

static void
splitting_leaves_the_settled_out(void)
{
	struct ledger l, rest;

	ledger_init(&l);
	for (uint64_t i = 1; i <= 1000; i++)
		add(&l);
	for (uint64_t i = 1; i <= 1000; i++)
		if (i % 300 != 0)
			ledger_take(&l, i);
	ledger_split(&l, 610, &rest);
	CU_ASSERT_EQUAL(rest.count, 2);
	CU_ASSERT_EQUAL(ledger_first(&rest), 300);
	CU_ASSERT_PTR_NOT_NULL(ledger_find(&rest, 600));
	CU_ASSERT_EQUAL(l.count, 1);
	CU_ASSERT_EQUAL(ledger_first(&l), 900);
	take_all(&l);
	take_all(&rest);
}

static const struct unit_test tests[] = {
    {"tags count from one", tags_count_from_one},
    {"a tag is taken once", a_tag_is_taken_once},
    {"it agrees with a plain array", it_agrees_with_a_plain_array},
    {"splitting parts at the tag", splitting_parts_at_the_tag},
    {"what was settled in front takes no memory",
	what_was_settled_in_front_takes_no_memory},
    {"settling out of order takes no memory",
	settling_out_of_order_takes_no_memory},
    {"what was settled behind one takes little",
	what_was_settled_behind_one_takes_little},
    {"splitting leaves the settled out", splitting_leaves_the_settled_out},
};

UNIT_MAIN("ledger", tests)
