/* handshake.c - from the protocol header to connection.open-ok, and back. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/scenario/scene.h"
#include "tests/scenario/words.h"

struct peer *
handshake_dial(struct scene *s, struct bytes name)
{
	struct peer *old = scene_peer(s, name);
	char *text = words_string(name);
	struct peer *p = peer_dial(text, s->broker->host, s->broker->port);
	if (!p)
		scene_fail(s, "no connection to %s:%s: %m", s->broker->host,
		    s->broker->port);
	if (old) {
		scene_part(s, old);
		TAILQ_REMOVE(&s->peers, old, next);
	}
	TAILQ_INSERT_TAIL(&s->peers, p, next);
	free(text);
	return p;
}

/* --- options -------------------------------------------------------------- */

static struct bytes
option(struct scene *s, struct bytes words, const char *name, const char *usual)
{
	struct bytes raw;
	if (words_field(words, bytes_str(name), &raw))
		return scene_text(s, raw);
	return bytes_str(usual);
}

static uint32_t
option_number(
    struct scene *s, struct bytes words, const char *name, uint64_t usual)
{
	struct bytes raw;
	if (words_field(words, bytes_str(name), &raw))
		return (uint32_t)scene_number(s, raw);
	return (uint32_t)usual;
}

static void
check_options(struct scene *s, struct bytes words)
{
	static const char *const known[] = {"user", "password", "vhost",
	    "mechanism", "capabilities", "channel_max", "frame_max",
	    "heartbeat", "stop"};
	struct bytes word, name, raw;
	while (words_take(&words, &word)) {
		size_t i = 0, n = sizeof known / sizeof *known;
		if (words_split(word, &name, &raw))
			while (i < n && !bytes_eq(name, bytes_str(known[i])))
				i++;
		else
			i = n;
		if (i == n)
			scene_fail(s, "no such option: %.*s", BYTES_FMT(word));
	}
}

/* --- steps ---------------------------------------------------------------- */

/* "a,b,c" as a table of true booleans. */
static void
put_capabilities(struct writer *w, struct bytes list)
{
	size_t mark = table_begin(w, "capabilities");
	struct bytes one;
	while (words_piece(&list, ',', &one)) {
		char *name = words_string(one);
		table_put_bool(w, name, true);
		free(name);
	}
	table_end(w, mark);
}

static struct bytes
login(struct bytes mechanism, struct bytes user, struct bytes password)
{
	struct writer w = {0};
	if (bytes_eq(mechanism, BYTES("AMQPLAIN"))) {
		table_put_longstr(&w, "LOGIN", user);
		table_put_longstr(&w, "PASSWORD", password);
		return writer_view(&w);
	}
	writer_u8(&w, 0);
	writer_bytes(&w, user);
	writer_u8(&w, 0);
	writer_bytes(&w, password);
	return writer_view(&w);
}

static void
send_start_ok(struct scene *s, struct peer *p, struct bytes words)
{
	struct amqp_method m = {.id = AMQP_connection_start_ok};
	struct amqp_connection_start_ok *ok = &m.connection_start_ok;
	struct writer properties = {0};
	struct bytes capabilities = option(s, words, "capabilities",
	    "publisher_confirms,exchange_exchange_bindings,basic.nack,"
	    "consumer_cancel_notify,connection.blocked,"
	    "authentication_failure_close");
	table_put_longstr(&properties, "product", BYTES("scenario"));
	if (!bytes_eq(capabilities, BYTES("none")))
		put_capabilities(&properties, capabilities);
	ok->client_properties = writer_view(&properties);
	ok->mechanism = option(s, words, "mechanism", "PLAIN");
	ok->response = login(ok->mechanism, option(s, words, "user", "guest"),
	    option(s, words, "password", "guest"));
	ok->locale = BYTES("en_US");
	scene_send(s, p, 0, &m);
	writer_fini(&properties);
}

static struct event *
take(struct scene *s, struct peer *p, const char *wanted)
{
	struct event *e = scene_next(s, p, 0, wanted);
	if (!event_is(e, wanted))
		scene_fail(s, "no handshake\n  expected %s\n  received %.*s",
		    wanted, BYTES_FMT(e->line));
	return e;
}

static uint64_t
number_of(const struct event *e, const char *name)
{
	struct bytes raw = {0};
	uint64_t number = 0;
	if (words_field(e->line, bytes_str(name), &raw))
		words_number(raw, &number);
	return number;
}

static void
answer_tune(struct scene *s, struct peer *p, struct bytes words)
{
	struct event *tune = take(s, p, "connection.tune");
	struct amqp_method m = {.id = AMQP_connection_tune_ok};
	struct amqp_connection_tune_ok *ok = &m.connection_tune_ok;
	ok->channel_max = (uint16_t)option_number(
	    s, words, "channel_max", number_of(tune, "channel_max"));
	ok->frame_max =
	    option_number(s, words, "frame_max", number_of(tune, "frame_max"));
	ok->heartbeat = (uint16_t)option_number(s, words, "heartbeat", 0);
	if (ok->frame_max != 0)
		p->frame_max = ok->frame_max;
	scene_send(s, p, 0, &m);
}

static void
ask_open(struct scene *s, struct peer *p, struct bytes words)
{
	struct amqp_method m = {.id = AMQP_connection_open};
	m.connection_open.virtual_host = option(s, words, "vhost", "/");
	scene_send(s, p, 0, &m);
}

void
handshake_connect(struct scene *s, struct bytes words)
{
	static const struct bytes header = BYTES("AMQP\0\0\x09\x01");
	bool muted = s->muted;
	struct bytes name = scene_word(s, &words, "a connection's name");
	struct bytes stop = option(s, words, "stop", "never");
	check_options(s, words);
	struct peer *p = handshake_dial(s, name);
	s->muted = muted || bytes_eq(stop, BYTES("never"));
	peer_send(p, header);
	if (!bytes_eq(stop, BYTES("start"))) {
		take(s, p, "connection.start");
		send_start_ok(s, p, words);
	}
	if (bytes_eq(stop, BYTES("open")) || bytes_eq(stop, BYTES("never"))) {
		answer_tune(s, p, words);
		ask_open(s, p, words);
	}
	if (bytes_eq(stop, BYTES("never")))
		take(s, p, "connection.open_ok");
	s->muted = muted;
}

void
handshake_disconnect(struct scene *s, struct peer *p)
{
	struct amqp_method close = {.id = AMQP_connection_close};
	struct event *e;
	close.connection_close.reply_code = 200;
	close.connection_close.reply_text = BYTES("bye");
	peer_send_method(p, 0, &close);
	p->open = false;
	do
		e = peer_next(p, 0);
	while (e && event_is(e, "heartbeat"));
	if (e && !event_is(e, "connection.close_ok"))
		TAILQ_INSERT_HEAD(&p->events, e, next);
}
