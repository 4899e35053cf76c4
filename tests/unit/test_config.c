/* test_config.c - every setting, in rabbitmq.conf's syntax. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/config.h"
#include "tests/unit/unit.h"

static struct config config;
static char error[1024];

static enum config_status
set(const char *key, const char *value)
{
	error[0] = '\0';
	return config_set(&config, key, value, "test", error, sizeof error);
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
	loaded = config_load(&config, path, error, sizeof error);
	unlink(path);
	return loaded;
}

/* The value as config_each tells it. */
struct wanted {
	const char *key;
	char value[256], source[256];
	unsigned times;
};

static void
look(void *arg, const struct setting_view *view)
{
	struct wanted *w = arg;

	if (strcmp(view->key, w->key) != 0)
		return;
	snprintf(w->value, sizeof w->value, "%s", view->value);
	snprintf(w->source, sizeof w->source, "%s", view->source);
	w->times++;
}

static struct wanted
told(const char *key)
{
	struct wanted w = {.key = key};

	config_each(&config, look, &w);
	return w;
}

/* --- every row --------------------------------------------------------- */

/* A key, a value it takes, how that is told, and a value it does not take. */
static const struct {
	const char *key, *good, *told, *bad;
} samples[] = {
    {"listeners.tcp.x", "127.0.0.1:5673", "127.0.0.1:5673", "localhost:5672"},
    {"listeners.ssl.x", "[::1]:0", "[::1]:0", "none"},
    {"tcp_listen_options.backlog", "100", "100", "0"},
    {"proxy_protocol", "true", "true", "1"},
    {"tcp_listen_options.nodelay", "false", "false", "no"},
    {"tcp_listen_options.sndbuf", "64KiB", "65536", "-1"},
    {"tcp_listen_options.recbuf", "32768", "32768", "2GiB"},
    {"tcp_listen_options.tos", "16", "16", "256"},
    {"tcp_listen_options.priority", "6", "6", "7"},
    {"tcp_listen_options.dontroute", "on", "true", "1"},
    {"ssl_options.reuse_sessions", "off", "false", "1"},
    {"ssl_options.crl_check", "false", "false", "peer"},
    {"initial_frame_max", "8192", "8192", "4095"},
    {"channel_max_per_node", "500", "500", "no"},
    {"consumer_max_per_channel", "infinity", "infinity", "no"},
    {"total_memory_available_override_value", "2GB", "2000000000", "-1"},
    {"ssl_options.cacertfile", "ca.pem", "ca.pem", NULL},
    {"ssl_options.certfile", "server.pem", "server.pem", NULL},
    {"ssl_options.keyfile", "server.key", "server.key", NULL},
    {"ssl_options.password", "p", "********", "encrypted:x"},
    {"ssl_options.verify", "verify_peer", "verify_peer", "peer"},
    {"ssl_options.fail_if_no_peer_cert", "true", "true", "1"},
    {"ssl_options.depth", "2", "2", "101"},
    {"ssl_options.versions.1", "tlsv1.3", "tlsv1.3", "tlsv1.1"},
    {"ssl_options.ciphers.1", "TLS_AES_128_GCM_SHA256",
	"TLS_AES_128_GCM_SHA256", NULL},
    {"ssl_options.honor_cipher_order", "true", "true", "1"},
    {"ssl_handshake_timeout", "1s", "1000", "1"},
    {"ssl_cert_login_from", "common_name", "common_name", "uid"},
    {"ssl_cert_login_san_type", "email", "email", "mail"},
    {"ssl_cert_login_san_index", "1", "1", "-1"},
    {"auth_mechanisms.1", "EXTERNAL", "EXTERNAL", "RABBIT-CR-DEMO"},
    {"anonymous_login_user", "guest", "guest", NULL},
    {"anonymous_login_pass", "p", "********", "encrypted:x"},
    {"handshake_timeout", "5s", "5000", "5 parsecs"},
    {"handshake_bytes", "64KiB", "65536", "1k"},
    {"heartbeat", "2m", "120", "500ms"},
    {"frame_max", "8192", "8192", "4095"},
    {"channel_max", "0", "0", "65536"},
    {"connection_max", "infinity", "infinity", "many"},
    {"max_message_size", "16MB", "16000000", "0"},
    {"message_interceptors.incoming.set_header_timestamp.overwrite", "true",
	"true", "maybe"},
    {"consumer_timeout", "1h", "3600000", "soon"},
    {"default_user", "u", "u", NULL},
    {"default_pass", "p", "********", "encrypted:x"},
    {"default_user_tags.monitoring", "true", "true", "yes"},
    {"default_vhost", "v", "v", NULL},
    {"default_permissions.configure", "^$", "^$", "("},
    {"default_permissions.write", "a|b", "a|b", "("},
    {"default_permissions.read", "", "", "("},
    {"default_users.x.vhost_pattern", "^a", "^a", "("},
    {"default_users.x.password", "p", "********", "encrypted:x"},
    {"default_users.x.configure", "^a", "^a", "("},
    {"default_users.x.write", "^a", "^a", "("},
    {"default_users.x.read", "", "", "("},
    {"default_users.x.tags", "a, b", "a, b", NULL},
    {"default_limits.vhosts.x.pattern", "^a", "^a", "("},
    {"default_limits.vhosts.x.max_connections", "5", "5", "-1"},
    {"default_limits.vhosts.x.max_queues", "0", "0", "many"},
    {"default_policies.operator.x.vhost_pattern", "^a", "^a", "("},
    {"default_policies.operator.x.queue_pattern", "^a", "^a", "("},
    {"default_policies.operator.x.expires", "1h", "3600000", "0"},
    {"default_policies.operator.x.message_ttl", "5s", "5000", "soon"},
    {"default_policies.operator.x.max_length", "9", "9", "-1"},
    {"default_policies.operator.x.max_length_bytes", "1kB", "1000", "x"},
    {"default_policies.operator.x.delivery_limit", "3", "3", "no"},
    {"default_queue_type", "quorum", "quorum", "stream"},
    {"loopback_users.admin", "true", "true", "1"},
    {"password_hashing_module", "scrypt", "scrypt", "rabbit_password_hashing_md5"},
    {"credential_validator.validation_backend",
	"rabbit_credential_validator_password_regexp",
	"rabbit_credential_validator_password_regexp", "mine"},
    {"credential_validator.min_length", "8", "8", "-1"},
    {"credential_validator.regexp", "^.{8}", "^.{8}", "("},
    {"auth_failure_delay", "3s", "3000", "-1"},
    {"load_definitions", "/d.json", "/d.json", NULL},
    {"management.load_definitions", "/d.json", "/d.json", NULL},
    {"definitions.import_backend", "local_filesystem", "local_filesystem",
	"https"},
    {"definitions.local.path", "/d", "/d", NULL},
    {"definitions.skip_if_unchanged", "true", "true", "1"},
    {"log.console.level", "debug", "debug", "loud"},
    {"log.console", "false", "false", "maybe"},
    {"log.console.formatter", "json", "json", "xml"},
    {"log.dir", "/tmp", "/tmp", NULL},
    {"log.file", "x.log", "x.log", NULL},
    {"log.file.level", "notice", "notice", "loud"},
    {"log.file.formatter", "json", "json", "js"},
    {"log.connection.level", "none", "none", "connection"},
    {"log.console.formatter.plaintext.format", "$msg", "$msg", NULL},
    {"log.console.formatter.json.field_map", "time:t *:-", "time:t *:-", NULL},
    {"log.console.formatter.json.verbosity_map", "*:1", "*:1", NULL},
    {"log.console.formatter.time_format", "epoch_secs", "epoch_secs", "iso"},
    {"log.console.formatter.level_format", "uc3", "uc3", "uc5"},
    {"log.console.formatter.single_line", "on", "true", "1"},
    {"log.file.formatter.plaintext.format", "$msg", "$msg", NULL},
    {"log.file.formatter.json.field_map", "time:t *:-", "time:t *:-", NULL},
    {"log.file.formatter.json.verbosity_map", "*:1", "*:1", NULL},
    {"log.file.formatter.time_format", "epoch_secs", "epoch_secs", "iso"},
    {"log.file.formatter.level_format", "uc3", "uc3", "uc5"},
    {"log.file.formatter.single_line", "on", "true", "1"},
    {"log.file.rotation.date", "$D0", "$D0", "daily"},
    {"log.file.rotation.size", "1MB", "1000000", "-1"},
    {"log.file.rotation.count", "5", "5", "1001"},
    {"log.connection.file", "x.log", "x.log", NULL},
    {"log.connection.rotation.date", "$D0", "$D0", "daily"},
    {"log.connection.rotation.size", "1MB", "1000000", "-1"},
    {"log.connection.rotation.count", "5", "5", "1001"},
    {"log.channel.file", "x.log", "x.log", NULL},
    {"log.channel.rotation.date", "$D0", "$D0", "daily"},
    {"log.channel.rotation.size", "1MB", "1000000", "-1"},
    {"log.channel.rotation.count", "5", "5", "1001"},
    {"log.queue.file", "x.log", "x.log", NULL},
    {"log.queue.rotation.date", "$D0", "$D0", "daily"},
    {"log.queue.rotation.size", "1MB", "1000000", "-1"},
    {"log.queue.rotation.count", "5", "5", "1001"},
    {"log.exchange", "true", "true", "1"},
    {"log.exchange.level", "notice", "notice", "loud"},
    {"log.exchange.formatter", "json", "json", "xml"},
    {"log.exchange.formatter.plaintext.format", "$msg", "$msg", NULL},
    {"log.exchange.formatter.json.field_map", "time:t *:-", "time:t *:-", NULL},
    {"log.exchange.formatter.json.verbosity_map", "*:1", "*:1", NULL},
    {"log.exchange.formatter.time_format", "epoch_secs", "epoch_secs", "iso"},
    {"log.exchange.formatter.level_format", "uc3", "uc3", "uc5"},
    {"log.exchange.formatter.single_line", "on", "true", "1"},
    {"log.console.stdio", "stderr", "stderr", "tty"},
    {"log.default.level", "critical", "critical", "loud"},
    {"log.channel.level", "alert", "alert", "loud"},
    {"log.queue.level", "emergency", "emergency", "loud"},
    {"config.strict", "true", "true", "very"},
    {"auth_backends.1", "internal", "internal", "ldap"},
    {"tcp_listen_options.keepalive", "true", "true", "5"},
    {"cluster_name", "c", "c", NULL},
    {"server_properties.product", "RabbitMQ", "RabbitMQ", NULL},
    {"server_properties.version", "3.13.7", "3.13.7", NULL},
    {"product.name", "P", "P", NULL},
    {"product.version", "1", "1", NULL},
    {"vm_memory_high_watermark.relative", "0.000000001", "1e-09", "1.5"},
    {"vm_memory_high_watermark.absolute", "2GB", "2000000000", "2XB"},
    {"disk_free_limit.relative", "1.5", "1.5", "0x1"},
    {"disk_free_limit.absolute", "5GiB", "5368709120", "-1"},
    {"quorum_queue.default_delivery_limit", "20", "20", "-1"},
    {"lane_memory_entries", "4", "4", "0"},
    {"lane_memory_bytes", "1GiB", "1073741824", "1XB"},
    {"committer.hold_ms", "1m", "60000", "61s"},
    {"committer.hold_bytes", "1M", "1048576", "2GiB"},
    {"clock.offset", "1w1d", "691200000", "tomorrow"},
};

