/* test_method.c - every method there and back, whole, cut and damaged. */
#include <stdlib.h>

#include "amqp/frame.h"
#include "amqp/method.h"
#include "amqp/table.h"
#include "tests/method_free.h"
#include "tests/unit/unit.h"

/* --- samples of every row ------------------------------------------------ */

enum { SAMPLES = 40 };

/* Fills fields from a seed. The string or table of number bad is malformed. */
struct sample {
	unsigned seed;
	int strings, tables; /* so far */
	int bad_string, bad_table;
};

static uint64_t
next(struct sample *s)
{
	s->seed = s->seed * 1664525 + 1013904223;
	return (uint64_t)s->seed * 0x9e3779b97f4a7c15;
}

static void
fill_u8(struct sample *s, uint8_t *v)
{
	*v = (uint8_t)(next(s) >> 32);
}

static void
fill_u16(struct sample *s, uint16_t *v)
{
	*v = (uint16_t)(next(s) >> 32);
}

static void
fill_u32(struct sample *s, uint32_t *v)
{
	*v = (uint32_t)(next(s) >> 32);
}

static void
fill_u64(struct sample *s, uint64_t *v)
{
	*v = next(s);
}

static void
fill_bit(struct sample *s, bool *v)
{
	*v = next(s) >> 40 & 1;
}

static void
fill_shortstr(struct sample *s, struct bytes *v)
{
	static uint8_t letters[UINT8_MAX];
	memset(letters, 'n', sizeof letters);
	*v = (struct bytes){letters, next(s) >> 48 & 0xff};
	if (s->strings++ == s->bad_string)
		*v = BYTES("name\xff");
}

static void
fill_octets(struct sample *s, struct bytes *v)
{
	*v = BYTES("key\xff");
}

static void
fill_longstr(struct sample *s, struct bytes *v)
{
	static uint8_t octets[1000];
	memset(octets, 0xfe, sizeof octets);
	*v = (struct bytes){octets, (next(s) >> 48) % sizeof octets};
}

static void
fill_table(struct sample *s, struct bytes *v)
{
	static const char *tables[] = {"", "\x01kV",
	    "\x02kkI\0\0\0\x05\x01yt\x01"};
	static const size_t sizes[] = {0, 3, 12};
	size_t i = (next(s) >> 48) % 3;
	*v = (struct bytes){(const uint8_t *)tables[i], sizes[i]};
	if (s->tables++ == s->bad_table)
		*v = BYTES("\x01kZ");
}

#define F(type, name) fill_##type(s, &f->name);
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	static void fill_##class##_##name(                                     \
	    struct sample *s, struct amqp_method *m)                           \
	{                                                                      \
		struct amqp_##class##_##name *f = &m->class##_##name;          \
		(void)f;                                                       \
		__VA_ARGS__                                                    \
	}
#include "amqp/methods.def"
#undef METHOD
#undef F

#define SAME_u8(a, b) (a) == (b)
#define SAME_u16 SAME_u8
#define SAME_u32 SAME_u8
#define SAME_u64 SAME_u8
#define SAME_bit SAME_u8
#define SAME_shortstr bytes_eq
#define SAME_octets bytes_eq
#define SAME_longstr bytes_eq
#define SAME_table bytes_eq
#define F(type, name) &&SAME_##type(a->name, b->name)
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	static bool same_##class##_##name(                                     \
	    const struct amqp_method *m, const struct amqp_method *n)          \
	{                                                                      \
		const struct amqp_##class##_##name *a = &m->class##_##name,    \
						   *b = &n->class##_##name;    \
		(void)a, (void)b;                                              \
		return m->id == n->id __VA_ARGS__;                             \
	}
#include "amqp/methods.def"
#undef METHOD
#undef F

