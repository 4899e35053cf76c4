/* sqlite_load.c - reads the live entries of a lane back, in order or when they
 * are due. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "persistence/sqlite.h"

/* A pack as a load meets it; alive is empty while all its positions hold
 * something. The bytes belong to the statement. */
struct found {
	uint64_t first, last, chunk;
	uint8_t alive[PACK_SPAN / 8];
	size_t alive_size;
};

/* So many packs are read for one load of due entries, for others wait too. */
enum { DUE_PACKS = 256 };

static bool
lives(const struct found *f, uint64_t position)
{
	uint64_t bit = position - f->first;

	return f->alive_size == 0 || (f->alive[bit / 8] >> bit % 8 & 1) != 0;
}

static int
read_found(sqlite3_stmt *st, struct found *f)
{
	struct bytes alive;

	f->first = (uint64_t)sqlite3_column_int64(st, 0);
	f->last = (uint64_t)sqlite3_column_int64(st, 1);
	f->chunk = (uint64_t)sqlite3_column_int64(st, 2);
	alive = column_bytes(st, 5);
	f->alive_size = alive.n;
	if (f->last - f->first >= PACK_SPAN ||
	    (alive.n != 0 && alive.n != (f->last - f->first) / 8 + 1))
		return SQLITE_CORRUPT;
	put_bytes(f->alive, alive);
	return SQLITE_ROW;
}

/* The pack with the position, or the first behind it: SQLITE_ROW, SQLITE_DONE
 * if there is none, or the trouble. */
static int
find_pack(
    struct connection *c, uint64_t lane, uint64_t position, struct found *f)
{
	sqlite3_stmt *st =
	    connection_ask(c, ST_PACK_FROM, "ii", lane, position);
	int rc = connection_step(c, st);

	if (rc != SQLITE_ROW)
		return rc;
	rc = read_found(st, f);
	sqlite3_reset(st);
	return rc;
}

/* The position itself, or the first behind the garbage it lies in. */
static int
skip_garbage(struct connection *c, uint64_t lane, uint64_t *position)
{
	sqlite3_stmt *st =
	    connection_ask(c, ST_GARBAGE_AT, "ii", lane, *position);
	int rc = connection_step(c, st);

	if (rc != SQLITE_ROW)
		return rc;
	if (sqlite3_column_type(st, 0) == SQLITE_INTEGER)
		*position = (uint64_t)sqlite3_column_int64(st, 0) + 1;
	sqlite3_reset(st);
	return SQLITE_OK;
}

/* --- entries -------------------------------------------------------------- */

static int
read_apart(struct connection *c, const struct pack_entry *e, uint8_t *body)
{
	sqlite3_blob *blob;
	int rc = sqlite3_blob_open(
	    c->db, "main", "chunk", "data", (int64_t)e->apart, 0, &blob);

	if (rc == SQLITE_OK &&
	    (uint64_t)sqlite3_blob_bytes(blob) != e->body_size)
		rc = SQLITE_CORRUPT;
	if (rc == SQLITE_OK)
		rc = sqlite3_blob_read(blob, body, (int)e->body_size, 0);
	sqlite3_blob_close(blob);
	return rc;
}

static int
make_message(
    struct connection *c, const struct pack_entry *e, struct message **result)
{
	struct reader names = reader_of(e->names);
	struct bytes exchange = reader_shortstr(&names);
	struct bytes key = reader_shortstr(&names);
	struct message *m = message_new_bcc(
	    exchange, key, e->props, e->body_size, e->bcc);
	int rc = SQLITE_OK;

	if (m == NULL)
		return SQLITE_NOMEM;
	if (e->apart != 0)
		rc = read_apart(c, e, (uint8_t *)message_body(m).p);
	else
		put_bytes((uint8_t *)message_body(m).p, e->body);
	if (rc != SQLITE_OK)
		message_unref(m);
	*result = m;
	return rc;
}

/* --- the walk ------------------------------------------------------------- */

