/* sqlite_apply.c - a batch becomes a transaction. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "persistence/sqlite.h"

/* A range over more packs than this leaves them to be deleted in slices. */
enum { PACKS_AT_ONCE = 64 };

/* --- bodies kept apart --------------------------------------------------- */

/* A message with a long body, how many lanes of the batch it goes to, and the
 * chunk with the body once it is written. */
struct apart {
	const struct message *message;
	uint64_t lanes, chunk;
};

/* Open addressing; the size is a power of two and more than the count. */
struct aparts {
	struct apart *slots;
	size_t count, size;
};

static struct apart *
apart_find(struct aparts *a, const struct message *m)
{
	size_t i = ((uintptr_t)m >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20;

	for (;; i++) {
		struct apart *slot = &a->slots[i & (a->size - 1)];
		if (slot->message == m || slot->message == NULL)
			return slot;
	}
}

static void
apart_grow(struct aparts *a)
{
	struct aparts old = *a;

	a->size = old.size > 0 ? 2 * old.size : 64;
	a->slots = xcalloc(a->size, sizeof *a->slots);
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i].message != NULL)
			*apart_find(a, old.slots[i].message) = old.slots[i];
	free(old.slots);
}

static void
apart_count(struct aparts *a, const struct message *m)
{
	struct apart *slot;

	if (2 * a->count >= a->size)
		apart_grow(a);
	slot = apart_find(a, m);
	a->count += slot->message == NULL;
	slot->message = m;
	slot->lanes++;
}

static void
aparts_collect(struct aparts *a, const struct batch *b)
{
	for (const struct lane_change *l = b->lanes; l != NULL; l = l->next)
		for (size_t i = 0; i < l->put_count && !l->timed; i++) {
			const struct message *m = l->puts[i].message;
			if (m != NULL && m->body_size > BODY_SHARED)
				apart_count(a, m);
		}
}

/* --- a transaction ------------------------------------------------------- */

/* Which positions of the pack being written have their body where. */
struct shares {
	struct share {
		uint64_t position, body;
	} * all;
	size_t count, size;
};

/* A pack whose bitmap is being changed. */
struct cursor {
	bool loaded;
	uint64_t first, last, chunk, live, shared;
	size_t alive_size;
	uint8_t alive[PACK_SPAN / 8];
};

struct transaction {
	struct connection *c;
	struct aparts aparts;
	struct shares shares;
	struct pack_writer pack;
	struct cursor cursor;
	uint64_t last_lane;
	bool littered;
};

static void
transaction_fini(struct transaction *t)
{
	free(t->aparts.slots);
	free(t->shares.all);
	writer_fini(&t->pack.data);
}

static uint64_t
last_id(struct transaction *t)
{
	return (uint64_t)sqlite3_last_insert_rowid(t->c->db);
}

/* --- puts ---------------------------------------------------------------- */

static int
write_body(struct transaction *t, struct apart *a)
{
	int rc =
	    connection_do(t->c, ST_CHUNK_ADD, "b", message_body(a->message));

	if (rc != SQLITE_OK)
		return rc;
	a->chunk = last_id(t);
	return connection_do(t->c, ST_BODY_ADD, "ii", a->chunk, a->lanes);
}

/* The chunk of a message's body, written when first asked for; 0 if the body
 * goes into the pack. */
static int
body_apart(struct transaction *t, const struct message *m, uint64_t *chunk)
{
	struct apart *a;
	int rc = SQLITE_OK;

	*chunk = 0;
	if (m->body_size <= BODY_SHARED)
		return SQLITE_OK;
	a = apart_find(&t->aparts, m);
	if (a->lanes == 1 && m->body_size <= BODY_APART)
		return SQLITE_OK;
	if (a->chunk == 0)
		rc = write_body(t, a);
	*chunk = a->chunk;
	return rc;
}

static void
note_share(struct shares *s, uint64_t position, uint64_t body)
{
	if (s->count == s->size) {
		s->size = s->size > 0 ? 2 * s->size : 16;
		s->all = xrealloc(s->all, s->size * sizeof *s->all);
	}
	s->all[s->count++] = (struct share){position, body};
}