static void
every_row_takes_good_values_and_refuses_bad_ones(void)
{
	struct wanted before, after;

	CU_ASSERT_EQUAL(sizeof samples / sizeof *samples, SETTINGS);
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
		const char *key = samples[i].key;

		config_init(&config);
		CU_ASSERT_EQUAL(set(key, samples[i].good), CONFIG_OK);
		before = told(key);
		CU_ASSERT_EQUAL(before.times, 1);
		CU_ASSERT_STRING_EQUAL(before.value, samples[i].told);
		CU_ASSERT_STRING_EQUAL(before.source, "test");
		if (samples[i].bad != NULL) {
			CU_ASSERT_EQUAL(set(key, samples[i].bad), CONFIG_BAD);
			CU_ASSERT_PTR_NOT_NULL(strstr(error, key));
			CU_ASSERT_EQUAL(
			    strstr(error, samples[i].bad) == NULL,
			    strcmp(samples[i].told, "********") == 0);
			after = told(key);
			CU_ASSERT_STRING_EQUAL(after.value, before.value);
		}
		config_fini(&config);
	}
}

static void
count_unset(void *arg, const struct setting_view *view)
{
	size_t *n = arg;

	CU_ASSERT_STRING_EQUAL(view->source, "default");
	CU_ASSERT(strlen(view->sentence) > 10);
	++*n;
}

