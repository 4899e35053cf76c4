/* log.c - what happens, a line each on standard output and in files. */
#include "broker/log_shape.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/log_sink.h"
#include "broker/recent.h"

enum {
	SAFE = 255,
	SAFE_BUFFERS = 8,
};

const struct log_shape log_usual_shape = {
    .format = "$time [$level] $pid $msg",
    .field_map = "time level msg",
    .verbosity_map = "",
};

#define USUAL {.format = "$time [$level] $pid $msg"}

struct output {
	struct log_sink sink;
	struct log_shape shape;
	enum log_level levels[LOG_CATEGORIES];
};

static struct output outputs[LOG_OUTPUTS] = {
    [LOG_CONSOLE] = {{.fd = STDOUT_FILENO}, USUAL,
	{LEVEL_INFO, LEVEL_INFO, LEVEL_INFO, LEVEL_INFO}},
    [LOG_FILE] = {{.fd = -1}, USUAL, {0}},
    [LOG_EXCHANGE] = {{.fd = -1}, USUAL,
	{LEVEL_NONE, LEVEL_NONE, LEVEL_NONE, LEVEL_NONE}},
    [LOG_CONNECTION_FILE] = {{.fd = -1}, USUAL, {0}},
    [LOG_CHANNEL_FILE] = {{.fd = -1}, USUAL, {0}},
    [LOG_QUEUE_FILE] = {{.fd = -1}, USUAL, {0}},
};

static log_taker *taker; /* of LOG_EXCHANGE */

/* Takes whatever one of them wants. */
static struct output memory = {{.fd = -1}, USUAL, {0}};

/* --- levels and places --------------------------------------------------------- */

static const char *const level_names[] = {
    [LEVEL_DEBUG] = "debug",
    [LEVEL_INFO] = "info",
    [LEVEL_NOTICE] = "notice",
    [LEVEL_WARNING] = "warning",
    [LEVEL_ERROR] = "error",
    [LEVEL_CRITICAL] = "critical",
    [LEVEL_ALERT] = "alert",
    [LEVEL_EMERGENCY] = "emergency",
    [LEVEL_NONE] = "none",
};

const char *
log_level_name(enum log_level level)
{
	return level_names[level];
}

bool
log_level_find(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	return false;
}

void
log_place(enum log_output which, const struct log_place *place)
{
	struct output *o = &outputs[which];

	log_sink_set(&o->sink, place->fd, place->path, &place->rotation);
	o->shape = place->shape;
	log_set_levels(which, place->levels);
}

/* What a descriptor leads to, as the system knows it: a file may have been moved
 * since it was opened. */
bool
log_location(enum log_output which, char *path, size_t size)
{
	int fd = outputs[which].sink.fd;
	char link[40];
	ssize_t n;

	if (fd < 0)
		return false;
	if (which == LOG_CONSOLE) {
		snprintf(path, size, "<stdout>");
		return true;
	}
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, size - 1);
	path[n > 0 ? n : 0] = '\0';
	return n > 0;
}

void
log_set_levels(
    enum log_output which, const enum log_level levels[LOG_CATEGORIES])
{
	memcpy(outputs[which].levels, levels,
	    sizeof outputs[which].levels);
}

void
log_take(log_taker *who)
{
	taker = who;
}

void
log_init(int fd, enum log_level level)
{
	struct log_place place = {.fd = fd, .shape = log_usual_shape};

	for (unsigned i = 0; i < LOG_CATEGORIES; i++)
		place.levels[i] = level;
	log_place(LOG_CONSOLE, &place);
}

static bool
output_wants(
    const struct output *o, enum log_category category, enum log_level level)
{
	bool open = o == &outputs[LOG_EXCHANGE] ? taker != NULL
						: o->sink.fd >= 0;

	return open && level >= o->levels[category];
}

bool
log_wants(enum log_category category, enum log_level level)
{
	for (unsigned i = 0; i < LOG_OUTPUTS; i++)
		if (output_wants(&outputs[i], category, level))
			return true;
	return false;
}

/* --- writing --------------------------------------------------------------------- */

static void
flush(struct output *o, int wait_ms)
{
	uint64_t lost = log_sink_flush(&o->sink, wait_ms);

	if (lost > 0)
		log_warnx("%llu log lines were lost: nobody read them",
		    (unsigned long long)lost);
}

void
log_flush(int wait_ms)
{
	int saved = errno;

	for (unsigned i = 0; i < LOG_OUTPUTS; i++)
		flush(&outputs[i], wait_ms);
	errno = saved;
}

static void
write_line(struct output *o, const struct log_event *e, struct bytes line)
{
	char buffer[LOG_ROOM];
	size_t n = log_shape_line(&o->shape, e, line, buffer);

	if (o == &memory)
		recent_add((struct bytes){(const uint8_t *)buffer, n});
	else
		log_sink_write(&o->sink, buffer, n);
}

static void
write_lines(struct output *o, const struct log_event *e)
{
	struct bytes rest = e->text, line;
	const uint8_t *end;

	while ((end = memchr(rest.p, '\n', rest.n)) != NULL) {
		line = (struct bytes){rest.p, (size_t)(end - rest.p)};
		write_line(o, e, line);
		rest = (struct bytes){end + 1, rest.n - line.n - 1};
	}
	write_line(o, e, rest);
}