static const struct row {
	uint32_t id;
	const char *name;
	void (*fill)(struct sample *, struct amqp_method *);
	bool (*same)(const struct amqp_method *, const struct amqp_method *);
} rows[] = {
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	{class_id << 16 | method_id, #class "." #name, fill_##class##_##name,  \
	    same_##class##_##name},
#include "amqp/methods.def"
#undef METHOD
};

enum { ROWS = sizeof rows / sizeof *rows };

static struct sample
sample(unsigned seed)
{
	return (struct sample){seed, 0, 0, -1, -1};
}

static struct amqp_method
filled(const struct row *row, struct sample s)
{
	struct amqp_method m = {.id = row->id};
	row->fill(&s, &m);
	return m;
}

static void
print_to(struct writer *w, const struct amqp_method *m)
{
	w->n = 0;
	amqp_method_print(w, m);
}

/* Encodes and decodes what damage may have been done to the sample. */
static enum amqp_decode
decode_sample(const struct row *row, struct sample s)
{
	struct writer w = {0};
	struct amqp_method m = filled(row, s), n;
	amqp_method_encode(&w, &m);
	enum amqp_decode result = amqp_method_decode(writer_view(&w), &n);
	writer_fini(&w);
	return result;
}

/* --- round trips --------------------------------------------------------- */

static void
there_are_66_methods(void)
{
	CU_ASSERT_EQUAL(ROWS, 66);
}

static void
every_method_comes_back(void)
{
	struct writer w = {0};
	for (int i = 0; i < ROWS * SAMPLES; i++) {
		const struct row *row = &rows[i / SAMPLES];
		struct amqp_method m = filled(row, sample(i)), n;
		w.n = 0;
		amqp_method_encode(&w, &m);
		CU_ASSERT_EQUAL(
		    amqp_method_decode(writer_view(&w), &n), AMQP_DECODED);
		CU_ASSERT(row->same(&m, &n));
	}
	writer_fini(&w);
}

static void
every_method_of_zeros_comes_back(void)
{
	struct writer w = {0};
	for (int i = 0; i < ROWS; i++) {
		struct amqp_method m = {.id = rows[i].id}, n;
		w.n = 0;
		amqp_method_encode(&w, &m);
		CU_ASSERT_EQUAL(
		    amqp_method_decode(writer_view(&w), &n), AMQP_DECODED);
		CU_ASSERT(rows[i].same(&m, &n));
	}
	writer_fini(&w);
}

static void
every_frame_holds_its_method(void)
{
	struct writer w = {0}, plain = {0};
	for (int i = 0; i < ROWS; i++) {
		struct amqp_method m = filled(&rows[i], sample(i));
		struct amqp_frame f = {0};
		w.n = plain.n = 0;
		amqp_method_frame(&w, 77, &m);
		amqp_method_encode(&plain, &m);
		CU_ASSERT_EQUAL(
		    amqp_frame_peek(writer_view(&w), 0, &f), FRAME_COMPLETE);
		CU_ASSERT_EQUAL(f.type, FRAME_METHOD);
		CU_ASSERT_EQUAL(f.channel, 77);
		CU_ASSERT(bytes_eq(f.payload, writer_view(&plain)));
	}
	writer_fini(&w);
	writer_fini(&plain);
}

/* --- damage -------------------------------------------------------------- */

/* Each piece in memory of just its size, so that reading past it is seen. */
static void
every_truncation_is_told(void)
{
	struct writer w = {0};
	for (int i = 0; i < ROWS; i++) {
		struct amqp_method m = filled(&rows[i], sample(i)), n;
		w.n = 0;
		amqp_method_encode(&w, &m);
		for (size_t cut = 0; cut < w.n; cut++) {
			uint8_t *p = malloc(cut + 1);
			memcpy(p + 1, w.p, cut);
			struct bytes piece = {p + 1, cut};
			CU_ASSERT_EQUAL(amqp_method_decode(piece, &n),
			    AMQP_DECODE_TRUNCATED);
			CU_ASSERT_EQUAL(n.id, cut < 4 ? 0 : m.id);
			free(p);
		}
	}
	writer_fini(&w);
}

static void
an_octet_left_over_is_told(void)
{
	struct writer w = {0};
	for (int i = 0; i < ROWS; i++) {
		struct amqp_method m = filled(&rows[i], sample(i)), n;
		w.n = 0;
		amqp_method_encode(&w, &m);
		writer_u8(&w, 0);
		CU_ASSERT_EQUAL(amqp_method_decode(writer_view(&w), &n),
		    AMQP_DECODE_TRUNCATED);
	}
	writer_fini(&w);
}

static void
every_short_string_must_be_utf8(void)
{
	for (int i = 0; i < ROWS; i++) {
		struct sample s = sample(i);
		struct amqp_method m;
		rows[i].fill(&s, &m);
		for (int bad = 0; bad < s.strings; bad++) {
			struct sample damaged = sample(i);
			damaged.bad_string = bad;
			CU_ASSERT_EQUAL(
			    decode_sample(&rows[i], damaged), AMQP_DECODE_UTF8);
		}
	}
}

static void
every_table_must_be_well_formed(void)
{
	for (int i = 0; i < ROWS; i++) {
		struct sample s = sample(i);
		struct amqp_method m;
		rows[i].fill(&s, &m);
		for (int bad = 0; bad < s.tables; bad++) {
			struct sample damaged = sample(i);
			damaged.bad_table = bad;
			CU_ASSERT_EQUAL(decode_sample(&rows[i], damaged),
			    AMQP_DECODE_TABLE);
		}
	}
}

static void
damage_inside_is_told_after_truncation(void)
{
	struct amqp_method m;
	struct bytes bad = BYTES("\0\x14\0\x0a\x01\xff");
	CU_ASSERT_EQUAL(amqp_method_decode(bad, &m), AMQP_DECODE_UTF8);
	bad = BYTES("\0\x14\0\x0a\x02\xff");
	CU_ASSERT_EQUAL(amqp_method_decode(bad, &m), AMQP_DECODE_TRUNCATED);
	bad = BYTES("\0\x14\0\x0a\x01\xff!");
	CU_ASSERT_EQUAL(amqp_method_decode(bad, &m), AMQP_DECODE_TRUNCATED);
}

static void
unknown_methods_are_told_with_their_id(void)
{
	static const uint32_t ids[] = {0, 10 << 16, 10 << 16 | 12,
	    61 << 16 | 10, 60 << 16 | 41, 100 << 16 | 10, UINT32_MAX};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		struct amqp_method m;
		uint8_t wire[6] = {0};
		put_u32(wire, ids[i]);
		CU_ASSERT_EQUAL(amqp_method_decode((struct bytes){wire, 6}, &m),
		    AMQP_DECODE_UNKNOWN);
		CU_ASSERT_EQUAL(m.id, ids[i]);
	}
}

