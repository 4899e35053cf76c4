/* admin_amqp.c - what rabbitmqadmin does as a client: declare, bind, delete,
 * purge, publish, get. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "amqp/props.h"
#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/admin.h"
#include "broker/admin_json.h"
#include "broker/client.h"

/* --- a connection ---------------------------------------------------------- */

/* A listener without TLS, as the broker's status tells it. */
static bool
find_port(char host[64], unsigned *port, char *why, size_t size)
{
	const char *const words[] = {"status"};
	struct answer a = {0};
	char protocol[16];
	bool found = false;

	answer_ask(&a, words, 1);
	for (const char *p = a.text; !found && p != NULL;) {
		found = sscanf(p,
			    "Interface: %63[^,], port: %u, protocol: "
			    "%15[^,],",
			    host, port, protocol) == 3 &&
		    strcmp(protocol, "amqp") == 0;
		p = strchr(p, '\n');
		p = p != NULL ? p + 1 : NULL;
	}
	if (a.code != 0)
		snprintf(why, size, "Could not connect: %s", a.why);
	else if (!found)
		snprintf(why, size,
		    "the broker has no listener without TLS to be asked at");
	answer_fini(&a);
	return found;
}

static bool
open_client(struct client *c, const struct admin *a)
{
	char host[64];
	unsigned port;

	return find_port(host, &port, c->why, sizeof c->why) &&
	    client_open(c, host, port, a->user != NULL ? a->user : "guest",
		a->password != NULL ? a->password : "guest",
		a->vhost != NULL ? a->vhost : "/");
}

static int
finish(const struct admin *a, struct client *c, bool done, const char *line)
{
	client_close(c);
	if (!done || c->why[0] != '\0')
		return admin_fail(c->why);
	return admin_said(a, line);
}

/* One method, and what is said when it went well. */
static int
call(const struct admin *a, const struct amqp_method *m, uint32_t ok,
    const char *line)
{
	struct client c = {0};
	struct amqp_method answer;
	bool done = open_client(&c, a) && client_call(&c, m, ok, 0, &answer);

	return finish(a, &c, done, line);
}

/* --- arguments --------------------------------------------------------------- */

/* JSON of an object becomes a table. False after having said what is wrong. */
static bool
read_table(struct writer *w, const char *text, char *why, size_t size)
{
	json_t *object;
	bool done;

	if (text == NULL || *text == '\0')
		return true;
	object = admin_json_read(text, why, size);
	if (object == NULL)
		return false;
	done = admin_json_table(w, object, why, size);
	json_decref(object);
	return done;
}

static bool
read_arguments(const struct admin *a, struct writer *w)
{
	char why[512];

	if (read_table(w, admin_value(a, "arguments"), why, sizeof why))
		return true;
	admin_fail(why);
	return false;
}

static struct bytes
text_of(const struct admin *a, const char *key)
{
	return bytes_str(admin_or(a, key, ""));
}

/* Version 1 says queue_type, version 2 type. */
static void
put_queue_type(const struct admin *a, struct writer *w)
{
	const char *type = admin_value(a, "queue_type");
	struct amqp_value v;

	if (type == NULL)
		type = admin_value(a, "type");
	if (type != NULL &&
	    !amqp_table_get(writer_view(w), BYTES("x-queue-type"), &v))
		table_put_longstr(w, "x-queue-type", bytes_str(type));
}

int
admin_declare_queue(const struct admin *a)
{
	struct writer w = {0};
	struct amqp_method m = {AMQP_queue_declare};
	int status = ADMIN_FAILED;

	if (read_arguments(a, &w)) {
		put_queue_type(a, &w);
		m.queue_declare =
		    (struct amqp_queue_declare){.queue = text_of(a, "name"),
			.durable = admin_flag(a, "durable", true),
			.auto_delete = admin_flag(a, "auto_delete", false),
			.arguments = writer_view(&w)};
		status = call(
		    a, &m, AMQP_queue_declare_ok, "queue declared");
	}
	writer_fini(&w);
	return status;
}

