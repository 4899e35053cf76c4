/* committer.c - one thread that turns batches of changes into transactions.
 *
 * What the threads share is behind the one mutex; committed is atomic so that
 * the loop may ask in every turn. A batch stays the first of those that wait
 * until it is durable. */
#include "persistence/committer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "amqp/xalloc.h"

struct batch_list {
	struct batch *first, **end;
};

struct load_list {
	struct load *first, **end;
};

struct committer {
	struct store *store;
	void (*wake)(void *arg);
	void *arg;

	uint64_t submitted; /* the loop's */
	_Atomic uint64_t committed;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t to_commit, to_load;
	struct batch_list waiting, done;
	struct load_list wanted, loaded;
	uint64_t arrivals; /* batches ever submitted */
	enum store_status trouble;
	char text[256];
	bool stopping;

	pthread_t commits, loads;
};

/* --- lists -------------------------------------------------------------- */

/* Each says whether the list was empty. */
static bool
batches_add(struct batch_list *l, struct batch *b)
{
	bool empty = l->first == NULL;

	b->next = NULL;
	*l->end = b;
	l->end = &b->next;
	return empty;
}

static struct batch *
batches_take(struct batch_list *l)
{
	struct batch *b = l->first;

	if (b != NULL && (l->first = b->next) == NULL)
		l->end = &l->first;
	return b;
}

static bool
loads_add(struct load_list *l, struct load *load)
{
	bool empty = l->first == NULL;

	load->link = NULL;
	*l->end = load;
	l->end = &load->link;
	return empty;
}

static struct load *
loads_take(struct load_list *l)
{
	struct load *load = l->first;

	if (load != NULL && (l->first = load->link) == NULL)
		l->end = &l->first;
	return load;
}

/* --- the commit thread -------------------------------------------------- */

/* The batch became durable. */
static void
finish(struct committer *c, struct batch *b)
{
	bool wake;

	pthread_mutex_lock(&c->lock);
	batches_take(&c->waiting);
	wake = batches_add(&c->done, b) || c->trouble != STORE_OK;
	c->trouble = STORE_OK;
	atomic_store(&c->committed, b->seq);
	pthread_mutex_unlock(&c->lock);
	if (wake)
		c->wake(c->arg);
}

