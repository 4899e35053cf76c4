/* test_exchange.c - bindings by identity, and how exchanges begin and end. */
#include <stdlib.h>

#include "amqp/table.h"
#include "exchanges/hash.h"
#include "tests/unit/rig.h"
#include "tests/unit/unit.h"

static void
test_types_are_found_by_name(void)
{
	CU_ASSERT_PTR_EQUAL(exchange_type_find(BYTES("direct")), &type_direct);
	CU_ASSERT_PTR_EQUAL(exchange_type_find(BYTES("fanout")), &type_fanout);
	CU_ASSERT_PTR_EQUAL(exchange_type_find(BYTES("topic")), &type_topic);
	CU_ASSERT_PTR_EQUAL(
	    exchange_type_find(BYTES("headers")), &type_headers);
	CU_ASSERT_PTR_NULL(exchange_type_find(BYTES("bogus")));
	CU_ASSERT_PTR_NULL(exchange_type_find(BYTES("direct ")));
	CU_ASSERT_PTR_NULL(exchange_type_find(BYTES("")));
}

static void
test_only_headers_looks_beyond_the_key(void)
{
	CU_ASSERT(type_direct.by_key_only);
	CU_ASSERT(type_fanout.by_key_only);
	CU_ASSERT(type_topic.by_key_only);
	CU_ASSERT(!type_headers.by_key_only);
}

static struct exchange *
exchange_with(const char *arguments)
{
	struct bytes table = rig_table(arguments);
	struct exchange *x = exchange_new(&type_direct, BYTES("x"), table);

	CU_ASSERT(bytes_eq(x->arguments, table));
	CU_ASSERT(x->arguments.p != table.p);
	free((void *)table.p);
	return x;
}

static void
test_new_exchange_copies_name_and_arguments(void)
{
	struct exchange *x = exchange_with("{a:S:b}");

	CU_ASSERT(bytes_eq(x->destination.name, BYTES("x")));
	CU_ASSERT_EQUAL(x->destination.kind, TO_EXCHANGE);
	CU_ASSERT_PTR_NULL(x->alternate.p);
	CU_ASSERT(!x->was_bound);
	CU_ASSERT_EQUAL(x->binding_count, 0);
	exchange_free(x);
}

static void
test_longstr_argument_names_the_alternate(void)
{
	struct exchange *x = exchange_with("{alternate-exchange:S:other}");

	CU_ASSERT(bytes_eq(x->alternate, BYTES("other")));
	exchange_free(x);
	x = exchange_with("{alternate-exchange:I:5}");
	CU_ASSERT_PTR_NULL(x->alternate.p);
	exchange_free(x);
}

static void
test_binding_twice_is_binding_once(void)
{
	struct rig rig;
	struct exchange *x;
	struct destination *q;
	struct binding *first;
	bool added = false;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	q = rig_queue(&rig, "q");
	first = exchange_bind(x, q, BYTES("k"), BYTES(""), &added);
	CU_ASSERT(added);
	CU_ASSERT(x->was_bound);
	CU_ASSERT_PTR_EQUAL(
	    exchange_bind(x, q, BYTES("k"), BYTES(""), &added), first);
	CU_ASSERT(!added);
	CU_ASSERT_PTR_EQUAL(
	    exchange_bind(x, q, BYTES("k"), BYTES(""), NULL), first);
	CU_ASSERT_EQUAL(x->binding_count, 1);
	exchange_unbind(first);
	CU_ASSERT_EQUAL(x->binding_count, 0);
	CU_ASSERT_PTR_NULL(x->bindings);
	CU_ASSERT_PTR_NULL(q->bindings);
	CU_ASSERT(x->was_bound);
	rig_fini(&rig);
}

static void
test_binding_keeps_its_own_copies(void)
{
	uint8_t key[] = "key", arguments[] = "\1aV";
	struct rig rig;
	struct exchange *x;
	struct binding *b;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	b = exchange_bind(x, rig_queue(&rig, "q"), (struct bytes){key, 3},
	    (struct bytes){arguments, 3}, NULL);
	memset(key, 'z', 3);
	memset(arguments, 'z', 3);
	CU_ASSERT(bytes_eq(b->key, BYTES("key")));
	CU_ASSERT(bytes_eq(b->arguments, BYTES("\1aV")));
	CU_ASSERT_EQUAL(rig_route(&rig, x, "key"), 1);
	rig_fini(&rig);
}

