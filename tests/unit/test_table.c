/* test_table.c - field tables: checked, read, compared, built, as text. */
#include <stdlib.h>
#include <time.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/unit/unit.h"

/* A table from its text; freed by the caller. */
static struct bytes
table(const char *text)
{
	struct writer w = {0};
	CU_ASSERT(amqp_table_scan(&w, bytes_str(text)));
	CU_ASSERT(amqp_table_check(writer_view(&w)));
	struct bytes copy = xbytesdup(writer_view(&w));
	writer_fini(&w);
	return copy;
}

static bool
equal(const char *a, const char *b)
{
	struct bytes x = table(a), y = table(b);
	bool result = amqp_table_equal(x, y);
	CU_ASSERT_EQUAL(amqp_table_equal(y, x), result);
	free((void *)x.p);
	free((void *)y.p);
	return result;
}

/* The values of k in two tables. */
static bool
alike(const char *a, const char *b)
{
	struct bytes x = table(a), y = table(b);
	struct amqp_value v = {0}, w = {0};
	CU_ASSERT(amqp_table_get(x, BYTES("k"), &v));
	CU_ASSERT(amqp_table_get(y, BYTES("k"), &w));
	bool result = amqp_value_alike(&v, &w);
	CU_ASSERT_EQUAL(amqp_value_alike(&w, &v), result);
	free((void *)x.p);
	free((void *)y.p);
	return result;
}

/* --- checking ------------------------------------------------------------ */

#define EVERY_TYPE                                                             \
	"{t:t:1,b:b:-128,B:B:255,s:s:-32768,u:u:65535,I:I:-2147483648,"        \
	"i:i:4294967295,l:l:-9223372036854775808,L:L:9223372036854775807,"     \
	"f:f:1.5,d:d:-0.1,D:D:2:-314,S:S:text,x:x:\"\\x00\\xff\","             \
	"T:T:18446744073709551615,V:V,F:{k:V},A:[I:1,{},[]]}"

static void
every_type_is_well_formed(void)
{
	struct bytes t = table(EVERY_TYPE);
	CU_ASSERT(amqp_table_check(t));
	CU_ASSERT(amqp_table_check(BYTES("")));
	CU_ASSERT(amqp_table_check((struct bytes){NULL, 0}));
	free((void *)t.p);
}

/* Cut between pairs it is whole again. Each piece lies in memory of just its
 * size, so that reading past it is seen. */
static void
every_truncation_inside_a_pair_is_malformed(void)
{
	struct bytes t = table(EVERY_TYPE), key;
	struct amqp_value value;
	struct reader r = reader_of(t);
	for (size_t n = 1; n < t.n; n++) {
		while (r.p - t.p < (ptrdiff_t)n)
			amqp_table_next(&r, &key, &value);
		uint8_t *piece = malloc(n + 1);
		memcpy(piece + 1, t.p, n);
		CU_ASSERT_EQUAL(amqp_table_check((struct bytes){piece + 1, n}),
		    r.p == t.p + n);
		free(piece);
	}
	free((void *)t.p);
}

static void
unknown_tags_are_malformed(void)
{
	const char *known = "tbBsuIilLfdDSxATFV";
	for (int tag = 0; tag < 256; tag++) {
		uint8_t wire[12] = {1, 'k', (uint8_t)tag};
		bool good = false;
		for (size_t n = 3; n <= sizeof wire; n++)
			good |= amqp_table_check((struct bytes){wire, n});
		CU_ASSERT_EQUAL(good, tag != 0 && strchr(known, tag) != NULL);
	}
}

static void
lengths_beyond_the_end_are_malformed(void)
{
	CU_ASSERT(!amqp_table_check(BYTES("\x02k")));
	CU_ASSERT(!amqp_table_check(BYTES("\x01kS\0\0\0\x02"
					  "a")));
	CU_ASSERT(!amqp_table_check(BYTES("\x01kS\xff\xff\xff\xff"
					  "a")));
	CU_ASSERT(!amqp_table_check(BYTES("\x01kF\0\0\0\x04\x01kV")));
	CU_ASSERT(!amqp_table_check(BYTES("\x01kA\xff\xff\xff\xfcV")));
}

