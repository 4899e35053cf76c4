/* test_bytes.c - comparing, hashing and checking runs of bytes. */
#include <stdlib.h>

#include "amqp/bytes.h"
#include "amqp/xalloc.h"
#include "tests/unit/unit.h"

static void
compares_bytes_before_lengths(void)
{
	CU_ASSERT(bytes_cmp(BYTES("a"), BYTES("b")) < 0);
	CU_ASSERT(bytes_cmp(BYTES("b"), BYTES("ab")) > 0);
	CU_ASSERT(bytes_cmp(BYTES("a"), BYTES("ab")) < 0);
	CU_ASSERT(bytes_cmp(BYTES("ab"), BYTES("a")) > 0);
	CU_ASSERT(bytes_cmp(BYTES("ab"), BYTES("ab")) == 0);
	CU_ASSERT(bytes_cmp(BYTES("\xff"), BYTES("a")) > 0);
	CU_ASSERT(bytes_cmp(BYTES("a\0b"), BYTES("a\0c")) < 0);
}

static void
compares_empty_runs_without_touching_them(void)
{
	struct bytes none = {NULL, 0};
	CU_ASSERT(bytes_eq(none, BYTES("")));
	CU_ASSERT(bytes_cmp(none, BYTES("")) == 0);
	CU_ASSERT(bytes_cmp(none, BYTES("a")) < 0);
	CU_ASSERT(bytes_cmp(BYTES("a"), none) > 0);
	CU_ASSERT(bytes_utf8(none));
	CU_ASSERT_EQUAL(bytes_hash(none), bytes_hash(BYTES("")));
}

static void
equality_needs_length_and_bytes(void)
{
	CU_ASSERT(bytes_eq(bytes_str("queue"), BYTES("queue")));
	CU_ASSERT(!bytes_eq(BYTES("queue"), BYTES("queues")));
	CU_ASSERT(!bytes_eq(BYTES("queue"), BYTES("queuf")));
	CU_ASSERT(!bytes_eq(BYTES("a\0"), BYTES("a")));
}

static void
starts_with_its_own_prefixes_only(void)
{
	CU_ASSERT(bytes_starts(BYTES("amq.direct"), BYTES("amq.")));
	CU_ASSERT(bytes_starts(BYTES("amq."), BYTES("amq.")));
	CU_ASSERT(bytes_starts(BYTES("amq"), BYTES("")));
	CU_ASSERT(!bytes_starts(BYTES("amq"), BYTES("amq.")));
	CU_ASSERT(!bytes_starts(BYTES("bmq.x"), BYTES("amq.")));
}

static void
hash_depends_on_content_not_on_place(void)
{
	char a[] = "some.routing.key", b[] = "some.routing.key";
	CU_ASSERT_EQUAL(bytes_hash(bytes_str(a)), bytes_hash(bytes_str(b)));
}

/* Keys of every length around the steps of 4, 8 and 16 in which it loads. */
static void
hash_depends_on_every_byte_and_the_length(void)
{
	uint8_t key[70] = {0};
	for (size_t n = 0; n < sizeof key; n++) {
		uint64_t plain = bytes_hash((struct bytes){key, n});
		CU_ASSERT(plain != bytes_hash((struct bytes){key, n + 1}));
		for (size_t i = 0; i < n; i++) {
			key[i] ^= 1;
			CU_ASSERT(plain != bytes_hash((struct bytes){key, n}));
			key[i] ^= 1;
		}
	}
}

static void
hash_spreads_numbered_names_over_low_bits(void)
{
	enum { NAMES = 4096, CELLS = 256 };
	int cells[CELLS] = {0};
	for (int i = 0; i < NAMES; i++) {
		char *name = xasprintf("queue-%d", i);
		cells[bytes_hash(bytes_str(name)) % CELLS]++;
		free(name);
	}
	for (int i = 0; i < CELLS; i++)
		CU_ASSERT(cells[i] < 4 * NAMES / CELLS);
}

