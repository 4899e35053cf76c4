/* parameters.c - what operators set while the broker runs, as JSON. */
#include "broker/parameters.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "broker/json.h"
#include "broker/log.h"
#include "broker/policy.h"
#include "broker/server.h"
#include "broker/vhost.h"

/* What a component says of a value: each writes a line for what is wrong with
 * it. What it does with one: value is NULL when it was cleared. */
typedef void checker(struct writer *why, struct bytes name, const json_t *);
typedef void actor(struct vhost *, struct bytes name, const json_t *);

struct component {
	const char *name;
	checker *check; /* NULL: anything */
	actor *act;	/* NULL: it is only kept */
	char *(*write)(const json_t *); /* as RabbitMQ shows it */
};

/* --- limits of a vhost ------------------------------------------------------- */

static void
say(struct writer *w, const char *text)
{
	writer_bytes(w, bytes_str(text));
}

static bool
is_limit(const char *key)
{
	return strcmp(key, "max-connections") == 0 ||
	    strcmp(key, "max-queues") == 0;
}

static void
check_unknown(struct writer *why, const json_t *v)
{
	const char *key, *begin = "Unrecognised terms [";
	json_t *value;

	json_object_foreach((json_t *)v, key, value) {
		if (is_limit(key))
			continue;
		say(why, begin);
		json_print_pair(why, key, value);
		begin = ",";
	}
	if (begin[0] == ',')
		say(why, "] in limits\n");
}

static void
check_limits(struct writer *why, struct bytes name, const json_t *v)
{
	const char *key;
	json_t *value;

	if (!json_is_object(v)) {
		say(why, "limits should be an object\n");
		return;
	}
	check_unknown(why, v);
	json_object_foreach((json_t *)v, key, value) {
		if (!is_limit(key) || json_is_integer(value))
			continue;
		say(why, key);
		say(why, " should be a number, actually was ");
		json_print_term(why, value);
		say(why, "\n");
	}
}

static int64_t
limit_of(const json_t *v, const char *key)
{
	const json_t *n = json_object_get(v, key);

	return n != NULL && json_integer_value(n) >= 0 ? json_integer_value(n)
						       : -1;
}

static void
act_on_limits(struct vhost *v, struct bytes name, const json_t *value)
{
	v->max_connections = limit_of(value, "max-connections");
	v->max_queues = limit_of(value, "max-queues");
}

/* --- components ---------------------------------------------------------------- */

static const struct component components[] = {
    {"policy", policy_check, policy_act, json_write},
    {"operator_policy", policy_check_operator, policy_act_operator,
	json_write},
    {"vhost-limits", check_limits, act_on_limits, json_write_sorted},
    {"shovel", NULL, NULL, json_write_sorted},
    {"federation-upstream", NULL, NULL, json_write_sorted},
    {"federation-upstream-set", NULL, NULL, json_write_sorted},
};

static const struct component *
find_component(struct bytes name)
{
	for (size_t i = 0; i < sizeof components / sizeof *components; i++)
		if (bytes_eq(bytes_str(components[i].name), name))
			return &components[i];
	return NULL;
}

/* The value read and found good; NULL with what is wrong. */
static json_t *
check(const struct component *c, struct bytes component, struct bytes name,
    struct bytes text, char *error, size_t size)
{
	char reason[200];
	json_t *v = json_read(text, reason, sizeof reason);
	struct writer why = {0};

	if (v == NULL) {
		snprintf(error, size, "JSON decoding error. Reason: %s", reason);
		return NULL;
	}
	if (c == NULL)
		snprintf(error, size,
		    "Validation failed\n\ncomponent %s not found\n",
		    log_safe(component));
	else if (c->check != NULL)
		c->check(&why, name, v);
	if (why.n > 0)
		snprintf(error, size, "Validation failed\n\n%.*s", (int)why.n,
		    (const char *)why.p);
	if (c == NULL || why.n > 0) {
		json_decref(v);
		v = NULL;
	}
	writer_fini(&why);
	return v;
}

bool
parameter_check(struct bytes component, struct bytes name, struct bytes value,
    char *error, size_t size)
{
	json_t *v = check(
	    find_component(component), component, name, value, error, size);

	json_decref(v);
	return v != NULL;
}

/* --- keeping them ---------------------------------------------------------------- */

static struct bytes
key_of(struct bytes component, struct bytes name)
{
	uint8_t *p = xmalloc(component.n + 1 + name.n);

	put_bytes(p, component);
	p[component.n] = 0;
	put_bytes(p + component.n + 1, name);
	return (struct bytes){p, component.n + 1 + name.n};
}

static void
parameter_free(struct parameter *p)
{
	if (p == NULL)
		return;
	free((void *)p->key.p);
	free(p->value);
	free(p);
}

static struct parameter *
keep(struct vhost *v, struct bytes component, struct bytes name,
    const json_t *value)
{
	struct parameter *p = xcalloc(1, sizeof *p);

	p->key = key_of(component, name);
	p->component = (struct bytes){p->key.p, component.n};
	p->name = (struct bytes){p->key.p + component.n + 1, name.n};
	p->value = find_component(component)->write(value);
	parameter_free(names_take(&v->parameters, p->key));
	names_put(&v->parameters, p->key, p);
	return p;
}