static void
test_each_part_of_the_identity_counts(void)
{
	struct rig rig;
	struct exchange *x, *y;
	struct destination *q;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	y = rig_exchange(&rig, &type_direct, "y");
	q = rig_queue(&rig, "q");
	rig_bind(x, q, "k", "{a:I:1}");
	CU_ASSERT(!rig_unbind(y, q, "k", "{a:I:1}"));
	CU_ASSERT(!rig_unbind(x, rig_queue(&rig, "other"), "k", "{a:I:1}"));
	CU_ASSERT(!rig_unbind(x, q, "other", "{a:I:1}"));
	CU_ASSERT(!rig_unbind(x, q, "k", "{a:l:1}"));
	CU_ASSERT(!rig_unbind(x, q, "k", "{a:I:2}"));
	CU_ASSERT(!rig_unbind(x, q, "k", "{b:I:1}"));
	CU_ASSERT(!rig_unbind(x, q, "k", NULL));
	CU_ASSERT(rig_unbind(x, q, "k", "{a:I:1}"));
	rig_fini(&rig);
}

static void
test_order_of_arguments_does_not_count(void)
{
	struct rig rig;
	struct exchange *x;
	struct destination *q;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_headers, "x");
	q = rig_queue(&rig, "q");
	rig_bind(x, q, "", "{a:I:1,b:S:two,c:{d:I:3,e:I:4}}");
	rig_bind(x, q, "", "{c:{e:I:4,d:I:3},b:S:two,a:I:1}");
	CU_ASSERT_EQUAL(x->binding_count, 1);
	rig_bind(x, q, "", "{c:{e:I:4,d:I:5},b:S:two,a:I:1}");
	CU_ASSERT_EQUAL(x->binding_count, 2);
	rig_fini(&rig);
}

/* Of a key that comes twice, amqp_table_equal sees the first. */
static void
test_equal_tables_have_equal_hashes(void)
{
	static const struct bytes equal[][2] = {
	    {BYTES("\1at\1\1bV"), BYTES("\1bV\1at\1")},
	    {BYTES("\1at\1\1at\0"), BYTES("\1at\1")},
	    {BYTES("\1ad\0\0\0\0\0\0\0\0"), BYTES("\1ad\x80\0\0\0\0\0\0\0")},
	    {BYTES("\1al\0\0\0\0\0\0\0\5"), BYTES("\1aL\0\0\0\0\0\0\0\5")},
	    {BYTES("\1aF\0\0\0\7\1at\1\1bV"), BYTES("\1aF\0\0\0\7\1bV\1at\1")},
	};

	for (size_t i = 0; i < sizeof equal / sizeof *equal; i++) {
		CU_ASSERT_FATAL(amqp_table_equal(equal[i][0], equal[i][1]));
		CU_ASSERT_EQUAL(
		    hash_table(equal[i][0]), hash_table(equal[i][1]));
	}
}

/* --- costs --------------------------------------------------------------- */

/* Finding, binding and unbinding walk one bucket. */
static size_t
longest_bucket(const struct chains *c)
{
	size_t longest = 0;

	for (size_t i = 0; i < c->size; i++) {
		size_t length = 0;

		for (struct chain_link *link = c->buckets[i]; link != NULL;
		     link = link->next)
			length++;
		if (length > longest)
			longest = length;
	}
	return longest;
}

enum { MANY = 100000, SHORT = 16 };

static void
test_one_key_may_have_many_destinations(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	for (unsigned i = 0; i < MANY; i++)
		rig_bind(x, rig_queue_numbered(&rig, "q", i), "k", NULL);
	CU_ASSERT_EQUAL(x->binding_count, MANY);
	CU_ASSERT(longest_bucket(&x->identities) < SHORT);
	for (unsigned i = 0; i < MANY; i++)
		rig_unbind(x, rig_queue_numbered(&rig, "q", i), "k", NULL);
	CU_ASSERT_EQUAL(x->binding_count, 0);
	CU_ASSERT(x->identities.size < SHORT);
	rig_fini(&rig);
}

static void
test_one_destination_may_have_many_keys(void)
{
	struct rig rig;
	struct exchange *x;
	struct destination *q;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_topic, "x");
	q = rig_queue(&rig, "q");
	for (unsigned i = 0; i < MANY; i++)
		rig_bind(x, q, rig_text("a.%u.#", i), NULL);
	CU_ASSERT_EQUAL(x->binding_count, MANY);
	CU_ASSERT(longest_bucket(&x->identities) < SHORT);
	while (q->bindings != NULL)
		exchange_unbind(q->bindings);
	CU_ASSERT_EQUAL(x->binding_count, 0);
	rig_fini(&rig);
}

