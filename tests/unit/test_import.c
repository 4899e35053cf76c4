/* test_import.c - an import's passwords are hashed beside the loop. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/definitions.h"
#include "broker/hasher.h"
#include "broker/log.h"
#include "broker/server.h"
#include "tests/unit/unit.h"

#define USERS                                                                  \
	"{\"users\":["                                                         \
	"{\"name\":\"a\",\"password\":\"pa\",\"tags\":\"\"},"                  \
	"{\"name\":\"h\",\"password_hash\":\"AAAA\",\"tags\":\"\"},"           \
	"{\"name\":\"b\",\"password\":\"pb\",\"tags\":\"\"},"                  \
	"{\"name\":\"c\",\"password\":\"pc\",\"tags\":\"\"}"

static char folder[] = "/tmp/leveret-test.XXXXXX";
static struct config config;
static struct server *server;

static void
set(const char *key, const char *value)
{
	char why[200];

	CU_ASSERT_EQUAL_FATAL(
	    config_set(&config, key, value, "test", why, sizeof why),
	    CONFIG_OK);
}

static void
begin(void)
{
	config_init(&config);
	set("listeners.tcp", "none");
	set("password_hashing_module", "scrypt");
	server = server_new(&config, folder, true);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server);
}

static void
end(void)
{
	if (!server->stopping)
		server_stop(server);
	CU_ASSERT_EQUAL(server_run(server), 0);
	server_free(server);
	config_fini(&config);
}

static struct import *
import(const char *text)
{
	char *memory = xstrdup(text);

	return import_new(server, memory, bytes_str(memory), BYTES(""));
}

static bool
knows(const char *user, const char *password)
{
	const struct user *u = auth_user(server->auth, bytes_str(user));

	return u != NULL &&
	    password_matches(bytes_str(password), u->hash, u->algorithm);
}

/* The loop sleeps while the thread works, and nothing is made until it is done. */
static void
the_loop_sleeps_while_passwords_are_hashed(void)
{
	struct import *im;

	begin();
	im = import(USERS "]}");
	import_start(im);
	while (server_turn(server, false))
		CU_ASSERT_PTR_NULL(auth_user(server->auth, BYTES("a")));
	CU_ASSERT_FALSE(TAILQ_EMPTY(&server->parked));
	for (unsigned wakes = 0; !import_done(im); wakes++) {
		CU_ASSERT_PTR_NULL(auth_user(server->auth, BYTES("h")));
		CU_ASSERT_FATAL(wakes < 100);
		server_turn(server, true);
	}
	CU_ASSERT_PTR_NULL(import_error(im));
	import_unref(im);
	CU_ASSERT_TRUE(knows("a", "pa"));
	CU_ASSERT_TRUE(knows("b", "pb"));
	CU_ASSERT_TRUE(knows("c", "pc"));
	CU_ASSERT_PTR_NOT_NULL(auth_user(server->auth, BYTES("h")));
	end();
}

static void
what_is_refused_hashes_nothing(void)
{
	struct import *im;

	begin();
	im = import(USERS "],\"queues\":[1]}");
	import_start(im);
	while (server_turn(server, false))
		continue;
	CU_ASSERT_TRUE(import_done(im));
	CU_ASSERT_PTR_NOT_NULL(import_error(im));
	CU_ASSERT_PTR_NULL(auth_user(server->auth, BYTES("a")));
	import_unref(im);
	end();
}

static void
a_broker_that_stops_gives_it_up(void)
{
	struct import *im;

	begin();
	im = import(USERS "]}");
	import_start(im);
	while (server_turn(server, false))
		continue;
	server_stop(server);
	while (!server->stopped)
		server_turn(server, false);
	CU_ASSERT_FALSE(import_done(im));
	im = (import_unref(im), NULL);
	CU_ASSERT_PTR_NULL(auth_user(server->auth, BYTES("a")));
	end();
}

/* A hasher that was stopped takes nothing, like one that is full. */
static void
it_is_refused_when_the_hasher_has_no_room(void)
{
	struct hash_task *other = hash_task_new(BYTES(""), BYTES("p"));
	struct import *im;

	begin();
	CU_ASSERT_TRUE(hasher_submit(server->hasher, other));
	hasher_stop(server->hasher);
	hash_task_free(other);
	im = import(USERS "]}");
	import_start(im);
	while (server_turn(server, false))
		continue;
	CU_ASSERT_TRUE(import_done(im));
	CU_ASSERT_PTR_NOT_NULL_FATAL(import_error(im));
	CU_ASSERT_STRING_EQUAL(
	    import_error(im), "too many passwords are being hashed");
	CU_ASSERT_PTR_NULL(auth_user(server->auth, BYTES("h")));
	import_unref(im);
	end();
}

static void
before_there_is_a_loop_it_hashes_at_once(void)
{
	struct import *im;

	begin();
	im = import(USERS "]}");
	CU_ASSERT_TRUE(import_run(im));
	import_unref(im);
	CU_ASSERT_TRUE(knows("a", "pa"));
	CU_ASSERT_TRUE(knows("c", "pc"));
	end();
}

static const struct unit_test tests[] = {
    {"the loop sleeps while passwords are hashed",
	the_loop_sleeps_while_passwords_are_hashed},
    {"what is refused hashes nothing", what_is_refused_hashes_nothing},
    {"a broker that stops gives it up", a_broker_that_stops_gives_it_up},
    {"it is refused when the hasher has no room",
	it_is_refused_when_the_hasher_has_no_room},
    {"before there is a loop it hashes at once",
	before_there_is_a_loop_it_hashes_at_once},
};

int
main(void)
{
	int status;

	log_init(open("/dev/null", O_WRONLY), LEVEL_NONE);
	if (mkdtemp(folder) == NULL)
		return 1;
	status = unit_main("import", tests, sizeof tests / sizeof *tests);
	rmdir(folder);
	return status;
}
