/* memory.c - the store that forgets: definitions and lanes in memory, with
 * references to the messages.
 *
 * It answers as the one on disk does and is immediate: all of it happens on the
 * loop's thread. */
#include <stdlib.h>

#include "amqp/names.h"
#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "persistence/definition.h"
#include "persistence/store.h"
#include "persistence/timed.h"

struct entry {
	uint64_t position;
	int64_t deadline;
	struct message *message; /* NULL: removed */
	uint32_t note;
};

enum { BLOCK = 512, SIZE_MIN = 16 };

/* Entries in order of their positions; the removed ones stay, until they are
 * more than half, to keep removal cheap wherever it happens. Nothing in a block
 * of entries goes before its minimum; 0: nothing in it has a deadline. */
struct lane {
	struct lane_state state; /* state.lane is also its key */
	struct entry *entries;
	int64_t *minima;
	size_t count, size, live;
	struct timed timed; /* of a timed lane, instead */
};

/* A definition with its kind and keys as one run of bytes. */
struct defined {
	struct definition definition;
	struct writer key;
};

struct memory_store {
	struct store store;
	uint64_t seq, last_lane;
	struct names lanes;
	struct names definitions[DEFINITION_KINDS];
};

/* --- lanes -------------------------------------------------------------- */

static struct bytes
lane_key(const uint64_t *id)
{
	return (struct bytes){(const uint8_t *)id, sizeof *id};
}

static struct lane *
lane_get(struct memory_store *s, uint64_t id)
{
	struct lane *l = names_get(&s->lanes, lane_key(&id));

	if (l != NULL)
		return l;
	l = xcalloc(1, sizeof *l);
	l->state.lane = id;
	names_put(&s->lanes, lane_key(&l->state.lane), l);
	return l;
}

static void
lane_free(struct lane *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->entries[i].message != NULL)
			message_unref(l->entries[i].message);
	free(l->entries);
	free(l->minima);
	timed_fini(&l->timed);
	free(l);
}

/* The index of the first entry at or behind a position. */
static size_t
lane_find(const struct lane *l, uint64_t position)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (l->entries[middle].position < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The next place for an entry with this deadline. */
static struct entry *
lane_next(struct lane *l, int64_t deadline)
{
	int64_t *minimum = &l->minima[l->count / BLOCK];

	if (l->count % BLOCK == 0)
		*minimum = 0;
	*minimum = deadline_min(*minimum, deadline);
	return &l->entries[l->count++];
}

static void
lane_squeeze(struct lane *l)
{
	size_t count = l->count;

	if (l->live >= count / 2)
		return;
	l->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct entry e = l->entries[i];

		if (e.message != NULL)
			*lane_next(l, e.deadline) = e;
	}
}

static void
lane_remove_range(struct lane *l, const struct range *r)
{
	size_t i = lane_find(l, r->first);

	for (; i < l->count && l->entries[i].position <= r->last; i++) {
		if (l->entries[i].message == NULL)
			continue;
		message_unref(l->entries[i].message);
		l->entries[i].message = NULL;
		l->live--;
	}
}

static void
lane_add(struct lane *l, uint64_t position, const struct put *p)
{
	if (l->count == l->size) {
		l->size = l->size > 0 ? 2 * l->size : SIZE_MIN;
		l->entries = xrealloc(l->entries, l->size * sizeof *l->entries);
		l->minima = xrealloc(l->minima,
		    (l->size / BLOCK + 1) * sizeof *l->minima);
	}
	*lane_next(l, p->deadline) =
	    (struct entry){position, p->deadline, message_ref(p->message), 0};
	l->live++;
}

static void
lane_add_put(
    struct lane *l, const struct lane_change *c, uint64_t position,
    const struct put *p)
{
	if (c->timed)
		timed_add(&l->timed, (struct due){p->deadline, position},
		    p->message);
	else
		lane_add(l, position, p);
}

static void
lane_add_note(struct lane *l, const struct note *n)
{
	size_t i = lane_find(l, n->position);

	if (i < l->count && l->entries[i].position == n->position &&
	    l->entries[i].note < n->value)
		l->entries[i].note = n->value;
}

