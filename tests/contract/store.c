/* store.c - the same questions asked of every store. */
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "tests/contract/due.h"
#include "tests/contract/rig.h"
#include "tests/contract/shim.h"

/* --- entries -------------------------------------------------------------- */

static void
entries_come_back_in_order(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);

	for (uint32_t i = 0; i < 3000; i++)
		rig_put(
		    r, lane, i, i % 97, i % 10 == 0 ? 1700000000000 + i : 0);
	rig_commit(r);
	rig_compare(r, 256 * 1024);
	rig_compare(r, 1);
	rig_reopen(r);
	rig_compare(r, 10000);
	rig_close(r);
}

static void
bodies_of_every_size_come_back(const char *kind)
{
	static const size_t sizes[] = {0, 1, 127, 128, 4095, 4096, 4097, 16383,
	    16384, 32768, 32769, 65535, 65536, 65537, 1 << 20, 5000000};
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);

	for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		rig_put(r, lane, i, sizes[i], 0);
	rig_commit(r);
	rig_reopen(r);
	rig_compare(r, 100000);
	rig_remove(r, lane, 14, 14);
	rig_commit(r);
	rig_compare(r, 100000);
	rig_close(r);
}

static void
gaps_hold_nothing(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, UINT64_C(1) << 40);

	rig_put(r, lane, 0, 10, 0);
	rig_put(r, lane, 100, 10, 0);
	rig_put(r, lane, 4095, 10, 0);
	rig_put(r, lane, 4096, 10, 0);
	rig_put(r, lane, 60000, 10, 0);
	rig_commit(r);
	rig_remove(r, lane, 1, 99);
	rig_commit(r);
	rig_compare(r, 1);
	rig_remove(r, lane, 50, 4095);
	rig_commit(r);
	rig_compare(r, 1000);
	rig_reopen(r);
	rig_compare(r, 1000);
	rig_close(r);
}

static void
removing_twice_changes_nothing(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 5);

	for (uint32_t i = 0; i < 10000; i++)
		rig_put(r, lane, i, 16, 0);
	rig_commit(r);
	for (int i = 0; i < 2; i++) {
		rig_remove(r, lane, 10, 10);
		rig_remove(r, lane, 4000, 9000);
		rig_remove(r, lane, 20, 25);
		rig_commit(r);
		rig_remove(r, lane, 0, 30);
		rig_commit(r);
	}
	rig_compare(r, 5000);
	rig_close(r);
}

static void
removals_in_any_order_and_overlapping(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);

	for (uint32_t i = 0; i < 9000; i++)
		rig_put(r, lane, i, 30, 0);
	rig_commit(r);
	for (uint32_t i = 5000; i > 3; i -= 2)
		rig_remove(r, lane, i, i + i % 4);
	rig_put(r, lane, 9000, 5, 0);
	rig_commit(r);
	rig_compare(r, 3000);
	rig_reopen(r);
	rig_compare(r, 3000);
	rig_close(r);
}

static void
one_batch_does_many_lanes(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lanes[RIG_LANES];

	for (int i = 0; i < RIG_LANES; i++)
		lanes[i] = rig_lane(r, (uint64_t)i << 32);
	for (uint32_t n = 0; n < 2000; n++)
		rig_put(r, lanes[n % RIG_LANES], n, 50, 0);
	rig_commit(r);
	for (int i = 0; i < RIG_LANES; i++)
		rig_remove(r, lanes[i], 0, (uint32_t)i * 300);
	rig_drop(r, lanes[2]);
	rig_commit(r);
	rig_compare(r, 1000);
	rig_reopen(r);
	rig_compare(r, 1000);
	rig_close(r);
}

