/* table.c - reads, checks, compares and builds field tables. */
#include "amqp/table.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/xalloc.h"

/* --- checking ------------------------------------------------------------ */

/* Octets behind the tag; 4 for the tags that announce a length. */
static const struct tag {
	const char *type; /* NULL: no such tag */
	uint8_t size;
	bool integer;
} tags[256] = {
    ['t'] = {"bool", 1, false},
    ['b'] = {"byte", 1, true},
    ['B'] = {"unsignedbyte", 1, true},
    ['s'] = {"short", 2, true},
    ['u'] = {"unsignedshort", 2, true},
    ['I'] = {"signedint", 4, true},
    ['i'] = {"unsignedint", 4, true},
    ['l'] = {"long", 8, true},
    ['L'] = {"long", 8, true},
    ['f'] = {"float", 4, false},
    ['d'] = {"double", 8, false},
    ['D'] = {"decimal", 5, false},
    ['S'] = {"longstr", 4, false},
    ['x'] = {"binary", 4, false},
    ['A'] = {"array", 4, false},
    ['T'] = {"timestamp", 8, false},
    ['F'] = {"table", 4, false},
    ['V'] = {"void", 0, false},
};

static const struct tag *
tag_of(char tag)
{
	return &tags[(uint8_t)tag];
}

const char *
amqp_type_name(char tag)
{
	const char *type = tag_of(tag)->type;
	return type != NULL ? type : "unknown";
}

bool
amqp_value_integer(const struct amqp_value *value)
{
	return tag_of(value->tag)->integer;
}

/* RabbitMQ cannot read infinities and what is not a number. */
static bool
check_finite(struct reader *r, char tag)
{
	static const uint32_t f = 0x7f800000;
	static const uint64_t d = 0x7ff0000000000000;
	return tag == 'f' ? (reader_u32(r) & f) != f : (reader_u64(r) & d) != d;
}

/* A table's pairs or an array's members. Each octet is visited once, whatever
 * the depth: what is inside is looked at only on its own level. *copied is set
 * if a key ends in C. */
static bool
check_inside(struct bytes inside, bool keys, int depth, bool *copied)
{
	struct reader r = reader_of(inside);
	while (reader_left(&r) > 0) {
		if (keys) {
			reader_shortstr(&r);
			if (r.p[-1] == 'C')
				*copied = true;
		}
		char tag = (char)reader_u8(&r);
		if (tag_of(tag)->type == NULL)
			return false;
		if (tag == 'S' || tag == 'x') {
			reader_longstr(&r);
		} else if (tag == 'F' || tag == 'A') {
			struct bytes deeper = reader_longstr(&r);
			if (depth == AMQP_TABLE_DEPTH ||
			    !check_inside(
				deeper, tag == 'F', depth + 1, copied))
				return false;
		} else if (tag == 'f' || tag == 'd') {
			if (!check_finite(&r, tag))
				return false;
		} else {
			reader_bytes(&r, tag_of(tag)->size);
		}
	}
	return reader_ok(&r);
}

bool
amqp_table_check(struct bytes table)
{
	bool copied;
	return check_inside(table, true, 0, &copied);
}

bool
amqp_headers_check(struct bytes table, bool *copied)
{
	return check_inside(table, true, 0, copied);
}

/* --- reading ------------------------------------------------------------- */

static double
read_float(struct reader *r)
{
	uint32_t bits = reader_u32(r);
	float f;
	memcpy(&f, &bits, sizeof f);
	return (double)f;
}

static double
read_double(struct reader *r)
{
	uint64_t bits = reader_u64(r);
	double d;
	memcpy(&d, &bits, sizeof d);
	return d;
}

