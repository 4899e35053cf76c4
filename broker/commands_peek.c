/* commands_peek.c - shows one message of a quorum queue, and leaves it there.
 *
 * What is in memory is shown at once. For what is out the store is read from the
 * first position that is out, part by part, without the lane hearing of it: the
 * answer is what stood there when it was asked. */
#include <stdlib.h>
#include <string.h>

#include "amqp/props.h"
#include "amqp/xalloc.h"
#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/json_table.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/queue_type.h"
#include "broker/server.h"

enum {
	LOAD = 256 * 1024, /* bytes of messages at a time */
	SHOWN = 64,	   /* of a body, as RabbitMQ */
};

/* A search in what is out. A load on its way outlives who asked: it finds the
 * search by number, or throws itself away. */
struct peek {
	uint64_t number;
	uint64_t lane, next, last; /* positions still to be read */
	size_t skip;		   /* entries in front of the one wanted */
	bool waiting, over, failed;
	struct entry found; /* with a reference of its own, if it has a message */
	LIST_ENTRY(peek) link;
};

static LIST_HEAD(, peek) peeks = LIST_HEAD_INITIALIZER(peeks);
static uint64_t last_number;

/* --- telling ------------------------------------------------------------ */

/* Keys and values, for a table and as JSON. */
struct facts {
	json_t *rows; /* [key, value], in order */
};

static void
add(struct facts *f, const char *key, json_t *value)
{
	json_array_append_new(f->rows, json_pack("[s, o]", key, value));
}

/* What is no UTF-8 is quoted as everywhere. */
static json_t *
text_value(struct bytes text)
{
	struct writer w = {0};
	json_t *value;

	json_quote(&w, text);
	value = json_loadb((const char *)w.p, w.n, JSON_DECODE_ANY, NULL);
	writer_fini(&w);
	return value;
}

static void
add_text(struct facts *f, const struct amqp_props *p, unsigned flag,
    const char *key, struct bytes text)
{
	if ((p->flags & flag) != 0)
		add(f, key, text_value(text));
}

static void
add_number(struct facts *f, const struct amqp_props *p, unsigned flag,
    const char *key, uint64_t n)
{
	if ((p->flags & flag) != 0)
		add(f, key, json_integer((json_int_t)n));
}

/* In RabbitMQ's order, which is AMQP's from its end. */
static void
add_props(struct facts *f, const struct amqp_props *p)
{
	add_text(f, p, PROP_APP_ID, "app_id", p->app_id);
	add_text(f, p, PROP_USER_ID, "user_id", p->user_id);
	add_text(f, p, PROP_TYPE, "type", p->type);
	add_number(f, p, PROP_TIMESTAMP, "timestamp", p->timestamp);
	add_text(f, p, PROP_MESSAGE_ID, "message_id", p->message_id);
	add_text(f, p, PROP_EXPIRATION, "expiration", p->expiration);
	add_text(f, p, PROP_REPLY_TO, "reply_to", p->reply_to);
	add_text(
	    f, p, PROP_CORRELATION_ID, "correlation_id", p->correlation_id);
	add_number(f, p, PROP_PRIORITY, "priority", p->priority);
	add_number(f, p, PROP_DELIVERY_MODE, "delivery_mode", p->delivery_mode);
	add_text(f, p, PROP_CONTENT_ENCODING, "content_encoding",
	    p->content_encoding);
	add_text(f, p, PROP_CONTENT_TYPE, "content_type", p->content_type);
}

static void
add_headers(struct facts *f, struct bytes table, uint32_t returns)
{
	struct writer w = {0};
	json_t *headers, *value;
	const char *key;

	table_to_json(&w, table);
	headers = json_loadb((const char *)w.p, w.n, 0, NULL);
	if (headers == NULL)
		headers = json_object();
	json_object_set_new(
	    headers, "x-delivery-count", json_integer(returns));
	json_object_foreach(headers, key, value)
	{
		char *name = xasprintf("header.%s", key);

		add(f, name, json_incref(value));
		free(name);
	}
	json_decref(headers);
	writer_fini(&w);
}

static json_t *
facts_document(const struct facts *f)
{
	json_t *d = json_object(), *row;
	size_t i;

	json_array_foreach(f->rows, i, row)
		json_object_set(d, json_string_value(json_array_get(row, 0)),
		    json_array_get(row, 1));
	return json_pack("{s:o, s:s}", "message", d, "result", "ok");
}

/* RabbitMQ's maps tell their keys in order. */
static void
tell_document(struct request *r, json_t *d)
{
	char *text = json_dumps(d, JSON_COMPACT | JSON_SORT_KEYS);

	request_json(r, text);
	free(text);
	json_decref(d);
}

/* A text as it is, a list of texts joined by commas, else as JSON. */
static void
put_fact(struct request *r, const json_t *value)
{
	char *text;

	if (json_is_array(value) && json_array_size(value) == 1)
		value = json_array_get(value, 0);
	if (json_is_string(value)) {
		put_text_value(r, json_bytes(value));
		return;
	}
	text = json_write(value);
	put_text_value(r, bytes_str(text));
	free(text);
}

