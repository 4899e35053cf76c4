/* admin_list.c - rabbitmqadmin's lists: who may see what, in which columns and
 * order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/admin.h"

/* How kinds are shown: the columns if none are asked for ("": all there are),
 * members that are shown as JSON, what they are ordered by. */
static const struct kind {
	const char *name, *columns, *json, *order;
	enum admin_tag tag;
} kinds[] = {
    {"connections", "name user channels", "", "vhost name", ADMIN_MANAGEMENT},
    {"channels", "name user", "", "vhost name", ADMIN_MANAGEMENT},
    {"consumers", "", "", "queue.vhost queue.name consumer_tag",
	ADMIN_MANAGEMENT},
    {"exchanges", "name type", "", "vhost name", ADMIN_MANAGEMENT},
    {"queues", "name messages", "", "vhost name", ADMIN_MANAGEMENT},
    {"bindings", "source destination routing_key", "",
	"vhost source destination_type destination routing_key "
	"properties_key",
	ADMIN_MANAGEMENT},
    {"users", "", "", "name", ADMIN_ADMINISTRATOR},
    {"vhosts", "name messages", "", "name", ADMIN_MANAGEMENT},
    {"permissions", "", "", "vhost user", ADMIN_ADMINISTRATOR},
    {"nodes", "name type mem_used", "", "name", ADMIN_MONITORING},
    {"parameters", "", "value", "vhost name", ADMIN_POLICYMAKER},
    {"policies", "", "definition", "vhost name", ADMIN_MANAGEMENT},
    {"operator_policies", "", "definition", "vhost name", ADMIN_MANAGEMENT},
    {"vhost_limits", "", "value", "vhost", ADMIN_MANAGEMENT},
    {"user_limits", "", "value", "user", ADMIN_ADMINISTRATOR},
    {"overview",
	"rabbitmq_version cluster_name queue_totals.messages "
	"object_totals.queues",
	"", "", ADMIN_MANAGEMENT},
};

/* "a.b" is b of a. */
static json_t *
find_value(json_t *object, const char *column)
{
	const char *dot = strchr(column, '.');
	json_t *value = json_object_get(object, column), *inner;
	char *first;

	if (value != NULL || dot == NULL)
		return value;
	first = xasprintf("%.*s", (int)(dot - column), column);
	inner = json_object_get(object, first);
	free(first);
	return inner != NULL ? find_value(inner, dot + 1) : NULL;
}

/* --- order ------------------------------------------------------------------- */

struct order {
	const char *columns; /* joined by spaces or commas */
	bool reverse;
};

static int
compare_values(const json_t *x, const json_t *y)
{
	double i, j;

	if (json_is_string(x) && json_is_string(y))
		return strcmp(json_string_value(x), json_string_value(y));
	if (json_is_number(x) && json_is_number(y)) {
		i = json_number_value(x);
		j = json_number_value(y);
		return (i > j) - (i < j);
	}
	return (x != NULL ? (int)json_typeof(x) : -1) -
	       (y != NULL ? (int)json_typeof(y) : -1);
}

static int
compare_objects(const void *a, const void *b, void *arg)
{
	json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	const struct order *o = arg;
	char column[64];
	int order = 0, n;

	for (const char *p = o->columns;
	     order == 0 && sscanf(p, "%63[^ ,]%n", column, &n) == 1;
	     p += n + (p[n] != '\0'))
		order = compare_values(
		    find_value(x, column), find_value(y, column));
	return o->reverse ? -order : order;
}

/* qsort of glibc keeps the order of equals. Takes items. */
static json_t *
sort(json_t *items, const struct order *o)
{
	size_t count = json_array_size(items), i;
	json_t **all = xcalloc(count + 1, sizeof *all), *sorted = json_array();

	for (i = 0; i < count; i++)
		all[i] = json_array_get(items, i);
	if (count > 1)
		qsort_r(all, count, sizeof *all, compare_objects, (void *)o);
	for (i = 0; i < count; i++)
		json_array_append(sorted, all[i]);
	free(all);
	json_decref(items);
	return sorted;
}

/* --- who may see what ------------------------------------------------------------ */

static bool
tags_have(const json_t *user, const char *tag)
{
	const json_t *tags = json_object_get(user, "tags"), *t;
	size_t i;

	json_array_foreach(tags, i, t)
		if (strcmp(json_string_value(t), tag) == 0)
			return true;
	return false;
}

static bool
enough(const json_t *user, enum admin_tag tag)
{
	if (tag == ADMIN_ANYBODY || tags_have(user, "administrator"))
		return true;
	if (tag == ADMIN_MONITORING)
		return tags_have(user, "monitoring");
	if (tag == ADMIN_POLICYMAKER)
		return tags_have(user, "policymaker");
	return tag == ADMIN_MANAGEMENT &&
	    (tags_have(user, "management") || tags_have(user, "policymaker") ||
		tags_have(user, "monitoring"));
}

bool
admin_has_tag(const struct admin *a, enum admin_tag tag)
{
	const char *const words[] = {"list_users"};
	struct answer t = {0};
	json_t *row;
	size_t i;
	bool found = a->user == NULL;

	if (!found)
		answer_ask(&t, words, 1);
	json_array_foreach(t.rows, i, row)
		if (strcmp(json_string_value(json_object_get(row, "user")),
			a->user) == 0)
			found = enough(row, tag);
	answer_fini(&t);
	return found;
}

int
admin_check_user(const struct admin *a, enum admin_tag tag)
{
	const char *const words[] = {"authenticate_user", "--", a->user,
	    a->password != NULL ? a->password : "guest"};
	struct answer t = {0};
	int status = 0;

	if (a->user == NULL)
		return 0;
	answer_ask(&t, words, 4);
	if (t.code == 65)
		status = admin_refused(a);
	else if (t.code != 0)
		status = admin_fail(t.why);
	else if (!admin_has_tag(a, tag))
		status = admin_refused(a);
	answer_fini(&t);
	return status;
}

