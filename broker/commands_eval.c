/* commands_eval.c - the few expressions of Erlang that test suites send by eval,
 * recognised by their shape. Everything else is refused. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/server.h"

enum {
	EXPRESSION = 512, /* bytes; what is longer is none of these */
	HOLES = 2,
	ATOM = 64,
};

/* What stands in an expression where its shape has a '%': an atom or a number. */
struct holes {
	char text[HOLES][ATOM];
};

/* The value in Erlang's words, and in JSON. */
static void
tell(struct request *r, const char *text, json_t *value)
{
	request_text(r, "%s", text);
	command_document(r,
	    json_pack("{s:s, s:s, s:o}", "node", node_name(), "result", "ok",
		"value", value));
	request_end(r);
}

static void
tell_atom(struct request *r, const char *atom)
{
	tell(r, atom, json_string(atom));
}

/* --- settings ----------------------------------------------------------- */

/* Looks for the setting of that name. */
struct wanted {
	const char *key;
	char value[256];
	bool found, reloadable;
};

static void
look(void *arg, const struct setting_view *view)
{
	struct wanted *w = arg;

	if (strcmp(view->key, w->key) != 0)
		return;
	w->found = true;
	w->reloadable = view->reloadable;
	snprintf(w->value, sizeof w->value, "%s", view->value);
}

static struct wanted
find(const struct request *r, const char *key)
{
	struct wanted w = {.key = key};

	config_each(r->server->config, look, &w);
	return w;
}

/* False after having refused it. */
static bool
may_change(struct request *r, const char *key)
{
	struct wanted w = find(r, key);

	if (w.found && w.reloadable)
		return true;
	request_fail(r, CODE_UNAVAILABLE,
	    w.found ? "the setting %s does not change while the broker runs"
		    : "there is no setting %s",
	    key);
	return false;
}

static void
set_env(struct request *r, const struct holes *h)
{
	char error[512];

	if (!may_change(r, h->text[0]))
		return;
	if (config_set(r->server->config, h->text[0], h->text[1],
		CONFIG_FROM_CTL, error, sizeof error) != CONFIG_OK) {
		request_fail(r, CODE_UNAVAILABLE, "%s", error);
		return;
	}
	tell_atom(r, "ok");
}

static void
unset_env(struct request *r, const struct holes *h)
{
	if (!may_change(r, h->text[0]))
		return;
	config_reset(r->server->config, h->text[0]);
	tell_atom(r, "ok");
}

/* A number as one. */
static json_t *
value_document(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	return value != NULL ? value : json_string(text);
}

static void
get_env(struct request *r, const struct holes *h)
{
	struct wanted w = find(r, h->text[0]);
	char text[sizeof w.value + 8];

	if (!w.found) {
		tell_atom(r, "undefined");
		return;
	}
	snprintf(text, sizeof text, "{ok,%s}", w.value);
	tell(r, text, json_pack("[s, o]", "ok", value_document(w.value)));
}

/* --- alarms ------------------------------------------------------------- */

static void
force(struct request *r, const char *name, bool set)
{
	bool memory = strcmp(name, "memory") == 0;

	if (!memory && strcmp(name, "disk") != 0) {
		request_fail(
		    r, CODE_UNAVAILABLE, "there is no alarm for %s", name);
		return;
	}
	pressure_force(
	    &r->server->pressure, memory ? ALARM_MEMORY : ALARM_DISK, set);
	tell_atom(r, "ok");
}

static void
set_alarm(struct request *r, const struct holes *h)
{
	force(r, h->text[0], true);
}

static void
clear_alarm(struct request *r, const struct holes *h)
{
	force(r, h->text[0], false);
}

/* --- shapes ------------------------------------------------------------- */

static void
tell_node(struct request *r, const struct holes *h)
{
	tell_atom(r, node_name());
}

static const struct shape {
	const char *text; /* without spaces */
	void (*run)(struct request *, const struct holes *);
	bool needs_app;
} shapes[] = {
    {"application:set_env(rabbit,%,%)", set_env, false},
    {"application:get_env(rabbit,%)", get_env, false},
    {"application:unset_env(rabbit,%)", unset_env, false},
    {"rabbit_alarm:set_alarm({{resource_limit,%,node()},[]})", set_alarm, true},
    {"rabbit_alarm:clear_alarm({resource_limit,%,node()})", clear_alarm, true},
    {"node()", tell_node, false},
};

/* Reads an atom or a number; its size, 0 if it is none or too long. */
static size_t
read_hole(const char *p, char hole[ATOM])
{
	size_t n = 0;

	while (isalnum((unsigned char)p[n]) || p[n] == '_')
		n++;
	if (n >= ATOM)
		return 0;
	memcpy(hole, p, n);
	hole[n] = '\0';
	return n;
}

static bool
matches(const struct shape *s, const char *p, struct holes *h)
{
	size_t n, holes = 0;

	for (const char *want = s->text; *want != '\0'; want++) {
		if (*want != '%' && *p++ != *want)
			return false;
		if (*want != '%')
			continue;
		if ((n = read_hole(p, h->text[holes++])) == 0)
			return false;
		p += n;
	}
	return *p == '\0';
}

/* Without what is blank, and without the full stop at its end. False if there is
 * none, or it is too long. */
static bool
read_expression(const char *p, char expression[EXPRESSION])
{
	size_t n = 0;

	for (; *p != '\0' && n < EXPRESSION - 1; p++)
		if (!isspace((unsigned char)*p))
			expression[n++] = *p;
	if (*p != '\0' || n == 0 || expression[n - 1] != '.')
		return false;
	expression[n - 1] = '\0';
	return true;
}

static void
evaluate(struct request *r, const char *text)
{
	char expression[EXPRESSION];
	struct holes holes;

	if (read_expression(text, expression))
		for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
			if (matches(&shapes[i], expression, &holes)) {
				if (shapes[i].needs_app && r->server->down)
					command_needs_app(r);
				else
					shapes[i].run(r, &holes);
				return;
			}
	request_fail(r, CODE_UNAVAILABLE,
	    "there is no Erlang here to evaluate '%s'", text);
}

void
command_eval(struct request *r, size_t *budget)
{
	if (r->words.count == 0)
		request_fail(r, CODE_DATA,
		    "Expression to evaluate is not provided via argument or "
		    "stdin");
	else if (*r->words.arguments[0] == '\0')
		request_misused(r, CODE_USAGE,
		    ARGUMENT_ERROR "\"Expression must not be blank\"");
	else
		evaluate(r, r->words.arguments[0]);
}
