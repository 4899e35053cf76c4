/* test_reply.c - the reply codes, and whom each closes. */
#include "amqp/reply.h"

#include <stdio.h>
#include <string.h>

#include "amqp/bytes.h"
#include "tests/unit/unit.h"

static void
codes_have_their_texts(void)
{
	CU_ASSERT_STRING_EQUAL(amqp_reply_text(404), "NOT_FOUND");
	CU_ASSERT_STRING_EQUAL(amqp_reply_log_text(404), "not_found");
	CU_ASSERT_STRING_EQUAL(
	    amqp_reply_text(AMQP_PRECONDITION_FAILED), "PRECONDITION_FAILED");
	CU_ASSERT_STRING_EQUAL(amqp_reply_log_text(320), "connection_forced");
	CU_ASSERT_EQUAL(AMQP_INTERNAL_ERROR, 541);
}

static void
texts_are_cut_to_fit_a_short_string(void)
{
	char full[AMQP_REPLY_SIZE], text[400];

	amqp_reply_print(full, 404, "no queue 'q'");
	CU_ASSERT_STRING_EQUAL(full, "NOT_FOUND - no queue 'q'");
	amqp_reply_print(full, 312, "");
	CU_ASSERT_STRING_EQUAL(full, "NO_ROUTE");
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	text[255 - (sizeof "NOT_FOUND - " - 1)] = '\0';
	amqp_reply_print(full, 404, text);
	CU_ASSERT_EQUAL(strlen(full), 255);
	CU_ASSERT_EQUAL(full[254], 'x');
	text[255 - (sizeof "NOT_FOUND - " - 1)] = 'x';
	amqp_reply_print(full, 404, text);
	CU_ASSERT_EQUAL(strlen(full), 255);
	CU_ASSERT_STRING_EQUAL(full + 251, "x...");
}

static void
no_character_is_cut_in_two(void)
{
	char full[AMQP_REPLY_SIZE], text[400];

	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa9", 3);
	amqp_reply_print(full, 404, text);
	CU_ASSERT_STRING_EQUAL(full + 250, "\xc3\xa9...");
	amqp_reply_print(full, 405, text);
	CU_ASSERT(bytes_utf8(bytes_str(full)));
}

static void
zeroes_in_names_are_kept(void)
{
	struct bytes said, want = BYTES("NOT_FOUND - no queue '\0a\0'");
	char full[AMQP_REPLY_SIZE], text[700];

	snprintf(text, sizeof text, "no queue '%s'",
	    amqp_reply_word(BYTES("\0a\0")));
	said = amqp_reply_print(full, 404, text);
	CU_ASSERT(bytes_eq(said, want));
	for (int n = 0; n < 3; n++) { /* none is cut in two */
		memset(text, 'x', 240 + n);
		strcpy(text + 240 + n, amqp_reply_word(BYTES("\0\0\0\0")));
		said = amqp_reply_print(full, 404, text);
		CU_ASSERT(said.n < AMQP_REPLY_SIZE);
		CU_ASSERT_PTR_NULL(memchr(said.p, 0xc0, said.n));
	}
}

/* 0-9-1 §1.2: soft errors are these. */
static void
soft_errors_close_the_channel_only(void)
{
	static const int soft[] = {311, 312, 313, 403, 404, 405, 406};
	for (size_t i = 0; i < sizeof soft / sizeof *soft; i++)
		CU_ASSERT(!amqp_reply_closes_connection(soft[i]));
}

static void
hard_errors_close_the_connection(void)
{
	static const int hard[] = {
	    320, 402, 501, 502, 503, 504, 505, 506, 530, 540, 541};
	for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
		CU_ASSERT(amqp_reply_closes_connection(hard[i]));
}

static void
unknown_codes_are_hard_and_named_so(void)
{
	CU_ASSERT_STRING_EQUAL(amqp_reply_text(999), "UNKNOWN");
	CU_ASSERT_STRING_EQUAL(amqp_reply_log_text(0), "unknown");
	CU_ASSERT(amqp_reply_closes_connection(999));
}

static const struct unit_test tests[] = {
    {"codes have their texts", codes_have_their_texts},
    {"texts are cut to fit a short string",
	texts_are_cut_to_fit_a_short_string},
    {"no character is cut in two", no_character_is_cut_in_two},
    {"zeroes in names are kept", zeroes_in_names_are_kept},
    {"soft errors close the channel only", soft_errors_close_the_channel_only},
    {"hard errors close the connection", hard_errors_close_the_connection},
    {"unknown codes are hard, and named so",
	unknown_codes_are_hard_and_named_so},
};

UNIT_MAIN("reply", tests)
