/* definitions_export.c - everything that is defined, written as definitions.json. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "broker/definitions.h"
#include "broker/fingerprint.h"
#include "broker/json.h"
#include "broker/json_table.h"
#include "broker/parameters.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/server.h"
#include "broker/topic_rights.h"
#include "broker/vhost.h"
#include "exchanges/type.h"

/* The RabbitMQ whose documents these are. */
#define RABBIT_VERSION "3.13.7"

enum { TRIES = 3 }; /* in slices, until it is written at once */

/* Where the walk stands is good as long as the server's generation is the one of
 * the last slice. */
struct export {
	struct server *server;
	struct writer out;
	uint64_t generation;
	unsigned tries;
	size_t section;
	const char *between; /* behind the last member of the section */

	size_t vhosts, at;
	struct vhost *vhost;
	struct exchange *exchange;
	const struct binding *binding;
};

/* --- members --------------------------------------------------------------- */

static void
put(struct export *e, const char *text)
{
	writer_bytes(&e->out, bytes_str(text));
}

/* key as it stands in JSON, with what comes in front: "{\"name\":". */
static void
put_text(struct export *e, const char *key, struct bytes value)
{
	put(e, key);
	json_quote(&e->out, value);
}

static void
put_bool(struct export *e, const char *key, bool value)
{
	put(e, key);
	put(e, value ? "true" : "false");
}

/* A line for each member. */
static void
begin_member(struct export *e)
{
	put(e, e->between);
	e->between = ",\n";
}

static void
put_tags(struct export *e, const char *key, struct bytes joined)
{
	const char *between = "[";

	put(e, key);
	if (joined.n == 0)
		put(e, "[");
	while (joined.n > 0) {
		const uint8_t *comma = memchr(joined.p, ',', joined.n);
		size_t n = comma != NULL ? (size_t)(comma - joined.p) : joined.n;

		put_text(e, between, (struct bytes){joined.p, n});
		between = ",";
		n += comma != NULL;
		joined.p += n;
		joined.n -= n;
	}
	put(e, "]");
}

/* --- what operators set: few, each section at once ---------------------------- */

static void
put_base64(struct export *e, const char *key, struct bytes b)
{
	uint8_t text[(128 + 2) / 3 * 4 + 1];
	int n = b.n <= 128 ? EVP_EncodeBlock(text, b.p, (int)b.n) : 0;

	put_text(e, key, (struct bytes){text, (size_t)n});
}

static bool
write_users(struct export *e, size_t *budget)
{
	const struct user *u;
	size_t at = 0;
	char *limits;

	while ((u = auth_each_user(e->server->auth, &at)) != NULL) {
		begin_member(e);
		put_text(e, "{\"name\":", u->name);
		put_base64(e, ",\"password_hash\":", u->hash);
		put_text(e, ",\"hashing_algorithm\":", bytes_str(u->algorithm));
		put_tags(e, ",\"tags\":", bytes_str(u->tags));
		limits = user_limits_text(u);
		put(e, ",\"limits\":");
		put(e, limits);
		put(e, "}");
		free(limits);
	}
	return true;
}

static void
put_limits(struct export *e, const struct vhost *v)
{
	const struct parameter *p = parameter_find(
	    v, BYTES("vhost-limits"), BYTES("limits"));

	put(e, ",\"limits\":");
	put(e, p != NULL ? p->value : "[]");
}

/* What is said of a vhost stands in its metadata and, since RabbitMQ 3.11, beside
 * its name. */
static void
put_metadata(struct export *e, const struct vhost_metadata *m)
{
	put_text(e, "\"description\":", m->description);
	put_tags(e, ",\"tags\":", m->tags);
	if (m->default_queue_type.n > 0)
		put_text(e, ",\"default_queue_type\":", m->default_queue_type);
}

static bool
write_vhosts(struct export *e, size_t *budget)
{
	const struct vhost *v;
	size_t at = 0;

	while ((v = names_each(&e->server->vhosts, &at)) != NULL) {
		begin_member(e);
		put_text(e, "{\"name\":", v->name);
		put(e, ",");
		put_metadata(e, &v->metadata);
		put(e, ",\"metadata\":{");
		put_metadata(e, &v->metadata);
		put(e, "}");
		put_limits(e, v);
		put(e, "}");
	}
	return true;
}

static bool
write_permissions(struct export *e, size_t *budget)
{
	const struct permission *p;
	const struct user *u;
	size_t at = 0;

	while ((u = auth_each_user(e->server->auth, &at)) != NULL)
		for (size_t i = 0;
		     (p = names_each(&u->permissions, &i)) != NULL;) {
			begin_member(e);
			put_text(e, "{\"user\":", u->name);
			put_text(e, ",\"vhost\":", p->vhost);
			put_text(e, ",\"configure\":", p->text[VERB_CONFIGURE]);
			put_text(e, ",\"write\":", p->text[VERB_WRITE]);
			put_text(e, ",\"read\":", p->text[VERB_READ]);
			put(e, "}");
		}
	return true;
}

