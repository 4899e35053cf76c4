/* test_headers.c - the binding's arguments are headers the message must have.
 */
#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/unit/rig.h"
#include "tests/unit/unit.h"

#define ANY "\7x-matchS\0\0\0\3any"
#define ALL "\7x-matchS\0\0\0\3all"
#define ANY_WITH_X "\7x-matchS\0\0\0\12any-with-x"
#define ALL_WITH_X "\7x-matchS\0\0\0\12all-with-x"

/* What one binding with these arguments does with these headers. */
static bool
matches(struct bytes arguments, struct bytes headers)
{
	struct routing routing = {.headers = headers};
	struct rig rig;
	struct exchange *x;
	size_t reached;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_headers, "x");
	exchange_bind(x, rig_queue(&rig, "q"), BYTES(""), arguments, NULL);
	route_begin(&rig.route);
	route(&rig.route, x, &routing, &rig.exchanges, &rig.queues);
	reached = rig.route.count;
	rig_fini(&rig);
	return reached == 1;
}

struct row {
	struct bytes arguments, headers;
	bool match;
};

static void
check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (matches(rows[i].arguments, rows[i].headers) !=
		    rows[i].match)
			CU_FAIL(rig_text("row %zu", i));
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof *(rows))

/* Each row as RabbitMQ 3.10.8 answers it. */
static void
test_any_and_all_match_as_in_rabbitmq(void)
{
	static const struct row rows[] = {
	    {BYTES(""), BYTES(""), true},
	    {BYTES(""), BYTES("\1at\1"), true},
	    {BYTES(ALL), BYTES("\1at\1"), true},
	    {BYTES(ANY), BYTES(""), false},
	    {BYTES(ANY), BYTES("\1at\1"), false},
	    {BYTES("\1at\1"), BYTES("\1at\1"), true},
	    {BYTES("\1at\1"), BYTES("\1at\7"), true},
	    {BYTES("\1at\1"), BYTES("\1at\0"), false},
	    {BYTES("\1at\1"), BYTES("\1bt\1"), false},
	    {BYTES("\1at\1"), BYTES("\1bt\0\1at\1\1ct\0"), true},
	    {BYTES("\1at\1\1bt\0"), BYTES("\1bt\0\1at\1"), true},
	    {BYTES("\1at\1\1bt\0"), BYTES("\1at\1"), false},
	    {BYTES(ANY "\1at\1\1bt\0"), BYTES("\1at\1"), true},
	    {BYTES("\1at\1" ANY "\1bt\0"), BYTES("\1bt\0"), true},
	    {BYTES(ANY "\1at\1\1bt\0"), BYTES("\1at\0\1bt\1"), false},
	    {BYTES(ANY "\1at\1\1bt\0"), BYTES("\1at\1\1bt\0"), true},
	    {BYTES(ANY ALL "\1at\1\1bt\0"), BYTES("\1at\1"), true},
	    {BYTES(ALL ANY "\1at\1\1bt\0"), BYTES("\1at\1"), false},
	};

	CHECK_ROWS(rows);
}

static void
test_names_that_begin_with_x_count_only_with_x(void)
{
	static const struct row rows[] = {
	    {BYTES("\3x-at\1"), BYTES(""), true},
	    {BYTES("\2x-t\1"), BYTES(""), true},
	    {BYTES("\1xt\1"), BYTES(""), false},
	    {BYTES("\3X-at\1"), BYTES(""), false},
	    {BYTES(ANY "\3x-at\1"), BYTES("\3x-at\1"), false},
	    {BYTES(ANY_WITH_X "\3x-at\1"), BYTES("\3x-at\1"), true},
	    {BYTES(ANY_WITH_X), BYTES("\1bt\1"), false},
	    {BYTES(ANY_WITH_X), BYTES(ANY_WITH_X), false},
	    {BYTES(ALL_WITH_X), BYTES("\1bt\1"), true},
	    {BYTES(ALL_WITH_X "\3x-at\1"), BYTES("\3x-at\1"), true},
	    {BYTES(ALL_WITH_X "\3x-at\1"), BYTES("\1bt\1"), false},
	};

	CHECK_ROWS(rows);
}

