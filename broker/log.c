/* log.c - what happens, a line each on standard output and in a file. */
#include "broker/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	PREFIX = 80,  /* room for time, level and process */
	WRITE = 4096, /* PIPE_BUF: a pipe that polls writable takes that much
		       * without blocking */
	WAITING = 262144, /* bytes kept for a slow reader */
	SAFE = 255,
	SAFE_BUFFERS = 8,
};

struct sink {
	int fd; /* -1: there is none, or its reader has gone */
	enum log_level level;
	bool json;
	char waiting[WAITING];
	size_t waiting_size;
	uint64_t lost; /* lines dropped since the last report */
};

static struct sink console = {.fd = STDOUT_FILENO, .level = LEVEL_INFO};
static struct sink file = {.fd = -1, .level = LEVEL_INFO};
static struct sink *const sinks[] = {&console, &file};
enum { SINKS = sizeof sinks / sizeof *sinks };

static enum log_level connection_level = LEVEL_DEBUG;

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

static void
sink_set(struct sink *out, int fd, enum log_level level)
{
	out->fd = fd;
	out->level = level;
	out->waiting_size = 0;
	out->lost = 0;
}

void
log_init(int fd, enum log_level level)
{
	sink_set(&console, fd, level);
}

void
log_as_json(bool json)
{
	console.json = json;
}

void
log_to_file(int fd, enum log_level level, bool json)
{
	log_flush(0);
	if (file.fd >= 0)
		close(file.fd);
	sink_set(&file, fd, level);
	file.json = json;
}

void
log_set_level(enum log_level level)
{
	console.level = level;
}

void
log_set_connection_level(enum log_level level)
{
	connection_level = level;
}

static bool
sink_wants(const struct sink *out, enum log_level level)
{
	return out->fd >= 0 && level >= out->level;
}

bool
log_wants(enum log_level level)
{
	return sink_wants(&console, level) || sink_wants(&file, level);
}

static bool
connection_wants(enum log_level level)
{
	return level >= connection_level && log_wants(level);
}

/* --- writing without being held up ------------------------------------- */

static bool
writable(const struct sink *out, int wait_ms)
{
	struct pollfd p = {.fd = out->fd, .events = POLLOUT};

	return out->fd >= 0 && poll(&p, 1, wait_ms) > 0;
}

/* Bytes written; 0 if it has to wait. A failure that will not pass (the reader
 * has gone) silences the log; a full disk loses the line. */
static size_t
write_some(struct sink *out, const char *p, size_t n, int wait_ms)
{
	ssize_t written;

	if (!writable(out, wait_ms))
		return out->fd < 0 ? n : 0;
	written = write(out->fd, p, n);
	if (written >= 0)
		return (size_t)written;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	if (errno != ENOSPC && errno != EDQUOT)
		out->fd = -1;
	return n;
}

static void
keep(struct sink *out, const char *p, size_t n)
{
	if (n > WAITING - out->waiting_size) {
		out->lost++;
		return;
	}
	memcpy(out->waiting + out->waiting_size, p, n);
	out->waiting_size += n;
}

/* As many whole lines as go into one write. */
static size_t
next_write(const struct sink *out)
{
	const char *end;

	if (out->waiting_size <= WRITE)
		return out->waiting_size;
	end = memrchr(out->waiting, '\n', WRITE);
	return end != NULL ? (size_t)(end - out->waiting) + 1 : WRITE;
}

static void
report_lost(struct sink *out)
{
	uint64_t lost = out->lost;

	out->lost = 0;
	log_warnx("%llu log lines were lost: nobody read them",
	    (unsigned long long)lost);
}

static void
flush(struct sink *out, int wait_ms)
{
	size_t n;

	while (out->waiting_size > 0) {
		n = write_some(out, out->waiting, next_write(out), wait_ms);
		if (n == 0)
			break;
		out->waiting_size -= n;
		memmove(out->waiting, out->waiting + n, out->waiting_size);
	}
	if (out->waiting_size == 0 && out->lost > 0)
		report_lost(out);
}

void
log_flush(int wait_ms)
{
	int saved = errno;

	for (unsigned i = 0; i < SINKS; i++)
		flush(sinks[i], wait_ms);
	errno = saved;
}

static void
emit(struct sink *out, const char *p, size_t n)
{
	size_t written;

	flush(out, 0);
	written = out->waiting_size == 0 ? write_some(out, p, n, 0) : 0;
	if (written < n)
		keep(out, p + written, n - written);
}

/* --- shaping a line ---------------------------------------------------- */