static bool
write_topic_permissions(struct export *e, size_t *budget)
{
	const struct topic_right *t;
	const struct user *u;
	size_t at = 0;

	while ((u = auth_each_user(e->server->auth, &at)) != NULL)
		for (size_t i = 0; (t = topic_right_each(u, &i)) != NULL;) {
			begin_member(e);
			put_text(e, "{\"user\":", u->name);
			put_text(e, ",\"vhost\":", t->vhost);
			put_text(e, ",\"exchange\":", t->exchange);
			put_text(e, ",\"write\":", t->write_text);
			put_text(e, ",\"read\":", t->read_text);
			put(e, "}");
		}
	return true;
}

/* Policies have a section of their own. */
static void
write_parameter(
    struct export *e, const struct vhost *v, const struct parameter *p)
{
	begin_member(e);
	put_text(e, "{\"vhost\":", v->name);
	put_text(e, ",\"component\":", p->component);
	put_text(e, ",\"name\":", p->name);
	put(e, ",\"value\":");
	put(e, p->value);
	put(e, "}");
}

static void
put_member(struct export *e, const char *key, const json_t *value,
    const char *otherwise)
{
	char *text = value != NULL ? json_write(value) : NULL;

	put(e, key);
	put(e, text != NULL ? text : otherwise);
	free(text);
}

static void
write_policy(
    struct export *e, const struct vhost *v, const struct parameter *p)
{
	char why[200];
	json_t *value = json_read(bytes_str(p->value), why, sizeof why);

	begin_member(e);
	put_text(e, "{\"vhost\":", v->name);
	put_text(e, ",\"name\":", p->name);
	put_member(
	    e, ",\"pattern\":", json_object_get(value, "pattern"), "\"\"");
	put_member(
	    e, ",\"apply-to\":", json_object_get(value, "apply-to"), "\"all\"");
	put_member(
	    e, ",\"definition\":", json_object_get(value, "definition"), "{}");
	put_member(
	    e, ",\"priority\":", json_object_get(value, "priority"), "0");
	put(e, "}");
	json_decref(value);
}

typedef void write_fn(
    struct export *, const struct vhost *, const struct parameter *);

static void
write_each_parameter(struct export *e, bool policies, write_fn *write)
{
	const struct parameter *p;
	const struct vhost *v;
	size_t at = 0;

	while ((v = names_each(&e->server->vhosts, &at)) != NULL)
		for (size_t i = 0; (p = parameter_each(v, &i)) != NULL;)
			if (bytes_eq(p->component, BYTES("policy")) == policies)
				write(e, v, p);
}

static bool
write_parameters(struct export *e, size_t *budget)
{
	write_each_parameter(e, false, write_parameter);
	return true;
}

static bool
write_policies(struct export *e, size_t *budget)
{
	write_each_parameter(e, true, write_policy);
	return true;
}

static bool
write_global_parameters(struct export *e, size_t *budget)
{
	const struct global_parameter *g;
	size_t at = 0;

	while ((g = names_each(&e->server->global_parameters, &at)) != NULL) {
		if (bytes_eq(g->name, BYTES(FINGERPRINT_NAME)))
			continue;
		begin_member(e);
		put_text(e, "{\"name\":", g->name);
		put(e, ",\"value\":");
		put(e, g->value);
		put(e, "}");
	}
	return true;
}

/* --- what clients declare: any number of it ------------------------------------ */

/* The next of what each vhost has in the table at that offset; NULL at the end. */
static void *
next_thing(struct export *e, size_t table)
{
	void *thing = NULL;

	while (thing == NULL) {
		if (e->vhost == NULL) {
			e->at = 0;
			e->vhost = names_each(&e->server->vhosts, &e->vhosts);
		}
		if (e->vhost == NULL)
			return NULL;
		thing = names_each(
		    (const void *)((const char *)e->vhost + table), &e->at);
		if (thing == NULL)
			e->vhost = NULL;
	}
	return thing;
}

static void
write_queue(struct export *e, const struct queue *q)
{
	begin_member(e);
	put_text(e, "{\"name\":", queue_name(q));
	put_text(e, ",\"vhost\":", q->vhost->name);
	put_bool(e, ",\"durable\":", q->durable);
	put_bool(e, ",\"auto_delete\":", q->auto_delete);
	put_text(e, ",\"type\":", bytes_str(q->type->name));
	put(e, ",\"arguments\":");
	table_to_json(&e->out, q->arguments);
	put(e, "}");
}

