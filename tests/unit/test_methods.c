/* test_methods.c - methods.def against another's table of the same protocol:
 * spec091.go of Debian's golang-github-rabbitmq-amqp091-go-dev, if installed.
 *
 * What is read of it: "type queueDeclare struct" with "Name type" lines, the
 * "return 50, 10" of its id(), and the order of its write(). */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/bytes.h"
#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "tests/unit/unit.h"

#define SPEC "/usr/share/gocode/src/github.com/rabbitmq/amqp091-go/spec091.go"

enum { SKIPPED = 77 };

/* --- our rows, as one line each: "50 10 queue.declare u16 ..." -------------
 */

/* The library knows one kind of short string. */
#define NAME_u8 "u8"
#define NAME_u16 "u16"
#define NAME_u32 "u32"
#define NAME_u64 "u64"
#define NAME_bit "bit"
#define NAME_shortstr "shortstr"
#define NAME_octets "shortstr"
#define NAME_longstr "longstr"
#define NAME_table "table"
#define F(type, name) NAME_##type " " #name " "
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	{class_id, method_id, #class "." #name, "" __VA_ARGS__},
static const struct row {
	int class_id, method_id;
	const char *name;
	const char *fields; /* "type name " for each */
} rows[] = {
#include "amqp/methods.def"
};
#undef METHOD
#undef F

enum { ROWS = sizeof rows / sizeof *rows };

static const struct row *
row_of(int class_id, int method_id)
{
	for (int i = 0; i < ROWS; i++) {
		if (rows[i].class_id == class_id &&
		    rows[i].method_id == method_id)
			return &rows[i];
	}
	return NULL;
}

/* --- theirs -------------------------------------------------------------- */

struct method {
	char name[64];
	int class_id, method_id;
	struct writer members; /* "Name type\n" of the struct */
	struct writer fields;  /* "type name " in the order of write() */
	int bits;              /* in the octet that is being filled */
	bool bits_misplaced;   /* one was not the next */
};

static struct method methods[100];
static int count;

static struct method *
method_named(const char *name)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	}
	return NULL;
}

static void
append(struct writer *w, const char *a, const char *b, const char *end)
{
	writer_bytes(w, bytes_str(a));
	writer_bytes(w, bytes_str(" "));
	writer_bytes(w, bytes_str(b));
	writer_bytes(w, bytes_str(end));
}

/* The type of a number in write(), by its member's Go type. */
static const char *
number_type(const struct method *m, const char *field)
{
	static const char *types[][2] = {{"byte", "u8"}, {"uint8", "u8"},
	    {"uint16", "u16"}, {"uint32", "u32"}, {"uint64", "u64"}};
	char *wanted = xasprintf("\n%s ", field);
	const char *type = strstr((const char *)m->members.p, wanted);
	type = type != NULL ? type + strlen(wanted) : "";
	free(wanted);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strncmp(type, types[i][0], strlen(types[i][0])) == 0)
			return types[i][1];
	}
	return "unknown";
}

/* One line of write(). A bit's place in its octet must be the next one. */
static void
read_write_line(struct method *m, const char *line)
{
	char name[64];
	int bit;
	if (sscanf(line,
		" if err = binary.Write(w, binary.BigEndian, "
		"msg.%63[A-Za-z0-9])",
		name) == 1)
		append(&m->fields, number_type(m, name), name, " ");
	else if (sscanf(line, " if err = writeShortstr(w, msg.%63[A-Za-z0-9])",
		     name) == 1)
		append(&m->fields, "shortstr", name, " ");
	else if (sscanf(line, " if err = writeLongstr(w, msg.%63[A-Za-z0-9])",
		     name) == 1)
		append(&m->fields, "longstr", name, " ");
	else if (sscanf(line, " if err = writeTable(w, msg.%63[A-Za-z0-9])",
		     name) == 1)
		append(&m->fields, "table", name, " ");
	else if (sscanf(line, " if msg.%63[A-Za-z0-9] {", name) == 1)
		append(&m->fields, "bit", name, " ");
	else if (sscanf(line, " bits |= 1 << %d", &bit) == 1)
		m->bits_misplaced |= bit != m->bits++;
}

enum part { OUTSIDE, MEMBERS, ID, WRITE };

/* Where a line at the left margin leads, and into which method. */
static enum part
enter(const char *line, struct method **m)
{
	char name[64], what[16];
	if (sscanf(line, "type %63[A-Za-z0-9] struct {", name) == 1 &&
	    strstr(line, "struct {") != NULL) {
		*m = &methods[count++];
		memcpy((*m)->name, name, sizeof name);
		writer_bytes(&(*m)->members, BYTES("\n"));
		return MEMBERS;
	}
	if (sscanf(line, "func (msg *%63[A-Za-z0-9]) %15[a-z](", name, what) !=
		2 ||
	    (*m = method_named(name)) == NULL)
		return OUTSIDE;
	if (strcmp(what, "id") == 0)
		return ID;
	return strcmp(what, "write") == 0 ? WRITE : OUTSIDE;
}

