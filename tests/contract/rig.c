/* rig.c - a store, a plain model of what must be in it, and their comparison.
 */
#include "tests/contract/rig.h"

#include <dirent.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "amqp/xalloc.h"
#include "tests/contract/shim.h"

/* --- folders ------------------------------------------------------------- */

void
rig_folder(char dir[64])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, 64, "%.40s/leveret-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		abort();
}

void
rig_remove_folder(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(dir);
}

/* --- letters ------------------------------------------------------------- */

static struct message *
envelope(uint32_t number, size_t size)
{
	static const struct bytes exchanges[] = {
	    BYTES(""), BYTES("amq.topic"), BYTES("orders")};
	static const struct bytes props[] = {
	    BYTES("\x10\x00\x02"), BYTES("\x18\x00\x02\x07")};
	static const struct bytes bcc[] = {
	    BYTES(""), BYTES("S\0\0\0\1a"), BYTES("")};
	char key[32];

	snprintf(key, sizeof key, "key.%u", number % 5);
	return message_new_bcc(exchanges[number / 7 % 3], bytes_str(key),
	    props[number / 3 % 2], size, bcc[number / 2 % 3]);
}

static uint8_t
octet(uint32_t number, size_t at)
{
	return (uint8_t)(number * 31 + at * 7 + (at >> 8));
}

struct message *
rig_letter(uint32_t number, size_t size)
{
	struct message *m = envelope(number, size);
	uint8_t *body = (uint8_t *)message_body(m).p;

	for (size_t i = 0; i < size; i++)
		body[i] = octet(number, i);
	return m;
}

bool
rig_is_letter(const struct message *m, uint32_t number)
{
	struct message *e = rig_letter(number, m->body_size);
	bool same =
	    message_size(m) == message_size(e) &&
	    memcmp(m->data, e->data, message_size(m) - sizeof *m) == 0 &&
	    m->priority == e->priority && m->persistent == e->persistent;

	message_unref(e);
	return same;
}

/* --- opening and closing ------------------------------------------------- */

static void
open_store(struct rig *r)
{
	char error[256] = "";

	r->store = strcmp(r->kind, "memory") == 0
		       ? store_memory_open()
		       : store_sqlite_open(r->dir, error, sizeof error);
	if (r->store == NULL)
		fprintf(stderr, "%s\n", error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r->store);
}

struct rig *
rig_model(void)
{
	struct rig *r = xcalloc(1, sizeof *r);

	r->kind = "model";
	r->next_lane = 1;
	r->next_letter = 1;
	return r;
}

void
rig_model_free(struct rig *r)
{
	if (r->batch != NULL)
		batch_free(r->batch);
	free(r);
}

struct rig *
rig_open(const char *kind)
{
	struct rig *r = rig_model();

	r->kind = kind;
	rig_folder(r->dir);
	open_store(r);
	return r;
}

void
rig_close(struct rig *r)
{
	r->store->ops->close(r->store);
	if (!rig_forgets(r))
		rig_check_file(r->dir);
	rig_remove_folder(r->dir);
	rig_model_free(r);
}

/* Trouble begins here, less with every try so that great batches get through,
 * and ends. */
static void
disturb(const struct rig *r, int try)
{
	if (strcmp(r->kind, "failing") == 0)
		shim_disturb(UINT32_C(40) << (try < 20 ? try : 20));
}

static void
leave_alone(const struct rig *r)
{
	if (strcmp(r->kind, "failing") == 0)
		shim_disturb(0);
}

bool
rig_forgets(const struct rig *r)
{
	return strcmp(r->kind, "memory") == 0;
}

void
rig_reopen(struct rig *r)
{
	if (rig_forgets(r))
		return;
	r->store->ops->close(r->store);
	r->seq = 0;
	open_store(r);
}

/* --- changes ------------------------------------------------------------- */

int
rig_lane(struct rig *r, uint64_t base)
{
	int i = 0;

	while (r->lanes[i].id != 0 || r->changes[i] != NULL)
		i++;
	if (r->lanes[i].state.lane != 0) /* a former one */
		memset(&r->lanes[i], 0, sizeof r->lanes[i]);
	r->lanes[i].id = r->next_lane++;
	r->lanes[i].base = base;
	r->lanes[i].state.lane = r->lanes[i].id;
	return i;
}

static struct lane_change *
change(struct rig *r, int lane)
{
	if (r->batch == NULL)
		r->batch = batch_new(++r->seq);
	if (r->changes[lane] == NULL)
		r->changes[lane] =
		    batch_lane(r->batch, r->lanes[lane].id, &r->lanes[lane]);
	return r->changes[lane];
}

void
rig_put_letter(struct rig *r, int lane, uint32_t at, uint32_t number,
    struct message *m, int64_t deadline)
{
	struct model_lane *l = &r->lanes[lane];

	lane_put(change(r, lane), l->base + at, m, deadline);
	l->letters[at] = number;
	l->deadlines[at] = deadline;
	l->state.count++;
	l->state.bytes += m->body_size;
	l->state.next_position = l->base + at + 1;
}