static void
a_body_in_many_lanes_lives_as_long_as_one_needs_it(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lanes[3] = {rig_lane(r, 0), rig_lane(r, 1000), rig_lane(r, 7)};

	for (uint32_t n = 1; n <= 40; n++) {
		struct message *m = rig_letter(n, 4000 + n * 1000);
		for (int i = 0; i < 3; i++)
			rig_put_letter(r, lanes[i], n * 2, n, m, 0);
		message_unref(m);
	}
	rig_commit(r);
	rig_compare(r, 100000);
	rig_remove(r, lanes[0], 0, 100);
	rig_remove(r, lanes[1], 9, 20);
	rig_commit(r);
	rig_compare(r, 100000);
	rig_reopen(r);
	rig_drop(r, lanes[1]);
	rig_remove(r, lanes[2], 2, 79);
	rig_commit(r);
	rig_compare(r, 100000);
	rig_remove(r, lanes[2], 80, 80);
	rig_commit(r);
	rig_maintain(r);
	rig_compare(r, 100000);
	rig_close(r);
}

/* --- very many at once ---------------------------------------------------- */

/* Many packs: batches of few entries each make one of their own. */
static int
lane_of_many_packs(struct rig *r)
{
	int lane = rig_lane(r, 0);

	for (uint32_t i = 0; i < 300; i++) {
		for (uint32_t n = 0; n < 5; n++)
			rig_put(r, lane, i * 5 + n, 20, 0);
		rig_commit(r);
	}
	return lane;
}

static void
a_great_range_goes_at_once(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = lane_of_many_packs(r);

	rig_remove(r, lane, 7, 1200);
	rig_commit(r);
	rig_compare(r, 3000);
	rig_remove(r, lane, 3, 1300);
	rig_put(r, lane, 1500, 10, 0);
	rig_commit(r);
	rig_compare(r, 1);
	rig_reopen(r);
	rig_compare(r, 3000);
	rig_maintain(r);
	rig_compare(r, 3000);
	CU_ASSERT_EQUAL(rig_maintain(r), 0);
	rig_close(r);
}

/* Where the last page may go can take a search of all that are free: the store
 * asks to be left alone meanwhile. */
static void
room_is_given_back_a_little_at_a_time(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);

	for (uint32_t i = 0; i < 600; i++) {
		rig_put(r, lane, i, 50000, 0);
		if (i % 100 == 99)
			rig_commit(r);
	}
	rig_remove(r, lane, 0, 598);
	rig_commit(r);
	if (strcmp(kind, "sqlite") == 0)
		CU_ASSERT_TRUE(r->store->ops->maintain(r->store) > 0);
	rig_compare(r, 100000);
	rig_close(r);
}

static void
a_great_lane_is_dropped_at_once(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = lane_of_many_packs(r);
	uint64_t id = r->lanes[lane].id;
	struct load *l;

	rig_put(r, rig_lane(r, 0), 3, 10, 0);
	rig_drop(r, lane);
	rig_commit(r);
	l = rig_load(r, id, 0, UINT64_MAX, 1000);
	CU_ASSERT_EQUAL(l->count, 0);
	load_free(l);
	rig_compare(r, 1000);
	rig_reopen(r);
	rig_compare(r, 1000);
	rig_maintain(r);
	rig_compare(r, 1000);
	rig_close(r);
}

/* --- loads -----------------------------------------------------------------
 */

static void
a_load_stops_behind_the_entry_that_reaches_its_bytes(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);
	struct load *l;

	for (uint32_t i = 0; i < 10; i++)
		rig_put(r, lane, 2 * i, 1000, 0);
	rig_commit(r);
	l = rig_load(r, 1, 0, 100, 0);
	CU_ASSERT_EQUAL(l->count, 1);
	CU_ASSERT_EQUAL(l->next, 1);
	load_free(l);
	l = rig_load(r, 1, 1, 100, 1001);
	CU_ASSERT_EQUAL(l->count, 1);
	CU_ASSERT_EQUAL(l->entries[0].position, 2);
	CU_ASSERT_EQUAL(l->next, 3);
	load_free(l);
	l = rig_load(r, 1, 4, 10, 1 << 20);
	CU_ASSERT_EQUAL(l->count, 4);
	CU_ASSERT_EQUAL(l->next, 11);
	load_free(l);
	l = rig_load(r, 1, 19, UINT64_MAX, 1);
	CU_ASSERT_EQUAL(l->count, 0);
	CU_ASSERT_TRUE(l->next > INT64_MAX);
	load_free(l);
	rig_close(r);
}