static void
read_line(enum part part, struct method *m, const char *line)
{
	char name[64], type[64];
	if (part == MEMBERS && sscanf(line, " %63s %63s", name, type) == 2)
		append(&m->members, name, type, "\n");
	else if (part == ID)
		sscanf(line, " return %d, %d", &m->class_id, &m->method_id);
	else if (part == WRITE)
		read_write_line(m, line);
}

static void
read_spec(FILE *file)
{
	char line[512];
	enum part part = OUTSIDE;
	struct method *m = NULL;
	while (count < 100 && fgets(line, sizeof line, file) != NULL) {
		if (line[0] == 't' || line[0] == 'f')
			part = enter(line, &m);
		else if (line[0] == '}')
			part = OUTSIDE;
		else
			read_line(part, m, line);
	}
	for (int i = 0; i < count; i++) {
		writer_u8(&methods[i].members, 0);
		writer_u8(&methods[i].fields, 0);
	}
}

/* --- comparing ----------------------------------------------------------- */

/* noWait, NoWait and nowait, Reserved1 and reserved_1 are the same. */
static void
normalize(const char *name, char *plain)
{
	for (; *name != 0; name++) {
		if (*name != '_' && *name != '.')
			*plain++ = *name | 0x20;
	}
	*plain = 0;
}

static bool
same_name(const char *ours, const char *theirs)
{
	char a[64], b[64];
	normalize(ours, a);
	normalize(theirs, b);
	return strcmp(a, b) == 0 ||
	       (strcmp(a, "ticket") == 0 && strcmp(b, "reserved1") == 0);
}

static bool
same_fields(const char *ours, const char *theirs)
{
	char type[2][64], name[2][64];
	int n = 0, m = 0;
	while (sscanf(ours += n, "%63s %63s%n", type[0], name[0], &n) == 2) {
		if (sscanf(theirs += m, "%63s %63s%n", type[1], name[1], &m) !=
			2 ||
		    strcmp(type[0], type[1]) != 0 ||
		    !same_name(name[0], name[1]))
			return false;
	}
	return sscanf(theirs + m, "%63s", type[1]) != 1;
}

static void
they_have_64_methods(void)
{
	int with_id = 0;
	for (int i = 0; i < count; i++)
		with_id += methods[i].class_id != 0;
	CU_ASSERT_EQUAL(with_id, 64);
}

static void
each_of_theirs_is_a_row_of_the_same_fields(void)
{
	for (int i = 0; i < count; i++) {
		struct method *m = &methods[i];
		if (m->class_id == 0)
			continue;
		const struct row *row = row_of(m->class_id, m->method_id);
		CU_ASSERT_PTR_NOT_NULL_FATAL(row);
		CU_ASSERT(same_name(row->name, m->name));
		CU_ASSERT(!m->bits_misplaced);
		bool same = same_fields(row->fields, (char *)m->fields.p);
		CU_ASSERT(same);
		if (!same)
			printf("%s: %s\n%s: %s\n", row->name, row->fields,
			    m->name, (char *)m->fields.p);
	}
}

static bool
theirs(const struct row *row)
{
	for (int i = 0; i < count; i++) {
		if (methods[i].class_id == row->class_id &&
		    methods[i].method_id == row->method_id)
			return true;
	}
	return false;
}

static void
only_access_is_ours_alone(void)
{
	for (int i = 0; i < ROWS; i++)
		CU_ASSERT_EQUAL(
		    theirs(&rows[i]), strncmp(rows[i].name, "access.", 7) != 0);
}

static void
comparing_sees_a_difference(void)
{
	CU_ASSERT(same_fields(
	    "u16 ticket bit no_wait ", "u16 reserved1 bit NoWait "));
	CU_ASSERT(same_fields("", ""));
	CU_ASSERT(!same_fields("u16 a ", "u32 A "));
	CU_ASSERT(!same_fields("u16 a ", "u16 B "));
	CU_ASSERT(!same_fields("u16 a ", ""));
	CU_ASSERT(!same_fields("", "u16 A "));
	CU_ASSERT(!same_fields("bit a bit b ", "bit B bit A "));
}

static const struct unit_test tests[] = {
    {"they have 64 methods", they_have_64_methods},
    {"each of theirs is a row of the same fields",
	each_of_theirs_is_a_row_of_the_same_fields},
    {"only access is ours alone", only_access_is_ours_alone},
    {"comparing sees a difference", comparing_sees_a_difference},
};

int
main(void)
{
	FILE *file = fopen(SPEC, "r");
	if (file == NULL) {
		printf("skipped: golang-github-rabbitmq-amqp091-go-dev is not "
		       "installed\n0 passed, 0 failed\n");
		return SKIPPED;
	}
	read_spec(file);
	fclose(file);
	int status = unit_main("methods", tests, sizeof tests / sizeof *tests);
	for (int i = 0; i < count; i++) {
		writer_fini(&methods[i].members);
		writer_fini(&methods[i].fields);
	}
	return status;
}
