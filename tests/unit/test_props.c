/* test_props.c - content properties, each alone and all together. */
#include <stdlib.h>

#include "amqp/props.h"
#include "amqp/table.h"
#include "amqp/wire.h"
#include "tests/unit/unit.h"

enum { ALL = 0xfffc };

static const struct amqp_props full = {
    .flags = ALL,
    .delivery_mode = 2,
    .priority = 9,
    .timestamp = 0xfedcba9876543210,
    .content_type = {(const uint8_t *)"text/plain", 10},
    .content_encoding = {(const uint8_t *)"gzip", 4},
    .headers = {(const uint8_t *)"\x01kI\0\0\0\x05", 7},
    .correlation_id = {(const uint8_t *)"c1", 2},
    .reply_to = {(const uint8_t *)"replies", 7},
    .expiration = {(const uint8_t *)"60000", 5},
    .message_id = {(const uint8_t *)"m1", 2},
    .type = {(const uint8_t *)"order", 5},
    .user_id = {(const uint8_t *)"guest", 5},
    .app_id = {(const uint8_t *)"app", 3},
    .cluster_id = {(const uint8_t *)"cl", 2},
};

/* What full would be with only those flags. */
static bool
same(const struct amqp_props *p, uint16_t flags)
{
	struct bytes none = {NULL, 0};
#define PART(flag, name) bytes_eq(p->name, flags &flag ? full.name : none)
	return p->flags == flags && PART(PROP_CONTENT_TYPE, content_type) &&
	       PART(PROP_CONTENT_ENCODING, content_encoding) &&
	       PART(PROP_HEADERS, headers) &&
	       PART(PROP_CORRELATION_ID, correlation_id) &&
	       PART(PROP_REPLY_TO, reply_to) &&
	       PART(PROP_EXPIRATION, expiration) &&
	       PART(PROP_MESSAGE_ID, message_id) && PART(PROP_TYPE, type) &&
	       PART(PROP_USER_ID, user_id) && PART(PROP_APP_ID, app_id) &&
	       PART(PROP_CLUSTER_ID, cluster_id) &&
	       p->delivery_mode == (flags & PROP_DELIVERY_MODE ? 2 : 0) &&
	       p->priority == (flags & PROP_PRIORITY ? 9 : 0) &&
	       p->timestamp == (flags & PROP_TIMESTAMP ? full.timestamp : 0);
#undef PART
}

static bool
round_trip(uint16_t flags)
{
	struct amqp_props in = full, out;
	struct writer w = {0};
	in.flags = flags;
	amqp_props_write(&w, &in);
	bool good =
	    amqp_props_parse(writer_view(&w), &out) && same(&out, flags);
	writer_fini(&w);
	return good;
}

static void
no_properties_are_two_zero_octets(void)
{
	struct amqp_props p;
	CU_ASSERT(amqp_props_parse(BYTES("\0\0"), &p));
	CU_ASSERT(same(&p, 0));
}

static void
each_property_alone_comes_back(void)
{
	for (int bit = 2; bit < 16; bit++)
		CU_ASSERT(round_trip((uint16_t)(1 << bit)));
}

static void
every_combination_comes_back(void)
{
	for (int flags = 0; flags <= ALL; flags += 4)
		CU_ASSERT(round_trip((uint16_t)flags));
}

static void
properties_stand_in_the_order_of_their_flags(void)
{
	struct amqp_props p;
	CU_ASSERT(amqp_props_parse(BYTES("\x18\0\x02\x05"), &p));
	CU_ASSERT_EQUAL(p.delivery_mode, 2);
	CU_ASSERT_EQUAL(p.priority, 5);
	CU_ASSERT(amqp_props_parse(BYTES("\x81\x08\x01"
					 "t"
					 "\x03"
					 "100"
					 "\x01"
					 "a"),
	    &p));
	CU_ASSERT(bytes_eq(p.content_type, BYTES("t")));
	CU_ASSERT(bytes_eq(p.expiration, BYTES("100")));
	CU_ASSERT(bytes_eq(p.app_id, BYTES("a")));
}

