/* sqlite_schema.c - the tables of version 1, and who may open them. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "persistence/sqlite.h"

enum { APPLICATION_ID = 0x4c767274 /* Lvrt */, SCHEMA_VERSION = 1 };

/* alive is a bitmap over the positions from first to last, empty while all of
 * them hold something. No live entry has a deadline before min_deadline; 0: none
 * has one. Only packs with deadlines are in the index by them. The bytes of a pack are a row of their own, so that an
 * acknowledgement does not write them again; rows that only others need go with
 * the last of those. */
static const char tables[] =
    "CREATE TABLE meta ("
    " seq INTEGER NOT NULL,"
    " last_lane INTEGER NOT NULL) STRICT;"
    "INSERT INTO meta VALUES (0, 0);"
    "CREATE TABLE lane ("
    " id INTEGER PRIMARY KEY,"
    " count INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL,"
    " first INTEGER NOT NULL,"
    " next_position INTEGER NOT NULL,"
    " delivered_to INTEGER NOT NULL,"
    " noted INTEGER NOT NULL) STRICT;"
    "CREATE TABLE note ("
    " lane INTEGER NOT NULL,"
    " position INTEGER NOT NULL,"
    " value INTEGER NOT NULL,"
    " PRIMARY KEY (lane, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE pack ("
    " lane INTEGER NOT NULL,"
    " first INTEGER NOT NULL,"
    " last INTEGER NOT NULL,"
    " chunk INTEGER NOT NULL,"
    " entries INTEGER NOT NULL,"
    " live INTEGER NOT NULL,"
    " shared INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL,"
    " min_deadline INTEGER NOT NULL,"
    " alive BLOB NOT NULL,"
    " PRIMARY KEY (lane, first)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX pack_due ON pack (lane, min_deadline, first)"
    " WHERE min_deadline > 0;"
    "CREATE TABLE chunk ("
    " id INTEGER PRIMARY KEY,"
    " data BLOB NOT NULL) STRICT;"
    "CREATE TABLE body ("
    " chunk INTEGER PRIMARY KEY,"
    " refs INTEGER NOT NULL) STRICT;"
    "CREATE TABLE share ("
    " chunk INTEGER NOT NULL,"
    " position INTEGER NOT NULL,"
    " body INTEGER NOT NULL,"
    " PRIMARY KEY (chunk, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE timed ("
    " lane INTEGER NOT NULL,"
    " deadline INTEGER NOT NULL,"
    " position INTEGER NOT NULL,"
    " names BLOB NOT NULL,"
    " props BLOB NOT NULL,"
    " body BLOB NOT NULL,"
    " bcc BLOB NOT NULL,"
    " PRIMARY KEY (lane, deadline, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE garbage ("
    " lane INTEGER NOT NULL,"
    " first INTEGER NOT NULL,"
    " last INTEGER NOT NULL,"
    " PRIMARY KEY (lane, first)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER pack_gone AFTER DELETE ON pack BEGIN"
    " DELETE FROM chunk WHERE id = OLD.chunk;"
    " END;"
    "CREATE TRIGGER shares_gone AFTER DELETE ON pack WHEN OLD.shared > 0 BEGIN"
    " DELETE FROM share WHERE chunk = OLD.chunk;"
    " END;"
    "CREATE TRIGGER share_gone AFTER DELETE ON share BEGIN"
    " UPDATE body SET refs = refs - 1 WHERE chunk = OLD.body;"
    " DELETE FROM body WHERE chunk = OLD.body AND refs = 0;"
    " END;"
    "CREATE TRIGGER body_gone AFTER DELETE ON body BEGIN"
    " DELETE FROM chunk WHERE id = OLD.chunk;"
    " END;";

static const char *const type_names[] = {
    [FIELD_TEXT] = "TEXT", [FIELD_BLOB] = "BLOB", [FIELD_INT] = "INTEGER"};

/* --- the tables of definitions ------------------------------------------- */

static void
say(struct writer *w, const char *text)
{
	writer_bytes(w, bytes_str(text));
}

/* Each name between quotes, as many as count, with what follows each. */
static void
say_names(struct writer *w, const struct definition_row *row, size_t count,
    const char *behind)
{
	for (size_t i = 0; i < count; i++) {
		say(w, i > 0 ? "\"" : " \"");
		say(w, row->fields[i].name);
		say(w, "\"");
		say(w, i + 1 < count ? behind : "");
	}
}

static void
say_table(struct writer *w, const struct definition_row *row)
{
	say(w, "CREATE TABLE \"");
	say(w, row->name);
	say(w, "\" (");
	for (size_t i = 0; i < row->count; i++) {
		say(w, "\"");
		say(w, row->fields[i].name);
		say(w, "\" ");
		say(w, type_names[row->fields[i].type]);
		say(w, " NOT NULL, ");
	}
	say(w, "PRIMARY KEY (");
	say_names(w, row, row->keys, ", ");
	say(w, ")) STRICT, WITHOUT ROWID;");
}

/* What belongs to a vhost goes with it. */
static void
say_vhost_trigger(struct writer *w)
{
	say(w, "CREATE TRIGGER vhost_gone AFTER DELETE ON vhost BEGIN");
	for (int kind = 0; kind < DEFINITION_KINDS; kind++) {
		const struct definition_row *row = definition_row(kind);

		if (!definition_in_vhost(row))
			continue;
		say(w, " DELETE FROM \"");
		say(w, row->name);
		say(w, "\" WHERE vhost = OLD.name;");
	}
	say(w, " END;");
}

static int
prepare(sqlite3 *db, struct writer *w, sqlite3_stmt **statement)
{
	int rc = sqlite3_prepare_v3(db, (const char *)w->p, (int)w->n,
	    SQLITE_PREPARE_PERSISTENT, statement, NULL);

	writer_fini(w);
	return rc;
}