static void
inner_value_must_not_reach_over_its_table(void)
{
	CU_ASSERT(amqp_table_check(BYTES("\x01kF\0\0\0\x03\x01kV\x01kV")));
	CU_ASSERT(!amqp_table_check(BYTES("\x01kF\0\0\0\x03\x01kt\x01\x01kV")));
	CU_ASSERT(!amqp_table_check(BYTES("\x01kA\0\0\0\x01I\0\0\0\x01")));
}

static void
floats_that_are_not_finite_are_malformed(void)
{
	CU_ASSERT(amqp_table_check(BYTES("\x01kf\x7f\x7f\xff\xff")));
	CU_ASSERT(!amqp_table_check(BYTES("\x01kf\x7f\x80\0\0")));
	CU_ASSERT(!amqp_table_check(BYTES("\x01kf\xff\xc0\0\0")));
	CU_ASSERT(amqp_table_check(BYTES("\x01kd\x7f\xef\0\0\0\0\0\0")));
	CU_ASSERT(!amqp_table_check(BYTES("\x01kd\x7f\xf0\0\0\0\0\0\0")));
	CU_ASSERT(!amqp_table_check(BYTES("\x01kd\xff\xf8\0\0\0\0\0\0")));
}

/* n tables or arrays inside each other. */
static struct bytes
nested(char tag, size_t n)
{
	struct writer w = {0};
	size_t *marks = xcalloc(n, sizeof *marks);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || tag == 'F')
			writer_shortstr(&w, BYTES("k"));
		writer_u8(&w, (uint8_t)tag);
		marks[i] = writer_mark(&w);
	}
	while (n-- > 0)
		writer_patch(&w, marks[n]);
	free(marks);
	return writer_view(&w);
}

static void
depth_has_a_limit(void)
{
	for (const char *tag = "FA"; *tag != 0; tag++) {
		struct bytes deepest = nested(*tag, AMQP_TABLE_DEPTH);
		struct bytes deeper = nested(*tag, AMQP_TABLE_DEPTH + 1);
		struct bytes absurd = nested(*tag, 1000000);
		CU_ASSERT(amqp_table_check(deepest));
		CU_ASSERT(!amqp_table_check(deeper));
		CU_ASSERT(!amqp_table_check(absurd));
		free((void *)deepest.p);
		free((void *)deeper.p);
		free((void *)absurd.p);
	}
}

/* --- reading ------------------------------------------------------------- */

static struct amqp_value
value_of(struct bytes t, const char *key)
{
	struct amqp_value value = {0};
	CU_ASSERT(amqp_table_get(t, bytes_str(key), &value));
	CU_ASSERT_EQUAL(value.tag, *key);
	return value;
}

static void
numbers_are_read_with_sign_and_width(void)
{
	struct bytes t = table(EVERY_TYPE);
	CU_ASSERT(value_of(t, "t").t);
	CU_ASSERT_EQUAL(value_of(t, "b").i, INT8_MIN);
	CU_ASSERT_EQUAL(value_of(t, "B").i, UINT8_MAX);
	CU_ASSERT_EQUAL(value_of(t, "s").i, INT16_MIN);
	CU_ASSERT_EQUAL(value_of(t, "u").i, UINT16_MAX);
	CU_ASSERT_EQUAL(value_of(t, "I").i, INT32_MIN);
	CU_ASSERT_EQUAL(value_of(t, "i").i, UINT32_MAX);
	CU_ASSERT_EQUAL(value_of(t, "l").i, INT64_MIN);
	CU_ASSERT_EQUAL(value_of(t, "L").i, INT64_MAX);
	CU_ASSERT_EQUAL((uint64_t)value_of(t, "T").i, UINT64_MAX);
	CU_ASSERT_EQUAL(value_of(t, "f").d, 1.5);
	CU_ASSERT_EQUAL(value_of(t, "d").d, -0.1);
	CU_ASSERT_EQUAL(value_of(t, "D").decimal.scale, 2);
	CU_ASSERT_EQUAL(value_of(t, "D").decimal.value, -314);
	free((void *)t.p);
}

