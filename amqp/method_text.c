/* method_text.c - methods by name, and their fields as readable text. */
#include "amqp/method.h"

#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/text.h"
#include "amqp/xalloc.h"

/* --- the rows ------------------------------------------------------------ */

enum kind {
	KIND_u8,
	KIND_u16,
	KIND_u32,
	KIND_u64,
	KIND_bit,
	KIND_shortstr,
	KIND_octets,
	KIND_longstr,
	KIND_table,
};

struct field {
	const char *name; /* NULL ends the list */
	enum kind kind;
	size_t offset; /* in the method's struct */
};

/* In a function each, because a field's offset needs the name of its struct and
 * the row of a field does not say it. */
#define F(type, name) {#name, KIND_##type, offsetof(self, name)},
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	static const struct field *class##_##name##_fields(void)               \
	{                                                                      \
		typedef struct amqp_##class##_##name self;                     \
		static const struct field fields[] = {                         \
		    __VA_ARGS__{NULL, 0, sizeof(self)}};                       \
		return fields;                                                 \
	}
#include "amqp/methods.def"
#undef METHOD
#undef F

static const struct row {
	uint32_t id;
	const char *name;
	const struct field *(*fields)(void);
} rows[] = {
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	{AMQP_##class##_##name, #class "." #name, class##_##name##_fields},
#include "amqp/methods.def"
#undef METHOD
};

enum { ROWS = sizeof rows / sizeof *rows };

static const struct row *
row_of(uint32_t id)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].id == id)
			return &rows[i];
	}
	return NULL;
}

const char *
amqp_method_name(uint32_t id)
{
	const struct row *row = row_of(id);
	return row != NULL ? row->name : "unknown";
}

uint32_t
amqp_method_find(struct bytes name)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (bytes_eq(bytes_str(rows[i].name), name))
			return rows[i].id;
	}
	return 0;
}

/* All methods' structs begin where the union does. */
static const void *
place(const struct amqp_method *m, const struct field *field)
{
	return (const char *)&m->connection_start + field->offset;
}

/* --- printing ------------------------------------------------------------ */

static uint64_t
number(const void *p, enum kind kind)
{
	switch (kind) {
	case KIND_u8:
		return *(const uint8_t *)p;
	case KIND_u16:
		return *(const uint16_t *)p;
	case KIND_u32:
		return *(const uint32_t *)p;
	case KIND_u64:
		return *(const uint64_t *)p;
	default:
		return *(const bool *)p;
	}
}

static void
print_field(struct writer *w, const void *p, enum kind kind)
{
	if (kind == KIND_table)
		amqp_table_print(w, *(const struct bytes *)p);
	else if (kind >= KIND_shortstr)
		text_put_string(w, *(const struct bytes *)p);
	else
		text_printf(w, "%llu", (unsigned long long)number(p, kind));
}

void
amqp_method_print(struct writer *w, const struct amqp_method *m)
{
	const struct row *row = row_of(m->id);
	writer_bytes(w, bytes_str(amqp_method_name(m->id)));
	if (row == NULL)
		return;
	for (const struct field *f = row->fields(); f->name != NULL; f++) {
		text_printf(w, " %s=", f->name);
		print_field(w, place(m, f), f->kind);
	}
}

/* --- setting ------------------------------------------------------------- */

static bool
set_number(void *p, enum kind kind, struct bytes text)
{
	static const uint64_t max[] = {[KIND_u8] = UINT8_MAX,
	    [KIND_u16] = UINT16_MAX,
	    [KIND_u32] = UINT32_MAX,
	    [KIND_u64] = UINT64_MAX,
	    [KIND_bit] = 1};
	uint64_t v;
	if (!text_unsigned(text, max[kind], &v))
		return false;
	/* clang-format off */
	switch (kind) {
	case KIND_u8: *(uint8_t *)p = (uint8_t)v; break;
	case KIND_u16: *(uint16_t *)p = (uint16_t)v; break;
	case KIND_u32: *(uint32_t *)p = (uint32_t)v; break;
	case KIND_u64: *(uint64_t *)p = v; break;
	default: *(bool *)p = v; break;
	}
	/* clang-format on */
	return true;
}

static bool
read_bytes(struct writer *w, enum kind kind, struct bytes text)
{
	if (kind == KIND_table)
		return amqp_table_scan(w, text);
	if (!text_take_string(&text, "", w) || text.n != 0)
		return false;
	return kind == KIND_longstr || w->n <= UINT8_MAX;
}

static bool
set_bytes(struct bytes *p, enum kind kind, struct bytes text)
{
	struct writer w = {0};
	bool good = read_bytes(&w, kind, text);
	if (good)
		*p = xbytesdup(writer_view(&w));
	writer_fini(&w);
	return good;
}

static const struct field *
field_of(uint32_t id, struct bytes name)
{
	const struct row *row = row_of(id);
	if (row == NULL)
		return NULL;
	for (const struct field *f = row->fields(); f->name != NULL; f++) {
		if (bytes_eq(bytes_str(f->name), name))
			return f;
	}
	return NULL;
}

bool
amqp_method_set(struct amqp_method *m, struct bytes name, struct bytes text)
{
	const struct field *f = field_of(m->id, name);
	if (f == NULL)
		return false;
	void *p = (void *)place(m, f);
	return f->kind < KIND_shortstr ? set_number(p, f->kind, text)
				       : set_bytes(p, f->kind, text);
}
