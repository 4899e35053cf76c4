/* lane.c - the entries of a queue in order of position, some of them in
 * memory. */
#include "broker/lane_inner.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/xalloc.h"

enum {
	LOAD_BYTES = 1024 * 1024, /* at most this much at once */
	SWEEP_MOST = 16384, /* expired and not yet removed, until the next load */
	RECOUNT_MOST = 1024, /* dead and not yet removed, until the next load */
};

void
lane_init(struct lane *l, uint64_t id, void *owner)
{
	*l = (struct lane){.id = id, .next_position = 1, .owner = owner};
	l->committed_to = 1;
}

void
lane_sweep_end(struct lane *l)
{
	if (l->sweep.came != NULL)
		load_free(l->sweep.came);
	free(l->sweep.deferrals);
	l->sweep = (struct sweep){0};
}

void
lane_fini(struct lane *l)
{
	size_t budget = SIZE_MAX;

	ring_clear(&l->head, &budget);
	ring_clear(&l->incoming, &budget);
	while (l->requeued.count > 0)
		message_unref(heap_pop(&l->requeued, NULL).message);
	deadlines_fini(&l->deadlines);
	gone_fini(&l->gone);
	lane_sweep_end(l);
}

void
lane_restore(struct lane *l, const struct lane_state *s)
{
	l->noted = s->noted != 0;
	l->next_position = l->committed_to = s->next_position;
	l->delivered_to = l->told_to = s->delivered_to;
	l->recount_from = s->first < s->delivered_to ? 1 : 0;
	l->stored_count = l->out_count = l->ready = s->count;
	l->stored_bytes = l->out_bytes = l->ready_bytes = s->bytes;
	l->waiting_count = s->count;
	l->waiting_bytes = s->bytes;
	l->out_first = 0;
	l->out_last = s->next_position - 1;
	l->split = s->count > 0;
	l->latest = INT64_MAX;
	l->out_deadline = s->next_deadline;
}

/* --- what the store is told ------------------------------------------------ */

static void
forget(struct lane *l, struct journal *j, uint64_t position, uint64_t bytes)
{
	l->stored_count--;
	l->stored_bytes -= bytes;
	if (!lane_is_pending(l, position) || !lane_erase(l->change, position))
		lane_remove(lane_changing(l, j), position, position);
}

void
lane_settle(struct lane *l, struct journal *j, const struct entry *e)
{
	if (e->flags & ENTRY_STORED)
		forget(l, j, e->position, e->message->body_size);
}

uint64_t
lane_ready_first(const struct lane *l)
{
	if (l->head.count > 0)
		return ring_front(&l->head)->position;
	if (l->out_count > 0)
		return l->out_first;
	if (l->incoming.count > 0)
		return ring_front(&l->incoming)->position;
	return l->next_position;
}

void
lane_hand_over(struct lane *l, struct lane_change *c)
{
	bool exact = l->counts || l->sealed;

	c->count = l->stored_count;
	c->bytes = l->stored_bytes;
	c->first = l->stored_count > l->waiting_count ? 0 : lane_ready_first(l);
	c->next_position = l->next_position;
	c->delivered_to = l->told_to =
	    exact ? l->delivered_to : l->next_position;
	c->noted = l->noted;
	if (l->stored_count == 0)
		l->noted = false;
	l->change = NULL;
}

/* What has been removed need not be known when no load is on its way that began
 * before. */
static void
settle_gone(struct lane *l)
{
	if (l->gone.count > 0 && l->loading == NULL &&
	    l->recounting == NULL && l->sweep.load == NULL)
		gone_settle(&l->gone);
}

/* --- in and out of memory -------------------------------------------------- */

/* The lane is over its mark: from now on what comes waits to move out. */
static bool
should_split(const struct lane *l, const struct lane_mark *mark)
{
	return l->head.count >= mark->entries || l->memory >= mark->bytes;
}

