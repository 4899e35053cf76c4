/* test_printer.c - answers as rabbitmqctl prints them. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/table.h"
#include "broker/control.h"
#include "broker/printer.h"
#include "tests/unit/unit.h"

static struct request request;

/* What the frames gathered in request look like on the screen. */
static const char *
shown(struct printer p)
{
	static char *text;
	static size_t size;
	struct bytes rest = writer_view(&request.out), payload;
	size_t n;
	char kind;

	free(text);
	p.out = open_memstream(&text, &size);
	while ((n = control_frame(rest, &kind, &payload)) > 0) {
		CU_ASSERT_TRUE(printer_frame(&p, kind, payload));
		rest.p += n;
		rest.n -= n;
	}
	CU_ASSERT_EQUAL(rest.n, 0);
	printer_end(&p);
	printer_fini(&p);
	fclose(p.out);
	return text;
}

static const char *
printed(enum format format, bool banners, bool headers)
{
	return shown((struct printer){
	    .format = format, .banners = banners, .headers = headers});
}

static void
begin_listing(void)
{
	static const char *const names[] = {"name", "messages", "idle"};

	writer_fini(&request.out);
	request_banner(&request, "Listing %s ...", "things");
	request_columns(&request, names, 3);
}

static void
put_row(struct bytes name, int64_t messages, bool idle)
{
	request_row(&request);
	put_text_value(&request, name);
	put_int_value(&request, messages);
	put_bool_value(&request, idle);
	request_row_end(&request);
}

static void
tables_have_banner_header_and_tabs(void)
{
	begin_listing();
	put_row(BYTES("q1"), 3, false);
	put_row(BYTES(""), -1, true);
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_TABLE, true, true),
	    "Listing things ...\nname\tmessages\tidle\nq1\t3\tfalse\n"
	    "\t-1\ttrue\n");
	CU_ASSERT_STRING_EQUAL(
	    printed(FORMAT_TABLE, false, false), "q1\t3\tfalse\n\t-1\ttrue\n");
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_JSON, true, true),
	    "[\n{\"name\":\"q1\",\"messages\":3,\"idle\":false}\n"
	    ",{\"name\":\"\",\"messages\":-1,\"idle\":true}\n]\n");
}

static void
empty_listings_have_no_header(void)
{
	begin_listing();
	CU_ASSERT_STRING_EQUAL(
	    printed(FORMAT_TABLE, true, true), "Listing things ...\n");
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_JSON, true, true), "[\n]\n");
}

static void
other_formats_look_as_in_rabbitmq(void)
{
	begin_listing();
	put_row(BYTES("a\"b"), 3, false);
	put_row(BYTES(""), -1, true);
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_CSV, true, false),
	    "\"name\",\"messages\",\"idle\"\n"
	    "\"a\"\"b\",\"3\",\"false\"\n\"\",\"-1\",\"true\"\n");
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_JSON_STREAM, true, true),
	    "{\"name\":\"a\\\"b\",\"messages\":3,\"idle\":false}\n\n"
	    "{\"name\":\"\",\"messages\":-1,\"idle\":true}\n\n");
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_ERLANG, false, true),
	    "[[{name,<<\"a\\\"b\">>},{messages,3},{idle,false}],\n"
	    " [{name,<<>>},{messages,-1},{idle,true}]]\n");
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_PRETTY, false, true),
	    "\033(0lqqqqqqwqqqqqqqqqqwqqqqqqqk\033(B\n"
	    "\033(0x\033(B \033[1mname\033[0m \033(0x\033(B "
	    "\033[1mmessages\033[0m \033(0x\033(B \033[1midle\033[0m  "
	    "\033(0x\033(B\n"
	    "\033(0tqqqqqqnqqqqqqqqqqnqqqqqqqu\033(B\n"
	    "\033(0x\033(B a\"b  \033(0x\033(B 3        \033(0x\033(B false "
	    "\033(0x\033(B\n"
	    "\033(0tqqqqqqnqqqqqqqqqqnqqqqqqqu\033(B\n"
	    "\033(0x\033(B      \033(0x\033(B -1       \033(0x\033(B true  "
	    "\033(0x\033(B\n"
	    "\033(0mqqqqqqvqqqqqqqqqqvqqqqqqqj\033(B\n");
	begin_listing();
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_ERLANG, false, true), "[]\n");
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_CSV, false, true), "");
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_PRETTY, false, true), "");
}

