/* test_choice.c - one of the bindings gets a message: x-consistent-hash,
 * x-modulus-hash, x-random. */
#include <stdlib.h>

#include "amqp/props.h"
#include "amqp/xalloc.h"
#include "tests/unit/rig.h"
#include "tests/unit/unit.h"

enum { KEYS = 20000, QUEUES_MAX = 64 };

/* --- helpers ------------------------------------------------------------- */

static struct exchange *
exchange_with(struct rig *rig, const struct exchange_type *type,
    const char *name, const char *arguments)
{
	struct bytes table = rig_table(arguments);
	struct exchange *x = exchange_new(type, bytes_str(name), table);

	names_put(&rig->exchanges, x->destination.name, x);
	free((void *)table.p);
	return x;
}

static unsigned
number_of(const struct destination *queue)
{
	return (unsigned)atoi((const char *)queue->name.p + 1);
}

/* The number of the queue that gets it: there must be just one. */
static unsigned
way(struct rig *rig, struct exchange *x, const struct routing *routing)
{
	route_begin(&rig->route);
	route(&rig->route, x, routing, &rig->exchanges, &rig->queues);
	CU_ASSERT_EQUAL_FATAL(rig->route.count, 1);
	return number_of(rig->route.queues[0]);
}

static unsigned
way_of_key(struct rig *rig, struct exchange *x, unsigned key)
{
	return way(rig, x,
	    &(struct routing){.key = bytes_str(rig_text("key.%u", key))});
}

static void
bind(struct rig *rig, struct exchange *x, unsigned n, const char *key)
{
	rig_bind(x, rig_queue_numbered(rig, "q", n), key, NULL);
}

static void
unbind(struct rig *rig, struct exchange *x, unsigned n, const char *key)
{
	CU_ASSERT(rig_unbind(x, rig_queue_numbered(rig, "q", n), key, NULL));
}

/* Where each key leads. */
static unsigned *
ways(struct rig *rig, struct exchange *x)
{
	unsigned *w = xcalloc(KEYS, sizeof *w);

	for (unsigned i = 0; i < KEYS; i++)
		w[i] = way_of_key(rig, x, i);
	return w;
}

static void
count(const unsigned *w, unsigned shares[QUEUES_MAX])
{
	memset(shares, 0, QUEUES_MAX * sizeof *shares);
	for (unsigned i = 0; i < KEYS; i++)
		shares[w[i]]++;
}

static void
check_share(unsigned share, double wanted)
{
	CU_ASSERT(share > wanted * 0.85 && share < wanted * 1.15);
}

/* --- x-consistent-hash ----------------------------------------------------- */

static void
test_without_bindings_nothing_is_reached(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_consistent_hash, "x");
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 0);
	bind(&rig, x, 1, "3");
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 1);
	unbind(&rig, x, 1, "3");
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 0);
	rig_fini(&rig);
}

static void
test_equal_weights_share_evenly(void)
{
	unsigned shares[QUEUES_MAX], *w;
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_consistent_hash, "x");
	for (unsigned i = 0; i < 10; i++)
		bind(&rig, x, i, "1");
	w = ways(&rig, x);
	count(w, shares);
	for (unsigned i = 0; i < 10; i++)
		check_share(shares[i], KEYS / 10.0);
	free(w);
	rig_fini(&rig);
}

static void
test_weights_are_honoured(void)
{
	unsigned shares[QUEUES_MAX], *w;
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_consistent_hash, "x");
	bind(&rig, x, 1, "1");
	bind(&rig, x, 2, "2");
	bind(&rig, x, 3, "5");
	w = ways(&rig, x);
	count(w, shares);
	check_share(shares[1], KEYS / 8.0);
	check_share(shares[2], KEYS / 4.0);
	check_share(shares[3], KEYS / 8.0 * 5);
	free(w);
	rig_fini(&rig);
}