/* --- bits ---------------------------------------------------------------- */

static void
bits_share_an_octet_from_the_lowest_on(void)
{
	struct writer w = {0};
	struct amqp_method m = {.id = AMQP_queue_declare};
	m.queue_declare.passive = true;
	m.queue_declare.auto_delete = true;
	amqp_method_encode(&w, &m);
	CU_ASSERT(
	    bytes_eq(writer_view(&w), BYTES("\0\x32\0\x0a\0\0\0\x09\0\0\0\0")));
	writer_fini(&w);
}

static void
a_bit_between_other_fields_has_its_own_octet(void)
{
	struct writer w = {0};
	struct amqp_method m = {.id = AMQP_basic_get_ok};
	m.basic_get_ok.delivery_tag = 1;
	m.basic_get_ok.redelivered = true;
	m.basic_get_ok.message_count = 2;
	amqp_method_encode(&w, &m);
	CU_ASSERT(bytes_eq(writer_view(&w),
	    BYTES("\0\x3c\0\x47\0\0\0\0\0\0\0\x01\x01\0\0\0\0\0\x02")));
	writer_fini(&w);
}

static void
bits_that_mean_nothing_are_ignored(void)
{
	struct amqp_method m;
	struct bytes ack = BYTES("\0\x3c\0\x50\0\0\0\0\0\0\0\x07\xfe");
	CU_ASSERT_EQUAL(amqp_method_decode(ack, &m), AMQP_DECODED);
	CU_ASSERT_EQUAL(m.basic_ack.delivery_tag, 7);
	CU_ASSERT(!m.basic_ack.multiple);
}