static void
test_one_key_may_have_many_arguments(void)
{
	static const char *const shapes[] = {
	    "{a:I:%u}", "{a:{b:S:text%u,c:I:1}}"};
	struct rig rig;
	struct exchange *x;
	struct destination *q;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_fanout, "x");
	q = rig_queue(&rig, "q");
	for (unsigned i = 0; i < MANY / 4; i++) {
		char text[64];

		snprintf(text, sizeof text, shapes[i % 2], i);
		rig_bind(x, q, "k", text);
	}
	CU_ASSERT_EQUAL(x->binding_count, MANY / 4);
	CU_ASSERT(longest_bucket(&x->identities) < SHORT);
	rig_fini(&rig);
}

/* --- at random ----------------------------------------------------------- */

struct pick {
	struct exchange *from;
	struct destination *to;
	struct bytes key;
	struct bytes arguments; /* own */
};

enum { EXCHANGES = 4, QUEUES = 5 };

static struct pick
random_pick(struct rig *rig, struct exchange *const *x)
{
	static const char *const keys[] = {"", "a", "a.b", "*.b", "#", "a.#"};
	static const char *const arguments[] = {NULL, "{a:I:1}",
	    "{x-match:S:any,a:I:1,b:S:x}", "{b:S:x,a:I:1,x-match:S:any}"};
	struct pick pick = {.from = x[rig_random(EXCHANGES)]};

	if (rig_random(4) == 0)
		pick.to = &x[rig_random(EXCHANGES)]->destination;
	else
		pick.to = rig_queue_numbered(rig, "q", rig_random(QUEUES));
	pick.key = bytes_str(keys[rig_random(6)]);
	pick.arguments = rig_table(arguments[rig_random(4)]);
	return pick;
}

static struct binding *
find(const struct pick *p)
{
	return exchange_find_binding(p->from, p->to, p->key, p->arguments);
}

static void
bind_or_unbind(const struct pick *p)
{
	struct binding *b = find(p);
	size_t before = p->from->binding_count;
	bool added;

	if (b != NULL && rig_random(2) == 0) {
		exchange_unbind(b);
		CU_ASSERT_EQUAL(p->from->binding_count, before - 1);
		CU_ASSERT_PTR_NULL(find(p));
		return;
	}
	exchange_bind(p->from, p->to, p->key, p->arguments, &added);
	CU_ASSERT_EQUAL(added, b == NULL);
	CU_ASSERT_EQUAL(p->from->binding_count, before + added);
}

/* Every type, exchanges and queues as destinations, in any order. */
static void
check_random(int rounds)
{
	static const struct exchange_type *const types[] = {
	    &type_direct, &type_fanout, &type_topic, &type_headers};
	struct rig rig;
	struct exchange *x[EXCHANGES];

	rig_init(&rig);
	for (unsigned i = 0; i < EXCHANGES; i++)
		x[i] = rig_exchange(&rig, types[i], rig_text("x%u", i));
	for (int round = 0; round < rounds; round++) {
		struct pick pick = random_pick(&rig, x);

		bind_or_unbind(&pick);
		free((void *)pick.arguments.p);
		if (round % 100 == 0)
			rig_check(pick.from);
	}
	rig_fini(&rig);
}

static void
test_random_binds_and_unbinds_stay_consistent(void)
{
	check_random(20000);
}

static void
test_identities_that_collide_are_told_apart(void)
{
	rig_collide(true);
	check_random(5000);
	rig_collide(false);
}

static const struct unit_test tests[] = {
    {"types are found by name", test_types_are_found_by_name},
    {"only headers looks beyond the key",
	test_only_headers_looks_beyond_the_key},
    {"new exchange copies name and arguments",
	test_new_exchange_copies_name_and_arguments},
    {"longstr argument names the alternate",
	test_longstr_argument_names_the_alternate},
    {"binding twice is binding once", test_binding_twice_is_binding_once},
    {"binding keeps its own copies", test_binding_keeps_its_own_copies},
    {"each part of the identity counts", test_each_part_of_the_identity_counts},
    {"order of arguments does not count",
	test_order_of_arguments_does_not_count},
    {"equal tables have equal hashes", test_equal_tables_have_equal_hashes},
    {"one key may have many destinations",
	test_one_key_may_have_many_destinations},
    {"one destination may have many keys",
	test_one_destination_may_have_many_keys},
    {"one key may have many arguments", test_one_key_may_have_many_arguments},
    {"random binds and unbinds stay consistent",
	test_random_binds_and_unbinds_stay_consistent},
    {"identities that collide are told apart",
	test_identities_that_collide_are_told_apart},
};

UNIT_MAIN("exchange", tests)
