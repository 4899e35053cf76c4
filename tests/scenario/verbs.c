/* verbs.c - what a line of a script can say. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/frame.h"
#include "amqp/xalloc.h"
#include "tests/scenario/scene.h"
#include "tests/scenario/words.h"

/* --- sending -------------------------------------------------------------- */

static struct amqp_method
method_read(struct scene *s, struct bytes *words)
{
	struct bytes word = scene_word(s, words, "a method"), name, raw;
	struct amqp_method m = {.id = amqp_method_find(word)};
	if (m.id == 0)
		scene_fail(s, "no such method: %.*s", BYTES_FMT(word));
	while (words_take(words, &word)) {
		if (bytes_eq(word, BYTES("->")))
			break;
		if (!words_split(word, &name, &raw) ||
		    !amqp_method_set(&m, name, scene_written(s, raw)))
			scene_fail(s,
			    "no such field, or it cannot be read: "
			    "%.*s",
			    BYTES_FMT(word));
	}
	return m;
}

static void
verb_send(struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	struct amqp_method m = method_read(s, &words);
	scene_send(s, p, channel, &m);
}

/* "0a0b" and "text" one behind the other. */
static void
put_octets(struct scene *s, struct writer *w, struct bytes word)
{
	if (word.p[0] == '"' || bytes_starts(word, BYTES("pattern:"))) {
		writer_bytes(w, scene_text(s, word));
		return;
	}
	for (size_t i = 0; i < word.n; i += 2) {
		int high = words_hex(word.p[i]);
		int low = i + 1 < word.n ? words_hex(word.p[i + 1]) : -1;
		if (high < 0 || low < 0)
			scene_fail(s, "no octets: %.*s", BYTES_FMT(word));
		writer_u8(w, (uint8_t)(high << 4 | low));
	}
}

static void
note(struct scene *s, struct peer *p, unsigned channel, const char *verb,
    struct bytes words)
{
	char *line = xasprintf("%s%.*s", verb, BYTES_FMT(words));
	scene_note(s, p, channel, '>', bytes_str(line));
	free(line);
}

static void
verb_raw(struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	struct writer w = {0};
	struct bytes word, all = words;
	while (words_take(&words, &word))
		put_octets(s, &w, word);
	note(s, p, channel, "raw ", all);
	peer_send(p, writer_view(&w));
	writer_fini(&w);
}

/* frame TYPE [size=N] [end=N] octets...: size and end may lie. */
static void
verb_frame(
    struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	struct writer w = {0}, payload = {0};
	struct bytes all = words, word, name, raw;
	uint64_t type = scene_number(s, scene_word(s, &words, "a type"));
	uint64_t size = UINT64_MAX, end = FRAME_END;
	while (words_take(&words, &word)) {
		if (!words_split(word, &name, &raw))
			put_octets(s, &payload, word);
		else if (bytes_eq(name, BYTES("size")))
			size = scene_number(s, raw);
		else if (bytes_eq(name, BYTES("end")))
			end = scene_number(s, raw);
	}
	writer_u8(&w, (uint8_t)type);
	writer_u16(&w, (uint16_t)channel);
	writer_u32(
	    &w, size == UINT64_MAX ? (uint32_t)payload.n : (uint32_t)size);
	writer_bytes(&w, writer_view(&payload));
	writer_u8(&w, (uint8_t)end);
	note(s, p, channel, "frame ", all);
	peer_send(p, writer_view(&w));
	writer_fini(&payload);
	writer_fini(&w);
}

static void
verb_slice(
    struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	p->slice = scene_number(s, scene_word(s, &words, "a size"));
}

static void
verb_cork(struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	p->corked = true;
}

static void
verb_uncork(
    struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	peer_uncork(p);
}

/* --- expecting ------------------------------------------------------------ */

