/* wire.h - reads big-endian with one bounds check for all, writes into a
 * growing buffer. */
#ifndef AMQP_WIRE_H
#define AMQP_WIRE_H

#include "amqp/bytes.h"

/* --- fixed-size integers at an address known to have room ------------- */

static inline uint16_t
get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
get_u32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}

static inline uint64_t
get_u64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return __builtin_bswap64(v);
}

/* Each returns the address behind what it wrote. */
static inline uint8_t *
put_u8(uint8_t *p, uint8_t v)
{
	*p = v;
	return p + 1;
}

static inline uint8_t *
put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static inline uint8_t *
put_u32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
	return p + 4;
}

static inline uint8_t *
put_u64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, 8);
	return p + 8;
}

static inline uint8_t *
put_bytes(uint8_t *p, struct bytes b)
{
	if (b.n > 0)
		memcpy(p, b.p, b.n);
	return p + b.n;
}

/* b.n must be at most 255. */
static inline uint8_t *
put_shortstr(uint8_t *p, struct bytes b)
{
	return put_bytes(put_u8(p, (uint8_t)b.n), b);
}

/* --- reader ------------------------------------------------------------ */

/* Sticky: reading past the end sets bad and yields zeros and empty runs from
 * then on, so the caller checks once, at the end. Lengths are compared with
 * what remains, never added to a pointer first. */
struct reader {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

static inline struct reader
reader_of(struct bytes b)
{
	return (struct reader){b.p, b.n != 0 ? b.p + b.n : b.p, false};
}

static inline size_t
reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}

static inline bool
reader_has(struct reader *r, size_t n)
{
	if (__builtin_expect(reader_left(r) >= n && !r->bad, 1))
		return true;
	r->bad = true;
	r->p = r->end;
	return false;
}

/* Everything read, and nothing left over? */
static inline bool
reader_ok(const struct reader *r)
{
	return !r->bad && r->p == r->end;
}

static inline uint8_t
reader_u8(struct reader *r)
{
	return reader_has(r, 1) ? *r->p++ : 0;
}

static inline uint16_t
reader_u16(struct reader *r)
{
	if (!reader_has(r, 2))
		return 0;
	r->p += 2;
	return get_u16(r->p - 2);
}

static inline uint32_t
reader_u32(struct reader *r)
{
	if (!reader_has(r, 4))
		return 0;
	r->p += 4;
	return get_u32(r->p - 4);
}

static inline uint64_t
reader_u64(struct reader *r)
{
	if (!reader_has(r, 8))
		return 0;
	r->p += 8;
	return get_u64(r->p - 8);
}

/* n bytes, borrowed from the input. */
static inline struct bytes
reader_bytes(struct reader *r, size_t n)
{
	if (!reader_has(r, n))
		return (struct bytes){r->end, 0};
	r->p += n;
	return (struct bytes){r->p - n, n};
}

/* One length octet, then that many bytes (0-9-1 §4.2.5.3). */
static inline struct bytes
reader_shortstr(struct reader *r)
{
	return reader_bytes(r, reader_u8(r));
}

/* Four length octets, then that many bytes. */
static inline struct bytes
reader_longstr(struct reader *r)
{
	return reader_bytes(r, reader_u32(r));
}

/* --- writer ------------------------------------------------------------ */

/* Zero-initialised is empty and ready; writer_fini frees. */
struct writer {
	uint8_t *p;
	size_t n;
	size_t size;
};

void writer_fini(struct writer *); /* frees, and is empty again */

/* Makes room for n more bytes and returns where they go; the caller adds to
 * w->n what it used. */
uint8_t *writer_room(struct writer *, size_t n);

void writer_u8(struct writer *, uint8_t);
void writer_u16(struct writer *, uint16_t);
void writer_u32(struct writer *, uint32_t);
void writer_u64(struct writer *, uint64_t);
void writer_bytes(struct writer *, struct bytes);
void writer_shortstr(struct writer *, struct bytes); /* cut at 255 bytes */
void writer_longstr(struct writer *, struct bytes);

/* Leaves four bytes for a length; patch fills in how much came behind them. */
size_t writer_mark(struct writer *);
void writer_patch(struct writer *, size_t mark);

/* What has been written; borrows. */
static inline struct bytes
writer_view(const struct writer *w)
{
	return (struct bytes){w->p, w->n};
}

#endif