static void
split(struct lane *l)
{
	l->split = true;
	l->head_latest = l->latest;
}

/* Nothing is out any more: the incoming follows the head. */
static void
unsplit(struct lane *l)
{
	if (!l->split || l->out_count > 0 || l->loading != NULL)
		return;
	ring_join(&l->head, &l->incoming);
	l->split = false;
}

/* An entry stands at the end of a ring: latest is of those in front of it. */
static void
note_deadline(
    struct lane *l, struct ring *r, struct entry *e, int64_t *latest)
{
	if (e->deadline < *latest)
		deadlines_add(&l->deadlines, e, r->last);
	else
		*latest = e->deadline;
}

static void
note_pushed(struct lane *l, struct ring *r, struct entry *e)
{
	if (l->head.count + l->incoming.count == 1 && l->out_count == 0)
		l->latest = 0;
	note_deadline(l, r, e, &l->latest);
}

static struct entry *
push(struct lane *l, struct journal *j, struct message *m, int64_t deadline,
    bool stored)
{
	struct ring *r = l->split ? &l->incoming : &l->head;
	struct entry *e = ring_push(r);

	*e = (struct entry){message_ref(m), l->next_position++, deadline,
	    stored ? ENTRY_STORED : 0, 0};
	if (deadline == 0)
		l->latest = INT64_MAX;
	else
		note_pushed(l, r, e);
	l->memory += message_size(m);
	l->ready++;
	l->ready_bytes += m->body_size;
	if (!stored)
		return e;
	lane_put(lane_changing(l, j), e->position, m, deadline);
	l->stored_count++;
	l->stored_bytes += m->body_size;
	l->waiting_count++;
	l->waiting_bytes += m->body_size;
	return e;
}

void
lane_push(struct lane *l, struct journal *j, struct message *m,
    int64_t deadline, bool stored)
{
	push(l, j, m, deadline, stored);
}

static void
note(struct lane *l, struct journal *j, const struct entry *e, uint32_t value)
{
	if (!(e->flags & ENTRY_STORED))
		return;
	lane_note(lane_changing(l, j), e->position, value);
	l->noted = true;
}

void
lane_push_noted(struct lane *l, struct journal *j, struct message *m,
    uint32_t value, bool stored, const struct lane_mark *mark)
{
	struct entry *e;

	if (!l->split && should_split(l, mark))
		split(l);
	e = push(l, j, m, 0, stored);
	e->returns = value;
	note(l, j, e, value);
}

static void
move_out(struct lane *l, const struct entry *e)
{
	if (l->out_count == 0) {
		l->out_first = e->position;
		l->out_deadline = 0;
	}
	l->out_last = e->position;
	l->out_count++;
	l->out_bytes += e->message->body_size;
	l->out_deadline = deadline_min(l->out_deadline, e->deadline);
	l->memory -= message_size(e->message);
	message_unref(e->message);
	if (e->slot != 0)
		deadlines_remove(&l->deadlines, e->slot);
}

/* Committed entries at the front of the incoming leave memory. A transient one
 * stays, and keeps those behind it: order is worth more than room. */
static void
move_incoming_out(struct lane *l)
{
	while (l->incoming.count > 0) {
		struct entry *e = ring_front(&l->incoming);

		if (!(e->flags & ENTRY_STORED) ||
		    e->position >= l->committed_to)
			return;
		move_out(l, e);
		ring_pop(&l->incoming);
	}
}

void
lane_committed(
    struct lane *l, struct lane_change *c, const struct lane_mark *mark)
{
	gone_committed(&l->gone, c, l->committed_to);
	settle_gone(l);
	if (c->next_position > l->committed_to)
		l->committed_to = c->next_position;
	if (l->unsealed <= c->batch->seq)
		l->unsealed = 0;
	l->sweep.committed = c->batch->seq;
	if (l->sweep.over && l->sweep.committed >= l->sweep.told)
		lane_sweep_end(l);
	if (!l->split && should_split(l, mark))
		split(l);
	if (l->split)
		move_incoming_out(l);
}