static void
lane_apply(struct memory_store *s, const struct lane_change *c)
{
	struct lane *l = lane_get(s, c->lane);

	for (size_t i = 0; i < c->removal_count; i++)
		lane_remove_range(l, &c->removals[i]);
	lane_squeeze(l);
	for (size_t i = 0; i < c->put_count; i++)
		if (c->puts[i].message != NULL)
			lane_add_put(l, c, c->first_put + i, &c->puts[i]);
	for (size_t i = 0; i < c->taken_count; i++)
		timed_remove(&l->timed, c->taken[i]);
	for (size_t i = 0; i < c->note_count; i++)
		lane_add_note(l, &c->notes[i]);
	l->state = (struct lane_state){c->lane, c->count, c->bytes, c->first,
	    c->next_position, c->delivered_to, c->noted, 0};
	if (s->last_lane < c->lane)
		s->last_lane = c->lane;
	if (c->drop)
		lane_free(names_take(&s->lanes, lane_key(&c->lane)));
}

/* --- definitions -------------------------------------------------------- */

static void
write_key(struct writer *w, const struct definition *d)
{
	const struct definition_row *row = definition_row(d->kind);

	for (size_t i = 0; i < row->keys; i++) {
		const struct definition_field *f = &row->fields[i];
		if (f->type == FIELD_INT)
			writer_u64(w, (uint64_t)*definition_int(d, f));
		else
			writer_longstr(w, *definition_bytes(d, f));
	}
}

static void
defined_free(struct defined *d)
{
	if (d == NULL)
		return;
	definition_fini(&d->definition);
	writer_fini(&d->key);
	free(d);
}

/* Found first, then taken: taking moves others about. */
static void
take_those_of_vhost(struct names *names, struct bytes vhost)
{
	struct defined **found = xcalloc(names->count + 1, sizeof *found), *d;
	size_t n = 0, at = 0;

	while ((d = names_each(names, &at)) != NULL) {
		const struct definition_row *row =
		    definition_row(d->definition.kind);

		if (bytes_eq(*definition_bytes(&d->definition, row->fields),
			vhost))
			found[n++] = d;
	}
	while (n-- > 0)
		defined_free(
		    names_take(names, writer_view(&found[n]->key)));
	free(found);
}

static void
vhost_gone(struct memory_store *s, struct bytes vhost)
{
	for (int kind = 0; kind < DEFINITION_KINDS; kind++)
		if (definition_in_vhost(definition_row(kind)))
			take_those_of_vhost(&s->definitions[kind], vhost);
}

static void
definition_apply(struct memory_store *s, const struct definition_change *c)
{
	struct names *names = &s->definitions[c->definition.kind];
	struct defined *d = xcalloc(1, sizeof *d);

	write_key(&d->key, &c->definition);
	definition_copy(&d->definition, &c->definition);
	defined_free(names_take(names, writer_view(&d->key)));
	if (!c->remove) {
		names_put(names, writer_view(&d->key), d);
		return;
	}
	defined_free(d);
	if (c->definition.kind == DEF_vhost)
		vhost_gone(s, c->definition.vhost.name);
}

/* --- the store ---------------------------------------------------------- */

static enum store_status
memory_apply(struct store *store, const struct batch *b)
{
	struct memory_store *s = (struct memory_store *)store;

	if (b->seq <= s->seq)
		return STORE_OK;
	for (struct definition_change *d = b->definitions; d != NULL;
	     d = d->next)
		definition_apply(s, d);
	for (struct lane_change *l = b->lanes; l != NULL; l = l->next)
		lane_apply(s, l);
	s->seq = b->seq;
	return STORE_OK;
}

static void
load_timed(struct lane *l, struct load *load)
{
	const struct timed_entry *e =
	    l != NULL ? timed_after(&l->timed, load->after) : NULL;
	bool full = false;

	for (; e != NULL && !full && e->due.deadline <= load->until;
	     e = timed_next(e), load->rows++)
		if (e->due.position <= load->last)
			full = load_add(load, e->due.position, e->due.deadline,
			    message_ref(e->message));
	load->next_due = e != NULL ? e->due.deadline : INT64_MAX;
}

static void
load_in_order(const struct lane *l, struct load *load)
{
	for (size_t i = lane_find(l, load->first);
	     i < l->count && l->entries[i].position <= load->last; i++) {
		struct entry *e = &l->entries[i];
		bool full;
		if (e->message == NULL)
			continue;
		full = load_add(load, e->position, e->deadline,
		    message_ref(e->message));
		load->entries[load->count - 1].note = e->note;
		if (full)
			return;
	}
	load->next = load->last < UINT64_MAX ? load->last + 1 : UINT64_MAX;
}