/* "2026-01-02 03:04:05.678901+00:00" */
static const char *
time_text(void)
{
	static char text[64];
	struct timespec now;
	struct tm tm;
	char date[32], zone[8];

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
	strftime(zone, sizeof zone, "%z", &tm);
	snprintf(text, sizeof text, "%s.%06ld%.3s:%.2s", date,
	    now.tv_nsec / 1000, zone, zone + 3);
	return text;
}

/* "2026-01-02 03:04:05.678901+00:00 [info] <0.684.0> " */
static size_t
put_prefix(char *p, enum log_level level, unsigned id)
{
	return (size_t)snprintf(p, PREFIX, "%s [%s] <0.%u.0> ", time_text(),
	    level_names[level], id);
}

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

/* Copies text, escaped, into at most room bytes; what does not fit becomes
 * "...". Returns the size. */
static size_t
put_text(char *p, size_t room, struct bytes text)
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

static void
plain_line(
    struct sink *out, enum log_level level, unsigned id, struct bytes text)
{
	char buffer[PREFIX + LOG_LINE + 1];
	size_t n = put_prefix(buffer, level, id);

	n += put_text(buffer + n, LOG_LINE, text);
	buffer[n++] = '\n';
	emit(out, buffer, n);
}

/* As put_text, for what stands between quotes in JSON; what is not UTF-8 is
 * taken for Latin-1. */
static size_t
put_quoted(char *p, size_t room, struct bytes text)
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

static void
json_line(
    struct sink *out, enum log_level level, unsigned id, struct bytes text)
{
	char buffer[2 * PREFIX + LOG_LINE + 1];
	size_t n = (size_t)snprintf(buffer, PREFIX,
	    "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":\"", time_text(),
	    level_names[level]);

	n += put_quoted(buffer + n, LOG_LINE, text);
	n += (size_t)snprintf(
	    buffer + n, PREFIX, "\",\"pid\":\"<0.%u.0>\"}\n", id);
	emit(out, buffer, n);
}

static void
plain_lines(
    struct sink *out, enum log_level level, unsigned id, struct bytes rest)
{
	struct bytes text;
	const uint8_t *end;

	while ((end = memchr(rest.p, '\n', rest.n)) != NULL) {
		text = (struct bytes){rest.p, (size_t)(end - rest.p)};
		plain_line(out, level, id, text);
		rest = (struct bytes){end + 1, rest.n - text.n - 1};
	}
	plain_line(out, level, id, rest);
}

/* With many, '\n' begins a new line. */
static void
say(enum log_level level, unsigned id, struct bytes text, bool many)
{
	for (unsigned i = 0; i < SINKS; i++) {
		struct sink *out = sinks[i];

		if (!sink_wants(out, level))
			continue;
		if (out->json)
			json_line(out, level, id, text);
		else if (many)
			plain_lines(out, level, id, text);
		else
			plain_line(out, level, id, text);
	}
}

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
vlog(enum log_level level, unsigned id, const char *format, va_list ap)
{
	char buffer[LOG_LINE + 4];
	int saved = errno;

	if (!log_wants(level))
		return;
	say(level, id, format_text(buffer, sizeof buffer, format, ap), false);
	errno = saved;
}

/* With ": " and what errno means. */
static void
vlog_errno(enum log_level level, const char *format, va_list ap)
{
	char buffer[LOG_LINE + 4];
	struct bytes text;

	if (!log_wants(level))
		return;
	text = format_text(buffer, sizeof buffer - 128, format, ap);
	text.n += (size_t)snprintf(
	    buffer + text.n, sizeof buffer - text.n, ": %s", strerror(errno));
	say(level, (unsigned)getpid(), text, false);
}

/* --- the verbs --------------------------------------------------------- */

#define LOG(level)                                                             \
	do {                                                                   \
		va_list ap;                                                    \
		va_start(ap, format);                                          \
		vlog(level, (unsigned)getpid(), format, ap);                   \
		va_end(ap);                                                    \
	} while (0)

void
log_debug(const char *format, ...)
{
	if (log_wants(LEVEL_DEBUG))
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
log_at(enum log_level level, unsigned id, const char *format, ...)
{
	va_list ap;

	if (!connection_wants(level))
		return;
	va_start(ap, format);
	vlog(level, id, format, ap);
	va_end(ap);
}

void
log_lines(enum log_level level, unsigned id, const char *format, ...)
{
	char buffer[LOG_LINE + 4];
	int saved = errno;
	va_list ap;

	if (!connection_wants(level))
		return;
	va_start(ap, format);
	say(level, id, format_text(buffer, sizeof buffer, format, ap), true);
	va_end(ap);
	errno = saved;
}

const char *
log_safe(struct bytes b)
{
	static char buffers[SAFE_BUFFERS][SAFE + 1];
	static unsigned turn;
	char *p = buffers[turn++ % SAFE_BUFFERS];

	p[put_text(p, SAFE, b)] = '\0';
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
