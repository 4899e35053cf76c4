/* test_sasl.c - responses of clients, and what only looks like one. */
#include <stdlib.h>

#include "amqp/wire.h"
#include "broker/config.h"
#include "broker/sasl.h"
#include "tests/unit/unit.h"

static struct credentials found;

static enum sasl_status
plain(struct bytes response)
{
	found = (struct credentials){0};
	return sasl_read(BYTES("PLAIN"), response, &found);
}

static enum sasl_status
amqplain(struct bytes response)
{
	found = (struct credentials){0};
	return sasl_read(BYTES("AMQPLAIN"), response, &found);
}

static bool
is(const char *user, const char *password)
{
	return bytes_eq(found.user, bytes_str(user)) &&
	       bytes_eq(found.password, bytes_str(password));
}

static void
plain_gives_user_and_password(void)
{
	CU_ASSERT_EQUAL(plain(BYTES("\0guest\0secret")), SASL_OK);
	CU_ASSERT_TRUE(is("guest", "secret"));
	CU_ASSERT_EQUAL(plain(BYTES("\0\0")), SASL_OK);
	CU_ASSERT_TRUE(is("", ""));
	CU_ASSERT_EQUAL(plain(BYTES("\0u\0")), SASL_OK);
	CU_ASSERT_TRUE(is("u", ""));
}

static void
malformed_plain_is_told_apart(void)
{
	CU_ASSERT_EQUAL(plain(BYTES("")), SASL_MALFORMED);
	CU_ASSERT_EQUAL(plain(BYTES("\0")), SASL_MALFORMED);
	CU_ASSERT_EQUAL(plain(BYTES("\0guest")), SASL_MALFORMED);
	CU_ASSERT_EQUAL(plain(BYTES("guest\0secret")), SASL_MALFORMED);
	CU_ASSERT_EQUAL(plain(BYTES("me\0guest\0secret")), SASL_MALFORMED);
	CU_ASSERT_EQUAL(plain(BYTES("\0guest\0sec\0ret")), SASL_MALFORMED);
	CU_ASSERT_EQUAL(plain(BYTES("\0guest\0secret\0")), SASL_MALFORMED);
	CU_ASSERT_EQUAL(plain((struct bytes){0}), SASL_MALFORMED);
}

static struct writer table;

static void
put(const char *key, char tag, const char *value)
{
	writer_shortstr(&table, bytes_str(key));
	writer_u8(&table, (uint8_t)tag);
	writer_longstr(&table, bytes_str(value));
}

static void
amqplain_gives_user_and_password(void)
{
	put("LOGIN", 'S', "guest");
	put("PASSWORD", 'S', "secret");
	CU_ASSERT_EQUAL(amqplain(writer_view(&table)), SASL_OK);
	CU_ASSERT_TRUE(is("guest", "secret"));
	writer_fini(&table);
	put("x", 'S', "y");
	put("PASSWORD", 'S', "");
	put("LOGIN", 'S', "me");
	CU_ASSERT_EQUAL(amqplain(writer_view(&table)), SASL_OK);
	CU_ASSERT_TRUE(is("me", ""));
	writer_fini(&table);
}

static void
amqplain_without_one_of_them_is_malformed(void)
{
	put("LOGIN", 'S', "guest");
	CU_ASSERT_EQUAL(amqplain(writer_view(&table)), SASL_MALFORMED);
	put("PASSWORD", 'x', "bytes, not text");
	CU_ASSERT_EQUAL(amqplain(writer_view(&table)), SASL_MALFORMED);
	writer_fini(&table);
	CU_ASSERT_EQUAL(amqplain((struct bytes){0}), SASL_MALFORMED);
}

/* Copies, so that a reader of one byte too many is caught by sanitizers. */
static void
truncated_amqplain_is_malformed(void)
{
	put("LOGIN", 'S', "guest");
	put("PASSWORD", 'S', "secret");
	for (size_t n = 0; n < table.n; n++) {
		uint8_t *copy = malloc(n > 0 ? n : 1);

		memcpy(copy, table.p, n);
		CU_ASSERT_EQUAL(
		    amqplain((struct bytes){copy, n}), SASL_MALFORMED);
		free(copy);
	}
	writer_fini(&table);
}