static void
a_lane_that_is_not_there_is_empty(const char *kind)
{
	struct rig *r = rig_open(kind);
	struct load *l = rig_load(r, 77, 0, 9, 1000);

	CU_ASSERT_EQUAL(l->count, 0);
	CU_ASSERT_EQUAL(l->next, 10);
	load_free(l);
	rig_compare(r, 1);
	rig_close(r);
}

/* --- numbers ----------------------------------------------------------------
 */

static void
a_batch_applied_twice_counts_once(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);
	struct batch *b = batch_new(1);
	struct lane_change *l;
	struct message *m = rig_letter(1, 10);

	rig_put(r, lane, 0, 10, 0);
	rig_commit(r);
	l = batch_lane(b, 1, NULL);
	lane_put(l, 50, m, 0);
	CU_ASSERT_EQUAL(r->store->ops->apply(r->store, b), STORE_OK);
	batch_free(b);
	message_unref(m);
	rig_compare(r, 100);
	rig_reopen(r); /* the numbers begin again at 1 */
	rig_put(r, lane, 1, 10, 0);
	rig_commit(r);
	rig_compare(r, 100);
	rig_close(r);
}

static void
the_highest_lane_is_remembered(const char *kind)
{
	struct rig *r = rig_open(kind);
	int lane = rig_lane(r, 0);

	rig_put(r, lane, 0, 10, 0);
	rig_commit(r);
	lane = rig_lane(r, 0);
	rig_put(r, lane, 0, 10, 0);
	rig_commit(r);
	rig_drop(r, lane);
	rig_commit(r);
	rig_reopen(r);
	rig_compare(r, 100);
	CU_ASSERT_EQUAL(r->last_lane, 2);
	rig_close(r);
}

/* --- definitions ------------------------------------------------------------
 */

struct listed {
	char text[4096];
};

static void
list_definition(void *arg, const struct definition *d)
{
	struct listed *l = arg;
	size_t n = strlen(l->text), left = sizeof l->text - n;

	switch (d->kind) {
	case DEF_vhost:
		snprintf(l->text + n, left, "vhost %.*s %zu;",
		    BYTES_FMT(d->vhost.name), d->vhost.description.n);
		break;
	case DEF_user:
		snprintf(l->text + n, left, "user %.*s %.*s %zu;",
		    BYTES_FMT(d->user.name), BYTES_FMT(d->user.tags),
		    d->user.hash.n);
		break;
	case DEF_queue:
		snprintf(l->text + n, left, "queue %.*s %lld %lld;",
		    BYTES_FMT(d->queue.name), (long long)d->queue.lane,
		    (long long)d->queue.exclusive);
		break;
	case DEF_queue_lane:
		snprintf(l->text + n, left, "queue_lane %.*s %lld %lld;",
		    BYTES_FMT(d->queue_lane.queue),
		    (long long)d->queue_lane.priority,
		    (long long)d->queue_lane.lane);
		break;
	case DEF_binding:
		snprintf(l->text + n, left, "binding %.*s %.*s %zu;",
		    BYTES_FMT(d->binding.source),
		    BYTES_FMT(d->binding.routing_key), d->binding.arguments.n);
		break;
	default:
		snprintf(l->text + n, left, "%d;", d->kind);
	}
}

static void
ignore_lane(void *arg, const struct lane_state *s)
{
}

static uint64_t
list(struct rig *r, struct listed *l)
{
	struct store_visitor v = {l, list_definition, ignore_lane};
	uint64_t last_lane;

	l->text[0] = '\0';
	CU_ASSERT_EQUAL(
	    r->store->ops->restore(r->store, &v, &last_lane), STORE_OK);
	return last_lane;
}

static void
apply(struct rig *r, struct batch *b)
{
	enum store_status status;
	int tries = 0;

	do
		status = r->store->ops->apply(r->store, b);
	while (status != STORE_OK && ++tries < 1000);
	CU_ASSERT_EQUAL(status, STORE_OK);
	batch_free(b);
}