static void
expect(struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	char *wanted = words_string(words);
	struct writer why = {0};
	bool heartbeat = bytes_starts(words, BYTES("heartbeat"));
	struct event *e;
	do
		e = scene_next(s, p, channel, wanted);
	while (channel == 0 && !heartbeat && event_is(e, "heartbeat"));
	if (!match_event(s, e, words, &why))
		scene_fail(s, "%.*s is not so\n  expected %s\n  received %.*s",
		    BYTES_FMT(writer_view(&why)), wanted,
		    BYTES_FMT(scene_show(e)));
	free(wanted);
}

/* Asks something harmless and returns whether its answer came first. */
static void
round_trip(
    struct scene *s, struct peer *p, unsigned channel, struct bytes queue)
{
	struct amqp_method m = {.id = AMQP_channel_flow};
	const char *wanted = "channel.flow_ok";
	m.channel_flow.active = true;
	if (queue.n > 0) {
		m = (struct amqp_method){.id = AMQP_queue_declare};
		m.queue_declare.passive = true;
		m.queue_declare.queue = queue;
		wanted = "queue.declare_ok";
	}
	scene_send(s, p, channel, &m);
	struct event *e = scene_next(s, p, channel, wanted);
	if (!event_is(e, wanted))
		scene_fail(s, "nothing should have come\n  received %.*s",
		    BYTES_FMT(scene_show(e)));
}

/* expect nothing [via QUEUE]. Twice, because a broker may answer a request
 * before it delivers what an earlier one of the same packet caused; what the
 * first answer overtook comes before the second. */
static void
expect_nothing(
    struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	bool muted = s->muted;
	struct bytes word, queue = {0};
	if (words_take(&words, &word))
		queue = scene_text(s, scene_word(s, &words, "a queue"));
	s->muted = true;
	round_trip(s, p, channel, queue);
	round_trip(s, p, channel, queue);
	s->muted = muted;
}

static void
confirm_one(struct scene *s, struct lane *l, uint64_t tag)
{
	if (tag == 0 || tag > l->n_confirmed)
		scene_fail(s, "confirmed %llu, which is not waited for",
		    (unsigned long long)tag);
	if (l->confirmed[tag - 1])
		scene_fail(
		    s, "confirmed %llu a second time", (unsigned long long)tag);
	l->confirmed[tag - 1] = 1;
}

/* One acknowledgement of the broker; returns how many it settled. */
static uint64_t
take_confirm(struct scene *s, struct lane *l, const struct event *e)
{
	struct bytes tag, multiple;
	uint64_t last, all, n = 0;
	if (!event_is(e, "basic.ack") ||
	    !words_field(e->line, BYTES("delivery_tag"), &tag) ||
	    !words_field(e->line, BYTES("multiple"), &multiple) ||
	    !words_number(tag, &last) || !words_number(multiple, &all))
		scene_fail(
		    s, "no confirm\n  received %.*s", BYTES_FMT(scene_show(e)));
	for (uint64_t i = all ? 1 : last; i < last; i++)
		if (i <= l->n_confirmed && !l->confirmed[i - 1]) {
			confirm_one(s, l, i);
			n++;
		}
	confirm_one(s, l, last);
	return n + 1;
}

/* expect confirmed N: all of 1..N that are not yet, in any order, each once. */
static void
expect_confirmed(
    struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	struct lane *l = peer_lane(p, channel);
	uint64_t n = scene_number(s, scene_word(s, &words, "a number"));
	uint64_t missing = 0;
	if (n > l->n_confirmed) {
		l->confirmed = xrealloc(l->confirmed, n);
		memset(l->confirmed + l->n_confirmed, 0, n - l->n_confirmed);
		l->n_confirmed = n;
	}
	for (uint64_t i = 0; i < n; i++)
		missing += !l->confirmed[i];
	while (missing > 0)
		missing -=
		    take_confirm(s, l, scene_next(s, p, channel, "confirms"));
}

static void
verb_expect(
    struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	struct bytes rest = words;
	struct bytes what = scene_word(s, &rest, "what to expect");
	if (bytes_eq(what, BYTES("nothing")))
		expect_nothing(s, p, channel, rest);
	else if (bytes_eq(what, BYTES("confirmed")))
		expect_confirmed(s, p, channel, rest);
	else
		expect(s, p, channel, words);
}

