/* delayed.c - what exchanges of type x-delayed-message hold until its time has
 * come. */
#include "broker/delayed.h"

#include "amqp/props.h"
#include "amqp/text.h"
#include "amqp/xalloc.h"
#include "broker/envelope.h"
#include "broker/keep.h"
#include "broker/queue.h"
#include "broker/vhost.h"
#include "exchanges/delayed.h"

enum {
	HORIZON = 2000,	     /* ms ahead of its time a message is loaded */
	LOAD_BYTES = 1 << 20, /* at most this much at once */
	SLICE = 1024,	     /* units of work in a turn: releases, more or less */
	PATIENCE = 10,	     /* ms between looks at a disk that is behind */
	RETRY = 1000,	     /* ms until what could not be read is asked for again, */
	RETRY_DOUBLED = 5,   /* twice as long each time, so often */
	WATCH = 60000,	     /* ms: the wall clock may be set meanwhile */
	PART = 4, /* of what a lane may have in memory: many wait in few queues */
};

/* --- life -------------------------------------------------------------------- */

static bool run(struct job *, size_t *budget);

struct delayed *
delayed_new(struct server *s, struct vhost *v, struct exchange *x,
    uint64_t lane)
{
	struct delayed *d = xcalloc(1, sizeof *d);

	d->job.step = run;
	d->server = s;
	d->vhost = v;
	d->exchange = x;
	d->lane = lane;
	d->refs = 1;
	d->next_position = 1;
	d->next_out = INT64_MAX;
	LIST_INSERT_HEAD(&s->delayed, d, link);
	return d;
}

void
delayed_free(struct delayed *d)
{
	size_t all = SIZE_MAX;

	agenda_clear(&d->near, &all);
	free(d->unsaved.items);
	if (d->timer != NULL)
		event_free(d->timer);
	LIST_REMOVE(d, link);
	free(d);
}

/* The open batch may name it: then delayed_committed drops the last reference. */
void
delayed_unref(struct delayed *d)
{
	if (--d->refs == 0 && d->change == NULL)
		delayed_free(d);
}

static struct lane_change *
change(struct delayed *d)
{
	struct journal *j = &d->server->journal;

	if (d->change == NULL) {
		d->change = batch_lane(j->open, d->lane, d);
		d->change->timed = true;
	}
	return d->change;
}

/* --- the timer ----------------------------------------------------------------- */

static bool
has_room(const struct delayed *d)
{
	const struct lane_mark *mark = &d->server->mark;

	return 2 * PART * d->near.count <= mark->entries &&
	    2 * d->near.bytes <= mark->bytes;
}

static bool
wants_load(const struct delayed *d)
{
	return !d->filling && d->count > d->near.count && has_room(d);
}

/* Has memory the first of all? What stands behind the parts that are loaded
 * waits for the others, so that a late load does not turn the order round. */
static bool
has_first(const struct delayed *d)
{
	return d->near.count > 0 &&
	    !(d->filling && due_before(d->from, agenda_first(&d->near)->due));
}

/* Is the next part of a load to be asked for, now or when what failed has had
 * its time? */
static bool
wants_part(const struct delayed *d)
{
	return d->filling && d->load == NULL && (has_room(d) || !has_first(d));
}

static bool
may_ask(const struct delayed *d)
{
	return d->failures == 0 || d->server->clock.wall >= d->retry_at;
}

/* Memory was cut shorter than what went on from it, and the store does not know
 * that yet: it would come again. */
static bool
must_wait(const struct delayed *d)
{
	return due_before(d->reach, d->released) &&
	    journal_committed(&d->server->journal) < d->released_seq;
}

/* When there is something to do; INT64_MAX: never. */
static int64_t
next_time(const struct delayed *d)
{
	int64_t now = d->server->clock.wall, at = INT64_MAX;
	int64_t load = must_wait(d) ? now + PATIENCE : d->next_out - HORIZON;

	if (has_first(d))
		at = agenda_first(&d->near)->due.deadline;
	if (wants_load(d) && load < at)
		at = load;
	if (wants_part(d) && may_ask(d))
		return now;
	return wants_part(d) && d->retry_at < at ? d->retry_at : at;
}