/* RabbitMQ has those of most listings together before it tells them. */
static void
no_rows_are_an_empty_list_where_they_are_collected(void)
{
	struct printer p = {.collected = true};

	begin_listing();
	CU_ASSERT_STRING_EQUAL(shown(p), "");
	p.format = FORMAT_JSON;
	CU_ASSERT_STRING_EQUAL(shown(p), "[]\n");
	p.format = FORMAT_PRETTY;
	CU_ASSERT_PTR_NOT_NULL(strstr(shown(p), " [] "));
	put_row(BYTES("q"), 1, true);
	p.format = FORMAT_JSON;
	CU_ASSERT_STRING_EQUAL(shown(p),
	    "[\n{\"name\":\"q\",\"messages\":1,\"idle\":true}\n]\n");
}

static void
text_has_a_box_and_is_a_term(void)
{
	writer_fini(&request.out);
	request_text(&request, "Ping succeeded");
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_PRETTY, true, true),
	    "\033(0lqqqqqqqqqqqqqqqqk\033(B\n"
	    "\033(0x\033(B \033[1mOutput\033[0m         \033(0x\033(B\n"
	    "\033(0tqqqqqqqqqqqqqqqqu\033(B\n"
	    "\033(0x\033(B Ping succeeded \033(0x\033(B\n"
	    "\033(0mqqqqqqqqqqqqqqqqj\033(B\n");
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_ERLANG, true, true),
	    "<<\"Ping succeeded\">>\n");
	CU_ASSERT_STRING_EQUAL(
	    printed(FORMAT_CSV, true, true), "Ping succeeded\n");
}

static void
what_is_hushed_says_nothing_but_a_document(void)
{
	struct printer p = {.hushed = true};

	writer_fini(&request.out);
	request_text(&request, "all is well");
	CU_ASSERT_STRING_EQUAL(shown(p), "");
	p.format = FORMAT_JSON;
	CU_ASSERT_STRING_EQUAL(shown(p), "{\"message\":\"all is well\"}\n");
}

static void
atoms_are_quoted_if_they_must_be(void)
{
	writer_fini(&request.out);
	request_columns(
	    &request, (const char *const[]){"apply-to", "tags"}, 2);
	request_row(&request);
	put_text_value(&request, BYTES("all"));
	put_list_value(&request, "a_1,B,a-b");
	request_row_end(&request);
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_ERLANG, true, true),
	    "[[{'apply-to',<<\"all\">>},{tags,[a_1,'B','a-b']}]]\n");
}

static void
names_cannot_move_the_cursor_nor_break_json(void)
{
	begin_listing();
	put_row(BYTES("a\tb\n\x1b[2J\"\\"), 0, true);
	put_row(BYTES("\xff\xc3\xa9"), 0, true);
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_TABLE, false, false),
	    "a\\tb\\n\\x1b[2J\"\\\t0\ttrue\n\xff\xc3\xa9\t0\ttrue\n");
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_JSON, false, false),
	    "[\n{\"name\":\"a\\tb\\n\\u001b[2J\\\"\\\\\",\"messages\":0,"
	    "\"idle\":true}\n,{\"name\":\"\\u00ff\\u00c3\\u00a9\","
	    "\"messages\":0,\"idle\":true}\n]\n");
}

static void
tables_in_tables_look_as_in_rabbitmq(void)
{
	static const char *const names[] = {"arguments", "tags", "nothing"};
	struct writer t = {0};
	size_t mark;

	table_put_int(&t, "x-max-length", 10);
	table_put_longstr(&t, "x-dead-letter-exchange", BYTES("dlx"));
	mark = table_begin(&t, "x-t");
	table_put_bool(&t, "a", true);
	table_end(&t, mark);
	writer_fini(&request.out);
	request_columns(&request, names, 3);
	request_row(&request);
	put_table_value(&request, writer_view(&t));
	put_list_value(&request, "administrator,monitoring");
	put_no_value(&request);
	request_row_end(&request);
	request_row(&request);
	put_table_value(&request, (struct bytes){0});
	put_list_value(&request, "");
	put_no_value(&request);
	request_row_end(&request);
	writer_fini(&t);
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_TABLE, false, false),
	    "[{\"x-max-length\",10},{\"x-dead-letter-exchange\",\"dlx\"},"
	    "{\"x-t\",[{\"a\",true}]}]\t[administrator, monitoring]\t\n"
	    "[]\t[]\t\n");
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_JSON, false, false),
	    "[\n{\"arguments\":[[\"x-max-length\",\"signedint\",10],"
	    "[\"x-dead-letter-exchange\",\"longstr\",\"dlx\"],"
	    "[\"x-t\",\"table\",[[\"a\",\"bool\",true]]]],"
	    "\"tags\":[\"administrator\",\"monitoring\"],\"nothing\":\"\"}\n"
	    ",{\"arguments\":[],\"tags\":[],\"nothing\":\"\"}\n]\n");
}

