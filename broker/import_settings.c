/* import_settings.c - vhosts, parameters and policies from a definitions file. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/import.h"
#include "broker/json.h"
#include "broker/log.h"
#include "broker/parameters.h"
#include "broker/vhost.h"

/* --- parameters ------------------------------------------------------------------ */

/* RabbitMQ's words on one line. */
static bool
refuse_value(struct import *im, char *why)
{
	size_t n = strlen(why);

	while (n > 0 && why[n - 1] == '\n')
		why[--n] = '\0';
	for (char *p = why; (p = strstr(p, "\n\n")) != NULL;)
		memcpy(p, ": ", 2);
	for (char *p = why; (p = strchr(p, '\n')) != NULL;)
		*p = ';';
	return import_refuse(im, "%s", why);
}

/* Checks it, or sets it in a vhost that may have gone. */
static bool
take_parameter(struct import *im, struct bytes vhost, struct bytes component,
    struct bytes name, const json_t *value)
{
	struct vhost *v = server_vhost(im->server, vhost);
	char *text = json_write(value), why[1000];
	bool good = true;

	if (import_checks(im))
		good = parameter_check(
		    component, name, bytes_str(text), why, sizeof why);
	else if (v != NULL)
		parameter_set(
		    v, component, name, bytes_str(text), why, sizeof why);
	free(text);
	return good || refuse_value(im, why);
}

static const json_t *
parameter_value(struct import *im, struct bytes component)
{
	const json_t *value;

	if (bytes_eq(component, BYTES("vhost-limits")))
		import_unfold(im->member, "value");
	value = json_object_get(im->member, "value");
	if (bytes_eq(component, BYTES("operator_policy")))
		import_unfold(value, "definition");
	return value;
}

bool
import_parameter(struct import *im)
{
	struct bytes vhost, component, name;
	const json_t *value;

	if (!import_name(im, "component", &component) ||
	    !import_name(im, "name", &name) || !import_vhost(im, &vhost))
		return false;
	value = parameter_value(im, component);
	if (value == NULL)
		return import_refuse(im, "has no value");
	if (bytes_eq(component, BYTES("policy")))
		return import_refuse(
		    im, "policies may not be set using this method");
	return take_parameter(im, vhost, component, name, value);
}

bool
import_global_parameter(struct import *im)
{
	const json_t *value = json_object_get(im->member, "value");
	char *text, why[400];
	struct bytes name;

	if (!import_name(im, "name", &name))
		return false;
	if (value == NULL)
		return import_refuse(im, "has no value");
	if (import_checks(im))
		return true;
	text = json_write(value);
	global_parameter_set(
	    im->server, name, bytes_str(text), why, sizeof why);
	free(text);
	return true;
}

/* A policy is a parameter of these members. */
bool
import_policy(struct import *im)
{
	static const char *const keys[] = {
	    "pattern", "definition", "priority", "apply-to"};
	struct bytes vhost, name;
	json_t *value, *v;
	bool good;

	import_unfold(im->member, "definition");
	if (!import_name(im, "name", &name) || !import_vhost(im, &vhost))
		return false;
	value = json_object();
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if ((v = json_object_get(im->member, keys[i])) != NULL)
			json_object_set(value, keys[i], v);
	if (json_object_get(value, "priority") == NULL)
		json_object_set_new(value, "priority", json_integer(0));
	if (json_object_get(value, "apply-to") == NULL)
		json_object_set_new(value, "apply-to", json_string("all"));
	good = take_parameter(im, vhost, BYTES("policy"), name, value);
	json_decref(value);
	return good;
}

/* --- vhosts ------------------------------------------------------------------------ */

/* What is said of a vhost; tags is own. */
struct reading {
	struct vhost_metadata said;
	char *tags;
};

/* RabbitMQ writes "undefined" where there is none. */
static bool
read_queue_type(struct import *im, struct bytes *type)
{
	if (bytes_eq(*type, BYTES("undefined")))
		*type = BYTES("");
	return type->n == 0 || bytes_eq(*type, BYTES("classic")) ||
	    bytes_eq(*type, BYTES("quorum")) ||
	    import_refuse(im, "Unsupported default queue type: %s",
		log_safe(*type));
}

/* The same members stand beside its name, and in its metadata. */
static bool
read_metadata(struct import *im, struct reading *r)
{
	const json_t *tags = json_object_get(im->member, "tags");
	char *joined = NULL;

	if (!import_text(
		im, "description", MAY, SIZE_MAX, &r->said.description) ||
	    !import_text(im, "default_queue_type", MAY, SIZE_MAX,
		&r->said.default_queue_type) ||
	    !read_queue_type(im, &r->said.default_queue_type))
		return false;
	if (tags == NULL || json_is_null(tags))
		return true;
	if (!import_tags(im, tags, &joined))
		return false;
	free(r->tags);
	r->tags = joined;
	r->said.tags = bytes_str(joined);
	return true;
}

static bool
read_both(struct import *im, struct reading *r)
{
	const json_t *metadata = NULL;
	bool good;

	if (!read_metadata(im, r) ||
	    !import_object(im, "metadata", MAY, &metadata))
		return false;
	if (metadata == NULL)
		return true;
	im->member = metadata;
	good = read_metadata(im, r);
	im->member = im->whole;
	return good;
}

static bool
take_limits(struct import *im, struct bytes name)
{
	const json_t *limits = NULL;

	if (!import_object(im, "limits", MAY, &limits))
		return false;
	return limits == NULL || json_object_size(limits) == 0 ||
	    take_parameter(im, name, BYTES("vhost-limits"), BYTES("limits"),
		limits);
}

static void
make(struct import *im, struct bytes name, const struct vhost_metadata *said)
{
	struct vhost *v = server_vhost(im->server, name);

	if (v == NULL)
		vhost_make(im->server, name, said);
	else
		vhost_describe(v, said);
}

bool
import_a_vhost(struct import *im)
{
	struct bytes name;
	struct vhost *old;
	struct reading r = {0};
	bool good;

	if (!import_text(im, "name", NEED, UINT8_MAX, &name))
		return false;
	if ((old = server_vhost(im->server, name)) != NULL)
		r.said = old->metadata;
	good = read_both(im, &r);
	if (good && import_checks(im))
		import_brings_vhost(im, name);
	else if (good)
		make(im, name, &r.said);
	free(r.tags);
	return good && take_limits(im, name);
}