static void
strings_and_insides_are_borrowed(void)
{
	struct bytes t = table(EVERY_TYPE);
	CU_ASSERT(bytes_eq(value_of(t, "S").bytes, BYTES("text")));
	CU_ASSERT(bytes_eq(value_of(t, "x").bytes, BYTES("\0\xff")));
	CU_ASSERT(bytes_eq(value_of(t, "F").bytes, BYTES("\x01kV")));
	CU_ASSERT_EQUAL(value_of(t, "V").tag, 'V');
	CU_ASSERT(value_of(t, "S").bytes.p > t.p);
	CU_ASSERT(value_of(t, "S").bytes.p < t.p + t.n);
	free((void *)t.p);
}

static void
any_octet_but_zero_is_true(void)
{
	struct amqp_value v = {0};
	CU_ASSERT(amqp_table_get(BYTES("\x01kt\x02"), BYTES("k"), &v) && v.t);
	CU_ASSERT(amqp_table_get(BYTES("\x01kt\0"), BYTES("k"), &v) && !v.t);
}

static void
walk_meets_each_pair_in_order(void)
{
	struct bytes t = table("{a:I:1,b:V,a:I:2}"), key;
	struct reader r = reader_of(t);
	struct amqp_value v;
	CU_ASSERT(amqp_table_next(&r, &key, &v));
	CU_ASSERT(bytes_eq(key, BYTES("a")) && v.i == 1);
	CU_ASSERT(amqp_table_next(&r, &key, &v));
	CU_ASSERT(bytes_eq(key, BYTES("b")) && v.tag == 'V');
	CU_ASSERT(amqp_table_next(&r, &key, &v));
	CU_ASSERT(bytes_eq(key, BYTES("a")) && v.i == 2);
	CU_ASSERT(!amqp_table_next(&r, &key, &v));
	free((void *)t.p);
}

static void
first_of_duplicate_keys_wins(void)
{
	struct bytes t = table("{k:I:1,k:I:2}");
	struct amqp_value v = {0};
	CU_ASSERT(amqp_table_get(t, BYTES("k"), &v));
	CU_ASSERT_EQUAL(v.i, 1);
	CU_ASSERT(!amqp_table_get(t, BYTES("j"), &v));
	CU_ASSERT(!amqp_table_get(BYTES(""), BYTES("k"), &v));
	free((void *)t.p);
}

static void
array_is_walked_member_by_member(void)
{
	struct bytes t = table("{A:[S:cc,I:7,{}]}");
	struct amqp_value v = value_of(t, "A");
	struct reader r = reader_of(v.bytes);
	CU_ASSERT(amqp_array_next(&r, &v));
	CU_ASSERT(v.tag == 'S' && bytes_eq(v.bytes, BYTES("cc")));
	CU_ASSERT(amqp_array_next(&r, &v));
	CU_ASSERT(v.tag == 'I' && v.i == 7);
	CU_ASSERT(amqp_array_next(&r, &v));
	CU_ASSERT(v.tag == 'F' && v.bytes.n == 0);
	CU_ASSERT(!amqp_array_next(&r, &v));
	free((void *)t.p);
}

static void
integers_are_the_eight_tags(void)
{
	for (int tag = 0; tag < 256; tag++) {
		struct amqp_value v = {.tag = (char)tag};
		CU_ASSERT_EQUAL(amqp_value_integer(&v),
		    tag != 0 && strchr("bBsuIilL", tag) != NULL);
	}
}

