/* log_sink.c - writes lines where they go, without ever being held up, and sets
 * files aside when their time has come. */
#include "broker/log_sink.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amqp/xalloc.h"

enum {
	WRITE = 4096, /* PIPE_BUF: a pipe that polls writable takes that much
		       * without blocking */
};

/* --- dates --------------------------------------------------------------------- */

struct date {
	char every; /* 'H', 'D', 'W', 'M', or 0 for never */
	int day;    /* of the week, or of the month; 0: its last */
	int hour, minute;
};

/* A number behind a letter; false if it is not from min to max. */
static bool
read_part(const char **p, int min, int max, int *n)
{
	char *end;
	long value = strtol(*p, &end, 10);

	if (!isdigit((unsigned char)**p) || value < min || value > max)
		return false;
	*p = end;
	*n = (int)value;
	return true;
}

static bool
read_day(const char **p, char every, struct date *d)
{
	if (every == 'M' && toupper((unsigned char)**p) == 'L') {
		++*p;
		return true;
	}
	return every == 'M' ? read_part(p, 1, 31, &d->day)
			    : read_part(p, 0, 6, &d->day);
}

/* "$W5D23H30": from its largest part down. */
static bool
read_date(const char *p, struct date *d)
{
	*d = (struct date){0};
	if (*p == '\0')
		return true;
	if (*p++ != '$' || strchr("HDWM", *p) == NULL || *p == '\0')
		return false;
	d->every = *p;
	if (*p == 'W' || *p == 'M') {
		p++;
		if (!read_day(&p, d->every, d))
			return false;
	}
	if (*p == 'D' && (p++, !read_part(&p, 0, 23, &d->hour)))
		return false;
	if (*p == 'H' && (p++, !read_part(&p, 0, 59, &d->minute)))
		return false;
	return *p == '\0';
}

static int
days_of_month(const struct tm *tm)
{
	struct tm last = {.tm_year = tm->tm_year, .tm_mon = tm->tm_mon + 1,
	    .tm_mday = 0, .tm_hour = 12, .tm_isdst = -1};

	mktime(&last);
	return last.tm_mday;
}

/* The date's time in the hour, day, week or month of tm, steps of them later. */
static time_t
at(const struct date *d, struct tm tm, int steps)
{
	int last;

	tm.tm_sec = 0;
	tm.tm_min = d->minute;
	tm.tm_isdst = -1;
	if (d->every == 'H') {
		tm.tm_hour += steps;
		return mktime(&tm);
	}
	tm.tm_hour = d->hour;
	if (d->every == 'D')
		tm.tm_mday += steps;
	if (d->every == 'W')
		tm.tm_mday += d->day - tm.tm_wday + 7 * steps;
	if (d->every == 'M') {
		tm.tm_mon += steps;
		last = days_of_month(&tm);
		tm.tm_mday = d->day == 0 || d->day > last ? last : d->day;
	}
	return mktime(&tm);
}

time_t
log_date_next(const char *date, time_t now)
{
	struct date d;
	struct tm tm;
	time_t next;

	if (!read_date(date, &d))
		return -1;
	if (d.every == 0)
		return 0;
	localtime_r(&now, &tm);
	next = at(&d, tm, 0);
	return next > now ? next : at(&d, tm, 1);
}

/* --- setting files aside ---------------------------------------------------------- */

static void
begin_file(struct log_sink *s)
{
	struct stat st;

	s->size = fstat(s->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	s->next = log_date_next(s->rotation.date, time(NULL));
}

/* The oldest goes, each of the others one up. */
static void
move_up(const char *path, unsigned count)
{
	char *from, *to;

	for (unsigned i = count; i > 0; i--) {
		to = xasprintf("%s.%u", path, i - 1);
		from = i > 1 ? xasprintf("%s.%u", path, i - 2) : xstrdup(path);
		rename(from, to);
		free(from);
		free(to);
	}
	if (count == 0)
		unlink(path);
}

static bool
is_due(const struct log_sink *s)
{
	if (s->rotation.size > 0 && s->size > s->rotation.size)
		return true;
	return s->next > 0 && time(NULL) >= s->next;
}

static void
open_again(struct log_sink *s)
{
	int fd = open(
	    s->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd >= 0) {
		close(s->fd);
		s->fd = fd;
	}
	begin_file(s);
}

/* Has somebody else set it aside? RabbitMQ looks before each line, too. */
static bool
is_elsewhere(const struct log_sink *s)
{
	struct stat named, open;

	return stat(s->path, &named) != 0 || fstat(s->fd, &open) != 0 ||
	       named.st_ino != open.st_ino || named.st_dev != open.st_dev;
}

void
log_sink_set(struct log_sink *s, int fd, const char *path,
    const struct log_rotation *rotation)
{
	log_sink_flush(s, 0);
	if (s->path != NULL && s->fd >= 0)
		close(s->fd);
	free(s->path);
	s->fd = fd;
	s->path = path != NULL ? xstrdup(path) : NULL;
	s->rotation = *rotation;
	s->waiting_size = 0;
	s->lost = 0;
	s->next = 0;
	if (path != NULL && fd >= 0)
		begin_file(s);
}

/* --- writing without being held up ------------------------------------------------- */

static bool
writable(const struct log_sink *s, int wait_ms)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};

	return s->fd >= 0 && poll(&p, 1, wait_ms) > 0;
}

/* Bytes written; 0 if it has to wait. A failure that will not pass (the reader
 * has gone) silences the log; a full disk loses the line. */
static size_t
write_some(struct log_sink *s, const char *p, size_t n, int wait_ms)
{
	ssize_t written;

	if (!writable(s, wait_ms))
		return s->fd < 0 ? n : 0;
	written = write(s->fd, p, n);
	if (written >= 0) {
		s->size += (uint64_t)written;
		return (size_t)written;
	}
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	if (errno != ENOSPC && errno != EDQUOT)
		s->fd = -1;
	return n;
}

static void
keep(struct log_sink *s, const char *p, size_t n)
{
	if (n > LOG_WAITING - s->waiting_size) {
		s->lost++;
		return;
	}
	memcpy(s->waiting + s->waiting_size, p, n);
	s->waiting_size += n;
}

/* As many whole lines as go into one write. */
static size_t
next_write(const struct log_sink *s)
{
	const char *end;

	if (s->waiting_size <= WRITE)
		return s->waiting_size;
	end = memrchr(s->waiting, '\n', WRITE);
	return end != NULL ? (size_t)(end - s->waiting) + 1 : WRITE;
}

uint64_t
log_sink_flush(struct log_sink *s, int wait_ms)
{
	uint64_t lost;
	size_t n;

	while (s->waiting_size > 0) {
		n = write_some(s, s->waiting, next_write(s), wait_ms);
		if (n == 0)
			return 0;
		s->waiting_size -= n;
		memmove(s->waiting, s->waiting + n, s->waiting_size);
	}
	lost = s->lost;
	s->lost = 0;
	return lost;
}

void
log_sink_write(struct log_sink *s, const char *p, size_t n)
{
	bool file = s->path != NULL && s->fd >= 0;
	size_t written;

	if (file && is_elsewhere(s))
		open_again(s);
	written = s->waiting_size == 0 ? write_some(s, p, n, 0) : 0;
	if (written < n) {
		keep(s, p + written, n - written);
	} else if (file && s->fd >= 0 && is_due(s)) {
		move_up(s->path, s->rotation.count);
		open_again(s);
	}
}
