/* test_committer.c - batches become durable in order, trouble is told and
 * survived, loads come back. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "persistence/committer.h"
#include "tests/unit/unit.h"

/* --- a store that does as it is told ------------------------------------- */

struct fake {
	struct store store;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum store_status answer; /* of apply */
	bool hold;                /* apply waits */
	uint64_t applied[100], tries;
	size_t count;
	int maintained, work;
	int64_t pause; /* between slices of work */
};

static enum store_status
fake_apply(struct store *store, const struct batch *b)
{
	struct fake *f = (struct fake *)store;
	enum store_status answer;

	pthread_mutex_lock(&f->lock);
	while (f->hold)
		pthread_cond_wait(&f->changed, &f->lock);
	f->tries++;
	answer = f->answer;
	if (answer == STORE_OK)
		f->applied[f->count++] = b->seq;
	pthread_mutex_unlock(&f->lock);
	return answer;
}

static void
fake_load(struct store *store, struct load *l)
{
	load_add(l, l->first, 0,
	    message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), 0));
	l->next = l->last + 1;
	l->status = STORE_OK;
}

static int64_t
fake_maintain(struct store *store)
{
	struct fake *f = (struct fake *)store;
	int64_t next;

	pthread_mutex_lock(&f->lock);
	f->maintained++;
	next = --f->work > 0 ? f->pause : -1;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	return next;
}

static const char *
fake_error(struct store *store)
{
	return "the disk is full";
}

static struct store_ops fake_ops = {
    .name = "fake",
    .apply = fake_apply,
    .load = fake_load,
    .maintain = fake_maintain,
    .error = fake_error,
};

static const struct store_ops immediate_ops = {
    .name = "immediate",
    .immediate = true,
    .apply = fake_apply,
    .load = fake_load,
    .error = fake_error,
};

static void
fake_init(struct fake *f)
{
	*f = (struct fake){.store.ops = &fake_ops};
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
}

