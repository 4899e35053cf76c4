/* sqlite_timed.c - entries of timed lanes: a row each, in order of deadline.
 *
 * They come in any order and leave in that of their deadlines. So the table is
 * clustered by it: what is due next is read, and deleted, from a few pages. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "persistence/sqlite.h"

/* --- what a batch does ---------------------------------------------------- */

struct row {
	struct due due;
	const struct message *message;
};

static int
compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return due_before(y->due, x->due) - due_before(x->due, y->due);
}

/* The puts by deadline, so that each page is written once. */
static struct row *
sort_puts(const struct lane_change *l, size_t *count)
{
	struct row *rows = xmalloc((l->live + 1) * sizeof *rows);
	size_t n = 0;

	for (size_t i = 0; i < l->put_count; i++)
		if (l->puts[i].message != NULL)
			rows[n++] = (struct row){
			    {l->puts[i].deadline, l->first_put + i},
			    l->puts[i].message};
	qsort(rows, n, sizeof *rows, compare_rows);
	*count = n;
	return rows;
}

static int
add_row(struct connection *c, uint64_t lane, const struct row *r)
{
	return connection_do(c, ST_TIMED_ADD, "iiibbbb", lane,
	    (uint64_t)r->due.deadline, r->due.position,
	    message_names(r->message), message_props(r->message),
	    message_body(r->message), message_bcc(r->message));
}

int
timed_write(struct connection *c, const struct lane_change *l)
{
	size_t count;
	struct row *rows = sort_puts(l, &count);
	int rc = SQLITE_OK;

	for (size_t i = 0; i < l->taken_count && rc == SQLITE_OK; i++)
		rc = connection_do(c, ST_TIMED_TAKE, "iii", l->lane,
		    (uint64_t)l->taken[i].deadline, l->taken[i].position);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
		rc = add_row(c, l->lane, &rows[i]);
	free(rows);
	return rc;
}

int
timed_drop_slice(struct connection *c, uint64_t lane, bool *more)
{
	int rc = connection_do(c, ST_TIMED_SLICE, "ii", lane,
	    (uint64_t)TIMED_IN_A_SLICE);

	*more = sqlite3_changes(c->db) == TIMED_IN_A_SLICE;
	return rc;
}

/* --- what a load asks for -------------------------------------------------- */

static struct message *
make_message(sqlite3_stmt *st)
{
	struct reader names = reader_of(column_bytes(st, 2));
	struct bytes exchange = reader_shortstr(&names);
	struct bytes key = reader_shortstr(&names);
	struct bytes body = column_bytes(st, 4);
	struct message *m = message_new_bcc(exchange, key,
	    column_bytes(st, 3), body.n, column_bytes(st, 5));

	if (m != NULL)
		put_bytes((uint8_t *)message_body(m).p, body);
	return m;
}

/* Goes on while rows are wanted: SQLITE_ROW on the first that is not, or
 * SQLITE_DONE. */
static int
read_rows(struct connection *c, sqlite3_stmt *st, struct load *l)
{
	bool full = false;
	int rc;

	while ((rc = connection_step(c, st)) == SQLITE_ROW) {
		int64_t deadline = sqlite3_column_int64(st, 0);
		uint64_t position = (uint64_t)sqlite3_column_int64(st, 1);
		struct message *m;

		l->rows++;
		l->next_due = deadline;
		if (full || deadline > l->until)
			return rc;
		if (position > l->last)
			continue;
		if ((m = make_message(st)) == NULL)
			return SQLITE_NOMEM;
		full = load_add(l, position, deadline, m);
	}
	l->next_due = INT64_MAX;
	return rc;
}

int
timed_load(struct connection *c, struct load *l)
{
	sqlite3_stmt *st = connection_ask(c, ST_TIMED_AFTER, "iii", l->lane,
	    (uint64_t)l->after.deadline, l->after.position);
	int rc = read_rows(c, st, l);

	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}
