/* test_options.c - the command line, and where the data folder is. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/options.h"
#include "tests/unit/unit.h"

static struct config config;
static struct options options;

#define READ(...) read_line((const char *[]){"leveret", __VA_ARGS__, NULL})

/* A new command line each time. */
static int
read_line(const char **argv)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	config_fini(&config);
	config_init(&config);
	return options_read(&options, &config, argc, (char **)argv, options_complain);
}

static void
options_are_read(void)
{
	CU_ASSERT_EQUAL(READ("-d", "/x", "--port-file", "f"), -1);
	CU_ASSERT_STRING_EQUAL(options.dir, "/x");
	CU_ASSERT_STRING_EQUAL(options.port_file, "f");
	CU_ASSERT_FALSE(options.ephemeral);
	CU_ASSERT_EQUAL(READ("-e"), -1);
	CU_ASSERT_TRUE(options.ephemeral);
	CU_ASSERT_PTR_NULL(options.dir);
	CU_ASSERT_EQUAL(READ("-e", "-d", "/x"), 64);
	CU_ASSERT_EQUAL(READ("-V"), 0);
	CU_ASSERT_EQUAL(READ("-h"), 0);
}

static void
any_setting_can_be_set(void)
{
	CU_ASSERT_EQUAL(READ("-o", "heartbeat=5", "-oframe_max=8192"), -1);
	CU_ASSERT_EQUAL(config.heartbeat, 5000);
	CU_ASSERT_EQUAL(config.frame_max, 8192);
	CU_ASSERT_EQUAL(READ("-o", "default_pass=a=b"), -1);
	CU_ASSERT_STRING_EQUAL(config.default_pass, "a=b");
	CU_ASSERT_EQUAL(READ("-o", "heartbeat=soon"), 78);
	CU_ASSERT_EQUAL(READ("-o", "bogus=1"), 64);
	CU_ASSERT_EQUAL(READ("-o", "heartbeat"), 64);
	CU_ASSERT_EQUAL(READ("-o", "=5"), 64);
}

static void
port_takes_the_place_of_all_listeners(void)
{
	CU_ASSERT_EQUAL(READ("-o", "listeners.tcp.a=1", "-o",
			    "listeners.tcp.b=2", "-p", "0"),
	    -1);
	CU_ASSERT_EQUAL(config.listeners_tcp.count, 1);
	CU_ASSERT_STRING_EQUAL(config.listeners_tcp.pairs[0].value, "0");
	CU_ASSERT_EQUAL(READ("-p", "65536"), 78);
	CU_ASSERT_EQUAL(READ("-p", "amqp"), 64);
	CU_ASSERT_EQUAL(READ("-p", ""), 64);
}

static void
wrong_lines_exit_64(void)
{
	CU_ASSERT_EQUAL(READ("-x"), 64);
	CU_ASSERT_EQUAL(READ("--bogus"), 64);
	CU_ASSERT_EQUAL(READ("-d"), 64);
	CU_ASSERT_EQUAL(READ("start"), 64);
}

static void
command_line_wins_over_the_file(void)
{
	char path[] = "/tmp/leveret-test.XXXXXX";
	int fd = mkstemp(path);

	if (write(fd, "heartbeat = 7\nchannel_max = 9\n", 30) != 30)
		abort();
	close(fd);
	CU_ASSERT_EQUAL(READ("-o", "heartbeat=5", "-f", path), -1);
	CU_ASSERT_EQUAL(config.heartbeat, 5000);
	CU_ASSERT_EQUAL(config.channel_max, 9);
	CU_ASSERT_EQUAL(READ("-f", "/no/such/file"), 78);
	unlink(path);
}

static void
data_folder_follows_the_environment(void)
{
	char *dir;

	setenv("LEVERET_DIR", "/some/where", 1);
	dir = data_folder();
	CU_ASSERT_STRING_EQUAL(dir, "/some/where");
	free(dir);
	setenv("LEVERET_DIR", "", 1);
	setenv("XDG_STATE_HOME", "/state", 1);
	dir = data_folder();
	CU_ASSERT_STRING_EQUAL(dir,
	    geteuid() == 0 || access(LOCALSTATEDIR "/lib/leveret", W_OK) == 0
		? LOCALSTATEDIR "/lib/leveret"
		: "/state/leveret");
	free(dir);
	unsetenv("LEVERET_DIR");
}

static void
folders_are_made_for_this_user_only(void)
{
	char *top = folder_private(), *dir;
	struct stat st;

	CU_ASSERT_PTR_NOT_NULL_FATAL(top);
	CU_ASSERT_TRUE(asprintf(&dir, "%s/a/b/", top) > 0);
	CU_ASSERT_TRUE(folder_make(dir));
	CU_ASSERT_TRUE(folder_make(dir));
	CU_ASSERT_EQUAL(stat(dir, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0700);
	rmdir(dir);
	dir[strlen(dir) - 2] = '\0';
	rmdir(dir);
	rmdir(top);
	CU_ASSERT_FALSE(folder_make("/dev/null/x"));
	CU_ASSERT_FALSE(folder_make(""));
	free(dir);
	free(top);
}

static const struct unit_test tests[] = {
    {"options are read", options_are_read},
    {"any setting can be set", any_setting_can_be_set},
    {"a port takes the place of all listeners",
	port_takes_the_place_of_all_listeners},
    {"wrong lines exit 64", wrong_lines_exit_64},
    {"the command line wins over the file", command_line_wins_over_the_file},
    {"the data folder follows the environment",
	data_folder_follows_the_environment},
    {"folders are made for this user only",
	folders_are_made_for_this_user_only},
};

/* What is wrong with a command line would only be in the way. */
int
main(void)
{
	int rc;

	config_init(&config);
	if (freopen("/dev/null", "w", stderr) == NULL)
		abort();
	rc = unit_main("options", tests, sizeof tests / sizeof *tests);
	config_fini(&config);
	return rc;
}