static void
types_have_rabbitmqs_names(void)
{
	CU_ASSERT_STRING_EQUAL(amqp_type_name('S'), "longstr");
	CU_ASSERT_STRING_EQUAL(amqp_type_name('I'), "signedint");
	CU_ASSERT_STRING_EQUAL(amqp_type_name('l'), "long");
	CU_ASSERT_STRING_EQUAL(amqp_type_name('L'), "long");
	CU_ASSERT_STRING_EQUAL(amqp_type_name('t'), "bool");
	CU_ASSERT_STRING_EQUAL(amqp_type_name('x'), "binary");
	CU_ASSERT_STRING_EQUAL(amqp_type_name('Z'), "unknown");
}

/* --- comparing ----------------------------------------------------------- */

static void
equal_whatever_the_order(void)
{
	CU_ASSERT(equal("{}", "{}"));
	CU_ASSERT(equal("{a:I:1,b:S:x}", "{b:S:x,a:I:1}"));
	CU_ASSERT(equal("{t:{a:V,b:V}}", "{t:{b:V,a:V}}"));
	CU_ASSERT(equal(EVERY_TYPE, EVERY_TYPE));
}

static void
equal_needs_the_same_keys(void)
{
	CU_ASSERT(!equal("{}", "{a:V}"));
	CU_ASSERT(!equal("{a:V}", "{b:V}"));
	CU_ASSERT(!equal("{a:V,b:V}", "{a:V}"));
	CU_ASSERT(!equal("{a:V,b:V}", "{a:V,c:V}"));
	CU_ASSERT(!equal("{a:V}", "{\"\":V}"));
}

static void
equal_needs_the_same_values(void)
{
	static const char *values[] = {"t:0", "t:1", "b:1", "B:1", "s:1", "u:1",
	    "I:1", "I:2", "i:1", "l:1", "f:1", "d:1", "d:2", "D:1:1", "D:2:1",
	    "D:1:2", "S:1", "S:2", "x:1", "T:1", "T:2", "V", "{}", "{a:V}",
	    "[]", "[V]", "[V,V]", "[I:1]"};
	int n = sizeof values / sizeof *values;
	for (int i = 0; i < n * n; i++) {
		char *a = xasprintf("{k:%s,z:V}", values[i / n]);
		char *b = xasprintf("{z:V,k:%s}", values[i % n]);
		CU_ASSERT_EQUAL(equal(a, b), i / n == i % n);
		free(a);
		free(b);
	}
}

static void
both_long_tags_are_one_type(void)
{
	CU_ASSERT(equal("{k:l:5}", "{k:L:5}"));
	CU_ASSERT(!equal("{k:l:5}", "{k:L:6}"));
}

static void
arrays_are_equal_in_order_only(void)
{
	CU_ASSERT(equal("{k:[I:1,I:2],z:V}", "{z:V,k:[I:1,I:2]}"));
	CU_ASSERT(!equal("{k:[I:1,I:2]}", "{k:[I:2,I:1]}"));
	CU_ASSERT(!equal("{k:[I:1]}", "{k:[I:1,I:2]}"));
	CU_ASSERT(equal("{k:[{a:V,b:V}]}", "{k:[{b:V,a:V}]}"));
}

static void
only_the_first_duplicate_counts(void)
{
	CU_ASSERT(equal("{k:I:1,k:I:2}", "{k:I:1}"));
	CU_ASSERT(equal("{a:V,k:I:1,k:I:2}", "{k:I:1,a:V,k:I:3}"));
	CU_ASSERT(!equal("{k:I:2,k:I:1}", "{k:I:1}"));
	CU_ASSERT(!equal("{a:V,a:V}", "{a:V,b:V}"));
}

static void
any_two_true_octets_are_equal(void)
{
	CU_ASSERT(amqp_table_equal(BYTES("\x01kt\x02"), BYTES("\x01kt\x01")));
	CU_ASSERT(!amqp_table_equal(BYTES("\x01kt\x02"), BYTES("\x01kt\0")));
}