/* As after a restart, which brings bindings back in any order. */
static void
check_order_is_nothing(const struct exchange_type *type)
{
	struct rig rig;
	struct exchange *x, *y;
	unsigned *w, *v;

	rig_init(&rig);
	x = rig_exchange(&rig, type, "x");
	y = rig_exchange(&rig, type, "y");
	for (unsigned i = 0; i < 30; i++)
		bind(&rig, x, i, rig_text("%u", 1 + i % 4));
	for (unsigned i = 60; i-- > 0;) {
		bind(&rig, y, i, rig_text("%u", 1 + i % 4));
		if (i % 7 == 0) /* so that they do not come in one go */
			way_of_key(&rig, y, i);
	}
	for (unsigned i = 30; i < 60; i++)
		unbind(&rig, y, i, rig_text("%u", 1 + i % 4));
	w = ways(&rig, x);
	v = ways(&rig, y);
	CU_ASSERT_EQUAL(memcmp(w, v, KEYS * sizeof *w), 0);
	free(w);
	free(v);
	rig_fini(&rig);
}

static void
test_order_of_bindings_is_nothing(void)
{
	check_order_is_nothing(&type_consistent_hash);
}

static void
test_unbinding_moves_only_its_share(void)
{
	unsigned *before, *after, moved = 0;
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_consistent_hash, "x");
	for (unsigned i = 0; i < 8; i++)
		bind(&rig, x, i, "2");
	before = ways(&rig, x);
	unbind(&rig, x, 3, "2");
	after = ways(&rig, x);
	for (unsigned i = 0; i < KEYS; i++) {
		CU_ASSERT(before[i] == 3 || before[i] == after[i]);
		CU_ASSERT(after[i] != 3);
		moved += before[i] != after[i];
	}
	check_share(moved, KEYS / 8.0);
	free(after);
	bind(&rig, x, 3, "2");
	after = ways(&rig, x);
	CU_ASSERT_EQUAL(memcmp(before, after, KEYS * sizeof *after), 0);
	free(before);
	free(after);
	rig_fini(&rig);
}

static void
test_twice_bound_counts_by_the_larger_weight(void)
{
	unsigned *once, *twice;
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_consistent_hash, "x");
	bind(&rig, x, 1, "3");
	bind(&rig, x, 2, "4");
	once = ways(&rig, x);
	bind(&rig, x, 1, "1");
	twice = ways(&rig, x);
	CU_ASSERT_EQUAL(memcmp(once, twice, KEYS * sizeof *once), 0);
	free(twice);
	unbind(&rig, x, 1, "1");
	twice = ways(&rig, x);
	CU_ASSERT_EQUAL(memcmp(once, twice, KEYS * sizeof *once), 0);
	free(once);
	free(twice);
	rig_fini(&rig);
}

static void
test_work_does_not_grow_with_bindings(void)
{
	struct rig rig;
	struct exchange *x;
	size_t work;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_consistent_hash, "x");
	bind(&rig, x, 0, "1");
	rig_route(&rig, x, "k");
	work = rig.route.work;
	for (unsigned i = 1; i < 2000; i++)
		bind(&rig, x, i, "1");
	rig_route(&rig, x, "k");
	CU_ASSERT_EQUAL(rig.route.work, work);
	rig_fini(&rig);
}

