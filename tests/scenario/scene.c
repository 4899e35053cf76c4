/* scene.c - plays one scenario: blocks of lines, failures, what is left
 * behind. */
#include "tests/scenario/scene.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "amqp/text.h"
#include "amqp/xalloc.h"
#include "tests/scenario/words.h"

/* --- notes -------------------------------------------------------------- */

struct bytes
scene_show(const struct event *e)
{
	struct writer w = {0};
	char text[48];
	writer_bytes(&w, e->line);
	if (e->has_content && e->body.n <= 64) {
		words_put(&w, " body=");
		text_put_string(&w, e->body);
	} else if (e->has_content) {
		snprintf(text, sizeof text, " body_size=%zu", e->body.n);
		words_put(&w, text);
	}
	return writer_view(&w);
}

static bool
name_letter(uint8_t c)
{
	return isalnum(c) || c == '-' || c == '_';
}

struct bytes
scene_normal(const struct scene *s, struct bytes line)
{
	static const struct bytes made[] = {
	    BYTES("amq.gen-"), BYTES("amq.ctag-")};
	struct bytes prefix = bytes_str(s->prefix), rest = line;
	struct writer w = {0};
	while (rest.n > 0) {
		size_t skip = 0;
		if (bytes_starts(rest, prefix)) {
			writer_u8(&w, '@');
			skip = prefix.n;
		}
		for (size_t i = 0; i < 2 && skip == 0; i++) {
			if (!bytes_starts(rest, made[i]))
				continue;
			writer_bytes(&w, made[i]);
			writer_u8(&w, '*');
			for (skip = made[i].n;
			     skip < rest.n && name_letter(rest.p[skip]);)
				skip++;
		}
		if (skip == 0) {
			writer_u8(&w, rest.p[0]);
			skip = 1;
		}
		rest.p += skip;
		rest.n -= skip;
	}
	return writer_view(&w);
}

enum { NOTE_MOST = 1000 }; /* octets of a line in a transcript */

void
scene_note(struct scene *s, const struct peer *p, unsigned channel,
    char direction, struct bytes line)
{
	struct bytes text = scene_normal(s, line);
	const char *more = text.n > NOTE_MOST ? "..." : "";
	if (text.n > NOTE_MOST)
		text.n = NOTE_MOST;
	char *note = xasprintf("%s.%u %c %.*s%s\n", p->name, channel, direction,
	    BYTES_FMT(text), more);
	if (s->trace)
		fputs(note, stdout);
	if (!s->muted)
		words_put(&s->transcript, note);
	free(note);
}

/* --- connections -------------------------------------------------------- */

struct peer *
scene_peer(struct scene *s, struct bytes name)
{
	struct peer *p;
	TAILQ_FOREACH(p, &s->peers, next)
		if (bytes_eq(bytes_str(p->name), name))
			return p;
	return NULL;
}

struct peer *
scene_address(struct scene *s, struct bytes word, unsigned *channel)
{
	const uint8_t *dot = memchr(word.p, '.', word.n);
	struct bytes name = word;
	*channel = 0;
	if (dot) {
		name.n = (size_t)(dot - word.p);
		*channel = (unsigned)scene_number(
		    s, (struct bytes){dot + 1, word.n - name.n - 1});
	}
	struct peer *p = scene_peer(s, name);
	if (!p)
		scene_fail(
		    s, "no verb and no connection: %.*s", BYTES_FMT(word));
	return p;
}

/* A queue that the broker named is ours to remove like one we did. */
static void
notice_queue(struct scene *s, const struct event *e)
{
	struct bytes name;
	if (event_is(e, "queue.declare_ok") &&
	    words_field(e->line, BYTES("queue"), &name) &&
	    bytes_starts(name, BYTES("amq.gen-")))
		scene_made(s, BYTES("name"), name);
}

struct event *
scene_next(
    struct scene *s, struct peer *p, unsigned channel, const char *wanted)
{
	struct event *e = peer_next(p, channel);
	if (e) {
		scene_note(s, p, channel, '<', scene_show(e));
		notice_queue(s, e);
		return e;
	}
	e = peer_unread(p);
	if (!e)
		scene_fail(s, "nothing came\n  expected %s", wanted);
	scene_fail(s, "nothing came\n  expected %s\n  received on %s.%u: %.*s",
	    wanted, p->name, e->channel, BYTES_FMT(scene_show(e)));
}