static void
zero_equals_minus_zero(void)
{
	CU_ASSERT(equal("{k:d:0,z:V}", "{z:V,k:d:-0}"));
	CU_ASSERT(equal("{k:f:-0}", "{k:f:0}"));
}

/* 128 KiB of pairs with keys that share a long beginning, in both orders. */
static void
large_tables_are_compared_in_no_time(void)
{
	enum { PAIRS = 10000 };
	struct writer up = {0}, down = {0};
	char key[32];
	for (int i = 0; i < PAIRS; i++) {
		snprintf(key, sizeof key, "kkkkkkk%d", i);
		table_put_bool(&up, key, true);
		snprintf(key, sizeof key, "kkkkkkk%d", PAIRS - 1 - i);
		table_put_bool(&down, key, true);
	}
	clock_t began = clock();
	CU_ASSERT(amqp_table_equal(writer_view(&up), writer_view(&down)));
	CU_ASSERT(clock() - began < CLOCKS_PER_SEC);
	down.p[down.n - 1] = 0;
	CU_ASSERT(!amqp_table_equal(writer_view(&up), writer_view(&down)));
	writer_fini(&up);
	writer_fini(&down);
}

static void
numbers_are_alike_by_value(void)
{
	static const char *ones[] = {"b:1", "B:1", "s:1", "u:1", "I:1", "i:1",
	    "l:1", "L:1", "f:1", "d:1"};
	int n = sizeof ones / sizeof *ones;
	for (int i = 0; i < n * n; i++) {
		char *a = xasprintf("{k:%s}", ones[i / n]);
		char *b = xasprintf("{k:%s}", ones[i % n]);
		CU_ASSERT(alike(a, b));
		free(a);
		free(b);
	}
	CU_ASSERT(alike("{k:T:1}", "{k:I:1}"));
	CU_ASSERT(alike("{k:T:1}", "{k:d:1}"));
	CU_ASSERT(!alike("{k:T:18446744073709551615}", "{k:l:-1}"));
	CU_ASSERT(!alike("{k:I:1}", "{k:l:2}"));
	CU_ASSERT(!alike("{k:I:1}", "{k:d:1.5}"));
	CU_ASSERT(!alike("{k:f:1.5}", "{k:d:2.5}"));
	CU_ASSERT(alike("{k:f:1.5}", "{k:d:1.5}"));
}

static void
integers_and_doubles_are_alike_only_exactly(void)
{
	CU_ASSERT(alike("{k:l:9007199254740992}", "{k:d:9007199254740992}"));
	CU_ASSERT(!alike("{k:l:9007199254740993}", "{k:d:9007199254740992}"));
	CU_ASSERT(!alike("{k:l:9223372036854775807}", "{k:d:9.3e18}"));
	CU_ASSERT(
	    !alike("{k:l:9223372036854775807}", "{k:d:9223372036854775808}"));
	CU_ASSERT(
	    alike("{k:l:-9223372036854775808}", "{k:d:-9223372036854775808}"));
}

static void
texts_are_alike_by_bytes_and_the_rest_as_equal(void)
{
	CU_ASSERT(alike("{k:S:a}", "{k:x:a}"));
	CU_ASSERT(!alike("{k:S:a}", "{k:S:b}"));
	CU_ASSERT(!alike("{k:S:1}", "{k:I:1}"));
	CU_ASSERT(!alike("{k:t:1}", "{k:I:1}"));
	CU_ASSERT(alike("{k:V}", "{k:V}"));
	CU_ASSERT(alike("{k:{a:V,b:V}}", "{k:{b:V,a:V}}"));
}

/* --- building and text --------------------------------------------------- */

