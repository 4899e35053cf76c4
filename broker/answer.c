/* answer.c - what the broker's control socket answers, as a table of texts. */
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
answer_add(struct answer *a, struct bytes text, bool bare)
{
	a->cells = xrealloc(a->cells, (a->count + 1) * sizeof *a->cells);
	a->cells[a->count++] =
	    (struct cell){xasprintf("%.*s", BYTES_FMT(text)), bare};
}

void
answer_fini(struct answer *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->cells[i].text);
	free(a->cells);
	free(a->text);
	free(a->why);
	*a = (struct answer){0};
}

/* --- frames -------------------------------------------------------------- */

static void
add_table(struct answer *a, struct bytes table)
{
	json_t *object = admin_table_json(table);
	char *text = json_dumps(object, JSON_COMPACT);

	answer_add(a, bytes_str(text), true);
	free(text);
	json_decref(object);
}

/* Names joined by commas, as tags are. */
static void
add_array(struct answer *a, struct bytes array)
{
	struct reader r = reader_of(array);
	struct amqp_value v;
	struct writer w = {0};

	while (amqp_array_next(&r, &v)) {
		if (w.n > 0)
			writer_bytes(&w, BYTES(", "));
		if (v.tag == 'S')
			writer_bytes(&w, v.bytes);
	}
	answer_add(a, writer_view(&w), false);
	writer_fini(&w);
}

static void
add_number(struct answer *a, const struct amqp_value *v)
{
	char text[32];

	if (v->tag == 'd' || v->tag == 'f')
		snprintf(text, sizeof text, "%.10g", v->d);
	else
		snprintf(text, sizeof text, "%lld", (long long)v->i);
	answer_add(a, bytes_str(text), true);
}

static void
add_value(struct answer *a, const struct amqp_value *v)
{
	switch (v->tag) {
	case 'S':
	case 'x':
		answer_add(a, v->bytes, false);
		break;
	case 'F':
		add_table(a, v->bytes);
		break;
	case 'A':
		add_array(a, v->bytes);
		break;
	case 't':
		answer_add(a, v->t ? BYTES("true") : BYTES("false"), true);
		break;
	case 'V':
		answer_add(a, BYTES(""), false);
		break;
	default:
		add_number(a, v);
	}
}

static void
add_values(struct answer *a, struct bytes array)
{
	struct reader r = reader_of(array);
	struct amqp_value v;

	while (amqp_array_next(&r, &v))
		add_value(a, &v);
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

static bool
is_end(char kind)
{
	return kind == 'E' || kind == 'F' || kind == 'U';
}

/* True at the end. What is only for people's eyes is left out. */
static bool
take(struct answer *a, char kind, struct bytes payload)
{
	if (kind == 'C') {
		add_values(a, payload);
		a->columns = a->count;
	} else if (kind == 'R') {
		add_values(a, payload);
	} else if (kind == 'T') {
		add_text(a, payload, "\n");
	} else if (kind == 'D') {
		add_text(a, payload, "");
	} else if (is_end(kind)) {
		end(a, payload);
	}
	return is_end(kind);
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
