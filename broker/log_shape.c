/* log_shape.c - what one line of the log looks like: RabbitMQ's shape, one of the
 * operator's, or an object of JSON. */
#include "broker/log_shape.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- characters --------------------------------------------------------------- */

/* A character that would move the cursor or worse: C0, DEL, and C1 as UTF-8
 * (0xc2 0x80-0x9f, both bytes) or, where the text is not UTF-8, any high byte.
 */
static bool
harmful(struct bytes text, size_t i, bool utf8)
{
	uint8_t c = text.p[i];

	if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
		return true;
	if (c == 0xc2 && i + 1 < text.n)
		return text.p[i + 1] < 0xa0;
	return c >= 0x80 && c < 0xa0 && i > 0 && text.p[i - 1] == 0xc2;
}

static size_t
put_escaped(char *p, uint8_t c)
{
	static const char named[] = "\nn\rr\tt";
	const char *name = c != 0 ? strchr(named, c) : NULL;

	if (name != NULL && c < 0x20)
		return (size_t)sprintf(p, "\\%c", name[1]);
	return (size_t)sprintf(p, "\\x%02x", c);
}

size_t
log_escape(char *p, size_t room, struct bytes text)
{
	bool utf8 = bytes_utf8(text);
	size_t n = 0, whole = 0, i;

	for (i = 0; i < text.n && n + 4 + 3 <= room; i++) {
		if (!utf8 || (text.p[i] & 0xc0) != 0x80)
			whole = n; /* a character begins here */
		if (harmful(text, i, utf8))
			n += put_escaped(p + n, text.p[i]);
		else
			p[n++] = (char)text.p[i];
	}
	if (i == text.n)
		return n;
	memcpy(p + whole, "...", 3);
	return whole + 3;
}

/* As log_escape, for what stands between quotes in JSON; what is not UTF-8 is
 * taken for Latin-1. */
static size_t
quote(char *p, size_t room, struct bytes text)
{
	bool utf8 = bytes_utf8(text);
	size_t n = 0, whole = 0, i;

	for (i = 0; i < text.n && n + 6 + 3 <= room; i++) {
		uint8_t c = text.p[i];

		if (!utf8 || (c & 0xc0) != 0x80)
			whole = n;
		if (c == '"' || c == '\\')
			n += (size_t)sprintf(p + n, "\\%c", c);
		else if (c == '\n')
			n += (size_t)sprintf(p + n, "\\n");
		else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			n += (size_t)sprintf(p + n, "\\u%04x", c);
		else
			p[n++] = (char)c;
	}
	if (i == text.n)
		return n;
	memcpy(p + whole, "...", 3);
	return whole + 3;
}

/* --- parts ---------------------------------------------------------------------- */

/* A line being written; what does not fit is cut. */
struct line {
	char *p;
	size_t n, room;
};

static void __attribute__((format(printf, 2, 3)))
put(struct line *l, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(l->p + l->n, l->room - l->n, format, ap);
	va_end(ap);
	if (n > 0)
		l->n += (size_t)n < l->room - l->n ? (size_t)n
						   : l->room - l->n - 1;
}