static void
builder_makes_what_its_names_say(void)
{
	struct writer w = {0};
	table_put_longstr(&w, "s", BYTES("v"));
	table_put_bool(&w, "t", true);
	table_put_int(&w, "i", -1);
	table_put_long(&w, "l", INT64_MIN);
	table_put_timestamp(&w, "T", UINT64_MAX);
	size_t mark = table_begin(&w, "F");
	table_put_bool(&w, "in", false);
	table_end(&w, mark);
	CU_ASSERT(amqp_table_check(writer_view(&w)));
	struct bytes expected = table("{s:S:v,t:t:1,i:I:-1,"
				      "l:l:-9223372036854775808,"
				      "T:T:18446744073709551615,F:{in:t:0}}");
	CU_ASSERT(bytes_eq(writer_view(&w), expected));
	free((void *)expected.p);
	writer_fini(&w);
}

static void
print_writes_what_scan_read(void)
{
	static const char *texts[] = {EVERY_TYPE, "{}", "{\"\":V}",
	    "{\"a:b\":S:a:b}", "{k:S:\"\"}", "{k:[[],{},[{k:[]}]]}",
	    "{k:d:1e+300,j:f:1e+38}", "{d:d:1.7976931348623157e+308}",
	    "{f:f:3.40282347e+38}", "{d:d:0.30000000000000004}",
	    "{f:f:0.333333343}", "{d:d:4.94065645841247e-324}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct bytes t = table(texts[i]);
		struct writer w = {0};
		amqp_table_print(&w, t);
		writer_u8(&w, 0);
		CU_ASSERT_STRING_EQUAL((char *)w.p, texts[i]);
		w.n--;
		struct writer again = {0};
		CU_ASSERT(amqp_table_scan(&again, writer_view(&w)));
		CU_ASSERT(bytes_eq(writer_view(&again), t));
		writer_fini(&again);
		writer_fini(&w);
		free((void *)t.p);
	}
}

static void
scan_refuses_what_it_cannot_read(void)
{
	static const char *bad[] = {"", "{", "}", "{}}", "{}x", "x", "{k}",
	    "{k:}", "{k:V", "{k:V,}", "{,}", "{k:Z:1}", "{k:II:1}", "{k:I}",
	    "{k:I:}", "{k:I:x}", "{k:V:1}", "{k:t:2}", "{k:b:128}",
	    "{k:b:-129}", "{k:B:256}", "{k:B:-1}", "{k:s:32768}", "{k:u:65536}",
	    "{k:I:2147483648}", "{k:i:4294967296}", "{k:l:9223372036854775808}",
	    "{k:T:18446744073709551616}", "{k:T:-1}", "{k:f:}", "{k:f:1e39}",
	    "{k:d:x}", "{k:d:nan}", "{k:d:inf}", "{k:f:-inf}", "{k:d:1e309}",
	    "{k:d: 1}", "{k:D:1}", "{k:D:256:1}", "{k:D:1:2147483648}", "{k:[}",
	    "{k:[V}", "{k:[V,]}", "{k:[k:V]}", "{k:{V}}", "{k:{}", "{k:S:\"a}",
	    "{\"k:V}", "{k:S:\"\\q\"}"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct writer w = {0};
		writer_u8(&w, 7);
		CU_ASSERT(!amqp_table_scan(&w, bytes_str(bad[i])));
		CU_ASSERT(bytes_eq(writer_view(&w), BYTES("\x07")));
		writer_fini(&w);
	}
}

static void
scan_refuses_keys_over_255(void)
{
	char text[300];
	struct writer w = {0};
	memset(text, 'k', sizeof text);
	text[0] = '{';
	memcpy(text + 257, ":V}", 4);
	CU_ASSERT(!amqp_table_scan(&w, bytes_str(text)));
	memcpy(text + 256, ":V}", 4);
	CU_ASSERT(amqp_table_scan(&w, bytes_str(text)));
	CU_ASSERT_EQUAL(w.n, 257);
	writer_fini(&w);
}