static void
defaults_are_rabbitmqs(void)
{
	size_t n = 0;

	config_init(&config);
	config_each(&config, count_unset, &n);
	CU_ASSERT_EQUAL(n, SETTINGS);
	CU_ASSERT_EQUAL(config.heartbeat, 60000);
	CU_ASSERT_EQUAL(config.frame_max, 131072);
	CU_ASSERT_EQUAL(config.channel_max, 2047);
	CU_ASSERT_EQUAL(config.max_message_size, 134217728);
	CU_ASSERT_EQUAL(config.handshake_timeout, 10000);
	CU_ASSERT_STRING_EQUAL(config.default_user, "guest");
	CU_ASSERT_EQUAL(config.log_console_level, LEVEL_INFO);
	CU_ASSERT_TRUE(config_has(&config.loopback_users, "guest"));
	CU_ASSERT_TRUE(config_has(&config.default_user_tags, "administrator"));
	CU_ASSERT_EQUAL(config.listeners_tcp.count, 1);
	CU_ASSERT_STRING_EQUAL(config.listeners_tcp.pairs[0].value, "5672");
	config_fini(&config);
}

static void
unknown_keys_are_told_apart(void)
{
	config_init(&config);
	CU_ASSERT_EQUAL(set("vm_memory_high_watermark", "1"), CONFIG_UNKNOWN);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "vm_memory_high_watermark"));
	CU_ASSERT_EQUAL(set("", "1"), CONFIG_UNKNOWN);
	CU_ASSERT_EQUAL(set("listeners.tcp.", "1"), CONFIG_UNKNOWN);
	CU_ASSERT_EQUAL(set("listeners.tcpx", "1"), CONFIG_UNKNOWN);
	CU_ASSERT_EQUAL(set("heartbeats", "1"), CONFIG_UNKNOWN);
	config_fini(&config);
}

