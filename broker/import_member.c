/* import_member.c - fields of a definitions file's members, and the sentences
 * that say what is wrong with them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/import.h"
#include "broker/json.h"
#include "broker/json_table.h"
#include "broker/log.h"
#include "broker/vhost.h"

enum { NAME_MAX_SIZE = 255 };

/* --- refusals ------------------------------------------------------------------ */

/* Which one it is: queues[3] (name "q", vhost "/"). No field but these is ever
 * shown. */
static size_t
put_which(struct import *im, char *text, size_t size)
{
	static const char *const keys[] = {
	    "name", "user", "source", "destination", "component", "vhost"};
	const char *between = " (", *value;
	size_t n = (size_t)snprintf(text, size, "%s[%zu]",
	    im->members.section, im->members.index);

	for (size_t i = 0; i < sizeof keys / sizeof *keys && n < size; i++) {
		json_t *v = json_object_get(im->whole, keys[i]);

		if ((value = json_string_value(v)) == NULL)
			continue;
		n += (size_t)snprintf(text + n, size - n, "%s%s \"%.100s\"",
		    between, keys[i], log_safe(bytes_str(value)));
		between = ", ";
	}
	if (n < size && between[0] == ',')
		n += (size_t)snprintf(text + n, size - n, ")");
	return n < size ? n : size - 1;
}

bool
import_refuse(struct import *im, const char *format, ...)
{
	size_t n = put_which(im, im->error, sizeof im->error);
	va_list ap;

	n += (size_t)snprintf(im->error + n, sizeof im->error - n, ": ");
	va_start(ap, format);
	if (n < sizeof im->error)
		vsnprintf(im->error + n, sizeof im->error - n, format, ap);
	va_end(ap);
	im->refused = true;
	return false;
}

/* --- fields -------------------------------------------------------------------- */

/* NULL if it is missing; null counts as that. */
static const json_t *
field(const struct import *im, const char *key)
{
	const json_t *v = json_object_get(im->member, key);

	return json_is_null(v) ? NULL : v;
}

static bool
missing(struct import *im, const char *key, bool need)
{
	return !need || import_refuse(im, "has no %s", key);
}

bool
import_text(struct import *im, const char *key, bool need, size_t max,
    struct bytes *value)
{
	const json_t *v = field(im, key);

	if (v == NULL)
		return missing(im, key, need);
	if (!json_is_string(v))
		return import_refuse(im, "its %s is no text", key);
	*value = json_bytes(v);
	if (value->n > max)
		return import_refuse(
		    im, "its %s is longer than %zu bytes", key, max);
	return true;
}

bool
import_name(struct import *im, const char *key, struct bytes *name)
{
	if (!import_text(im, key, NEED, NAME_MAX_SIZE, name))
		return false;
	return name->n > 0 || import_refuse(im, "its %s is empty", key);
}

bool
import_flag(struct import *im, const char *key, bool need, bool *value)
{
	const json_t *v = field(im, key);

	if (v == NULL)
		return missing(im, key, need);
	if (!json_is_boolean(v))
		return import_refuse(im, "its %s is neither true nor false", key);
	*value = json_is_true(v);
	return true;
}

/* A pair of a text and anything. */
static bool
is_pair(const json_t *v)
{
	return json_array_size(v) == 2 &&
	    json_is_string(json_array_get(v, 0));
}

void
import_unfold(const json_t *object, const char *key)
{
	const json_t *list = json_object_get(object, key);
	json_t *unfolded;
	size_t n = json_array_size(list);

	if (!json_is_array(list))
		return;
	for (size_t i = 0; i < n; i++)
		if (!is_pair(json_array_get(list, i)))
			return;
	unfolded = json_object();
	for (size_t i = 0; i < n; i++) {
		json_t *pair = json_array_get(list, i);

		json_object_set(unfolded,
		    json_string_value(json_array_get(pair, 0)),
		    json_array_get(pair, 1));
	}
	json_object_set_new((json_t *)object, key, unfolded);
}

bool
import_object(
    struct import *im, const char *key, bool need, const json_t **value)
{
	const json_t *v;

	import_unfold(im->member, key);
	if ((v = field(im, key)) == NULL)
		return missing(im, key, need);
	if (!json_is_object(v))
		return import_refuse(im, "its %s is no object", key);
	*value = v;
	return true;
}

/* Those that commas part, without blanks around them. */
static void
add_tags(struct writer *all, struct bytes text)
{
	while (text.n > 0) {
		const uint8_t *comma = memchr(text.p, ',', text.n);
		size_t n = comma != NULL ? (size_t)(comma - text.p) : text.n;
		struct bytes tag = {text.p, n};

		for (; tag.n > 0 && *tag.p == ' '; tag.p++)
			tag.n--;
		while (tag.n > 0 && tag.p[tag.n - 1] == ' ')
			tag.n--;
		if (tag.n > 0 && all->n > 0)
			writer_u8(all, ',');
		writer_bytes(all, tag);
		n += comma != NULL;
		text.p += n;
		text.n -= n;
	}
}

bool
import_tags(struct import *im, const json_t *value, char **tags)
{
	struct writer all = {0};

	*tags = NULL;
	if (!json_is_string(value) && !json_is_array(value))
		return import_refuse(im, "its tags are no list");
	if (json_is_string(value))
		add_tags(&all, json_bytes(value));
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *tag = json_array_get(value, i);

		if (!json_is_string(tag)) {
			writer_fini(&all);
			return import_refuse(im, "a tag is no text");
		}
		add_tags(&all, json_bytes(tag));
	}
	writer_u8(&all, 0);
	*tags = (char *)all.p;
	return true;
}

bool
import_vhost(struct import *im, struct bytes *name)
{
	*name = im->vhost;
	if (!import_text(im, "vhost", MAY, SIZE_MAX, name))
		return false;
	if (name->p == NULL)
		return import_refuse(
		    im, "names no vhost, and --vhost was not given");
	return !import_checks(im) || import_has_vhost(im, *name) ||
	    import_refuse(
		im, "virtual host '%s' does not exist", log_safe(*name));
}

bool
import_arguments(struct import *im, struct bytes *table)
{
	const json_t *v = NULL;
	char why[100];

	im->arguments.n = 0;
	if (!import_object(im, "arguments", MAY, &v))
		return false;
	if (v != NULL &&
	    !table_from_json(&im->arguments, v, why, sizeof why))
		return import_refuse(im, "its arguments: %s", why);
	*table = writer_view(&im->arguments);
	return amqp_table_check(*table) ||
	    import_refuse(im, "its arguments are no table of AMQP");
}
