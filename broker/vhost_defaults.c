/* vhost_defaults.c - what the settings give each new vhost: users, limits and
 * operator policies, to those whose names match. */
#include "broker/vhost_defaults.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "amqp/xalloc.h"
#include "broker/auth.h"
#include "broker/config.h"
#include "broker/json.h"
#include "broker/log.h"
#include "broker/parameters.h"
#include "broker/password.h"
#include "broker/pattern.h"
#include "broker/server.h"
#include "broker/vhost.h"

enum kind {
	KIND_USER,
	KIND_LIMITS,
	KIND_POLICY,
};

/* What one name of the settings says. */
struct given {
	enum kind kind;
	const char *name;	 /* borrowed from the settings */
	struct pattern *vhosts;
	char *value;		 /* JSON of limits or of a policy */
	const char *rights[VERBS]; /* of a user */
	char *tags;
	uint8_t hash[PASSWORD_HASH_MAX];
	size_t hash_size;
	STAILQ_ENTRY(given) link;
};

struct vhost_defaults {
	struct server *server;
	STAILQ_HEAD(, given) all; /* in the order of the settings */
};

/* A setting that has names, and the member of JSON that it stands for. */
struct part {
	size_t offset;
	const char *member;
};

#define PART(field, member) {offsetof(struct config, field), member}

static const struct part user_parts[] = {
    PART(users_vhost_pattern, NULL), PART(users_password, NULL),
    PART(users_configure, NULL), PART(users_write, NULL),
    PART(users_read, NULL), PART(users_tags, NULL), {0, NULL}};

static const struct part limit_parts[] = {PART(limits_pattern, NULL),
    PART(limits_connections, "max-connections"),
    PART(limits_queues, "max-queues"), {0, NULL}};

static const struct part policy_parts[] = {PART(policies_vhost_pattern, NULL),
    PART(policies_queue_pattern, NULL), PART(policies_expires, "expires"),
    PART(policies_message_ttl, "message-ttl"),
    PART(policies_max_length, "max-length"),
    PART(policies_max_length_bytes, "max-length-bytes"),
    PART(policies_delivery_limit, "delivery-limit"), {0, NULL}};

static const struct config_map *
map_of(const struct config *c, const struct part *part)
{
	return (const struct config_map *)((const char *)c + part->offset);
}

static const char *
value_of(const struct config_map *map, const char *name, const char *if_none)
{
	const char *value = config_find(map, name);

	return value != NULL ? value : if_none;
}

/* --- reading ------------------------------------------------------------------- */

/* Members of the parts that have some. */
static json_t *
object_of(const struct config *c, const struct part *parts, const char *name)
{
	json_t *object = json_object();
	const char *value;

	for (; parts->offset != 0; parts++) {
		value = parts->member != NULL
			    ? config_find(map_of(c, parts), name)
			    : NULL;
		if (value != NULL)
			json_object_set_new(object, parts->member,
			    json_integer(strtoll(value, NULL, 10)));
	}
	return object;
}

static bool
set_value(struct given *g, json_t *object, const char *component)
{
	char why[400];
	bool good;

	g->value = json_write(object);
	json_decref(object);
	good = parameter_check(bytes_str(component),
	    g->kind == KIND_LIMITS ? BYTES("limits") : bytes_str(g->name),
	    bytes_str(g->value), why, sizeof why);
	if (!good)
		log_error("%s.%s: %s",
		    g->kind == KIND_LIMITS ? "default_limits.vhosts"
					   : "default_policies.operator",
		    g->name, why);
	return good;
}

static bool
read_limits(struct server *s, struct given *g)
{
	return set_value(
	    g, object_of(s->config, limit_parts, g->name), "vhost-limits");
}

static bool
read_policy(struct server *s, struct given *g)
{
	const struct config *c = s->config;
	json_t *policy = json_object();

	json_object_set_new(policy, "pattern",
	    json_string(value_of(&c->policies_queue_pattern, g->name, ".*")));
	json_object_set_new(policy, "definition",
	    object_of(c, policy_parts, g->name));
	return set_value(g, policy, "operator_policy");
}

/* The caller's. */
static char *
without_blanks(const char *text)
{
	char *copy = xstrdup(text), *to = copy;

	for (; *text != '\0'; text++)
		if (*text != ' ' && *text != '\t')
			*to++ = *text;
	*to = '\0';
	return copy;
}

