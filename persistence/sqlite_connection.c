/* sqlite_connection.c - a connection, its settings and its statements. */
#include <stdarg.h>

#include "persistence/sqlite.h"

static const char *const texts[] = {
#define X(name, text) [ST_##name] = text,
    SQLITE_STATEMENTS(X)
#undef X
};

/* FULL: a commit is durable when it returns. Checkpoints are ours to run. What
 * is deleted need not be overwritten, as some builds of SQLite would. */
static const char settings[] = "PRAGMA synchronous = FULL;"
			       "PRAGMA wal_autocheckpoint = 0;"
			       "PRAGMA secure_delete = OFF;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA cache_size = -4096;"
			       "PRAGMA trusted_schema = OFF;";

int
connection_open(struct connection *c, const char *path)
{
	int rc = sqlite3_open_v2(path, &c->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	    NULL);

	if (rc != SQLITE_OK)
		return rc;
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, 2000);
	return sqlite3_exec(c->db, settings, NULL, NULL, NULL);
}

void
connection_close(struct connection *c)
{
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(c->statements[i]);
	for (int i = 0; i < DEFINITION_KINDS; i++) {
		sqlite3_finalize(c->put[i]);
		sqlite3_finalize(c->remove[i]);
	}
	sqlite3_close(c->db);
	*c = (struct connection){0};
}

static sqlite3_stmt *
get_statement(struct connection *c, enum sqlite_statement which)
{
	sqlite3_stmt **st = &c->statements[which];

	if (*st == NULL)
		sqlite3_prepare_v3(c->db, texts[which], -1,
		    SQLITE_PREPARE_PERSISTENT, st, NULL);
	return *st;
}

static void
bind_all(sqlite3_stmt *st, const char *types, va_list values)
{
	struct bytes b;

	for (int at = 1; *types != '\0'; types++, at++) {
		if (*types == 'i') {
			sqlite3_bind_int64(
			    st, at, sqlite_int(va_arg(values, uint64_t)));
			continue;
		}
		b = va_arg(values, struct bytes);
		sqlite3_bind_blob64(st, at, b.n > 0 ? b.p : (const void *)"",
		    b.n, SQLITE_STATIC);
	}
}

sqlite3_stmt *
connection_ask(
    struct connection *c, enum sqlite_statement which, const char *types, ...)
{
	sqlite3_stmt *st = get_statement(c, which);
	va_list values;

	if (st == NULL)
		return NULL;
	va_start(values, types);
	bind_all(st, types, values);
	va_end(values);
	return st;
}

int
connection_do(
    struct connection *c, enum sqlite_statement which, const char *types, ...)
{
	sqlite3_stmt *st = get_statement(c, which);
	va_list values;

	if (st == NULL)
		return sqlite3_extended_errcode(c->db);
	va_start(values, types);
	bind_all(st, types, values);
	va_end(values);
	while (sqlite3_step(st) == SQLITE_ROW)
		;
	return sqlite3_reset(st);
}

int
connection_step(struct connection *c, sqlite3_stmt *st)
{
	int rc;

	if (st == NULL)
		return sqlite3_extended_errcode(c->db);
	if (sqlite3_step(st) == SQLITE_ROW)
		return SQLITE_ROW;
	rc = sqlite3_reset(st);
	return rc == SQLITE_OK ? SQLITE_DONE : rc;
}

struct bytes
column_bytes(sqlite3_stmt *st, int column)
{
	const void *p = sqlite3_column_blob(st, column);

	return (struct bytes){p, (size_t)sqlite3_column_bytes(st, column)};
}
