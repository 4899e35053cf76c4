/* test_topic.c - patterns of words, * and #. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "tests/unit/rig.h"
#include "tests/unit/unit.h"

/* Does a topic exchange with this one binding pass this key? */
static bool
matches(const char *pattern, const char *key)
{
	struct rig rig;
	struct exchange *x;
	size_t reached;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_topic, "x");
	rig_bind(x, rig_queue(&rig, "q"), pattern, NULL);
	reached = rig_route(&rig, x, key);
	rig_fini(&rig);
	return reached == 1;
}

/* Each row as RabbitMQ 3.10.8 answers it. */
static void
test_patterns_match_as_in_rabbitmq(void)
{
	static const struct {
		const char *pattern, *key;
		bool match;
	} rows[] = {
	    {"a.b", "a.b", true},
	    {"a.b", "a.c", false},
	    {"a.b", "a", false},
	    {"a", "a.b", false},
	    {"*", "a", true},
	    {"*", "a.b", false},
	    {"a.*.c", "a.b.c", true},
	    {"a.*.c", "a.b.b.c", false},
	    {"#", "a.b.c", true},
	    {"a.#", "a", true},
	    {"a.#", "a.b.c", true},
	    {"a.#", "b.a", false},
	    {"#.c", "a.b.c", true},
	    {"#.a", "a", true},
	    {"#.a", "x.a", true},
	    {"#.a.#", ".a", true},
	    {"a.#.c", "a.c", true},
	    {"a.#.c", "a.c.d.c", true},
	    {"#.#", "", true},
	    {"#.#", "a.b", true},
	    {"#.*", "", false},
	    {"*.#", "a", true},
	    {"#.*.#.*", "a", false},
	    {"#.*.#.*", "a.b", true},
	    {"a*", "ab", false},
	    {"a*", "a*", true},
	    {"*", "*", true},
	    {"*", "#", true},
	    {"#", "#", true},
	    {"a", "*", false},
	    {"#", "", true},
	    {"", "", true},
	    {"*", "", false},
	    {"", "a", false},
	    {"*", ".", false},
	    {"*.*", ".", true},
	    {"*.*.*", "..", true},
	    {".", ".", true},
	    {".", "..", false},
	    {"a..b", "a..b", true},
	    {"a..b", "a.b", false},
	    {"a.*.b", "a..b", true},
	    {"a.#.b", "a..b", true},
	    {"a.", "a.", true},
	    {"a.", "a", false},
	    {"a.*", "a.", true},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (matches(rows[i].pattern, rows[i].key) != rows[i].match)
			CU_FAIL(rig_text("pattern '%s' and key '%s'",
			    rows[i].pattern, rows[i].key));
}

static void
test_every_matching_pattern_is_found(void)
{
	static const char *const patterns[] = {"a.b.c", "a.*.c", "*.b.c",
	    "*.*.*", "#", "a.#", "#.c", "a.#.c", "#.b.#", "*.#.*"};
	enum { COUNT = sizeof patterns / sizeof *patterns };
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_topic, "x");
	for (size_t i = 0; i < COUNT; i++)
		rig_bind(x, rig_queue(&rig, patterns[i]), patterns[i], NULL);
	rig_bind(x, rig_queue(&rig, "no"), "a.b", NULL);
	rig_bind(x, rig_queue(&rig, "no"), "a.b.c.*", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "a.b.c"), COUNT);
	CU_ASSERT(!rig_reached(&rig, "no"));
	rig_fini(&rig);
}

static void
test_other_patterns_cost_nothing(void)
{
	static const char *const others[] = {
	    "%u", "%u.#", "a.%u.c", "*.%u", "#.%u", "a.#.%u.*", "a.b.c.%u"};
	struct rig rig;
	struct exchange *x;
	struct destination *q;
	size_t few;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_topic, "x");
	q = rig_queue(&rig, "q");
	rig_bind(x, q, "a.*.c", NULL);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		char other[32];

		for (unsigned n = 0; n < 3000; n++) {
			snprintf(other, sizeof other, others[i], n);
			rig_bind(x, q, other, NULL);
			if (n > 0)
				continue;
			CU_ASSERT_EQUAL(rig_route(&rig, x, "a.b.c"), 1);
			few = rig.route.work;
		}
		CU_ASSERT_EQUAL(rig_route(&rig, x, "a.b.c"), 1);
		CU_ASSERT_EQUAL(rig.route.work, few);
	}
	rig_fini(&rig);
}

