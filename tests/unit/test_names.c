/* test_names.c - the hash table, beside a model that cannot be wrong. */
#include <stdlib.h>

#include "amqp/names.h"
#include "amqp/xalloc.h"
#include "tests/unit/unit.h"

static void
empty_table_has_nothing(void)
{
	struct names names;
	size_t at = 0;
	names_init(&names);
	CU_ASSERT_PTR_NULL(names_get(&names, BYTES("a")));
	CU_ASSERT_PTR_NULL(names_take(&names, BYTES("a")));
	CU_ASSERT_PTR_NULL(names_each(&names, &at));
	CU_ASSERT_EQUAL(names.count, 0);
	names_fini(&names);
}

static void
put_then_get_then_take(void)
{
	struct names names;
	int thing;
	names_init(&names);
	names_put(&names, BYTES("orders"), &thing);
	CU_ASSERT_PTR_EQUAL(names_get(&names, BYTES("orders")), &thing);
	CU_ASSERT_PTR_NULL(names_get(&names, BYTES("order")));
	CU_ASSERT_PTR_EQUAL(names_take(&names, BYTES("orders")), &thing);
	CU_ASSERT_PTR_NULL(names_get(&names, BYTES("orders")));
	CU_ASSERT_PTR_NULL(names_take(&names, BYTES("orders")));
	names_fini(&names);
}

static void
second_put_replaces_thing_and_key(void)
{
	struct names names;
	int first, second;
	char old_key[] = "q", new_key[] = "q";
	names_init(&names);
	names_put(&names, bytes_str(old_key), &first);
	names_put(&names, bytes_str(new_key), &second);
	old_key[0] = 'x';
	CU_ASSERT_EQUAL(names.count, 1);
	CU_ASSERT_PTR_EQUAL(names_get(&names, BYTES("q")), &second);
	names_fini(&names);
}

static void
empty_name_is_a_name(void)
{
	struct names names;
	int thing;
	names_init(&names);
	names_put(&names, BYTES(""), &thing);
	CU_ASSERT_PTR_EQUAL(names_get(&names, (struct bytes){NULL, 0}), &thing);
	names_fini(&names);
}

static void
names_may_hold_zeros(void)
{
	struct names names;
	int one, two;
	names_init(&names);
	names_put(&names, BYTES("a\0b"), &one);
	names_put(&names, BYTES("a\0c"), &two);
	CU_ASSERT_PTR_EQUAL(names_get(&names, BYTES("a\0b")), &one);
	CU_ASSERT_PTR_EQUAL(names_get(&names, BYTES("a\0c")), &two);
	CU_ASSERT_PTR_NULL(names_get(&names, BYTES("a")));
	names_fini(&names);
}

static void
fini_leaves_an_empty_table(void)
{
	struct names names;
	int thing;
	names_init(&names);
	names_put(&names, BYTES("a"), &thing);
	names_fini(&names);
	CU_ASSERT_PTR_NULL(names_get(&names, BYTES("a")));
	names_put(&names, BYTES("b"), &thing);
	CU_ASSERT_PTR_EQUAL(names_get(&names, BYTES("b")), &thing);
	names_fini(&names);
}

/* --- many ---------------------------------------------------------------- */

enum { MANY = 2000 };

struct thing {
	char name[16];
	bool there; /* what the table must say */
	int seen;
};

static struct thing *
things_new(void)
{
	struct thing *things = xcalloc(MANY, sizeof *things);
	for (int i = 0; i < MANY; i++)
		snprintf(things[i].name, sizeof things[i].name, "q%d", i);
	return things;
}

static void
put(struct names *names, struct thing *thing)
{
	names_put(names, bytes_str(thing->name), thing);
	thing->there = true;
}

static bool
same_as_model(const struct names *names, struct thing *things)
{
	size_t count = 0;
	for (int i = 0; i < MANY; i++) {
		struct thing *t = &things[i];
		void *got = names_get(names, bytes_str(t->name));
		if (got != (t->there ? t : NULL))
			return false;
		count += t->there;
	}
	return names->count == count;
}

static void
grows_and_keeps_all(void)
{
	struct thing *things = things_new();
	struct names names;
	names_init(&names);
	for (int i = 0; i < MANY; i++) {
		put(&names, &things[i]);
		CU_ASSERT(names.count * 4 <= names.size * 3);
	}
	CU_ASSERT(same_as_model(&names, things));
	names_fini(&names);
	free(things);
}

static void
gives_memory_back_when_few_are_left(void)
{
	struct thing *things = things_new();
	struct names names;
	names_init(&names);
	for (int i = 0; i < MANY; i++)
		put(&names, &things[i]);
	for (int i = 3; i < MANY; i++) {
		names_take(&names, bytes_str(things[i].name));
		things[i].there = false;
	}
	CU_ASSERT(names.size < 64);
	CU_ASSERT(same_as_model(&names, things));
	names_fini(&names);
	free(things);
}

static void
walk_meets_each_thing_once(void)
{
	struct thing *things = things_new(), *t;
	struct names names;
	size_t at = 0;
	names_init(&names);
	for (int i = 0; i < MANY; i += 3)
		put(&names, &things[i]);
	while ((t = names_each(&names, &at)) != NULL)
		t->seen++;
	for (int i = 0; i < MANY; i++)
		CU_ASSERT_EQUAL(things[i].seen, things[i].there);
	names_fini(&names);
	free(things);
}

/* Alternately more puts and more takes, so that it fills and empties. */
static void
behaves_as_the_model_whatever_the_order(void)
{
	struct thing *things = things_new();
	struct names names;
	names_init(&names);
	srandom(1);
	for (int step = 0; step < 60000; step++) {
		struct thing *t = &things[random() % MANY];
		bool filling = step / 10000 % 2 == 0;
		if (random() % 4 == 0 ? filling : !filling) {
			void *got = names_take(&names, bytes_str(t->name));
			CU_ASSERT_PTR_EQUAL(got, t->there ? t : NULL);
			t->there = false;
		} else {
			put(&names, t);
		}
		if (step % 1000 == 0)
			CU_ASSERT(same_as_model(&names, things));
	}
	CU_ASSERT(same_as_model(&names, things));
	names_fini(&names);
	free(things);
}

static const struct unit_test tests[] = {
    {"empty table has nothing", empty_table_has_nothing},
    {"put, then get, then take", put_then_get_then_take},
    {"second put replaces thing and key", second_put_replaces_thing_and_key},
    {"empty name is a name", empty_name_is_a_name},
    {"names may hold zeros", names_may_hold_zeros},
    {"fini leaves an empty table", fini_leaves_an_empty_table},
    {"grows and keeps all", grows_and_keeps_all},
    {"gives memory back when few are left",
	gives_memory_back_when_few_are_left},
    {"walk meets each thing once", walk_meets_each_thing_once},
    {"behaves as the model, whatever the order",
	behaves_as_the_model_whatever_the_order},
};

UNIT_MAIN("names", tests)