static bool
head_suffices(const struct lane *l, const struct lane_mark *mark)
{
	return l->head.count > mark->entries / 4 || l->memory > mark->bytes / 2;
}

static struct load *
load_new(struct lane *l, const struct lane_mark *mark)
{
	struct load *load = xcalloc(1, sizeof *load);

	load->lane = l->id;
	load->first = l->out_first;
	load->last = l->out_last;
	load->max_bytes =
	    mark->bytes / 4 < LOAD_BYTES ? mark->bytes / 4 : LOAD_BYTES;
	load->epoch = l->epoch;
	load->owner = l;
	load->noted = l->noted;
	return load;
}

bool
lane_load(
    struct lane *l, struct committer *committer, const struct lane_mark *mark)
{
	if (l->out_count == 0 || l->loading != NULL ||
	    (l->head.count > 0 && head_suffices(l, mark)))
		return false;
	l->loading = load_new(l, mark);
	committer_load(committer, l->loading);
	return true;
}

/* What the end of a broker took from whoever had it has come back too. */
static uint32_t
returns_of(const struct lane *l, const struct loaded *loaded)
{
	bool was_out = loaded->position < l->delivered_to;

	return loaded->note == 0 && was_out && l->counts ? 1 : loaded->note;
}

/* The entry that was loaded; it is out no more. */
static struct entry
loaded_entry(struct lane *l, struct loaded *loaded)
{
	struct entry e = {loaded->message, loaded->position, loaded->deadline,
	    ENTRY_STORED, returns_of(l, loaded), 0};

	if (e.position < l->delivered_to)
		e.flags |= ENTRY_REDELIVERED;
	loaded->message = NULL;
	l->out_count--;
	l->out_bytes -= e.message->body_size;
	return e;
}

static void
take_loaded(struct lane *l, struct loaded *loaded)
{
	struct entry *e = ring_push(&l->head);

	*e = loaded_entry(l, loaded);
	l->memory += message_size(e->message);
	if (l->head.count == 1)
		l->head_latest = 0;
	if (e->deadline == 0)
		l->head_latest = INT64_MAX;
	else
		note_deadline(l, &l->head, e, &l->head_latest);
}

/* The store's count and its entries disagree: believe the entries. */
static void
out_is_empty(struct lane *l)
{
	l->ready -= l->out_count;
	l->ready_bytes -= l->out_bytes;
	l->stored_count -= l->out_count;
	l->stored_bytes -= l->out_bytes;
	l->waiting_count -= l->out_count;
	l->waiting_bytes -= l->out_bytes;
	l->out_count = 0;
	l->out_bytes = 0;
}

/* --- what was delivered ------------------------------------------------------ */

uint64_t
lane_count_stored(struct lane *l, struct journal *j, const struct entry *e)
{
	if (!l->counts)
		return l->unsealed;
	if (e->returns > 0)
		note(l, j, e, e->returns + (e->returns < RETURNS_MAX));
	if (lane_is_pending(l, e->position))
		return 0;
	lane_touch(lane_changing(l, j));
	return j->seq;
}

void
lane_seal(struct lane *l, struct journal *j)
{
	l->sealed = true;
	if (l->told_to != l->delivered_to && l->stored_count > 0)
		lane_touch(lane_changing(l, j));
}

void
lane_unseal(struct lane *l, struct journal *j)
{
	if (l->counts || l->told_to > l->out_last)
		return;
	lane_touch(lane_changing(l, j));
	l->unsealed = j->seq;
	journal_promise(j, j->seq);
}