/* A pattern of n times "#.word" and keys of m words: the trie has 2n nodes. */
static void
test_work_is_linear_in_the_key_for_twenty_hashes(void)
{
	char pattern[128] = "#", key[256] = "a";
	struct rig rig;
	struct exchange *x;
	size_t words = 1;

	for (int i = 0; i < 20; i++)
		strcat(pattern, ".a.#");
	for (; words < 127; words++)
		strcat(key, ".a");
	rig_init(&rig);
	x = rig_exchange(&rig, &type_topic, "x");
	rig_bind(x, rig_queue(&rig, "q"), pattern, NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, key), 1);
	CU_ASSERT(rig.route.work <= 42 * (words + 1));
	CU_ASSERT_EQUAL(rig_route(&rig, x, "a.a.a"), 0);
	rig_fini(&rig);
}

static void
test_hashes_in_a_row_are_one(void)
{
	struct rig rig;
	struct exchange *x;
	size_t one;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_topic, "x");
	rig_bind(x, rig_queue(&rig, "q"), "#", NULL);
	rig_route(&rig, x, "a.b.c");
	one = rig.route.work;
	CU_ASSERT(rig_unbind(x, rig_queue(&rig, "q"), "#", NULL));
	rig_bind(x, rig_queue(&rig, "q"), "#.#.#.#.#.#.#.#", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "a.b.c"), 1);
	CU_ASSERT_EQUAL(rig.route.work, one);
	rig_bind(x, rig_queue(&rig, "r"), "#.#", NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, ""), 2);
	rig_fini(&rig);
}

/* Dead ends would still be walked. */
static void
test_unbinding_prunes_the_trie(void)
{
	static const char *const branches[] = {
	    "a.b.c.d", "*.b.#.d", "#.b.*", "*.*.*.*", "a.#.c.x"};
	struct rig rig;
	struct exchange *x;
	struct destination *q;
	size_t bare;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_topic, "x");
	q = rig_queue(&rig, "q");
	rig_bind(x, q, "a", NULL);
	rig_route(&rig, x, "a.b.c.d");
	bare = rig.route.work;
	for (size_t i = 0; i < sizeof branches / sizeof *branches; i++)
		rig_bind(x, q, branches[i], NULL);
	rig_route(&rig, x, "a.b.c.d");
	CU_ASSERT(rig.route.work > bare);
	for (size_t i = 0; i < sizeof branches / sizeof *branches; i++)
		CU_ASSERT(rig_unbind(x, q, branches[i], NULL));
	CU_ASSERT_EQUAL(rig_route(&rig, x, "a.b.c.d"), 0);
	CU_ASSERT_EQUAL(rig.route.work, bare);
	CU_ASSERT_EQUAL(rig_route(&rig, x, "a"), 1);
	rig_fini(&rig);
}

static void
test_longest_keys_and_patterns_work(void)
{
	char dots[256];
	struct rig rig;
	struct exchange *x;

	memset(dots, '.', 255);
	dots[255] = '\0';
	rig_init(&rig);
	x = rig_exchange(&rig, &type_topic, "x");
	rig_bind(x, rig_queue(&rig, "q"), dots, NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, dots), 1);
	CU_ASSERT_EQUAL(rig_route(&rig, x, dots + 1), 0);
	memset(dots, 'w', 255);
	rig_bind(x, rig_queue(&rig, "q"), dots, NULL);
	CU_ASSERT_EQUAL(rig_route(&rig, x, dots), 1);
	CU_ASSERT_EQUAL(rig_route(&rig, x, dots + 1), 0);
	rig_fini(&rig);
}

/* --- against a matcher that is plainly right ----------------------------- */

enum { MAX_WORDS = 8, PATTERNS = 60 };

