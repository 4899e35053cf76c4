/* admin_message.c - what rabbitmqadmin publishes and gets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "amqp/props.h"
#include "amqp/reply.h"
#include "amqp/xalloc.h"
#include "broker/admin_client.h"
#include "broker/admin_json.h"

static struct bytes
text_of(const struct admin *a, const char *key)
{
	return bytes_str(admin_or(a, key, ""));
}

/* --- publish ------------------------------------------------------------------- */

/* What JSON may say of a message's texts. */
static const struct {
	const char *name;
	uint16_t flag;
	size_t offset;
} text_props[] = {
#define TEXT(name, FLAG) {#name, PROP_##FLAG, offsetof(struct amqp_props, name)}
    TEXT(content_type, CONTENT_TYPE), TEXT(content_encoding, CONTENT_ENCODING),
    TEXT(correlation_id, CORRELATION_ID), TEXT(reply_to, REPLY_TO),
    TEXT(expiration, EXPIRATION), TEXT(message_id, MESSAGE_ID),
    TEXT(type, TYPE), TEXT(user_id, USER_ID), TEXT(app_id, APP_ID),
    TEXT(cluster_id, CLUSTER_ID)
#undef TEXT
};

enum { TEXT_PROPS = sizeof text_props / sizeof *text_props };

static bool
set_text_prop(struct amqp_props *p, const char *key, const json_t *value)
{
	for (size_t i = 0; i < TEXT_PROPS; i++)
		if (strcmp(text_props[i].name, key) == 0) {
			p->flags |= text_props[i].flag;
			*(struct bytes *)((char *)p + text_props[i].offset) =
			    (struct bytes){(const uint8_t *)json_string_value(
					       value),
				json_string_length(value)};
			return true;
		}
	return false;
}

static const char *const number_props[] = {
    "delivery_mode", "priority", "timestamp", NULL};

static bool
is_number_prop(const char *key)
{
	for (const char *const *n = number_props; *n != NULL; n++)
		if (strcmp(*n, key) == 0)
			return true;
	return false;
}

static void
set_number_prop(struct amqp_props *p, const char *key, uint64_t n)
{
	if (strcmp(key, "delivery_mode") == 0) {
		p->flags |= PROP_DELIVERY_MODE;
		p->delivery_mode = (uint8_t)n;
	} else if (strcmp(key, "priority") == 0) {
		p->flags |= PROP_PRIORITY;
		p->priority = (uint8_t)n;
	} else {
		p->flags |= PROP_TIMESTAMP;
		p->timestamp = n;
	}
}

static bool
is_small_enough(const char *key, json_int_t n)
{
	return n >= 0 && (strcmp(key, "timestamp") == 0 || n < 256);
}

/* Headers are built in w. What AMQP has no property for is left out, as RabbitMQ
 * does it. */
static bool
set_prop(struct amqp_props *p, const char *key, json_t *value, struct writer *w,
    char *why, size_t size)
{
	if (strcmp(key, "headers") == 0) {
		if (!json_is_object(value) ||
		    !admin_json_table(w, value, why, size))
			return false;
		p->flags |= PROP_HEADERS;
		p->headers = writer_view(w);
	} else if (is_number_prop(key)) {
		snprintf(why, size, "['not_int', '%s']", key);
		if (!json_is_integer(value) ||
		    !is_small_enough(key, json_integer_value(value)))
			return false;
		set_number_prop(p, key, (uint64_t)json_integer_value(value));
	} else if (json_is_string(value)) {
		set_text_prop(p, key, value);
	} else {
		snprintf(why, size, "['not_string', '%.100s']", key);
		return false;
	}
	return true;
}

static bool
set_props(struct amqp_props *p, json_t *object, struct writer *w, char *why,
    size_t size)
{
	const char *key;
	json_t *value;

	snprintf(why, size, "the properties cannot be that");
	if (!json_is_object(object))
		return false;
	json_object_foreach(object, key, value)
		if (!set_prop(p, key, value, w, why, size))
			return false;
	return true;
}

/* False after having said what is wrong. */
static bool
write_props(const struct admin *a, struct writer *w)
{
	json_t *object = admin_parse(admin_or(a, "properties", "{}"));
	struct amqp_props p = {0};
	struct writer headers = {0};
	char why[300];
	bool done;

	if (object == NULL)
		return false;
	done = set_props(&p, object, &headers, why, sizeof why);
	if (done)
		amqp_props_write(w, &p);
	else
		admin_fail(why);
	writer_fini(&headers);
	json_decref(object);
	return done;
}

static void
read_input(struct writer *w)
{
	enum { PIECE = 65536 };
	ssize_t n;

	while ((n = read(STDIN_FILENO, writer_room(w, PIECE), PIECE)) > 0)
		w->n += (size_t)n;
}

static int
digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c != '\0' ? strchr(digits, c) : NULL;

	return p != NULL ? (int)(p - digits) : -1;
}

