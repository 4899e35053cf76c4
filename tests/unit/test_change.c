/* test_change.c - what a batch collects. */
#include <stdlib.h>

#include "persistence/change.h"
#include "tests/unit/unit.h"

static struct message *
letter(const char *body)
{
	size_t n = strlen(body);
	struct message *m = message_new(
	    BYTES("amq.topic"), BYTES("a.b"), BYTES("\x10\x00\x02"), n);

	memcpy((uint8_t *)message_body(m).p, body, n);
	return m;
}

static void
put(struct lane_change *l, uint64_t position, const char *body)
{
	struct message *m = letter(body);

	lane_put(l, position, m, 0);
	message_unref(m);
}

static void
test_put_takes_a_reference(void)
{
	struct batch *b = batch_new(1);
	struct lane_change *l = batch_lane(b, 7, NULL);
	struct message *m = letter("hello");

	lane_put(l, 3, m, 99);
	CU_ASSERT_EQUAL(m->refs, 2);
	CU_ASSERT_EQUAL(b->bytes, message_size(m));
	CU_ASSERT_EQUAL(l->first_put, 3);
	CU_ASSERT_EQUAL(l->puts[0].deadline, 99);
	batch_free(b);
	CU_ASSERT_EQUAL(m->refs, 1);
	message_unref(m);
}

static void
test_positions_left_out_hold_nothing(void)
{
	struct batch *b = batch_new(1);
	struct lane_change *l = batch_lane(b, 7, NULL);

	put(l, 10, "a");
	put(l, 14, "b");
	CU_ASSERT_EQUAL(l->put_count, 5);
	CU_ASSERT_EQUAL(l->live, 2);
	CU_ASSERT_EQUAL(b->changes, 2);
	for (int i = 1; i < 4; i++)
		CU_ASSERT_PTR_NULL(l->puts[i].message);
	batch_free(b);
}

static void
test_erase_undoes_a_put_once(void)
{
	struct batch *b = batch_new(1);
	struct lane_change *l = batch_lane(b, 7, NULL);

	put(l, 10, "a");
	put(l, 12, "b");
	CU_ASSERT_FALSE(lane_erase(l, 9));
	CU_ASSERT_FALSE(lane_erase(l, 11));
	CU_ASSERT_FALSE(lane_erase(l, 13));
	CU_ASSERT_TRUE(lane_erase(l, 12));
	CU_ASSERT_FALSE(lane_erase(l, 12));
	CU_ASSERT_TRUE(lane_erase(l, 10));
	CU_ASSERT_EQUAL(b->changes, 0);
	CU_ASSERT_EQUAL(b->bytes, 0);
	batch_free(b);
}

static void
test_an_emptied_lane_starts_anew_at_the_next_put(void)
{
	struct batch *b = batch_new(1);
	struct lane_change *l = batch_lane(b, 7, NULL);

	put(l, 10, "a");
	lane_erase(l, 10);
	put(l, 1000000000, "b");
	CU_ASSERT_EQUAL(l->first_put, 1000000000);
	CU_ASSERT_EQUAL(l->put_count, 1);
	batch_free(b);
}

static void
test_removals_next_to_each_other_join(void)
{
	struct batch *b = batch_new(1);
	struct lane_change *l = batch_lane(b, 7, NULL);

	lane_remove(l, 5, 5);
	lane_remove(l, 6, 9);
	lane_remove(l, 11, 11);
	CU_ASSERT_EQUAL(l->removal_count, 2);
	CU_ASSERT_EQUAL(l->removals[0].last, 9);
	CU_ASSERT_EQUAL(b->changes, 2);
	batch_free(b);
}

static void
test_removals_out_of_order_do_not_grow_without_bound(void)
{
	struct batch *b = batch_new(1);
	struct lane_change *l = batch_lane(b, 7, NULL);

	for (uint64_t i = 0; i < 100000; i += 2) {
		lane_remove(l, i + 1, i + 1);
		lane_remove(l, i, i);
	}
	CU_ASSERT_TRUE(l->removal_size <= 8);
	CU_ASSERT_EQUAL(b->changes, l->removal_count);
	l->removal_count = ranges_join(l->removals, l->removal_count);
	CU_ASSERT_EQUAL(l->removal_count, 1);
	CU_ASSERT_EQUAL(l->removals[0].first, 0);
	CU_ASSERT_EQUAL(l->removals[0].last, 99999);
	batch_free(b);
}

static void
test_ranges_join_where_they_touch_or_overlap(void)
{
	struct range r[] = {
	    {50, 60}, {0, 3}, {4, 4}, {55, 58}, {6, 7}, {60, 61}};

	CU_ASSERT_EQUAL_FATAL(ranges_join(r, 6), 3);
	CU_ASSERT_TRUE(r[0].first == 0 && r[0].last == 4);
	CU_ASSERT_TRUE(r[1].first == 6 && r[1].last == 7);
	CU_ASSERT_TRUE(r[2].first == 50 && r[2].last == 61);
}

static void
test_a_dropped_lane_forgets_what_it_held(void)
{
	struct batch *b = batch_new(1);
	struct lane_change *l = batch_lane(b, 7, NULL);
	struct message *m = letter("x");

	lane_put(l, 1, m, 0);
	lane_remove(l, 0, 0);
	lane_drop(l);
	CU_ASSERT_EQUAL(m->refs, 1);
	CU_ASSERT_EQUAL(b->changes, 1);
	CU_ASSERT_EQUAL(l->removal_count, 0);
	lane_drop(l);
	CU_ASSERT_EQUAL(b->changes, 1);
	batch_free(b);
	message_unref(m);
}

