/* request.c - requests and answers of the control socket as bytes, and its
 * address. */
#include "broker/control.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

/* --- the socket's address ---------------------------------------------- */

bool
control_address(const char *dir, struct sockaddr_un *address, int *folder)
{
	size_t size = sizeof address->sun_path;
	int n;

	*folder = -1;
	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	n = snprintf(address->sun_path, size, "%s/" CONTROL_SOCKET, dir);
	if (n >= 0 && (size_t)n < size)
		return true;
	*folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(address->sun_path, size, "/proc/self/fd/%d/" CONTROL_SOCKET,
	    *folder);
	return *folder >= 0;
}

/* --- frames ------------------------------------------------------------ */

static size_t
frame_begin(struct writer *w, char kind)
{
	writer_u8(w, (uint8_t)kind);
	return writer_mark(w);
}

static void
frame(struct writer *w, char kind, struct bytes payload)
{
	size_t mark = frame_begin(w, kind);

	writer_bytes(w, payload);
	writer_patch(w, mark);
}

size_t
control_frame(struct bytes input, char *kind, struct bytes *payload)
{
	struct reader r = reader_of(input);

	*kind = (char)reader_u8(&r);
	*payload = reader_longstr(&r);
	return r.bad ? 0 : CONTROL_FRAME_PREFIX + payload->n;
}

void
control_request(struct writer *w, const char *const *words, size_t count)
{
	size_t mark = writer_mark(w);

	for (size_t i = 0; i < count; i++)
		writer_longstr(w, bytes_str(words[i]));
	writer_patch(w, mark);
}

/* --- text -------------------------------------------------------------- */

static void
vframe(struct writer *w, char kind, const char *format, va_list ap)
{
	char *text;
	int n = vasprintf(&text, format, ap);

	if (n < 0)
		abort();
	frame(w, kind, (struct bytes){(const uint8_t *)text, (size_t)n});
	free(text);
}

void
request_banner(struct request *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vframe(&r->out, 'B', format, ap);
	va_end(ap);
}

void
request_text(struct request *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vframe(&r->out, 'T', format, ap);
	va_end(ap);
}

void
request_advice(struct request *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vframe(&r->out, 'A', format, ap);
	va_end(ap);
}

void
request_document(struct request *r, struct bytes part)
{
	frame(&r->out, 'D', part);
}

static void
end(struct request *r, char kind, enum control_code code, struct bytes sentence)
{
	size_t mark = frame_begin(&r->out, kind);

	writer_u8(&r->out, (uint8_t)code);
	writer_bytes(&r->out, sentence);
	writer_patch(&r->out, mark);
	r->ended = true;
}

static void
vfail(struct request *r, char kind, enum control_code code, const char *format,
    va_list ap)
{
	char sentence[2048];

	vsnprintf(sentence, sizeof sentence, format, ap);
	end(r, kind, code, bytes_str(sentence));
}

void
request_end(struct request *r)
{
	end(r, 'E', CODE_OK, (struct bytes){0});
}

void
request_fail(struct request *r, enum control_code code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfail(r, 'E', code, format, ap);
	va_end(ap);
}

void
request_fail_bare(
    struct request *r, enum control_code code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfail(r, 'F', code, format, ap);
	va_end(ap);
}

void
request_misused(
    struct request *r, enum control_code code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfail(r, 'U', code, format, ap);
	va_end(ap);
}

void
request_json(struct request *r, const char *json)
{
	frame(&r->out, 'J', bytes_str(json));
}

/* --- tables ------------------------------------------------------------ */

void
put_text_value(struct request *r, struct bytes text)
{
	writer_u8(&r->out, 'S');
	writer_longstr(&r->out, text);
}

void
put_int_value(struct request *r, int64_t n)
{
	writer_u8(&r->out, 'l');
	writer_u64(&r->out, (uint64_t)n);
}

void
put_real_value(struct request *r, double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof bits);
	writer_u8(&r->out, 'd');
	writer_u64(&r->out, bits);
}

void
put_bool_value(struct request *r, bool b)
{
	writer_u8(&r->out, 't');
	writer_u8(&r->out, b);
}

void
put_table_value(struct request *r, struct bytes table)
{
	writer_u8(&r->out, 'F');
	writer_longstr(&r->out, table);
}

void
put_no_value(struct request *r)
{
	writer_u8(&r->out, 'V');
}

void
put_list_value(struct request *r, const char *joined)
{
	size_t mark, n;

	writer_u8(&r->out, 'A');
	mark = writer_mark(&r->out);
	for (; *joined != '\0'; joined += n + (joined[n] == ',')) {
		n = strcspn(joined, ",");
		put_text_value(r, (struct bytes){(const uint8_t *)joined, n});
	}
	writer_patch(&r->out, mark);
}

void
request_columns(struct request *r, const char *const *names, unsigned count)
{
	size_t mark = frame_begin(&r->out, 'C');

	for (unsigned i = 0; i < count; i++)
		put_text_value(r, bytes_str(names[i]));
	writer_patch(&r->out, mark);
}

void
request_row(struct request *r)
{
	r->row = frame_begin(&r->out, 'R');
}

void
request_row_end(struct request *r)
{
	writer_patch(&r->out, r->row);
}
