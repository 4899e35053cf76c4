/* test_wire.c - the sticky reader and the growing writer. */
#include <stdlib.h>

#include "amqp/wire.h"
#include "tests/unit/unit.h"

static void
reads_integers_big_endian(void)
{
	struct reader r = reader_of(BYTES(
	    "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"));
	CU_ASSERT_EQUAL(reader_u8(&r), 0x01);
	CU_ASSERT_EQUAL(reader_u16(&r), 0x0203);
	CU_ASSERT_EQUAL(reader_u32(&r), 0x04050607);
	CU_ASSERT_EQUAL(reader_u64(&r), 0x08090a0b0c0d0e0f);
	CU_ASSERT(reader_ok(&r));
}

static void
reads_short_and_long_strings(void)
{
	struct reader r = reader_of(BYTES("\x03"
					  "abc"
					  "\0\0\0\x02"
					  "de"
					  "\0"));
	CU_ASSERT(bytes_eq(reader_shortstr(&r), BYTES("abc")));
	CU_ASSERT(bytes_eq(reader_longstr(&r), BYTES("de")));
	CU_ASSERT(bytes_eq(reader_shortstr(&r), BYTES("")));
	CU_ASSERT(reader_ok(&r));
}

static void
past_the_end_yields_zeros_for_ever(void)
{
	struct reader r = reader_of(BYTES("\x01\x02\x03"));
	CU_ASSERT_EQUAL(reader_u32(&r), 0);
	CU_ASSERT(r.bad);
	CU_ASSERT_EQUAL(reader_u8(&r), 0);
	CU_ASSERT_EQUAL(reader_u16(&r), 0);
	CU_ASSERT_EQUAL(reader_u64(&r), 0);
	CU_ASSERT_EQUAL(reader_shortstr(&r).n, 0);
	CU_ASSERT_EQUAL(reader_left(&r), 0);
	CU_ASSERT(!reader_ok(&r));
}

static void
string_longer_than_what_is_left_is_bad(void)
{
	struct reader r = reader_of(BYTES("\x04"
					  "abc"));
	CU_ASSERT_EQUAL(reader_shortstr(&r).n, 0);
	CU_ASSERT(r.bad);
	r = reader_of(BYTES("\xff\xff\xff\xff"
			    "abc"));
	CU_ASSERT_EQUAL(reader_longstr(&r).n, 0);
	CU_ASSERT(r.bad);
	r = reader_of(BYTES("abc"));
	CU_ASSERT_EQUAL(reader_bytes(&r, SIZE_MAX).n, 0);
	CU_ASSERT(r.bad);
}

static void
leftovers_are_not_ok(void)
{
	struct reader r = reader_of(BYTES("\x01\x02"));
	reader_u8(&r);
	CU_ASSERT(!r.bad);
	CU_ASSERT(!reader_ok(&r));
}

static void
nothing_to_read_is_ok_until_read(void)
{
	struct reader r = reader_of((struct bytes){NULL, 0});
	CU_ASSERT(reader_ok(&r));
	CU_ASSERT_EQUAL(reader_u8(&r), 0);
	CU_ASSERT(!reader_ok(&r));
}

/* --- writer -------------------------------------------------------------- */

static void
writes_what_the_reader_reads(void)
{
	struct writer w = {0};
	writer_u8(&w, 0xfe);
	writer_u16(&w, 0xfedc);
	writer_u32(&w, 0xfedcba98);
	writer_u64(&w, 0xfedcba9876543210);
	writer_shortstr(&w, BYTES("short"));
	writer_longstr(&w, BYTES("long"));
	writer_bytes(&w, BYTES("!"));
	struct reader r = reader_of(writer_view(&w));
	CU_ASSERT_EQUAL(reader_u8(&r), 0xfe);
	CU_ASSERT_EQUAL(reader_u16(&r), 0xfedc);
	CU_ASSERT_EQUAL(reader_u32(&r), 0xfedcba98);
	CU_ASSERT_EQUAL(reader_u64(&r), 0xfedcba9876543210);
	CU_ASSERT(bytes_eq(reader_shortstr(&r), BYTES("short")));
	CU_ASSERT(bytes_eq(reader_longstr(&r), BYTES("long")));
	CU_ASSERT(bytes_eq(reader_bytes(&r, 1), BYTES("!")));
	CU_ASSERT(reader_ok(&r));
	writer_fini(&w);
}