static void
short_strings_over_255_are_cut(void)
{
	uint8_t text[256];
	struct writer w = {0};
	struct amqp_method m = {.id = AMQP_connection_blocked}, n;
	m.connection_blocked.reason =
	    (struct bytes){memset(text, 'r', sizeof text), sizeof text};
	amqp_method_encode(&w, &m);
	CU_ASSERT_EQUAL(amqp_method_decode(writer_view(&w), &n), AMQP_DECODED);
	CU_ASSERT_EQUAL(n.connection_blocked.reason.n, 255);
	writer_fini(&w);
}

/* --- names --------------------------------------------------------------- */

static void
every_name_is_found_again(void)
{
	for (int i = 0; i < ROWS; i++) {
		const char *name = amqp_method_name(rows[i].id);
		CU_ASSERT_STRING_EQUAL(name, rows[i].name);
		CU_ASSERT_EQUAL(amqp_method_find(bytes_str(name)), rows[i].id);
	}
}

static void
names_of_nothing_are_not_found(void)
{
	CU_ASSERT_STRING_EQUAL(amqp_method_name(0), "unknown");
	CU_ASSERT_EQUAL(amqp_method_find(BYTES("")), 0);
	CU_ASSERT_EQUAL(amqp_method_find(BYTES("queue")), 0);
	CU_ASSERT_EQUAL(amqp_method_find(BYTES("queue.declare-ok")), 0);
	CU_ASSERT_EQUAL(amqp_method_find(BYTES("unknown")), 0);
}

static void
four_methods_have_content(void)
{
	int count = 0;
	for (int i = 0; i < ROWS; i++)
		count += amqp_method_has_content(rows[i].id);
	CU_ASSERT_EQUAL(count, 4);
	CU_ASSERT(amqp_method_has_content(AMQP_basic_publish));
	CU_ASSERT(amqp_method_has_content(AMQP_basic_return));
	CU_ASSERT(amqp_method_has_content(AMQP_basic_deliver));
	CU_ASSERT(amqp_method_has_content(AMQP_basic_get_ok));
}

/* --- text ---------------------------------------------------------------- */

static void
print_shows_all_fields(void)
{
	struct writer w = {0};
	struct amqp_method m = {.id = AMQP_queue_declare};
	m.queue_declare.queue = BYTES("q 1");
	m.queue_declare.durable = true;
	m.queue_declare.arguments = BYTES("\x09x-expiresI\0\0\0\x05");
	print_to(&w, &m);
	CU_ASSERT(bytes_eq(writer_view(&w),
	    BYTES("queue.declare ticket=0 queue=\"q 1\" passive=0 durable=1 "
		  "exclusive=0 auto_delete=0 nowait=0 "
		  "arguments={x-expires:I:5}")));
	writer_fini(&w);
}

static void
print_quotes_what_cannot_stand_alone(void)
{
	struct writer w = {0};
	struct amqp_method m = {.id = AMQP_basic_return};
	m.basic_return.reply_text = BYTES("a\0\"\\\xc3");
	m.basic_return.exchange = BYTES("");
	m.basic_return.routing_key = BYTES("aZ09._:/@#*+-");
	print_to(&w, &m);
	CU_ASSERT(bytes_eq(writer_view(&w),
	    BYTES(
		"basic.return reply_code=0 reply_text=\"a\\x00\\\"\\\\\\xc3\" "
		"exchange=\"\" routing_key=aZ09._:/@#*+-")));
	writer_fini(&w);
}