void
rig_put(struct rig *r, int lane, uint32_t at, size_t size, int64_t deadline)
{
	uint32_t number = r->next_letter++;
	struct message *m = rig_letter(number, size);

	rig_put_letter(r, lane, at, number, m, deadline);
	message_unref(m);
}

void
rig_remove(struct rig *r, int lane, uint32_t first, uint32_t last)
{
	struct model_lane *l = &r->lanes[lane];

	lane_remove(change(r, lane), l->base + first, l->base + last);
	for (uint32_t at = first; at <= last; at++) {
		l->state.count -= l->letters[at] != 0;
		l->letters[at] = 0;
		l->notes[at] = 0;
	}
	l->state.delivered_to = l->base + last + 1;
}

void
rig_note(struct rig *r, int lane, uint32_t at, uint32_t value)
{
	struct model_lane *l = &r->lanes[lane];

	lane_note(change(r, lane), l->base + at, value);
	if (l->notes[at] < value)
		l->notes[at] = value;
	l->state.noted = 1;
}

void
rig_touch(struct rig *r, int lane)
{
	struct model_lane *l = &r->lanes[lane];

	lane_touch(change(r, lane));
	l->state.delivered_to = l->state.next_position;
}

void
rig_drop(struct rig *r, int lane)
{
	lane_drop(change(r, lane));
	r->lanes[lane].id = 0;
}

static void
fill_in(struct rig *r)
{
	for (int i = 0; i < RIG_LANES; i++) {
		const struct lane_state *s = &r->lanes[i].state;
		struct lane_change *c = r->changes[i];
		if (c == NULL)
			continue;
		c->count = s->count;
		c->bytes = s->bytes;
		c->first = s->first;
		c->next_position = s->next_position;
		c->delivered_to = s->delivered_to;
		c->noted = s->noted != 0;
		if (c->lane > r->last_lane)
			r->last_lane = c->lane;
	}
}

struct batch *
rig_take(struct rig *r)
{
	struct batch *b = r->batch;

	if (b == NULL)
		return NULL;
	fill_in(r);
	r->batch = NULL;
	memset(r->changes, 0, sizeof r->changes);
	return b;
}

void
rig_apply(struct rig *r, const struct batch *b)
{
	enum store_status status;
	int tries = 0;

	do {
		disturb(r, tries);
		status = r->store->ops->apply(r->store, b);
	} while (++tries < 100 && (status == STORE_FULL || status == STORE_IO));
	leave_alone(r);
	if (status != STORE_OK)
		fprintf(stderr, "%s\n", r->store->ops->error(r->store));
	CU_ASSERT_EQUAL_FATAL(status, STORE_OK);
}

void
rig_commit(struct rig *r)
{
	struct batch *b = rig_take(r);

	if (b == NULL)
		return;
	if (r->store != NULL)
		rig_apply(r, b);
	batch_free(b);
}

int
rig_maintain(struct rig *r)
{
	int64_t (*maintain)(struct store *) = r->store->ops->maintain;
	int64_t next;
	int n = 0;

	disturb(r, 0);
	while (maintain != NULL && (next = maintain(r->store)) >= 0) {
		poll(NULL, 0, (int)next);
		n++;
	}
	leave_alone(r);
	return n;
}

/* --- comparing ------------------------------------------------------------ */

struct load *
rig_load_as(struct rig *r, const struct load *wanted)
{
	struct load *l;
	int tries = 0;

	do {
		disturb(r, tries);
		l = xmalloc(sizeof *l);
		*l = *wanted;
		l->noted = !l->timed;
		r->store->ops->load(r->store, l);
		if (l->status == STORE_OK || ++tries == 100)
			break;
		load_free(l);
	} while (true);
	leave_alone(r);
	CU_ASSERT_EQUAL_FATAL(l->status, STORE_OK);
	return l;
}

struct load *
rig_load(
    struct rig *r, uint64_t lane, uint64_t first, uint64_t last, size_t bytes)
{
	struct load wanted = {
	    .lane = lane, .first = first, .last = last, .max_bytes = bytes};

	return rig_load_as(r, &wanted);
}

struct load *
rig_load_due(struct rig *r, int lane, uint32_t first, uint32_t last,
    size_t bytes, int64_t due)
{
	const struct model_lane *m = &r->lanes[lane];
	struct load wanted = {.lane = m->id,
	    .first = m->base + first,
	    .last = m->base + last,
	    .max_bytes = bytes,
	    .due = due};

	return rig_load_as(r, &wanted);
}

/* The earliest deadline in the range of a load, of what is still there. */
static int64_t
model_deadline(const struct model_lane *m, const struct load *l)
{
	int64_t earliest = 0;

	for (uint64_t p = l->first; p <= l->last && p - m->base < RIG_POSITIONS;
	     p++)
		if (m->letters[p - m->base] != 0)
			earliest = deadline_min(
			    earliest, m->deadlines[p - m->base]);
	return earliest;
}