static bool
read_user(struct server *s, struct given *g)
{
	const struct config *c = s->config;
	const char *password = config_find(&c->users_password, g->name);

	g->rights[0] = value_of(&c->users_configure, g->name, ".*");
	g->rights[1] = value_of(&c->users_write, g->name, ".*");
	g->rights[2] = value_of(&c->users_read, g->name, ".*");
	g->tags = without_blanks(value_of(&c->users_tags, g->name, ""));
	if (password != NULL && *password != '\0')
		g->hash_size = password_hash(bytes_str(password),
		    password_algorithm(c->password_hashing_module), g->hash);
	return true;
}

static struct given *
find(const struct vhost_defaults *d, enum kind kind, const char *name)
{
	struct given *g;

	STAILQ_FOREACH(g, &d->all, link)
		if (g->kind == kind && strcmp(g->name, name) == 0)
			break;
	return g;
}

static bool
read_one(struct vhost_defaults *d, enum kind kind, const struct config_map *vhosts,
    const char *name)
{
	static bool (*const readers[])(struct server *, struct given *) = {
	    [KIND_USER] = read_user,
	    [KIND_LIMITS] = read_limits,
	    [KIND_POLICY] = read_policy,
	};
	struct given *g = xcalloc(1, sizeof *g);
	char why[200];

	g->kind = kind;
	g->name = name;
	STAILQ_INSERT_TAIL(&d->all, g, link);
	g->vhosts = pattern_new(
	    bytes_str(value_of(vhosts, name, ".*")), why, sizeof why);
	return readers[kind](d->server, g);
}

/* Whatever name one of the parts has; the first part is the pattern of vhosts. */
static bool
read_all(struct vhost_defaults *d, enum kind kind, const struct part *parts)
{
	const struct config *c = d->server->config;
	const struct config_map *vhosts = map_of(c, parts), *map;

	for (const struct part *part = parts; part->offset != 0; part++) {
		map = map_of(c, part);
		for (size_t i = 0; i < map->count; i++)
			if (find(d, kind, map->pairs[i].name) == NULL &&
			    !read_one(d, kind, vhosts, map->pairs[i].name))
				return false;
	}
	return true;
}

struct vhost_defaults *
vhost_defaults_new(struct server *s)
{
	struct vhost_defaults *d = xcalloc(1, sizeof *d);

	d->server = s;
	STAILQ_INIT(&d->all);
	if (read_all(d, KIND_LIMITS, limit_parts) &&
	    read_all(d, KIND_POLICY, policy_parts) &&
	    read_all(d, KIND_USER, user_parts))
		return d;
	vhost_defaults_free(d);
	return NULL;
}

void
vhost_defaults_free(struct vhost_defaults *d)
{
	struct given *g;

	while ((g = STAILQ_FIRST(&d->all)) != NULL) {
		STAILQ_REMOVE_HEAD(&d->all, link);
		pattern_free(g->vhosts);
		free(g->value);
		free(g->tags);
		free(g);
	}
	free(d);
}

/* --- giving ---------------------------------------------------------------------- */

static void
give_user(const struct given *g, struct vhost *v)
{
	struct auth *auth = v->server->auth;
	struct bytes name = bytes_str(g->name);
	struct bytes rights[VERBS];
	char why[300];

	if (auth_user(auth, name) == NULL)
		auth_add_hash(auth, name,
		    (struct bytes){g->hash, g->hash_size},
		    password_algorithm(
			v->server->config->password_hashing_module),
		    g->tags);
	for (unsigned i = 0; i < VERBS; i++)
		rights[i] = bytes_str(g->rights[i]);
	auth_set_permission(auth, name, v->name, rights, why, sizeof why);
	log_info("Added default user '%s' to vhost '%s'", g->name,
	    log_safe(v->name));
}

static void
give_parameter(const struct given *g, struct vhost *v)
{
	bool limits = g->kind == KIND_LIMITS;
	char why[400];

	parameter_set(v,
	    limits ? BYTES("vhost-limits") : BYTES("operator_policy"),
	    limits ? BYTES("limits") : bytes_str(g->name), bytes_str(g->value),
	    why, sizeof why);
	log_info("Applied default %s to vhost '%s': %s",
	    limits ? "limits" : "operator policy", log_safe(v->name), g->value);
}

/* Of limits the first that match count, of all else each that does. */
void
vhost_defaults_apply(const struct vhost_defaults *d, struct vhost *v)
{
	const struct given *g;
	bool limited = false;

	STAILQ_FOREACH(g, &d->all, link) {
		if (!pattern_matches(g->vhosts, v->name) ||
		    (g->kind == KIND_LIMITS && limited))
			continue;
		limited = limited || g->kind == KIND_LIMITS;
		if (g->kind == KIND_USER)
			give_user(g, v);
		else
			give_parameter(g, v);
	}
}