static void
print_of_an_unknown_method_says_so(void)
{
	struct writer w = {0};
	print_to(&w, &(struct amqp_method){.id = 7});
	CU_ASSERT(bytes_eq(writer_view(&w), BYTES("unknown")));
	writer_fini(&w);
}

/* Sets m's fields from a line that print wrote. */
static bool
set_from_line(struct amqp_method *m, char *line)
{
	bool good = true;
	strtok(line, " ");
	for (char *word; (word = strtok(NULL, " ")) != NULL;) {
		char *equals = strchr(word, '=');
		*equals = 0;
		good &=
		    amqp_method_set(m, bytes_str(word), bytes_str(equals + 1));
	}
	return good;
}

static void
set_reads_what_print_wrote(void)
{
	struct writer w = {0};
	for (int i = 0; i < ROWS * SAMPLES; i++) {
		const struct row *row = &rows[i / SAMPLES];
		struct amqp_method m = filled(row, sample(i));
		struct amqp_method n = {.id = row->id};
		print_to(&w, &m);
		writer_u8(&w, 0);
		CU_ASSERT(set_from_line(&n, (char *)w.p));
		CU_ASSERT(row->same(&m, &n));
		method_free_fields(&n);
	}
	writer_fini(&w);
}

static bool
set(struct amqp_method *m, const char *field, const char *text)
{
	return amqp_method_set(m, bytes_str(field), bytes_str(text));
}

static void
set_refuses_unknown_fields(void)
{
	struct amqp_method m = {.id = AMQP_queue_declare};
	CU_ASSERT(!set(&m, "queues", "q"));
	CU_ASSERT(!set(&m, "", "q"));
	CU_ASSERT(!set(&m, "delivery_tag", "1"));
	m.id = AMQP_tx_select;
	CU_ASSERT(!set(&m, "queue", "q"));
	m.id = 7;
	CU_ASSERT(!set(&m, "queue", "q"));
}

static void
set_keeps_numbers_in_bounds(void)
{
	struct amqp_method m = {.id = AMQP_connection_tune};
	CU_ASSERT(set(&m, "channel_max", "65535"));
	CU_ASSERT_EQUAL(m.connection_tune.channel_max, 65535);
	CU_ASSERT(!set(&m, "channel_max", "65536"));
	CU_ASSERT(set(&m, "frame_max", "4294967295"));
	CU_ASSERT_EQUAL(m.connection_tune.frame_max, UINT32_MAX);
	CU_ASSERT(!set(&m, "frame_max", "4294967296"));
	CU_ASSERT(!set(&m, "frame_max", "-1"));
	CU_ASSERT(!set(&m, "frame_max", ""));
	CU_ASSERT(!set(&m, "frame_max", "1x"));
	CU_ASSERT_EQUAL(m.connection_tune.frame_max, UINT32_MAX);
	m = (struct amqp_method){.id = AMQP_basic_ack};
	CU_ASSERT(set(&m, "delivery_tag", "18446744073709551615"));
	CU_ASSERT_EQUAL(m.basic_ack.delivery_tag, UINT64_MAX);
	CU_ASSERT(!set(&m, "delivery_tag", "18446744073709551616"));
	CU_ASSERT(!set(&m, "delivery_tag", "184467440737095516160"));
	CU_ASSERT(set(&m, "multiple", "1"));
	CU_ASSERT(m.basic_ack.multiple);
	CU_ASSERT(!set(&m, "multiple", "2"));
}

static void
set_reads_quoted_and_plain_strings(void)
{
	struct amqp_method m = {.id = AMQP_queue_declare};
	CU_ASSERT(set(&m, "queue", "\"a b\\x41\\\"\\\\\\xc3\\xA9\""));
	CU_ASSERT(bytes_eq(m.queue_declare.queue, BYTES("a bA\"\\\xc3\xa9")));
	method_free_fields(&m);
	CU_ASSERT(set(&m, "queue", "plain, {with} anything"));
	CU_ASSERT(
	    bytes_eq(m.queue_declare.queue, BYTES("plain, {with} anything")));
	method_free_fields(&m);
	CU_ASSERT(set(&m, "queue", ""));
	CU_ASSERT_EQUAL(m.queue_declare.queue.n, 0);
	method_free_fields(&m);
}