/* call METHOD fields -> fields of its -ok. */
static void
verb_call(struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	struct amqp_method m = method_read(s, &words);
	scene_send(s, p, channel, &m);
	char *wanted =
	    xasprintf("%s_ok %.*s", amqp_method_name(m.id), BYTES_FMT(words));
	expect(s, p, channel, bytes_str(wanted));
}

/* refused CODE "TEXT" METHOD|none: the broker closes channel or connection. */
static void
verb_refused(
    struct scene *s, struct peer *p, unsigned channel, struct bytes words)
{
	struct amqp_method ok = {
	    .id = channel ? AMQP_channel_close_ok : AMQP_connection_close_ok};
	struct bytes code = scene_word(s, &words, "a code");
	struct bytes text = scene_word(s, &words, "a text");
	struct bytes method = scene_word(s, &words, "a method");
	uint32_t id = amqp_method_find(method);
	if (id == 0 && !bytes_eq(method, BYTES("none")))
		scene_fail(s, "no such method: %.*s", BYTES_FMT(method));
	char *wanted = xasprintf(
	    "%s.close reply_code=%.*s reply_text=%.*s class_id=%u method_id=%u",
	    channel ? "channel" : "connection", BYTES_FMT(code),
	    BYTES_FMT(text), id >> 16, id & 0xffff);
	expect(s, p, channel, bytes_str(wanted));
	scene_send(s, p, channel, &ok);
	if (channel == 0)
		expect(s, p, 0, BYTES("closed"));
}

/* --- connections and channels --------------------------------------------- */

static void
verb_dial(struct scene *s, struct bytes words)
{
	handshake_dial(s, scene_word(s, &words, "a connection's name"));
}

static void
verb_disconnect(struct scene *s, struct bytes words)
{
	unsigned channel;
	scene_part(s,
	    scene_address(s, scene_word(s, &words, "a connection"), &channel));
}

static void
verb_drop(struct scene *s, struct bytes words)
{
	unsigned channel;
	peer_drop(
	    scene_address(s, scene_word(s, &words, "a connection"), &channel));
}

static void
each_channel(struct scene *s, struct bytes words, const char *request)
{
	struct bytes word;
	unsigned channel;
	while (words_take(&words, &word)) {
		struct peer *p = scene_address(s, word, &channel);
		verb_call(s, p, channel, bytes_str(request));
	}
}

static void
verb_open(struct scene *s, struct bytes words)
{
	each_channel(s, words, "channel.open");
}

static void
verb_close(struct scene *s, struct bytes words)
{
	each_channel(s, words, "channel.close reply_code=200 reply_text=bye");
}

/* --- the broker and the script itself ------------------------------------- */

static void
verb_set(struct scene *s, struct bytes words)
{
	struct bytes name = scene_word(s, &words, "a name");
	scene_set(s, name, scene_text(s, scene_word(s, &words, "a value")));
}

/* A word as the shell reads it back. */
static void
put_shell(struct writer *w, struct bytes word)
{
	words_put(w, " '");
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] == '\'')
			words_put(w, "'\\''");
		else
			writer_u8(w, word.p[i]);
	words_put(w, "'");
}

/* A line with the columns wanted, which one blank sets apart. */
static bool
is_row(struct bytes line, struct bytes wanted)
{
	if (line.n != wanted.n)
		return false;
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] != wanted.p[i] &&
		    (line.p[i] != '\t' || wanted.p[i] != ' '))
			return false;
	return true;
}

static void
expect_line(struct scene *s, struct bytes output, struct bytes wanted)
{
	struct bytes rest = output, line;
	while (words_piece(&rest, '\n', &line))
		if (is_row(line, wanted))
			return;
	scene_fail(s, "no line is so\n  expected %.*s\n  received %.*s",
	    BYTES_FMT(wanted), BYTES_FMT(output));
}