static void
test_definitions_are_copied_in_order(void)
{
	struct batch *b = batch_new(1);
	char name[] = "shop";
	struct definition d = {.kind = DEF_vhost,
	    .vhost = {.name = bytes_str(name), .description = BYTES("\1a")}};

	batch_put(b, &d);
	batch_remove(b, &d);
	name[0] = 'c';
	CU_ASSERT_EQUAL(b->changes, 2);
	CU_ASSERT_FALSE(b->definitions->remove);
	CU_ASSERT_TRUE(
	    bytes_eq(b->definitions->definition.vhost.name, BYTES("shop")));
	CU_ASSERT_TRUE(b->definitions->next->remove);
	CU_ASSERT_PTR_NULL(b->definitions->next->next);
	batch_free(b);
}

static void
test_a_batch_is_freed_within_its_budget(void)
{
	struct batch *b = batch_new(1);
	struct lane_change *l = batch_lane(b, 7, NULL);
	struct message *m = letter("x");
	size_t budget = 100;

	batch_lane(b, 8, NULL);
	for (uint64_t i = 0; i < 250; i++)
		lane_put(l, i, m, 0);
	CU_ASSERT_FALSE(batch_free_some(b, &budget));
	CU_ASSERT_EQUAL(budget, 0);
	CU_ASSERT_TRUE(m->refs >= 151 && m->refs < 251);
	budget = 100;
	CU_ASSERT_FALSE(batch_free_some(b, &budget));
	budget = 100;
	CU_ASSERT_TRUE(batch_free_some(b, &budget));
	CU_ASSERT_TRUE(budget > 0);
	CU_ASSERT_EQUAL(m->refs, 1);
	message_unref(m);
}

static void
test_the_greatest_note_stays(void)
{
	struct batch *b = batch_new(1);
	struct lane_change *l = batch_lane(b, 7, NULL);

	for (uint32_t i = 1; i <= 1000; i++) {
		lane_note(l, 5, i);
		lane_note(l, 6, 1001 - i);
	}
	CU_ASSERT_TRUE(l->note_count <= 8);
	CU_ASSERT_EQUAL(b->changes, l->note_count);
	for (size_t i = 0; i < l->note_count; i++)
		CU_ASSERT_TRUE(l->notes[i].value <= 1000);
	CU_ASSERT_EQUAL(l->notes[1].position, 6);
	CU_ASSERT_EQUAL(l->notes[1].value, 1000);
	lane_drop(l);
	CU_ASSERT_EQUAL(b->changes, 1);
	CU_ASSERT_EQUAL(l->note_count, 0);
	batch_free(b);
}

static void
test_a_touch_is_one_change_until_the_lane_is_dropped(void)
{
	struct batch *b = batch_new(1);
	struct lane_change *l = batch_lane(b, 7, NULL);

	CU_ASSERT_FALSE(l->touched);
	lane_touch(l);
	lane_touch(l);
	CU_ASSERT_TRUE(l->touched);
	CU_ASSERT_EQUAL(b->changes, 1);
	lane_drop(l);
	CU_ASSERT_EQUAL(b->changes, 1);
	CU_ASSERT_FALSE(l->touched);
	batch_free(b);
}

static void
test_an_erased_put_takes_its_note_along(void)
{
	struct batch *b = batch_new(1);
	struct lane_change *l = batch_lane(b, 7, NULL);

	put(l, 5, "a");
	put(l, 6, "b");
	CU_ASSERT_TRUE(lane_erase(l, 5));
	CU_ASSERT_EQUAL(l->removal_count, 0);
	lane_note(l, 6, 1);
	CU_ASSERT_TRUE(lane_erase(l, 6));
	CU_ASSERT_EQUAL(l->removal_count, 1);
	CU_ASSERT_EQUAL(l->removals[0].first, 6);
	batch_free(b);
}

static const struct unit_test tests[] = {
    {"put takes a reference", test_put_takes_a_reference},
    {"positions left out hold nothing", test_positions_left_out_hold_nothing},
    {"erase undoes a put once", test_erase_undoes_a_put_once},
    {"an emptied lane starts anew at the next put",
	test_an_emptied_lane_starts_anew_at_the_next_put},
    {"removals next to each other join", test_removals_next_to_each_other_join},
    {"removals out of order do not grow without bound",
	test_removals_out_of_order_do_not_grow_without_bound},
    {"ranges join where they touch or overlap",
	test_ranges_join_where_they_touch_or_overlap},
    {"the greatest note stays", test_the_greatest_note_stays},
    {"a touch is one change until the lane is dropped",
	test_a_touch_is_one_change_until_the_lane_is_dropped},
    {"an erased put takes its note along",
	test_an_erased_put_takes_its_note_along},
    {"a dropped lane forgets what it held",
	test_a_dropped_lane_forgets_what_it_held},
    {"definitions are copied in order", test_definitions_are_copied_in_order},
    {"a batch is freed within its budget",
	test_a_batch_is_freed_within_its_budget},
};

UNIT_MAIN("change", tests)
