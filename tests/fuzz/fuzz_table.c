/* fuzz_table.c - tables from any octets, and from any text.
 *
 * The first octet divides the rest into two tables that are compared; all
 * behind it is also read as one table and as text. */
#include "amqp/table.h"
#include "tests/fuzz/fuzz.h"

/* --- a comparison that is slow and plain ---------------------------------- */

/* Has each first key of a an equal value in b? */
static bool
within(struct bytes a, struct bytes b)
{
	struct reader r = reader_of(a);
	struct bytes key;
	struct amqp_value v, first, other;
	while (amqp_table_next(&r, &key, &v)) {
		MUST(amqp_table_get(a, key, &first));
		if (!amqp_table_get(b, key, &other) ||
		    !amqp_value_equal(&first, &other))
			return false;
	}
	return true;
}

static void
check_pair(struct bytes a, struct bytes b)
{
	if (!amqp_table_check(a) || !amqp_table_check(b))
		return;
	bool equal = amqp_table_equal(a, b);
	MUST(equal == amqp_table_equal(b, a));
	MUST(equal == (within(a, b) && within(b, a)));
}

/* --- one table ------------------------------------------------------------ */

static void
check_values(struct bytes table)
{
	struct reader r = reader_of(table);
	struct bytes key;
	struct amqp_value v, first;
	size_t end = table.n;
	while (amqp_table_next(&r, &key, &v)) {
		MUST(reader_left(&r) < end);
		end = reader_left(&r);
		MUST(amqp_table_get(table, key, &first));
		MUST(amqp_value_equal(&v, &v) && amqp_value_alike(&v, &v));
		MUST(!amqp_value_equal(&v, &first) ||
		     amqp_value_alike(&v, &first));
		MUST(amqp_value_alike(&v, &first) ==
		     amqp_value_alike(&first, &v));
		MUST(*amqp_type_name(v.tag) != 'u' || v.tag == 'i' ||
		     v.tag == 'u' || v.tag == 'B');
	}
	MUST(reader_ok(&r));
}

static void
check_table(struct bytes table)
{
	struct writer text = {0}, copy = {0}, again = {0};
	if (!amqp_table_check(table))
		return;
	check_values(table);
	amqp_table_print(&text, table);
	MUST(amqp_table_scan(&copy, writer_view(&text)));
	MUST(copy.n == table.n && amqp_table_check(writer_view(&copy)));
	MUST(amqp_table_equal(table, writer_view(&copy)));
	amqp_table_print(&again, writer_view(&copy));
	MUST(bytes_eq(writer_view(&text), writer_view(&again)));
	writer_fini(&text);
	writer_fini(&copy);
	writer_fini(&again);
}

static void
check_text(struct bytes text)
{
	struct writer w = {0};
	if (amqp_table_scan(&w, text))
		MUST(amqp_table_check(writer_view(&w)));
	else
		MUST(w.n == 0);
	check_table(writer_view(&w));
	writer_fini(&w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct bytes all = {data + 1, size - 1};
	size_t n = data[0] < all.n ? data[0] : all.n;
	check_table(all);
	check_text(all);
	check_pair(
	    (struct bytes){all.p, n}, (struct bytes){all.p + n, all.n - n});
	return 0;
}
