/* test_log.c - lines as RabbitMQ's, whatever peers send and whoever reads. */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/log.h"
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
	log_at(LEVEL_INFO, 684, "started TCP listener on %s", "[::]:5672");
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
	log_set_level(LEVEL_DEBUG);
	log_debug("five");
	CU_ASSERT(matches("\\[debug\\] .* five\n$", logged()));
	CU_ASSERT(log_wants(LEVEL_DEBUG));
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
	log_lines(
	    LEVEL_ERROR, 7, "first\n second: %s", log_safe(BYTES("a\nb")));
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

static const struct unit_test tests[] = {
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
};

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return unit_main("log", tests, sizeof tests / sizeof *tests);
}