static void
test_void_argument_asks_for_presence(void)
{
	static const struct row rows[] = {
	    {BYTES("\1aV"), BYTES("\1at\1"), true},
	    {BYTES("\1aV"), BYTES("\1aV"), true},
	    {BYTES("\1aV"), BYTES("\1bt\1"), false},
	    {BYTES("\1at\1"), BYTES("\1aV"), false},
	    {BYTES(ANY "\1aV"), BYTES("\1aS\0\0\0\1q"), true},
	    {BYTES(ANY "\1aV"), BYTES("\1bt\1"), false},
	    {BYTES("\1aV\1bt\1"), BYTES("\1at\0\1bt\1"), true},
	    {BYTES("\1aV\1bt\1"), BYTES("\1at\0\1bt\0"), false},
	};

	CHECK_ROWS(rows);
}

#define ONE "\1aI\0\0\0\1"

static void
test_numbers_are_compared_by_value(void)
{
	static const struct row rows[] = {
	    {BYTES(ONE), BYTES("\1ab\1"), true},
	    {BYTES(ONE), BYTES("\1aB\1"), true},
	    {BYTES(ONE), BYTES("\1as\0\1"), true},
	    {BYTES(ONE), BYTES("\1au\0\1"), true},
	    {BYTES(ONE), BYTES("\1ai\0\0\0\1"), true},
	    {BYTES(ONE), BYTES("\1al\0\0\0\0\0\0\0\1"), true},
	    {BYTES(ONE), BYTES("\1aL\0\0\0\0\0\0\0\1"), true},
	    {BYTES(ONE), BYTES("\1af\x3f\x80\0\0"), true},
	    {BYTES(ONE), BYTES("\1ad\x3f\xf0\0\0\0\0\0\0"), true},
	    {BYTES(ONE), BYTES("\1ab\2"), false},
	    {BYTES(ONE), BYTES("\1aD\0\0\0\0\1"), false},
	    {BYTES(ONE), BYTES("\1at\1"), false},
	    {BYTES(ONE), BYTES("\1aS\0\0\0\0011"), false},
	    {BYTES("\1aD\0\0\0\0\1"), BYTES("\1aD\0\0\0\0\1"), true},
	    {BYTES("\1aD\0\0\0\0\1"), BYTES("\1aD\1\0\0\0\12"), false},
	    {BYTES("\1ad\0\0\0\0\0\0\0\0"), BYTES("\1ad\x80\0\0\0\0\0\0\0"),
		true},
	    {BYTES("\1al\0\x20\0\0\0\0\0\1"), BYTES("\1ad\x43\x40\0\0\0\0\0\0"),
		false},
	    {BYTES("\1aS\0\0\0\1q"), BYTES("\1ax\0\0\0\1q"), true},
	    {BYTES("\1aS\0\0\0\1q"), BYTES("\1aS\0\0\0\1r"), false},
	};

	CHECK_ROWS(rows);
}

static void
test_first_of_a_repeated_name_counts(void)
{
	static const struct row rows[] = {
	    {BYTES("\1at\1"), BYTES("\1at\0\1at\1"), false},
	    {BYTES("\1at\1"), BYTES("\1at\1\1at\0"), true},
	    {BYTES(ANY "\1at\1\1at\0"), BYTES("\1at\0"), false},
	    {BYTES(ANY "\1at\1\1at\0"), BYTES("\1at\1"), true},
	    {BYTES("\1at\1\1at\1"), BYTES("\1at\1\1at\1"), true},
	};

	CHECK_ROWS(rows);
}

/* --- costs --------------------------------------------------------------- */

/* Binds many others, none of which match, and compares the work for one
 * message before and after. pattern is the others' arguments with a number. */
static void
check_others_cost_nothing(
    const char *pattern, const char *arguments, const char *headers)
{
	char other[128];
	struct rig rig;
	struct exchange *x;
	struct destination *q;
	size_t few = 0;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_headers, "x");
	q = rig_queue(&rig, "q");
	rig_bind(x, q, "", arguments);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(other, sizeof other, pattern, i, i);
		rig_bind(x, q, "", other);
		if (i > 1)
			continue;
		CU_ASSERT_EQUAL(rig_route_headers(&rig, x, headers), 1);
		few = rig.route.work;
	}
	CU_ASSERT_EQUAL(rig_route_headers(&rig, x, headers), 1);
	CU_ASSERT_EQUAL(rig.route.work, few);
	rig_fini(&rig);
}

