/* test_proxy.c - headers of proxies, whole, in part, and wrong. */
#include <stdio.h>
#include <unistd.h>

#include "broker/log.h"
#include "broker/proxy.h"
#include "tests/unit/unit.h"

static struct proxy_header h;

static int
read_text(const char *text)
{
	return proxy_read(bytes_str(text), &h);
}

/* No part of it is taken for the whole or for an error. */
static void
check_parts(struct bytes all)
{
	for (size_t n = 0; n < all.n; n++)
		CU_ASSERT_EQUAL(proxy_read((struct bytes){all.p, n}, &h), 0);
}

static void
lines_name_clients(void)
{
	const char *v4 = "PROXY TCP4 192.0.2.1 198.51.100.7 1234 5672\r\n";
	const char *v6 = "PROXY TCP6 2001:db8::1 2001:db8::2 65535 5671\r\nAMQP";

	check_parts(bytes_str(v4));
	CU_ASSERT_EQUAL(read_text(v4), (int)strlen(v4));
	CU_ASSERT_TRUE(h.names);
	CU_ASSERT_STRING_EQUAL(h.source, "192.0.2.1");
	CU_ASSERT_STRING_EQUAL(h.target, "198.51.100.7");
	CU_ASSERT_EQUAL(h.source_port, 1234);
	CU_ASSERT_EQUAL(h.target_port, 5672);
	CU_ASSERT_EQUAL(read_text(v6), (int)strlen(v6) - 4);
	CU_ASSERT_STRING_EQUAL(h.source, "2001:db8::1");
	CU_ASSERT_EQUAL(h.source_port, 65535);
}

static void
who_is_unknown_is_not_named(void)
{
	CU_ASSERT_EQUAL(read_text("PROXY UNKNOWN\r\n"), 15);
	CU_ASSERT_FALSE(h.names);
	CU_ASSERT_EQUAL(read_text("PROXY UNKNOWN a b c d\r\n"), 23);
	CU_ASSERT_FALSE(h.names);
}

static void
other_lines_are_none(void)
{
	static const char *const wrong[] = {"AMQP", "PROXY\r\n", "proxy ",
	    "PROXY TCP4 192.0.2.1 198.51.100.7 1234 5672\n",
	    "PROXY TCP4 192.0.2.1 198.51.100.7 1234\r\n",
	    "PROXY TCP4 192.0.2.256 198.51.100.7 1234 5672\r\n",
	    "PROXY TCP4 192.0.2.1 198.51.100.7 65536 5672\r\n",
	    "PROXY TCP4 192.0.2.1 198.51.100.7 1234 5672 1\r\n",
	    "PROXY TCP6 192.0.2.1 198.51.100.7 1234 5672\r\n",
	    "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
	    "PROXY TCP5 192.0.2.1 198.51.100.7 1234 5672\r\n",
	    "PROXY UNKNOWNS\r\n", "PROXY \r\n", "PROXY \n"};
	char line[200] = "PROXY UNKNOWN ";

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		CU_ASSERT_EQUAL(read_text(wrong[i]), -1);
	memset(line + 14, 'a', 150);
	CU_ASSERT_EQUAL(read_text(line), -1);
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static void
octets_name_clients(void)
{
	const struct bytes v4 = BYTES(
	    SIGNATURE "\x21\x11\0\x0f\xc0\0\x02\1\xc6\x33\x64\7\4\xd2\x16\x28"
		      "\4\0\0");
	const struct bytes v6 = BYTES(SIGNATURE
	    "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
	    "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\0\1\xff\xff");

	check_parts(v4);
	CU_ASSERT_EQUAL(proxy_read(v4, &h), (int)v4.n);
	CU_ASSERT_TRUE(h.names);
	CU_ASSERT_STRING_EQUAL(h.source, "192.0.2.1");
	CU_ASSERT_STRING_EQUAL(h.target, "198.51.100.7");
	CU_ASSERT_EQUAL(h.source_port, 1234);
	CU_ASSERT_EQUAL(h.target_port, 5672);
	CU_ASSERT_EQUAL(proxy_read(v6, &h), (int)v6.n);
	CU_ASSERT_STRING_EQUAL(h.source, "2001:db8::1");
	CU_ASSERT_STRING_EQUAL(h.target, "2001:db8::2");
	CU_ASSERT_EQUAL(h.target_port, 65535);
}

static void
other_octets_name_nobody(void)
{
	CU_ASSERT_EQUAL(
	    proxy_read(BYTES(SIGNATURE "\x20\0\0\0"), &h), 16); /* LOCAL */
	CU_ASSERT_FALSE(h.names);
	CU_ASSERT_EQUAL(
	    proxy_read(BYTES(SIGNATURE "\x21\x11\0\4\1\2\3\4"), &h), 20);
	CU_ASSERT_FALSE(h.names); /* too short for two addresses */
	CU_ASSERT_EQUAL(
	    proxy_read(BYTES(SIGNATURE "\x21\x31\0\1x"), &h), 17); /* UNIX */
	CU_ASSERT_FALSE(h.names);
	CU_ASSERT_EQUAL(
	    proxy_read(BYTES(SIGNATURE "\x11\x11\0\0"), &h), -1); /* version 1 */
	CU_ASSERT_EQUAL(
	    proxy_read(BYTES(SIGNATURE "\x21\x11\xff\xff"), &h), -1);
	CU_ASSERT_EQUAL(proxy_read(BYTES("\r\n\r\n\0\r\nQUIT "), &h), -1);
}

static const struct unit_test tests[] = {
    {"lines name clients", lines_name_clients},
    {"who is unknown is not named", who_is_unknown_is_not_named},
    {"other lines are none", other_lines_are_none},
    {"octets name clients", octets_name_clients},
    {"other octets name nobody", other_octets_name_nobody},
};

int
main(void)
{
	log_init(STDOUT_FILENO, LEVEL_NONE);
	return unit_main("proxy", tests, sizeof tests / sizeof *tests);
}