static int
write_shares(struct transaction *t, uint64_t chunk)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < t->shares.count && rc == SQLITE_OK; i++)
		rc = connection_do(t->c, ST_SHARE_ADD, "iii", chunk,
		    t->shares.all[i].position, t->shares.all[i].body);
	t->shares.count = 0;
	return rc;
}

static int
write_pack(struct transaction *t, uint64_t lane)
{
	struct pack_writer *w = &t->pack;
	uint64_t chunk, count = w->count;
	int rc;

	if (count == 0)
		return SQLITE_OK;
	rc = connection_do(t->c, ST_CHUNK_ADD, "b", writer_view(&w->data));
	if (rc != SQLITE_OK)
		return rc;
	chunk = last_id(t);
	rc = connection_do(t->c, ST_PACK_ADD, "iiiiiiiiib", lane, w->first,
	    w->last, chunk, count, count, (uint64_t)w->shared,
	    (uint64_t)w->data.n, (uint64_t)w->min_deadline, pack_alive(w));
	w->count = 0;
	return rc == SQLITE_OK ? write_shares(t, chunk) : rc;
}

static int
write_put(struct transaction *t, uint64_t lane, uint64_t position,
    const struct put *p)
{
	uint64_t body;
	int rc = body_apart(t, p->message, &body);

	if (rc == SQLITE_OK &&
	    pack_full(&t->pack, position, body ? 0 : p->message->body_size))
		rc = write_pack(t, lane);
	if (rc != SQLITE_OK)
		return rc;
	if (t->pack.count == 0)
		pack_begin(&t->pack, position);
	if (body != 0)
		note_share(&t->shares, position, body);
	pack_add(&t->pack, position, p, body);
	return SQLITE_OK;
}

static int
write_puts(struct transaction *t, const struct lane_change *l)
{
	int rc = SQLITE_OK;

	t->pack.count = 0;
	for (size_t i = 0; i < l->put_count && rc == SQLITE_OK; i++)
		if (l->puts[i].message != NULL)
			rc = write_put(
			    t, l->lane, l->first_put + i, &l->puts[i]);
	return rc == SQLITE_OK ? write_pack(t, l->lane) : rc;
}

/* --- removals ------------------------------------------------------------- */

static int
cursor_read(struct cursor *c, sqlite3_stmt *st)
{
	struct bytes alive = column_bytes(st, 5);
	uint64_t span;

	c->first = (uint64_t)sqlite3_column_int64(st, 0);
	c->last = (uint64_t)sqlite3_column_int64(st, 1);
	c->chunk = (uint64_t)sqlite3_column_int64(st, 2);
	c->live = (uint64_t)sqlite3_column_int64(st, 3);
	c->shared = (uint64_t)sqlite3_column_int64(st, 4);
	span = c->last - c->first + 1;
	if (span > PACK_SPAN || (alive.n != 0 && alive.n != (span + 7) / 8))
		return SQLITE_CORRUPT;
	c->alive_size = (span + 7) / 8;
	memset(c->alive, 0xff, c->alive_size);
	if (span % 8 != 0)
		c->alive[span / 8] = (uint8_t)((1 << span % 8) - 1);
	put_bytes(c->alive, alive);
	c->loaded = true;
	return SQLITE_OK;
}

/* Writes the changed pack back; one without life goes. */
static int
cursor_flush(struct transaction *t, uint64_t lane)
{
	struct cursor *c = &t->cursor;

	if (!c->loaded)
		return SQLITE_OK;
	c->loaded = false;
	if (c->live == 0)
		return connection_do(t->c, ST_PACK_DROP, "ii", lane, c->first);
	return connection_do(t->c, ST_PACK_SET, "iiib", lane, c->first, c->live,
	    (struct bytes){c->alive, c->alive_size});
}

