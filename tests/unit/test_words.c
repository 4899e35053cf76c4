/* test_words.c - what is typed, beside the rows of commands. */
#include <stdio.h>

#include "broker/words.h"
#include "tests/unit/unit.h"

static struct words words;
static char error[512];

#define SPLIT(...)                                                             \
	split((const char *[]){__VA_ARGS__},                                   \
	    sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static bool
split(const char *const *list, size_t count)
{
	error[0] = '\0';
	return words_split(&words, list, count, error, sizeof error);
}

static void
arguments_and_options_come_apart(void)
{
	CU_ASSERT_TRUE(SPLIT("list_queues", "name", "-p", "v", "messages"));
	CU_ASSERT_PTR_EQUAL(words.command, command_find("list_queues"));
	CU_ASSERT_EQUAL(words.count, 2);
	CU_ASSERT_STRING_EQUAL(words.arguments[1], "messages");
	CU_ASSERT_STRING_EQUAL(words_option(&words, "vhost"), "v");
	CU_ASSERT_TRUE(SPLIT("list_queues", "--vhost=a=b"));
	CU_ASSERT_STRING_EQUAL(words_option(&words, "vhost"), "a=b");
	CU_ASSERT_TRUE(SPLIT("list_queues", "--vhost", "-x"));
	CU_ASSERT_STRING_EQUAL(words_option(&words, "vhost"), "-x");
	CU_ASSERT_TRUE(SPLIT("delete_queue", "q", "--if-empty"));
	CU_ASSERT_PTR_NOT_NULL(words_option(&words, "if-empty"));
	CU_ASSERT_PTR_NULL(words_option(&words, "if-unused"));
	CU_ASSERT_PTR_NULL(words_option(&words, "vhost"));
	CU_ASSERT_TRUE(SPLIT("ping", "-p", "/")); /* as rabbitmqctl */
	CU_ASSERT_FALSE(words_allows(&words, "vhost"));
}

static void
letters_are_short_for_names(void)
{
	CU_ASSERT_TRUE(SPLIT("log_tail", "-N", "5"));
	CU_ASSERT_STRING_EQUAL(words_option(&words, "number"), "5");
	CU_ASSERT_TRUE(SPLIT("log_tail", "--number=7"));
	CU_ASSERT_STRING_EQUAL(words_option(&words, "number"), "7");
	CU_ASSERT_TRUE(SPLIT("delete_queue", "q", "-e", "-u"));
	CU_ASSERT_PTR_NOT_NULL(words_option(&words, "if-empty"));
	CU_ASSERT_PTR_NOT_NULL(words_option(&words, "if-unused"));
	CU_ASSERT_FALSE(SPLIT("log_tail", "-N", "x"));
	CU_ASSERT_FALSE(SPLIT("log_tail", "-N5"));
	CU_ASSERT_FALSE(SPLIT("log_tail", "-e"));
	CU_ASSERT_TRUE(command_has_letter(command_find("log_tail"), 'N'));
	CU_ASSERT_FALSE(command_has_letter(command_find("log_tail"), 'e'));
}

static void
behind_two_dashes_all_are_arguments(void)
{
	CU_ASSERT_TRUE(SPLIT("add_user", "--", "-p", "--vhost"));
	CU_ASSERT_EQUAL(words.count, 2);
	CU_ASSERT_STRING_EQUAL(words.arguments[0], "-p");
	CU_ASSERT_TRUE(SPLIT("add_user", "u", "-"));
	CU_ASSERT_STRING_EQUAL(words.arguments[1], "-");
}

static void
numbers_below_zero_are_arguments(void)
{
	CU_ASSERT_TRUE(SPLIT("set_disk_free_limit", "-1"));
	CU_ASSERT_STRING_EQUAL(words.arguments[0], "-1");
	CU_ASSERT_TRUE(SPLIT("set_disk_free_limit", "mem_relative", "-1.5"));
	CU_ASSERT_FALSE(SPLIT("set_disk_free_limit", "-1x"));
	CU_ASSERT_FALSE(SPLIT("set_disk_free_limit", "-inf"));
}

static void
the_last_option_counts(void)
{
	CU_ASSERT_TRUE(SPLIT("list_queues", "-p", "a", "--vhost=b"));
	CU_ASSERT_STRING_EQUAL(words_option(&words, "vhost"), "b");
}

static void
wrong_words_are_refused_in_rabbitmqs_words(void)
{
	CU_ASSERT_FALSE(SPLIT("bogus"));
	CU_ASSERT_PTR_NULL(words.command);
	CU_ASSERT_STRING_EQUAL(error, "Command 'bogus' not found.");
	CU_ASSERT_FALSE(split(NULL, 0));
	CU_ASSERT_FALSE(SPLIT("add_user"));
	CU_ASSERT_STRING_EQUAL(
	    error, "Error (argument validation): not enough arguments.");
	CU_ASSERT_FALSE(SPLIT("add_user", "a", "b", "c"));
	CU_ASSERT_STRING_EQUAL(
	    error, "Error (argument validation): too many arguments.");
	CU_ASSERT_FALSE(SPLIT("list_queues", "--bogus"));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "--bogus"));
	CU_ASSERT_FALSE(SPLIT("list_queues", "-p"));
	CU_ASSERT_FALSE(SPLIT("ping", "-p"));
	CU_ASSERT_FALSE(SPLIT("delete_queue", "q", "--if-empty=x"));
	CU_ASSERT_FALSE(SPLIT("list_queues", "--vhostage", "x"));
	CU_ASSERT_FALSE(SPLIT("list_queues", "--=x"));
}

static void
very_many_words_are_refused(void)
{
	const char *list[WORDS_MAX * 2];

	list[0] = "list_queues";
	for (size_t i = 1; i < WORDS_MAX * 2; i++)
		list[i] = "name";
	CU_ASSERT_FALSE(split(list, WORDS_MAX * 2));
	for (size_t i = 1; i < WORDS_MAX * 2; i++)
		list[i] = "--vhost=v";
	CU_ASSERT_FALSE(split(list, WORDS_MAX * 2));
}

/* Rows hold what the other functions rely on. */
static void
each_row_is_sound(void)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *c = &commands[i];
		const char *usage = command_usage(c);

		CU_ASSERT_PTR_EQUAL(command_find(c->name), c);
		CU_ASSERT(c->min <= c->max && c->max < WORDS_MAX);
		CU_ASSERT(strlen(usage) < 200);
		CU_ASSERT_EQUAL(strncmp(usage, c->name, strlen(c->name)), 0);
		CU_ASSERT(strlen(c->sentence) > 10);
	}
	CU_ASSERT_STRING_EQUAL(command_usage(command_find("delete_queue")),
	    "delete_queue [--vhost <vhost>] [--if-empty] [--if-unused] "
	    "<queue>");
}

static const struct unit_test tests[] = {
    {"arguments and options come apart", arguments_and_options_come_apart},
    {"letters are short for names", letters_are_short_for_names},
    {"behind two dashes all are arguments",
	behind_two_dashes_all_are_arguments},
    {"numbers below zero are arguments", numbers_below_zero_are_arguments},
    {"the last option counts", the_last_option_counts},
    {"wrong words are refused in RabbitMQ's words",
	wrong_words_are_refused_in_rabbitmqs_words},
    {"very many words are refused", very_many_words_are_refused},
    {"each row is sound", each_row_is_sound},
};

UNIT_MAIN("words", tests)