static void
test_other_values_cost_nothing(void)
{
	const char *headers = "{format:S:pdf,type:S:report,id:I:-1}";

	check_others_cost_nothing(
	    "{format:S:pdf,type:S:report,id:I:%u}", headers, headers);
	check_others_cost_nothing(
	    "{x-match:S:any,id:I:%u,type:S:note%u}", headers, headers);
	check_others_cost_nothing(
	    "{id:I:%u}", "{x-match:S:any,type:S:report}", headers);
	check_others_cost_nothing(
	    "{format:S:pdf,id:I:%u}", "{x-match:S:any,type:S:report}", headers);
}

static void
test_other_names_cost_nothing(void)
{
	const char *headers = "{format:S:pdf,type:S:report}";

	check_others_cost_nothing("{name%u:I:%u}", headers, headers);
	check_others_cost_nothing(
	    "{format:S:pdf,name%u:I:%u}", headers, headers);
	check_others_cost_nothing(
	    "{x-match:S:any,name%u:I:%u}", headers, headers);
}

/* --- refusals ------------------------------------------------------------ */

static const char *
refusal(struct bytes arguments)
{
	static struct exchange headers = {.rule = &type_headers};

	return exchange_check_binding(&headers, BYTES("k"), arguments);
}

static void
test_known_x_match_can_be_bound(void)
{
	CU_ASSERT_PTR_NULL(refusal(BYTES("")));
	CU_ASSERT_PTR_NULL(refusal(BYTES(ALL)));
	CU_ASSERT_PTR_NULL(refusal(BYTES(ANY "\1at\1")));
	CU_ASSERT_PTR_NULL(refusal(BYTES("\1at\1" ALL_WITH_X)));
	CU_ASSERT_PTR_NULL(refusal(BYTES(ANY_WITH_X)));
}

#define X_MATCH "\7x-match"

/* Each text as RabbitMQ 3.10.8 puts it. */
static void
test_other_x_match_is_refused_in_rabbitmqs_words(void)
{
	static const struct {
		struct bytes arguments;
		const char *shown;
	} values[] =
	    {
		{BYTES(X_MATCH "S\0\0\0\5bogus"), "<<\"bogus\">>"},
		{BYTES(X_MATCH "S\0\0\0\3ALL"), "<<\"ALL\">>"},
		{BYTES(X_MATCH "S\0\0\0\0"), "<<>>"},
		{BYTES(X_MATCH "S\0\0\0\5a\"b\\c"), "<<\"a\\\"b\\\\c\">>"},
		{BYTES(X_MATCH "S\0\0\0\4\n\t\b\33"), "<<\"\\n\\t\\b\\e\">>"},
		{BYTES(X_MATCH "S\0\0\0\2\0\1"), "<<0,1>>"},
		{BYTES(X_MATCH "S\0\0\0\1\177"), "<<127>>"},
		{BYTES(X_MATCH "S\0\0\0\3h\xc3\xa9"), "<<\"h\xc3\xa9\">>"},
		{BYTES(X_MATCH "S\0\0\0\3\xe2\x82\xac"), "<<226,130,172>>"},
	    },
	  others[] = {
	      {BYTES(X_MATCH "I\0\0\0\1"), "signedint (value 1)"},
	      {BYTES(X_MATCH "b\xfd"), "byte (value -3)"},
	      {BYTES(X_MATCH "B\3"), "unsignedbyte (value 3)"},
	      {BYTES(X_MATCH "s\0\4"), "short (value 4)"},
	      {BYTES(X_MATCH "u\0\5"), "unsignedshort (value 5)"},
	      {BYTES(X_MATCH "i\0\0\0\6"), "unsignedint (value 6)"},
	      {BYTES(X_MATCH "l\0\0\0\0\0\0\0\5"), "long (value 5)"},
	      {BYTES(X_MATCH "T\0\0\0\0\0\0\0\5"), "timestamp (value 5)"},
	      {BYTES(X_MATCH "t\1"), "bool (value true)"},
	      {BYTES(X_MATCH "t\0"), "bool (value false)"},
	      {BYTES(X_MATCH "f\x3f\xc0\0\0"), "float (value 1.5)"},
	      {BYTES(X_MATCH "d\x40\x59\0\0\0\0\0\0"), "double (value 100.0)"},
	      {BYTES(X_MATCH "d\x44\x80\xf0\xcf\x06\x4d\xd5\x92"),
		  "double (value 1.0e22)"},
	      {BYTES(X_MATCH "d\x3e\xe4\xf8\xb5\x88\xe3\x68\xf1"),
		  "double (value 1.0e-5)"},
	      {BYTES(X_MATCH "d\x3f\xb9\x99\x99\x99\x99\x99\x9a"),
		  "double (value 0.1)"},
	      {BYTES(X_MATCH "V"), "void (value undefined)"},
	      {BYTES(X_MATCH "x\0\0\0\3all"), "binary (value <<\"all\">>)"},
	      {BYTES(X_MATCH "D\2\0\0\1\72"), "decimal (value {2,314})"},
	      {BYTES(X_MATCH "A\0\0\0\13I\0\0\0\1S\0\0\0\1a"),
		  "array (value [{signedint,1},{longstr,<<\"a\">>}])"},
	      {BYTES(X_MATCH "A\0\0\0\0"), "array (value [])"},
	      {BYTES(X_MATCH "F\0\0\0\10\1aS\0\0\0\1b"),
		  "table (value [{<<\"a\">>,longstr,<<\"b\">>}])"},
	  };

	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		CU_ASSERT_STRING_EQUAL(refusal(values[i].arguments),
		    rig_text("Invalid x-match field value %s; expected all, "
			     "any, all-with-x, or any-with-x",
			values[i].shown));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		CU_ASSERT_STRING_EQUAL(refusal(others[i].arguments),
		    rig_text("Invalid x-match field type %s; expected longstr",
			others[i].shown));
}

