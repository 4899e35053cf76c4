/* test_router.c - exchange-to-exchange bindings, alternates, each queue once.
 */
#include <pthread.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "tests/unit/rig.h"
#include "tests/unit/unit.h"

/* Linked with --wrap, so that allocations can be counted. */
void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);

static size_t allocations;

void *
__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	allocations++;
	return __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	allocations++;
	return __real_realloc(old, size);
}

static void
set_alternate(struct exchange *x, const char *name)
{
	x->alternate = xbytesdup(bytes_str(name));
}

static void
test_queue_is_named_once(void)
{
	struct rig rig;
	struct exchange *x, *y;
	struct destination *q;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_topic, "x");
	y = rig_exchange(&rig, &type_fanout, "y");
	q = rig_queue(&rig, "q");
	rig_bind(x, q, "a.*", NULL);
	rig_bind(x, q, "#", NULL);
	rig_bind(x, &y->destination, "#", NULL);
	rig_bind(x, &y->destination, "a.b", NULL);
	rig_bind(y, q, "", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "a.b"), 1);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "a.b"), 1);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "z"), 1);
	rig_fini(&rig);
}

static void
test_a_queue_is_passed_by_once(void)
{
	struct rig rig;
	struct exchange *x;
	struct destination *q;
	struct routing routing = {.key = BYTES("p")};

	rig_init(&rig);
	x = rig_exchange(&rig, &type_fanout, "x");
	q = rig_queue(&rig, "q");
	rig_bind(x, q, "", NULL);
	rig_bind(x, rig_queue(&rig, "p"), "", NULL);
	route_begin(&rig.route);
	route_pass_by(&rig.route, q);
	route(&rig.route, x, &routing, &rig.exchanges, &rig.queues);
	CU_ASSERT_EQUAL(rig.route.count, 1);
	CU_ASSERT(rig_reached(&rig, "p"));
	CU_ASSERT_EQUAL(rig_route(&rig, x, "p"), 2);
	rig_fini(&rig);
}

static void
test_routes_do_not_disturb_each_other(void)
{
	struct rig rig;
	struct route other = {0};
	struct routing routing = {.key = BYTES("k")};
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	rig_bind(x, rig_queue(&rig, "q"), "k", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 1);
	route_begin(&other);
	route(&other, x, &routing, &rig.exchanges, &rig.queues);
	CU_ASSERT_EQUAL(other.count, 1);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 1);
	route_fini(&other);
	rig_fini(&rig);
}

static void
test_key_goes_through_exchanges(void)
{
	struct rig rig;
	struct exchange *x, *y;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_topic, "x");
	y = rig_exchange(&rig, &type_direct, "y");
	rig_bind(x, &y->destination, "a.#", NULL);
	rig_bind(y, rig_queue(&rig, "q"), "a.b", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "a.b"), 1);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "a.c"), 0);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "b"), 0);
	rig_fini(&rig);
}

static void
test_cycle_is_cut(void)
{
	struct rig rig;
	struct exchange *x, *y;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_fanout, "x");
	y = rig_exchange(&rig, &type_fanout, "y");
	rig_bind(x, &y->destination, "", NULL);
	rig_bind(y, &x->destination, "", NULL);
	rig_bind(x, &x->destination, "", NULL);
	rig_bind(y, rig_queue(&rig, "q"), "", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, ""), 1);
	CU_ASSERT_EQUAL(rig_route(&rig, y, ""), 1);
	CU_ASSERT_EQUAL(rig.route.work, 4);
	rig_fini(&rig);
}

static void
test_alternate_takes_what_matches_nothing(void)
{
	struct rig rig;
	struct exchange *x, *y;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	y = rig_exchange(&rig, &type_fanout, "y");
	set_alternate(x, "y");
	rig_bind(x, rig_queue(&rig, "q"), "k", NULL);
	rig_bind(y, rig_queue(&rig, "rest"), "", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 1);
	CU_ASSERT(rig_reached(&rig, "q"));
	CU_ASSERT_EQUAL(rig_route(&rig, x, "other"), 1);
	CU_ASSERT(rig_reached(&rig, "rest"));
	rig_fini(&rig);
}