static void
test_header_takes_the_place_of_the_key(void)
{
	struct rig rig;
	struct exchange *x;
	struct routing routing = {.key = BYTES("k")};
	unsigned first, shares[QUEUES_MAX] = {0};

	rig_init(&rig);
	x = exchange_with(
	    &rig, &type_consistent_hash, "x", "{hash-header:S:user}");
	for (unsigned i = 0; i < 4; i++)
		bind(&rig, x, i, "1");
	first = way_of_key(&rig, x, 0);
	for (unsigned i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(way_of_key(&rig, x, i), first);
	for (unsigned i = 0; i < 1000; i++) {
		struct bytes table = rig_table(rig_text("{user:S:u%u}", i));

		routing.headers = table;
		shares[way(&rig, x, &routing)]++;
		free((void *)table.p);
	}
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT(shares[i] > 150);
	rig_fini(&rig);
}

static void
check_property(const char *property, void (*set)(struct amqp_props *, char *))
{
	struct rig rig;
	struct exchange *x;
	struct amqp_props props = {0};
	struct routing routing = {.key = BYTES("k"), .props = &props};
	unsigned shares[QUEUES_MAX] = {0}, first;

	rig_init(&rig);
	x = exchange_with(&rig, &type_consistent_hash, "x",
	    rig_text("{hash-property:S:%s}", property));
	for (unsigned i = 0; i < 4; i++)
		bind(&rig, x, i, "1");
	for (unsigned i = 0; i < 1000; i++) {
		char text[20];

		snprintf(text, sizeof text, "%u", i);
		set(&props, text);
		first = way(&rig, x, &routing);
		routing.key = BYTES("another");
		CU_ASSERT_EQUAL(way(&rig, x, &routing), first);
		shares[first]++;
	}
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT(shares[i] > 150);
	rig_fini(&rig);
}

static void
set_message_id(struct amqp_props *p, char *text)
{
	p->message_id = bytes_str(text);
}

static void
set_correlation_id(struct amqp_props *p, char *text)
{
	p->correlation_id = bytes_str(text);
}

static void
set_timestamp(struct amqp_props *p, char *text)
{
	p->timestamp = (uint64_t)atoi(text);
}

static void
test_properties_take_the_place_of_the_key(void)
{
	check_property("message_id", set_message_id);
	check_property("correlation_id", set_correlation_id);
	check_property("timestamp", set_timestamp);
}

static void
refuses(struct exchange *x, const char *key, const char *sentence)
{
	const char *wrong =
	    exchange_check_binding(x, bytes_str(key), BYTES(""));

	CU_ASSERT_PTR_NOT_NULL_FATAL(wrong);
	CU_ASSERT_STRING_EQUAL(wrong, sentence);
}

static void
takes(struct exchange *x, const char *key)
{
	CU_ASSERT_PTR_NULL(
	    exchange_check_binding(x, bytes_str(key), BYTES("")));
}

static void
test_keys_must_be_weights(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_consistent_hash, "x");
	takes(x, "1");
	takes(x, "+7");
	takes(x, "007");
	takes(x, "1000");
	refuses(x, "0", "The binding key must be greater than 0");
	refuses(x, "-0", "The binding key must be greater than 0");
	refuses(x, "-12", "The binding key must be greater than 0");
	refuses(x, "1001", "The binding key must not be greater than 1000");
	refuses(x, "99999999999999999999999999999999",
	    "The binding key must not be greater than 1000");
	refuses(x, "", "The binding key must be an integer: <<>>");
	refuses(x, "+", "The binding key must be an integer: <<\"+\">>");
	refuses(x, "1 ", "The binding key must be an integer: <<\"1 \">>");
	refuses(x, "1.5", "The binding key must be an integer: <<\"1.5\">>");
	rig_fini(&rig);
}

static const char *
check_arguments(const char *text)
{
	struct bytes table = rig_table(text);
	const char *wrong = type_consistent_hash.check_arguments(table);

	free((void *)table.p);
	return wrong;
}

static void
test_arguments_are_checked(void)
{
	CU_ASSERT_PTR_NULL(check_arguments(NULL));
	CU_ASSERT_PTR_NULL(check_arguments("{hash-header:S:h}"));
	CU_ASSERT_PTR_NULL(check_arguments("{hash-property:S:timestamp}"));
	CU_ASSERT_STRING_EQUAL(
	    check_arguments("{hash-header:S:h,hash-property:S:message_id}"),
	    "hash-header and hash-property are mutually exclusive");
	CU_ASSERT_STRING_EQUAL(check_arguments("{hash-property:S:app_id}"),
	    "Unsupported property: app_id");
	CU_ASSERT_PTR_NOT_NULL(check_arguments("{hash-header:I:1}"));
	CU_ASSERT_PTR_NOT_NULL(check_arguments("{hash-property:V}"));
}

/* Thousands come and go in any order, and what is left is as if nothing else
 * had ever been. */