static void
changed_bytes_never_lead_outside(void)
{
	put("LOGIN", 'S', "guest");
	put("PASSWORD", 'S', "secret");
	for (size_t at = 0; at < table.n; at++)
		for (int value = 0; value < 256; value += 5) {
			uint8_t *copy = malloc(table.n);

			memcpy(copy, table.p, table.n);
			copy[at] = (uint8_t)value;
			if (amqplain((struct bytes){copy, table.n}) ==
			    SASL_OK) {
				CU_ASSERT(found.user.p >= copy &&
					  found.user.p + found.user.n <=
					      copy + table.n);
				CU_ASSERT(found.password.p >= copy &&
					  found.password.p + found.password.n <=
					      copy + table.n);
			}
			free(copy);
		}
	writer_fini(&table);
}

static void
mechanisms_are_known_in_any_case(void)
{
	struct bytes response = BYTES("\0u\0p");

	CU_ASSERT_EQUAL(sasl_read(BYTES("plain"), response, &found), SASL_OK);
	CU_ASSERT_EQUAL(
	    sasl_read(BYTES("external"), response, &found), SASL_EXTERNAL);
	CU_ASSERT_EQUAL(sasl_read(BYTES(""), response, &found), SASL_UNKNOWN);
	CU_ASSERT_EQUAL(
	    sasl_read(BYTES("PLAIN\0"), response, &found), SASL_UNKNOWN);
	CU_ASSERT_EQUAL(
	    sasl_read(BYTES("PLAINX"), response, &found), SASL_UNKNOWN);
}

static void
offer_is(const struct config *c, bool secure, const char *text)
{
	char *offer = sasl_offer(c, secure);

	CU_ASSERT_STRING_EQUAL(offer, text);
	free(offer);
}

static void
external_is_offered_where_there_are_certificates(void)
{
	struct config c;
	char error[100];

	config_init(&c);
	offer_is(&c, true, "PLAIN AMQPLAIN");
	config_set(&c, "auth_mechanisms.1", "EXTERNAL", "test", error, 100);
	offer_is(&c, false, "");
	config_set(&c, "auth_mechanisms.2", "PLAIN", "test", error, 100);
	offer_is(&c, true, "EXTERNAL PLAIN");
	offer_is(&c, false, "PLAIN");
	config_set(&c, "auth_mechanisms.3", "ANONYMOUS", "test", error, 100);
	offer_is(&c, false, "PLAIN");
	config_set(&c, "anonymous_login_user", "guest", "test", error, 100);
	offer_is(&c, false, "PLAIN ANONYMOUS");
	config_reset(&c, "auth_mechanisms.1");
	offer_is(&c, true, "PLAIN AMQPLAIN ANONYMOUS");
	config_fini(&c);
}

static void
only_what_is_offered_is_taken(void)
{
	const char *offer = "PLAIN AMQPLAIN";

	CU_ASSERT_TRUE(sasl_offers(offer, BYTES("plain")));
	CU_ASSERT_TRUE(sasl_offers(offer, BYTES("AMQPLAIN")));
	CU_ASSERT_FALSE(sasl_offers(offer, BYTES("EXTERNAL")));
	CU_ASSERT_FALSE(sasl_offers(offer, BYTES("AMQ")));
	CU_ASSERT_FALSE(sasl_offers(offer, BYTES("PLAIN AMQPLAIN")));
	CU_ASSERT_FALSE(sasl_offers(offer, BYTES("")));
	CU_ASSERT_FALSE(sasl_offers("", BYTES("")));
}

static const struct unit_test tests[] = {
    {"PLAIN gives user and password", plain_gives_user_and_password},
    {"malformed PLAIN is told apart", malformed_plain_is_told_apart},
    {"AMQPLAIN gives user and password", amqplain_gives_user_and_password},
    {"AMQPLAIN without one of them is malformed",
	amqplain_without_one_of_them_is_malformed},
    {"truncated AMQPLAIN is malformed", truncated_amqplain_is_malformed},
    {"changed bytes never lead outside", changed_bytes_never_lead_outside},
    {"mechanisms are known in any case", mechanisms_are_known_in_any_case},
    {"EXTERNAL is offered where there are certificates",
	external_is_offered_where_there_are_certificates},
    {"only what is offered is taken", only_what_is_offered_is_taken},
};

UNIT_MAIN("sasl", tests)