bool
lane_recount(
    struct lane *l, struct committer *committer, const struct lane_mark *mark)
{
	if (l->recount_from == 0 || l->recounting != NULL ||
	    l->gone.count > RECOUNT_MOST)
		return false;
	if (l->recount_from < l->out_first)
		l->recount_from = l->out_first;
	if (l->out_count == 0 || l->recount_from >= l->delivered_to) {
		l->recount_from = 0;
		return false;
	}
	l->recounting = load_new(l, mark);
	l->recounting->first = l->recount_from;
	l->recounting->last = l->delivered_to - 1;
	committer_load(committer, l->recounting);
	return true;
}

/* What is left of the load is still out. */
static void
recounted(struct lane *l, const struct load *load)
{
	l->recounting = NULL;
	if (load->status == STORE_OK)
		l->recount_from = load->next;
}

/* It left what is out in another way than by being next. */
static void
leave_out(struct lane *l, const struct entry *e)
{
	l->ready--;
	l->ready_bytes -= e->message->body_size;
	l->waiting_count--;
	l->waiting_bytes -= e->message->body_size;
}

bool
lane_spent(struct lane *l, struct load *load, uint64_t limit, size_t *at,
    struct entry *e)
{
	if (load->epoch != l->epoch || load->status != STORE_OK)
		return false;
	for (; *at < load->count && l->out_count > 0; ++*at) {
		struct loaded *loaded = &load->entries[*at];

		if (returns_of(l, loaded) <= limit ||
		    loaded->position < l->out_first ||
		    gone_find(&l->gone, loaded->position))
			continue;
		*e = loaded_entry(l, loaded);
		leave_out(l, e);
		gone_add(&l->gone, e->position, false);
		return true;
	}
	return false;
}

/* What is next comes into the head. */
static void
take_next(struct lane *l, struct load *load)
{
	if (load == l->loading)
		l->loading = NULL;
	if (load->epoch != l->epoch || load->status != STORE_OK)
		return;
	for (size_t i = 0; i < load->count && l->out_count > 0; i++)
		if (!gone_find(&l->gone, load->entries[i].position))
			take_loaded(l, &load->entries[i]);
	l->out_first = load->next;
	if (load->next > l->out_last)
		out_is_empty(l);
}

void
lane_loaded(struct lane *l, struct load *load)
{
	if (load == l->recounting)
		recounted(l, load);
	else
		take_next(l, load);
	load_free(load);
	settle_gone(l);
	unsplit(l);
}

/* --- taking and putting back ------------------------------------------------ */

static bool
requeued_first(const struct lane *l)
{
	return l->requeued.count > 0 && (l->head.count == 0 ||
	    heap_front(&l->requeued)->position < ring_front(&l->head)->position);
}

const struct entry *
lane_peek(const struct lane *l)
{
	if (requeued_first(l))
		return heap_front(&l->requeued);
	return l->head.count > 0 ? ring_front(&l->head) : NULL;
}

static void
forget_deadline(struct lane *l, struct entry *e)
{
	deadlines_remove(&l->deadlines, e->slot);
	e->slot = 0;
}

static inline void
left_head(struct lane *l, const struct entry *e)
{
	l->memory -= message_size(e->message);
	if (e->flags & ENTRY_STORED) {
		l->waiting_count--;
		l->waiting_bytes -= e->message->body_size;
	}
}

struct entry
lane_pop(struct lane *l)
{
	struct entry e;

	if (requeued_first(l)) {
		e = heap_pop(&l->requeued, &l->deadlines);
	} else {
		e = ring_pop(&l->head);
		if (e.slot != 0)
			forget_deadline(l, &e);
		left_head(l, &e);
		if (l->head.count == 0)
			unsplit(l);
	}
	l->ready--;
	l->ready_bytes -= e.message->body_size;
	if (e.position >= l->delivered_to)
		l->delivered_to = e.position + 1;
	return e;
}

void
lane_requeue(struct lane *l, struct entry e)
{
	l->ready++;
	l->ready_bytes += e.message->body_size;
	e.flags |= ENTRY_REDELIVERED;
	heap_push(&l->requeued, e, &l->deadlines);
}

