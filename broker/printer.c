/* printer.c - writes a command's answer to the screen as rabbitmqctl would. */
#include "broker/printer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/folder.h"
#include "broker/grid.h"
#include "broker/show.h"

/* --- values and names of a row ----------------------------------------- */

/* A walk over a row: its values and the names of their columns. */
struct cells {
	struct reader names, values;
	struct amqp_value name, value;
	bool first;
};

static struct cells
cells_of(const struct printer *p, struct bytes row)
{
	return (struct cells){
	    .names = reader_of(p->names), .values = reader_of(row)};
}

/* Writes between if it is not the first; false at the end. */
static bool
next_cell(struct printer *p, struct cells *c, const char *between)
{
	bool more = amqp_array_next(&c->names, &c->name) &&
		    amqp_array_next(&c->values, &c->value);

	if (more && c->first)
		fputs(between, p->out);
	c->first = true;
	return more;
}

static char *
text_of(enum show how, const struct amqp_value *value)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		abort();
	show_value(f, how, value);
	fclose(f);
	return text;
}

/* --- table ------------------------------------------------------------- */

static void
table_header(struct printer *p)
{
	struct cells c = cells_of(p, p->names);

	while (next_cell(p, &c, "\t"))
		show_plain(p->out, c.name.bytes);
	putc('\n', p->out);
}

/* The header comes with the first row, as in RabbitMQ. */
static void
table_row(struct printer *p, struct bytes row)
{
	struct cells c = cells_of(p, row);

	if (p->rows == 0 && p->headers)
		table_header(p);
	while (next_cell(p, &c, "\t"))
		show_value(p->out, SHOW_TAB, &c.value);
	putc('\n', p->out);
}

/* --- json -------------------------------------------------------------- */

static void
object(struct printer *p, struct bytes row)
{
	struct cells c = cells_of(p, row);

	putc('{', p->out);
	while (next_cell(p, &c, ",")) {
		show_quoted(p->out, c.name.bytes);
		putc(':', p->out);
		show_value(p->out, SHOW_JSON, &c.value);
	}
	putc('}', p->out);
}

static void
json_row(struct printer *p, struct bytes row)
{
	fputs(p->rows > 0 ? "," : "[\n", p->out);
	object(p, row);
	putc('\n', p->out);
}

static void
json_end(struct printer *p)
{
	fputs(p->rows > 0      ? "]\n"
		  : p->collected ? "[]\n"
				 : "[\n]\n",
	    p->out);
}

/* What was said; of a command that said nothing, that it went well. */
static void
json_said(struct printer *p)
{
	if (p->json != NULL) {
		fprintf(p->out, "%s\n", p->json);
	} else if (p->text != NULL) {
		fputs("{\"message\":", p->out);
		show_quoted(p->out, bytes_str(p->text));
		fputs("}\n", p->out);
	} else {
		fprintf(p->out, "{\"node\":\"%s\",\"result\":\"ok\"}\n",
		    node_name());
	}
}

static void
stream_row(struct printer *p, struct bytes row)
{
	object(p, row);
	fputs("\n\n", p->out);
}

/* --- csv --------------------------------------------------------------- */

static void
csv_cell(struct printer *p, const struct amqp_value *value)
{
	char *text = text_of(SHOW_TAB, value);

	putc('"', p->out);
	for (const char *at = text; *at != '\0'; at++) {
		if (*at == '"')
			putc('"', p->out);
		putc(*at, p->out);
	}
	putc('"', p->out);
	free(text);
}

static void
csv_row(struct printer *p, struct bytes row)
{
	struct cells c = cells_of(p, row);

	while (next_cell(p, &c, ","))
		csv_cell(p, &c.value);
	putc('\n', p->out);
}

/* With the first row too, whatever was said about headers. */
static void
csv_first(struct printer *p, struct bytes row)
{
	if (p->rows == 0)
		csv_row(p, p->names);
	csv_row(p, row);
}

/* --- pretty_table ------------------------------------------------------ */