static struct definition
define(const struct vhost *v, const struct parameter *p)
{
	return (struct definition){DEF_parameter,
	    .parameter = {v->name, p->component, p->name,
		bytes_str(p->value)}};
}

bool
parameter_set(struct vhost *v, struct bytes component, struct bytes name,
    struct bytes text, char *error, size_t size)
{
	const struct component *c = find_component(component);
	json_t *value = check(c, component, name, text, error, size);
	struct definition d;

	if (value == NULL)
		return false;
	d = define(v, keep(v, component, name, value));
	journal_put(&v->server->journal, &d);
	server_stored(v->server);
	if (c->act != NULL)
		c->act(v, name, value);
	json_decref(value);
	return true;
}

const struct parameter *
parameter_find(
    const struct vhost *v, struct bytes component, struct bytes name)
{
	struct bytes key = key_of(component, name);
	const struct parameter *p = names_get(&v->parameters, key);

	free((void *)key.p);
	return p;
}

bool
parameter_clear(struct vhost *v, struct bytes component, struct bytes name)
{
	struct parameter *p =
	    (struct parameter *)parameter_find(v, component, name);
	const struct component *c = find_component(component);
	struct definition d;

	if (p == NULL)
		return false;
	d = define(v, p);
	journal_remove(&v->server->journal, &d);
	server_stored(v->server);
	names_take(&v->parameters, p->key);
	if (c->act != NULL)
		c->act(v, p->name, NULL);
	parameter_free(p);
	return true;
}

const struct parameter *
parameter_each(const struct vhost *v, size_t *at)
{
	return names_each(&v->parameters, at);
}

void
parameters_free(struct vhost *v)
{
	struct parameter *p;
	size_t at = 0;

	while ((p = names_each(&v->parameters, &at)) != NULL)
		parameter_free(p);
	names_fini(&v->parameters);
}

/* --- those of the whole broker ---------------------------------------------------- */

static void
global_free(struct global_parameter *g)
{
	if (g == NULL)
		return;
	free((void *)g->name.p);
	free(g->value);
	free(g);
}

static void
keep_global(struct server *s, struct bytes name, const char *value)
{
	struct global_parameter *g = xcalloc(1, sizeof *g);

	g->name = xbytesdup(name);
	g->value = xstrdup(value);
	global_free(names_take(&s->global_parameters, name));
	names_put(&s->global_parameters, g->name, g);
}

bool
global_parameter_set(struct server *s, struct bytes name, struct bytes text,
    char *error, size_t size)
{
	char reason[200], *value;
	json_t *v = json_read(text, reason, sizeof reason);
	struct definition d = {DEF_global_parameter};

	if (v == NULL) {
		snprintf(error, size, "JSON decoding error. Reason: %s", reason);
		return false;
	}
	value = json_write_sorted(v);
	json_decref(v);
	keep_global(s, name, value);
	d.global_parameter = (struct def_global_parameter){name, bytes_str(value)};
	journal_put(&s->journal, &d);
	server_stored(s);
	free(value);
	return true;
}

bool
global_parameter_clear(struct server *s, struct bytes name)
{
	struct global_parameter *g = names_take(&s->global_parameters, name);
	struct definition d = {
	    DEF_global_parameter, .global_parameter = {.name = name}};

	if (g == NULL)
		return false;
	journal_remove(&s->journal, &d);
	server_stored(s);
	global_free(g);
	return true;
}

char *
server_cluster_name(const struct server *s)
{
	const struct global_parameter *g =
	    names_get(&s->global_parameters, BYTES("cluster_name"));
	const char *set = s->config->cluster_name;
	struct utsname u;
	char reason[200], *name;
	json_t *v;

	if (g == NULL && *set != '\0')
		return xstrdup(set);
	if (g == NULL) {
		uname(&u);
		return xasprintf("leveret@%s", u.nodename);
	}
	v = json_read(bytes_str(g->value), reason, sizeof reason);
	name = xasprintf("%.*s", BYTES_FMT(json_bytes(v)));
	json_decref(v);
	return name;
}

void
global_parameters_free(struct server *s)
{
	struct global_parameter *g;
	size_t at = 0;

	while ((g = names_each(&s->global_parameters, &at)) != NULL)
		global_free(g);
	names_fini(&s->global_parameters);
}

/* --- from the store ------------------------------------------------------------------ */

static void
restore(struct vhost *v, const struct def_parameter *d)
{
	const struct component *c = find_component(d->component);
	char error[400];
	json_t *value = check(
	    c, d->component, d->name, d->value, error, sizeof error);

	if (value == NULL) {
		log_error("parameter '%s' of vhost '%s' is left out: %s",
		    log_safe(d->name), log_safe(d->vhost), error);
		return;
	}
	keep(v, d->component, d->name, value);
	if (c->act != NULL)
		c->act(v, d->name, value);
	json_decref(value);
}

void
parameters_restore(struct server *s, const struct definition *d)
{
	const struct def_global_parameter *g = &d->global_parameter;
	struct vhost *v;
	char *value;

	if (d->kind == DEF_parameter) {
		if ((v = server_vhost(s, d->parameter.vhost)) != NULL)
			restore(v, &d->parameter);
		return;
	}
	value = xasprintf("%.*s", BYTES_FMT(g->value));
	keep_global(s, g->name, value);
	free(value);
}