static void
start(struct delayed *d)
{
	if (d->running)
		return;
	d->running = true;
	delayed_ref(d);
	server_add_job(d->server, &d->job, NULL);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct delayed *d = arg;

	server_tick(d->server);
	d->watching = 0;
	start(d);
}

static void
wake_at(struct delayed *d, int64_t at)
{
	const struct clock *clock = &d->server->clock;
	struct timeval tv;

	if (at == INT64_MAX || (d->watching != 0 && d->watching <= at))
		return;
	if (d->timer == NULL)
		d->timer = evtimer_new(d->server->base, on_timer, d);
	d->watching = at;
	tv = clock_until(
	    clock, at > clock->wall + WATCH ? clock->wall + WATCH : at);
	evtimer_add(d->timer, &tv);
}

static void
watch(struct delayed *d)
{
	if (!d->running && d->exchange != NULL)
		wake_at(d, next_time(d));
}

/* --- what is in memory ----------------------------------------------------------- */

static void
is_out(struct delayed *d, int64_t deadline)
{
	if (deadline < d->next_out)
		d->next_out = deadline;
}

/* What is known not to be out need not be loaded to be in memory. */
static void
extend_reach(struct delayed *d)
{
	int64_t to = d->server->clock.wall + 2 * HORIZON;

	if (d->filling)
		return;
	if (to >= d->next_out)
		to = d->next_out - 1;
	if (to > d->reach.deadline)
		d->reach = (struct due){to, UINT64_MAX};
}

static void
keep_bounded(struct delayed *d)
{
	const struct lane_mark *mark = &d->server->mark;

	if (d->near.count < 2 || (PART * d->near.count <= mark->entries &&
				     d->near.bytes <= mark->bytes))
		return;
	d->reach = agenda_halve(&d->near, mark->bytes / 2);
	is_out(d, d->reach.deadline);
}

static void
place(struct delayed *d, struct due due, struct message *m)
{
	extend_reach(d);
	if (due_before(d->reach, due)) {
		is_out(d, due.deadline);
		return;
	}
	agenda_add(&d->near, due, message_ref(m));
	keep_bounded(d);
}

/* --- loading ----------------------------------------------------------------------- */

static struct load *
new_load(struct delayed *d)
{
	struct load *load = xcalloc(1, sizeof *load);
	size_t bytes = d->server->mark.bytes / 4;

	load->lane = d->lane;
	load->timed = true;
	load->after = d->from;
	load->until = d->reach.deadline;
	load->last = d->below - 1;
	load->max_bytes = bytes < LOAD_BYTES ? bytes : LOAD_BYTES;
	load->owner = delayed_ref(d); /* until delayed_loaded */
	return load;
}

/* --- what is not committed ---------------------------------------------------------- */

static void
unsaved_add(struct unsaved *u, struct due due, struct message *m)
{
	if (u->to == u->room && u->from > u->room / 2) {
		memmove(u->items, u->items + u->from,
		    (u->to - u->from) * sizeof *u->items);
		u->to -= u->from;
		u->from = 0;
	}
	if (u->to == u->room) {
		u->room = u->room > 0 ? 2 * u->room : 16;
		u->items = xrealloc(u->items, u->room * sizeof *u->items);
	}
	u->items[u->to++] = (struct agenda_item){due, m};
}

/* It went on: the message is not to be looked at any more. Positions follow each
 * other without gaps. */
static void
unsaved_forget(struct unsaved *u, uint64_t position)
{
	if (u->from < u->to && position >= u->items[u->from].due.position)
		u->items[u->from + (position - u->items[u->from].due.position)]
		    .message = NULL;
}