/* --- maps -------------------------------------------------------------- */

static void
first_of_a_map_replaces_its_default(void)
{
	config_init(&config);
	set("listeners.tcp.a", "5673");
	set("listeners.tcp.b", "[::1]:5674");
	set("listeners.tcp.a", "5675");
	CU_ASSERT_EQUAL(config.listeners_tcp.count, 2);
	CU_ASSERT_STRING_EQUAL(config.listeners_tcp.pairs[0].value, "5675");
	set("loopback_users.guest", "false");
	CU_ASSERT_FALSE(config_has(&config.loopback_users, "guest"));
	set("loopback_users.me", "on");
	set("loopback_users.you", "off");
	CU_ASSERT_STRING_EQUAL(config.loopback_users.pairs[1].value, "true");
	CU_ASSERT_STRING_EQUAL(config.loopback_users.pairs[2].value, "false");
	config_fini(&config);
}

static void
dots_in_names_may_be_escaped(void)
{
	config_init(&config);
	set("loopback_users.a\\.b", "true");
	set("loopback_users.c.d", "true");
	CU_ASSERT_TRUE(config_has(&config.loopback_users, "a.b"));
	CU_ASSERT_TRUE(config_has(&config.loopback_users, "c.d"));
	config_fini(&config);
}

static void
a_file_replaces_what_the_environment_lists(void)
{
	config_init(&config);
	config_set(&config, "listeners.tcp.default", "5673",
	    "RABBITMQ_NODE_PORT", error, sizeof error);
	config_set(&config, "listeners.tcp.a", "5674", "rabbitmq.conf:1", error,
	    sizeof error);
	config_set(&config, "listeners.tcp.b", "5675", "rabbitmq.conf:2", error,
	    sizeof error);
	CU_ASSERT_EQUAL(config.listeners_tcp.count, 2);
	CU_ASSERT_STRING_EQUAL(
	    told("listeners.tcp.a").source, "rabbitmq.conf:1");
	CU_ASSERT_STRING_EQUAL(
	    told("listeners.tcp.b").source, "rabbitmq.conf:2");
	config_fini(&config);
}

static void
none_empties_a_map(void)
{
	config_init(&config);
	CU_ASSERT_EQUAL(set("loopback_users", "none"), CONFIG_OK);
	CU_ASSERT_EQUAL(config.loopback_users.count, 0);
	CU_ASSERT_EQUAL(set("listeners.tcp", "none"), CONFIG_OK);
	CU_ASSERT_EQUAL(config.listeners_tcp.count, 0);
	CU_ASSERT_EQUAL(set("listeners.tcp.default", "1"), CONFIG_OK);
	CU_ASSERT_EQUAL(config.listeners_tcp.count, 1);
	CU_ASSERT_EQUAL(set("listeners.tcp", "all"), CONFIG_BAD);
	CU_ASSERT_EQUAL(config.listeners_tcp.count, 1);
	config_fini(&config);
}

