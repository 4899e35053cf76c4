/* method.c - decodes and encodes methods: methods.def expands to one straight
 * run of reads and one of writes for each. */
#include "amqp/method.h"

#include "amqp/frame.h"
#include "amqp/table.h"

/* --- decoding ------------------------------------------------------------ */

/* Lives in registers: everything that takes it is inlined. */
struct decoder {
	struct reader in;
	enum amqp_decode fault; /* the first one in a field's insides */
	uint8_t bits;           /* the octet that adjacent bits share */
	uint8_t bit;            /* the next one in it; 8: none is open */
};

#define INLINE static inline __attribute__((always_inline))

INLINE void
note(struct decoder *d, bool good, enum amqp_decode fault)
{
	if (__builtin_expect(!good, 0) && d->fault == AMQP_DECODED)
		d->fault = fault;
}

INLINE bool
decode_bit(struct decoder *d)
{
	if (d->bit == 8) {
		d->bits = reader_u8(&d->in);
		d->bit = 0;
	}
	return d->bits >> d->bit++ & 1;
}

INLINE uint8_t
decode_u8(struct decoder *d)
{
	d->bit = 8;
	return reader_u8(&d->in);
}

INLINE uint16_t
decode_u16(struct decoder *d)
{
	d->bit = 8;
	return reader_u16(&d->in);
}

INLINE uint32_t
decode_u32(struct decoder *d)
{
	d->bit = 8;
	return reader_u32(&d->in);
}

INLINE uint64_t
decode_u64(struct decoder *d)
{
	d->bit = 8;
	return reader_u64(&d->in);
}

INLINE struct bytes
decode_shortstr(struct decoder *d)
{
	d->bit = 8;
	struct bytes b = reader_shortstr(&d->in);
	note(d, b.n == 0 || bytes_utf8(b), AMQP_DECODE_UTF8);
	return b;
}

INLINE struct bytes
decode_octets(struct decoder *d)
{
	d->bit = 8;
	return reader_shortstr(&d->in);
}

INLINE struct bytes
decode_longstr(struct decoder *d)
{
	d->bit = 8;
	return reader_longstr(&d->in);
}

INLINE struct bytes
decode_table(struct decoder *d)
{
	d->bit = 8;
	struct bytes b = reader_longstr(&d->in);
	note(d, b.n == 0 || amqp_table_check(b), AMQP_DECODE_TABLE);
	return b;
}

#define F(type, name) f->name = decode_##type(d);
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	INLINE void decode_##class##_##name(                                   \
	    struct decoder *d, struct amqp_##class##_##name *f)                \
	{                                                                      \
		__VA_ARGS__                                                    \
	}
#include "amqp/methods.def"
#undef METHOD
#undef F

/* What is missing or left over is told before what is wrong inside a field, as
 * RabbitMQ finds them. */
INLINE enum amqp_decode
finish(const struct decoder *d)
{
	return reader_ok(&d->in) ? d->fault : AMQP_DECODE_TRUNCATED;
}

enum amqp_decode
amqp_method_decode(struct bytes payload, struct amqp_method *m)
{
	struct decoder d = {.in = reader_of(payload), .bit = 8};
	m->id = reader_u32(&d.in);
	switch (m->id) {
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	case AMQP_##class##_##name:                                            \
		decode_##class##_##name(&d, &m->class##_##name);               \
		return finish(&d);
#include "amqp/methods.def"
#undef METHOD
	}
	return d.in.bad ? AMQP_DECODE_TRUNCATED : AMQP_DECODE_UNKNOWN;
}

/* --- encoding ------------------------------------------------------------ */

struct encoder {
	struct writer *out;
	uint8_t bit; /* the next one in the last octet; 8: none is open */
};

INLINE void
encode_bit(struct encoder *e, bool v)
{
	if (e->bit == 8) {
		writer_u8(e->out, 0);
		e->bit = 0;
	}
	e->out->p[e->out->n - 1] |= (uint8_t)(v << e->bit++);
}

#define ENCODE(type, c_type, write)                                            \
	INLINE void encode_##type(struct encoder *e, c_type v)                 \
	{                                                                      \
		e->bit = 8;                                                    \
		write(e->out, v);                                              \
	}
ENCODE(u8, uint8_t, writer_u8)
ENCODE(u16, uint16_t, writer_u16)
ENCODE(u32, uint32_t, writer_u32)
ENCODE(u64, uint64_t, writer_u64)
ENCODE(shortstr, struct bytes, writer_shortstr)
ENCODE(octets, struct bytes, writer_shortstr)
ENCODE(longstr, struct bytes, writer_longstr)
ENCODE(table, struct bytes, writer_longstr)
#undef ENCODE

#define F(type, name) encode_##type(e, f->name);
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	INLINE void encode_##class##_##name(                                   \
	    struct encoder *e, const struct amqp_##class##_##name *f)          \
	{                                                                      \
		__VA_ARGS__                                                    \
	}
#include "amqp/methods.def"
#undef METHOD
#undef F

void
amqp_method_encode(struct writer *w, const struct amqp_method *m)
{
	struct encoder e = {.out = w, .bit = 8};
	writer_u32(w, m->id);
	switch (m->id) {
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	case AMQP_##class##_##name:                                            \
		encode_##class##_##name(&e, &m->class##_##name);               \
		break;
#include "amqp/methods.def"
#undef METHOD
	}
}

void
amqp_method_frame(
    struct writer *w, uint16_t channel, const struct amqp_method *m)
{
	size_t mark = amqp_frame_begin(w, FRAME_METHOD, channel);
	amqp_method_encode(w, m);
	amqp_frame_end(w, mark);
}

bool
amqp_method_has_content(uint32_t id)
{
	return id == AMQP_basic_publish || id == AMQP_basic_return ||
	       id == AMQP_basic_deliver || id == AMQP_basic_get_ok;
}