/* Puts the cursor on the pack with the position, if there is one. */
static int
cursor_seek(struct transaction *t, uint64_t lane, uint64_t position)
{
	struct cursor *c = &t->cursor;
	sqlite3_stmt *st;
	int rc;

	if (c->loaded && position >= c->first && position <= c->last)
		return SQLITE_OK;
	if ((rc = cursor_flush(t, lane)) != SQLITE_OK)
		return rc;
	st = connection_ask(t->c, ST_PACK_BEFORE, "ii", lane, position);
	rc = connection_step(t->c, st);
	if (rc == SQLITE_ROW &&
	    position <= (uint64_t)sqlite3_column_int64(st, 1))
		rc = cursor_read(c, st);
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Takes the life of the cursor's positions in a range. */
static int
cursor_clear(struct transaction *t, uint64_t first, uint64_t last)
{
	struct cursor *c = &t->cursor;
	uint64_t from = first > c->first ? first : c->first;
	uint64_t to = last < c->last ? last : c->last;

	for (uint64_t at = from - c->first; at <= to - c->first; at++) {
		uint8_t bit = (uint8_t)(1 << at % 8);
		c->live -= (c->alive[at / 8] & bit) != 0;
		c->alive[at / 8] &= (uint8_t)~bit;
	}
	if (c->shared == 0)
		return SQLITE_OK;
	return connection_do(t->c, ST_SHARE_DROP, "iii", c->chunk, from, to);
}

/* Drops the packs that lie wholly in a range; very many are left to
 * sqlite_maintain. */
static int
drop_packs(struct transaction *t, uint64_t lane, uint64_t first, uint64_t last)
{
	uint64_t count, behind;
	int rc = packs_slice(
	    t->c, lane, first, last, PACKS_AT_ONCE + 1, &count, &behind);

	if (rc != SQLITE_OK || count == 0)
		return rc;
	if (count <= PACKS_AT_ONCE)
		return connection_do(
		    t->c, ST_PACKS_DROP, "iii", lane, first, last);
	t->littered = true;
	return connection_do(t->c, ST_GARBAGE_ADD, "iii", lane, first, last);
}

/* What is left of very many is garbage too. */
static int
drop_notes(
    struct transaction *t, uint64_t lane, uint64_t first, uint64_t last)
{
	bool more = false;
	int rc = notes_drop(t->c, lane, first, last, &more);

	if (rc != SQLITE_OK || !more)
		return rc;
	t->littered = true;
	return connection_do(t->c, ST_GARBAGE_ADD, "iii", lane, first, last);
}

/* The pack across the beginning, those wholly inside, the one across the end.
 */
static int
remove_range(
    struct transaction *t, uint64_t lane, uint64_t first, uint64_t last)
{
	struct cursor *c = &t->cursor;
	int rc = cursor_seek(t, lane, first);

	if (rc == SQLITE_OK && c->loaded) {
		rc = cursor_clear(t, first, last);
		first = c->last + 1;
	}
	if (rc != SQLITE_OK || first > last)
		return rc;
	if ((rc = drop_packs(t, lane, first, last)) != SQLITE_OK)
		return rc;
	rc = cursor_seek(t, lane, last);
	if (rc == SQLITE_OK && c->loaded && c->first >= first)
		rc = cursor_clear(t, first, last);
	return rc;
}

static int
remove_ranges(struct transaction *t, const struct lane_change *l)
{
	struct range *r = xmalloc(l->removal_count * sizeof *r);
	size_t count;
	int rc = SQLITE_OK;

	memcpy(r, l->removals, l->removal_count * sizeof *r);
	count = ranges_join(r, l->removal_count);
	t->cursor.loaded = false;
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
		uint64_t last = (uint64_t)sqlite_int(r[i].last);

		rc = remove_range(t, l->lane, r[i].first, last);
		if (rc == SQLITE_OK && l->noted)
			rc = drop_notes(t, l->lane, r[i].first, last);
	}
	free(r);
	return rc == SQLITE_OK ? cursor_flush(t, l->lane) : rc;
}

static int
write_deferrals(struct transaction *t, const struct lane_change *l)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < l->deferral_count && rc == SQLITE_OK; i++)
		rc = connection_do(t->c, ST_PACK_DEFER, "iii", l->lane,
		    l->deferrals[i].first, (uint64_t)l->deferrals[i].deadline);
	return rc;
}

/* --- lanes, definitions, the whole ---------------------------------------- */

/* Very many rows are left to sqlite_maintain. */
static int
drop_timed(struct transaction *t, uint64_t lane)
{
	bool more;
	int rc = timed_drop_slice(t->c, lane, &more);

	if (rc != SQLITE_OK || !more)
		return rc;
	t->littered = true;
	return connection_do(
	    t->c, ST_GARBAGE_ADD, "iii", lane, (uint64_t)0, (uint64_t)INT64_MAX);
}

