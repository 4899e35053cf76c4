/* definitions_import.c - a definitions file is checked, and then made true. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/fingerprint.h"
#include "broker/import.h"
#include "broker/json.h"
#include "broker/log.h"
#include "broker/pattern.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/vhost.h"
#include "exchanges/type.h"

enum {
	SCAN_BYTES = 64, /* for a unit of a turn's budget */
	MEMBER_UNITS = 32, /* for a member, and one more for each: */
	MEMBER_BYTES = 16,
};

/* In the order in which they need each other. */
static const struct {
	const char *name;
	import_section *take;
} sections[] = {
    {"users", import_user},
    {"vhosts", import_a_vhost},
    {"permissions", import_permission},
    {"topic_permissions", import_topic_permission},
    {"parameters", import_parameter},
    {"global_parameters", import_global_parameter},
    {"policies", import_policy},
    {"queues", import_a_queue},
    {"exchanges", import_an_exchange},
    {"bindings", import_binding},
};

enum { SECTIONS = sizeof sections / sizeof *sections };

/* --- what it brings --------------------------------------------------------------- */

static struct bytes
key_of(struct import *im, struct bytes vhost, struct bytes name)
{
	im->key.n = 0;
	writer_bytes(&im->key, vhost);
	writer_u8(&im->key, 0);
	writer_bytes(&im->key, name);
	return writer_view(&im->key);
}

static struct coming *
bring(struct names *names, struct bytes key)
{
	struct coming *c = names_get(names, key);

	if (c != NULL)
		return c;
	c = xcalloc(1, sizeof *c);
	c->key = xbytesdup(key);
	names_put(names, c->key, c);
	return c;
}

static void
forget(struct names *names)
{
	struct coming *c;
	size_t at = 0;

	while ((c = names_each(names, &at)) != NULL) {
		if (c->exchange != NULL)
			exchange_free(c->exchange);
		free((void *)c->key.p);
		free(c);
	}
	names_fini(names);
	names_init(names);
}

bool
import_has_user(const struct import *im, struct bytes name)
{
	return names_get(&im->users, name) != NULL ||
	    auth_user(im->server->auth, name) != NULL;
}

bool
import_has_vhost(const struct import *im, struct bytes name)
{
	return names_get(&im->vhosts, name) != NULL ||
	    server_vhost(im->server, name) != NULL;
}

void
import_brings_user(struct import *im, struct bytes name)
{
	bring(&im->users, name);
}

void
import_brings_vhost(struct import *im, struct bytes name)
{
	bring(&im->vhosts, name);
}

void
import_brings_queue(struct import *im, struct bytes vhost, struct bytes name,
    const struct queue_type *type)
{
	bring(&im->queues, key_of(im, vhost, name))->queue = type;
	bring(&im->vhosts, vhost)->queues++;
}

size_t
import_new_queues(const struct import *im, struct bytes vhost)
{
	const struct coming *c = names_get(&im->vhosts, vhost);

	return c != NULL ? c->queues : 0;
}

void
import_brings_exchange(struct import *im, struct bytes vhost,
    struct bytes name, const struct exchange_type *type, struct bytes arguments)
{
	bring(&im->exchanges, key_of(im, vhost, name))->exchange =
	    exchange_new(type, name, arguments);
}

const struct queue_type *
import_queue(struct import *im, struct bytes vhost, struct bytes name)
{
	const struct vhost *v = server_vhost(im->server, vhost);
	const struct queue *q = v != NULL ? vhost_queue(v, name) : NULL;
	const struct coming *c;

	if (q != NULL)
		return q->type;
	c = names_get(&im->queues, key_of(im, vhost, name));
	return c != NULL ? c->queue : NULL;
}

const struct exchange *
import_exchange(struct import *im, struct bytes vhost, struct bytes name)
{
	const struct vhost *v = server_vhost(im->server, vhost);
	const struct exchange *x = v != NULL ? vhost_exchange(v, name) : NULL;
	const struct coming *c;

	if (x != NULL)
		return x;
	c = names_get(&im->exchanges, key_of(im, vhost, name));
	if (c != NULL)
		return c->exchange;
	if (v != NULL || vhost_predeclared(name) == NULL)
		return NULL;
	import_brings_exchange(
	    im, vhost, name, vhost_predeclared(name), BYTES(""));
	return import_exchange(im, vhost, name);
}

/* --- its steps ---------------------------------------------------------------------- */

