/* method.h - decodes and encodes any method by walking its row. */
#ifndef AMQP_METHOD_H
#define AMQP_METHOD_H

#include "amqp/bytes.h"
#include "amqp/wire.h"

/* AMQP_BASIC_PUBLISH = 60 << 16 | 40 and so on: class id, method id. The names
 * are spelled as in methods.def: AMQP_basic_publish. */
enum amqp_method_id {
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	AMQP_##class##_##name = class_id << 16 | method_id,
#include "amqp/methods.def"
#undef METHOD
};

/* One struct per method: struct amqp_basic_publish {ticket, exchange, ...}.
 * Strings and tables borrow from the payload that was decoded. */
#define AMQP_TYPE_u8 uint8_t
#define AMQP_TYPE_u16 uint16_t
#define AMQP_TYPE_u32 uint32_t
#define AMQP_TYPE_u64 uint64_t
#define AMQP_TYPE_bit bool
#define AMQP_TYPE_shortstr struct bytes
#define AMQP_TYPE_octets struct bytes
#define AMQP_TYPE_longstr struct bytes
#define AMQP_TYPE_table struct bytes /* without its length; see table.h */
#define F(type, name) AMQP_TYPE_##type name;
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	struct amqp_##class##_##name {                                         \
		__VA_ARGS__                                                    \
	};
#include "amqp/methods.def"
#undef METHOD
#undef F

struct amqp_method {
	uint32_t id; /* an enum amqp_method_id */
	union {
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	struct amqp_##class##_##name class##_##name;
#include "amqp/methods.def"
#undef METHOD
	};
};

enum amqp_decode {
	AMQP_DECODED,
	AMQP_DECODE_UNKNOWN,   /* no such class or method */
	AMQP_DECODE_TRUNCATED, /* fields missing, or octets left over */
	AMQP_DECODE_TABLE,     /* a field table is malformed */
	AMQP_DECODE_UTF8,      /* a name is not UTF-8 */
};

/* Decodes a method frame's payload; the result borrows from it. On failure
 * only id is set (0 when fewer than four octets came). */
enum amqp_decode amqp_method_decode(struct bytes payload, struct amqp_method *);

/* Appends class id, method id and fields. Short strings over 255 bytes are
 * cut. */
void amqp_method_encode(struct writer *, const struct amqp_method *);

/* Appends a whole method frame, §4.2.3. */
void amqp_method_frame(
    struct writer *, uint16_t channel, const struct amqp_method *);

/* "queue.declare", or "unknown". */
const char *amqp_method_name(uint32_t id);

/* Does a content header follow this method (publish, return, deliver,
 * get-ok)? */
bool amqp_method_has_content(uint32_t id);

/* The id of a name as in "queue.declare" or "queue.declare_ok", or 0. */
uint32_t amqp_method_find(struct bytes name);

/* Writes "queue.declare ticket=0 queue=q passive=0 ... arguments={x-expires:I:5}"
 * for logs and scripts. Strings are quoted where they hold anything but
 * [A-Za-z0-9._:/@#*+-]: "a\x00b". */
void amqp_method_print(struct writer *, const struct amqp_method *);

/* Sets a field by name from what amqp_method_print would show for it. Strings
 * and tables are allocated for the process's life: this is for test scripts.
 * False if the method has no such field or the text cannot be read. */
bool amqp_method_set(
    struct amqp_method *, struct bytes field, struct bytes text);

#endif