struct walk {
	struct connection *c;
	struct load *load;
	struct found found;
	uint64_t position, last; /* what is still to be read */
	bool garbage;            /* the lane has some */
	bool full;
};

/* The note beside the entry that was added last. */
static int
read_note(struct walk *w)
{
	struct loaded *last = &w->load->entries[w->load->count - 1];
	sqlite3_stmt *st = connection_ask(
	    w->c, ST_NOTE_GET, "ii", w->load->lane, last->position);
	int rc = connection_step(w->c, st);

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	last->note = (uint32_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return SQLITE_OK;
}

static int
add_entry(struct walk *w, const struct pack_entry *e)
{
	struct message *m;
	int rc = make_message(w->c, e, &m);

	if (rc != SQLITE_OK)
		return rc;
	w->full = load_add(w->load, e->position, e->deadline, m);
	return w->load->noted ? read_note(w) : SQLITE_OK;
}

/* Reads a pack's bytes with a function that is given them. */
static int
with_chunk(struct walk *w, int (*read)(struct walk *, struct bytes))
{
	sqlite3_stmt *st =
	    connection_ask(w->c, ST_CHUNK_GET, "i", w->found.chunk);
	int rc = connection_step(w->c, st);

	if (rc == SQLITE_DONE)
		return SQLITE_CORRUPT;
	if (rc != SQLITE_ROW)
		return rc;
	rc = read(w, column_bytes(st, 0));
	sqlite3_reset(st);
	return rc;
}

static int
read_entries(struct walk *w, struct bytes data)
{
	struct reader r = pack_open(data);
	struct pack_entry e = {.position = w->found.first};
	int rc = SQLITE_OK;

	while (rc == SQLITE_OK && !w->full && pack_next(&r, &e)) {
		if (e.position > w->found.last)
			return SQLITE_CORRUPT;
		if (e.position > w->last)
			return SQLITE_OK;
		if (e.position >= w->position && lives(&w->found, e.position))
			rc = add_entry(w, &e);
	}
	return r.bad ? SQLITE_CORRUPT : rc;
}

static int
read_pack(struct walk *w)
{
	int rc = with_chunk(w, read_entries);

	w->position = w->found.last + 1;
	return rc;
}

/* One pack, or one stretch of garbage: SQLITE_DONE when there are no more. */
static int
walk_on(struct walk *w)
{
	uint64_t lane = w->load->lane, from;
	int rc = find_pack(w->c, lane, w->position, &w->found);

	if (rc != SQLITE_ROW)
		return rc;
	if (w->found.first > w->position)
		w->position = w->found.first;
	from = w->position;
	if (w->garbage &&
	    (rc = skip_garbage(w->c, lane, &w->position)) != SQLITE_OK)
		return rc;
	if (w->position != from)
		return SQLITE_OK;
	return w->position > w->last ? SQLITE_DONE : read_pack(w);
}

static int
walk_in_order(struct walk *w)
{
	int rc = SQLITE_OK;

	while (rc == SQLITE_OK && !w->full && w->position <= w->last)
		rc = walk_on(w);
	if (!w->full)
		w->load->next = w->last + 1;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* --- what is due ---------------------------------------------------------- */

/* All that is due in a pack comes at once, so that no load goes on behind what it
 * left: it may be more than max_bytes by a pack. Those outside the range keep the
 * pack from being deferred: what the loop has in memory is in no index after a
 * crash but this one. */
static int
read_due_entries(struct walk *w, struct bytes data)
{
	struct reader r = pack_open(data);
	struct pack_entry e = {.position = w->found.first};
	struct load *l = w->load;
	int64_t rest = 0;
	bool others = false;
	int rc = SQLITE_OK;

	while (rc == SQLITE_OK && pack_next(&r, &e)) {
		bool wanted = e.position >= l->first && e.position <= w->last;

		if (e.position > w->found.last)
			return SQLITE_CORRUPT;
		if (!lives(&w->found, e.position))
			continue;
		if (wanted && e.deadline != 0 && e.deadline <= l->due) {
			rc = add_entry(w, &e);
			continue;
		}
		others = true;
		if (e.deadline == 0)
			continue;
		rest = deadline_min(rest, e.deadline);
		if (wanted)
			load_leave(l, e.deadline);
	}
	if (rc == SQLITE_OK && others && (rest == 0 || rest > l->due))
		load_defer(l, w->found.first, rest);
	return r.bad ? SQLITE_CORRUPT : rc;
}

/* Purged, and its rows not yet deleted? */
static int
is_garbage(struct walk *w, bool *garbage)
{
	uint64_t behind = w->found.first;
	int rc = SQLITE_OK;

	if (w->garbage)
		rc = skip_garbage(w->c, w->load->lane, &behind);
	*garbage = behind > w->found.last;
	return rc;
}

/* The next pack in the order of deadlines; SQLITE_DONE when no more are due or
 * enough have been read. */
static int
walk_on_due(struct walk *w, int64_t deadline)
{
	struct load *l = w->load;
	bool garbage;
	int rc = is_garbage(w, &garbage);

	if (rc != SQLITE_OK || garbage)
		return rc;
	if (deadline > l->due) {
		load_leave(l, deadline);
		return SQLITE_DONE;
	}
	if (w->full || l->packs == DUE_PACKS) {
		l->more = true;
		return SQLITE_DONE;
	}
	l->packs++;
	l->here = (struct deferral){w->found.first, deadline};
	return with_chunk(w, read_due_entries);
}

static int
walk_due(struct walk *w)
{
	const struct load *l = w->load;
	sqlite3_stmt *st = connection_ask(
	    w->c, ST_PACKS_DUE, "iiiii", l->lane, w->position, w->last,
	    (uint64_t)l->from.deadline, l->from.first);
	int rc = connection_step(w->c, st);

	while (rc == SQLITE_ROW) {
		rc = read_found(st, &w->found);
		if (rc == SQLITE_ROW)
			rc = walk_on_due(w, sqlite3_column_int64(st, 6));
		if (rc == SQLITE_OK)
			rc = connection_step(w->c, st);
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* --- one load ------------------------------------------------------------- */

static int
walk(struct walk *w)
{
	int rc = connection_do(w->c, ST_SNAPSHOT, "");
	sqlite3_stmt *st;

	if (rc != SQLITE_OK)
		return rc;
	st = connection_ask(w->c, ST_GARBAGE_OF, "i", w->load->lane);
	rc = connection_step(w->c, st);
	w->garbage = rc == SQLITE_ROW;
	sqlite3_reset(st);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		rc = w->load->due != 0 ? walk_due(w) : walk_in_order(w);
	if (!sqlite3_get_autocommit(w->c->db))
		connection_do(w->c, ST_COMMIT, "");
	return rc;
}

/* All or nothing: what was read before the trouble is dropped. */
static void
fail(struct sqlite_store *s, struct load *l, int rc)
{
	char text[256];

	while (l->count > 0)
		message_unref(l->entries[--l->count].message);
	free(l->entries);
	free(l->deferrals);
	l->entries = NULL;
	l->deferrals = NULL;
	l->bytes = l->deferral_count = l->packs = 0;
	l->next_deadline = 0;
	l->more = false;
	l->next = l->first;
	l->status = status_of(&s->reader, rc, text, sizeof text);
	l->error = xstrdup(text);
	connection_close(&s->reader);
}

void
sqlite_load(struct store *store, struct load *l)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	struct walk w = {.c = &s->reader,
	    .load = l,
	    .position = l->first,
	    .last = (uint64_t)sqlite_int(l->last)};
	int rc = SQLITE_OK;

	pthread_mutex_lock(&s->reading);
	if (s->reader.db == NULL)
		rc = connection_open(&s->reader, s->path);
	if (rc == SQLITE_OK)
		rc = l->timed ? timed_load(&s->reader, l) : walk(&w);
	if (rc != SQLITE_OK)
		fail(s, l, rc);
	pthread_mutex_unlock(&s->reading);
}