static int
prepare_put(sqlite3 *db, const struct definition_row *row, sqlite3_stmt **put)
{
	struct writer w = {0};

	say(&w, "INSERT OR REPLACE INTO \"");
	say(&w, row->name);
	say(&w, "\" VALUES (?");
	for (size_t i = 1; i < row->count; i++)
		say(&w, ", ?");
	say(&w, ")");
	return prepare(db, &w, put);
}

static int
prepare_remove(
    sqlite3 *db, const struct definition_row *row, sqlite3_stmt **remove)
{
	struct writer w = {0};

	say(&w, "DELETE FROM \"");
	say(&w, row->name);
	say(&w, "\" WHERE");
	say_names(&w, row, row->keys, " = ? AND ");
	say(&w, " = ?");
	return prepare(db, &w, remove);
}

static void
bind_field(sqlite3_stmt *st, int at, const struct definition *d,
    const struct definition_field *f)
{
	struct bytes b;

	if (f->type == FIELD_INT) {
		sqlite3_bind_int64(st, at, *definition_int(d, f));
		return;
	}
	b = *definition_bytes(d, f);
	if (b.n == 0)
		b = BYTES(""); /* a null pointer would be NULL */
	if (f->type == FIELD_BLOB)
		sqlite3_bind_blob64(st, at, b.p, b.n, SQLITE_STATIC);
	else
		sqlite3_bind_text64(
		    st, at, (const char *)b.p, b.n, SQLITE_STATIC, SQLITE_UTF8);
}

int
connection_define(struct connection *c, const struct definition *d, bool remove)
{
	const struct definition_row *row = definition_row(d->kind);
	sqlite3_stmt **st = remove ? &c->remove[d->kind] : &c->put[d->kind];
	int rc = SQLITE_OK;

	if (*st == NULL)
		rc = remove ? prepare_remove(c->db, row, st)
			    : prepare_put(c->db, row, st);
	if (rc != SQLITE_OK)
		return rc;
	for (size_t i = 0; i < (remove ? row->keys : row->count); i++)
		bind_field(*st, (int)i + 1, d, &row->fields[i]);
	sqlite3_step(*st);
	return sqlite3_reset(*st);
}

static void
read_field(sqlite3_stmt *st, int at, struct definition *d,
    const struct definition_field *f)
{
	if (f->type == FIELD_INT)
		*definition_int(d, f) = sqlite3_column_int64(st, at);
	else
		*definition_bytes(d, f) = column_bytes(st, at);
}

int
connection_definitions(struct connection *c, enum definition_kind kind,
    const struct store_visitor *v)
{
	const struct definition_row *row = definition_row(kind);
	struct definition d = {.kind = kind};
	struct writer w = {0};
	sqlite3_stmt *st = NULL;
	int rc;

	say(&w, "SELECT");
	say_names(&w, row, row->count, ", ");
	say(&w, " FROM \"");
	say(&w, row->name);
	say(&w, "\"");
	rc = prepare(c->db, &w, &st);
	while (st != NULL && sqlite3_step(st) == SQLITE_ROW) {
		for (size_t i = 0; i < row->count; i++)
			read_field(st, (int)i, &d, &row->fields[i]);
		v->definition(v->arg, &d);
	}
	return rc == SQLITE_OK ? sqlite3_finalize(st) : rc;
}

/* --- making and recognising ---------------------------------------------- */

static int
get_number(sqlite3 *db, const char *question, int64_t *answer)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, question, -1, &st, NULL);

	*answer = 0;
	if (rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		*answer = sqlite3_column_int64(st, 0);
	return rc == SQLITE_OK ? sqlite3_finalize(st) : rc;
}

/* One transaction: a database has all of the schema or none. The page size and
 * the kind of vacuum are settled by the first page. That page is alone until the
 * log takes over, and is written whole: so its journal need not be a file, which
 * would be synced again and again. */
static int
schema_create(sqlite3 *db)
{
	struct writer w = {0};
	char *marks = xasprintf("PRAGMA application_id = %d;"
				"PRAGMA user_version = %d; COMMIT",
	    APPLICATION_ID, SCHEMA_VERSION);
	int rc;

	say(&w, "PRAGMA page_size = 4096; PRAGMA journal_mode = MEMORY;"
		"PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
		"BEGIN IMMEDIATE;");
	say(&w, tables);
	for (int kind = 0; kind < DEFINITION_KINDS; kind++)
		say_table(&w, definition_row(kind));
	say_vhost_trigger(&w);
	say(&w, marks);
	writer_u8(&w, '\0');
	rc = sqlite3_exec(db, (const char *)w.p, NULL, NULL, NULL);
	free(marks);
	writer_fini(&w);
	return rc;
}

static int
refuse(char *error, size_t size, const char *why)
{
	snprintf(error, size, "%s", why);
	return SQLITE_NOTADB;
}

int
schema_settle(sqlite3 *db, char *error, size_t size)
{
	int64_t objects, id, version;
	int rc = get_number(db, "SELECT count(*) FROM sqlite_schema", &objects);

	*error = '\0';
	if (rc == SQLITE_OK)
		rc = get_number(db, "PRAGMA application_id", &id);
	if (rc == SQLITE_OK)
		rc = get_number(db, "PRAGMA user_version", &version);
	if (rc != SQLITE_OK)
		return rc;
	if (objects == 0 && id == 0 && version == 0)
		return schema_create(db);
	if (id != APPLICATION_ID)
		return refuse(error, size, "it is another program's database");
	if (version > SCHEMA_VERSION)
		return refuse(error, size,
		    "it was written by a newer Leveret: use that one");
	if (version < 1)
		return refuse(error, size, "its schema has no version");
	return SQLITE_OK;
}
