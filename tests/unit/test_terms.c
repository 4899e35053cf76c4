/* test_terms.c - Erlang terms, and settings written in them. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/config_terms.h"
#include "broker/terms.h"
#include "tests/unit/unit.h"

static struct config config;
static char error[1024];

/* A term as text of one shape. */
static size_t
write_term(char *p, const struct term *t)
{
	static const char *const marks[] = {"", "#", "\""};
	size_t n;

	if (term_is_plain(t))
		return (size_t)sprintf(p, "%s%s", marks[t->kind], t->text);
	n = (size_t)sprintf(p, "%c", t->kind == TERM_LIST ? '[' : '{');
	for (size_t i = 0; i < t->count; i++) {
		n += (size_t)sprintf(p + n, "%s", i > 0 ? " " : "");
		n += write_term(p + n, &t->items[i]);
	}
	return n + (size_t)sprintf(p + n, "%c", t->kind == TERM_LIST ? ']' : '}');
}

static const char *
read_back(const char *text)
{
	static char written[1000];
	struct term t;

	if (!term_read(&t, text, error, sizeof error))
		return error;
	write_term(written, &t);
	term_free(&t);
	return written;
}

static void
terms_are_read(void)
{
	static const char *const terms[][2] = {
	    {"atom", "atom"},
	    {"'Quoted one'.", "Quoted one"},
	    {"-12.5e3", "#-12.5e3"},
	    {"1e-5", "#1e-5"},
	    {"\"a \\\"string\\\"\\n\"", "\"a \"string\"\n"},
	    {"<<\"binary\">>", "\"binary"},
	    {"<< \"b\"/utf8 >>", "\"b"},
	    {"<<>>", "\""},
	    {"[]", "[]"},
	    {" { } . ", "{}"},
	    {"[{a,1},\n % comment ]\n {b,[2,<<\"c\">>]}\n].\n%% end\n",
		"[{a #1} {b [#2 \"c]}]"},
	    {"a@b", "a@b"},
	};

	for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
		CU_ASSERT_STRING_EQUAL(read_back(terms[i][0]), terms[i][1]);
}

static void
what_is_no_term_is_told_with_its_line(void)
{
	static const char *const wrong[][2] = {
	    {"", "line 1: expected a term of Erlang"},
	    {"% nothing", "line 1: expected a term of Erlang"},
	    {"Variable", "line 1: expected a term of Erlang"},
	    {"[1,\n2\n3]", "line 3: expected a comma"},
	    {"[1,]", "line 1: expected a term of Erlang"},
	    {"{a, \"b}", "line 1: a quote is missing"},
	    {"{a, \"b\\", "line 1: a quote is missing"},
	    {"<<\"b\">", "line 1: expected >>"},
	    {"<<1,2>>", "line 1: expected >>"},
	    {"5e", "line 1: expected nothing more"},
	    {"5e-", "line 1: expected nothing more"},
	    {"-", "line 1: expected a term of Erlang"},
	    {"[a]. [b].", "line 1: expected nothing more"},
	    {"[{a, 1}", "line 1: expected a comma"},
	};
	char deep[1000];

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		CU_ASSERT_STRING_EQUAL(read_back(wrong[i][0]), wrong[i][1]);
	memset(deep, '[', sizeof deep - 1);
	deep[sizeof deep - 1] = '\0';
	CU_ASSERT_STRING_EQUAL(read_back(deep), "line 1: too deep");
}

static bool
load(const char *text)
{
	char path[] = "/tmp/leveret-test.XXXXXX";
	int fd = mkstemp(path);
	bool loaded;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
	error[0] = '\0';
	loaded = config_load_terms(&config, path, error, sizeof error);
	unlink(path);
	return loaded;
}

