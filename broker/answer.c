/* answer.c - what the broker's control socket answers, as JSON. */
#include "broker/answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/admin_json.h"
#include "broker/control.h"
#include "broker/reach.h"

enum { CHUNK = 65536 };

void
answer_fini(struct answer *a)
{
	json_decref(a->rows);
	json_decref(a->columns);
	json_decref(a->document);
	free(a->text);
	free(a->why);
	*a = (struct answer){0};
}

/* --- frames -------------------------------------------------------------- */

static void
add_row(struct answer *a, struct bytes array)
{
	json_t *values = admin_array_json(array), *row = json_object(), *name;
	size_t i;

	json_array_foreach(a->columns, i, name)
		json_object_set(row, json_string_value(name),
		    json_array_get(values, i));
	json_array_append_new(a->rows, row);
	json_decref(values);
}

static void
add_text(struct answer *a, struct bytes said, const char *between)
{
	char *before = a->text;

	a->text = before != NULL
		      ? xasprintf("%s%s%.*s", before, between,
				BYTES_FMT(said))
		      : xasprintf("%.*s", BYTES_FMT(said));
	free(before);
}

static void
end(struct answer *a, struct bytes payload)
{
	struct reader r = reader_of(payload);

	a->code = reader_u8(&r);
	if (a->code != 0)
		a->why = xasprintf("%.*s", (int)reader_left(&r),
		    (const char *)r.p);
}

/* True at the end. What is only for people's eyes is left out. */
static bool
take(struct answer *a, char kind, struct bytes payload)
{
	switch (kind) {
	case 'C':
		a->columns = admin_array_json(payload);
		a->rows = json_array();
		return false;
	case 'R':
		add_row(a, payload);
		return false;
	case 'T':
		add_text(a, payload, "\n");
		return false;
	case 'D':
		add_text(a, payload, "");
		return false;
	case 'J':
		json_decref(a->document);
		a->document = json_loadb((const char *)payload.p, payload.n,
		    JSON_DECODE_ANY, NULL);
		return false;
	case 'E':
	case 'F':
	case 'U':
		end(a, payload);
		return true;
	default:
		return false;
	}
}

/* --- asking ---------------------------------------------------------------- */

static void
broken(struct answer *a, const char *why)
{
	a->code = CODE_UNAVAILABLE;
	a->why = xstrdup(why);
}

static void
read_answer(struct answer *a, int fd)
{
	struct writer in = {0};
	struct bytes payload;
	size_t taken = 0, n;
	ssize_t got = 1;
	char kind;
	bool ended = false;

	while (!ended && got > 0) {
		got = read(fd, writer_room(&in, CHUNK), CHUNK);
		in.n += got > 0 ? (size_t)got : 0;
		while (!ended &&
		    (n = control_frame((struct bytes){in.p + taken,
					   in.n - taken},
			 &kind, &payload)) > 0) {
			ended = take(a, kind, payload);
			taken += n;
		}
	}
	if (!ended)
		broken(a, got < 0 ? strerror(errno)
				  : "the broker closed the connection");
	writer_fini(&in);
}

void
answer_ask(struct answer *a, const char *const *words, size_t count)
{
	struct writer request = {0};
	struct bytes b;
	int fd = reach_broker(NULL, NULL);

	if (fd < 0) {
		broken(a, strerror(errno));
		return;
	}
	control_request(&request, words, count);
	b = writer_view(&request);
	for (ssize_t n = 0; b.n > 0 && n >= 0; b.p += n, b.n -= (size_t)n) {
		n = send(fd, b.p, b.n, MSG_NOSIGNAL);
		if (n < 0)
			break; /* reading fails then */
	}
	read_answer(a, fd);
	writer_fini(&request);
	close(fd);
}