static void
addresses_come_apart(void)
{
	char host[16];
	unsigned port;

	CU_ASSERT_TRUE(config_address("5672", host, sizeof host, &port));
	CU_ASSERT_STRING_EQUAL(host, "");
	CU_ASSERT_EQUAL(port, 5672);
	CU_ASSERT_TRUE(config_address("127.0.0.1:0", host, sizeof host, &port));
	CU_ASSERT_STRING_EQUAL(host, "127.0.0.1");
	CU_ASSERT_EQUAL(port, 0);
	CU_ASSERT_TRUE(config_address("[::1]:65535", host, sizeof host, &port));
	CU_ASSERT_STRING_EQUAL(host, "::1");
	CU_ASSERT_TRUE(config_address("::1:80", host, sizeof host, &port));
	CU_ASSERT_STRING_EQUAL(host, "::1");
	CU_ASSERT_FALSE(config_address("65536", host, sizeof host, &port));
	CU_ASSERT_FALSE(config_address("", host, sizeof host, &port));
	CU_ASSERT_FALSE(config_address(":5672", host, sizeof host, &port));
	CU_ASSERT_FALSE(config_address("host:", host, sizeof host, &port));
	CU_ASSERT_FALSE(config_address(
	    "a-host-too-long-for-it:1", host, sizeof host, &port));
}

/* --- numbers ----------------------------------------------------------- */

static void
numbers_that_do_not_fit_are_refused(void)
{
	config_init(&config);
	CU_ASSERT_EQUAL(
	    set("max_message_size", "99999999999999999999"), CONFIG_BAD);
	CU_ASSERT_EQUAL(
	    set("max_message_size", "18446744073709551617"), CONFIG_BAD);
	CU_ASSERT_EQUAL(
	    set("max_message_size", "9000000000000TiB"), CONFIG_BAD);
	CU_ASSERT_EQUAL(set("heartbeat", "9223372036854775807"), CONFIG_BAD);
	CU_ASSERT_EQUAL(set("heartbeat", "9223372036854775807w"), CONFIG_BAD);
	CU_ASSERT_EQUAL(set("heartbeat", "0x10"), CONFIG_BAD);
	CU_ASSERT_EQUAL(set("heartbeat", "+5"), CONFIG_BAD);
	CU_ASSERT_EQUAL(set("heartbeat", ""), CONFIG_BAD);
	CU_ASSERT_EQUAL(set("channel_max", "1k"), CONFIG_BAD);
	CU_ASSERT_EQUAL(config.heartbeat, 60000);
	config_fini(&config);
}

/* --- files ------------------------------------------------------------- */

static void
file_is_read_as_rabbitmq_reads_it(void)
{
	config_init(&config);
	CU_ASSERT_TRUE(load("# a comment\n"
			    "\n"
			    "  heartbeat   =  30   # seconds\r\n"
			    "default_user=me\n"
			    "default_pass = 'pa#ss word' # quoted\n"
			    "default_vhost = va#lue\n"
			    "cluster_name = it's here\n"
			    "loopback_users = none\n"
			    "management.tcp.port = 15672\n"
			    "frame_max = 64kiB"));
	CU_ASSERT_EQUAL(config.heartbeat, 30000);
	CU_ASSERT_STRING_EQUAL(config.default_user, "me");
	CU_ASSERT_STRING_EQUAL(config.default_pass, "pa#ss word");
	CU_ASSERT_STRING_EQUAL(config.default_vhost, "va");
	CU_ASSERT_STRING_EQUAL(config.cluster_name, "it's here");
	CU_ASSERT_EQUAL(config.loopback_users.count, 0);
	CU_ASSERT_EQUAL(config.frame_max, 65536);
	CU_ASSERT_PTR_NOT_NULL(strstr(told("heartbeat").source, ":3"));
	config_fini(&config);
}

/* A folder for files that are more than one. */
static char folder[] = "/tmp/leveret-test.XXXXXX";