static void
settings_have_their_names_of_erlang(void)
{
	config_init(&config);
	CU_ASSERT_TRUE(load(
	    "[{rabbit, [{tcp_listeners, [5673, {\"::1\", 5674}]},\n"
	    "{ssl_listeners, []}, {num_ssl_acceptors, 1},\n"
	    "{ssl_options, [{cacertfile, \"ca\"}, {verify, verify_peer},\n"
	    "  {fail_if_no_peer_cert, false},\n"
	    "  {versions, ['tlsv1.2', 'tlsv1.3']}]},\n"
	    "{loopback_users, [<<\"one\">>]},\n"
	    "{default_user_tags, [monitoring]},\n"
	    "{default_permissions, [<<\"c\">>, <<\"w\">>, <<\"r\">>]},\n"
	    "{disk_free_limit, {mem_relative, 1.5}},\n"
	    "{vm_memory_high_watermark, 0.25},\n"
	    "{auth_mechanisms, ['PLAIN']},\n"
	    "{tcp_listen_options, [{backlog, 7}, {nodelay, false}]},\n"
	    "{log_levels, [{connection, error}, {default, debug}]},\n"
	    "{consumer_timeout, undefined}, {heartbeat, 5}]}]."));
	CU_ASSERT_EQUAL(config.listeners_tcp.count, 2);
	CU_ASSERT_STRING_EQUAL(config.listeners_tcp.pairs[1].value, "::1:5674");
	CU_ASSERT_EQUAL(config.listeners_ssl.count, 0);
	CU_ASSERT_STRING_EQUAL(config.ssl_cacertfile, "ca");
	CU_ASSERT_STRING_EQUAL(config.ssl_verify, "verify_peer");
	CU_ASSERT_EQUAL(config.ssl_versions.count, 2);
	CU_ASSERT_TRUE(config_has(&config.loopback_users, "one"));
	CU_ASSERT_FALSE(config_has(&config.loopback_users, "guest"));
	CU_ASSERT_TRUE(config_has(&config.default_user_tags, "monitoring"));
	CU_ASSERT_STRING_EQUAL(config.default_configure, "c");
	CU_ASSERT_STRING_EQUAL(config.default_read, "r");
	CU_ASSERT_EQUAL(config.disk_relative, 1.5);
	CU_ASSERT_EQUAL(config.memory_relative, 0.25);
	CU_ASSERT_EQUAL(config.auth_mechanisms.count, 1);
	CU_ASSERT_EQUAL(config.tcp_backlog, 7);
	CU_ASSERT_FALSE(config.tcp_nodelay);
	CU_ASSERT_EQUAL(config.log_connection_level, LEVEL_ERROR);
	CU_ASSERT_EQUAL(config.log_default_level, LEVEL_DEBUG);
	CU_ASSERT_EQUAL(config.consumer_timeout, 0);
	CU_ASSERT_EQUAL(config.heartbeat, 5000);
	CU_ASSERT_EQUAL_FATAL(config.foreign.count, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(config.foreign.lines[0],
	    ":2: num_ssl_acceptors has no meaning here"));
	config_fini(&config);
}

static void
terms_that_cannot_be_are_refused_by_line(void)
{
	static const char *const wrong[][2] = {
	    {"[{rabbit,\n[{heartbeat, \"x\"}]}].", ":2: heartbeat: 'x' is not"},
	    {"rabbit.", ":1: [{application, [...]}]: a term"},
	    {"[rabbit].", ":1: {application, [{name, value}]}: a term"},
	    {"[{rabbit, 5}].", ":1: {application"},
	    {"[{rabbit, [\n5]}].", ":2: rabbit: a term that it cannot be"},
	    {"[{rabbit, [{tcp_listeners, [{}]}]}].", ":1: listeners.tcp: a term"},
	    {"[{rabbit, [{heartbeat, {1, 2, 3}}]}].", ":1: heartbeat: a term"},
	    {"[{rabbit, [{default_permissions, [a]}]}].", ": default_perm"},
	    {"[{rabbit, [{disk_free_limit, []}]}].", ": disk_free_limit: a"},
	    {"[{rabbit, [{log_levels, [a]}]}].", ":1: log: a term"},
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		config_init(&config);
		CU_ASSERT_FALSE(load(wrong[i][0]));
		CU_ASSERT_PTR_NOT_NULL(strstr(error, wrong[i][1]));
		config_fini(&config);
	}
	config_init(&config);
	CU_ASSERT_TRUE(load(" \n"));
	CU_ASSERT_TRUE(load("[]."));
	CU_ASSERT_FALSE(config_load_terms(
	    &config, "/no/such/file", error, sizeof error));
	CU_ASSERT_STRING_EQUAL(
	    error, "/no/such/file: No such file or directory");
	config_fini(&config);
}

static bool
arguments(const char *text)
{
	return config_set_arguments(&config, text, "ARGS", error, sizeof error);
}

static void
arguments_of_erlang_are_settings(void)
{
	config_init(&config);
	CU_ASSERT_TRUE(arguments(" -rabbit tcp_listeners [0]  heartbeat 7 "
				 "+P 9 -kernel a b -rabbit channel_max 3 "
				 "-rabbitmq_management listener [{port,1}]"));
	CU_ASSERT_STRING_EQUAL(config.listeners_tcp.pairs[0].value, "0");
	CU_ASSERT_EQUAL(config.heartbeat, 7000);
	CU_ASSERT_EQUAL(config.channel_max, 3);
	CU_ASSERT_EQUAL_FATAL(config.foreign.count, 3);
	CU_ASSERT_STRING_EQUAL(
	    config.foreign.lines[0], "ARGS: +P has no meaning here");
	CU_ASSERT_TRUE(arguments(""));
	CU_ASSERT_FALSE(arguments("-rabbit heartbeat soon"));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "ARGS: heartbeat: 'soon'"));
	CU_ASSERT_FALSE(arguments("-rabbit heartbeat ["));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "'[' is no term of Erlang"));
	config_fini(&config);
}

static const struct unit_test tests[] = {
    {"terms are read", terms_are_read},
    {"what is no term is told with its line",
	what_is_no_term_is_told_with_its_line},
    {"settings have their names of Erlang",
	settings_have_their_names_of_erlang},
    {"terms that cannot be are refused by line",
	terms_that_cannot_be_are_refused_by_line},
    {"arguments of Erlang are settings", arguments_of_erlang_are_settings},
};

int
main(void)
{
	return unit_main("terms", tests, sizeof tests / sizeof *tests);
}