static void
test_long_x_match_is_cut(void)
{
	struct writer w = {0};
	uint8_t *p;

	writer_bytes(&w, BYTES(X_MATCH "S\0\0\x10\0"));
	p = writer_room(&w, 4096);
	memset(p, 'a', 4096);
	w.n += 4096;
	CU_ASSERT(strlen(refusal(writer_view(&w))) >= 255);
	writer_fini(&w);
}

static void
test_other_types_can_be_bound_with_any_x_match(void)
{
	struct exchange x = {.rule = &type_topic};

	CU_ASSERT_PTR_NULL(exchange_check_binding(
	    &x, BYTES("k"), BYTES(X_MATCH "S\0\0\0\5bogus")));
}

/* --- against a matcher that is plainly right ----------------------------- */

enum { BINDINGS = 40 };

/* A few pairs with names of a to d or x-a, often alike. */
static struct bytes
random_table(bool argument)
{
	static const struct bytes kinds[] = {BYTES(""), BYTES(ALL), BYTES(ANY),
	    BYTES(ALL_WITH_X), BYTES(ANY_WITH_X)};
	static const struct bytes names[] = {BYTES("\1a"), BYTES("\1b"),
	    BYTES("\1c"), BYTES("\1d"), BYTES("\3x-a")};
	static const struct bytes values[] = {BYTES("I\0\0\0\1"), BYTES("b\1"),
	    BYTES("d\x3f\xf0\0\0\0\0\0\0"), BYTES("b\2"), BYTES("t\1"),
	    BYTES("S\0\0\0\1q"), BYTES("x\0\0\0\1q"), BYTES("V"),
	    BYTES("F\0\0\0\7\1at\1\1bV"), BYTES("F\0\0\0\7\1bV\1at\1"),
	    BYTES("A\0\0\0\2t\1"), BYTES("D\0\0\0\0\1")};
	struct writer w = {0};
	struct bytes table;

	if (argument)
		writer_bytes(&w, kinds[rig_random(5)]);
	for (unsigned n = rig_random(4); n > 0; n--) {
		writer_bytes(&w, names[rig_random(5)]);
		writer_bytes(
		    &w, values[rig_random(rig_random(2) == 0 ? 3 : 12)]);
	}
	table = xbytesdup(writer_view(&w));
	writer_fini(&w);
	return table;
}