static int
write_notes(struct transaction *t, const struct lane_change *l)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < l->note_count && rc == SQLITE_OK; i++)
		rc = connection_do(t->c, ST_NOTE_SET, "iii", l->lane,
		    l->notes[i].position, (uint64_t)l->notes[i].value);
	return rc;
}

static int
drop_lane(struct transaction *t, uint64_t lane, bool noted)
{
	int rc = drop_packs(t, lane, 0, INT64_MAX);

	if (rc == SQLITE_OK)
		rc = drop_timed(t, lane);
	if (rc == SQLITE_OK && noted)
		rc = drop_notes(t, lane, 0, INT64_MAX);
	if (rc != SQLITE_OK)
		return rc;
	return connection_do(t->c, ST_LANE_DROP, "i", lane);
}

static int
write_lane(struct transaction *t, const struct lane_change *l)
{
	int rc = SQLITE_OK;

	if (l->lane > t->last_lane)
		t->last_lane = l->lane;
	if (l->drop)
		return drop_lane(t, l->lane, l->noted);
	/* Before the removals: these take the notes of what came and went. */
	rc = write_notes(t, l);
	if (rc == SQLITE_OK && l->removal_count > 0)
		rc = remove_ranges(t, l);
	if (rc == SQLITE_OK)
		rc = write_deferrals(t, l);
	if (rc == SQLITE_OK)
		rc = l->timed ? timed_write(t->c, l) : write_puts(t, l);
	if (rc != SQLITE_OK)
		return rc;
	return connection_do(t->c, ST_LANE_SET, "iiiiiii", l->lane, l->count,
	    l->bytes, l->first, l->next_position, l->delivered_to,
	    (uint64_t)l->noted);
}

/* The lane that a definition names, or 0. */
static uint64_t
lane_of(const struct definition *d)
{
	switch (d->kind) {
	case DEF_queue:
		return (uint64_t)d->queue.lane;
	case DEF_exchange:
		return (uint64_t)d->exchange.lane;
	case DEF_queue_lane:
		return (uint64_t)d->queue_lane.lane;
	default:
		return 0;
	}
}

static int
write_definition(struct transaction *t, const struct definition_change *d)
{
	uint64_t lane = lane_of(&d->definition);

	if (lane > t->last_lane)
		t->last_lane = lane;
	return connection_define(t->c, &d->definition, d->remove);
}

static int
write_batch(struct transaction *t, const struct batch *b, uint64_t seq)
{
	int rc = connection_do(t->c, ST_BEGIN, "");

	for (const struct definition_change *d = b->definitions;
	     d != NULL && rc == SQLITE_OK; d = d->next)
		rc = write_definition(t, d);
	aparts_collect(&t->aparts, b);
	for (const struct lane_change *l = b->lanes;
	     l != NULL && rc == SQLITE_OK; l = l->next)
		rc = write_lane(t, l);
	if (rc == SQLITE_OK)
		rc = connection_do(t->c, ST_META_SET, "ii", seq, t->last_lane);
	if (rc == SQLITE_OK)
		rc = connection_do(t->c, ST_COMMIT, "");
	return rc;
}

/* The transaction may be gone already: some errors end it. */
static enum store_status
give_up(struct sqlite_store *s, int rc)
{
	enum store_status status =
	    status_of(&s->writer, rc, s->error, sizeof s->error);

	if (!sqlite3_get_autocommit(s->writer.db))
		connection_do(&s->writer, ST_ROLLBACK, "");
	s->suspect = status == STORE_IO;
	return status;
}

enum store_status
sqlite_apply(struct store *store, const struct batch *b)
{
	struct sqlite_store *s = (struct sqlite_store *)store;
	struct transaction t = {.c = &s->writer};
	enum store_status status = STORE_OK;
	int rc;

	if (s->suspect && (status = store_reconnect(s)) != STORE_OK)
		return status;
	if (b->changes == 0 || b->seq <= s->seq)
		return STORE_OK;
	t.last_lane = s->last_lane;
	rc = write_batch(&t, b, s->base + b->seq);
	transaction_fini(&t);
	if (rc != SQLITE_OK)
		return give_up(s, rc);
	s->seq = b->seq;
	s->last_lane = t.last_lane;
	s->littered = s->littered || t.littered;
	checkpoint_if_due(s);
	return STORE_OK;
}