static char *
write_file(const char *name, const char *text)
{
	static char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "w");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
	return path;
}

static void
remove_folder(void)
{
	char command[300];

	snprintf(command, sizeof command, "rm -r %s", folder);
	CU_ASSERT_EQUAL(system(command), 0);
	strcpy(folder, "/tmp/leveret-test.XXXXXX");
}

static void
marks_and_ends_of_other_editors_are_taken(void)
{
	config_init(&config);
	CU_ASSERT_TRUE(load("\xef\xbb\xbfheartbeat = 7\r\n\r\n"
			    "default_user = 'me'\r\ndefault_pass = x \t\r\n"));
	CU_ASSERT_EQUAL(config.heartbeat, 7000);
	CU_ASSERT_STRING_EQUAL(config.default_user, "me");
	CU_ASSERT_STRING_EQUAL(config.default_pass, "x");
	CU_ASSERT_EQUAL(config.unknown.count, 0);
	config_fini(&config);
}

static void
the_last_of_several_counts(void)
{
	config_init(&config);
	CU_ASSERT_TRUE(load("heartbeat = 5\nheartbeat = 6\nheartbeat=7\n"));
	CU_ASSERT_EQUAL(config.heartbeat, 7000);
	CU_ASSERT_PTR_NOT_NULL(strstr(told("heartbeat").source, ":3"));
	config_fini(&config);
}

static void
long_lines_are_read_whole(void)
{
	size_t n = 100000;
	char *text = malloc(n + 100);

	strcpy(text, "default_pass = ");
	memset(text + 15, 'x', n);
	strcpy(text + 15 + n, "\nheartbeat = 8\n");
	config_init(&config);
	CU_ASSERT_TRUE(load(text));
	CU_ASSERT_EQUAL(strlen(config.default_pass), n);
	CU_ASSERT_EQUAL(config.heartbeat, 8000);
	memcpy(text, "heartbeat    = ", 15);
	CU_ASSERT_FALSE(load(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "is not a time"));
	free(text);
	config_fini(&config);
}

static void
files_include_others_and_take_values_from_them(void)
{
	char *path;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	config_init(&config);
	write_file("10.more", "heartbeat = 11\nno.such.key = 1\n");
	write_file("20.more", "channel_max = 12\n");
	write_file("secret", "pass word\n");
	path = write_file("main.conf", "default_user = $(<no-file\n"
				       "include *.more # both\n"
				       "include *.none\n"
				       "default_pass = $(< secret )\n");
	CU_ASSERT_TRUE(config_load(&config, path, error, sizeof error));
	CU_ASSERT_EQUAL(config.heartbeat, 11000);
	CU_ASSERT_EQUAL(config.channel_max, 12);
	CU_ASSERT_STRING_EQUAL(config.default_pass, "pass word");
	CU_ASSERT_STRING_EQUAL(config.default_user, "$(<no-file");
	CU_ASSERT_PTR_NOT_NULL(strstr(told("heartbeat").source, "10.more:1"));
	CU_ASSERT_EQUAL(config.unknown.count, 1);
	path = write_file("main.conf", "\ndefault_pass = $(<none)\n");
	CU_ASSERT_FALSE(config_load(&config, path, error, sizeof error));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "main.conf:2: default_pass"));
	path = write_file("main.conf", "include none.conf\n");
	CU_ASSERT_FALSE(config_load(&config, path, error, sizeof error));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "main.conf:1: there is no file"));
	path = write_file("main.conf", "include main.conf\n");
	CU_ASSERT_FALSE(config_load(&config, path, error, sizeof error));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "files include each other"));
	config_fini(&config);
	remove_folder();
}

static void
keys_of_rabbitmq_that_do_nothing_are_told_apart(void)
{
	config_init(&config);
	CU_ASSERT_TRUE(load("management.tcp.port = 15672\n"
			    "mqtt.listeners.tcp.default = 1883\n"
			    "log.syslog = false\n"
			    "cluster_formation.k8s.host = h\n"));
	CU_ASSERT_EQUAL(config.unknown.count, 0);
	CU_ASSERT_EQUAL_FATAL(config.foreign.count, 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(config.foreign.lines[0],
	    ":1: management.tcp.port has no meaning here: "));
	CU_ASSERT_EQUAL(set("management.tcp.ports", "1"), CONFIG_UNKNOWN);
	CU_ASSERT_EQUAL(set("log.syslog.", "1"), CONFIG_UNKNOWN);
	CU_ASSERT_EQUAL(set("mqtt", "1"), CONFIG_UNKNOWN);
	CU_ASSERT_EQUAL(set("raft.anything.at.all", "1"), CONFIG_FOREIGN);
	CU_ASSERT_EQUAL(
	    set("deprecated_features.permit.x", "1"), CONFIG_FOREIGN);
	CU_ASSERT_EQUAL(
	    set("deprecated_features.permit.x.y", "1"), CONFIG_UNKNOWN);
	config_fini(&config);
}