/* --- what is past its time, in memory ----------------------------------------- */

/* The first entry, if it has a deadline. */
static struct entry *
timed_front(const struct ring *r)
{
	struct entry *e = r->count > 0 ? ring_front(r) : NULL;

	return e != NULL && e->deadline != 0 ? e : NULL;
}

static struct entry *
earlier(struct entry *a, struct entry *b)
{
	return a == NULL || (b != NULL && b->deadline < a->deadline) ? b : a;
}

/* Which of those in memory goes first (invariant 4). */
static struct entry *
next_to_go(const struct lane *l)
{
	const struct deadline *d = deadlines_first(&l->deadlines);
	struct entry *e =
	    earlier(timed_front(&l->head), timed_front(&l->incoming));

	return d != NULL ? earlier(e, d->entry) : e;
}

int64_t
lane_next_deadline(const struct lane *l)
{
	const struct entry *e = next_to_go(l);
	bool may_sweep = l->out_count > 0 && !l->sweep.under_way;
	int64_t out = may_sweep ? l->out_deadline : 0;

	return e != NULL ? deadline_min(out, e->deadline) : out;
}

static bool
is_front(const struct ring *r, const struct entry *e)
{
	return r->count > 0 && ring_front(r) == e;
}

/* Where one of the deadlines stands; NULL: it came back. */
static struct ring_chunk *
chunk_of(const struct lane *l, const struct entry *e)
{
	return l->deadlines.all[e->slot - 1].chunk;
}

static struct entry
take_from_middle(struct lane *l, struct ring *r, struct entry *e)
{
	struct ring_chunk *chunk = chunk_of(l, e);

	if (chunk == NULL)
		return heap_take(&l->requeued, e, &l->deadlines);
	forget_deadline(l, e);
	return ring_take(r, chunk, e, &l->deadlines);
}

bool
lane_expire(struct lane *l, int64_t now, struct entry *taken)
{
	struct entry *e = next_to_go(l);
	bool came_back, incoming;

	if (e == NULL || e->deadline >= now)
		return false;
	came_back = e->slot != 0 && chunk_of(l, e) == NULL;
	incoming = l->incoming.count > 0 &&
	    e->position >= ring_front(&l->incoming)->position;
	if (!came_back && (e->flags & ENTRY_STORED))
		gone_add(&l->gone, e->position, false);
	if (is_front(&l->head, e))
		*taken = ring_pop(&l->head);
	else if (is_front(&l->incoming, e))
		*taken = ring_pop(&l->incoming);
	else
		*taken = take_from_middle(
		    l, incoming ? &l->incoming : &l->head, e);
	if (taken->slot != 0)
		forget_deadline(l, taken);
	if (!came_back)
		left_head(l, taken);
	l->ready--;
	l->ready_bytes -= taken->message->body_size;
	if (l->head.count == 0)
		unsplit(l);
	return true;
}

/* --- what is past its time, out ------------------------------------------------ */

static bool
sweep_begins(struct lane *l, int64_t now)
{
	const struct entry *e = next_to_go(l);

	if (l->out_deadline == 0 || l->out_deadline >= now ||
	    (e != NULL && e->deadline < now))
		return false;
	l->sweep = (struct sweep){
	    .under_way = true, .due = now - 1, .more = true};
	l->out_deadline = 0; /* what moves out from now on, and what it says */
	return true;
}

bool
lane_sweep(struct lane *l, struct committer *committer,
    const struct lane_mark *mark, int64_t now)
{
	struct load *load;

	if (l->out_count == 0 || l->sweep.load != NULL ||
	    l->gone.count > SWEEP_MOST ||
	    (l->sweep.under_way ? !l->sweep.more : !sweep_begins(l, now)))
		return false;
	load = l->sweep.load = load_new(l, mark);
	load->due = l->sweep.due;
	load->from = l->sweep.from;
	committer_load(committer, load);
	return true;
}