/* Texts are bare; of lists what is between the brackets. */
static char *
grid_text(const struct amqp_value *value)
{
	bool list = value->tag == 'F' || value->tag == 'A';
	char *text =
	    text_of(value->tag == 'F' ? SHOW_ERLANG : SHOW_TAB, value);
	size_t n = strlen(text);

	if (list && n >= 2) {
		memmove(text, text + 1, n - 2);
		text[n - 2] = '\0';
	}
	return text;
}

static void
pretty_begin(struct printer *p)
{
	struct cells c = cells_of(p, p->names);
	unsigned columns = 0;

	while (next_cell(p, &c, ""))
		columns++;
	p->grid = columns > 0 ? grid_new(columns) : NULL;
}

static void
pretty_row(struct printer *p, struct bytes row)
{
	struct cells c = cells_of(p, p->rows == 0 ? p->names : row);

	if (p->grid == NULL)
		return;
	while (next_cell(p, &c, ""))
		grid_add(p->grid, grid_text(&c.value));
	if (p->rows > 0)
		return;
	c = cells_of(p, row);
	while (next_cell(p, &c, ""))
		grid_add(p->grid, grid_text(&c.value));
}

/* What is no table, in a box of its own. */
static void
pretty_output(struct printer *p, const char *text)
{
	struct grid *g = grid_new(1);

	grid_add(g, xstrdup("Output"));
	grid_add(g, xstrdup(text));
	grid_draw(g, p->out);
	grid_free(g);
}

static void
pretty_end(struct printer *p)
{
	if (p->rows > 0 && p->grid != NULL)
		grid_draw(p->grid, p->out);
	else if (p->collected)
		pretty_output(p, "[]");
}

static void
pretty_said(struct printer *p)
{
	if (p->text != NULL)
		pretty_output(p, p->text);
}

/* --- erlang ------------------------------------------------------------ */

static void
erlang_row(struct printer *p, struct bytes row)
{
	struct cells c = cells_of(p, row);

	fputs(p->rows == 0 ? "[[" : ",\n [", p->out);
	while (next_cell(p, &c, ",")) {
		putc('{', p->out);
		show_atom(p->out, c.name.bytes);
		putc(',', p->out);
		show_value(p->out, SHOW_ERLANG, &c.value);
		putc('}', p->out);
	}
	putc(']', p->out);
}

static void
erlang_end(struct printer *p)
{
	fputs(p->rows == 0 ? "[]\n" : "]\n", p->out);
}

static void
erlang_said(struct printer *p)
{
	const struct amqp_value text = {
	    .tag = 'S', .bytes = bytes_str(p->text != NULL ? p->text : "")};

	if (p->text == NULL)
		return;
	show_value(p->out, SHOW_ERLANG, &text);
	putc('\n', p->out);
}

/* --- formats ----------------------------------------------------------- */

static const struct {
	const char *name;
	bool banners, documents; /* JSON that came may be told instead */
	void (*begin)(struct printer *);
	void (*row)(struct printer *, struct bytes);
	void (*end)(struct printer *);
	void (*said)(struct printer *); /* NULL: text is told as it comes */
} formats[] = {
    [FORMAT_TABLE] = {"table", true, false, NULL, table_row, NULL, NULL},
    [FORMAT_JSON] = {"json", false, true, NULL, json_row, json_end, json_said},
    [FORMAT_JSON_STREAM] = {"json_stream", false, true, NULL, stream_row, NULL,
	json_said},
    [FORMAT_CSV] = {"csv", false, false, NULL, csv_first, NULL, NULL},
    [FORMAT_PRETTY] = {"pretty_table", true, false, pretty_begin, pretty_row,
	pretty_end, pretty_said},
    [FORMAT_ERLANG] = {"erlang", true, false, NULL, erlang_row, erlang_end,
	erlang_said},
};

enum { FORMATS = sizeof formats / sizeof *formats };