static void
set_refuses_damaged_strings(void)
{
	static const char *damaged[] = {"\"open", "\"", "\"a\"b", "\"\\",
	    "\"\\n\"", "\"\\x\"", "\"\\x4\"", "\"\\x4", "\"\\xg0\"",
	    "\"\\x0g\""};
	struct amqp_method m = {.id = AMQP_queue_declare};
	for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++)
		CU_ASSERT(!set(&m, "queue", damaged[i]));
	CU_ASSERT_PTR_NULL(m.queue_declare.queue.p);
}

static void
set_refuses_short_strings_over_255(void)
{
	char text[257];
	struct amqp_method m = {.id = AMQP_queue_declare};
	memset(text, 'q', sizeof text);
	text[256] = 0;
	CU_ASSERT(!set(&m, "queue", text));
	text[255] = 0;
	CU_ASSERT(set(&m, "queue", text));
	CU_ASSERT_EQUAL(m.queue_declare.queue.n, 255);
	method_free_fields(&m);
}

static void
set_reads_tables(void)
{
	struct amqp_method m = {.id = AMQP_queue_declare};
	CU_ASSERT(set(&m, "arguments", "{x-expires:I:5,n:S:text}"));
	CU_ASSERT(bytes_eq(m.queue_declare.arguments,
	    BYTES("\x09x-expiresI\0\0\0\x05\x01nS\0\0\0\x04text")));
	CU_ASSERT(!set(&m, "arguments", "{x-expires:I:5"));
	CU_ASSERT(!set(&m, "arguments", ""));
	method_free_fields(&m);
}

static const struct unit_test tests[] = {
    {"there are 66 methods", there_are_66_methods},
    {"every method comes back", every_method_comes_back},
    {"every method of zeros comes back", every_method_of_zeros_comes_back},
    {"every frame holds its method", every_frame_holds_its_method},
    {"every truncation is told", every_truncation_is_told},
    {"an octet left over is told", an_octet_left_over_is_told},
    {"every short string must be UTF-8", every_short_string_must_be_utf8},
    {"every table must be well-formed", every_table_must_be_well_formed},
    {"damage inside is told after truncation",
	damage_inside_is_told_after_truncation},
    {"unknown methods are told with their id",
	unknown_methods_are_told_with_their_id},
    {"bits share an octet from the lowest on",
	bits_share_an_octet_from_the_lowest_on},
    {"a bit between other fields has its own octet",
	a_bit_between_other_fields_has_its_own_octet},
    {"bits that mean nothing are ignored", bits_that_mean_nothing_are_ignored},
    {"short strings over 255 are cut", short_strings_over_255_are_cut},
    {"every name is found again", every_name_is_found_again},
    {"names of nothing are not found", names_of_nothing_are_not_found},
    {"four methods have content", four_methods_have_content},
    {"print shows all fields", print_shows_all_fields},
    {"print quotes what cannot stand alone",
	print_quotes_what_cannot_stand_alone},
    {"print of an unknown method says so", print_of_an_unknown_method_says_so},
    {"set reads what print wrote", set_reads_what_print_wrote},
    {"set refuses unknown fields", set_refuses_unknown_fields},
    {"set keeps numbers in bounds", set_keeps_numbers_in_bounds},
    {"set reads quoted and plain strings", set_reads_quoted_and_plain_strings},
    {"set refuses damaged strings", set_refuses_damaged_strings},
    {"set refuses short strings over 255", set_refuses_short_strings_over_255},
    {"set reads tables", set_reads_tables},
};

UNIT_MAIN("method", tests)