/* A key of the schemas, with a name for what begins with a $. */
static const char *
spelt(const char *key)
{
	static char text[256];
	char *p = text;

	for (; *key != '\0'; key++) {
		if (*key != '$') {
			*p++ = *key;
			continue;
		}
		*p++ = 'x';
		key += strcspn(key, ".") - 1;
	}
	*p = '\0';
	return text;
}

static void
every_key_of_rabbitmq_is_known(void)
{
	static const struct {
		const char *key;
		bool here;
	} keys[] = {
#define HERE(key) {key, true},
#define FOREIGN(key) {key, false},
#include "tests/unit/rabbitmq_keys.def"
#undef HERE
#undef FOREIGN
	};
	enum config_status status;

	CU_ASSERT_EQUAL(sizeof keys / sizeof *keys, 828);
	config_init(&config);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		status = set(spelt(keys[i].key), "none");
		CU_ASSERT_NOT_EQUAL(status, CONFIG_UNKNOWN);
		CU_ASSERT_EQUAL(status == CONFIG_FOREIGN, !keys[i].here);
	}
	config_fini(&config);
}

static void
slips_are_told_what_was_meant(void)
{
	config_init(&config);
	CU_ASSERT_EQUAL(set("heartbeats", "1"), CONFIG_UNKNOWN);
	CU_ASSERT_STRING_EQUAL(
	    error, "unknown setting 'heartbeats'; did you mean 'heartbeat'?");
	CU_ASSERT_EQUAL(set("managment.tcp.prt", "1"), CONFIG_UNKNOWN);
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "'management.tcp.port'?"));
	CU_ASSERT_EQUAL(set("x", "1"), CONFIG_UNKNOWN);
	CU_ASSERT_STRING_EQUAL(error, "unknown setting 'x'");
	config_fini(&config);
}

static void
wrong_lines_are_named(void)
{
	static const struct {
		const char *text, *where, *what;
	} wrong[] = {
	    {"heartbeat = 60\nheartbeat = soon\n", ":2: ", "'soon'"},
	    {"\n\nheartbeat\n", ":3: ", "key = value"},
	    {"heartbeat =\n", ":1: ", "key = value"},
	    {"heartbeat = # nothing\n", ":1: ", "key = value"},
	    {" = 5\n", ":1: ", "key = value"},
	    {"heart beat = 5\n", ":1: ", "key = value"},
	    {"[{rabbit, [{heartbeat, 5}]}].\n", ":1: ", "key = value"},
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		config_init(&config);
		CU_ASSERT_FALSE(load(wrong[i].text));
		CU_ASSERT_PTR_NOT_NULL(strstr(error, wrong[i].where));
		CU_ASSERT_PTR_NOT_NULL(strstr(error, wrong[i].what));
		config_fini(&config);
	}
}