static void
test_many_come_and_go(void)
{
	bool bound[QUEUES_MAX] = {false};
	unsigned *w, *v;
	struct rig rig;
	struct exchange *x, *y;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_consistent_hash, "x");
	y = rig_exchange(&rig, &type_consistent_hash, "y");
	for (unsigned i = 0; i < 5000; i++) {
		unsigned n = rig_random(QUEUES_MAX);

		if (bound[n])
			unbind(&rig, x, n, "1");
		else
			bind(&rig, x, n, "1");
		bound[n] = !bound[n];
		if (x->binding_count > 0 && i % 3 == 0)
			CU_ASSERT(bound[way_of_key(&rig, x, i)]);
	}
	for (unsigned n = 0; n < QUEUES_MAX; n++)
		if (bound[n])
			bind(&rig, y, n, "1");
	w = ways(&rig, x);
	v = ways(&rig, y);
	CU_ASSERT_EQUAL(memcmp(w, v, KEYS * sizeof *w), 0);
	free(w);
	free(v);
	rig_fini(&rig);
}

/* --- x-modulus-hash, x-random ------------------------------------------------ */

static void
test_modulus_order_of_bindings_is_nothing(void)
{
	check_order_is_nothing(&type_modulus_hash);
}

static void
check_even(const struct exchange_type *type)
{
	unsigned shares[QUEUES_MAX], *w;
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, type, "x");
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 0);
	for (unsigned i = 0; i < 10; i++)
		bind(&rig, x, i, "");
	unbind(&rig, x, 4, "");
	w = ways(&rig, x);
	count(w, shares);
	for (unsigned i = 0; i < 10; i++)
		if (i != 4)
			check_share(shares[i], KEYS / 9.0);
	CU_ASSERT_EQUAL(shares[4], 0);
	free(w);
	rig_fini(&rig);
}

static void
test_modulus_shares_evenly(void)
{
	unsigned way = 0;
	struct rig rig;
	struct exchange *x;

	check_even(&type_modulus_hash);
	rig_init(&rig);
	x = rig_exchange(&rig, &type_modulus_hash, "x");
	for (unsigned i = 0; i < 5; i++)
		bind(&rig, x, i, "any");
	way = way_of_key(&rig, x, 7);
	for (unsigned i = 0; i < 10; i++)
		CU_ASSERT_EQUAL(way_of_key(&rig, x, 7), way);
	CU_ASSERT(rig.route.by_key_only);
	rig_fini(&rig);
}

static void
test_random_shares_evenly(void)
{
	bool seen[3] = {false};
	struct rig rig;
	struct exchange *x;

	check_even(&type_random);
	rig_init(&rig);
	x = rig_exchange(&rig, &type_random, "x");
	for (unsigned i = 0; i < 3; i++)
		bind(&rig, x, i, "any");
	for (unsigned i = 0; i < 100; i++)
		seen[way_of_key(&rig, x, 7)] = true;
	CU_ASSERT(seen[0] && seen[1] && seen[2]);
	CU_ASSERT(!rig.route.by_key_only);
	rig_fini(&rig);
}

static void
test_local_random_has_empty_keys(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_local_random, "x");
	takes(x, "");
	refuses(x, "k", "Non-empty binding 'k' key not permitted");
	rig_fini(&rig);
}

static const struct unit_test tests[] = {
    {"without bindings nothing is reached",
	test_without_bindings_nothing_is_reached},
    {"equal weights share evenly", test_equal_weights_share_evenly},
    {"weights are honoured", test_weights_are_honoured},
    {"the order of bindings is nothing", test_order_of_bindings_is_nothing},
    {"unbinding moves only its share", test_unbinding_moves_only_its_share},
    {"twice bound counts by the larger weight",
	test_twice_bound_counts_by_the_larger_weight},
    {"work does not grow with bindings",
	test_work_does_not_grow_with_bindings},
    {"a header takes the place of the key",
	test_header_takes_the_place_of_the_key},
    {"properties take the place of the key",
	test_properties_take_the_place_of_the_key},
    {"keys must be weights", test_keys_must_be_weights},
    {"arguments are checked", test_arguments_are_checked},
    {"many come and go", test_many_come_and_go},
    {"modulus: the order of bindings is nothing",
	test_modulus_order_of_bindings_is_nothing},
    {"modulus shares evenly", test_modulus_shares_evenly},
    {"random shares evenly", test_random_shares_evenly},
    {"local random has empty keys", test_local_random_has_empty_keys},
};

UNIT_MAIN("choice", tests)