bool
rig_expire(struct rig *r, int lane, struct load *l)
{
	const struct model_lane *m = &r->lanes[lane];
	bool more = l->more ||
		    (l->next_deadline != 0 && l->next_deadline <= l->due);
	int64_t earliest;

	for (size_t i = 0; i < l->count; i++) {
		const struct loaded *e = &l->entries[i];
		uint32_t at = (uint32_t)(e->position - m->base);

		CU_ASSERT_TRUE(e->position >= l->first);
		CU_ASSERT_TRUE(e->position <= l->last);
		CU_ASSERT_TRUE(e->deadline != 0 && e->deadline <= l->due);
		CU_ASSERT_EQUAL(e->deadline, m->deadlines[at]);
		CU_ASSERT_TRUE(rig_is_letter(e->message, m->letters[at]));
		rig_remove(r, lane, at, at);
	}
	for (size_t i = 0; i < l->deferral_count; i++)
		lane_defer(change(r, lane), &l->deferrals[i]);
	earliest = model_deadline(m, l);
	CU_ASSERT_TRUE(l->more || earliest == 0 ||
		       (l->next_deadline != 0 && l->next_deadline <= earliest));
	if (!more)
		CU_ASSERT_TRUE(earliest == 0 || earliest > l->due);
	load_free(l);
	rig_commit(r);
	return more;
}

/* One more than the highest index that was ever put. */
static uint32_t
end_of(const struct model_lane *l)
{
	return l->state.next_position == 0
		   ? 0
		   : (uint32_t)(l->state.next_position - l->base);
}

static uint32_t
next_letter(const struct model_lane *l, uint32_t at)
{
	while (at < end_of(l) && l->letters[at] == 0)
		at++;
	return at;
}

static uint32_t
compare_load(const struct model_lane *m, const struct load *l, uint32_t at)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct loaded *e = &l->entries[i];
		at = next_letter(m, at);
		CU_ASSERT_FATAL(at < end_of(m));
		CU_ASSERT_EQUAL_FATAL(e->position, m->base + at);
		CU_ASSERT_EQUAL(e->deadline, m->deadlines[at]);
		CU_ASSERT_EQUAL(e->note, m->notes[at]);
		CU_ASSERT_TRUE(rig_is_letter(e->message, m->letters[at]));
		at++;
	}
	return at;
}

static void
compare_lane(struct rig *r, const struct model_lane *m, size_t piece)
{
	uint64_t position = m->base, last = m->base + RIG_POSITIONS - 1;
	uint32_t at = 0;

	while (position <= last) {
		struct load *l = rig_load(r, m->id, position, last, piece);
		at = compare_load(m, l, at);
		CU_ASSERT_FATAL(l->next > position);
		if (l->next <= last)
			CU_ASSERT_TRUE(l->bytes >= piece);
		position = l->next;
		load_free(l);
	}
	CU_ASSERT_EQUAL(next_letter(m, at), end_of(m));
}

struct seen {
	struct rig *rig;
	int lanes;
};

/* It may be earlier than the earliest: what had it is acknowledged. */
static void
see_deadline(const struct model_lane *m, int64_t deadline)
{
	struct load all = {
	    .first = m->base, .last = m->base + RIG_POSITIONS - 1};
	int64_t earliest = model_deadline(m, &all);

	CU_ASSERT_TRUE(
	    earliest == 0 || (deadline != 0 && deadline <= earliest));
}

static void
see_lane(void *arg, const struct lane_state *s)
{
	struct seen *seen = arg;
	const struct model_lane *m = seen->rig->lanes;
	const struct model_lane *end = m + RIG_LANES;

	while (m < end && m->id != s->lane)
		m++;
	CU_ASSERT_FATAL(m < end);
	CU_ASSERT_EQUAL(
	    memcmp(s, &m->state, offsetof(struct lane_state, next_deadline)),
	    0);
	see_deadline(m, s->next_deadline);
	seen->lanes++;
}

static void
ignore_definition(void *arg, const struct definition *d)
{
}

static void
compare_restore(struct rig *r)
{
	struct seen seen = {r, 0};
	struct store_visitor v = {&seen, ignore_definition, see_lane};
	uint64_t last_lane;
	int lanes = 0;

	CU_ASSERT_EQUAL(
	    r->store->ops->restore(r->store, &v, &last_lane), STORE_OK);
	for (int i = 0; i < RIG_LANES; i++)
		lanes +=
		    r->lanes[i].id != 0 && r->lanes[i].state.next_position != 0;
	CU_ASSERT_EQUAL(seen.lanes, lanes);
	CU_ASSERT_EQUAL(last_lane, r->last_lane);
}

void
rig_compare(struct rig *r, size_t piece)
{
	for (int i = 0; i < RIG_LANES; i++)
		if (r->lanes[i].id != 0)
			compare_lane(r, &r->lanes[i], piece);
	compare_restore(r);
}