static void
unused_flags_are_malformed(void)
{
	struct amqp_props p;
	CU_ASSERT(!amqp_props_parse(BYTES("\0\x01"), &p));
	CU_ASSERT(!amqp_props_parse(BYTES("\0\x02"), &p));
	CU_ASSERT(!amqp_props_parse(BYTES("\0\x01\0\0"), &p));
}

static void
unused_flags_are_never_written(void)
{
	struct amqp_props p = {.flags = 3};
	struct writer w = {0};
	amqp_props_write(&w, &p);
	CU_ASSERT(bytes_eq(writer_view(&w), BYTES("\0\0")));
	writer_fini(&w);
}

/* Each piece in memory of just its size, so that reading past it is seen. */
static void
every_truncation_is_malformed(void)
{
	struct writer w = {0};
	amqp_props_write(&w, &full);
	for (size_t n = 0; n < w.n; n++) {
		struct amqp_props p;
		uint8_t *piece = malloc(n + 1);
		memcpy(piece + 1, w.p, n);
		CU_ASSERT(!amqp_props_parse((struct bytes){piece + 1, n}, &p));
		free(piece);
	}
	writer_fini(&w);
}

static void
leftover_octets_are_malformed(void)
{
	struct amqp_props p;
	CU_ASSERT(!amqp_props_parse(BYTES("\0\0\0"), &p));
	CU_ASSERT(!amqp_props_parse(BYTES("\x10\0\x02\0"), &p));
}

static void
malformed_headers_are_malformed_properties(void)
{
	struct amqp_props p;
	CU_ASSERT(amqp_props_parse(BYTES("\x20\0\0\0\0\x03\x01kV"), &p));
	CU_ASSERT(!amqp_props_parse(BYTES("\x20\0\0\0\0\x03\x01kZ"), &p));
	CU_ASSERT(!amqp_props_parse(BYTES("\x20\0\0\0\0\x04\x01kV"), &p));
	CU_ASSERT(!amqp_props_parse(BYTES("\x20\0\xff\xff\xff\xff\x01kV"), &p));
}

static bool
copied(struct bytes wire)
{
	struct amqp_props p;
	CU_ASSERT(amqp_props_parse(wire, &p));
	return p.flags & PROP_COPIED;
}

static void
keys_that_may_be_copies_are_noticed(void)
{
	CU_ASSERT(!copied(BYTES("\0\0")));
	CU_ASSERT(!copied(BYTES("\x20\0\0\0\0\0")));
	CU_ASSERT(copied(BYTES("\x20\0\0\0\0\x04\x02"
			       "CCV")));
	CU_ASSERT(copied(BYTES("\x20\0\0\0\0\x08\x01"
			       "aV\x03"
			       "BCCV")));
	CU_ASSERT(!copied(BYTES("\x20\0\0\0\0\x04\x02"
				"CDV")));
	CU_ASSERT(!copied(BYTES("\x20\0\0\0\0\x08\x01"
				"kS\0\0\0\x01"
				"C")));
}

static const struct unit_test tests[] = {
    {"no properties are two zero octets", no_properties_are_two_zero_octets},
    {"each property alone comes back", each_property_alone_comes_back},
    {"every combination comes back", every_combination_comes_back},
    {"properties stand in the order of their flags",
	properties_stand_in_the_order_of_their_flags},
    {"unused flags are malformed", unused_flags_are_malformed},
    {"unused flags are never written", unused_flags_are_never_written},
    {"every truncation is malformed", every_truncation_is_malformed},
    {"leftover octets are malformed", leftover_octets_are_malformed},
    {"malformed headers are malformed properties",
	malformed_headers_are_malformed_properties},
    {"keys that may be copies are noticed",
	keys_that_may_be_copies_are_noticed},
};

UNIT_MAIN("props", tests)
