/* commands_environment.c - what the broker was started with: its settings, the
 * variables and the words it was given. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/server.h"

/* --- settings ----------------------------------------------------------- */

static void
put_setting(void *arg, const struct setting_view *view)
{
	struct request *r = arg;

	request_row(r);
	put_text_value(r, bytes_str(view->key));
	put_text_value(r, bytes_str(view->value));
	put_text_value(r, bytes_str(view->unit));
	put_text_value(r, bytes_str(view->source));
	request_row_end(r);
}

void
command_environment(struct request *r, size_t *budget)
{
	static const char *const names[] = {"key", "value", "unit", "source"};

	request_banner(
	    r, "Application environment of node %s ...", node_name());
	request_columns(r, names, 4);
	config_each(r->server->config, put_setting, r);
	request_end(r);
}

/* --- variables ---------------------------------------------------------- */

/* One that says something to a broker, and does not end in a secret. */
static bool
is_ours(const char *variable)
{
	static const char *const secrets[] = {"PASS=", "PASSWORD=", "COOKIE="};
	const char *equals = strchr(variable, '=');

	if (equals == NULL || (strncmp(variable, "RABBITMQ_", 9) != 0 &&
				  strncmp(variable, "LEVERET_", 8) != 0))
		return false;
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		size_t n = strlen(secrets[i]);

		if ((size_t)(equals + 1 - variable) > n &&
		    strncmp(equals + 1 - n, secrets[i], n) == 0)
			return false;
	}
	return true;
}

static void
put_variable(json_t *d, const char *variable)
{
	size_t n = strcspn(variable, "=");
	char *name = xasprintf("%.*s", (int)n, variable);

	json_object_set_new(d, name, json_string(variable + n + 1));
	free(name);
}

void
command_os_env(struct request *r, size_t *budget)
{
	json_t *d = json_object(), *all = json_object();

	request_banner(r,
	    "Listing RabbitMQ-specific environment variables defined on node "
	    "%s...",
	    node_name());
	for (char **p = environ; *p != NULL; p++)
		if (is_ours(*p)) {
			request_text(r, "%s", *p);
			put_variable(all, *p);
		}
	json_object_set_new(d, "node", json_string(node_name()));
	json_object_set_new(d, "result", json_string("ok"));
	json_object_set_new(d, "variables", all);
	command_document(r, d);
	request_end(r);
}

/* --- words -------------------------------------------------------------- */

/* As the system keeps them, a zero behind each. */
void
command_command_line_arguments(struct request *r, size_t *budget)
{
	char text[4096];
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
	json_t *list = json_array();

	if (fd >= 0)
		close(fd);
	request_banner(r, "Command line arguments of node %s ...", node_name());
	text[n > 0 ? n : 0] = '\0';
	for (const char *p = text; p < text + n; p += strlen(p) + 1) {
		request_text(r, "%s", p);
		json_array_append_new(list, json_string(p));
	}
	command_document(r, list);
	request_end(r);
}
