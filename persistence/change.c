/* change.c - collects durable facts in batches. */
#include "persistence/change.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "persistence/definition.h"

struct batch *
batch_new(uint64_t seq)
{
	struct batch *b = xcalloc(1, sizeof *b);

	b->seq = seq;
	b->definitions_end = &b->definitions;
	b->lanes_end = &b->lanes;
	return b;
}

static void
add_definition(struct batch *b, const struct definition *d, bool remove)
{
	struct definition_change *c = xcalloc(1, sizeof *c);

	c->remove = remove;
	definition_copy(&c->definition, d);
	*b->definitions_end = c;
	b->definitions_end = &c->next;
	b->changes++;
}

void
batch_put(struct batch *b, const struct definition *d)
{
	add_definition(b, d, false);
}

void
batch_remove(struct batch *b, const struct definition *d)
{
	add_definition(b, d, true);
}

struct lane_change *
batch_lane(struct batch *b, uint64_t lane, void *owner)
{
	struct lane_change *l = xcalloc(1, sizeof *l);

	l->lane = lane;
	l->owner = owner;
	l->batch = b;
	*b->lanes_end = l;
	b->lanes_end = &l->next;
	return l;
}

/* --- puts --------------------------------------------------------------- */

static void
grow_puts(struct lane_change *l, uint64_t count)
{
	assert(count <= SIZE_MAX / 2 / sizeof *l->puts);
	if (count > l->put_size) {
		size_t size = l->put_size > 0 ? 2 * l->put_size : 16;
		l->put_size = size > count ? size : count;
		l->puts = xrealloc(l->puts, l->put_size * sizeof *l->puts);
	}
	memset(l->puts + l->put_count, 0,
	    (count - l->put_count) * sizeof *l->puts);
	l->put_count = count;
}

void
lane_put(struct lane_change *l, uint64_t position, struct message *m,
    int64_t deadline)
{
	/* What was erased need not be kept up to here. */
	if (l->live == 0) {
		l->first_put = position;
		l->put_count = 0;
	}
	assert(position >= l->first_put + l->put_count);
	grow_puts(l, position - l->first_put + 1);
	l->puts[l->put_count - 1] = (struct put){message_ref(m), deadline};
	l->live++;
	l->batch->changes++;
	l->batch->bytes += message_size(m);
}

static void
forget(struct lane_change *l, struct put *p)
{
	l->live--;
	l->batch->changes--;
	l->batch->bytes -= message_size(p->message);
	message_unref(p->message);
	p->message = NULL;
}

bool
lane_erase(struct lane_change *l, uint64_t position)
{
	uint64_t i = position - l->first_put;

	if (position < l->first_put || i >= l->put_count ||
	    l->puts[i].message == NULL)
		return false;
	forget(l, &l->puts[i]);
	if (l->note_count > 0) /* perhaps beside this one */
		lane_remove(l, position, position);
	return true;
}

/* --- removals ----------------------------------------------------------- */

static int
compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

size_t
ranges_join(struct range *r, size_t count)
{
	size_t n = 1;

	if (count == 0)
		return 0;
	qsort(r, count, sizeof *r, compare_ranges);
	for (size_t i = 1; i < count; i++) {
		struct range *before = &r[n - 1];

		if (r[i].first > before->last && r[i].first - before->last > 1)
			r[n++] = r[i];
		else if (r[i].last > before->last)
			before->last = r[i].last;
	}
	return n;
}

/* Acknowledgements out of order leave neighbours apart: joining them whenever
 * the array is full keeps it from growing while the disk has no room. */
static void
grow_removals(struct lane_change *l)
{
	size_t n = 0;

	if (l->removal_count > 0)
		n = ranges_join(l->removals, l->removal_count);
	l->batch->changes -= l->removal_count - n;
	l->removal_count = n;
	if (n <= l->removal_size / 2 && l->removal_size > 0)
		return;
	l->removal_size = l->removal_size > 0 ? 2 * l->removal_size : 4;
	l->removals =
	    xrealloc(l->removals, l->removal_size * sizeof *l->removals);
}

void
lane_remove(struct lane_change *l, uint64_t first, uint64_t last)
{
	size_t n = l->removal_count;

	assert(first <= last);
	if (n > 0 && first > 0 && l->removals[n - 1].last == first - 1) {
		l->removals[n - 1].last = last;
		return;
	}
	if (l->removal_count == l->removal_size)
		grow_removals(l);
	l->removals[l->removal_count++] = (struct range){first, last};
	l->batch->changes++;
}