/* All of its lines at once. */
static void
give(const struct output *o, const struct log_event *e, bool many)
{
	char buffer[LOG_ROOM], whole[2 * LOG_ROOM];
	struct bytes rest = e->text, line = rest;
	const uint8_t *end = NULL;
	size_t n, size = 0;

	if (o->shape.json) {
		n = log_shape_json(&o->shape, e, buffer);
		taker(e->level, (struct bytes){(uint8_t *)buffer, n});
		return;
	}
	do {
		line = rest;
		end = many && !o->shape.single_line
			  ? memchr(rest.p, '\n', rest.n)
			  : NULL;
		if (end != NULL)
			line.n = (size_t)(end - rest.p);
		n = log_shape_line(&o->shape, e, line, buffer);
		if (size + n > sizeof whole)
			break;
		memcpy(whole + size, buffer, n);
		size += n;
		rest.p += line.n + 1;
		rest.n -= line.n + (end != NULL);
	} while (end != NULL);
	taker(e->level, (struct bytes){(uint8_t *)whole, size});
}

static void
write_event(struct output *o, const struct log_event *e, bool many)
{
	char buffer[LOG_ROOM];

	if (o == &outputs[LOG_EXCHANGE]) {
		give(o, e, many);
		return;
	}
	flush(o, 0);
	if (o->shape.json)
		log_sink_write(&o->sink, buffer,
		    log_shape_json(&o->shape, e, buffer));
	else if (many && !o->shape.single_line)
		write_lines(o, e);
	else
		write_line(o, e, e->text);
}

/* With many, '\n' begins a new line. */
static void
say(struct log_event e, bool many)
{
	if (e.id == 0)
		e.id = (unsigned)getpid();
	clock_gettime(CLOCK_REALTIME, &e.at);
	for (unsigned i = 0; i < LOG_OUTPUTS; i++)
		if (output_wants(&outputs[i], e.category, e.level))
			write_event(&outputs[i], &e, many);
	if (many)
		write_lines(&memory, &e);
	else
		write_line(&memory, &e, e.text);
}

/* --- texts ------------------------------------------------------------------------ */

/* vsnprintf may cut inside a character, which would make all of it look as if
 * it were not UTF-8. */
static struct bytes
format_text(char *buffer, size_t size, const char *format, va_list ap)
{
	int n = vsnprintf(buffer, size, format, ap);
	struct bytes text = {(const uint8_t *)buffer, 0};

	if (n < 0)
		return text;
	text.n = (size_t)n;
	if (text.n < size)
		return text;
	text.n = size - 1;
	while (text.n > 0 && (text.p[text.n - 1] & 0xc0) == 0x80)
		text.n--;
	if (text.n > 0 && text.p[text.n - 1] >= 0xc0)
		text.n--;
	return text;
}

static void
vlog(struct log_event e, bool many, const char *format, va_list ap)
{
	char buffer[LOG_LINE + 4];
	int saved = errno;

	e.text = format_text(buffer, sizeof buffer, format, ap);
	say(e, many);
	errno = saved;
}

/* With ": " and what errno means. */
static void
vlog_errno(enum log_level level, const char *format, va_list ap)
{
	char buffer[LOG_LINE + 4];
	struct log_event e = {.level = level};

	if (!log_wants(LOG_DEFAULT, level))
		return;
	e.text = format_text(buffer, sizeof buffer - 128, format, ap);
	e.text.n += (size_t)snprintf(buffer + e.text.n,
	    sizeof buffer - e.text.n, ": %s", strerror(errno));
	say(e, false);
}

/* --- the verbs ------------------------------------------------------------------- */

#define LOG(own_level)                                                         \
	do {                                                                   \
		va_list ap;                                                    \
		if (!log_wants(LOG_DEFAULT, own_level))                        \
			break;                                                 \
		va_start(ap, format);                                          \
		vlog((struct log_event){.level = own_level}, false, format,    \
		    ap);                                                       \
		va_end(ap);                                                    \
	} while (0)

void
log_debug(const char *format, ...)
{
	LOG(LEVEL_DEBUG);
}

void
log_info(const char *format, ...)
{
	LOG(LEVEL_INFO);
}

void
log_warnx(const char *format, ...)
{
	LOG(LEVEL_WARNING);
}

void
log_error(const char *format, ...)
{
	LOG(LEVEL_ERROR);
}

void
log_warn(const char *format, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, format);
	vlog_errno(LEVEL_WARNING, format, ap);
	va_end(ap);
	errno = saved;
}

void
log_of(enum log_category category, enum log_level level, unsigned id,
    const char *format, ...)
{
	struct log_event e = {.category = category, .level = level, .id = id};
	va_list ap;

	if (!log_wants(category, level))
		return;
	va_start(ap, format);
	vlog(e, true, format, ap);
	va_end(ap);
}

const char *
log_safe(struct bytes b)
{
	static char buffers[SAFE_BUFFERS][SAFE + 1];
	static unsigned turn;
	char *p = buffers[turn++ % SAFE_BUFFERS];

	p[log_escape(p, SAFE, b)] = '\0';
	return p;
}

void
fatal(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vlog_errno(LEVEL_ERROR, format, ap);
	va_end(ap);
	log_flush(1000);
	exit(1);
}

void
fatalx(const char *format, ...)
{
	LOG(LEVEL_ERROR);
	log_flush(1000);
	exit(1);
}