static void
unknown_keys_of_a_file_are_kept_apart(void)
{
	config_init(&config);
	CU_ASSERT_TRUE(load("\nno.such.key = 1\nheartbeat = 5\nx = 2\n"));
	CU_ASSERT_EQUAL(config.heartbeat, 5000);
	CU_ASSERT_EQUAL_FATAL(config.unknown.count, 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(config.unknown.lines[0], ":2: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(config.unknown.lines[0], "no.such.key"));
	CU_ASSERT_PTR_NOT_NULL(strstr(config.unknown.lines[1], ":4: "));
	config_fini(&config);
}

/* --- taking over ------------------------------------------------------- */

static char changes[256];

static void
note_change(const char *key, bool taken)
{
	size_t n = strlen(changes);

	snprintf(changes + n, sizeof changes - n, "%s%c ", key,
	    taken ? '+' : '-');
}

static void
what_may_change_is_taken_over(void)
{
	struct config fresh;

	config_init(&config);
	config_init(&fresh);
	changes[0] = '\0';
	set("frame_max", "8192");
	set("vm_memory_high_watermark.relative", "0.5");
	config_set(&config, "disk_free_limit.absolute", "1GB", CONFIG_FROM_CTL,
	    error, sizeof error);
	config_set(&fresh, "heartbeat", "5", "f:1", error, sizeof error);
	config_set(&fresh, "disk_free_limit.relative", "2.0", "f:4", error,
	    sizeof error);
	config_set(&fresh, "cluster_name", "c", "f:2", error, sizeof error);
	config_set(
	    &fresh, "loopback_users", "none", "f:3", error, sizeof error);
	config_adopt(&config, &fresh, note_change);
	CU_ASSERT_STRING_EQUAL(changes,
	    "heartbeat+ frame_max- loopback_users.*+ cluster_name+ "
	    "vm_memory_high_watermark.relative+ ");
	CU_ASSERT_EQUAL(config.heartbeat, 5000);
	CU_ASSERT_EQUAL(config.frame_max, 8192);
	CU_ASSERT_STRING_EQUAL(config.cluster_name, "c");
	CU_ASSERT_STRING_EQUAL(told("cluster_name").source, "f:2");
	CU_ASSERT_EQUAL(config.loopback_users.count, 0);
	CU_ASSERT_EQUAL(config.disk_absolute, 1000000000);
	CU_ASSERT_FALSE(config_is_set(&config, SETTING_disk_relative));
	config_fini(&fresh);
	config_fini(&config);
}

static void
binary_files_are_refused(void)
{
	char path[] = "/tmp/leveret-test.XXXXXX";
	int fd = mkstemp(path);

	config_init(&config);
	CU_ASSERT_EQUAL(write(fd, "heartbeat = 1\0 2\n", 17), 17);
	close(fd);
	CU_ASSERT_FALSE(config_load(&config, path, error, sizeof error));
	CU_ASSERT_PTR_NOT_NULL(strstr(error, "not a text file"));
	CU_ASSERT_FALSE(config_load(&config, "/tmp", error, sizeof error));
	unlink(path);
	config_fini(&config);
}

static void
missing_file_is_told(void)
{
	config_init(&config);
	CU_ASSERT_FALSE(
	    config_load(&config, "/no/such/file", error, sizeof error));
	CU_ASSERT_STRING_EQUAL(
	    error, "/no/such/file: No such file or directory");
	config_fini(&config);
}

static const struct unit_test tests[] = {
    {"every row takes good values and refuses bad ones",
	every_row_takes_good_values_and_refuses_bad_ones},
    {"defaults are RabbitMQ's", defaults_are_rabbitmqs},
    {"unknown keys are told apart", unknown_keys_are_told_apart},
    {"the first of a map replaces its default",
	first_of_a_map_replaces_its_default},
    {"dots in names may be escaped", dots_in_names_may_be_escaped},
    {"a file replaces what the environment lists",
	a_file_replaces_what_the_environment_lists},
    {"none empties a map", none_empties_a_map},
    {"addresses come apart", addresses_come_apart},
    {"numbers that do not fit are refused",
	numbers_that_do_not_fit_are_refused},
    {"a file is read as RabbitMQ reads it", file_is_read_as_rabbitmq_reads_it},
    {"marks and ends of other editors are taken",
	marks_and_ends_of_other_editors_are_taken},
    {"the last of several counts", the_last_of_several_counts},
    {"long lines are read whole", long_lines_are_read_whole},
    {"files include others, and take values from them",
	files_include_others_and_take_values_from_them},
    {"keys of RabbitMQ that do nothing are told apart",
	keys_of_rabbitmq_that_do_nothing_are_told_apart},
    {"every key of RabbitMQ is known", every_key_of_rabbitmq_is_known},
    {"slips are told what was meant", slips_are_told_what_was_meant},
    {"wrong lines are named", wrong_lines_are_named},
    {"unknown keys of a file are kept apart",
	unknown_keys_of_a_file_are_kept_apart},
    {"what may change is taken over", what_may_change_is_taken_over},
    {"binary files are refused", binary_files_are_refused},
    {"a missing file is told", missing_file_is_told},
};

int
main(void)
{
	log_init(STDOUT_FILENO, LEVEL_NONE);
	return unit_main("config", tests, sizeof tests / sizeof *tests);
}