static void
text_is_a_message_in_json(void)
{
	const char *json;

	writer_fini(&request.out);
	request_text(&request, "Ping succeeded");
	CU_ASSERT_STRING_EQUAL(
	    printed(FORMAT_TABLE, true, true), "Ping succeeded\n");
	json = printed(FORMAT_JSON, true, true);
	CU_ASSERT_STRING_EQUAL(json, "{\"message\":\"Ping succeeded\"}\n");
	request_json(&request, "{\"result\":true}");
	CU_ASSERT_STRING_EQUAL(
	    printed(FORMAT_TABLE, true, true), "Ping succeeded\n");
	CU_ASSERT_STRING_EQUAL(
	    printed(FORMAT_JSON, true, true), "{\"result\":true}\n");
	writer_fini(&request.out);
	json = printed(FORMAT_JSON, true, true);
	CU_ASSERT_PTR_NOT_NULL(strstr(json, "\"result\":\"ok\"}\n"));
}

static void
json_in_front_takes_the_place_of_rows(void)
{
	writer_fini(&request.out);
	request_json(&request, "{\"rows\":1}");
	request_columns(&request, (const char *const[]){"name"}, 1);
	request_row(&request);
	put_text_value(&request, BYTES("q"));
	request_row_end(&request);
	CU_ASSERT_STRING_EQUAL(
	    printed(FORMAT_JSON, true, true), "{\"rows\":1}\n");
	CU_ASSERT_STRING_EQUAL(
	    printed(FORMAT_TABLE, true, true), "name\nq\n");
}

static void
fractions_are_short_and_never_whole(void)
{
	static const double numbers[] = {1, 0, 0.1, -2.5, 1e300, 1.0 / 3};

	writer_fini(&request.out);
	request_columns(&request,
	    (const char *const[]){"a", "b", "c", "d", "e", "f"}, 6);
	request_row(&request);
	for (unsigned i = 0; i < 6; i++)
		put_real_value(&request, numbers[i]);
	request_row_end(&request);
	CU_ASSERT_STRING_EQUAL(printed(FORMAT_TABLE, false, false),
	    "1.0\t0.0\t0.1\t-2.5\t1e+300\t0.3333333333333333\n");
}

static void
malformed_frames_are_refused(void)
{
	struct printer p = {.out = stderr, .format = FORMAT_TABLE};

	CU_ASSERT_FALSE(printer_frame(&p, '?', BYTES("")));
	CU_ASSERT_FALSE(printer_frame(&p, 'C', BYTES("S\0\0\0\5abc")));
	CU_ASSERT_FALSE(printer_frame(&p, 'R', BYTES("")));
	CU_ASSERT_TRUE(printer_frame(&p, 'C', BYTES("S\0\0\0\1a")));
	CU_ASSERT_FALSE(printer_frame(&p, 'R', BYTES("S\0\0\0\2a")));
	CU_ASSERT_FALSE(printer_frame(&p, 'R', BYTES("?")));
	printer_fini(&p);
}

static void
formats_have_names(void)
{
	enum format format;

	CU_ASSERT_TRUE(printer_format("json", &format));
	CU_ASSERT_EQUAL(format, FORMAT_JSON);
	CU_ASSERT_TRUE(printer_format("table", &format));
	CU_ASSERT_EQUAL(format, FORMAT_TABLE);
	CU_ASSERT_TRUE(printer_format("erlang", &format));
	CU_ASSERT_TRUE(printer_format("csv", &format));
	CU_ASSERT_TRUE(printer_format("json_stream", &format));
	CU_ASSERT_TRUE(printer_format("pretty_table", &format));
	CU_ASSERT_EQUAL(format, FORMAT_PRETTY);
	CU_ASSERT_FALSE(printer_format("yaml", &format));
	writer_fini(&request.out);
}

static const struct unit_test tests[] = {
    {"tables have banner, header and tabs", tables_have_banner_header_and_tabs},
    {"empty listings have no header", empty_listings_have_no_header},
    {"other formats look as in RabbitMQ", other_formats_look_as_in_rabbitmq},
    {"no rows are an empty list where they are collected",
	no_rows_are_an_empty_list_where_they_are_collected},
    {"text has a box and is a term", text_has_a_box_and_is_a_term},
    {"what is hushed says nothing but a document",
	what_is_hushed_says_nothing_but_a_document},
    {"atoms are quoted if they must be", atoms_are_quoted_if_they_must_be},
    {"names cannot move the cursor nor break JSON",
	names_cannot_move_the_cursor_nor_break_json},
    {"tables in tables look as in RabbitMQ",
	tables_in_tables_look_as_in_rabbitmq},
    {"text is a message in JSON", text_is_a_message_in_json},
    {"JSON in front takes the place of rows",
	json_in_front_takes_the_place_of_rows},
    {"fractions are short and never whole",
	fractions_are_short_and_never_whole},
    {"malformed frames are refused", malformed_frames_are_refused},
    {"formats have names", formats_have_names},
};

UNIT_MAIN("printer", tests)