static void
test_alternates_chain_and_may_cycle(void)
{
	struct rig rig;
	struct exchange *x, *y, *z;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	y = rig_exchange(&rig, &type_direct, "y");
	z = rig_exchange(&rig, &type_direct, "z");
	set_alternate(x, "y");
	set_alternate(y, "z");
	set_alternate(z, "x");
	rig_bind(z, rig_queue(&rig, "q"), "k", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 1);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "other"), 0);
	CU_ASSERT_EQUAL(rig_route(&rig, y, "k"), 1);
	rig_fini(&rig);
}

/* RabbitMQ 3.10.8: a binding to another exchange is a match. */
static void
test_alternate_is_not_tried_after_a_binding_to_an_exchange(void)
{
	struct rig rig;
	struct exchange *x, *y, *empty;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	y = rig_exchange(&rig, &type_fanout, "y");
	empty = rig_exchange(&rig, &type_fanout, "empty");
	set_alternate(x, "y");
	rig_bind(x, &empty->destination, "k", NULL);
	rig_bind(y, rig_queue(&rig, "q"), "", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 0);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "other"), 1);
	rig_fini(&rig);
}

/* A queue that was named before is a match as well. */
static void
test_alternate_is_not_tried_for_a_queue_named_before(void)
{
	struct rig rig;
	struct exchange *x, *y, *z;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_fanout, "x");
	y = rig_exchange(&rig, &type_fanout, "y");
	z = rig_exchange(&rig, &type_fanout, "z");
	set_alternate(y, "z");
	rig_bind(x, &y->destination, "", NULL);
	rig_bind(x, rig_queue(&rig, "q"), "", NULL);
	rig_bind(y, rig_queue(&rig, "q"), "", NULL);
	rig_bind(z, rig_queue(&rig, "rest"), "", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, ""), 1);
	CU_ASSERT(!rig_reached(&rig, "rest"));
	rig_fini(&rig);
}

static void
test_missing_alternate_drops(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	set_alternate(x, "missing");
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 0);
	rig_fini(&rig);
}

/* RabbitMQ 3.10.8 drops here too. */
static void
test_default_exchange_as_alternate_drops(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	rig_exchange(&rig, &type_direct, "");
	x = rig_exchange(&rig, &type_direct, "x");
	rig_queue(&rig, "k");
	set_alternate(x, "");
	CU_ASSERT_EQUAL(rig_route(&rig, x, "k"), 0);
	CU_ASSERT_EQUAL(rig.route.work, 1);
	rig_fini(&rig);
}

static void
test_default_exchange_routes_to_the_queue_of_that_name(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "");
	rig_queue(&rig, "q");
	CU_ASSERT_EQUAL(rig_route(&rig, x, "q"), 1);
	CU_ASSERT(rig_reached(&rig, "q"));
	CU_ASSERT_EQUAL(rig_route(&rig, x, "none"), 0);
	CU_ASSERT_EQUAL(rig_route(&rig, x, ""), 0);
	rig_fini(&rig);
}

static size_t
route_keys(struct rig *rig, struct exchange *x, struct bytes key,
    const struct bytes *copies, size_t count)
{
	struct routing routing = {
	    .key = key, .copies = copies, .copy_count = count};

	route_begin(&rig->route);
	route(&rig->route, x, &routing, &rig->exchanges, &rig->queues);
	return rig->route.count;
}

static void
test_copies_are_further_keys(void)
{
	const struct bytes copies[] = {BYTES("c"), BYTES("a"), BYTES("none")};
	struct rig rig;
	struct exchange *x, *y, *nameless;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	y = rig_exchange(&rig, &type_direct, "y");
	nameless = rig_exchange(&rig, &type_direct, "");
	rig_bind(x, rig_queue(&rig, "a"), "a", NULL);
	rig_bind(x, rig_queue(&rig, "a"), "c", NULL);
	rig_bind(x, &y->destination, "a", NULL);
	rig_bind(y, rig_queue(&rig, "c"), "c", NULL);
	CU_ASSERT_EQUAL(route_keys(&rig, x, BYTES("a"), copies, 3), 2);
	CU_ASSERT_EQUAL(route_keys(&rig, x, BYTES("b"), copies, 3), 2);
	CU_ASSERT_EQUAL(route_keys(&rig, nameless, BYTES("a"), copies, 3), 2);
	rig_fini(&rig);
}