static void
put_span(struct line *l, const char *p, size_t n)
{
	if (n > l->room - l->n - 1)
		n = l->room - l->n - 1;
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void
put_word(struct line *l, const char *word)
{
	put_span(l, word, strlen(word));
}

/* "2026-01-02 03:04:05+0000", worked out once a second. */
static const char *
second_text(time_t second)
{
	static char text[40];
	static time_t is_of = -1;
	struct tm tm;

	if (second != is_of) {
		localtime_r(&second, &tm);
		strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S%z", &tm);
		is_of = second;
	}
	return text;
}

static void
put_local(struct line *l, const struct timespec *at, char between)
{
	const char *text = second_text(at->tv_sec), *time = text + 11;
	const char *zone = text + 19;

	if (between == '\0') /* as Lager had it */
		put(l, "%.19s.%03ld", text, at->tv_nsec / 1000000);
	else
		put(l, "%.10s%c%.8s.%06ld%.3s:%.2s", text, between, time,
		    at->tv_nsec / 1000, zone, zone + 3);
}

static void
put_epoch(struct line *l, const struct timespec *at, bool seconds, bool number)
{
	long long secs = (long long)at->tv_sec;

	if (!seconds)
		put(l, "%lld", secs * 1000000 + at->tv_nsec / 1000);
	else if (number)
		put(l, "%lld", secs);
	else
		put(l, "%lld.%06ld", secs, at->tv_nsec / 1000);
}

/* "2026-01-02 03:04:05.678901+00:00", or what else was asked for. */
static void
put_time(struct line *l, const struct log_shape *s, const struct timespec *at)
{
	switch (s->time) {
	case LOG_TIME_SPACE:
		put_local(l, at, ' ');
		return;
	case LOG_TIME_T:
		put_local(l, at, 'T');
		return;
	case LOG_TIME_LAGER:
		put_local(l, at, '\0');
		return;
	case LOG_TIME_SECS:
	case LOG_TIME_USECS:
		put_epoch(l, at, s->time == LOG_TIME_SECS, s->json);
		return;
	}
}

static void
put_level(struct line *l, const struct log_shape *s, enum log_level level)
{
	static const char *const names[][4] = {
	    /* clang-format off */
	    [LEVEL_DEBUG] = {"dbg", "DBG", "dbug", "DBUG"},
	    [LEVEL_INFO] = {"inf", "INF", "info", "INFO"},
	    [LEVEL_NOTICE] = {"ntc", "NTC", "noti", "NOTI"},
	    [LEVEL_WARNING] = {"wrn", "WRN", "warn", "WARN"},
	    [LEVEL_ERROR] = {"err", "ERR", "erro", "ERRO"},
	    [LEVEL_CRITICAL] = {"crt", "CRT", "crit", "CRIT"},
	    [LEVEL_ALERT] = {"alt", "ALT", "alrt", "ALRT"},
	    [LEVEL_EMERGENCY] = {"emg", "EMG", "emgc", "EMGC"},
	    /* clang-format on */
	};
	size_t n = l->n;

	if (s->level >= LOG_LEVEL_LC3) {
		put_word(l, names[level][s->level - LOG_LEVEL_LC3]);
		return;
	}
	put_word(l, log_level_name(level));
	for (; s->level == LOG_LEVEL_UC && n < l->n; n++)
		l->p[n] = (char)(l->p[n] - 'a' + 'A');
}

static const char *
domain_of(enum log_category category)
{
	static const char *const domains[LOG_CATEGORIES] = {
	    [LOG_DEFAULT] = "rabbitmq",
	    [LOG_CONNECTION] = "rabbitmq.connection",
	    [LOG_CHANNEL] = "rabbitmq.channel",
	    [LOG_QUEUE] = "rabbitmq.queue",
	};

	return domains[category];
}

static struct bytes
trimmed(struct bytes text)
{
	while (text.n > 0 && text.p[0] == ' ') {
		text.p++;
		text.n--;
	}
	while (text.n > 0 && text.p[text.n - 1] == ' ')
		text.n--;
	return text;
}

/* Blanks around go, and a line's end becomes a comma. */
static struct bytes
single(struct bytes text, char *p, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n && n + 2 < room; i++) {
		if (text.p[i] != '\n') {
			p[n++] = (char)text.p[i];
			continue;
		}
		while (n > 0 && strchr(",\r", p[n - 1]) != NULL)
			n--;
		while (i + 1 < text.n && text.p[i + 1] == ' ')
			i++;
		p[n++] = ',';
		p[n++] = ' ';
	}
	return trimmed((struct bytes){(uint8_t *)p, n});
}

/* --- RabbitMQ's shape --------------------------------------------------------------- */

static void
put_text(struct line *l, struct bytes text)
{
	size_t room = l->room - l->n - 2;

	l->n += log_escape(l->p + l->n, room < LOG_LINE ? room : LOG_LINE, text);
}

static void
put_variable(struct line *l, const struct log_shape *s,
    const struct log_event *e, struct bytes line, struct bytes name)
{
	if (bytes_eq(name, BYTES("time")))
		put_time(l, s, &e->at);
	else if (bytes_eq(name, BYTES("level")))
		put_level(l, s, e->level);
	else if (bytes_eq(name, BYTES("pid")))
		put(l, "<0.%u.0>", e->id);
	else if (bytes_eq(name, BYTES("msg")))
		put_text(l, line);
	else if (bytes_eq(name, BYTES("domain")))
		put_word(l, domain_of(e->category));
	else
		put(l, "<unknown %.*s>", (int)name.n, (const char *)name.p);
}

static size_t
name_size(const char *p)
{
	size_t n = 0;

	while (isalnum((unsigned char)p[n]) || p[n] == '_')
		n++;
	return n;
}

size_t
log_shape_line(const struct log_shape *s, const struct log_event *e,
    struct bytes line, char p[LOG_ROOM])
{
	struct line l = {p, 0, LOG_ROOM};
	char flat[LOG_LINE + 4];
	size_t n;

	if (s->single_line)
		line = single(line, flat, sizeof flat);
	for (const char *f = s->format; *f != '\0'; f += n) {
		n = *f == '$' ? name_size(f + 1) : 0;
		if (n > 0) {
			put_variable(&l, s, e, line,
			    (struct bytes){(const uint8_t *)f + 1, n++});
		} else {
			n = 1 + strcspn(f + 1, "$");
			put_span(&l, f, n);
		}
	}
	l.p[l.n++] = '\n';
	return l.n;
}