void
scene_send(struct scene *s, struct peer *p, unsigned channel,
    const struct amqp_method *method)
{
	struct writer line = {0};
	amqp_method_print(&line, method);
	scene_note(s, p, channel, '>', writer_view(&line));
	writer_fini(&line);
	peer_send_method(p, channel, method);
}

void
scene_part(struct scene *s, struct peer *p)
{
	struct event *e = NULL;
	if (p->open)
		handshake_disconnect(s, p);
	if (p->fd >= 0)
		e = peer_unread(p);
	if (e)
		scene_fail(s, "never expected\n  received on %s.%u: %.*s",
		    p->name, e->channel, BYTES_FMT(scene_show(e)));
	peer_drop(p);
}

/* --- taking away -------------------------------------------------------- */

void
scene_made(struct scene *s, struct bytes kind, struct bytes name)
{
	struct made *m;
	TAILQ_FOREACH(m, &s->made, next)
		if (bytes_eq(m->kind, kind) && bytes_eq(m->name, name))
			return;
	m = xcalloc(1, sizeof *m);
	m->kind = xbytesdup(kind);
	m->name = xbytesdup(name);
	TAILQ_INSERT_TAIL(&s->made, m, next);
}

/* Asks and waits for an answer, whatever it is; false if none came. */
static bool
ask(struct peer *p, const struct amqp_method *method)
{
	peer_send_method(p, 1, method);
	struct event *e = peer_next(p, 1);
	if (!e || !event_is(e, "channel.close"))
		return e != NULL;
	struct amqp_method ok = {.id = AMQP_channel_close_ok};
	struct amqp_method open = {.id = AMQP_channel_open};
	peer_send_method(p, 1, &ok);
	peer_send_method(p, 1, &open);
	return peer_next(p, 1) != NULL;
}

static void
remove_names(struct scene *s, struct peer *p)
{
	struct made *m;
	struct amqp_method method = {.id = AMQP_channel_open};
	bool alive = ask(p, &method);
	TAILQ_FOREACH(m, &s->made, next) {
		if (!alive || !bytes_eq(m->kind, BYTES("name")))
			continue;
		method = (struct amqp_method){.id = AMQP_queue_delete};
		method.queue_delete.queue = m->name;
		alive = ask(p, &method);
		method = (struct amqp_method){.id = AMQP_exchange_delete};
		method.exchange_delete.exchange = m->name;
		alive = alive && ask(p, &method);
	}
}

/* What a control command made in a foreign broker; one of our own goes with
 * its folder. */
static void
remove_by_ctl(struct scene *s)
{
	struct made *m;
	TAILQ_FOREACH(m, &s->made, next) {
		if (s->broker->program || bytes_eq(m->kind, BYTES("name")))
			continue;
		char *words = xasprintf(
		    "%.*s %.*s", BYTES_FMT(m->kind), BYTES_FMT(m->name));
		broker_ctl(s->broker, words, NULL);
		free(words);
	}
}

static void
remove_made(struct scene *s)
{
	s->muted = true;
	if (TAILQ_EMPTY(&s->made))
		return;
	handshake_connect(s, BYTES("cleaner"));
	remove_names(s, scene_peer(s, BYTES("cleaner")));
	remove_by_ctl(s);
}

/* Whatever happened, the broker is left as it was found. */
static void
leave(struct scene *s)
{
	struct peer *p;
	TAILQ_FOREACH(p, &s->peers, next)
		peer_drop(p);
	if (!s->script->needs_own_broker || !s->broker->program)
		remove_made(s);
	else if (broker_stop(s->broker) != 0)
		scene_fail(s, "the broker ended badly");
}

void
scene_fail(struct scene *s, const char *format, ...)
{
	static bool failing;
	va_list args;
	if (failing)
		_exit(1);
	failing = true;
	char *why;
	va_start(args, format);
	if (vasprintf(&why, format, args) < 0)
		abort();
	va_end(args);
	struct bytes text = scene_normal(s, bytes_str(why));
	printf("not ok %s: %s:%u: %.*s\n", s->script->name, s->script->path,
	    s->at ? s->at->number : 0, BYTES_FMT(text));
	fflush(stdout);
	s->trace = false;
	leave(s);
	_exit(1);
}

/* --- playing ------------------------------------------------------------ */

static size_t
block_end(const struct script *script, size_t head)
{
	size_t i = head + 1;
	while (i < script->n &&
	       script->lines[i].indent > script->lines[head].indent)
		i++;
	return i;
}

static void play(struct scene *, size_t first, size_t end);