/* RFC 4648; false if it is not. */
static bool
decode_base64(struct writer *w, const char *text)
{
	unsigned bits = 0, n = 0;

	for (; digit(*text) >= 0; text++) {
		bits = bits << 6 | (unsigned)digit(*text);
		n += 6;
		if (n >= 8) {
			n -= 8;
			writer_u8(w, (uint8_t)(bits >> n));
		}
	}
	return text[strspn(text, "=")] == '\0';
}

/* False after having said what is wrong. */
static bool
read_payload(const struct admin *a, struct writer *w)
{
	const char *payload = admin_value(a, "payload");
	const char *encoding = admin_or(a, "payload_encoding", "string");
	char why[300];

	if (payload == NULL) {
		read_input(w);
		return true;
	}
	if (strcmp(encoding, "string") == 0) {
		writer_bytes(w, bytes_str(payload));
		return true;
	}
	snprintf(why, sizeof why, "['unsupported_encoding', '%.200s']", encoding);
	if (strcmp(encoding, "base64") == 0) {
		if (decode_base64(w, payload))
			return true;
		snprintf(why, sizeof why, "['not_base64', '%.200s']", payload);
	}
	admin_fail(why);
	return false;
}

/* amq.default is what the nameless one is called where a name must be. */
static struct bytes
exchange_of(const struct admin *a)
{
	struct bytes name = text_of(a, "exchange");

	return bytes_eq(name, BYTES("amq.default")) ? BYTES("") : name;
}

static bool
publish(struct client *c, const struct admin *a, struct bytes properties,
    struct bytes body, bool *routed)
{
	struct amqp_method confirm = {AMQP_confirm_select}, answer;
	struct amqp_basic_publish m = {.exchange = exchange_of(a),
	    .routing_key = text_of(a, "routing_key"), .mandatory = true};

	return client_call(c, &confirm, AMQP_confirm_select_ok, 0, &answer) &&
	    client_publish(c, &m, properties, body, routed);
}

/* The reply with its code in front: so RabbitMQ says what went wrong here. */
static int
explain(const char *why)
{
	static const int codes[] = {
#define REPLY(name, code, log_text, closes) code,
#include "amqp/replies.def"
#undef REPLY
	};
	const char *name;
	char text[600];

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		name = amqp_reply_text(codes[i]);
		if (strncmp(why, name, strlen(name)) != 0)
			continue;
		snprintf(text, sizeof text, "%d %s", codes[i], why);
		return admin_fail(text);
	}
	return admin_fail(why);
}

static int
publish_it(const struct admin *a, struct bytes properties, struct bytes body)
{
	struct client c = {0};
	bool routed = false;

	if (!admin_open(&c, a))
		return admin_end(a, &c, false, "");
	if (publish(&c, a, properties, body, &routed))
		return admin_end(a, &c, true,
		    routed ? "Message published"
			   : "Message published but NOT routed");
	client_close(&c);
	return explain(c.why);
}

int
admin_publish(const struct admin *a)
{
	struct writer properties = {0}, body = {0};
	int status = ADMIN_FAILED;

	if (write_props(a, &properties) && read_payload(a, &body))
		status = publish_it(
		    a, writer_view(&properties), writer_view(&body));
	writer_fini(&properties);
	writer_fini(&body);
	return status;
}

/* --- get ----------------------------------------------------------------------- */

static void
encode_base64(struct writer *w, struct bytes b)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, n = 0;

	for (size_t i = 0; i < b.n; i++) {
		bits = bits << 8 | b.p[i];
		for (n += 8; n >= 6; n -= 6)
			writer_u8(w, (uint8_t)digits[bits >> (n - 6) & 63]);
	}
	if (n > 0)
		writer_u8(w, (uint8_t)digits[bits << (6 - n) & 63]);
	while (w->n % 4 != 0)
		writer_u8(w, '=');
}

static json_t *
props_json(const struct amqp_props *p)
{
	json_t *object = json_object();

	for (size_t i = 0; i < TEXT_PROPS; i++)
		if (p->flags & text_props[i].flag)
			json_object_set_new(object, text_props[i].name,
			    admin_json_text(*(const struct bytes
				    *)((const char *)p +
				text_props[i].offset)));
	if (p->flags & PROP_DELIVERY_MODE)
		json_object_set_new(
		    object, "delivery_mode", json_integer(p->delivery_mode));
	if (p->flags & PROP_PRIORITY)
		json_object_set_new(
		    object, "priority", json_integer(p->priority));
	if (p->flags & PROP_TIMESTAMP)
		json_object_set_new(object, "timestamp",
		    json_integer((json_int_t)p->timestamp));
	if (p->flags & PROP_HEADERS)
		json_object_set_new(
		    object, "headers", admin_table_json(p->headers));
	return object;
}

/* As RabbitMQ's: no properties are an empty array. */
static json_t *
read_props(struct bytes wire)
{
	struct amqp_props p = {0};
	json_t *object;

	amqp_props_parse(wire, &p);
	object = props_json(&p);
	if (json_object_size(object) > 0)
		return object;
	json_decref(object);
	return json_array();
}