static const char *
vhost_in(json_t *object, const char *kind)
{
	json_t *value = find_value(object,
	    strcmp(kind, "vhosts") == 0      ? "name"
	    : strcmp(kind, "consumers") == 0 ? "queue.vhost"
					     : "vhost");

	return json_string_value(value);
}

static bool
may_enter(json_t *permissions, const char *user, const char *vhost)
{
	json_t *p;
	size_t i;

	json_array_foreach(permissions, i, p)
		if (strcmp(json_string_value(json_object_get(p, "user")), user) ==
			0 &&
		    strcmp(json_string_value(json_object_get(p, "vhost")),
			vhost) == 0)
			return true;
	return false;
}

/* Who is not to watch over all sees the vhosts that are open to it, and of their
 * connections its own. */
static json_t *
hide(const struct admin *a, const char *kind, json_t *items, int *status)
{
	json_t *permissions = admin_objects(a, "permissions", NULL, status);
	json_t *item, *owner;
	const char *vhost;
	size_t i = 0;

	while ((item = json_array_get(items, i)) != NULL) {
		vhost = vhost_in(item, kind);
		if (vhost != NULL && !may_enter(permissions, a->user, vhost))
			json_array_remove(items, i);
		else if ((owner = json_object_get(item, "user")) != NULL &&
		    (!json_is_string(owner) ||
			strcmp(json_string_value(owner), a->user) != 0))
			json_array_remove(items, i);
		else
			i++;
	}
	json_decref(permissions);
	return items;
}

/* --- columns --------------------------------------------------------------------- */

static void
set_value(json_t *object, const char *column, json_t *value)
{
	const char *dot = strchr(column, '.');
	json_t *inner;
	char *first;

	if (dot == NULL) {
		json_object_set(object, column, value);
		return;
	}
	first = xasprintf("%.*s", (int)(dot - column), column);
	inner = json_object_get(object, first);
	if (inner == NULL) {
		inner = json_object();
		json_object_set_new(object, first, inner);
	}
	set_value(inner, dot + 1, value);
	free(first);
}

/* Only what is asked for. Takes items. */
static json_t *
choose(json_t *items, const char *const *columns, size_t count)
{
	json_t *all = json_array(), *item, *chosen, *value;
	size_t i;

	json_array_foreach(items, i, item)
	{
		chosen = json_object();
		for (size_t n = 0; n < count; n++)
			if ((value = find_value(item, columns[n])) != NULL)
				set_value(chosen, columns[n], value);
		json_array_append_new(all, chosen);
	}
	json_decref(items);
	return all;
}

/* Columns that are meant if none is asked for; own is cut into them. */
static size_t
default_columns(const struct admin *a, char *own, const char **columns)
{
	char *at, *word;
	size_t n = 0;

	if (a->depth > 0 || a->format == ADMIN_RAW_JSON ||
	    a->format == ADMIN_PRETTY_JSON)
		return 0;
	for (word = strtok_r(own, " ", &at); word != NULL;
	     word = strtok_r(NULL, " ", &at))
		columns[n++] = word;
	return n;
}

/* The query behind the path, as what cannot be found is called by it. */
static void
add_query(struct admin *a, const char *const *columns, size_t count)
{
	const char *between = "?columns=";

	for (size_t i = 0; i < count; i++) {
		a->path = admin_keep(
		    xasprintf("%s%s%s", a->path, between, columns[i]));
		between = ",";
	}
}

/* --- lists ------------------------------------------------------------------------- */

static const struct kind *
find_kind(const char *name)
{
	const struct kind *k = kinds;

	while (strcmp(k->name, name) != 0)
		k++; /* the rows of commands have no others */
	return k;
}

static json_t *
collect(const struct admin *a, const struct kind *k, int *status)
{
	bool everywhere = strchr(a->path + 1, '/') == NULL;
	json_t *items = admin_objects(
	    a, k->name, everywhere ? NULL : a->vhost, status);

	if (items != NULL && !admin_has_tag(a, ADMIN_MONITORING) &&
	    k->tag == ADMIN_MANAGEMENT)
		items = hide(a, k->name, items, status);
	return items;
}

/* RabbitMQ chooses columns before it orders bindings, and after it has ordered
 * others. */
static json_t *
arrange(const struct admin *a, const struct kind *k, json_t *items,
    const char *const *columns, size_t count)
{
	struct order o = {a->sort != NULL ? a->sort : k->order, a->reverse};
	bool late = strcmp(k->name, "bindings") == 0;

	if (!late)
		items = sort(items, &o);
	if (count > 0)
		items = choose(items, columns, count);
	return late ? sort(items, &o) : items;
}

int
admin_list(const struct admin *asked)
{
	struct admin a = *asked;
	const struct kind *k = find_kind(a.noun);
	const char *columns[ADMIN_WORDS];
	char *own = xstrdup(k->columns);
	size_t count = a.word_count;
	json_t *items;
	int status;

	memcpy(columns, a.words, count * sizeof *columns);
	if (count == 0)
		count = default_columns(&a, own, columns);
	add_query(&a, columns, count);
	status = admin_check_user(&a, k->tag);
	items = status == 0 ? collect(&a, k, &status) : NULL;
	if (status == 0)
		status = admin_print(&a,
		    arrange(&a, k, items, columns, count), columns, count,
		    k->json);
	free(own);
	return status;
}

int
admin_show(const struct admin *a)
{
	return admin_list(a);
}