bool
printer_format(const char *name, enum format *format)
{
	for (unsigned i = 0; i < FORMATS; i++)
		if (strcmp(name, formats[i].name) == 0) {
			*format = (enum format)i;
			return true;
		}
	return false;
}

bool
printer_has_banners(const struct printer *p)
{
	return p->banners && formats[p->format].banners;
}

/* --- frames ------------------------------------------------------------ */

/* An array's size and the wire form of its values are a table's but for the
 * keys: check it as the value of one. */
static bool
array_ok(struct bytes array)
{
	struct writer w = {0};
	bool ok;

	writer_shortstr(&w, BYTES("a"));
	writer_u8(&w, 'A');
	writer_longstr(&w, array);
	ok = amqp_table_check(writer_view(&w));
	writer_fini(&w);
	return ok;
}

/* In a format of documents JSON that came first takes the place of rows. */
static bool
replaced(const struct printer *p)
{
	return p->json != NULL && formats[p->format].documents;
}

static bool
columns(struct printer *p, struct bytes names)
{
	if (p->listing || !array_ok(names))
		return false;
	if (replaced(p))
		return true;
	p->listing = true;
	p->names = xbytesdup(names);
	if (formats[p->format].begin != NULL)
		formats[p->format].begin(p);
	return true;
}

static bool
row(struct printer *p, struct bytes values)
{
	if (replaced(p))
		return true;
	if (!p->listing || !array_ok(values))
		return false;
	formats[p->format].row(p, values);
	p->rows++;
	return true;
}

static bool
text(struct printer *p, struct bytes said)
{
	char *before = p->text;

	if (p->hushed && !formats[p->format].documents)
		return true;
	if (formats[p->format].said == NULL) {
		fwrite(said.p, 1, said.n, p->out);
		putc('\n', p->out);
		return true;
	}
	p->text = before != NULL
		      ? xasprintf("%s\n%.*s", before, BYTES_FMT(said))
		      : xasprintf("%.*s", BYTES_FMT(said));
	free(before);
	return true;
}

static bool
banner(struct printer *p, struct bytes said)
{
	if (printer_has_banners(p)) {
		show_plain(p->out, said);
		putc('\n', p->out);
		fflush(p->out);
	}
	return true;
}

/* The file is not touched before the first part is here. */
static bool
document(struct printer *p, struct bytes part)
{
	if (p->path == NULL)
		return false;
	if (p->document == NULL && p->trouble == 0) {
		p->document = strcmp(p->path, "-") == 0 ? p->out
							: fopen(p->path, "w");
		p->trouble = p->document == NULL ? errno : 0;
	}
	if (p->trouble == 0 &&
	    fwrite(part.p, 1, part.n, p->document) != part.n)
		p->trouble = errno;
	return true;
}

static void
close_document(struct printer *p)
{
	int rc = p->document == p->out ? fflush(p->out) : fclose(p->document);

	if (rc != 0 && p->trouble == 0)
		p->trouble = errno;
}

static bool
json(struct printer *p, struct bytes text)
{
	free(p->json);
	p->json = xasprintf("%.*s", BYTES_FMT(text));
	return true;
}

bool
printer_frame(struct printer *p, char kind, struct bytes payload)
{
	switch (kind) {
	case 'B':
		return banner(p, payload);
	case 'C':
		return columns(p, payload);
	case 'R':
		return row(p, payload);
	case 'T':
		return text(p, payload);
	case 'A':
		return !printer_has_banners(p) || text(p, payload);
	case 'J':
		return json(p, payload);
	case 'D':
		return document(p, payload);
	default:
		return false;
	}
}

void
printer_end(struct printer *p)
{
	if (p->listing && formats[p->format].end != NULL)
		formats[p->format].end(p);
	else if (!p->listing && formats[p->format].said != NULL &&
		 (p->document == NULL || p->document != p->out))
		formats[p->format].said(p);
}

void
printer_fini(struct printer *p)
{
	if (p->document != NULL)
		close_document(p);
	grid_free(p->grid);
	free((void *)p->names.p);
	free(p->text);
	free(p->json);
}