static void
short_strings_are_cut_at_255(void)
{
	char text[300];
	struct writer w = {0};
	memset(text, 'a', sizeof text);
	writer_shortstr(&w, (struct bytes){(uint8_t *)text, 255});
	CU_ASSERT_EQUAL(w.n, 256);
	writer_shortstr(&w, (struct bytes){(uint8_t *)text, 256});
	CU_ASSERT_EQUAL(w.n, 512);
	CU_ASSERT_EQUAL(w.p[256], 255);
	writer_fini(&w);
}

static void
keeps_its_bytes_while_it_grows(void)
{
	struct writer w = {0};
	for (uint32_t i = 0; i < 100000; i++)
		writer_u32(&w, i);
	struct reader r = reader_of(writer_view(&w));
	uint32_t i = 0;
	while (i < 100000 && reader_u32(&r) == i)
		i++;
	CU_ASSERT_EQUAL(i, 100000);
	CU_ASSERT(reader_ok(&r));
	writer_fini(&w);
}

static void
room_is_real_and_costs_nothing_until_used(void)
{
	struct writer w = {0};
	uint8_t *p = writer_room(&w, 1000);
	memset(p, 'x', 1000);
	CU_ASSERT_EQUAL(w.n, 0);
	w.n += 3;
	CU_ASSERT(bytes_eq(writer_view(&w), BYTES("xxx")));
	CU_ASSERT_PTR_NOT_NULL(writer_room(&w, 0));
	writer_fini(&w);
}

static void
writing_nothing_writes_nothing(void)
{
	struct writer w = {0};
	writer_bytes(&w, (struct bytes){NULL, 0});
	CU_ASSERT_EQUAL(w.n, 0);
	writer_shortstr(&w, (struct bytes){NULL, 0});
	CU_ASSERT_EQUAL(w.n, 1);
	writer_fini(&w);
}

static void
patch_fills_in_the_length_behind_the_mark(void)
{
	struct writer w = {0};
	writer_u8(&w, 7);
	size_t outer = writer_mark(&w);
	writer_u16(&w, 1);
	size_t inner = writer_mark(&w);
	writer_patch(&w, inner);
	writer_u8(&w, 9);
	writer_patch(&w, outer);
	CU_ASSERT(bytes_eq(
	    writer_view(&w), BYTES("\x07\0\0\0\x07\0\x01\0\0\0\0\x09")));
	writer_fini(&w);
}

static void
fini_leaves_an_empty_writer(void)
{
	struct writer w = {0};
	writer_u8(&w, 1);
	writer_fini(&w);
	CU_ASSERT_EQUAL(w.n, 0);
	CU_ASSERT_PTR_NULL(w.p);
	writer_u8(&w, 2);
	CU_ASSERT(bytes_eq(writer_view(&w), BYTES("\x02")));
	writer_fini(&w);
}

static const struct unit_test tests[] = {
    {"reads integers big-endian", reads_integers_big_endian},
    {"reads short and long strings", reads_short_and_long_strings},
    {"past the end yields zeros for ever", past_the_end_yields_zeros_for_ever},
    {"a string longer than what is left is bad",
	string_longer_than_what_is_left_is_bad},
    {"leftovers are not ok", leftovers_are_not_ok},
    {"nothing to read is ok until read", nothing_to_read_is_ok_until_read},
    {"writes what the reader reads", writes_what_the_reader_reads},
    {"short strings are cut at 255", short_strings_are_cut_at_255},
    {"keeps its bytes while it grows", keeps_its_bytes_while_it_grows},
    {"room is real and costs nothing until used",
	room_is_real_and_costs_nothing_until_used},
    {"writing nothing writes nothing", writing_nothing_writes_nothing},
    {"patch fills in the length behind the mark",
	patch_fills_in_the_length_behind_the_mark},
    {"fini leaves an empty writer", fini_leaves_an_empty_writer},
};

UNIT_MAIN("wire", tests)