static void
play_repeat(struct scene *s, struct bytes words, size_t first, size_t end)
{
	struct bytes name = BYTES("i"), word;
	uint64_t n = scene_number(s, scene_word(s, &words, "a count"));
	if (words_take(&words, &word))
		name = word;
	for (uint64_t i = 1; i <= n; i++) {
		char text[24];
		snprintf(text, sizeof text, "%llu", (unsigned long long)i);
		scene_set(s, name, bytes_str(text));
		play(s, first, end);
	}
}

/* What a line of an unordered block waits for, already without its address. */
struct wish {
	struct peer *peer;
	unsigned channel;
	struct bytes words;
	bool granted;
};

static struct wish
wish_read(struct scene *s, const struct line *line)
{
	struct bytes rest = line->text, word;
	struct wish w = {0};
	s->at = line;
	words_take(&rest, &word);
	w.peer = scene_address(s, word, &w.channel);
	if (!words_take(&rest, &word) || !bytes_eq(word, BYTES("expect")))
		scene_fail(s, "only 'expect' may stand in an unordered block");
	w.words = rest;
	return w;
}

static void
grant(struct scene *s, struct wish *wishes, size_t n, struct wish *first)
{
	char *wanted = words_string(first->words);
	struct event *e = scene_next(s, first->peer, first->channel, wanted);
	struct writer why = {0};
	for (size_t i = 0; i < n; i++) {
		struct wish *w = &wishes[i];
		if (w->granted || w->peer != first->peer ||
		    w->channel != first->channel ||
		    !match_event(s, e, w->words, &why))
			continue;
		w->granted = true;
		return;
	}
	scene_fail(s,
	    "none of the block\n  expected %s, or another of it\n"
	    "  received %.*s",
	    wanted, BYTES_FMT(scene_show(e)));
}

static void
play_unordered(struct scene *s, size_t first, size_t end)
{
	size_t n = end - first;
	struct wish *wishes = xcalloc(n, sizeof *wishes);
	for (size_t i = 0; i < n; i++)
		wishes[i] = wish_read(s, &s->script->lines[first + i]);
	for (size_t i = 0; i < n; i++)
		while (!wishes[i].granted) {
			s->at = &s->script->lines[first + i];
			grant(s, wishes, n, &wishes[i]);
		}
	free(wishes);
}

static void
play_block(struct scene *s, size_t head, size_t end)
{
	struct bytes words = s->script->lines[head].text, verb;
	words.n--;
	words_take(&words, &verb);
	if (bytes_eq(verb, BYTES("repeat")))
		play_repeat(s, words, head + 1, end);
	else if (bytes_eq(verb, BYTES("unordered")))
		play_unordered(s, head + 1, end);
	else if (!bytes_eq(verb, BYTES("on")))
		scene_fail(s, "no such block: %.*s", BYTES_FMT(verb));
	else if (bytes_eq(scene_word(s, &words, "a product"),
		     bytes_str(s->broker->product)))
		play(s, head + 1, end);
}

static void
play(struct scene *s, size_t first, size_t end)
{
	const struct line *lines = s->script->lines;
	for (size_t i = first; i < end;) {
		size_t next = block_end(s->script, i);
		s->at = &lines[i];
		if (lines[i].text.p[lines[i].text.n - 1] == ':')
			play_block(s, i, next);
		else if (next != i + 1)
			scene_fail(s, "the lines below are indented deeper");
		else
			verb_line(s, lines[i].text);
		i = next;
	}
}

static void
write_transcript(struct scene *s, const char *folder)
{
	char *path = xasprintf("%s/%s.txt", folder, s->script->name);
	FILE *f = fopen(path, "w");
	if (!f ||
	    fwrite(s->transcript.p, 1, s->transcript.n, f) != s->transcript.n ||
	    fclose(f) != 0)
		scene_fail(s, "%s: %m", path);
	free(path);
}

void
scene_play(const struct script *script, struct broker *broker,
    const char *transcripts, bool trace)
{
	struct scene s = {.script = script, .broker = broker, .trace = trace};
	struct peer *p;
	TAILQ_INIT(&s.peers);
	TAILQ_INIT(&s.variables);
	TAILQ_INIT(&s.made);
	snprintf(s.prefix, sizeof s.prefix, "s%x-", (unsigned)getpid());
	play(&s, 0, script->n);
	s.muted = true;
	TAILQ_FOREACH(p, &s.peers, next)
		scene_part(&s, p);
	if (transcripts)
		write_transcript(&s, transcripts);
	leave(&s);
	printf("ok %s\n", script->name);
	fflush(stdout);
	_exit(0);
}