/* True if the load is full. What lies in one block comes at once all the same. */
static bool
load_due_entry(struct load *load, const struct entry *e, bool full)
{
	if (e->position < load->first || e->position > load->last)
		return full;
	if (e->deadline <= load->due) {
		full |= load_add(load, e->position, e->deadline,
		    message_ref(e->message));
		load->entries[load->count - 1].note = e->note;
		return full;
	}
	load_leave(load, e->deadline);
	return full;
}

/* Whoever looks into a block learns its minimum anew. */
static bool
load_due_block(struct lane *l, size_t block, struct load *load)
{
	size_t end = (block + 1) * BLOCK;
	int64_t minimum = 0;
	bool full = false;

	load->packs++;
	for (size_t i = block * BLOCK; i < end && i < l->count; i++) {
		const struct entry *e = &l->entries[i];

		if (e->message == NULL || e->deadline == 0)
			continue;
		minimum = deadline_min(minimum, e->deadline);
		full = load_due_entry(load, e, full);
	}
	l->minima[block] = minimum;
	return full;
}

/* It goes on where the blocks behind what the last one read begin. */
static void
load_due(struct lane *l, struct load *load)
{
	size_t first = lane_find(l, load->first) / BLOCK;
	size_t block = lane_find(l, load->from.first) / BLOCK;

	if (block < first)
		block = first;
	for (; block * BLOCK < l->count &&
	     l->entries[block * BLOCK].position <= load->last;
	     block++) {
		if (l->minima[block] == 0 || l->minima[block] > load->due) {
			load_leave(load, l->minima[block]);
		} else if (load_due_block(l, block, load) &&
		    (block + 1) * BLOCK < l->count) {
			load->more = true;
			load->here.first =
			    l->entries[(block + 1) * BLOCK].position;
			return;
		}
	}
}

static void
memory_load(struct store *store, struct load *load)
{
	struct memory_store *s = (struct memory_store *)store;
	struct lane *l = names_get(&s->lanes, lane_key(&load->lane));

	load->status = STORE_OK;
	if (load->timed)
		load_timed(l, load);
	else if (l == NULL)
		load->next =
		    load->last < UINT64_MAX ? load->last + 1 : UINT64_MAX;
	else if (load->due != 0)
		load_due(l, load);
	else
		load_in_order(l, load);
}

static enum store_status
memory_restore(
    struct store *store, const struct store_visitor *v, uint64_t *last_lane)
{
	struct memory_store *s = (struct memory_store *)store;
	struct defined *d;
	struct lane *l;
	size_t at;

	for (int kind = 0; kind < DEFINITION_KINDS; kind++)
		for (at = 0;
		     (d = names_each(&s->definitions[kind], &at)) != NULL;)
			v->definition(v->arg, &d->definition);
	for (at = 0; (l = names_each(&s->lanes, &at)) != NULL;) {
		l->state.next_deadline = 0;
		for (size_t i = 0; i * BLOCK < l->count; i++)
			l->state.next_deadline = deadline_min(
			    l->state.next_deadline, l->minima[i]);
		v->lane(v->arg, &l->state);
	}
	*last_lane = s->last_lane;
	s->seq = 0; /* another run begins */
	return STORE_OK;
}

static uint64_t
memory_size(struct store *store)
{
	return 0;
}

static const char *
memory_error(struct store *store)
{
	return "";
}

static void
memory_close(struct store *store)
{
	struct memory_store *s = (struct memory_store *)store;
	struct defined *d;
	struct lane *l;
	size_t at;

	for (at = 0; (l = names_each(&s->lanes, &at)) != NULL;)
		lane_free(l);
	names_fini(&s->lanes);
	for (int kind = 0; kind < DEFINITION_KINDS; kind++) {
		for (at = 0;
		     (d = names_each(&s->definitions[kind], &at)) != NULL;)
			defined_free(d);
		names_fini(&s->definitions[kind]);
	}
	free(s);
}

static const struct store_ops memory_ops = {
    .name = "memory",
    .immediate = true,
    .apply = memory_apply,
    .load = memory_load,
    .restore = memory_restore,
    .size = memory_size,
    .error = memory_error,
    .close = memory_close,
};

struct store *
store_memory_open(void)
{
	struct memory_store *s = xcalloc(1, sizeof *s);

	s->store.ops = &memory_ops;
	names_init(&s->lanes);
	for (int kind = 0; kind < DEFINITION_KINDS; kind++)
		names_init(&s->definitions[kind]);
	return &s->store;
}