static void
test_types_that_look_at_no_key_are_asked_once(void)
{
	const struct bytes copies[] = {BYTES("c"), BYTES("d")};
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_fanout, "x");
	rig_bind(x, rig_queue(&rig, "a"), "", NULL);
	rig_bind(x, rig_queue(&rig, "b"), "", NULL);
	CU_ASSERT_EQUAL(route_keys(&rig, x, BYTES("a"), copies, 2), 2);
	CU_ASSERT_EQUAL(rig.route.work, 2);
	rig_fini(&rig);
}

/* RabbitMQ 3.10.8: one matching key suffices. */
static void
test_alternate_is_not_tried_when_a_copy_matches(void)
{
	const struct bytes hit = BYTES("hit"), miss = BYTES("miss");
	struct rig rig;
	struct exchange *x, *y;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	y = rig_exchange(&rig, &type_fanout, "y");
	set_alternate(x, "y");
	rig_bind(x, rig_queue(&rig, "q"), "hit", NULL);
	rig_bind(y, rig_queue(&rig, "rest"), "", NULL);
	CU_ASSERT_EQUAL(route_keys(&rig, x, miss, &hit, 1), 1);
	CU_ASSERT(rig_reached(&rig, "q"));
	CU_ASSERT_EQUAL(route_keys(&rig, x, hit, &miss, 1), 1);
	CU_ASSERT(rig_reached(&rig, "q"));
	CU_ASSERT_EQUAL(route_keys(&rig, x, miss, &miss, 1), 1);
	CU_ASSERT(rig_reached(&rig, "rest"));
	rig_fini(&rig);
}

static void
test_route_tells_whether_the_key_alone_decided(void)
{
	const struct bytes copy = BYTES("c");
	struct rig rig;
	struct exchange *x, *y;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_direct, "x");
	y = rig_exchange(&rig, &type_headers, "y");
	rig_bind(x, &y->destination, "k", NULL);
	rig_route(&rig, x, "other");
	CU_ASSERT(rig.route.by_key_only);
	rig_route(&rig, x, "k");
	CU_ASSERT(!rig.route.by_key_only);
	rig_route(&rig, x, "other");
	CU_ASSERT(rig.route.by_key_only);
	route_keys(&rig, x, BYTES("other"), &copy, 1);
	CU_ASSERT(!rig.route.by_key_only);
	set_alternate(x, "y");
	rig_route(&rig, x, "other");
	CU_ASSERT(!rig.route.by_key_only);
	rig_fini(&rig);
}

/* --- long chains --------------------------------------------------------- */

enum { CHAIN = 10000, STACK = 256 * 1024 };

static struct exchange *
chain(struct rig *rig)
{
	struct exchange *first = rig_exchange(rig, &type_fanout, "x0");
	struct exchange *last = first;

	for (unsigned i = 1; i < CHAIN; i++) {
		struct exchange *x =
		    rig_exchange(rig, &type_fanout, rig_text("x%u", i));

		rig_bind(last, &x->destination, "", NULL);
		last = x;
	}
	rig_bind(last, rig_queue(rig, "q"), "", NULL);
	return first;
}

static void *
follow_chain(void *arg)
{
	struct rig *rig = arg;
	struct exchange *first = rig_exchange(rig, &type_fanout, "x0");

	rig_route(rig, first, "");
	return NULL;
}

/* 26 bytes of stack for each exchange hold no call. */
static void
test_ten_thousand_exchanges_need_no_stack(void)
{
	struct rig rig;
	pthread_attr_t small;
	pthread_t thread;

	rig_init(&rig);
	chain(&rig);
	pthread_attr_init(&small);
	CU_ASSERT_EQUAL(pthread_attr_setstacksize(&small, STACK), 0);
	CU_ASSERT_EQUAL_FATAL(
	    pthread_create(&thread, &small, follow_chain, &rig), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&small);
	CU_ASSERT_EQUAL(rig.route.count, 1);
	CU_ASSERT_EQUAL(rig.route.work, CHAIN);
	rig_fini(&rig);
}