/* --- JSON ---------------------------------------------------------------------------- */

enum field {
	FIELD_TIME,
	FIELD_LEVEL,
	FIELD_MSG,
	FIELD_DOMAIN,
	FIELD_PID,
	FIELD_VERBOSITY,
	FIELDS,
};

static const char *const field_names[FIELDS] = {
    "time", "level", "msg", "domain", "pid", "verbosity"};

struct object {
	struct line line;
	const struct log_shape *shape;
	const struct log_event *event;
	unsigned told; /* fields, a bit each */
};

static enum field
field_find(struct bytes name)
{
	enum field i = 0;

	while (i < FIELDS && !bytes_eq(name, bytes_str(field_names[i])))
		i++;
	return i;
}

/* "debug:3 info:2 *:0": the number for a level; false if there is none. */
static bool
find_verbosity(const char *map, const char *level, long *number)
{
	size_t n = strlen(level);
	bool found = false;

	for (const char *p = map; *p != '\0'; p += strspn(p, " ")) {
		size_t size = strcspn(p, " ");

		if (size > n && memcmp(p, level, n) == 0 && p[n] == ':') {
			*number = strtol(p + n + 1, NULL, 10);
			return true;
		}
		if (strncmp(p, "*:", 2) == 0) {
			*number = strtol(p + 2, NULL, 10);
			found = true;
		}
		p += size;
	}
	return found;
}

static void
put_message(struct object *o)
{
	struct line *l = &o->line;
	struct bytes text = o->event->text;
	size_t room = l->room - l->n - 200; /* for what may follow */
	char flat[LOG_LINE + 4];

	if (o->shape->single_line)
		text = single(text, flat, sizeof flat);
	l->n += quote(l->p + l->n, room < LOG_LINE ? room : LOG_LINE, text);
}

static void
put_value(struct object *o, enum field field, long verbosity)
{
	struct line *l = &o->line;
	bool number = field == FIELD_VERBOSITY ||
	    (field == FIELD_TIME && o->shape->time >= LOG_TIME_SECS);

	put_word(l, number ? "" : "\"");
	if (field == FIELD_TIME)
		put_time(l, o->shape, &o->event->at);
	else if (field == FIELD_LEVEL)
		put_level(l, o->shape, o->event->level);
	else if (field == FIELD_MSG)
		put_message(o);
	else if (field == FIELD_DOMAIN)
		put_word(l, domain_of(o->event->category));
	else if (field == FIELD_PID)
		put(l, "<0.%u.0>", o->event->id);
	else
		put(l, "%ld", verbosity);
	put_word(l, number ? "" : "\"");
}

static void
put_field(struct object *o, enum field field, struct bytes name)
{
	long verbosity = 0;

	if ((o->told & 1U << field) != 0)
		return;
	o->told |= 1U << field;
	if (field == FIELD_VERBOSITY &&
	    !find_verbosity(o->shape->verbosity_map,
		log_level_name(o->event->level), &verbosity))
		return;
	put(&o->line, "%s\"", o->line.n > 1 ? "," : "");
	o->line.n += quote(o->line.p + o->line.n, 100, name);
	put(&o->line, "\":");
	put_value(o, field, verbosity);
}

/* One of "time:when level gl:- *:-": what is put under a name, and left out. */
static void
put_mapped(struct object *o, struct bytes entry, bool leave_out)
{
	const uint8_t *colon = memchr(entry.p, ':', entry.n);
	size_t n = colon != NULL ? (size_t)(colon - entry.p) : entry.n;
	struct bytes old = {entry.p, n}, new = entry;
	enum field field = field_find(old);

	if (colon != NULL)
		new = (struct bytes){colon + 1, entry.n - n - 1};
	if (leave_out != bytes_eq(new, BYTES("-")))
		return;
	if (leave_out)
		o->told |= bytes_eq(old, BYTES("*")) ? ~0U : 1U << field;
	else if (field < FIELDS)
		put_field(o, field, new);
}

static void
put_map(struct object *o, bool leave_out)
{
	const char *m = o->shape->field_map;

	for (size_t n; *m != '\0'; m += n, m += strspn(m, " ")) {
		n = strcspn(m, " ");
		put_mapped(
		    o, (struct bytes){(const uint8_t *)m, n}, leave_out);
	}
}

size_t
log_shape_json(
    const struct log_shape *s, const struct log_event *e, char p[LOG_ROOM])
{
	struct object o = {{p, 0, LOG_ROOM}, s, e, 0};

	put(&o.line, "{");
	put_map(&o, false);
	put_map(&o, true);
	for (enum field i = 0; i < FIELDS; i++)
		put_field(&o, i, bytes_str(field_names[i]));
	put(&o.line, "}\n");
	return o.line.n;
}