/* Splits text into words; returns their number. */
static int
split(const char *text, struct bytes *words)
{
	int n = 0;

	if (*text == '\0')
		return 0;
	for (;;) {
		size_t size = strcspn(text, ".");

		words[n++] = (struct bytes){(const uint8_t *)text, size};
		if (text[size] == '\0')
			return n;
		text += size + 1;
	}
}

static bool
naive_words(const struct bytes *pattern, int patterns, const struct bytes *key,
    int keys)
{
	if (patterns == 0)
		return keys == 0;
	if (bytes_eq(*pattern, BYTES("#")))
		return naive_words(pattern + 1, patterns - 1, key, keys) ||
		       (keys > 0 &&
			   naive_words(pattern, patterns, key + 1, keys - 1));
	return keys > 0 &&
	       (bytes_eq(*pattern, BYTES("*")) || bytes_eq(*pattern, *key)) &&
	       naive_words(pattern + 1, patterns - 1, key + 1, keys - 1);
}

static bool
naive(const char *pattern, const char *key)
{
	struct bytes patterns[MAX_WORDS], keys[MAX_WORDS];
	int n = split(pattern, patterns), m = split(key, keys);

	return naive_words(patterns, n, keys, m);
}

static void
random_words(char *text, const char *const *choice, unsigned choices)
{
	unsigned n = rig_random(MAX_WORDS);

	*text = '\0';
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			strcat(text, ".");
		strcat(text, choice[rig_random(choices)]);
	}
}

static void
check_key(
    struct rig *rig, struct exchange *x, char patterns[][32], const bool *bound)
{
	static const char *const words[] = {"a", "b", "c", ""};
	char key[32];
	size_t expected = 0;

	random_words(key, words, 4);
	for (unsigned i = 0; i < PATTERNS; i++)
		expected += bound[i] && naive(patterns[i], key);
	CU_ASSERT_EQUAL(rig_route(rig, x, key), expected);
	for (unsigned i = 0; i < PATTERNS; i++)
		if (bound[i] && naive(patterns[i], key) &&
		    !rig_reached(rig, rig_text("q%u", i)))
			CU_FAIL(rig_text(
			    "pattern '%s' and key '%s'", patterns[i], key));
}

static void
check_random(int rounds)
{
	static const char *const words[] = {
	    "a", "b", "*", "#", "", "a", "#", "*", "c"};
	static char patterns[PATTERNS][32];
	bool bound[PATTERNS] = {0};
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_topic, "x");
	for (int round = 0; round < rounds; round++) {
		unsigned i = rig_random(PATTERNS);
		struct destination *q = rig_queue_numbered(&rig, "q", i);

		if (bound[i]) {
			CU_ASSERT(rig_unbind(x, q, patterns[i], NULL));
		} else {
			random_words(patterns[i], words, 9);
			rig_bind(x, q, patterns[i], NULL);
		}
		bound[i] = !bound[i];
		check_key(&rig, x, patterns, bound);
	}
	rig_fini(&rig);
}

static void
test_random_patterns_agree_with_a_naive_matcher(void)
{
	check_random(20000);
}

static void
test_words_that_collide_are_told_apart(void)
{
	rig_collide(true);
	check_random(2000);
	rig_collide(false);
}

static const struct unit_test tests[] = {
    {"patterns match as in RabbitMQ", test_patterns_match_as_in_rabbitmq},
    {"every matching pattern is found", test_every_matching_pattern_is_found},
    {"other patterns cost nothing", test_other_patterns_cost_nothing},
    {"work is linear in the key for twenty hashes",
	test_work_is_linear_in_the_key_for_twenty_hashes},
    {"hashes in a row are one", test_hashes_in_a_row_are_one},
    {"unbinding prunes the trie", test_unbinding_prunes_the_trie},
    {"longest keys and patterns work", test_longest_keys_and_patterns_work},
    {"random patterns agree with a naive matcher",
	test_random_patterns_agree_with_a_naive_matcher},
    {"words that collide are told apart",
	test_words_that_collide_are_told_apart},
};

UNIT_MAIN("topic", tests)