static void
put_facts(struct request *r, const struct facts *f)
{
	static const char *const names[] = {"keys", "values"};
	json_t *row;
	size_t i;

	request_columns(r, names, 2);
	json_array_foreach(f->rows, i, row)
	{
		request_row(r);
		put_text_value(r, json_bytes(json_array_get(row, 0)));
		put_fact(r, json_array_get(row, 1));
		request_row_end(r);
	}
}

static void
tell_entry(struct request *r, const struct entry *e)
{
	const struct message *m = e->message;
	struct facts f = {json_array()};
	struct bytes body = message_body(m);
	struct amqp_props p = {0};

	if (amqp_props_parse(message_props(m), &p))
		add_props(&f, &p);
	add(&f, "routing_keys", json_pack("[o]", text_value(message_key(m))));
	add(&f, "exchange", text_value(message_exchange(m)));
	body.n = body.n < SHOWN ? body.n : SHOWN;
	add(&f, "payload (max 64 bytes)", text_value(body));
	add_headers(&f, p.headers, e->returns);
	tell_document(r, facts_document(&f));
	put_facts(r, &f);
	json_decref(f.rows);
	request_end(r);
}

static void
fail(struct request *r, const char *why)
{
	command_document(
	    r, json_pack("{s:s, s:s}", "message", why, "result", "error"));
	request_fail(r, CODE_UNAVAILABLE, "%s", why);
}

static void
fail_classic(struct request *r)
{
	static const char why[] = "Cannot peek into a classic queue";
	char *text = xasprintf("Failed to perform the operation: %s", why);

	command_document(
	    r, json_pack("{s:s, s:s}", "message", text, "result", "error"));
	request_fail(r, CODE_UNAVAILABLE, "%s", why);
	free(text);
}

/* --- what is out -------------------------------------------------------- */

static void
peek_free(void *work)
{
	struct peek *p = work;

	if (p->found.message != NULL)
		message_unref(p->found.message);
	LIST_REMOVE(p, link);
	free(p);
}

static struct peek *
peek_find(uint64_t number)
{
	struct peek *p;

	LIST_FOREACH(p, &peeks, link)
		if (p->number == number)
			return p;
	return NULL;
}

static void
keep_found(struct peek *p, struct loaded *one)
{
	p->found = (struct entry){.message = one->message,
	    .position = one->position,
	    .returns = one->note};
	one->message = NULL;
	p->over = true;
}

static void
came(struct load *load)
{
	struct peek *p = peek_find(load->epoch);

	if (load->status != STORE_OK)
		log_error("cannot peek into a queue: %s", load->error);
	if (p != NULL) {
		p->waiting = false;
		p->failed = load->status != STORE_OK;
		p->next = load->next;
		for (size_t i = 0; i < load->count && !p->over; i++)
			if (p->skip-- == 0)
				keep_found(p, &load->entries[i]);
		p->over = p->over || p->failed || p->next > p->last;
	}
	load_free(load);
}

static void
load_more(struct server *s, struct peek *p)
{
	struct load *load = xcalloc(1, sizeof *load);

	load->lane = p->lane;
	load->first = p->next;
	load->last = p->last;
	load->max_bytes = LOAD;
	load->epoch = p->number;
	load->noted = true;
	load->came = came;
	p->waiting = true;
	committer_load(s->journal.committer, load);
}

static void
search(struct request *r, const struct lane *lane, size_t skip)
{
	struct peek *p = xcalloc(1, sizeof *p);

	p->number = ++last_number;
	p->lane = lane->id;
	p->next = lane->out_first;
	p->last = lane->out_last;
	p->skip = skip;
	LIST_INSERT_HEAD(&peeks, p, link);
	r->work = p;
	r->release = peek_free;
	load_more(r->server, p);
}

static void
go_on(struct request *r)
{
	struct peek *p = r->work;

	if (p->waiting)
		return;
	if (!p->over)
		load_more(r->server, p);
	else if (p->failed)
		fail(r, "the store cannot be read: the log tells why");
	else if (p->found.message != NULL)
		tell_entry(r, &p->found);
	else
		fail(r, "Target queue does not have a message at that position");
}

/* --- the command -------------------------------------------------------- */

/* 0 if it is none. */
static size_t
position(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && *end == '\0' ? n : 0;
}

static void
begin(struct request *r, size_t n)
{
	const struct queue *q = command_queue(r);
	const struct entry *e;
	size_t skip;

	if (q == NULL) {
		char *why = xasprintf(
		    "Target queue was not found in virtual host '%s'",
		    command_vhost_name(r));

		fail(r, why);
		free(why);
	} else if (q->type->bit != QUEUE_QUORUM) {
		fail_classic(r);
	} else if (n > q->lanes.lowest.ready) {
		fail(r, "Target queue does not have a message at that position");
	} else if ((e = lane_nth(&q->lanes.lowest, n - 1, &skip)) != NULL) {
		tell_entry(r, e);
	} else {
		search(r, &q->lanes.lowest, skip);
	}
}

void
command_peek(struct request *r, size_t *budget)
{
	size_t n = position(r->words.arguments[1]);

	if (r->work != NULL) {
		go_on(r);
	} else if (n == 0) {
		request_misused(r, CODE_USAGE,
		    ARGUMENT_ERROR
		    "\"position value must be a positive integer\"");
	} else {
		request_banner(r,
		    "Peeking at quorum queue %s at position %zu on node %s "
		    "...",
		    r->words.arguments[0], n, node_name());
		begin(r, n);
	}
}
