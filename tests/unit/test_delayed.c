/* test_delayed.c - which messages are held back, and what the others follow. */
#include <stdlib.h>

#include "amqp/table.h"
#include "exchanges/delayed.h"
#include "tests/unit/rig.h"
#include "tests/unit/unit.h"

static int64_t
delay(const char *headers)
{
	struct bytes table = rig_table(headers);
	int64_t ms = delay_of(table);

	free((void *)table.p);
	return ms;
}

static void
test_integers_of_any_type_delay(void)
{
	CU_ASSERT_EQUAL(delay("{x-delay:b:5}"), 5);
	CU_ASSERT_EQUAL(delay("{x-delay:B:200}"), 200);
	CU_ASSERT_EQUAL(delay("{x-delay:s:5000}"), 5000);
	CU_ASSERT_EQUAL(delay("{x-delay:u:60000}"), 60000);
	CU_ASSERT_EQUAL(delay("{x-delay:I:70000}"), 70000);
	CU_ASSERT_EQUAL(delay("{x-delay:i:4294967295}"), 4294967295);
	CU_ASSERT_EQUAL(delay("{x-delay:l:4294967295}"), 4294967295);
}

static void
test_only_what_a_timer_can_wait_for_delays(void)
{
	CU_ASSERT_EQUAL(delay("{x-delay:I:0}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:I:-1}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:l:4294967296}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:l:-9223372036854775807}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:S:99999999999999999999}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:d:1e300}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:d:-3}"), 0);
	CU_ASSERT_EQUAL(delay_of(BYTES("")), 0);
	CU_ASSERT_EQUAL(delay("{X-Delay:I:5}"), 0);
}

static void
test_text_and_floating_numbers_delay(void)
{
	CU_ASSERT_EQUAL(delay("{x-delay:S:5000}"), 5000);
	CU_ASSERT_EQUAL(delay("{x-delay:S:+7}"), 7);
	CU_ASSERT_EQUAL(delay("{x-delay:d:2.5}"), 3);
	CU_ASSERT_EQUAL(delay("{x-delay:f:1500}"), 1500);
	CU_ASSERT_EQUAL(delay("{x-delay:S:5s}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:S:}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:S:+}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:S:-5}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:t:1}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:V}"), 0);
	CU_ASSERT_EQUAL(delay("{x-delay:T:5}"), 0);
}

static void
spends(const char *before, const char *after)
{
	struct bytes headers = rig_table(before), wanted = rig_table(after);
	struct writer w = {0};

	delay_spend(&w, headers);
	CU_ASSERT(bytes_eq(writer_view(&w), wanted));
	writer_fini(&w);
	free((void *)headers.p);
	free((void *)wanted.p);
}

static void
test_spent_delay_is_negative_in_its_place(void)
{
	spends("{x-delay:I:5}", "{x-delay:l:-5}");
	spends("{a:S:1,x-delay:S:70,b:t:1}",
	    "{a:S:1,x-delay:l:-70,b:t:1}");
	spends("{x-delay:I:5,x-delay:I:6}", "{x-delay:l:-5,x-delay:I:6}");
	spends("{a:S:1}", "{a:S:1}");
	spends("{x-delay:I:0}", "{x-delay:I:0}");
	CU_ASSERT_EQUAL(delay("{x-delay:l:-5,x-delay:I:6}"), 0);
}

/* --- the exchange ---------------------------------------------------------- */

static struct exchange *
delayed(struct rig *rig, const char *name, const char *arguments)
{
	struct bytes table = rig_table(arguments);
	struct exchange *x = exchange_new(&type_delayed, bytes_str(name), table);

	names_put(&rig->exchanges, x->destination.name, x);
	free((void *)table.p);
	return x;
}

static bool
is_possible(const char *arguments)
{
	struct bytes table = rig_table(arguments);
	const char *wrong = type_delayed.check_arguments(table);

	free((void *)table.p);
	return wrong == NULL;
}

static void
test_another_type_must_be_named(void)
{
	CU_ASSERT(is_possible("{x-delayed-type:S:direct}"));
	CU_ASSERT(is_possible("{x-delayed-type:S:headers,a:I:1}"));
	CU_ASSERT(!is_possible("{}"));
	CU_ASSERT(!is_possible("{x-delayed-type:S:bogus}"));
	CU_ASSERT(!is_possible("{x-delayed-type:x:direct}"));
	CU_ASSERT(!is_possible("{x-delayed-type:I:1}"));
	CU_ASSERT(!is_possible("{x-delayed-type:S:x-delayed-message}"));
}

