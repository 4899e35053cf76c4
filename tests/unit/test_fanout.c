/* test_fanout.c - every binding matches. */
#include "tests/unit/rig.h"
#include "tests/unit/unit.h"

static void
test_every_key_reaches_every_queue(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_fanout, "x");
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 0);
	rig_bind(x, rig_queue(&rig, "a"), "", NULL);
	rig_bind(x, rig_queue(&rig, "b"), "other", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 2);
	CU_ASSERT(rig_reached(&rig, "a") && rig_reached(&rig, "b"));
	CU_ASSERT(rig_unbind(x, rig_queue(&rig, "a"), "", NULL));
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 1);
	CU_ASSERT(rig_reached(&rig, "b"));
	rig_fini(&rig);
}

static void
test_queue_bound_by_many_keys_is_named_once(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_fanout, "x");
	for (unsigned i = 0; i < 100; i++)
		rig_bind(x, rig_queue(&rig, "q"), rig_text("k%u", i), NULL);
	CU_ASSERT_EQUAL(x->binding_count, 100);
	CU_ASSERT_EQUAL(rig_route(&rig, x, ""), 1);
	rig_fini(&rig);
}

static void
test_work_is_the_number_of_bindings(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_fanout, "x");
	for (unsigned i = 0; i < 10000; i++)
		rig_bind(x, rig_queue_numbered(&rig, "q", i), "", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 10000);
	CU_ASSERT_EQUAL(rig.route.work, 10000);
	rig_fini(&rig);
}

static const struct unit_test tests[] = {
    {"every key reaches every queue", test_every_key_reaches_every_queue},
    {"queue bound by many keys is named once",
	test_queue_bound_by_many_keys_is_named_once},
    {"work is the number of bindings", test_work_is_the_number_of_bindings},
};

UNIT_MAIN("fanout", tests)