static void
fake_set(struct fake *f, enum store_status answer, bool hold)
{
	pthread_mutex_lock(&f->lock);
	f->answer = answer;
	f->hold = hold;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

/* --- a loop that counts its wakes ---------------------------------------- */

struct bell {
	pthread_mutex_t lock;
	pthread_cond_t rung;
	int rings, heard;
};

#define BELL                                                                   \
	{                                                                      \
		.lock = PTHREAD_MUTEX_INITIALIZER,                             \
		.rung = PTHREAD_COND_INITIALIZER                               \
	}

static void
ring(void *arg)
{
	struct bell *b = arg;

	pthread_mutex_lock(&b->lock);
	b->rings++;
	pthread_cond_signal(&b->rung);
	pthread_mutex_unlock(&b->lock);
}

/* Waits for a ring not yet heard; all that are there count as heard. */
static void
listen_for(struct bell *b)
{
	pthread_mutex_lock(&b->lock);
	while (b->rings == b->heard)
		pthread_cond_wait(&b->rung, &b->lock);
	b->heard = b->rings;
	pthread_mutex_unlock(&b->lock);
}

/* Frees what is durable, waking up as the loop does, until seq is. */
static size_t
reap_to(struct committer *c, struct bell *bell, uint64_t seq)
{
	struct batch *b;
	size_t n = 0;

	for (uint64_t last = 0; last < seq;) {
		if ((b = committer_reap(c)) == NULL) {
			listen_for(bell);
			continue;
		}
		last = b->seq;
		n++;
		batch_free(b);
	}
	return n;
}

/* --- what must be true --------------------------------------------------- */

static void
test_batches_are_applied_in_order(void)
{
	struct fake f;
	struct bell bell = BELL;
	struct committer *c;

	fake_init(&f);
	c = committer_start(&f.store, ring, &bell);
	CU_ASSERT_TRUE(committer_idle(c));
	for (uint64_t seq = 1; seq <= 50; seq++)
		committer_submit(c, batch_new(seq));
	CU_ASSERT_EQUAL(reap_to(c, &bell, 50), 50);
	CU_ASSERT_EQUAL(committer_committed(c), 50);
	CU_ASSERT_TRUE(committer_idle(c));
	for (uint64_t i = 0; i < 50; i++)
		CU_ASSERT_EQUAL(f.applied[i], i + 1);
	CU_ASSERT_TRUE(committer_stop(c));
}

static void
test_it_is_busy_until_the_batch_is_durable(void)
{
	struct fake f;
	struct bell bell = BELL;
	struct committer *c;

	fake_init(&f);
	f.hold = true;
	c = committer_start(&f.store, ring, &bell);
	committer_submit(c, batch_new(1));
	CU_ASSERT_FALSE(committer_idle(c));
	CU_ASSERT_EQUAL(committer_committed(c), 0);
	CU_ASSERT_PTR_NULL(committer_reap(c));
	fake_set(&f, STORE_OK, false);
	reap_to(c, &bell, 1);
	CU_ASSERT_TRUE(committer_stop(c));
}

static void
test_a_full_disk_is_told_and_tried_again(void)
{
	struct fake f;
	struct bell bell = BELL;
	struct committer *c;
	char text[64];

	fake_init(&f);
	f.answer = STORE_FULL;
	c = committer_start(&f.store, ring, &bell);
	committer_submit(c, batch_new(1));
	listen_for(&bell);
	CU_ASSERT_EQUAL(committer_trouble(c, text, sizeof text), STORE_FULL);
	CU_ASSERT_STRING_EQUAL(text, "the disk is full");
	fake_set(&f, STORE_OK, false);
	reap_to(c, &bell, 1);
	CU_ASSERT_EQUAL(committer_trouble(c, text, sizeof text), STORE_OK);
	CU_ASSERT_TRUE(committer_stop(c));
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
test_a_new_batch_is_reason_to_try_at_once(void)
{
	struct fake f;
	struct bell bell = BELL;
	struct committer *c;
	double start = seconds();
	char text[64];

	fake_init(&f);
	f.answer = STORE_IO;
	c = committer_start(&f.store, ring, &bell);
	for (uint64_t seq = 1; seq <= 20; seq++)
		committer_submit(c, batch_new(seq));
	while (committer_trouble(c, text, sizeof text) != STORE_IO)
		listen_for(&bell);
	fake_set(&f, STORE_OK, false);
	committer_submit(c, batch_new(21));
	reap_to(c, &bell, 21);
	CU_ASSERT_TRUE(seconds() - start < 10);
	CU_ASSERT_TRUE(committer_stop(c));
	CU_ASSERT_EQUAL(f.applied[0], 1);
	CU_ASSERT_EQUAL(f.count, 21);
}

static void
test_a_broken_store_is_not_tried_again(void)
{
	struct fake f;
	struct bell bell = BELL;
	struct committer *c;
	char text[64];

	fake_init(&f);
	f.answer = STORE_BROKEN;
	c = committer_start(&f.store, ring, &bell);
	committer_submit(c, batch_new(1));
	listen_for(&bell);
	CU_ASSERT_EQUAL(committer_trouble(c, text, sizeof text), STORE_BROKEN);
	committer_submit(c, batch_new(2));
	CU_ASSERT_FALSE(committer_stop(c));
	CU_ASSERT_EQUAL(f.tries, 1);
}

static void
test_stop_applies_what_was_submitted(void)
{
	struct fake f;
	struct bell bell = BELL;
	struct committer *c;

	fake_init(&f);
	c = committer_start(&f.store, ring, &bell);
	for (uint64_t seq = 1; seq <= 50; seq++)
		committer_submit(c, batch_new(seq));
	CU_ASSERT_TRUE(committer_stop(c));
	CU_ASSERT_EQUAL(f.count, 50);
}

static void
test_stop_gives_up_when_there_is_trouble(void)
{
	struct fake f;
	struct bell bell = BELL;
	struct committer *c;
	double start = seconds();

	fake_init(&f);
	f.answer = STORE_FULL;
	c = committer_start(&f.store, ring, &bell);
	committer_submit(c, batch_new(1));
	listen_for(&bell);
	CU_ASSERT_FALSE(committer_stop(c));
	CU_ASSERT_EQUAL(f.count, 0);
	CU_ASSERT_TRUE(seconds() - start < 10);
}

static void
test_maintenance_goes_on_until_there_is_no_more(void)
{
	struct fake f;
	struct bell bell = BELL;
	struct committer *c;

	fake_init(&f);
	f.work = 10;
	f.pause = 1;
	c = committer_start(&f.store, ring, &bell);
	pthread_mutex_lock(&f.lock);
	while (f.work > 0)
		pthread_cond_wait(&f.changed, &f.lock);
	pthread_mutex_unlock(&f.lock);
	CU_ASSERT_TRUE(committer_stop(c));
	CU_ASSERT_EQUAL(f.maintained, 10);
}

/* However long maintenance wants to be left alone. */
static void
test_maintenance_that_pauses_delays_no_commit(void)
{
	struct fake f;
	struct bell bell = BELL;
	struct committer *c;

	fake_init(&f);
	f.work = 2;
	f.pause = 3600 * 1000;
	c = committer_start(&f.store, ring, &bell);
	pthread_mutex_lock(&f.lock);
	while (f.maintained == 0)
		pthread_cond_wait(&f.changed, &f.lock);
	pthread_mutex_unlock(&f.lock);
	committer_submit(c, batch_new(1));
	listen_for(&bell);
	CU_ASSERT_EQUAL(committer_committed(c), 1);
	CU_ASSERT_TRUE(committer_stop(c));
}

static void
test_loads_come_back(void)
{
	struct fake f;
	struct bell bell = BELL;
	struct committer *c;
	struct load *l;
	int n = 0;

	fake_init(&f);
	c = committer_start(&f.store, ring, &bell);
	for (uint64_t i = 0; i < 20; i++) {
		l = calloc(1, sizeof *l);
		l->first = i;
		l->last = i;
		committer_load(c, l);
	}
	while (n < 20) {
		listen_for(&bell);
		for (; (l = committer_loaded(c)) != NULL; n++) {
			CU_ASSERT_EQUAL(l->first, (uint64_t)n);
			CU_ASSERT_EQUAL(l->count, 1);
			load_free(l);
		}
	}
	l = calloc(1, sizeof *l);
	committer_load(c, l);
	CU_ASSERT_TRUE(committer_stop(c));
}

static void
test_an_immediate_store_needs_no_threads(void)
{
	struct fake f;
	struct bell bell = BELL;
	struct committer *c;
	struct load *l = calloc(1, sizeof *l);

	fake_init(&f);
	f.store.ops = &immediate_ops;
	c = committer_start(&f.store, ring, &bell);
	committer_submit(c, batch_new(1));
	CU_ASSERT_EQUAL(committer_committed(c), 1);
	CU_ASSERT_EQUAL(bell.rings, 1);
	committer_submit(c, batch_new(2));
	CU_ASSERT_EQUAL(bell.rings, 1); /* the first is not reaped yet */
	CU_ASSERT_EQUAL(reap_to(c, &bell, 2), 2);
	committer_load(c, l);
	CU_ASSERT_EQUAL(bell.rings, 2);
	CU_ASSERT_PTR_EQUAL(committer_loaded(c), l);
	load_free(l);
	CU_ASSERT_TRUE(committer_stop(c));
}

static const struct unit_test tests[] = {
    {"batches are applied in order", test_batches_are_applied_in_order},
    {"it is busy until the batch is durable",
	test_it_is_busy_until_the_batch_is_durable},
    {"a full disk is told and tried again",
	test_a_full_disk_is_told_and_tried_again},
    {"a new batch is reason to try at once",
	test_a_new_batch_is_reason_to_try_at_once},
    {"a broken store is not tried again",
	test_a_broken_store_is_not_tried_again},
    {"stop applies what was submitted", test_stop_applies_what_was_submitted},
    {"stop gives up when there is trouble",
	test_stop_gives_up_when_there_is_trouble},
    {"maintenance that pauses delays no commit",
	test_maintenance_that_pauses_delays_no_commit},
    {"maintenance goes on until there is no more",
	test_maintenance_goes_on_until_there_is_no_more},
    {"loads come back", test_loads_come_back},
    {"an immediate store needs no threads",
	test_an_immediate_store_needs_no_threads},
};

UNIT_MAIN("committer", tests)