/* --- notes -------------------------------------------------------------- */

static int
compare_notes(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	if (x->position != y->position)
		return x->position > y->position ? 1 : -1;
	return (x->value > y->value) - (x->value < y->value);
}

/* Only the greatest beside each entry stays. */
static size_t
notes_join(struct note *notes, size_t count)
{
	size_t n = 0;

	if (count == 0)
		return 0;
	qsort(notes, count, sizeof *notes, compare_notes);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && notes[i].position != notes[n].position)
			n++;
		notes[n] = notes[i];
	}
	return n + 1;
}

/* An entry that comes back again and again has one note in the end. */
static void
grow_notes(struct lane_change *l)
{
	size_t n = notes_join(l->notes, l->note_count);

	l->batch->changes -= l->note_count - n;
	l->note_count = n;
	if (n <= l->note_size / 2 && l->note_size > 0)
		return;
	l->note_size = l->note_size > 0 ? 2 * l->note_size : 4;
	l->notes = xrealloc(l->notes, l->note_size * sizeof *l->notes);
}

void
lane_note(struct lane_change *l, uint64_t position, uint32_t value)
{
	if (l->note_count == l->note_size)
		grow_notes(l);
	l->notes[l->note_count++] = (struct note){position, value};
	l->batch->changes++;
}

void
lane_touch(struct lane_change *l)
{
	l->batch->changes += !l->touched;
	l->touched = true;
}

void
lane_take(struct lane_change *l, struct due due)
{
	if (l->taken_count == l->taken_size) {
		l->taken_size = l->taken_size > 0 ? 2 * l->taken_size : 16;
		l->taken =
		    xrealloc(l->taken, l->taken_size * sizeof *l->taken);
	}
	l->taken[l->taken_count++] = due;
	l->batch->changes++;
}

void
lane_defer(struct lane_change *l, const struct deferral *d)
{
	if (l->deferral_count == l->deferral_size) {
		l->deferral_size =
		    l->deferral_size > 0 ? 2 * l->deferral_size : 4;
		l->deferrals = xrealloc(
		    l->deferrals, l->deferral_size * sizeof *l->deferrals);
	}
	l->deferrals[l->deferral_count++] = *d;
	l->batch->changes++;
}

void
lane_drop(struct lane_change *l)
{
	for (size_t i = 0; i < l->put_count; i++)
		if (l->puts[i].message != NULL)
			forget(l, &l->puts[i]);
	l->put_count = 0;
	l->batch->changes -= l->removal_count + l->taken_count +
	    l->deferral_count + l->note_count + l->touched;
	l->removal_count = l->taken_count = l->deferral_count = 0;
	l->note_count = 0;
	l->touched = false;
	l->batch->changes += !l->drop;
	l->drop = true;
}

/* --- the end ------------------------------------------------------------ */

/* Frees up to *budget puts from the end and the lane behind the last. */
static void
free_lane(struct batch *b, size_t *budget)
{
	struct lane_change *l = b->lanes;

	for (; l->put_count > 0 && *budget > 0; (*budget)--) {
		struct message *m = l->puts[--l->put_count].message;
		if (m != NULL)
			message_unref(m);
	}
	if (l->put_count > 0)
		return;
	b->lanes = l->next;
	free(l->puts);
	free(l->removals);
	free(l->taken);
	free(l->deferrals);
	free(l->notes);
	free(l);
}

enum { DEFINITION_UNITS = 8 }; /* what it costs, in puts */

static void
free_definition(struct batch *b)
{
	struct definition_change *c = b->definitions;

	b->definitions = c->next;
	definition_fini(&c->definition);
	free(c);
}

bool
batch_free_some(struct batch *b, size_t *budget)
{
	while (b->definitions != NULL && *budget > 0) {
		free_definition(b);
		*budget -= *budget < DEFINITION_UNITS ? *budget
						      : DEFINITION_UNITS;
	}
	while (b->lanes != NULL && *budget > 0) {
		(*budget)--; /* the lane itself */
		free_lane(b, budget);
	}
	if (b->definitions != NULL || b->lanes != NULL)
		return false;
	free(b);
	return true;
}

void
batch_free(struct batch *b)
{
	size_t all = SIZE_MAX;

	batch_free_some(b, &all);
}