static void
enter(struct import *im, enum import_phase phase)
{
	im->phase = phase;
	im->section = 0;
	members_init(&im->members, sections[0].name);
}

static void
finish(struct import *im)
{
	enter(im, IMPORT_DONE);
	import_forget_passwords(im);
	forget(&im->users);
	forget(&im->vhosts);
	forget(&im->queues);
	forget(&im->exchanges);
}

static void
refuse_document(struct import *im)
{
	snprintf(im->error, sizeof im->error, "%s", im->document.error);
	im->refused = true;
}

/* What was scanned, from there on. */
static void
take_fingerprint(struct import *im, size_t from)
{
	struct bytes text = im->document.text;

	if (im->fingerprint != NULL)
		fingerprint_add(im->fingerprint,
		    (struct bytes){text.p + from, im->document.at - from});
}

static void
look_at(struct import *im, size_t section)
{
	members_init_nth(&im->members, section);
	im->section = section;
}

static void
scanned(struct import *im)
{
	im->unchanged = im->fingerprint != NULL &&
	    fingerprint_known(im->fingerprint, im->server);
	if (!im->unchanged) {
		enter(im, IMPORT_OTHERS);
		look_at(im, 0);
		return;
	}
	log_info(DEFINITIONS_UNCHANGED);
	finish(im);
}

static void
scan(struct import *im, size_t *budget)
{
	size_t bytes = *budget > SIZE_MAX / SCAN_BYTES ? SIZE_MAX
						       : *budget * SCAN_BYTES;
	size_t left = bytes, from = im->document.at;
	enum document_status status = document_scan(&im->document, &left);

	take_fingerprint(im, from);
	switch (status) {
	case DOCUMENT_BAD:
		refuse_document(im);
		break;
	case DOCUMENT_DONE:
		scanned(im);
		break;
	case DOCUMENT_MORE:
		break;
	}
	*budget -= (bytes - left) / SCAN_BYTES;
	if (left == 0)
		*budget = 0;
}

static bool
is_section(struct bytes name)
{
	for (size_t i = 0; i < SECTIONS; i++)
		if (bytes_eq(bytes_str(sections[i].name), name))
			return true;
	return false;
}

/* RabbitMQ hashed with MD5 before 3.6. */
static void
look_at_version(struct import *im, struct bytes name, const json_t *value)
{
	int major, minor;

	if (!bytes_eq(name, BYTES("rabbit_version")) &&
	    !bytes_eq(name, BYTES("rabbitmq_version")))
		return;
	if (json_is_string(value) &&
	    sscanf(json_string_value(value), "%d.%d", &major, &minor) == 2)
		im->old_hashes = major < 3 || (major == 3 && minor < 6);
}

/* One member of a list, or all of what is none. */
static void
look_at_others(struct import *im)
{
	struct document *d = &im->document;
	size_t at = im->section;
	json_t *value;
	bool list;

	if (at == d->count) {
		enter(im, IMPORT_CHECK);
		return;
	}
	if (is_section(d->sections[at].name)) {
		look_at(im, at + 1);
		return;
	}
	list = document_is_list(d, at);
	value = list ? members_next(d, &im->members) : document_value(d, at);
	if (value == NULL && d->error[0] != '\0')
		refuse_document(im);
	else if (!list)
		look_at_version(im, d->sections[at].name, value);
	if (!list || value == NULL)
		look_at(im, at + 1);
	json_decref(value);
}

static void
take(struct import *im, json_t *member)
{
	im->member = im->whole = member;
	if (!json_is_object(member))
		import_refuse(im, "is no object");
	else if (!sections[im->section].take(im) && !import_checks(im))
		fatalx("definitions were found good, but %s", im->error);
	json_decref(member);
}

/* All that is told from here on is in one batch. */
static void
begin(struct import *im)
{
	enter(im, IMPORT_APPLY);
	journal_hold(&im->server->journal);
	server_changed(im->server);
}

static void
applied(struct import *im)
{
	if (im->fingerprint != NULL)
		fingerprint_keep(im->fingerprint, im->server);
	journal_release(&im->server->journal);
	log_info("Successfully imported definitions: %zu members", im->count);
	finish(im);
}