static struct amqp_value
read_value(struct reader *r)
{
	struct amqp_value v = {.tag = (char)reader_u8(r)};
	/* clang-format off */
	switch (v.tag) {
	case 't': v.t = reader_u8(r) != 0; break;
	case 'b': v.i = (int8_t)reader_u8(r); break;
	case 'B': v.i = reader_u8(r); break;
	case 's': v.i = (int16_t)reader_u16(r); break;
	case 'u': v.i = reader_u16(r); break;
	case 'I': v.i = (int32_t)reader_u32(r); break;
	case 'i': v.i = reader_u32(r); break;
	case 'l': case 'L': case 'T': v.i = (int64_t)reader_u64(r); break;
	case 'f': v.d = read_float(r); break;
	case 'd': v.d = read_double(r); break;
	case 'S': case 'x': case 'A': case 'F': v.bytes = reader_longstr(r); break;
	case 'D':
		v.decimal.scale = reader_u8(r);
		v.decimal.value = (int32_t)reader_u32(r);
		break;
	}
	/* clang-format on */
	return v;
}

bool
amqp_array_next(struct reader *r, struct amqp_value *value)
{
	if (reader_left(r) == 0)
		return false;
	*value = read_value(r);
	return !r->bad;
}

bool
amqp_table_next(struct reader *r, struct bytes *key, struct amqp_value *value)
{
	if (reader_left(r) == 0)
		return false;
	*key = reader_shortstr(r);
	*value = read_value(r);
	return !r->bad;
}

bool
amqp_table_get(struct bytes table, struct bytes key, struct amqp_value *value)
{
	struct reader r = reader_of(table);
	struct bytes at;
	while (amqp_table_next(&r, &at, value)) {
		if (bytes_eq(at, key))
			return true;
	}
	return false;
}

/* --- comparing ----------------------------------------------------------- */

/* Where a key's first value stands. */
struct pair {
	struct bytes key;
	const uint8_t *value;
};

static int
pair_cmp(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int order = bytes_cmp(x->key, y->key);
	return order != 0 ? order
			  : (x->value > y->value) - (x->value < y->value);
}

static size_t
count_pairs(struct bytes table)
{
	struct reader r = reader_of(table);
	struct bytes key;
	struct amqp_value value;
	size_t n = 0;
	while (amqp_table_next(&r, &key, &value))
		n++;
	return n;
}

static size_t
unique(struct pair *pairs, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || !bytes_eq(pairs[kept - 1].key, pairs[i].key))
			pairs[kept++] = pairs[i];
	}
	return kept;
}

/* A table's keys in order, each once with its first value; in room if there
 * are few, else allocated. Sorting keeps a table made to be slow from being
 * so. */
struct index {
	struct pair *pairs;
	size_t n;
	struct pair room[16];
};

static void
index_init(struct index *index, struct bytes table)
{
	struct reader r = reader_of(table);
	size_t n = count_pairs(table);
	index->pairs = index->room;
	if (n > sizeof index->room / sizeof *index->room)
		index->pairs = xcalloc(n, sizeof *index->pairs);
	for (size_t i = 0; i < n; i++) {
		index->pairs[i].key = reader_shortstr(&r);
		index->pairs[i].value = r.p;
		read_value(&r);
	}
	qsort(index->pairs, n, sizeof *index->pairs, pair_cmp);
	index->n = unique(index->pairs, n);
}

static void
index_fini(struct index *index)
{
	if (index->pairs != index->room)
		free(index->pairs);
}

static struct amqp_value
value_at(const uint8_t *p, struct bytes table)
{
	struct reader r = {p, table.p + table.n, false};
	return read_value(&r);
}

void
amqp_table_sort(struct writer *w, struct bytes table)
{
	struct index index;

	index_init(&index, table);
	for (size_t i = 0; i < index.n; i++) {
		const uint8_t *value = index.pairs[i].value;
		struct reader r = {value, table.p + table.n, false};

		read_value(&r);
		writer_shortstr(w, index.pairs[i].key);
		writer_bytes(w, (struct bytes){value, (size_t)(r.p - value)});
	}
	index_fini(&index);
}

