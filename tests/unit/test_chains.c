/* test_chains.c - a hash table that grows and shrinks by a bucket at a time. */
#include "exchanges/chains.h"
#include "tests/unit/rig.h"
#include "tests/unit/unit.h"

enum { THINGS = 5000 };

struct thing {
	uint64_t number;
	struct chain_link link;
	bool present;
};

static struct thing things[THINGS];

/* Few values, so that things share buckets and hashes. */
static uint64_t
hash_of(uint64_t number)
{
	return number / 2 * 0x9e3779b97f4a7c15;
}

static struct thing *
find(const struct chains *c, uint64_t number)
{
	struct chain_link *link = chains_find(c, hash_of(number));
	struct thing *thing;

	while ((thing = CHAIN_THING(link, struct thing, link)) != NULL &&
	       thing->number != number)
		link = chain_next(link);
	return thing;
}

/* How many there are, walking it all. */
static size_t
links_in(const struct chains *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->size; i++)
		for (struct chain_link *link = c->buckets[i]; link != NULL;
		     link = link->next)
			count++;
	return count;
}

static void
test_empty_table_has_nothing(void)
{
	struct chains c = {0};

	CU_ASSERT_PTR_NULL(chains_find(&c, 0));
	CU_ASSERT_PTR_NULL(
	    CHAIN_THING(chains_find(&c, UINT64_MAX), struct thing, link));
	chains_fini(&c);
}

static void
test_things_of_one_hash_are_all_found(void)
{
	struct chains c = {0};
	struct thing same[3] = {0}, other = {0};
	size_t found = 0;

	for (int i = 0; i < 3; i++)
		chains_add(&c, &same[i].link, 8);
	chains_add(&c, &other.link, 16); /* the same bucket */
	for (struct chain_link *link = chains_find(&c, 8); link != NULL;
	     link = chain_next(link)) {
		CU_ASSERT(link != &other.link);
		found++;
	}
	CU_ASSERT_EQUAL(found, 3);
	CU_ASSERT_PTR_EQUAL(chains_find(&c, 16), &other.link);
	CU_ASSERT_PTR_NULL(chains_find(&c, 24));
	chains_fini(&c);
}

static void
test_size_follows_count_by_a_bucket_or_two(void)
{
	struct chains c = {0};
	size_t size;

	chains_add(&c, &things[0].link, hash_of(0));
	for (unsigned i = 1; i < THINGS; i++) {
		size = c.size;
		chains_add(&c, &things[i].link, hash_of(i));
		CU_ASSERT(c.size >= c.count && c.size - size <= 1);
	}
	CU_ASSERT_EQUAL(c.size, THINGS);
	for (unsigned i = 0; i < THINGS; i++) {
		size = c.size;
		chains_remove(&c, &things[i].link);
		CU_ASSERT(size - c.size <= 2);
	}
	CU_ASSERT_EQUAL(c.count, 0);
	CU_ASSERT(c.size <= 8 && c.room <= 16);
	chains_fini(&c);
}

static void
toggle(struct chains *c, struct thing *thing)
{
	if (thing->present)
		chains_remove(c, &thing->link);
	else
		chains_add(c, &thing->link, hash_of(thing->number));
	thing->present = !thing->present;
}

/* Rounds in which the table mostly grows take turns with such in which it
 * mostly shrinks. */
static void
test_random_additions_and_removals_are_found(void)
{
	struct chains c = {0};

	for (unsigned i = 0; i < THINGS; i++)
		things[i] = (struct thing){.number = i};
	for (unsigned round = 0; round < 100000; round++) {
		struct thing *thing = &things[rig_random(THINGS)];
		bool growing = round / 10000 % 2 == 0;

		if (thing->present != growing || rig_random(4) == 0)
			toggle(&c, thing);
		CU_ASSERT_PTR_EQUAL(
		    find(&c, thing->number), thing->present ? thing : NULL);
		if (round % 1000 == 0)
			CU_ASSERT_EQUAL(links_in(&c), c.count);
	}
	for (unsigned i = 0; i < THINGS; i++)
		CU_ASSERT_PTR_EQUAL(
		    find(&c, i), things[i].present ? &things[i] : NULL);
	chains_fini(&c);
}

static const struct unit_test tests[] = {
    {"empty table has nothing", test_empty_table_has_nothing},
    {"things of one hash are all found", test_things_of_one_hash_are_all_found},
    {"size follows count by a bucket or two",
	test_size_follows_count_by_a_bucket_or_two},
    {"random additions and removals are found",
	test_random_additions_and_removals_are_found},
};

UNIT_MAIN("chains", tests)