/* --- allocations --------------------------------------------------------- */

static void
check_no_allocation(const struct exchange_type *type)
{
	const struct routing routing = {.key = BYTES("a.b")};
	struct rig rig;
	struct exchange *x, *y;

	rig_init(&rig);
	x = rig_exchange(&rig, type, "x");
	y = rig_exchange(&rig, &type_fanout, "y");
	rig_bind(x, &y->destination, "a.b", NULL);
	for (unsigned i = 0; i < 100; i++) {
		rig_bind(x, rig_queue_numbered(&rig, "q", i), "a.b", NULL);
		rig_bind(x, rig_queue_numbered(&rig, "q", i), "#", NULL);
		rig_bind(y, rig_queue_numbered(&rig, "r", i), "", NULL);
	}
	CU_ASSERT_EQUAL(rig_route(&rig, x, "a.b"), 200);
	allocations = 0;
	for (int i = 0; i < 100; i++) {
		route_begin(&rig.route);
		route(&rig.route, x, &routing, &rig.exchanges, &rig.queues);
	}
	CU_ASSERT_EQUAL(allocations, 0);
	CU_ASSERT_EQUAL(rig.route.count, 200);
	rig_fini(&rig);
}

static void
test_routing_allocates_nothing_once_grown(void)
{
	void *volatile counted = NULL;

	allocations = 0;
	counted = xmalloc(1);
	free(counted);
	CU_ASSERT_EQUAL(allocations, 1);
	check_no_allocation(&type_direct);
	check_no_allocation(&type_fanout);
	check_no_allocation(&type_topic);
	check_no_allocation(&type_headers);
}

static void
test_route_grows_in_a_few_steps(void)
{
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_fanout, "x");
	for (unsigned i = 0; i < 10000; i++)
		rig_bind(x, rig_queue_numbered(&rig, "q", i), "", NULL);
	allocations = 0;
	CU_ASSERT_EQUAL(rig_route(&rig, x, ""), 10000);
	CU_ASSERT(allocations < 15);
	rig_fini(&rig);
}

static const struct unit_test tests[] = {
    {"queue is named once", test_queue_is_named_once},
    {"a queue is passed by once", test_a_queue_is_passed_by_once},
    {"routes do not disturb each other", test_routes_do_not_disturb_each_other},
    {"key goes through exchanges", test_key_goes_through_exchanges},
    {"cycle is cut", test_cycle_is_cut},
    {"alternate takes what matches nothing",
	test_alternate_takes_what_matches_nothing},
    {"alternates chain and may cycle", test_alternates_chain_and_may_cycle},
    {"alternate is not tried after a binding to an exchange",
	test_alternate_is_not_tried_after_a_binding_to_an_exchange},
    {"alternate is not tried for a queue named before",
	test_alternate_is_not_tried_for_a_queue_named_before},
    {"missing alternate drops", test_missing_alternate_drops},
    {"default exchange as alternate drops",
	test_default_exchange_as_alternate_drops},
    {"default exchange routes to the queue of that name",
	test_default_exchange_routes_to_the_queue_of_that_name},
    {"copies are further keys", test_copies_are_further_keys},
    {"types that look at no key are asked once",
	test_types_that_look_at_no_key_are_asked_once},
    {"alternate is not tried when a copy matches",
	test_alternate_is_not_tried_when_a_copy_matches},
    {"route tells whether the key alone decided",
	test_route_tells_whether_the_key_alone_decided},
    {"ten thousand exchanges need no stack",
	test_ten_thousand_exchanges_need_no_stack},
    {"routing allocates nothing once grown",
	test_routing_allocates_nothing_once_grown},
    {"route grows in a few steps", test_route_grows_in_a_few_steps},
};

UNIT_MAIN("router", tests)