static void
definitions_are_put_replaced_and_removed(const char *kind)
{
	struct rig *r = rig_open(kind);
	struct batch *b = batch_new(++r->seq);
	struct listed l;
	struct definition queue = {.kind = DEF_queue,
	    .queue = {BYTES("/"), BYTES("jobs"), 9, 0, 1, BYTES("\0\0")}};
	struct definition lane = {.kind = DEF_queue_lane,
	    .queue_lane = {BYTES("/"), BYTES("jobs"), 5, 12}};
	struct definition binding = {.kind = DEF_binding,
	    .binding = {BYTES("/"), BYTES("amq.topic"), 0, BYTES("jobs"),
		BYTES("a.*"), BYTES("")}};
	struct definition vhost = {
	    .kind = DEF_vhost, .vhost = {BYTES("/"), BYTES("meta")}};

	batch_put(b, &lane);
	batch_put(b, &binding);
	batch_put(b, &queue);
	queue.queue.exclusive = 0;
	batch_put(b, &queue);
	batch_put(b, &vhost);
	binding.binding.arguments = BYTES("other");
	batch_put(b, &binding);
	binding.binding.arguments = BYTES("");
	batch_remove(b, &binding);
	apply(r, b);
	CU_ASSERT_EQUAL(list(r, &l), rig_forgets(r) ? 0 : 12);
	CU_ASSERT_STRING_EQUAL(l.text,
	    "vhost / 4;queue jobs 9 0;queue_lane jobs 5 12;"
	    "binding amq.topic a.* 5;");
	rig_reopen(r);
	list(r, &l);
	CU_ASSERT_STRING_EQUAL(l.text,
	    "vhost / 4;queue jobs 9 0;queue_lane jobs 5 12;"
	    "binding amq.topic a.* 5;");
	b = batch_new(++r->seq);
	batch_remove(b, &queue);
	batch_remove(b, &queue);
	batch_remove(b, &lane);
	apply(r, b);
	list(r, &l);
	CU_ASSERT_STRING_EQUAL(l.text, "vhost / 4;binding amq.topic a.* 5;");
	rig_close(r);
}

static void
what_belongs_to_a_vhost_goes_with_it(const char *kind)
{
	struct rig *r = rig_open(kind);
	struct batch *b = batch_new(++r->seq);
	struct listed l;
	struct definition vhost = {
	    .kind = DEF_vhost, .vhost = {BYTES("/"), BYTES("")}};
	struct definition queue = {.kind = DEF_queue,
	    .queue = {BYTES("/"), BYTES("jobs"), 9, 0, 0, BYTES("")}};
	struct definition binding = {.kind = DEF_binding,
	    .binding = {BYTES("/"), BYTES("amq.topic"), 0, BYTES("jobs"),
		BYTES("a.*"), BYTES("")}};
	struct definition user = {
	    .kind = DEF_user, .user = {.name = BYTES("/")}};

	batch_put(b, &vhost);
	batch_put(b, &queue);
	batch_put(b, &binding);
	batch_put(b, &user);
	queue.queue.vhost = BYTES("//");
	batch_put(b, &queue);
	batch_put(b, &vhost); /* replaced: that is no removal */
	apply(r, b);
	list(r, &l);
	CU_ASSERT_EQUAL(strlen(l.text),
	    strlen("vhost / 0;user /  0;queue jobs 9 0;queue jobs 9 0;"
		   "binding amq.topic a.* 0;"));
	b = batch_new(++r->seq);
	batch_remove(b, &vhost);
	queue.queue.vhost = BYTES("/");
	queue.queue.lane = 10;
	batch_put(b, &queue); /* of the next one of that name */
	apply(r, b);
	rig_reopen(r);
	list(r, &l);
	CU_ASSERT_EQUAL(strlen(l.text),
	    strlen("user /  0;queue jobs 10 0;queue jobs 9 0;"));
	CU_ASSERT_PTR_NOT_NULL(strstr(l.text, "queue jobs 10 0;"));
	CU_ASSERT_PTR_NOT_NULL(strstr(l.text, "queue jobs 9 0;"));
	rig_close(r);
}