int
admin_declare_exchange(const struct admin *a)
{
	struct writer w = {0};
	struct amqp_method m = {AMQP_exchange_declare};
	int status = ADMIN_FAILED;

	if (read_arguments(a, &w)) {
		m.exchange_declare = (struct amqp_exchange_declare){
		    .exchange = text_of(a, "name"),
		    .type = text_of(a, "type"),
		    .durable = admin_flag(a, "durable", true),
		    .auto_delete = admin_flag(a, "auto_delete", false),
		    .internal = admin_flag(a, "internal", false),
		    .arguments = writer_view(&w)};
		status = call(
		    a, &m, AMQP_exchange_declare_ok, "exchange declared");
	}
	writer_fini(&w);
	return status;
}

static bool
to_exchange(const struct admin *a)
{
	return strcmp(admin_or(a, "destination_type", "queue"), "exchange") ==
	    0;
}

int
admin_declare_binding(const struct admin *a)
{
	struct bytes source = text_of(a, "source");
	struct bytes destination = text_of(a, "destination");
	struct bytes key = text_of(a, "routing_key");
	struct amqp_method m = {AMQP_queue_bind};
	uint32_t ok = AMQP_queue_bind_ok;
	struct writer w = {0};
	int status = ADMIN_FAILED;

	if (read_arguments(a, &w)) {
		m.queue_bind = (struct amqp_queue_bind){.queue = destination,
		    .exchange = source, .routing_key = key,
		    .arguments = writer_view(&w)};
		if (to_exchange(a)) {
			m = (struct amqp_method){AMQP_exchange_bind,
			    .exchange_bind = {.destination = destination,
				.source = source, .routing_key = key,
				.arguments = writer_view(&w)}};
			ok = AMQP_exchange_bind_ok;
		}
		status = call(a, &m, ok, "binding declared");
	}
	writer_fini(&w);
	return status;
}

/* Version 1 wants a properties_key: the routing key, but where there are
 * arguments. */
int
admin_delete_binding(const struct admin *a)
{
	struct bytes source = text_of(a, "source");
	struct bytes destination = text_of(a, "destination");
	struct bytes key = bytes_str(
	    admin_or(a, "routing_key", admin_or(a, "properties_key", "")));
	struct amqp_method m = {AMQP_queue_unbind};
	uint32_t ok = AMQP_queue_unbind_ok;
	struct writer w = {0};
	int status = ADMIN_FAILED;

	if (bytes_eq(key, BYTES("~")))
		key = BYTES("");
	if (read_arguments(a, &w)) {
		m.queue_unbind = (struct amqp_queue_unbind){
		    .queue = destination, .exchange = source,
		    .routing_key = key, .arguments = writer_view(&w)};
		if (to_exchange(a)) {
			m = (struct amqp_method){AMQP_exchange_unbind,
			    .exchange_unbind = {.destination = destination,
				.source = source, .routing_key = key,
				.arguments = writer_view(&w)}};
			ok = AMQP_exchange_unbind_ok;
		}
		status = call(a, &m, ok, "binding deleted");
	}
	writer_fini(&w);
	return status;
}

/* AMQP is content with what is not there; rabbitmqadmin is not, unless asked to
 * be. */
static int
delete(const struct admin *a, const struct amqp_method *passive,
    uint32_t declared, const struct amqp_method *m, uint32_t ok,
    const char *line)
{
	struct client c = {0};
	struct amqp_method answer;
	bool done = open_client(&c, a);

	if (done && !admin_flag(a, "idempotently", false))
		done = client_call(&c, passive, declared, 0, &answer);
	done = done && client_call(&c, m, ok, 0, &answer);
	return finish(a, &c, done, line);
}

int
admin_delete_queue(const struct admin *a)
{
	struct amqp_method passive = {AMQP_queue_declare,
	    .queue_declare = {.queue = text_of(a, "name"), .passive = true}};
	struct amqp_method m = {AMQP_queue_delete,
	    .queue_delete = {.queue = text_of(a, "name"),
		.if_unused = admin_flag(a, "if_unused", false),
		.if_empty = admin_flag(a, "if_empty", false)}};

	return delete(a, &passive, AMQP_queue_declare_ok, &m,
	    AMQP_queue_delete_ok, "queue deleted");
}