static bool
write_queues(struct export *e, size_t *budget)
{
	const struct queue *q;

	for (; *budget > 0; --*budget) {
		q = next_thing(e, offsetof(struct vhost, queues));
		if (q == NULL)
			return true;
		if (q->owner == NULL)
			write_queue(e, q);
	}
	return false;
}

static bool
is_everywhere(const struct exchange *x)
{
	struct bytes name = x->destination.name;

	return name.n == 0 || bytes_starts(name, BYTES("amq."));
}

static void
write_exchange(
    struct export *e, const struct vhost *v, const struct exchange *x)
{
	begin_member(e);
	put_text(e, "{\"name\":", x->destination.name);
	put_text(e, ",\"vhost\":", v->name);
	put_text(e, ",\"type\":", bytes_str(x->type->name));
	put_bool(e, ",\"durable\":", x->durable);
	put_bool(e, ",\"auto_delete\":", x->auto_delete);
	put_bool(e, ",\"internal\":", x->internal);
	put(e, ",\"arguments\":");
	table_to_json(&e->out, x->arguments);
	put(e, "}");
}

static bool
write_exchanges(struct export *e, size_t *budget)
{
	const struct exchange *x;

	for (; *budget > 0; --*budget) {
		x = next_thing(e, offsetof(struct vhost, exchanges));
		if (x == NULL)
			return true;
		if (!is_everywhere(x))
			write_exchange(e, e->vhost, x);
	}
	return false;
}

/* Those of exclusive queues would lead nowhere. */
static bool
is_lasting(const struct destination *d)
{
	return d->kind != TO_QUEUE || ((const struct queue *)d)->owner == NULL;
}

static void
write_binding(
    struct export *e, const struct vhost *v, const struct binding *b)
{
	bool to_queue = b->destination->kind == TO_QUEUE;

	begin_member(e);
	put_text(e, "{\"source\":", b->source->destination.name);
	put_text(e, ",\"vhost\":", v->name);
	put_text(e, ",\"destination\":", b->destination->name);
	put(e, ",\"destination_type\":");
	put(e, to_queue ? "\"queue\"" : "\"exchange\"");
	put_text(e, ",\"routing_key\":", b->key);
	put(e, ",\"arguments\":");
	table_to_json(&e->out, b->arguments);
	put(e, "}");
}

static bool
write_bindings(struct export *e, size_t *budget)
{
	for (; *budget > 0; --*budget) {
		const struct binding *b = e->binding;

		if (b != NULL) {
			if (is_lasting(b->destination))
				write_binding(e, e->vhost, b);
			e->binding = b->from_next;
			continue;
		}
		e->exchange =
		    next_thing(e, offsetof(struct vhost, exchanges));
		if (e->exchange == NULL)
			return true;
		e->binding = e->exchange->bindings;
	}
	return false;
}

/* --- the document ---------------------------------------------------------------- */

static const struct {
	const char *name;
	bool (*write)(struct export *, size_t *budget);
} sections[] = {
    {"users", write_users},
    {"vhosts", write_vhosts},
    {"permissions", write_permissions},
    {"topic_permissions", write_topic_permissions},
    {"parameters", write_parameters},
    {"global_parameters", write_global_parameters},
    {"policies", write_policies},
    {"queues", write_queues},
    {"exchanges", write_exchanges},
    {"bindings", write_bindings},
};

enum { SECTIONS = sizeof sections / sizeof *sections };

static void
begin_section(struct export *e)
{
	put(e, ",\n\"");
	put(e, sections[e->section].name);
	put(e, "\":[");
	e->between = "\n";
	e->vhosts = e->at = 0;
	e->vhost = NULL;
	e->binding = NULL;
}

static void
begin(struct export *e)
{
	e->out.n = 0;
	e->section = 0;
	e->generation = e->server->generation;
	put(e,
	    "{\"rabbit_version\":\"" RABBIT_VERSION
	    "\",\"rabbitmq_version\":\"" RABBIT_VERSION
	    "\",\"product_name\":\"Leveret\",\"product_version\":\"" PACKAGE_VERSION
	    "\"");
	begin_section(e);
}

struct export *
export_new(struct server *s)
{
	struct export *e = xcalloc(1, sizeof *e);

	e->server = s;
	begin(e);
	return e;
}

bool
export_step(struct export *e, size_t *budget)
{
	size_t enough = SIZE_MAX;

	if (e->generation != e->server->generation) {
		begin(e);
		e->tries++;
	}
	if (e->tries >= TRIES)
		budget = &enough;
	while (sections[e->section].write(e, budget)) {
		put(e, "]");
		if (++e->section == SECTIONS) {
			put(e, "}\n");
			return true;
		}
		begin_section(e);
	}
	return false;
}

struct bytes
export_text(const struct export *e)
{
	return writer_view(&e->out);
}

void
export_free(struct export *e)
{
	if (e == NULL)
		return;
	writer_fini(&e->out);
	free(e);
}
