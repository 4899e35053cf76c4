/* content.c - publishing, whole or in pieces of one's own choice. */
#include <stdio.h>

#include "amqp/frame.h"
#include "amqp/props.h"
#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/scenario/scene.h"
#include "tests/scenario/words.h"

/* What the words of a line say about a content. */
struct content {
	struct amqp_props props;
	struct bytes raw_props; /* flags and list, instead of props */
	struct bytes body;
	struct bytes sizes; /* of its frames: "5,3,0,1" */
	uint64_t announced; /* body size in the header */
	uint16_t class_id;
	uint16_t weight;
};

/* --- properties ---------------------------------------------------------- */

struct prop {
	const char *name;
	uint16_t flag;
	size_t offset;
	size_t size; /* of a number, 0 for strings */
};

static const struct prop props[] = {
#define STRING(flag, name)                                                     \
	{                                                                      \
#name, PROP_##flag, offsetof(struct amqp_props, name), 0       \
	}
#define NUMBER(flag, name, type)                                               \
	{                                                                      \
#name, PROP_##flag, offsetof(struct amqp_props, name),         \
		    sizeof(type)                                               \
	}
    STRING(CONTENT_TYPE, content_type),
    STRING(CONTENT_ENCODING, content_encoding),
    STRING(HEADERS, headers),
    NUMBER(DELIVERY_MODE, delivery_mode, uint8_t),
    NUMBER(PRIORITY, priority, uint8_t),
    STRING(CORRELATION_ID, correlation_id),
    STRING(REPLY_TO, reply_to),
    STRING(EXPIRATION, expiration),
    STRING(MESSAGE_ID, message_id),
    NUMBER(TIMESTAMP, timestamp, uint64_t),
    STRING(TYPE, type),
    STRING(USER_ID, user_id),
    STRING(APP_ID, app_id),
    STRING(CLUSTER_ID, cluster_id),
#undef STRING
#undef NUMBER
};

static struct bytes
table_bytes(struct scene *s, struct bytes text)
{
	struct writer w = {0};
	if (!amqp_table_scan(&w, text))
		scene_fail(s, "a broken table: %.*s", BYTES_FMT(text));
	return writer_view(&w);
}

static void
set_prop(struct scene *s, struct content *c, const struct prop *prop,
    struct bytes raw)
{
	uint8_t *field = (uint8_t *)&c->props + prop->offset;
	struct value v = scene_value(s, raw);
	uint64_t number;
	c->props.flags |= prop->flag;
	if (prop->size == 0) {
		struct bytes b =
		    v.kind == VALUE_TABLE ? table_bytes(s, v.bytes) : v.bytes;
		memcpy(field, &b, sizeof b);
		return;
	}
	number = scene_number(s, raw);
	if (prop->size == 1)
		*field = (uint8_t)number;
	else
		memcpy(field, &number, sizeof number);
}

static bool
set_content(
    struct scene *s, struct content *c, struct bytes name, struct bytes raw)
{
	for (size_t i = 0; i < sizeof props / sizeof *props; i++)
		if (bytes_eq(name, bytes_str(props[i].name))) {
			set_prop(s, c, &props[i], raw);
			return true;
		}
	if (bytes_eq(name, BYTES("body"))) {
		c->body = scene_text(s, raw);
		c->announced = c->body.n;
	} else if (bytes_eq(name, BYTES("raw_props")))
		c->raw_props = scene_text(s, raw);
	else if (bytes_eq(name, BYTES("frames")))
		c->sizes = raw;
	else if (bytes_eq(name, BYTES("body_size")))
		c->announced = scene_number(s, raw);
	else if (bytes_eq(name, BYTES("class")))
		c->class_id = (uint16_t)scene_number(s, raw);
	else if (bytes_eq(name, BYTES("weight")))
		c->weight = (uint16_t)scene_number(s, raw);
	else
		return false;
	return true;
}

/* --- frames -------------------------------------------------------------- */

static void
put_header(struct writer *w, unsigned channel, const struct content *c)
{
	size_t mark = amqp_frame_begin(w, FRAME_HEADER, (uint16_t)channel);
	writer_u16(w, c->class_id);
	writer_u16(w, c->weight);
	writer_u64(w, c->announced);
	if (c->raw_props.n > 0)
		writer_bytes(w, c->raw_props);
	else
		amqp_props_write(w, &c->props);
	amqp_frame_end(w, mark);
}

static void
put_body(struct writer *w, unsigned channel, struct bytes piece)
{
	size_t mark = amqp_frame_begin(w, FRAME_BODY, (uint16_t)channel);
	writer_bytes(w, piece);
	amqp_frame_end(w, mark);
}

/* The next of the sizes the script chose; the rest goes in one frame. */
static size_t
next_size(struct scene *s, struct bytes *sizes, size_t left)
{
	struct bytes first;
	if (!words_piece(sizes, ',', &first))
		return left;
	uint64_t size = scene_number(s, first);
	return size < left ? size : left;
}

static void
put_bodies(struct scene *s, struct writer *w, const struct peer *p,
    unsigned channel, struct content *c)
{
	struct bytes left = c->body, sizes = c->sizes;
	size_t most = p->frame_max - FRAME_OVERHEAD;
	while (left.n > 0 || sizes.n > 0) {
		size_t size = next_size(s, &sizes, left.n);
		if (c->sizes.n == 0 && size > most)
			size = most;
		put_body(w, channel, (struct bytes){left.p, size});
		left.p += size;
		left.n -= size;
	}
}

/* --- verbs --------------------------------------------------------------- */

static struct content
content_read(struct scene *s, struct bytes words, struct amqp_method *method)
{
	struct content c = {.class_id = 60};
	struct bytes word, name, raw;
	while (words_take(&words, &word)) {
		if (!words_split(word, &name, &raw))
			scene_fail(s, "not a field: %.*s", BYTES_FMT(word));
		if (set_content(s, &c, name, raw))
			continue;
		if (!method ||
		    !amqp_method_set(method, name, scene_written(s, raw)))
			scene_fail(s, "no such field: %.*s", BYTES_FMT(word));
	}
	return c;
}

static void
note(struct scene *s, struct peer *p, unsigned channel, const char *what,
    struct bytes words)
{
	struct writer line = {0};
	words_put(&line, what);
	words_put(&line, " ");
	writer_bytes(&line, words);
	scene_note(s, p, channel, '>', writer_view(&line));
	writer_fini(&line);
}

void
content_publish(
    struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	struct amqp_method method = {.id = AMQP_basic_publish};
	struct writer w = {0};
	struct content c = content_read(s, words, &method);
	note(s, p, channel, "publish", words);
	amqp_method_frame(&w, (uint16_t)channel, &method);
	put_header(&w, channel, &c);
	put_bodies(s, &w, p, channel, &c);
	peer_send(p, writer_view(&w));
	writer_fini(&w);
}

void
content_header(
    struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	struct writer w = {0};
	struct content c = content_read(s, words, NULL);
	note(s, p, channel, "header", words);
	put_header(&w, channel, &c);
	peer_send(p, writer_view(&w));
	writer_fini(&w);
}

void
content_body(
    struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	struct writer w = {0};
	note(s, p, channel, "body", words);
	put_body(&w, channel,
	    scene_text(s, scene_word(s, &words, "what is in the frame")));
	peer_send(p, writer_view(&w));
	writer_fini(&w);
}
