/* fuzz_method.c - a payload is decoded, encoded, printed and set again. */
#include "amqp/method.h"
#include "tests/fuzz/fuzz.h"
#include "tests/method_free.h"

/* Encoding keeps all but the bits that mean nothing, and then settles. */
static void
check_encoding(struct bytes payload, const struct amqp_method *m)
{
	struct writer w = {0}, again = {0};
	struct amqp_method n;
	amqp_method_encode(&w, m);
	MUST(w.n == payload.n);
	MUST(amqp_method_decode(writer_view(&w), &n) == AMQP_DECODED);
	amqp_method_encode(&again, &n);
	MUST(bytes_eq(writer_view(&w), writer_view(&again)));
	writer_fini(&w);
	writer_fini(&again);
}

static void
check_cuts(struct bytes payload)
{
	struct amqp_method m;
	for (size_t n = 0; n < payload.n; n += 1 + n / 8) {
		struct bytes cut = {payload.p, n};
		MUST(amqp_method_decode(cut, &m) == AMQP_DECODE_TRUNCATED);
	}
}

/* The value in front of the next space that no quotes enclose. */
static struct bytes
take_value(struct reader *r)
{
	struct bytes value = {r->p, 0};
	bool quoted = false;
	for (; reader_left(r) > 0 && (quoted || *r->p != ' '); value.n++) {
		uint8_t c = reader_u8(r);
		if (c == '\\' && ++value.n)
			reader_u8(r);
		quoted ^= c == '"';
	}
	return value;
}

static struct bytes
take_name(struct reader *r)
{
	struct bytes name = {r->p, 0};
	while (reader_u8(r) != '=')
		name.n++;
	return name;
}

/* A method that is set from what print says prints the same. */
static void
check_text(const struct amqp_method *m)
{
	struct writer w = {0}, again = {0};
	struct amqp_method n = {.id = m->id};
	amqp_method_print(&w, m);
	struct reader r = reader_of(writer_view(&w));
	take_value(&r);
	while (reader_left(&r) > 0) {
		MUST(reader_u8(&r) == ' ');
		struct bytes name = take_name(&r);
		MUST(amqp_method_set(&n, name, take_value(&r)));
	}
	amqp_method_print(&again, &n);
	MUST(bytes_eq(writer_view(&w), writer_view(&again)));
	method_free_fields(&n);
	writer_fini(&w);
	writer_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes payload = {data, size};
	struct amqp_method m;
	enum amqp_decode result = amqp_method_decode(payload, &m);
	MUST(m.id == (size < 4 ? 0 : get_u32(data)));
	MUST(result != AMQP_DECODE_UNKNOWN ||
	     bytes_eq(bytes_str(amqp_method_name(m.id)), BYTES("unknown")));
	if (result != AMQP_DECODED)
		return 0;
	check_encoding(payload, &m);
	check_cuts(payload);
	check_text(&m);
	return 0;
}