/* Those that came into the head meanwhile will go from there. */
static void
keep_what_is_out(struct lane *l, struct load *load)
{
	size_t kept = 0;

	for (size_t i = 0; i < load->count; i++) {
		struct loaded *e = &load->entries[i];

		if (e->position >= l->out_first && kept < l->out_count &&
		    gone_find(&l->gone, e->position) == NULL) {
			kept++;
			continue;
		}
		message_unref(e->message);
		e->message = NULL;
	}
	for (size_t i = 0; i < load->count; i++)
		if (load->entries[i].message != NULL)
			gone_add(&l->gone, load->entries[i].position, true);
	l->sweep.unsettled += kept;
}

static void
keep_deferrals(struct sweep *s, const struct load *load)
{
	size_t count = s->deferral_count + load->deferral_count;

	if (load->deferral_count == 0)
		return;
	if (count > s->deferral_size) {
		s->deferral_size = 2 * count;
		s->deferrals = xrealloc(
		    s->deferrals, s->deferral_size * sizeof *s->deferrals);
	}
	memcpy(s->deferrals + s->deferral_count, load->deferrals,
	    load->deferral_count * sizeof *load->deferrals);
	s->deferral_count = count;
}

/* Packs of which something is in the head by now stay due until it has gone. */
static void
tell_deferrals(struct lane *l, struct journal *j)
{
	for (size_t i = 0; i < l->sweep.deferral_count; i++) {
		const struct deferral *d = &l->sweep.deferrals[i];

		if (d->first < l->out_first)
			continue;
		lane_defer(lane_changing(l, j), d);
		l->sweep.told = j->seq;
	}
}

/* Nothing more is to be loaded and all is settled: when that is committed, the
 * sweep has ended. The next waits for it: so it is hurried. */
static void
check_sweep(struct lane *l, struct journal *j)
{
	struct sweep *s = &l->sweep;

	if (s->more && l->gone.count > SWEEP_MOST)
		journal_promise(j, j->seq);
	if (!s->under_way || s->over || s->more || s->load != NULL ||
	    s->came != NULL || s->unsettled > 0)
		return;
	tell_deferrals(l, j);
	s->over = true;
	journal_promise(j, s->told);
	if (s->committed >= s->told)
		lane_sweep_end(l);
}

void
lane_sweep_loaded(struct lane *l, struct load *load)
{
	struct sweep *s = &l->sweep;

	if (load != s->load) { /* of before a purge */
		load_free(load);
		return;
	}
	s->load = NULL;
	s->came = load;
	s->next = 0;
	s->more = load->more && load->status == STORE_OK;
	if (load->status != STORE_OK) {
		l->out_deadline = deadline_min(l->out_deadline, s->due);
		return;
	}
	s->from = load->here;
	l->out_deadline = deadline_min(l->out_deadline, load->next_deadline);
	keep_what_is_out(l, load);
	keep_deferrals(s, load);
}

bool
lane_swept(struct lane *l, struct journal *j, struct entry *e)
{
	struct load *load = l->sweep.came;

	for (; load != NULL && l->sweep.next < load->count; l->sweep.next++) {
		struct loaded *loaded = &load->entries[l->sweep.next];

		if (loaded->message == NULL)
			continue;
		*e = loaded_entry(l, loaded);
		leave_out(l, e);
		if (l->head.count == 0)
			unsplit(l);
		return true;
	}
	if (load != NULL)
		load_free(load);
	l->sweep.came = NULL;
	settle_gone(l);
	check_sweep(l, j);
	return false;
}

void
lane_expired(struct lane *l, struct journal *j, uint64_t position)
{
	struct gone_position *p = gone_find(&l->gone, position);

	if (p == NULL || !p->swept)
		return;
	p->swept = false;
	l->sweep.unsettled--;
	l->sweep.told = j->seq;
	check_sweep(l, j);
}
