/* admin_table.c - objects shown as rabbitmqadmin shows them: in boxes, lines, JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/bytes.h"
#include "amqp/xalloc.h"
#include "broker/admin.h"

/* Cells lie row by row, the columns' names first. */
struct grid {
	char **cells;
	size_t columns, rows; /* the first row of names not counted */
};

static const char *
cell(const struct grid *g, size_t row, size_t column)
{
	return g->cells[row * g->columns + column];
}

/* --- from objects to cells ------------------------------------------------- */

/* Called for each member that becomes a cell. */
typedef void visit(void *arg, const char *column, const json_t *value);

struct walk {
	visit *visit;
	void *arg;
	const char *json; /* keys whose values are shown as JSON */
	int depth;	  /* how many objects may lie in each other */
};

static bool
is_among(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)) != NULL; p += n)
		if ((p == list || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\0'))
			return n > 0;
	return false;
}

static void
walk(const struct walk *w, const char *prefix, int depth, json_t *object)
{
	const char *key;
	json_t *value;
	char *column;

	json_object_foreach(object, key, value)
	{
		column = *prefix == '\0' ? xstrdup(key)
					 : xasprintf("%s.%s", prefix, key);
		if (!json_is_object(value) || is_among(w->json, key))
			w->visit(w->arg, column, value);
		else if (depth < w->depth)
			walk(w, column, depth + 1, value);
		free(column);
	}
}

static bool
all_texts(const json_t *array)
{
	size_t i;
	json_t *value;

	json_array_foreach(array, i, value)
		if (!json_is_string(value))
			return false;
	return true;
}

static char *
join(const json_t *array)
{
	char *text = xstrdup(""), *before;
	size_t i;
	json_t *value;

	json_array_foreach(array, i, value)
	{
		before = text;
		text = xasprintf("%s%s%s", before, i > 0 ? " " : "",
		    json_string_value(value));
		free(before);
	}
	return text;
}

/* As Python, which RabbitMQ's is written in, shows a value. */
static char *
show(const struct admin *a, const json_t *value)
{
	bool python = a->format != ADMIN_BOX && a->format != ADMIN_PLAIN;

	switch (json_typeof(value)) {
	case JSON_STRING:
		return xstrdup(json_string_value(value));
	case JSON_TRUE:
		return xstrdup(python ? "True" : "true");
	case JSON_FALSE:
		return xstrdup(python ? "False" : "false");
	case JSON_NULL:
		return xstrdup("");
	case JSON_ARRAY:
		if (all_texts(value))
			return join(value);
		/* fall through */
	default:
		return json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	}
}

struct names {
	char **names;
	size_t count;
};

static size_t
find_name(const char *const *names, size_t count, const char *name)
{
	size_t i = 0;

	while (i < count && strcmp(names[i], name) != 0)
		i++;
	return i;
}

static void
add_name(void *arg, const char *column, const json_t *value)
{
	struct names *n = arg;

	if (find_name((const char *const *)n->names, n->count, column) <
	    n->count)
		return;
	n->names = xrealloc(n->names, (n->count + 1) * sizeof *n->names);
	n->names[n->count++] = xstrdup(column);
}

/* Some come first, in this order; the others by name. */
static int
compare_names(const void *a, const void *b)
{
	static const char *const first[] = {"vhost", "name", "type", "source",
	    "destination", "destination_type", "routing_key"};
	enum { FIRST = sizeof first / sizeof *first };
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	size_t i = find_name(first, FIRST, x), j = find_name(first, FIRST, y);

	return i != j ? (i < j ? -1 : 1) : strcmp(x, y);
}

struct filling {
	const struct admin *admin;
	struct grid *grid;
	size_t row;
};

static void
fill_cell(void *arg, const char *column, const json_t *value)
{
	const struct filling *f = arg;
	const struct grid *g = f->grid;
	size_t i = find_name((const char *const *)g->cells, g->columns, column);

	if (i == g->columns)
		return;
	free(g->cells[f->row * g->columns + i]);
	g->cells[f->row * g->columns + i] = show(f->admin, value);
}

static void
find_columns(const struct admin *a, json_t *items, struct names *n,
    const char *json)
{
	struct walk w = {add_name, n, json, a->depth > 0 ? a->depth : 1};
	size_t i;
	json_t *item;

	json_array_foreach(items, i, item)
		walk(&w, "", 1, item);
	if (n->count > 0)
		qsort(n->names, n->count, sizeof *n->names, compare_names);
}

/* Columns that are asked for are looked for at any depth. */
static void
fill(const struct admin *a, struct grid *g, json_t *items, const char *json)
{
	struct filling f = {a, g, 1};
	struct walk w = {fill_cell, &f, json, 1000};
	json_t *item;
	size_t i;

	g->rows = json_array_size(items);
	g->cells = xrealloc(
	    g->cells, (g->rows + 1) * g->columns * sizeof *g->cells);
	for (i = g->columns; i < (g->rows + 1) * g->columns; i++)
		g->cells[i] = xstrdup("");
	json_array_foreach(items, i, item)
	{
		walk(&w, "", 1, item);
		f.row++;
	}
}

static void
make_grid(const struct admin *a, struct grid *g, json_t *items,
    const char *const *columns, size_t count, const char *json)
{
	struct names n = {0};

	for (size_t i = 0; i < count; i++) {
		n.names = xrealloc(n.names, (i + 1) * sizeof *n.names);
		n.names[n.count++] = xstrdup(columns[i]);
	}
	if (count == 0)
		find_columns(a, items, &n, json);
	g->cells = n.names;
	g->columns = n.count;
	fill(a, g, items, json);
}

static void
free_grid(struct grid *g)
{
	for (size_t i = 0; i < (g->rows + 1) * g->columns; i++)
		free(g->cells[i]);
	free(g->cells);
}

/* --- boxes --------------------------------------------------------------- */

/* Characters of UTF-8, each taken to be as wide as any other. */
static size_t
width(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static size_t *
widths(const struct grid *g)
{
	size_t *all = xcalloc(g->columns, sizeof *all), n;

	for (size_t i = 0; i < (g->rows + 1) * g->columns; i++) {
		n = width(g->cells[i]);
		if (n > all[i % g->columns])
			all[i % g->columns] = n;
	}
	return all;
}

static void
repeat(const char *text, size_t times)
{
	for (; times > 0; times--)
		fputs(text, stdout);
}

struct border {
	const char *line, *upright;
	const char *top[3], *middle[3], *bottom[3]; /* left, between, right */
};

static const struct border ascii = {"-", "|", {"+", "+", "+"},
    {"+", "+", "+"}, {"+", "+", "+"}};
static const struct border lines = {"─", "│", {"┌", "┬", "┐"},
    {"├", "┼", "┤"}, {"└", "┴", "┘"}};

static void
rule(const struct grid *g, const size_t *wide, const struct border *b,
    const char *const corners[3])
{
	for (size_t i = 0; i < g->columns; i++) {
		fputs(corners[i > 0], stdout);
		repeat(b->line, wide[i] + 2);
	}
	puts(corners[2]);
}

/* Names of columns stand in the middle, values at the left. */
static void
row(const struct grid *g, size_t n, const size_t *wide,
    const struct border *b)
{
	for (size_t i = 0; i < g->columns; i++) {
		const char *text = cell(g, n, i);
		size_t room = wide[i] - width(text);
		size_t left = n == 0 ? room / 2 : 0;

		printf("%s ", b->upright);
		repeat(" ", left);
		fputs(text, stdout);
		repeat(" ", room - left + 1);
	}
	puts(b->upright);
}

static void
print_box(const struct grid *g, const struct border *b)
{
	size_t *wide = widths(g);

	rule(g, wide, b, b->top);
	row(g, 0, wide, b);
	rule(g, wide, b, b->middle);
	for (size_t i = 1; i <= g->rows; i++)
		row(g, i, wide, b);
	rule(g, wide, b, b->bottom);
	free(wide);
}

/* --- lines --------------------------------------------------------------- */

static void
print_joined(const struct grid *g, size_t first)
{
	for (size_t n = first; n <= g->rows; n++)
		for (size_t i = 0; i < g->columns; i++)
			printf("%s%s", cell(g, n, i),
			    i + 1 < g->columns ? "\t" : "\n");
}

static void
print_long(const struct grid *g)
{
	static const char dashes[] =
	    "\n----------------------------------------"
	    "----------------------------------------\n";
	int wide = 0;

	for (size_t i = 0; i < g->columns; i++)
		if ((int)width(g->cells[i]) > wide)
			wide = (int)width(g->cells[i]);
	puts(dashes);
	for (size_t n = 1; n <= g->rows; n++) {
		for (size_t i = 0; i < g->columns; i++)
			printf("%*s: %s\n", wide, g->cells[i], cell(g, n, i));
		puts(dashes);
	}
}

static void
print_kvp(const struct grid *g)
{
	for (size_t n = 1; n <= g->rows; n++)
		for (size_t i = 0; i < g->columns; i++)
			printf("%s=\"%s\"%s", g->cells[i], cell(g, n, i),
			    i + 1 < g->columns ? " " : "\n");
}

/* Names, as words; of what has none, nothing. */
static void
print_bash(const struct grid *g)
{
	size_t i = find_name((const char *const *)g->cells, g->columns, "name");

	for (size_t n = 1; i < g->columns && n <= g->rows; n++)
		printf("%s%s", cell(g, n, i), n < g->rows ? " " : "\n");
}

static void
print_grid(const struct admin *a, const struct grid *g)
{
	switch (a->format) {
	case ADMIN_BOX:
		print_box(g, &lines);
		break;
	case ADMIN_PLAIN:
		print_joined(g, 1);
		break;
	case ADMIN_TSV:
		print_joined(g, a->quiet);
		break;
	case ADMIN_LONG:
		print_long(g);
		break;
	case ADMIN_KVP:
		print_kvp(g);
		break;
	case ADMIN_BASH:
		print_bash(g);
		break;
	default:
		print_box(g, &ascii);
	}
}

/* --- JSON ---------------------------------------------------------------- */

static int
print_json(json_t *items, size_t flags)
{
	char *text = json_dumps(items, flags);

	puts(text);
	free(text);
	json_decref(items);
	return 0;
}

int
admin_print(const struct admin *a, json_t *items, const char *const *columns,
    size_t count, const char *json)
{
	struct grid g = {0};

	if (a->format == ADMIN_RAW_JSON)
		return print_json(items, JSON_COMPACT);
	if (a->format == ADMIN_PRETTY_JSON)
		return print_json(items, JSON_INDENT(2) | JSON_SORT_KEYS);
	if (json_array_size(items) == 0) {
		json_decref(items);
		return admin_said(a, "No items");
	}
	make_grid(a, &g, items, columns, count, json);
	print_grid(a, &g);
	free_grid(&g);
	json_decref(items);
	return 0;
}
