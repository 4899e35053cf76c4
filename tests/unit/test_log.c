/* test_log.c - lines as RabbitMQ's, whatever peers send and whoever reads. */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/log_shape.h"
#include "broker/log_sink.h"
#include "broker/recent.h"
#include "tests/unit/unit.h"

static int ends[2];
static char seen[1 << 20];

static void
capture(enum log_level level)
{
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
		abort();
	log_init(ends[1], level);
}

/* What was logged so far. */
static const char *
logged(void)
{
	ssize_t n, size = 0;

	while ((n = read(
		    ends[0], seen + size, sizeof seen - 1 - (size_t)size)) > 0)
		size += n;
	seen[size] = '\0';
	return seen;
}

static void
release(void)
{
	log_init(STDOUT_FILENO, LEVEL_NONE);
	close(ends[0]);
	close(ends[1]);
}

static bool
matches(const char *pattern, const char *text)
{
	regex_t r;
	bool found;

	if (regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		abort();
	found = regexec(&r, text, 0, NULL, 0) == 0;
	regfree(&r);
	return found;
}

static size_t
count_lines(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void
line_has_rabbitmqs_shape(void)
{
	capture(LEVEL_INFO);
	log_of(LOG_DEFAULT, LEVEL_INFO, 684, "started TCP listener on %s", "[::]:5672");
	CU_ASSERT(matches("^[0-9]{4}-[0-9]{2}-[0-9]{2} "
			  "[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}"
			  "[+-][0-9]{2}:[0-9]{2} \\[info\\] <0\\.684\\.0> "
			  "started TCP listener on \\[::\\]:5672\n$",
	    logged()));
	release();
}

static void
lower_levels_are_left_out(void)
{
	capture(LEVEL_WARNING);
	log_debug("one");
	log_info("two");
	CU_ASSERT_STRING_EQUAL(logged(), "");
	log_warnx("three");
	log_error("four");
	CU_ASSERT(
	    matches("\\[warning\\].*three\n.*\\[error\\].*four\n$", logged()));
	log_set_levels(LOG_CONSOLE, (enum log_level[LOG_CATEGORIES]){LEVEL_DEBUG,
					LEVEL_ERROR, LEVEL_NONE, LEVEL_INFO});
	log_debug("five");
	log_of(LOG_CONNECTION, LEVEL_WARNING, 1, "six");
	log_of(LOG_CONNECTION, LEVEL_ERROR, 1, "seven");
	log_of(LOG_CHANNEL, LEVEL_ERROR, 1, "eight");
	log_of(LOG_QUEUE, LEVEL_NOTICE, 0, "nine");
	CU_ASSERT(matches("^[^\n]*\\[debug\\] .* five\n"
			  "[^\n]*\\[error\\] <0.1.0> seven\n"
			  "[^\n]*\\[notice\\] <0.[0-9]+.0> nine\n$",
	    logged()));
	CU_ASSERT(log_wants(LOG_DEFAULT, LEVEL_DEBUG));
	CU_ASSERT_FALSE(log_wants(LOG_CHANNEL, LEVEL_EMERGENCY));
	release();
}

static void
warn_tells_errno_and_keeps_it(void)
{
	capture(LEVEL_INFO);
	errno = ENOENT;
	log_warn("cannot open %s", "x");
	CU_ASSERT_EQUAL(errno, ENOENT);
	CU_ASSERT(
	    matches("cannot open x: No such file or directory\n$", logged()));
	release();
}

static void
control_characters_are_escaped(void)
{
	capture(LEVEL_INFO);
	log_info("user '%s'", "a\nb\r\x1b[31m\x7f");
	CU_ASSERT(
	    matches("user 'a\\\\nb\\\\r\\\\x1b\\[31m\\\\x7f'\n$", logged()));
	log_info("%s", "gr\xc3\xbc\xc3\x9f, \xc2\x9b");
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(logged(), "gr\xc3\xbc\xc3\x9f, \\xc2\\x9b\n"));
	log_info("%s", "\xff\xfe");
	CU_ASSERT_PTR_NOT_NULL(strstr(logged(), "\\xff\\xfe\n"));
	release();
}

static void
long_lines_are_cut(void)
{
	static char text[20000];
	size_t n;

	memset(text, 'x', sizeof text - 1);
	capture(LEVEL_INFO);
	log_info("%s", text);
	n = strlen(logged());
	CU_ASSERT(n > LOG_LINE && n <= 4096);
	CU_ASSERT_STRING_EQUAL(seen + n - 5, "x...\n");
	for (size_t i = 0; i + 2 < sizeof text; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	log_info("%s", text);
	n = strlen(logged());
	CU_ASSERT_STRING_EQUAL(seen + n - 6, "\xc3\xa9...\n");
	release();
}

static void
each_line_of_a_block_has_the_prefix(void)
{
	capture(LEVEL_INFO);
	log_of(LOG_CHANNEL, LEVEL_ERROR, 7, "first\n second: %s", log_safe(BYTES("a\nb")));
	CU_ASSERT(matches("^[^\n]*\\[error\\] <0\\.7\\.0> first\n"
			  "[^\n]*\\[error\\] <0\\.7\\.0>  second: a\\\\nb\n$",
	    logged()));
	release();
}

static void
safe_texts_are_cut_and_live_a_while(void)
{
	static uint8_t long_name[1000];
	const char *first = log_safe(BYTES("first"));

	for (int i = 0; i < 7; i++)
		log_safe(BYTES("other"));
	CU_ASSERT_STRING_EQUAL(first, "first");
	CU_ASSERT_EQUAL(strlen(log_safe((struct bytes){
			    long_name, sizeof long_name})) <= 255,
	    true);
	CU_ASSERT_STRING_EQUAL(log_safe((struct bytes){0}), "");
}

static void
slow_reader_loses_lines_but_is_told(void)
{
	char text[1001];
	bool told = false;
	size_t lines;

	memset(text, 'y', sizeof text - 1);
	text[1000] = '\0';
	capture(LEVEL_INFO);
	for (int i = 0; i < 1000; i++) /* far more than pipe and buffer hold */
		log_info("%s", text);
	lines = count_lines(logged());
	CU_ASSERT(lines > 40 && lines < 100); /* 64 KiB */
	for (int i = 0; i < 10; i++) {
		log_flush(0);
		lines += count_lines(logged());
		told = told || matches("[0-9]+ log lines were lost", seen);
	}
	CU_ASSERT(lines > 250 && lines < 400);
	CU_ASSERT(told);
	log_info("after");
	CU_ASSERT_PTR_NOT_NULL(strstr(logged(), "after\n"));
	release();
}

static void
reader_that_went_hurts_nobody(void)
{
	capture(LEVEL_INFO);
	close(ends[0]);
	log_info("nobody");
	log_info("there");
	log_flush(10);
	ends[0] = open("/dev/null", O_RDONLY);
	release();
}

/* --- shapes ------------------------------------------------------------- */

static const struct log_event event = {
    .at = {.tv_sec = 1767323045, .tv_nsec = 678901234}, /* 2026-01-02 03:04:05 */
    .level = LEVEL_WARNING,
    .category = LOG_CHANNEL,
    .id = 684,
    .text = {(const uint8_t *)" first,\n  second \"q\" ", 21},
};

static const char *
line_in(struct log_shape shape)
{
	static char line[LOG_ROOM + 1];
	size_t n = shape.json
		       ? log_shape_json(&shape, &event, line)
		       : log_shape_line(&shape, &event, BYTES("text"), line);

	line[n] = '\0';
	return line;
}

static struct log_shape
shape_of(enum log_time time, enum log_level_form level)
{
	struct log_shape shape = log_usual_shape;

	shape.time = time;
	shape.level = level;
	return shape;
}

static void
times_and_levels_have_rabbitmqs_formats(void)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	CU_ASSERT_STRING_EQUAL(
	    line_in(shape_of(LOG_TIME_SPACE, LOG_LEVEL_LC)),
	    "2026-01-02 03:04:05.678901+00:00 [warning] <0.684.0> text\n");
	CU_ASSERT_STRING_EQUAL(line_in(shape_of(LOG_TIME_T, LOG_LEVEL_UC)),
	    "2026-01-02T03:04:05.678901+00:00 [WARNING] <0.684.0> text\n");
	CU_ASSERT_STRING_EQUAL(line_in(shape_of(LOG_TIME_LAGER, LOG_LEVEL_LC3)),
	    "2026-01-02 03:04:05.678 [wrn] <0.684.0> text\n");
	CU_ASSERT_STRING_EQUAL(line_in(shape_of(LOG_TIME_SECS, LOG_LEVEL_UC3)),
	    "1767323045.678901 [WRN] <0.684.0> text\n");
	CU_ASSERT_STRING_EQUAL(line_in(shape_of(LOG_TIME_USECS, LOG_LEVEL_LC4)),
	    "1767323045678901 [warn] <0.684.0> text\n");
	CU_ASSERT_STRING_EQUAL(line_in(shape_of(LOG_TIME_SECS, LOG_LEVEL_UC4)),
	    "1767323045.678901 [WARN] <0.684.0> text\n");
}

static void
lines_are_of_what_was_asked_for(void)
{
	struct log_shape shape = log_usual_shape;

	shape.format = "$level: $msg ($domain) $mfa $$5%";
	CU_ASSERT_STRING_EQUAL(line_in(shape),
	    "warning: text (rabbitmq.channel) <unknown mfa> $<unknown 5>%\n");
	shape.format = "";
	CU_ASSERT_STRING_EQUAL(line_in(shape), "\n");
}

static void
objects_have_the_members_asked_for(void)
{
	struct log_shape shape = shape_of(LOG_TIME_T, LOG_LEVEL_LC);

	shape.json = true;
	CU_ASSERT_STRING_EQUAL(line_in(shape),
	    "{\"time\":\"2026-01-02T03:04:05.678901+00:00\","
	    "\"level\":\"warning\",\"msg\":\" first,\\n  second \\\"q\\\" \","
	    "\"domain\":\"rabbitmq.channel\",\"pid\":\"<0.684.0>\"}\n");
	shape.single_line = true;
	shape.time = LOG_TIME_SECS;
	shape.field_map = "level:lvl *:- msg time:when none:here pid:-";
	CU_ASSERT_STRING_EQUAL(line_in(shape),
	    "{\"lvl\":\"warning\",\"msg\":\"first, second \\\"q\\\"\","
	    "\"when\":1767323045}\n");
	shape.field_map = "verbosity:v gl:- msg:- domain:- pid:-";
	shape.verbosity_map = "info:5 *:1 warning:3";
	shape.time = LOG_TIME_USECS;
	CU_ASSERT_STRING_EQUAL(line_in(shape),
	    "{\"v\":3,\"time\":1767323045678901,\"level\":\"warning\"}\n");
	shape.verbosity_map = "info:5 *:1";
	CU_ASSERT_PTR_NOT_NULL(strstr(line_in(shape), "{\"v\":1,"));
	shape.verbosity_map = "info:5";
	CU_ASSERT_PTR_NULL(strstr(line_in(shape), "\"v\""));
}

static void
long_objects_are_whole(void)
{
	static char text[20000];
	struct log_place place = {.shape = log_usual_shape};
	const char *end;

	memset(text, '"', sizeof text - 1);
	capture(LEVEL_INFO);
	place.fd = ends[1];
	place.shape.json = true;
	log_place(LOG_CONSOLE, &place);
	log_info("%s", text);
	end = strstr(logged(), "...\",\"domain\":\"rabbitmq\",\"pid\":\"<0.");
	CU_ASSERT_PTR_NOT_NULL(end);
	CU_ASSERT_STRING_EQUAL(seen + strlen(seen) - 3, "\"}\n");
	release();
}

/* --- files ------------------------------------------------------------------ */

static char folder[] = "/tmp/leveret-test.XXXXXX";

static const char *
content(const char *name)
{
	static char text[4096];
	char path[256];
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "r");
	if (f == NULL)
		return "none";
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void
place_file(enum log_output output, const char *name, uint64_t size,
    unsigned count)
{
	struct log_place place = {.shape = log_usual_shape};
	char path[256];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	place.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	place.path = path;
	place.shape.format = "$msg";
	place.rotation = (struct log_rotation){size, "", count};
	log_place(output, &place);
}

static void
no_file(enum log_output output)
{
	log_place(output,
	    &(struct log_place){.fd = -1, .shape = log_usual_shape,
		.rotation.date = ""});
}

static void
files_are_set_aside(void)
{
	char command[300];

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	log_init(-1, LEVEL_NONE);
	place_file(LOG_FILE, "log", 9, 2);
	log_info("one");
	log_info("two--");
	CU_ASSERT_STRING_EQUAL(content("log.0"), "one\ntwo--\n");
	CU_ASSERT_STRING_EQUAL(content("log"), "");
	log_info("0123456789");
	log_info("9876543210");
	log_info("last");
	CU_ASSERT_STRING_EQUAL(content("log"), "last\n");
	CU_ASSERT_STRING_EQUAL(content("log.0"), "9876543210\n");
	CU_ASSERT_STRING_EQUAL(content("log.1"), "0123456789\n");
	CU_ASSERT_STRING_EQUAL(content("log.2"), "none");
	snprintf(command, sizeof command, "mv %s/log %s/moved", folder, folder);
	CU_ASSERT_EQUAL(system(command), 0);
	log_info("anew");
	CU_ASSERT_STRING_EQUAL(content("moved"), "last\n");
	CU_ASSERT_STRING_EQUAL(content("log"), "anew\n");
	place_file(LOG_FILE, "log", 6, 0); /* has 5 bytes already */
	log_info("x");
	CU_ASSERT_STRING_EQUAL(content("log"), "");
	no_file(LOG_FILE);
	snprintf(command, sizeof command, "rm -r %s", folder);
	CU_ASSERT_EQUAL(system(command), 0);
}

static time_t
moment(int month, int day, int hour, int minute)
{
	struct tm tm = {.tm_year = 126, .tm_mon = month - 1, .tm_mday = day,
	    .tm_hour = hour, .tm_min = minute, .tm_isdst = -1};

	return mktime(&tm);
}

static void
dates_come_when_they_say(void)
{
	static const struct {
		const char *date;
		int now[4], next[4];
	} dates[] = {
	    {"$H30", {1, 2, 3, 4}, {1, 2, 3, 30}},
	    {"$H30", {1, 2, 3, 30}, {1, 2, 4, 30}},
	    {"$H0", {12, 31, 23, 1}, {13, 1, 0, 0}},
	    {"$D0", {1, 2, 0, 0}, {1, 3, 0, 0}},
	    {"$D23", {1, 2, 3, 4}, {1, 2, 23, 0}},
	    {"$D23H15", {1, 2, 23, 14}, {1, 2, 23, 15}},
	    {"$W0", {1, 2, 3, 4}, {1, 4, 0, 0}}, /* a Friday */
	    {"$W5D3", {1, 2, 3, 4}, {1, 9, 3, 0}},
	    {"$W5D4", {1, 2, 3, 4}, {1, 2, 4, 0}},
	    {"$M1", {1, 2, 3, 4}, {2, 1, 0, 0}},
	    {"$M31", {2, 2, 3, 4}, {2, 28, 0, 0}},
	    {"$MLD12", {4, 30, 12, 0}, {5, 31, 12, 0}},
	    {"$ML", {12, 31, 0, 0}, {13, 31, 0, 0}},
	};
	static const char *const wrong[] = {"$", "D0", "$D24", "$H60", "$W7",
	    "$M0", "$M32", "$X1", "$D", "$D1 ", "daily"};

	for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
		const int *now = dates[i].now, *next = dates[i].next;

		CU_ASSERT_EQUAL(log_date_next(dates[i].date,
				    moment(now[0], now[1], now[2], now[3])),
		    moment(next[0], next[1], next[2], next[3]));
	}
	CU_ASSERT_EQUAL(log_date_next("", 5), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		CU_ASSERT_EQUAL(log_date_next(wrong[i], 5), -1);
}

/* --- what was said lately ------------------------------------------------- */

static void
recent_lines_are_kept_whole(void)
{
	uint64_t place = recent_end();
	char text[LOG_LINE + 256];
	unsigned lines = 0, n = 0, before;

	capture(LEVEL_INFO);
	log_debug("not written, not kept");
	log_info("first");
	CU_ASSERT(recent_next(&place, text, sizeof text));
	CU_ASSERT(matches("\\[info\\] <0\\.[0-9]+\\.0> first$", text));
	CU_ASSERT_FALSE(recent_next(&place, text, sizeof text));
	for (unsigned i = 0; i < 5000; i++) {
		log_info("line %u", i);
		logged();
	}
	for (place = 0; recent_next(&place, text, sizeof text); lines++) {
		before = n;
		CU_ASSERT_EQUAL(
		    sscanf(strstr(text, "line"), "line %u", &n), 1);
		CU_ASSERT(lines == 0 || n == before + 1);
	}
	CU_ASSERT_EQUAL(n, 4999);
	CU_ASSERT(lines > 500 && lines < 5000);
	release();
}

static void
recent_tail_counts_lines(void)
{
	char text[LOG_LINE + 256];
	uint64_t place;

	capture(LEVEL_INFO);
	for (unsigned i = 0; i < 10; i++)
		log_info("line %u", i);
	place = recent_tail(3);
	CU_ASSERT(recent_next(&place, text, sizeof text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "line 7"));
	CU_ASSERT_EQUAL(recent_tail(0), recent_end());
	CU_ASSERT(recent_tail(1000000) < place);
	release();
}

static void
places_are_told(void)
{
	char path[4096], wanted[] = "/tmp/leveret-log.XXXXXX";
	struct log_place place = {
	    .fd = mkstemp(wanted), .path = wanted, .shape = log_usual_shape,
	    .rotation.date = ""};

	capture(LEVEL_INFO);
	CU_ASSERT_FALSE(log_location(LOG_FILE, path, sizeof path));
	CU_ASSERT(log_location(LOG_CONSOLE, path, sizeof path));
	CU_ASSERT_STRING_EQUAL(path, "<stdout>");
	log_place(LOG_FILE, &place);
	CU_ASSERT(log_location(LOG_FILE, path, sizeof path));
	CU_ASSERT_STRING_EQUAL(path, wanted);
	place.fd = -1;
	log_place(LOG_FILE, &place);
	unlink(wanted);
	release();
}

static const struct unit_test tests[] = {
    {"times and levels have RabbitMQ's formats",
	times_and_levels_have_rabbitmqs_formats},
    {"lines are of what was asked for", lines_are_of_what_was_asked_for},
    {"objects have the members asked for", objects_have_the_members_asked_for},
    {"long objects are whole", long_objects_are_whole},
    {"files are set aside", files_are_set_aside},
    {"dates come when they say", dates_come_when_they_say},
    {"a line has RabbitMQ's shape", line_has_rabbitmqs_shape},
    {"lower levels are left out", lower_levels_are_left_out},
    {"log_warn tells errno and keeps it", warn_tells_errno_and_keeps_it},
    {"control characters are escaped", control_characters_are_escaped},
    {"long lines are cut between characters", long_lines_are_cut},
    {"each line of a block has the prefix",
	each_line_of_a_block_has_the_prefix},
    {"safe texts are cut and live a while",
	safe_texts_are_cut_and_live_a_while},
    {"a slow reader loses lines and is told",
	slow_reader_loses_lines_but_is_told},
    {"a reader that went hurts nobody", reader_that_went_hurts_nobody},
    {"recent lines are kept whole", recent_lines_are_kept_whole},
    {"a tail is so many lines", recent_tail_counts_lines},
    {"places are told", places_are_told},
};

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return unit_main("log", tests, sizeof tests / sizeof *tests);
}