static void
names_are_told_apart_octet_by_octet(const char *kind)
{
	static const struct bytes names[] = {BYTES("a"), BYTES("A"), BYTES(""),
	    BYTES("a\0b"), BYTES("a\0c"), BYTES("\xc3\xa4"), BYTES("\xff")};
	struct rig *r = rig_open(kind);
	struct batch *b = batch_new(++r->seq);
	struct listed l;
	size_t n = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct definition d = {
		    .kind = DEF_vhost, .vhost = {names[i], BYTES("")}};
		batch_put(b, &d);
		batch_put(b, &d);
	}
	apply(r, b);
	rig_reopen(r);
	list(r, &l);
	for (const char *p = l.text; (p = strchr(p, ';')) != NULL; p++)
		n++;
	CU_ASSERT_EQUAL(n, sizeof names / sizeof *names);
	rig_close(r);
}

/* --- at random ---------------------------------------------------------------
 */

static uint32_t
draw(uint64_t *state, uint32_t below)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(*state >> 33) % below;
}

static size_t
draw_size(uint64_t *random)
{
	switch (draw(random, 20)) {
	case 0:
		return draw(random, 100000);
	case 1:
	case 2:
		return draw(random, 10000);
	default:
		return draw(random, 100);
	}
}

static void
put_some(struct rig *r, int lane, uint64_t *random)
{
	struct model_lane *l = &r->lanes[lane];
	uint32_t n =
	    draw(random, 4) == 0 ? draw(random, 3000) : draw(random, 9);
	uint32_t at = l->state.next_position != 0
			  ? (uint32_t)(l->state.next_position - l->base)
			  : 0;

	for (; n > 0 && at + 10 < RIG_POSITIONS; n--, at++) {
		if (draw(random, 30) == 0)
			at += draw(random, 9);
		rig_put(r, lane, at, draw_size(random),
		    draw(random, 9) == 0 ? draw(random, 99999) : 0);
	}
}

static void
put_in_all(struct rig *r, uint64_t *random)
{
	uint32_t number = r->next_letter++;
	struct message *m = rig_letter(number, draw(random, 50000));

	for (int i = 0; i < RIG_LANES; i++) {
		struct model_lane *l = &r->lanes[i];
		uint32_t at = l->state.next_position != 0
				  ? (uint32_t)(l->state.next_position - l->base)
				  : 0;
		if (l->id != 0 && at < RIG_POSITIONS)
			rig_put_letter(r, i, at, number, m, 0);
	}
	message_unref(m);
}

/* Beside what the lane holds. */
static void
note_some(struct rig *r, int lane, uint64_t *random)
{
	struct model_lane *l = &r->lanes[lane];
	uint32_t end = (uint32_t)(l->state.next_position - l->base);

	for (uint32_t n = draw(random, 20); n > 0; n--) {
		uint32_t at = draw(random, end);

		if (l->letters[at] != 0)
			rig_note(r, lane, at, 1 + draw(random, 9));
	}
}

/* Only what earlier batches put. */
static void
remove_some(struct rig *r, int lane, uint32_t end, uint64_t *random)
{
	uint32_t n = draw(random, 30), first, length;

	for (; n > 0 && end > 0; n--) {
		first = draw(random, end);
		length = draw(random, 10) == 0 ? draw(random, end - first)
					       : draw(random, 3);
		if (first + length >= end)
			length = 0;
		rig_remove(r, lane, first, first + length);
	}
}

static void
expire_some(struct rig *r, uint64_t *random)
{
	for (int i = 0; i < RIG_LANES; i++) {
		struct model_lane *l = &r->lanes[i];
		uint32_t end = (uint32_t)(l->state.next_position - l->base);

		if (l->id == 0 || l->state.next_position == 0)
			continue;
		rig_expire(r, i,
		    rig_load_due(r, i, draw(random, end),
			draw(random, 2) ? end : draw(random, end + 1),
			draw(random, 100000), 1 + draw(random, 99999)));
	}
}