bool
amqp_table_equal(struct bytes a, struct bytes b)
{
	if (bytes_eq(a, b))
		return true;
	struct index x, y;
	index_init(&x, a);
	index_init(&y, b);
	bool equal = x.n == y.n;
	for (size_t i = 0; equal && i < x.n; i++) {
		struct amqp_value v = value_at(x.pairs[i].value, a);
		struct amqp_value w = value_at(y.pairs[i].value, b);
		equal = bytes_eq(x.pairs[i].key, y.pairs[i].key) &&
			amqp_value_equal(&v, &w);
	}
	index_fini(&x);
	index_fini(&y);
	return equal;
}

static bool
array_equal(struct bytes a, struct bytes b)
{
	struct reader x = reader_of(a), y = reader_of(b);
	struct amqp_value v, w;
	while (amqp_array_next(&x, &v)) {
		if (!amqp_array_next(&y, &w) || !amqp_value_equal(&v, &w))
			return false;
	}
	return reader_left(&y) == 0;
}

/* Both long tags are one type to RabbitMQ. */
static char
plain_tag(char tag)
{
	return tag == 'L' ? 'l' : tag;
}

bool
amqp_value_equal(const struct amqp_value *a, const struct amqp_value *b)
{
	if (plain_tag(a->tag) != plain_tag(b->tag))
		return false;
	switch (a->tag) {
	case 'V':
		return true;
	case 't':
		return a->t == b->t;
	case 'f':
	case 'd':
		return a->d == b->d;
	case 'D':
		return a->decimal.scale == b->decimal.scale &&
		       a->decimal.value == b->decimal.value;
	case 'S':
	case 'x':
		return bytes_eq(a->bytes, b->bytes);
	case 'A':
		return array_equal(a->bytes, b->bytes);
	case 'F':
		return amqp_table_equal(a->bytes, b->bytes);
	default:
		return a->i == b->i;
	}
}

static bool
is_float(const struct amqp_value *v)
{
	return v->tag == 'f' || v->tag == 'd';
}

static bool
is_text(const struct amqp_value *v)
{
	return v->tag == 'S' || v->tag == 'x';
}

/* Exact: 2^53 + 1 is not like 2^53 as a double. */
static bool
integer_is(int64_t i, double d)
{
	return d >= -0x1p63 && d < 0x1p63 && (int64_t)d == i &&
	       (double)(int64_t)d == d;
}

/* A timestamp counts as a number where it fits one. */
static bool
is_whole(const struct amqp_value *v)
{
	return amqp_value_integer(v) || (v->tag == 'T' && v->i >= 0);
}

bool
amqp_value_alike(const struct amqp_value *a, const struct amqp_value *b)
{
	if (is_whole(a) && is_whole(b))
		return a->i == b->i;
	if (is_float(a) && is_float(b))
		return a->d == b->d;
	if (is_whole(a) && is_float(b))
		return integer_is(a->i, b->d);
	if (is_float(a) && is_whole(b))
		return integer_is(b->i, a->d);
	if (is_text(a) && is_text(b))
		return bytes_eq(a->bytes, b->bytes);
	return amqp_value_equal(a, b);
}

/* --- building ------------------------------------------------------------ */

static void
put_key(struct writer *w, const char *key, char tag)
{
	writer_shortstr(w, bytes_str(key));
	writer_u8(w, (uint8_t)tag);
}

void
table_put_longstr(struct writer *w, const char *key, struct bytes value)
{
	put_key(w, key, 'S');
	writer_longstr(w, value);
}

void
table_put_bool(struct writer *w, const char *key, bool value)
{
	put_key(w, key, 't');
	writer_u8(w, value);
}

void
table_put_int(struct writer *w, const char *key, int32_t value)
{
	put_key(w, key, 'I');
	writer_u32(w, (uint32_t)value);
}

void
table_put_long(struct writer *w, const char *key, int64_t value)
{
	put_key(w, key, 'l');
	writer_u64(w, (uint64_t)value);
}

void
table_put_timestamp(struct writer *w, const char *key, uint64_t seconds)
{
	put_key(w, key, 'T');
	writer_u64(w, seconds);
}

size_t
table_begin(struct writer *w, const char *key)
{
	put_key(w, key, 'F');
	return writer_mark(w);
}

void
table_end(struct writer *w, size_t mark)
{
	writer_patch(w, mark);
}
