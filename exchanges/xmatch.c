/* xmatch.c - how a headers binding's arguments are to be understood. */
#include "exchanges/xmatch.h"

#include <stdio.h>

#include "amqp/table.h"
#include "exchanges/quote.h"

static const struct row {
	const char *name;
	struct xmatch xmatch;
} rows[] = {
    {"all", {.any = false, .with_x = false}},
    {"any", {.any = true, .with_x = false}},
    {"all-with-x", {.any = false, .with_x = true}},
    {"any-with-x", {.any = true, .with_x = true}},
};

static const struct row *
row_find(const struct amqp_value *value)
{
	if (value->tag == 'S')
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			if (bytes_eq(value->bytes, bytes_str(rows[i].name)))
				return &rows[i];
	return NULL;
}

/* What is longer than a reply text is cut anyway. */
static const char *
refusal(const struct amqp_value *value)
{
	static char text[512];
	struct writer w = {0};

	quote_value(&w, value);
	if (value->tag == 'S')
		snprintf(text, sizeof text,
		    "Invalid x-match field value %.*s; expected all, any, "
		    "all-with-x, or any-with-x",
		    BYTES_FMT(writer_view(&w)));
	else
		snprintf(text, sizeof text,
		    "Invalid x-match field type %s (value %.*s); "
		    "expected longstr",
		    amqp_type_name(value->tag), BYTES_FMT(writer_view(&w)));
	writer_fini(&w);
	return text;
}

const char *
xmatch_check(struct bytes key, struct bytes arguments)
{
	struct amqp_value value;

	if (!amqp_table_get(arguments, BYTES("x-match"), &value) ||
	    row_find(&value) != NULL)
		return NULL;
	return refusal(&value);
}

struct xmatch
xmatch_of(struct bytes arguments)
{
	struct amqp_value value;
	const struct row *row = NULL;

	if (amqp_table_get(arguments, BYTES("x-match"), &value))
		row = row_find(&value);
	return row != NULL ? row->xmatch : rows[0].xmatch;
}

bool
xmatch_asks(struct xmatch x, struct bytes name)
{
	if (x.with_x)
		return !bytes_eq(name, BYTES("x-match"));
	return !bytes_starts(name, BYTES("x-"));
}