/* One member, or the end of a section. */
static void
walk(struct import *im)
{
	json_t *member = members_next(&im->document, &im->members);

	if (member != NULL) {
		im->count += !import_checks(im);
		take(im, member);
		return;
	}
	if (im->document.error[0] != '\0') {
		refuse_document(im);
		return;
	}
	if (++im->section < SECTIONS)
		members_init(&im->members, sections[im->section].name);
	else if (import_checks(im))
		enter(im, IMPORT_HASH);
	else
		applied(im);
}

static void
spend(size_t *budget, size_t units)
{
	*budget -= units < *budget ? units : *budget;
}

/* What the last member cost. */
static size_t
units(const struct import *im)
{
	return MEMBER_UNITS + im->members.size / MEMBER_BYTES;
}

static void
work(struct import *im, size_t *budget)
{
	while (pattern_spend(budget) && im->phase != IMPORT_DONE &&
	    !im->job.parked) {
		if (im->phase == IMPORT_SCAN) {
			scan(im, budget);
		} else if (im->phase == IMPORT_OTHERS) {
			look_at_others(im);
			spend(budget, units(im));
		} else if (im->phase == IMPORT_HASH) {
			if (import_hash(im))
				begin(im);
		} else {
			walk(im);
			spend(budget, units(im));
		}
		if (im->refused)
			finish(im);
	}
}

/* --- life ------------------------------------------------------------------------------ */

static bool
step(struct job *job, size_t *budget)
{
	struct import *im = (struct import *)job;

	work(im, budget);
	if (im->phase != IMPORT_DONE)
		return false;
	import_unref(im);
	return true;
}

struct import *
import_new(
    struct server *s, void *memory, struct bytes text, struct bytes vhost)
{
	struct import *im = xcalloc(1, sizeof *im);

	im->job.step = step;
	im->server = s;
	im->refs = 1;
	im->memory = memory;
	if (vhost.n > 0)
		im->vhost = xbytesdup(vhost);
	names_init(&im->users);
	names_init(&im->vhosts);
	names_init(&im->queues);
	names_init(&im->exchanges);
	document_init(&im->document, text);
	return im;
}

void
import_unref(struct import *im)
{
	if (im == NULL || --im->refs > 0)
		return;
	if (im->phase != IMPORT_DONE)
		finish(im);
	free((void *)im->vhost.p);
	free(im->memory);
	fingerprint_free(im->fingerprint);
	writer_fini(&im->key);
	writer_fini(&im->arguments);
	free(im);
}

/* The same text for another vhost is another document. */
void
import_skip_unchanged(struct import *im)
{
	im->fingerprint = fingerprint_new();
	if (im->vhost.n == 0)
		return;
	fingerprint_add(im->fingerprint, im->vhost);
	fingerprint_add(im->fingerprint, BYTES("\0"));
}

void
import_start(struct import *im)
{
	im->refs++;
	im->in_turns = true;
	server_add_job(im->server, &im->job, NULL);
}

bool
import_run(struct import *im)
{
	size_t enough = SIZE_MAX;

	while (im->phase != IMPORT_DONE) {
		work(im, &enough);
		enough = SIZE_MAX;
	}
	return !im->refused;
}

bool
import_done(const struct import *im)
{
	return im->phase == IMPORT_DONE;
}

const char *
import_error(const struct import *im)
{
	return im->refused ? im->error : NULL;
}

bool
import_has(struct import *im, const char *section)
{
	struct members m;
	json_t *member;

	for (size_t enough = SIZE_MAX; im->phase == IMPORT_SCAN && !im->refused;)
		scan(im, &enough);
	members_init(&m, section);
	member = im->refused ? NULL : members_next(&im->document, &m);
	json_decref(member);
	return member != NULL;
}

bool
import_unchanged(const struct import *im)
{
	return im->unchanged;
}

size_t
import_left_out(const struct import *im)
{
	return im->left_out;
}

static void
give_up(struct import *im)
{
	snprintf(im->error, sizeof im->error, "the broker was stopped");
	im->refused = true;
	finish(im);
}

static void
finish_those_of(struct job_list *jobs)
{
	struct job *job, *next;

	for (job = TAILQ_FIRST(jobs); job != NULL; job = next) {
		struct import *im = (struct import *)job;

		next = TAILQ_NEXT(job, link);
		if (job->step != step)
			continue;
		TAILQ_REMOVE(jobs, job, link);
		if (im->phase == IMPORT_APPLY)
			import_run(im);
		else
			give_up(im);
		import_unref(im);
	}
}

void
imports_finish(struct server *s)
{
	finish_those_of(&s->jobs);
	finish_those_of(&s->parked);
}