/* Text is shown as it is, all else, or if that is asked for, in base64. */
static void
add_payload(const struct admin *a, json_t *message, struct bytes body)
{
	bool plain = strcmp(admin_or(a, "encoding", "auto"), "base64") != 0 &&
	    bytes_utf8(body) &&
	    (body.n == 0 || memchr(body.p, 0, body.n) == NULL);
	struct writer w = {0};
	struct bytes shown = body;

	if (!plain) {
		encode_base64(&w, body);
		shown = writer_view(&w);
	}
	json_object_set_new(
	    message, "payload_bytes", json_integer((json_int_t)body.n));
	json_object_set_new(message, "payload", admin_json_text(shown));
	json_object_set_new(message, "payload_encoding",
	    json_string(plain ? "string" : "base64"));
	writer_fini(&w);
}

struct getting {
	const struct admin *admin;
	json_t *messages;
	struct writer body; /* of the last one */
	uint64_t last;	    /* its delivery tag, or 0 */
};

/* The next one, if there is one. */
static bool
get_one(struct client *c, struct getting *g, bool *more)
{
	struct amqp_method answer, m = {
	    AMQP_basic_get, .basic_get = {0, text_of(g->admin, "queue"), false}};
	struct amqp_basic_get_ok *ok = &answer.basic_get_ok;
	struct writer properties = {0};
	json_t *message;
	bool done;

	if (!client_call(
		c, &m, AMQP_basic_get_ok, AMQP_basic_get_empty, &answer))
		return false;
	*more = answer.id == AMQP_basic_get_ok;
	if (!*more)
		return true;
	g->last = ok->delivery_tag;
	message = json_pack("{s:b, s:o, s:o, s:I}", "redelivered",
	    ok->redelivered, "exchange", admin_json_text(ok->exchange),
	    "routing_key", admin_json_text(ok->routing_key), "message_count",
	    (json_int_t)ok->message_count);
	g->body.n = 0;
	done = client_content(c, &properties, &g->body);
	json_object_set_new(
	    message, "properties", read_props(writer_view(&properties)));
	add_payload(g->admin, message, writer_view(&g->body));
	json_array_append_new(g->messages, message);
	writer_fini(&properties);
	return done;
}

/* How what was got is given back, and how its names are spelt. */
static const struct mode {
	const char *name;
	bool ack, requeue;
} modes[] = {{"ack_requeue_true", false, true},
    {"ack_requeue_false", true, false}, {"reject_requeue_true", false, true},
    {"reject_requeue_false", false, false}};

static const struct mode *
find_mode(const char *name)
{
	for (const struct mode *m = modes; m < modes + 4; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static void
settle(struct client *c, const struct mode *mode, uint64_t last)
{
	struct amqp_method ack = {
	    AMQP_basic_ack, .basic_ack = {last, true}};
	struct amqp_method nack = {
	    AMQP_basic_nack, .basic_nack = {last, true, mode->requeue}};

	if (last > 0)
		client_tell(c, mode->ack ? &ack : &nack);
}

static bool
get_all(struct client *c, struct getting *g, const struct mode *mode, long count)
{
	bool more = true, done = admin_open(c, g->admin);

	while (done && more && count-- > 0)
		done = get_one(c, g, &more);
	if (done)
		settle(c, mode, g->last);
	return done;
}

static bool
write_payload(const char *path, struct bytes body)
{
	FILE *f = fopen(path, "we");
	bool written = f != NULL && fwrite(body.p, 1, body.n, f) == body.n;

	return f != NULL && fclose(f) == 0 && written;
}

static int
show_messages(const struct admin *a, struct getting *g)
{
	static const char *const columns[] = {"routing_key", "exchange",
	    "message_count", "payload_bytes", "redelivered"};
	const char *file = admin_value(a, "payload_file");

	if (file == NULL)
		return admin_print(a, json_incref(g->messages), NULL, 0, "");
	if (g->last > 0 && !write_payload(file, writer_view(&g->body)))
		return admin_wrong("%s cannot be written", file);
	return admin_print(a, json_incref(g->messages), columns, 5, "");
}

/* False after having said what is wrong. */
static bool
read_count(const struct admin *a, long *count)
{
	const char *text = admin_or(a, "count", "1");
	char *end, why[300];

	*count = strtol(text, &end, 10);
	if (*text != '\0' && *end == '\0')
		return true;
	snprintf(why, sizeof why, "['not_integer', '%.200s']", text);
	admin_fail(why);
	return false;
}

int
admin_get(const struct admin *a)
{
	const char *name = admin_or(a, "ackmode", "ack_requeue_true");
	const struct mode *mode = find_mode(name);
	struct client c = {0};
	struct getting g = {.admin = a};
	long count;
	int status;

	if (mode == NULL)
		return admin_wrong("ackmode %s is not recognised", name);
	if (!read_count(a, &count))
		return ADMIN_FAILED;
	if (count != 1 && admin_value(a, "payload_file") != NULL)
		return admin_wrong(
		    "Cannot get multiple messages using payload_file");
	g.messages = json_array();
	if (get_all(&c, &g, mode, count)) {
		client_close(&c);
		status = show_messages(a, &g);
	} else {
		status = admin_end(a, &c, false, "");
	}
	json_decref(g.messages);
	writer_fini(&g.body);
	return status;
}
