/* sqlite_pack.c - the bytes of a pack.
 *
 * One octet for the version, then the entries. An entry is an octet of flags
 * and what they announce, in the order of the flags, then the size of the body
 * and the body itself unless it is kept apart. Numbers are written seven bits
 * at a time, the lowest first, as in protobuf. */
#include "persistence/sqlite.h"

enum { PACK_VERSION = 1 };

enum {
	HAS_GAP = 1 << 0,      /* positions before it that hold nothing */
	HAS_DEADLINE = 1 << 1, /* milliseconds */
	HAS_NAMES = 1 << 2,    /* size and bytes; else those before it */
	HAS_PROPS = 1 << 3,    /* size and bytes; else those before it */
	HAS_BCC = 1 << 4,      /* size and bytes; else none */
	IS_APART = 1 << 5,     /* the chunk that is its body */
	ALL_FLAGS = (1 << 6) - 1,
};

enum { NUMBER_MAX = 10 }; /* octets of the longest number */

static uint8_t *
put_number(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static uint64_t
read_number(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t octet = reader_u8(r);
		v |= (uint64_t)(octet & 0x7f) << shift;
		if ((octet & 0x80) == 0)
			return v;
	}
	r->bad = true;
	return 0;
}

static struct bytes
read_run(struct reader *r)
{
	uint64_t n = read_number(r);

	if (n <= reader_left(r))
		return reader_bytes(r, n);
	r->bad = true;
	return (struct bytes){r->end, 0};
}

/* --- writing -------------------------------------------------------------- */

void
pack_begin(struct pack_writer *w, uint64_t first)
{
	w->data.n = 0;
	writer_u8(&w->data, PACK_VERSION);
	w->first = first;
	w->last = first - 1;
	w->count = w->shared = 0;
	w->min_deadline = 0;
	w->previous = NULL;
	memset(w->alive, 0, sizeof w->alive);
}

bool
pack_full(const struct pack_writer *w, uint64_t position, size_t body)
{
	return w->count > 0 && (position - w->first >= PACK_SPAN ||
				   w->data.n + body > PACK_BYTES);
}

static uint8_t
flags_of(const struct pack_writer *w, uint64_t position, const struct put *p,
    uint64_t body)
{
	const struct message *m = p->message, *before = w->previous;
	uint8_t flags = 0;

	if (position != w->last + 1)
		flags |= HAS_GAP;
	if (p->deadline != 0)
		flags |= HAS_DEADLINE;
	if (before == NULL ||
	    !bytes_eq(message_names(m), message_names(before)))
		flags |= HAS_NAMES;
	if (before == NULL ||
	    !bytes_eq(message_props(m), message_props(before)))
		flags |= HAS_PROPS;
	if (m->bcc_size != 0)
		flags |= HAS_BCC;
	if (body != 0)
		flags |= IS_APART;
	return flags;
}

static uint8_t *
put_run(uint8_t *p, struct bytes b)
{
	return put_bytes(put_number(p, b.n), b);
}

static void
note(struct pack_writer *w, uint64_t position, int64_t deadline)
{
	uint64_t bit = position - w->first;

	w->alive[bit / 8] |= (uint8_t)(1 << bit % 8);
	w->last = position;
	w->count++;
	if (deadline != 0 &&
	    (w->min_deadline == 0 || deadline < w->min_deadline))
		w->min_deadline = deadline;
}

void
pack_add(struct pack_writer *w, uint64_t position, const struct put *put,
    uint64_t body)
{
	const struct message *m = put->message;
	uint8_t flags = flags_of(w, position, put, body);
	size_t in_place = body != 0 ? 0 : m->body_size;
	uint8_t *start = writer_room(&w->data,
	    1 + 7 * NUMBER_MAX + message_size(m) - m->body_size + in_place);
	uint8_t *p = put_u8(start, flags);

	if (flags & HAS_GAP)
		p = put_number(p, position - w->last - 1);
	if (flags & HAS_DEADLINE)
		p = put_number(p, (uint64_t)put->deadline);
	if (flags & HAS_NAMES)
		p = put_run(p, message_names(m));
	if (flags & HAS_PROPS)
		p = put_run(p, message_props(m));
	if (flags & HAS_BCC)
		p = put_run(p, message_bcc(m));
	if (flags & IS_APART)
		p = put_number(p, body);
	p = put_number(p, m->body_size);
	p = put_bytes(p, (struct bytes){message_body(m).p, in_place});
	w->data.n += (size_t)(p - start);
	w->shared += body != 0;
	w->previous = m;
	note(w, position, put->deadline);
}

struct bytes
pack_alive(const struct pack_writer *w)
{
	uint64_t span = w->last - w->first + 1;

	if (w->count == span)
		return (struct bytes){w->alive, 0};
	return (struct bytes){w->alive, (span + 7) / 8};
}

/* --- reading -------------------------------------------------------------- */

struct reader
pack_open(struct bytes data)
{
	struct reader r = reader_of(data);

	if (reader_u8(&r) != PACK_VERSION)
		r.bad = true;
	return r;
}

/* Two short strings and nothing else? */
static bool
names_sound(struct bytes names)
{
	struct reader r = reader_of(names);

	reader_shortstr(&r);
	reader_shortstr(&r);
	return reader_ok(&r);
}

static void
read_fields(struct reader *r, uint8_t flags, struct pack_entry *e)
{
	e->position += flags & HAS_GAP ? read_number(r) : 0;
	e->deadline = flags & HAS_DEADLINE ? (int64_t)read_number(r) : 0;
	if (flags & HAS_NAMES)
		e->names = read_run(r);
	if (flags & HAS_PROPS)
		e->props = read_run(r);
	e->bcc = flags & HAS_BCC ? read_run(r) : (struct bytes){r->p, 0};
	e->apart = flags & IS_APART ? read_number(r) : 0;
	e->body_size = read_number(r);
	e->body = (struct bytes){r->p, 0};
	if ((flags & IS_APART) == 0 && e->body_size <= reader_left(r))
		e->body = reader_bytes(r, e->body_size);
	else if ((flags & IS_APART) == 0)
		r->bad = true;
}

bool
pack_next(struct reader *r, struct pack_entry *e)
{
	uint8_t flags;

	if (r->bad || reader_left(r) == 0)
		return false;
	e->position += e->names.n > 0; /* one behind the entry before */
	flags = reader_u8(r);
	read_fields(r, flags, e);
	if ((flags & ~ALL_FLAGS) != 0 || !names_sound(e->names))
		r->bad = true;
	return !r->bad;
}