/* Those below a position are committed. */
static void
unsaved_drop(struct unsaved *u, uint64_t position)
{
	while (u->from < u->to && u->items[u->from].due.position < position)
		u->from++;
	if (u->from < u->to)
		return;
	free(u->items);
	*u = (struct unsaved){0};
}

/* Those behind from and up to reach join memory. */
static void
take_unsaved(struct delayed *d)
{
	const struct unsaved *u = &d->unsaved;

	for (size_t i = u->from; i < u->to; i++) {
		const struct agenda_item *item = &u->items[i];

		if (item->message == NULL || !due_before(d->from, item->due))
			continue;
		if (due_before(d->reach, item->due))
			is_out(d, item->due.deadline);
		else
			agenda_add(&d->near, item->due,
			    message_ref(item->message));
	}
}

/* --- filling memory ------------------------------------------------------------------ */

static void
begin_filling(struct delayed *d)
{
	const struct unsaved *u = &d->unsaved;

	d->filling = true;
	d->from = d->reach;
	d->below = u->from < u->to ? u->items[u->from].due.position
				   : d->next_position;
	d->reach = (struct due){
	    d->server->clock.wall + 2 * HORIZON, UINT64_MAX};
	d->next_out = INT64_MAX;
	take_unsaved(d);
	keep_bounded(d);
}

static void
fill(struct delayed *d)
{
	struct journal *j = &d->server->journal;

	if (wants_load(d) && d->next_out <= d->server->clock.wall + HORIZON) {
		if (must_wait(d))
			journal_promise(j, d->released_seq);
		else
			begin_filling(d);
	}
	if (!wants_part(d) || !may_ask(d))
		return;
	d->load = new_load(d);
	committer_load(j->committer, d->load);
}

/* Memory may have become smaller meanwhile: what lies behind reach is out. */
static void
take_entry(struct delayed *d, struct loaded *e)
{
	struct due due = {e->deadline, e->position};

	if (due_before(d->reach, due)) {
		is_out(d, due.deadline);
		return;
	}
	agenda_add(&d->near, due, e->message);
	e->message = NULL;
}

/* There are other parts if this one was full before it came to reach. */
static void
take_part(struct delayed *d, struct load *load)
{
	const struct loaded *last;

	for (size_t i = 0; i < load->count; i++)
		take_entry(d, &load->entries[i]);
	if (load->count > 0 && load->bytes >= load->max_bytes) {
		last = &load->entries[load->count - 1];
		d->from = (struct due){last->deadline, last->position};
		if (due_before(d->from, d->reach))
			return;
	}
	d->filling = false;
	is_out(d, load->next_due);
}

/* It is not worth reading in vain every second. */
static void
note_failure(struct delayed *d)
{
	unsigned n = d->failures < RETRY_DOUBLED ? d->failures : RETRY_DOUBLED;

	d->failures++;
	d->retry_at = d->server->clock.wall + (RETRY << n);
}

void
delayed_loaded(struct load *load)
{
	struct delayed *d = load->owner;

	d->load = NULL;
	if (load->status != STORE_OK)
		note_failure(d);
	else
		d->failures = 0;
	if (d->exchange != NULL && load->status == STORE_OK)
		take_part(d, load);
	load_free(load);
	watch(d);
	delayed_unref(d);
}

/* --- in -------------------------------------------------------------------------- */

/* The same message, whose delay is spent. Without memory for it the message
 * itself, which will wait once more when its time has come. */
static struct message *
spend(struct message *m, const struct amqp_props *before)
{
	struct writer headers = {0}, wire = {0};
	struct amqp_props p = *before;
	struct message *copy;

	delay_spend(&headers, p.headers);
	p.headers = writer_view(&headers);
	amqp_props_write(&wire, &p);
	copy = message_new_bcc(message_exchange(m), message_key(m),
	    writer_view(&wire), m->body_size, message_bcc(m));
	if (copy != NULL)
		put_bytes(
		    (uint8_t *)message_body(copy).p, message_body(m));
	writer_fini(&headers);
	writer_fini(&wire);
	return copy != NULL ? copy : message_ref(m);
}