int
admin_delete_exchange(const struct admin *a)
{
	struct amqp_method passive = {AMQP_exchange_declare,
	    .exchange_declare = {
		.exchange = text_of(a, "name"), .passive = true}};
	struct amqp_method m = {AMQP_exchange_delete,
	    .exchange_delete = {.exchange = text_of(a, "name"),
		.if_unused = admin_flag(a, "if_unused", false)}};

	return delete(a, &passive, AMQP_exchange_declare_ok, &m,
	    AMQP_exchange_delete_ok, "exchange deleted");
}

int
admin_purge_queue(const struct admin *a)
{
	struct amqp_method m = {AMQP_queue_purge,
	    .queue_purge = {.queue = text_of(a, "name")}};

	return call(a, &m, AMQP_queue_purge_ok, "queue purged");
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
		if (strcmp(text_props[i].name, key) == 0 &&
		    json_is_string(value)) {
			p->flags |= text_props[i].flag;
			*(struct bytes *)((char *)p + text_props[i].offset) =
			    (struct bytes){(const uint8_t *)json_string_value(
					       value),
				json_string_length(value)};
			return true;
		}
	return false;
}

static bool
set_number_prop(struct amqp_props *p, const char *key, json_int_t n)
{
	if (strcmp(key, "delivery_mode") == 0 && n >= 0 && n < 256) {
		p->flags |= PROP_DELIVERY_MODE;
		p->delivery_mode = (uint8_t)n;
	} else if (strcmp(key, "priority") == 0 && n >= 0 && n < 256) {
		p->flags |= PROP_PRIORITY;
		p->priority = (uint8_t)n;
	} else if (strcmp(key, "timestamp") == 0 && n >= 0) {
		p->flags |= PROP_TIMESTAMP;
		p->timestamp = (uint64_t)n;
	} else {
		return false;
	}
	return true;
}

/* Headers are built in w. */
static bool
set_props(struct amqp_props *p, json_t *object, struct writer *w, char *why,
    size_t size)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (strcmp(key, "headers") == 0 && json_is_object(value)) {
			if (!admin_json_table(w, value, why, size))
				return false;
			p->flags |= PROP_HEADERS;
			p->headers = writer_view(w);
		} else if (!set_text_prop(p, key, value) &&
		    !(json_is_integer(value) &&
			set_number_prop(p, key, json_integer_value(value)))) {
			snprintf(why, size, "property %s cannot be that", key);
			return false;
		}
	}
	return true;
}

