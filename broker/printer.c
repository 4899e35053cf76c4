/* printer.c - writes a command's answer to the screen as rabbitmqctl would. */
#include "broker/printer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/folder.h"

static void
print(struct printer *p, struct bytes b)
{
	fwrite(b.p, 1, b.n, p->out);
}

/* Names may hold anything: what would move the cursor is shown escaped. */
static void
print_plain(struct printer *p, struct bytes b)
{
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] == '\t')
			fputs("\\t", p->out);
		else if (b.p[i] == '\n')
			fputs("\\n", p->out);
		else if (b.p[i] < 0x20 || b.p[i] == 0x7f)
			fprintf(p->out, "\\x%02x", b.p[i]);
		else
			putc(b.p[i], p->out);
	}
}

/* JSON is UTF-8: bytes that are not are shown as Latin-1 characters. */
static void
print_quoted(struct printer *p, struct bytes b)
{
	bool utf8 = bytes_utf8(b);

	putc('"', p->out);
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];

		if (c == '"' || c == '\\')
			fprintf(p->out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", p->out);
		else if (c == '\t')
			fputs("\\t", p->out);
		else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			fprintf(p->out, "\\u%04x", c);
		else
			putc(c, p->out);
	}
	putc('"', p->out);
}

/* --- values ------------------------------------------------------------ */

static void print_value(
    struct printer *, const struct amqp_value *, bool inside);

/* Text: [{"x-max-length",10}]; JSON: [["x-max-length","signedint",10]]. */
static void
print_pair(struct printer *p, struct bytes key, const struct amqp_value *value)
{
	bool json = p->format == FORMAT_JSON;

	putc(json ? '[' : '{', p->out);
	print_quoted(p, key);
	putc(',', p->out);
	if (json)
		fprintf(p->out, "\"%s\",", amqp_type_name(value->tag));
	print_value(p, value, true);
	putc(json ? ']' : '}', p->out);
}

static void
print_table(struct printer *p, struct bytes table)
{
	struct reader r = reader_of(table);
	struct amqp_value value;
	struct bytes key;

	putc('[', p->out);
	for (bool first = true; amqp_table_next(&r, &key, &value);
	     first = false) {
		if (!first)
			putc(',', p->out);
		print_pair(p, key, &value);
	}
	putc(']', p->out);
}

/* Text, outside of tables: [administrator, monitoring]. */
static void
print_array(struct printer *p, struct bytes array, bool inside)
{
	bool plain = p->format == FORMAT_TABLE && !inside;
	struct reader r = reader_of(array);
	struct amqp_value value;

	putc('[', p->out);
	for (bool first = true; amqp_array_next(&r, &value); first = false) {
		if (!first)
			fputs(plain ? ", " : ",", p->out);
		print_value(p, &value, inside);
	}
	putc(']', p->out);
}

static void
print_text(struct printer *p, struct bytes text, bool inside)
{
	if (p->format == FORMAT_JSON || inside)
		print_quoted(p, text);
	else
		print_plain(p, text);
}

/* inside a table, texts are quoted in both formats. */
static void
print_value(struct printer *p, const struct amqp_value *value, bool inside)
{
	switch (value->tag) {
	case 'S':
	case 'x':
		print_text(p, value->bytes, inside);
		break;
	case 'F':
		print_table(p, value->bytes);
		break;
	case 'A':
		print_array(p, value->bytes, inside);
		break;
	case 't':
		fputs(value->t ? "true" : "false", p->out);
		break;
	case 'f':
	case 'd':
		fprintf(p->out, "%.17g", value->d);
		break;
	case 'D':
		fprintf(p->out, "%de-%u", value->decimal.value,
		    value->decimal.scale);
		break;
	case 'V':
		if (p->format == FORMAT_JSON)
			fputs(inside ? "null" : "\"\"", p->out);
		else if (inside)
			fputs("undefined", p->out);
		break;
	default:
		fprintf(p->out, "%lld", (long long)value->i);
	}
}

/* --- tables ------------------------------------------------------------ */

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

static bool
columns(struct printer *p, struct bytes names)
{
	p->listing = true;
	free((void *)p->names.p);
	p->names = xbytesdup(names);
	if (p->format == FORMAT_JSON)
		fputs("[\n", p->out);
	return true;
}

static void
print_header(struct printer *p)
{
	struct reader r = reader_of(p->names);
	struct amqp_value name;

	for (bool first = true; amqp_array_next(&r, &name); first = false) {
		if (!first)
			putc('\t', p->out);
		print_plain(p, name.bytes);
	}
	putc('\n', p->out);
}

/* The header comes with the first row, as in RabbitMQ. */
static void
row_text(struct printer *p, struct bytes row)
{
	struct reader r = reader_of(row);
	struct amqp_value value;

	if (p->rows == 0 && p->headers)
		print_header(p);
	for (bool first = true; amqp_array_next(&r, &value); first = false) {
		if (!first)
			putc('\t', p->out);
		print_value(p, &value, false);
	}
	putc('\n', p->out);
}

static void
row_json(struct printer *p, struct bytes row)
{
	struct reader r = reader_of(row), names = reader_of(p->names);
	struct amqp_value value, name;
	bool first = true;

	fputs(p->rows > 0 ? ",{" : "{", p->out);
	while (amqp_array_next(&names, &name) && amqp_array_next(&r, &value)) {
		if (!first)
			putc(',', p->out);
		first = false;
		print_quoted(p, name.bytes);
		putc(':', p->out);
		print_value(p, &value, false);
	}
	fputs("}\n", p->out);
}

static bool
row(struct printer *p, struct bytes values)
{
	if (p->format == FORMAT_JSON)
		row_json(p, values);
	else
		row_text(p, values);
	p->rows++;
	return true;
}

/* --- text and the rest ------------------------------------------------- */

static bool
text(struct printer *p, struct bytes said)
{
	char *before = p->text;

	if (p->format == FORMAT_TABLE) {
		print(p, said);
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
	if (p->banners && p->format == FORMAT_TABLE) {
		print_plain(p, said);
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

bool
printer_frame(struct printer *p, char kind, struct bytes payload)
{
	switch (kind) {
	case 'B':
		return banner(p, payload);
	case 'C':
		return array_ok(payload) && columns(p, payload);
	case 'R':
		return p->listing && array_ok(payload) && row(p, payload);
	case 'T':
		return text(p, payload);
	case 'D':
		return document(p, payload);
	default:
		return false;
	}
}

static void
end_json(struct printer *p)
{
	if (p->text != NULL) {
		fputs("{\"message\":", p->out);
		print_quoted(p, bytes_str(p->text));
		fprintf(p->out, ",\"node\":\"%s\",\"status\":\"ok\"}\n",
		    node_name());
	} else {
		fprintf(p->out, "{\"node\":\"%s\",\"result\":\"ok\"}\n",
		    node_name());
	}
}

void
printer_end(struct printer *p, bool well)
{
	if (p->format == FORMAT_JSON && p->listing)
		fputs("]\n", p->out);
	else if (p->format == FORMAT_JSON && well && p->document != p->out)
		end_json(p);
	if (p->document != NULL)
		close_document(p);
	free((void *)p->names.p);
	free(p->text);
}

bool
printer_format(const char *name, enum format *format)
{
	*format = strcmp(name, "json") == 0 ? FORMAT_JSON : FORMAT_TABLE;
	return *format == FORMAT_JSON || strcmp(name, "table") == 0;
}