static void
test_inner_types_rule_is_followed(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = delayed(&rig, "x", "{x-delayed-type:S:topic}");
	rig_bind(x, rig_queue(&rig, "q"), "a.*", NULL);
	rig_bind(x, rig_queue(&rig, "r"), "#", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "a.b"), 2);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "c"), 1);
	CU_ASSERT(!rig.route.by_key_only);
	CU_ASSERT(!rig.route.held_back);
	CU_ASSERT_EQUAL(rig.route.keeper_count, 0);
	x = delayed(&rig, "h", "{x-delayed-type:S:headers}");
	CU_ASSERT_PTR_NOT_NULL(exchange_check_binding(
	    x, BYTES(""), BYTES("\x07x-matchS\0\0\0\1?")));
	rig_bind(x, rig_queue(&rig, "q"), "", "{a:I:1}");
	CU_ASSERT_EQUAL(rig_route_headers(&rig, x, "{a:I:1}"), 1);
	rig_fini(&rig);
}

static void
test_message_with_delay_is_held_back(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = delayed(
	    &rig, "x", "{x-delayed-type:S:fanout,alternate-exchange:S:y}");
	rig_bind(rig_exchange(&rig, &type_fanout, "y"), rig_queue(&rig, "r"),
	    "", NULL);
	CU_ASSERT_EQUAL(rig_route_headers(&rig, x, "{x-delay:I:5}"), 0);
	CU_ASSERT(rig.route.held_back);
	CU_ASSERT_EQUAL_FATAL(rig.route.keeper_count, 1);
	CU_ASSERT_PTR_EQUAL(rig.route.keepers[0], x);
	CU_ASSERT_EQUAL(rig_route_headers(&rig, x, "{x-delay:I:-5}"), 1);
	CU_ASSERT(!rig.route.held_back);
	CU_ASSERT_EQUAL(rig.route.keeper_count, 0);
	rig_fini(&rig);
}

static void
test_in_the_middle_of_a_way_too(void)
{
	struct rig rig;
	struct exchange *first, *second, *in;

	rig_init(&rig);
	in = rig_exchange(&rig, &type_fanout, "in");
	first = delayed(&rig, "first", "{x-delayed-type:S:fanout}");
	second = delayed(&rig, "second", "{x-delayed-type:S:direct}");
	rig_bind(in, &first->destination, "", NULL);
	rig_bind(in, &second->destination, "", NULL);
	rig_bind(first, &second->destination, "", NULL);
	rig_bind(in, rig_queue(&rig, "q"), "", NULL);
	rig_bind(first, rig_queue(&rig, "r"), "", NULL);
	CU_ASSERT_EQUAL(rig_route_headers(&rig, in, "{x-delay:I:5}"), 1);
	CU_ASSERT(rig_reached(&rig, "q"));
	CU_ASSERT_EQUAL(rig.route.keeper_count, 2);
	rig_fini(&rig);
}

/* --- exchanges that keep and let go ----------------------------------------- */

static enum keeping
keep_too(const struct exchange *x, const struct routing *routing)
{
	return KEEP_TOO;
}

static const struct exchange_type type_witness = {
    .name = "witness",
    .rule_argument = "rule",
    .keeps = keep_too,
};

static void
test_keeping_a_message_need_not_hold_it_back(void)
{
	struct rig rig;
	struct bytes table = rig_table("{rule:S:direct}");
	struct exchange *x = exchange_new(&type_witness, BYTES("x"), table);

	rig_init(&rig);
	names_put(&rig.exchanges, x->destination.name, x);
	rig_bind(x, rig_queue(&rig, "q"), "k", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 1);
	CU_ASSERT_EQUAL(rig.route.keeper_count, 1);
	CU_ASSERT(!rig.route.held_back);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "other"), 0);
	CU_ASSERT_EQUAL(rig.route.keeper_count, 1);
	free((void *)table.p);
	rig_fini(&rig);
}

static const struct unit_test tests[] = {
    {"integers of any type delay", test_integers_of_any_type_delay},
    {"only what a timer can wait for delays",
	test_only_what_a_timer_can_wait_for_delays},
    {"text and floating numbers delay", test_text_and_floating_numbers_delay},
    {"spent delay is negative in its place",
	test_spent_delay_is_negative_in_its_place},
    {"another type must be named", test_another_type_must_be_named},
    {"inner type's rule is followed", test_inner_types_rule_is_followed},
    {"message with delay is held back", test_message_with_delay_is_held_back},
    {"in the middle of a way too", test_in_the_middle_of_a_way_too},
    {"keeping a message need not hold it back",
	test_keeping_a_message_need_not_hold_it_back},
};

UNIT_MAIN("delayed", tests)