static bool
write_props(const struct admin *a, struct writer *w, char *why, size_t size)
{
	json_t *object =
	    admin_json_read(admin_or(a, "properties", "{}"), why, size);
	struct amqp_props p = {0};
	struct writer headers = {0};
	bool done;

	if (object == NULL)
		return false;
	done = set_props(&p, object, &headers, why, size);
	if (done)
		amqp_props_write(w, &p);
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

static bool
read_payload(const struct admin *a, struct writer *w)
{
	const char *payload = admin_value(a, "payload");

	if (payload == NULL)
		read_input(w);
	else if (strcmp(admin_or(a, "payload_encoding", "string"), "base64") ==
	    0)
		return decode_base64(w, payload);
	else
		writer_bytes(w, bytes_str(payload));
	return true;
}

static bool
publish(struct client *c, const struct admin *a, struct bytes properties,
    struct bytes body, bool *routed)
{
	struct amqp_method confirm = {AMQP_confirm_select}, answer;
	struct amqp_basic_publish m = {.exchange = text_of(a, "exchange"),
	    .routing_key = text_of(a, "routing_key"), .mandatory = true};

	return open_client(c, a) &&
	    client_call(c, &confirm, AMQP_confirm_select_ok, 0, &answer) &&
	    client_publish(c, &m, properties, body, routed);
}

int
admin_publish(const struct admin *a)
{
	struct client c = {0};
	struct writer properties = {0}, body = {0};
	bool routed = false, done;
	int status;

	if (!write_props(a, &properties, c.why, sizeof c.why))
		status = admin_fail(c.why);
	else if (!read_payload(a, &body))
		status = admin_fail("the payload is not base64");
	else {
		done = publish(&c, a, writer_view(&properties),
		    writer_view(&body), &routed);
		status = finish(a, &c, done,
		    routed ? "Message published"
			   : "Message published but NOT routed");
	}
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

static void
add_props(struct answer *t, struct bytes wire)
{
	struct amqp_props p = {0};
	json_t *object;
	char *text;

	amqp_props_parse(wire, &p);
	object = props_json(&p);
	text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
	answer_add(t, json_object_size(object) > 0 ? bytes_str(text) : BYTES(""),
	    json_object_size(object) > 0);
	free(text);
	json_decref(object);
}

static void
add_number(struct answer *t, size_t n)
{
	char text[32];

	snprintf(text, sizeof text, "%zu", n);
	answer_add(t, bytes_str(text), true);
}

/* Text is shown as it is, all else in base64. */
static void
add_payload(struct answer *t, struct bytes body)
{
	bool plain = bytes_utf8(body) &&
	    (body.n == 0 || memchr(body.p, 0, body.n) == NULL);
	struct writer w = {0};

	if (!plain)
		encode_base64(&w, body);
	answer_add(t, plain ? body : writer_view(&w), false);
	add_number(t, body.n);
	answer_add(t, plain ? BYTES("string") : BYTES("base64"), false);
	writer_fini(&w);
}

static bool
get_one(struct client *c, struct bytes queue, struct answer *t, uint64_t *tag)
{
	struct amqp_method answer, m = {AMQP_basic_get, .basic_get = {0, queue, false}};
	struct amqp_basic_get_ok *ok = &answer.basic_get_ok;
	struct writer properties = {0}, body = {0};
	bool done;

	*tag = 0;
	if (!client_call(
		c, &m, AMQP_basic_get_ok, AMQP_basic_get_empty, &answer))
		return false;
	if (answer.id == AMQP_basic_get_empty)
		return true;
	*tag = ok->delivery_tag;
	answer_add(t, ok->routing_key, false);
	answer_add(t, ok->exchange, false);
	add_number(t, ok->message_count);
	m.basic_get.no_ack = ok->redelivered; /* answer is borrowed */
	done = client_content(c, &properties, &body);
	add_payload(t, writer_view(&body));
	add_props(t, writer_view(&properties));
	answer_add(t, m.basic_get.no_ack ? BYTES("true") : BYTES("false"), true);
	writer_fini(&properties);
	writer_fini(&body);
	return done;
}

/* ack_requeue_true and reject_requeue_true put them back. */
static void
settle(struct client *c, const char *mode, uint64_t last)
{
	bool requeue = strstr(mode, "requeue_true") != NULL;
	struct amqp_method ack = {
	    AMQP_basic_ack, .basic_ack = {last, true}};
	struct amqp_method nack = {
	    AMQP_basic_nack, .basic_nack = {last, true, requeue}};

	if (last > 0)
		client_tell(c,
		    requeue || strncmp(mode, "reject", 6) == 0 ? &nack : &ack);
}

static bool
get_all(struct client *c, const struct admin *a, struct answer *t, long count)
{
	const char *mode = admin_or(a, "ackmode", "ack_requeue_true");
	uint64_t tag = 1, last = 0;
	bool done = open_client(c, a);

	while (done && tag > 0 && count-- > 0) {
		done = get_one(c, text_of(a, "queue"), t, &tag);
		last = tag > 0 ? tag : last;
	}
	if (done)
		settle(c, mode, last);
	return done;
}

int
admin_get(const struct admin *a)
{
	static const char *const names[] = {"routing_key", "exchange",
	    "message_count", "payload", "payload_bytes", "payload_encoding",
	    "properties", "redelivered"};
	enum { NAMES = sizeof names / sizeof *names };
	struct client c = {0};
	struct answer t = {.columns = NAMES};
	int status = 0;

	for (size_t i = 0; i < NAMES; i++)
		answer_add(&t, bytes_str(names[i]), false);
	if (!get_all(&c, a, &t, atol(admin_or(a, "count", "1"))))
		status = admin_fail(c.why);
	client_close(&c);
	if (status == 0)
		admin_print(&t, a->format);
	answer_fini(&t);
	return status;
}