bool
delayed_hold(struct delayed *d, struct message *m)
{
	struct amqp_props p;
	struct message *held;
	struct due due;

	if (d->exchange == NULL)
		return false;
	amqp_props_parse(message_props(m), &p);
	held = spend(m, &p);
	/* Never early: the clock tells whole milliseconds. */
	due.deadline = d->server->clock.wall + delay_of(p.headers) + 1;
	due.position = d->next_position++;
	lane_put(change(d), due.position, held, due.deadline);
	unsaved_add(&d->unsaved, due, held);
	d->count++;
	d->bytes += held->body_size;
	place(d, due, held);
	message_unref(held);
	watch(d);
	return d->exchange->durable;
}

/* --- out ------------------------------------------------------------------------- */

static void
forget(struct delayed *d, const struct agenda_item *item)
{
	d->count--;
	d->bytes -= item->message->body_size;
	if (!lane_erase(change(d), item->due.position))
		lane_take(change(d), item->due);
	unsaved_forget(&d->unsaved, item->due.position);
	if (due_before(d->released, item->due))
		d->released = item->due;
	d->released_seq = d->server->journal.seq;
}

/* It goes where the exchange leads now. */
static void
release(struct delayed *d, size_t *budget)
{
	struct agenda_item item = agenda_take(&d->near);

	keep_begin(&d->way, d->vhost, d->exchange, item.message, budget);
	forget(d, &item);
	message_unref(item.message);
}

static bool
is_first_due(const struct delayed *d)
{
	return has_first(d) &&
	    agenda_first(&d->near)->due.deadline <= d->server->clock.wall;
}

/* False if more is due. */
static bool
release_due(struct delayed *d, size_t *budget)
{
	size_t most = SLICE < *budget ? SLICE : *budget, left = most;
	bool done = true;

	while (done && is_first_due(d)) {
		if (left == 0) {
			done = false;
			break;
		}
		release(d, &left);
		done = keep_go_on(&d->way, &left);
	}
	*budget -= most - left;
	return done;
}

static bool
end(struct delayed *d)
{
	d->running = false;
	if (d->exchange != NULL)
		wake_at(d, server_far_behind(d->server)
			? d->server->clock.wall + PATIENCE
			: next_time(d));
	delayed_unref(d);
	return true;
}

/* While the disk is far behind, what is due waits as publishers do. */
static bool
run(struct job *job, size_t *budget)
{
	struct delayed *d = (struct delayed *)job;

	if (!keep_go_on(&d->way, budget))
		return false;
	if (d->exchange == NULL)
		return agenda_clear(&d->near, budget) && end(d);
	if (!d->server->stopping && !server_far_behind(d->server) &&
	    !release_due(d, budget)) {
		fill(d);
		return false;
	}
	if (!d->server->stopping)
		fill(d);
	return end(d);
}

/* --- the journal's calls, and the end ------------------------------------------------ */

void
delayed_restore(struct delayed *d, const struct lane_state *state)
{
	d->count = state->count;
	d->bytes = state->bytes;
	d->next_position = state->next_position;
	d->next_out = 0;
	watch(d);
}

void
delayed_hand_over(struct lane_change *c)
{
	struct delayed *d = c->owner;

	c->count = d->count;
	c->bytes = d->bytes;
	c->next_position = d->next_position;
	d->change = NULL;
	delayed_ref(d); /* until delayed_committed */
}

void
delayed_committed(struct lane_change *c)
{
	struct delayed *d = c->owner;

	unsaved_drop(&d->unsaved, c->next_position);
	delayed_unref(d);
}

void
delayed_delete(struct delayed *d)
{
	lane_drop(change(d));
	d->exchange = NULL;
	d->count = 0;
	d->bytes = 0;
	if (d->timer != NULL)
		event_free(d->timer);
	d->timer = NULL;
	start(d);
	delayed_unref(d);
}