static bool
naive_pair(
    const struct amqp_value *wanted, struct bytes name, struct bytes headers)
{
	struct amqp_value value;

	return amqp_table_get(headers, name, &value) &&
	       (wanted->tag == 'V' || amqp_value_alike(wanted, &value));
}

static bool
naive(struct bytes arguments, struct bytes headers)
{
	struct reader r = reader_of(arguments);
	struct bytes name, how = BYTES("all");
	struct amqp_value value, first;
	size_t asked = 0, met = 0;

	if (amqp_table_get(arguments, BYTES("x-match"), &value))
		how = value.bytes;
	while (amqp_table_next(&r, &name, &value)) {
		if (bytes_eq(name, BYTES("x-match")) ||
		    (how.n == 3 && bytes_starts(name, BYTES("x-"))))
			continue;
		amqp_table_get(arguments, name, &first);
		asked++;
		met += naive_pair(&first, name, headers);
	}
	return bytes_starts(how, BYTES("any")) ? met > 0 : met == asked;
}

static void
check_message(struct rig *rig, struct exchange *x, const struct bytes *bound)
{
	struct bytes headers = random_table(false);
	struct routing routing = {.headers = headers};
	size_t expected = 0;

	route_begin(&rig->route);
	route(&rig->route, x, &routing, &rig->exchanges, &rig->queues);
	for (unsigned i = 0; i < BINDINGS; i++) {
		bool match = bound[i].p != NULL && naive(bound[i], headers);

		expected += match;
		CU_ASSERT_EQUAL(rig_reached(rig, rig_text("q%u", i)), match);
	}
	CU_ASSERT_EQUAL(rig->route.count, expected);
	free((void *)headers.p);
}

static void
toggle(struct exchange *x, struct destination *q, struct bytes *bound)
{
	struct binding *b;

	if (bound->p == NULL) {
		*bound = random_table(true);
		exchange_bind(x, q, BYTES(""), *bound, NULL);
		return;
	}
	b = exchange_find_binding(x, q, BYTES(""), *bound);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b);
	exchange_unbind(b);
	free((void *)bound->p);
	bound->p = NULL;
}

static void
check_random(int rounds)
{
	struct bytes bound[BINDINGS] = {0};
	struct rig rig;
	struct exchange *x;

	rig_init(&rig);
	x = rig_exchange(&rig, &type_headers, "x");
	for (int round = 0; round < rounds; round++) {
		unsigned i = rig_random(BINDINGS);

		toggle(x, rig_queue_numbered(&rig, "q", i), &bound[i]);
		check_message(&rig, x, bound);
	}
	for (unsigned i = 0; i < BINDINGS; i++)
		free((void *)bound[i].p);
	rig_fini(&rig);
}

static void
test_random_bindings_agree_with_a_naive_matcher(void)
{
	check_random(20000);
}

static void
test_headers_that_collide_are_told_apart(void)
{
	rig_collide(true);
	check_random(2000);
	rig_collide(false);
}

static const struct unit_test tests[] = {
    {"any and all match as in RabbitMQ", test_any_and_all_match_as_in_rabbitmq},
    {"names that begin with x- count only with x",
	test_names_that_begin_with_x_count_only_with_x},
    {"void argument asks for presence", test_void_argument_asks_for_presence},
    {"numbers are compared by value", test_numbers_are_compared_by_value},
    {"first of a repeated name counts", test_first_of_a_repeated_name_counts},
    {"other values cost nothing", test_other_values_cost_nothing},
    {"other names cost nothing", test_other_names_cost_nothing},
    {"known x-match can be bound", test_known_x_match_can_be_bound},
    {"other x-match is refused in RabbitMQ's words",
	test_other_x_match_is_refused_in_rabbitmqs_words},
    {"long x-match is cut", test_long_x_match_is_cut},
    {"other types can be bound with any x-match",
	test_other_types_can_be_bound_with_any_x_match},
    {"random bindings agree with a naive matcher",
	test_random_bindings_agree_with_a_naive_matcher},
    {"headers that collide are told apart",
	test_headers_that_collide_are_told_apart},
};

UNIT_MAIN("headers", tests)