static struct timespec
in_ms(int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Waits for a reason to try again: a second has passed, or another batch has
 * come since arrivals were counted. */
static void
wait_for_reason(
    struct committer *c, enum store_status status, uint64_t arrivals)
{
	struct timespec until = in_ms(1000);
	int rc = 0;

	while (!c->stopping && status == STORE_BROKEN)
		pthread_cond_wait(&c->to_commit, &c->lock);
	while (!c->stopping && rc == 0 && c->arrivals == arrivals)
		rc = pthread_cond_timedwait(&c->to_commit, &c->lock, &until);
}

static bool
set_trouble(struct committer *c, enum store_status status)
{
	bool news = c->trouble != status;

	c->trouble = status;
	snprintf(c->text, sizeof c->text, "%s", c->store->ops->error(c->store));
	return news;
}

/* Tells the loop of trouble and waits; false if it is time to give up. */
static bool
try_again(struct committer *c, enum store_status status)
{
	uint64_t arrivals;
	bool news, again;

	pthread_mutex_lock(&c->lock);
	arrivals = c->arrivals;
	news = set_trouble(c, status);
	pthread_mutex_unlock(&c->lock);
	if (news)
		c->wake(c->arg);
	pthread_mutex_lock(&c->lock);
	wait_for_reason(c, status, arrivals);
	again = !c->stopping;
	pthread_mutex_unlock(&c->lock);
	return again;
}

static bool
commit(struct committer *c, struct batch *b)
{
	enum store_status status;

	while ((status = c->store->ops->apply(c->store, b)) != STORE_OK)
		if (!try_again(c, status))
			return false;
	finish(c, b);
	return true;
}

/* Waits for a batch, for as many milliseconds; -1: for ever. */
static void
wait_for_batch(struct committer *c, int64_t most)
{
	struct timespec until = in_ms(most > 0 ? most : 0);
	int rc = 0;

	while (c->waiting.first == NULL && !c->stopping && rc == 0)
		rc = most < 0
		    ? pthread_cond_wait(&c->to_commit, &c->lock)
		    : pthread_cond_timedwait(&c->to_commit, &c->lock, &until);
}

/* The next batch, or NULL when there is none and the store's work has waited for
 * so long, or it is time to stop. */
static struct batch *
next_batch(struct committer *c, int64_t work, bool *stop)
{
	struct batch *b;

	pthread_mutex_lock(&c->lock);
	wait_for_batch(c, work);
	b = c->waiting.first;
	*stop = c->stopping;
	pthread_mutex_unlock(&c->lock);
	return b;
}

static void *
run_commits(void *arg)
{
	struct committer *c = arg;
	int64_t (*maintain)(struct store *) = c->store->ops->maintain;
	int64_t work = maintain != NULL ? 0 : -1;
	struct batch *b;
	bool stop;

	for (;;) {
		b = next_batch(c, work, &stop);
		if (b != NULL && !commit(c, b))
			return NULL;
		if (b == NULL && stop)
			return NULL;
		if (maintain != NULL)
			work = stop ? -1 : maintain(c->store);
	}
}

/* --- the load thread ---------------------------------------------------- */

static void *
run_loads(void *arg)
{
	struct committer *c = arg;
	struct load *l;
	bool wake;

	pthread_mutex_lock(&c->lock);
	while (!c->stopping) {
		if ((l = loads_take(&c->wanted)) == NULL) {
			pthread_cond_wait(&c->to_load, &c->lock);
			continue;
		}
		pthread_mutex_unlock(&c->lock);
		c->store->ops->load(c->store, l);
		pthread_mutex_lock(&c->lock);
		wake = loads_add(&c->loaded, l);
		pthread_mutex_unlock(&c->lock);
		if (wake)
			c->wake(c->arg);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* --- the loop's side ---------------------------------------------------- */

static void
start_threads(struct committer *c)
{
	if (pthread_create(&c->commits, NULL, run_commits, c) != 0 ||
	    pthread_create(&c->loads, NULL, run_loads, c) != 0)
		abort();
}

static void
init_lock(struct committer *c)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&c->to_commit, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_cond_init(&c->to_load, NULL);
}

struct committer *
committer_start(struct store *store, void (*wake)(void *arg), void *arg)
{
	struct committer *c = xcalloc(1, sizeof *c);

	c->store = store;
	c->wake = wake;
	c->arg = arg;
	c->waiting.end = &c->waiting.first;
	c->done.end = &c->done.first;
	c->wanted.end = &c->wanted.first;
	c->loaded.end = &c->loaded.first;
	init_lock(c);
	if (!store->ops->immediate)
		start_threads(c);
	return c;
}

/* With an immediate store: the loop does the work of the threads. */
static void
commit_now(struct committer *c, struct batch *b)
{
	enum store_status status = c->store->ops->apply(c->store, b);

	if (status == STORE_OK)
		finish(c, b);
	else if (set_trouble(c, status))
		c->wake(c->arg);
}

void
committer_submit(struct committer *c, struct batch *b)
{
	c->submitted = b->seq;
	pthread_mutex_lock(&c->lock);
	batches_add(&c->waiting, b);
	c->arrivals++;
	pthread_cond_signal(&c->to_commit);
	pthread_mutex_unlock(&c->lock);
	if (c->store->ops->immediate)
		commit_now(c, b);
}

bool
committer_idle(const struct committer *c)
{
	return committer_committed(c) == c->submitted;
}

uint64_t
committer_committed(const struct committer *c)
{
	return atomic_load(&c->committed);
}

struct batch *
committer_reap(struct committer *c)
{
	struct batch *b;

	pthread_mutex_lock(&c->lock);
	b = batches_take(&c->done);
	pthread_mutex_unlock(&c->lock);
	return b;
}

static void
load_now(struct committer *c, struct load *l)
{
	c->store->ops->load(c->store, l);
	if (loads_add(&c->loaded, l))
		c->wake(c->arg);
}

void
committer_load(struct committer *c, struct load *l)
{
	if (c->store->ops->immediate) {
		load_now(c, l);
		return;
	}
	pthread_mutex_lock(&c->lock);
	if (loads_add(&c->wanted, l))
		pthread_cond_signal(&c->to_load);
	pthread_mutex_unlock(&c->lock);
}

struct load *
committer_loaded(struct committer *c)
{
	struct load *l;

	pthread_mutex_lock(&c->lock);
	l = loads_take(&c->loaded);
	pthread_mutex_unlock(&c->lock);
	return l;
}

enum store_status
committer_trouble(struct committer *c, char *text, size_t size)
{
	enum store_status trouble;

	pthread_mutex_lock(&c->lock);
	trouble = c->trouble;
	if (trouble != STORE_OK)
		snprintf(text, size, "%s", c->text);
	pthread_mutex_unlock(&c->lock);
	return trouble;
}

static void
stop_threads(struct committer *c)
{
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_signal(&c->to_commit);
	pthread_cond_signal(&c->to_load);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->commits, NULL);
	pthread_join(c->loads, NULL);
}

static void
free_lists(struct committer *c)
{
	struct batch *b;
	struct load *l;

	while ((b = batches_take(&c->waiting)) != NULL ||
	       (b = batches_take(&c->done)) != NULL)
		batch_free(b);
	while ((l = loads_take(&c->wanted)) != NULL ||
	       (l = loads_take(&c->loaded)) != NULL)
		load_free(l);
}

bool
committer_stop(struct committer *c)
{
	bool all;

	if (!c->store->ops->immediate)
		stop_threads(c);
	all = c->waiting.first == NULL;
	free_lists(c);
	pthread_cond_destroy(&c->to_commit);
	pthread_cond_destroy(&c->to_load);
	pthread_mutex_destroy(&c->lock);
	free(c);
	return all;
}