static void
utf8_accepts_the_bounds_of_each_length(void)
{
	CU_ASSERT(bytes_utf8(BYTES("")));
	CU_ASSERT(bytes_utf8(BYTES("\x00\x7f")));
	CU_ASSERT(bytes_utf8(BYTES("\xc2\x80\xdf\xbf")));
	CU_ASSERT(bytes_utf8(BYTES("\xe0\xa0\x80\xef\xbf\xbf")));
	CU_ASSERT(bytes_utf8(BYTES("\xed\x9f\xbf\xee\x80\x80")));
	CU_ASSERT(bytes_utf8(BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
}

static void
utf8_refuses_overlong_surrogate_and_too_large(void)
{
	CU_ASSERT(!bytes_utf8(BYTES("\xc0\x80")));
	CU_ASSERT(!bytes_utf8(BYTES("\xc1\xbf")));
	CU_ASSERT(!bytes_utf8(BYTES("\xe0\x9f\xbf")));
	CU_ASSERT(!bytes_utf8(BYTES("\xed\xa0\x80")));
	CU_ASSERT(!bytes_utf8(BYTES("\xed\xbf\xbf")));
	CU_ASSERT(!bytes_utf8(BYTES("\xf0\x8f\xbf\xbf")));
	CU_ASSERT(!bytes_utf8(BYTES("\xf4\x90\x80\x80")));
	CU_ASSERT(!bytes_utf8(BYTES("\xf5\x80\x80\x80")));
	CU_ASSERT(!bytes_utf8(BYTES("\xff")));
}

static void
utf8_refuses_lone_and_missing_continuations(void)
{
	CU_ASSERT(!bytes_utf8(BYTES("\x80")));
	CU_ASSERT(!bytes_utf8(BYTES("\xbf")));
	CU_ASSERT(!bytes_utf8(BYTES("\xc2")));
	CU_ASSERT(!bytes_utf8(BYTES("\xc2"
				    "a")));
	CU_ASSERT(!bytes_utf8(BYTES("\xe2\x82")));
	CU_ASSERT(!bytes_utf8(BYTES("\xe2\x82"
				    "a")));
	CU_ASSERT(!bytes_utf8(BYTES("\xf0\x9f\x98")));
	CU_ASSERT(!bytes_utf8(BYTES("\xf0\x9f\x98"
				    "a")));
}

/* The quick look at eight bytes at a time must miss no place. */
static void
utf8_finds_one_bad_byte_at_any_place(void)
{
	uint8_t text[64];
	memset(text, 'a', sizeof text);
	for (size_t n = 1; n <= sizeof text; n++) {
		CU_ASSERT(bytes_utf8((struct bytes){text, n}));
		for (size_t i = 0; i < n; i++) {
			text[i] = 0xff;
			CU_ASSERT(!bytes_utf8((struct bytes){text, n}));
			text[i] = 'a';
		}
	}
}

static void
utf8_accepts_a_letter_at_any_place(void)
{
	uint8_t text[40];
	for (size_t i = 0; i + 3 <= sizeof text; i++) {
		memset(text, 'a', sizeof text);
		memcpy(text + i, "\xe2\x82\xac", 3);
		CU_ASSERT(bytes_utf8((struct bytes){text, sizeof text}));
		CU_ASSERT(!bytes_utf8((struct bytes){text, i + 2}));
	}
}

static void
duplicates_own_their_bytes_and_end_in_zero(void)
{
	char text[] = "abc";
	struct bytes copy = xbytesdup(bytes_str(text));
	text[0] = 'x';
	CU_ASSERT(bytes_eq(copy, BYTES("abc")));
	CU_ASSERT_EQUAL(copy.p[copy.n], 0);
	free((void *)copy.p);
	copy = xbytesdup((struct bytes){NULL, 0});
	CU_ASSERT_PTR_NOT_NULL_FATAL(copy.p);
	CU_ASSERT_EQUAL(copy.n, 0);
	free((void *)copy.p);
}

static void
allocations_of_nothing_are_not_null(void)
{
	void *p = xmalloc(0);
	CU_ASSERT_PTR_NOT_NULL(p);
	p = xrealloc(p, 0);
	CU_ASSERT_PTR_NOT_NULL(p);
	free(p);
	p = xcalloc(0, 8);
	CU_ASSERT_PTR_NOT_NULL(p);
	free(p);
}

static void
strings_are_duplicated_and_formatted(void)
{
	char *copy = xstrdup("text"), *made = xasprintf("%s-%d", copy, 5);
	CU_ASSERT_STRING_EQUAL(copy, "text");
	CU_ASSERT_STRING_EQUAL(made, "text-5");
	free(copy);
	free(made);
}

static const struct unit_test tests[] = {
    {"compares bytes before lengths", compares_bytes_before_lengths},
    {"compares empty runs without touching them",
	compares_empty_runs_without_touching_them},
    {"equality needs length and bytes", equality_needs_length_and_bytes},
    {"starts with its own prefixes only", starts_with_its_own_prefixes_only},
    {"hash depends on content, not on place",
	hash_depends_on_content_not_on_place},
    {"hash depends on every byte and the length",
	hash_depends_on_every_byte_and_the_length},
    {"hash spreads numbered names over low bits",
	hash_spreads_numbered_names_over_low_bits},
    {"utf8 accepts the bounds of each length",
	utf8_accepts_the_bounds_of_each_length},
    {"utf8 refuses overlong, surrogate and too large",
	utf8_refuses_overlong_surrogate_and_too_large},
    {"utf8 refuses lone and missing continuations",
	utf8_refuses_lone_and_missing_continuations},
    {"utf8 finds one bad byte at any place",
	utf8_finds_one_bad_byte_at_any_place},
    {"utf8 accepts a letter at any place", utf8_accepts_a_letter_at_any_place},
    {"duplicates own their bytes and end in zero",
	duplicates_own_their_bytes_and_end_in_zero},
    {"allocations of nothing are not null",
	allocations_of_nothing_are_not_null},
    {"strings are duplicated and formatted",
	strings_are_duplicated_and_formatted},
};

UNIT_MAIN("bytes", tests)