static void
random_batch(struct rig *r, uint64_t *random)
{
	for (int i = 0; i < RIG_LANES; i++) {
		struct model_lane *l = &r->lanes[i];
		uint32_t end = (uint32_t)(l->state.next_position - l->base);
		if (l->id == 0 && r->changes[i] == NULL && draw(random, 4) == 0)
			rig_lane(r, draw(random, 2) ? UINT64_C(1) << 50 : 0);
		if (l->id == 0 || draw(random, 3) == 0)
			continue;
		if (l->state.next_position != 0 && draw(random, 2) == 0)
			remove_some(r, i, end, random);
		put_some(r, i, random);
		if (l->state.next_position != 0 && i % 2 == 0)
			note_some(r, i, random);
		if (l->state.next_position != 0 && draw(random, 60) == 0)
			rig_drop(r, i);
	}
	if (draw(random, 3) == 0)
		put_in_all(r, random);
	rig_commit(r);
}

static void
anything_at_random_agrees_with_the_model(const char *kind)
{
	const char *seed = getenv("LEVERET_SEED");
	uint64_t random = seed != NULL ? strtoull(seed, NULL, 10) : 1;
	struct rig *r = rig_open(kind);

	for (int i = 0; i < 60; i++) {
		random_batch(r, &random);
		if (draw(&random, 6) == 0)
			rig_reopen(r);
		if (draw(&random, 6) == 0)
			rig_maintain(r);
		if (draw(&random, 3) == 0)
			expire_some(r, &random);
		if (draw(&random, 4) == 0)
			rig_compare(r, 1 + draw(&random, 300000));
	}
	rig_reopen(r);
	rig_compare(r, 256 * 1024);
	rig_maintain(r);
	rig_close(r);
}

/* --- the table
 * ---------------------------------------------------------------- */

/* clang-format off */
#define QUESTIONS(X) \
	X(entries_come_back_in_order) \
	X(bodies_of_every_size_come_back) \
	X(gaps_hold_nothing) \
	X(removing_twice_changes_nothing) \
	X(removals_in_any_order_and_overlapping) \
	X(one_batch_does_many_lanes) \
	X(a_body_in_many_lanes_lives_as_long_as_one_needs_it) \
	X(a_great_range_goes_at_once) \
	X(room_is_given_back_a_little_at_a_time) \
	X(a_great_lane_is_dropped_at_once) \
	X(a_load_stops_behind_the_entry_that_reaches_its_bytes) \
	X(a_lane_that_is_not_there_is_empty) \
	X(only_packs_with_something_due_are_read) \
	X(what_is_due_comes_in_bounded_pieces) \
	X(loads_of_what_is_due_go_on) \
	X(what_is_due_in_order_comes_in_order) \
	X(a_deadline_left_behind_is_found_out_once) \
	X(what_lies_outside_the_range_stays_due) \
	X(purged_entries_are_not_due) \
	X(a_batch_applied_twice_counts_once) \
	X(the_highest_lane_is_remembered) \
	X(definitions_are_put_replaced_and_removed) \
	X(what_belongs_to_a_vhost_goes_with_it) \
	X(names_are_told_apart_octet_by_octet) \
	X(anything_at_random_agrees_with_the_model)

#define ASK(question) \
	static void memory_##question(void) { question("memory"); } \
	static void sqlite_##question(void) { question("sqlite"); } \
	static void failing_##question(void) { question("failing"); }
QUESTIONS(ASK)

static const struct unit_test tests[] = {
#define ROW(question) {"memory: " #question, memory_##question},
	QUESTIONS(ROW)
#undef ROW
#define ROW(question) {"sqlite: " #question, sqlite_##question},
	QUESTIONS(ROW)
#undef ROW
#define ROW(question) {"failing: " #question, failing_##question},
	QUESTIONS(ROW)
	{"sqlite: what is due is found by its index",
	    what_is_due_is_found_by_its_index},
};
/* clang-format on */

int
main(void)
{
	shim_install();
	return unit_main("store", tests, sizeof tests / sizeof *tests);
}
