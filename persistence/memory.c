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
};

/* Entries in order of their positions; the removed ones stay, until they are
 * more than half, to keep removal cheap wherever it happens. */
struct lane {
	struct lane_state state; /* state.lane is also its key */
	struct entry *entries;
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

static void
lane_squeeze(struct lane *l)
{
	size_t n = 0;

	if (l->live >= l->count / 2)
		return;
	for (size_t i = 0; i < l->count; i++)
		if (l->entries[i].message != NULL)
			l->entries[n++] = l->entries[i];
	l->count = n;
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
		l->size = l->size > 0 ? 2 * l->size : 16;
		l->entries = xrealloc(l->entries, l->size * sizeof *l->entries);
	}
	l->entries[l->count++] =
	    (struct entry){position, p->deadline, message_ref(p->message)};
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
	l->state = (struct lane_state){c->lane, c->count, c->bytes, c->first,
	    c->next_position, c->delivered_to};
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
	     e = timed_next(e))
		if (e->due.position <= load->last)
			full = load_add(load, e->due.position, e->due.deadline,
			    message_ref(e->message));
	load->next_due = e != NULL ? e->due.deadline : INT64_MAX;
}

static void
memory_load(struct store *store, struct load *load)
{
	struct memory_store *s = (struct memory_store *)store;
	struct lane *l = names_get(&s->lanes, lane_key(&load->lane));

	load->status = STORE_OK;
	if (load->timed) {
		load_timed(l, load);
		return;
	}
	for (size_t i = l != NULL ? lane_find(l, load->first) : 0;
	     l != NULL && i < l->count && l->entries[i].position <= load->last;
	     i++) {
		struct entry *e = &l->entries[i];
		if (e->message != NULL &&
		    load_add(load, e->position, e->deadline,
			message_ref(e->message)))
			return;
	}
	load->next = load->last < UINT64_MAX ? load->last + 1 : UINT64_MAX;
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
	for (at = 0; (l = names_each(&s->lanes, &at)) != NULL;)
		v->lane(v->arg, &l->state);
	*last_lane = s->last_lane;
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
