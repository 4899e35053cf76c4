/* test_direct.c - the binding key is the routing key. */
#include "tests/unit/rig.h"
#include "tests/unit/unit.h"

static void
test_key_must_be_the_same(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 0);
	rig_bind(x, rig_queue(&rig, "a"), "k", NULL);
	rig_bind(x, rig_queue(&rig, "b"), "k", NULL);
	rig_bind(x, rig_queue(&rig, "c"), "kk", NULL);
	rig_bind(x, rig_queue(&rig, "d"), "", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 2);
	CU_ASSERT(rig_reached(&rig, "a") && rig_reached(&rig, "b"));
	CU_ASSERT_EQUAL(rig_route(&rig, x, "kk"), 1);
	CU_ASSERT(rig_reached(&rig, "c"));
	CU_ASSERT_EQUAL(rig_route(&rig, x, ""), 1);
	CU_ASSERT(rig_reached(&rig, "d"));
	CU_ASSERT_EQUAL(rig_route(&rig, x, "K"), 0);
	rig_fini(&rig);
}

static void
test_arguments_do_not_matter_to_the_match(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	rig_bind(x, rig_queue(&rig, "a"), "k", "{x-match:S:bogus}");
	rig_bind(x, rig_queue(&rig, "a"), "k", NULL);
	CU_ASSERT_EQUAL(x->binding_count, 2);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 1);
	rig_fini(&rig);
}

/* Whichever of three bindings of a key goes, the others stay. */
static void
test_one_of_several_with_a_key_goes(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	for (unsigned gone = 0; gone < 3; gone++) {
		for (unsigned i = 0; i < 3; i++)
			rig_bind(
			    x, rig_queue_numbered(&rig, "q", i), "k", NULL);
		CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 3);
		CU_ASSERT(rig_unbind(
		    x, rig_queue_numbered(&rig, "q", gone), "k", NULL));
		CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 2);
		CU_ASSERT(!rig_reached(&rig, rig_text("q%u", gone)));
	}
	while (x->bindings != NULL)
		exchange_unbind(x->bindings);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 0);
	rig_fini(&rig);
}

static void
test_other_keys_cost_nothing(void)
{
	struct rig rig;
	struct exchange *x;
	size_t alone;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	rig_bind(x, rig_queue(&rig, "q"), "k", NULL);
	rig_route(&rig, x, "k");
	alone = rig.route.work;
	for (unsigned i = 0; i < 20000; i++)
		rig_bind(x, rig_queue(&rig, "q"), rig_text("k%u", i), NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 1);
	CU_ASSERT_EQUAL(rig.route.work, alone);
	rig_fini(&rig);
}

static void
check_random(int rounds)
{
	enum { KEYS = 20, QUEUES = 10 };
	bool bound[KEYS][QUEUES] = {0};
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	for (int round = 0; round < rounds; round++) {
		unsigned k = rig_random(KEYS), q = rig_random(QUEUES);
		const char *key = rig_text("%u", k);
		struct destination *to = rig_queue_numbered(&rig, "q", q);
		size_t expected = 0;

		if (!bound[k][q])
			rig_bind(x, to, key, NULL);
		else
			CU_ASSERT(rig_unbind(x, to, key, NULL));
		bound[k][q] = !bound[k][q];
		for (unsigned i = 0; i < QUEUES; i++)
			expected += bound[k][i];
		CU_ASSERT_EQUAL(rig_route(&rig, x, key), expected);
		CU_ASSERT_EQUAL(
		    rig_reached(&rig, rig_text("q%u", q)), bound[k][q]);
	}
	rig_check(x);
	rig_fini(&rig);
}

static void
test_random_binds_and_unbinds_agree_with_a_plain_matrix(void)
{
	check_random(4000);
}

static void
test_keys_that_collide_are_told_apart(void)
{
	rig_collide(true);
	check_random(1000);
	rig_collide(false);
}

static const struct unit_test tests[] = {
    {"key must be the same", test_key_must_be_the_same},
    {"arguments do not matter to the match",
	test_arguments_do_not_matter_to_the_match},
    {"one of several with a key goes", test_one_of_several_with_a_key_goes},
    {"other keys cost nothing", test_other_keys_cost_nothing},
    {"random binds and unbinds agree with a plain matrix",
	test_random_binds_and_unbinds_agree_with_a_plain_matrix},
    {"keys that collide are told apart", test_keys_that_collide_are_told_apart},
};

UNIT_MAIN("direct", tests)