/* How what a command made is removed again; NULL: it made nothing. */
static const char *
undoing(struct bytes command)
{
	static const struct {
		const char *does, *undoes;
	} pairs[] = {{"add_user", "delete_user"}, {"add_vhost", "delete_vhost"},
	    {"set_policy", "clear_policy"},
	    {"set_operator_policy", "clear_operator_policy"}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (bytes_eq(command, bytes_str(pairs[i].does)))
			return pairs[i].undoes;
	return NULL;
}

static void
verb_ctl(struct scene *s, struct bytes words)
{
	struct bytes word, command = scene_word(s, &words, "a command");
	const char *undo = undoing(command);
	struct writer line = {0}, output = {0};
	writer_bytes(&line, command);
	while (words_take(&words, &word) && !bytes_eq(word, BYTES("->"))) {
		struct bytes text = scene_text(s, word);
		put_shell(&line, text);
		if (undo != NULL)
			scene_made(s, bytes_str(undo), text);
		undo = NULL;
	}
	writer_u8(&line, 0);
	if (broker_ctl(s->broker, (char *)line.p, &output) != 0)
		scene_fail(s, "the control command failed");
	while (words_take(&words, &word))
		expect_line(s, writer_view(&output), scene_text(s, word));
	writer_fini(&line);
	writer_fini(&output);
}

static int
signal_read(struct scene *s, struct bytes *words)
{
	struct bytes name = scene_word(s, words, "TERM or KILL");
	if (bytes_eq(name, BYTES("KILL")))
		return SIGKILL;
	if (!bytes_eq(name, BYTES("TERM")))
		scene_fail(s, "TERM or KILL, not %.*s", BYTES_FMT(name));
	return SIGTERM;
}

static void
verb_signal(struct scene *s, struct bytes words)
{
	broker_signal(s->broker, signal_read(s, &words));
}

static void
verb_start(struct scene *s, struct bytes words)
{
	if (!broker_again(s->broker))
		scene_fail(s, "the broker did not start again");
}

static void
verb_restart(struct scene *s, struct bytes words)
{
	struct peer *p;
	verb_signal(s, words);
	TAILQ_FOREACH(p, &s->peers, next)
		peer_drop(p);
	verb_start(s, words);
}

/* --- tables ----------------------------------------------------------------
 */

static const struct {
	const char *name;
	void (*run)(struct scene *, struct bytes words);
} verbs[] = {
    {"connect", handshake_connect},
    {"dial", verb_dial},
    {"disconnect", verb_disconnect},
    {"drop", verb_drop},
    {"open", verb_open},
    {"close", verb_close},
    {"set", verb_set},
    {"ctl", verb_ctl},
    {"signal", verb_signal},
    {"start", verb_start},
    {"restart", verb_restart},
};

static const struct {
	const char *name;
	void (*run)(struct scene *, struct peer *, unsigned channel,
	    struct bytes words);
} verbs_of_peers[] = {
    {"send", verb_send},
    {"call", verb_call},
    {"expect", verb_expect},
    {"refused", verb_refused},
    {"publish", content_publish},
    {"header", content_header},
    {"body", content_body},
    {"frame", verb_frame},
    {"raw", verb_raw},
    {"slice", verb_slice},
    {"cork", verb_cork},
    {"uncork", verb_uncork},
};

void
verb_line(struct scene *s, struct bytes line)
{
	struct bytes word = scene_word(s, &line, "a verb");
	unsigned channel;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (bytes_eq(word, bytes_str(verbs[i].name))) {
			verbs[i].run(s, line);
			return;
		}
	struct peer *p = scene_address(s, word, &channel);
	word = scene_word(s, &line, "a verb");
	for (size_t i = 0; i < sizeof verbs_of_peers / sizeof *verbs_of_peers;
	     i++)
		if (bytes_eq(word, bytes_str(verbs_of_peers[i].name))) {
			verbs_of_peers[i].run(s, p, channel, line);
			return;
		}
	scene_fail(s, "no such verb: %.*s", BYTES_FMT(word));
}