static void
scan_has_the_same_depth_as_check(void)
{
	for (int n = AMQP_TABLE_DEPTH; n <= AMQP_TABLE_DEPTH + 1; n++) {
		struct writer text = {0}, w = {0};
		writer_bytes(&text, BYTES("{k:"));
		for (int i = 0; i < n; i++)
			writer_u8(&text, '[');
		for (int i = 0; i < n; i++)
			writer_u8(&text, ']');
		writer_u8(&text, '}');
		bool good = amqp_table_scan(&w, writer_view(&text));
		CU_ASSERT_EQUAL(good, n == AMQP_TABLE_DEPTH);
		CU_ASSERT(amqp_table_check(writer_view(&w)));
		writer_fini(&text);
		writer_fini(&w);
	}
}

/* Whatever stands in it, the pairs are the same, in order of their keys. */
static void
sorting_orders_by_key(void)
{
	struct bytes mixed = table("{x-match:S:all,n:I:1,a:t:1,n:I:2}");
	struct bytes every = table(EVERY_TYPE);
	struct writer sorted = {0}, text = {0}, all = {0};

	amqp_table_sort(&sorted, mixed);
	amqp_table_print(&text, writer_view(&sorted));
	CU_ASSERT(bytes_eq(writer_view(&text),
	    BYTES("{a:t:1,n:I:1,x-match:S:all}")));
	amqp_table_sort(&all, every);
	CU_ASSERT(amqp_table_check(writer_view(&all)));
	CU_ASSERT(amqp_table_equal(writer_view(&all), every));
	writer_fini(&sorted);
	writer_fini(&text);
	writer_fini(&all);
	free((void *)mixed.p);
	free((void *)every.p);
}

static const struct unit_test tests[] = {
    {"every type is well-formed", every_type_is_well_formed},
    {"every truncation inside a pair is malformed",
	every_truncation_inside_a_pair_is_malformed},
    {"unknown tags are malformed", unknown_tags_are_malformed},
    {"lengths beyond the end are malformed",
	lengths_beyond_the_end_are_malformed},
    {"an inner value must not reach over its table",
	inner_value_must_not_reach_over_its_table},
    {"floats that are not finite are malformed",
	floats_that_are_not_finite_are_malformed},
    {"depth has a limit", depth_has_a_limit},
    {"numbers are read with sign and width",
	numbers_are_read_with_sign_and_width},
    {"strings and insides are borrowed", strings_and_insides_are_borrowed},
    {"any octet but zero is true", any_octet_but_zero_is_true},
    {"walk meets each pair in order", walk_meets_each_pair_in_order},
    {"first of duplicate keys wins", first_of_duplicate_keys_wins},
    {"array is walked member by member", array_is_walked_member_by_member},
    {"integers are the eight tags", integers_are_the_eight_tags},
    {"types have RabbitMQ's names", types_have_rabbitmqs_names},
    {"equal whatever the order", equal_whatever_the_order},
    {"equal needs the same keys", equal_needs_the_same_keys},
    {"equal needs the same values", equal_needs_the_same_values},
    {"both long tags are one type", both_long_tags_are_one_type},
    {"arrays are equal in order only", arrays_are_equal_in_order_only},
    {"only the first duplicate counts", only_the_first_duplicate_counts},
    {"any two true octets are equal", any_two_true_octets_are_equal},
    {"zero equals minus zero", zero_equals_minus_zero},
    {"large tables are compared in no time",
	large_tables_are_compared_in_no_time},
    {"numbers are alike by value", numbers_are_alike_by_value},
    {"integers and doubles are alike only exactly",
	integers_and_doubles_are_alike_only_exactly},
    {"texts are alike by bytes, the rest as equal",
	texts_are_alike_by_bytes_and_the_rest_as_equal},
    {"builder makes what its names say", builder_makes_what_its_names_say},
    {"print writes what scan read", print_writes_what_scan_read},
    {"scan refuses what it cannot read", scan_refuses_what_it_cannot_read},
    {"scan refuses keys over 255", scan_refuses_keys_over_255},
    {"scan has the same depth as check", scan_has_the_same_depth_as_check},
    {"sorting orders by key", sorting_orders_by_key},
};

UNIT_MAIN("table", tests)
