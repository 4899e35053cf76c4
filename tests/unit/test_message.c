/* test_message.c - one allocation that holds all of a publication. */
#include "amqp/message.h"
#include "tests/unit/unit.h"

/* content-type "t", delivery-mode 2, priority 7 */
#define PROPS                                                                  \
	BYTES("\x98\x00\x01"                                                   \
	      "t"                                                              \
	      "\x02\x07")

static struct message *
sample(uint64_t body_size)
{
	return message_new(BYTES("amq.topic"), BYTES("a.b"), PROPS, body_size);
}

static void
parts_are_where_the_accessors_look(void)
{
	struct message *m = sample(4);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	memcpy((void *)message_body(m).p, "body", 4);
	CU_ASSERT(bytes_eq(message_exchange(m), BYTES("amq.topic")));
	CU_ASSERT(bytes_eq(message_key(m), BYTES("a.b")));
	CU_ASSERT(bytes_eq(message_props(m), PROPS));
	CU_ASSERT(bytes_eq(message_body(m), BYTES("body")));
	CU_ASSERT(bytes_eq(message_names(m), BYTES("\x09"
						   "amq.topic"
						   "\x03"
						   "a.b")));
	message_unref(m);
}

static void
all_parts_may_be_empty(void)
{
	struct bytes none = {NULL, 0};
	struct message *m = message_new(none, none, none, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(message_exchange(m).n, 0);
	CU_ASSERT_EQUAL(message_key(m).n, 0);
	CU_ASSERT_EQUAL(message_props(m).n, 0);
	CU_ASSERT_EQUAL(message_body(m).n, 0);
	CU_ASSERT_EQUAL(message_size(m), sizeof *m + 2);
	message_unref(m);
}

static void
names_of_255_bytes_fit(void)
{
	uint8_t text[255];
	struct bytes name = {memset(text, 'n', sizeof text), sizeof text};
	struct message *m = message_new(name, name, PROPS, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT(bytes_eq(message_exchange(m), name));
	CU_ASSERT(bytes_eq(message_key(m), name));
	CU_ASSERT(bytes_eq(message_props(m), PROPS));
	message_unref(m);
}

static void
mode_and_priority_are_read_from_the_properties(void)
{
	struct message *m = sample(0);
	CU_ASSERT_EQUAL(m->persistent, 1);
	CU_ASSERT_EQUAL(m->priority, 7);
	message_unref(m);
	m = message_new(BYTES(""), BYTES(""), BYTES("\x10\0\x01"), 0);
	CU_ASSERT_EQUAL(m->persistent, 0);
	CU_ASSERT_EQUAL(m->priority, 0);
	message_unref(m);
}

static void
mode_is_found_behind_encoding_and_headers(void)
{
	struct bytes props = BYTES("\x70\0\x01"
				   "e"
				   "\0\0\0\x03\x01kV\x02");
	struct message *m = message_new(BYTES(""), BYTES(""), props, 0);
	CU_ASSERT_EQUAL(m->persistent, 1);
	message_unref(m);
}

static void
properties_cut_short_count_as_absent(void)
{
	struct bytes whole = PROPS;
	for (size_t n = 0; n + 2 < whole.n; n++) {
		struct bytes cut = {whole.p, n};
		struct message *m = message_new(BYTES(""), BYTES(""), cut, 0);
		CU_ASSERT_EQUAL(m->persistent, 0);
		CU_ASSERT_EQUAL(m->priority, 0);
		message_unref(m);
	}
}

static void
each_reference_keeps_it(void)
{
	/* volatile: gcc cannot see that the first of two drops frees nothing */
	struct message *volatile m = sample(0);
	CU_ASSERT_EQUAL(m->refs, 1);
	CU_ASSERT_PTR_EQUAL(message_ref(m), m);
	CU_ASSERT_EQUAL(m->refs, 2);
	message_unref(m);
	CU_ASSERT_EQUAL(m->refs, 1);
	message_unref(m);
}

static void
resize_keeps_all_parts(void)
{
	struct message *m = sample(2);
	memcpy((void *)message_body(m).p, "ab", 2);
	m = message_resize(m, 100000);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	CU_ASSERT_EQUAL(message_body(m).n, 100000);
	memset((uint8_t *)message_body(m).p + 2, 'x', 99998);
	CU_ASSERT(bytes_starts(message_body(m), BYTES("abx")));
	CU_ASSERT(bytes_eq(message_key(m), BYTES("a.b")));
	CU_ASSERT(bytes_eq(message_props(m), PROPS));
	message_unref(m);
}

static void
a_bcc_header_stands_behind_the_body(void)
{
	struct bytes bcc = BYTES("S\0\0\0\1q");
	struct message *m =
	    message_new_bcc(BYTES("x"), BYTES("k"), PROPS, 2, bcc);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	memcpy((void *)message_body(m).p, "ab", 2);
	CU_ASSERT(bytes_eq(message_bcc(m), bcc));
	CU_ASSERT_EQUAL(
	    message_size(m), sizeof *m + 4 + PROPS.n + 2 + bcc.n);
	m = message_resize(m, 4);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	memcpy((uint8_t *)message_body(m).p + 2, "cd", 2);
	CU_ASSERT(bytes_eq(message_body(m), BYTES("abcd")));
	CU_ASSERT(bytes_eq(message_bcc(m), bcc));
	message_unref(m);
}

static void
sizes_that_cannot_be_had_are_refused(void)
{
	struct message *m = sample(UINT64_MAX);
	CU_ASSERT_PTR_NULL(m);
	CU_ASSERT_PTR_NULL(sample(UINT64_MAX - sizeof *m));
	CU_ASSERT_PTR_NULL(sample((uint64_t)PTRDIFF_MAX));
}

static void
properties_over_4_gib_are_refused(void)
{
	struct bytes props = {PROPS.p, (size_t)UINT32_MAX + 1};
	CU_ASSERT_PTR_NULL(message_new(BYTES(""), BYTES(""), props, 0));
}

static void
refused_resize_leaves_it_as_it_was(void)
{
	struct message *m = sample(3);
	memcpy((void *)message_body(m).p, "abc", 3);
	CU_ASSERT_PTR_NULL(message_resize(m, UINT64_MAX));
	CU_ASSERT_PTR_NULL(message_resize(m, (uint64_t)PTRDIFF_MAX));
	CU_ASSERT(bytes_eq(message_body(m), BYTES("abc")));
	message_unref(m);
}

static void
size_counts_every_part(void)
{
	struct message *m = sample(1000);
	CU_ASSERT_EQUAL(message_size(m), sizeof *m + 10 + 4 + PROPS.n + 1000);
	message_unref(m);
}

static const struct unit_test tests[] = {
    {"parts are where the accessors look", parts_are_where_the_accessors_look},
    {"all parts may be empty", all_parts_may_be_empty},
    {"names of 255 bytes fit", names_of_255_bytes_fit},
    {"mode and priority are read from the properties",
	mode_and_priority_are_read_from_the_properties},
    {"mode is found behind encoding and headers",
	mode_is_found_behind_encoding_and_headers},
    {"properties cut short count as absent",
	properties_cut_short_count_as_absent},
    {"each reference keeps it", each_reference_keeps_it},
    {"resize keeps all parts", resize_keeps_all_parts},
    {"a bcc header stands behind the body",
	a_bcc_header_stands_behind_the_body},
    {"sizes that cannot be had are refused",
	sizes_that_cannot_be_had_are_refused},
    {"properties over 4 GiB are refused", properties_over_4_gib_are_refused},
    {"refused resize leaves it as it was", refused_resize_leaves_it_as_it_was},
    {"size counts every part", size_counts_every_part},
};

UNIT_MAIN("message", tests)
