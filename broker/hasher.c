/* hasher.c - one thread that does the hashing which takes long.
 *
 * The lists, and each task's state and abandoned, are behind the lock. A task
 * that runs is the thread's; one abandoned meanwhile is freed when it is back. */
#include "broker/hasher.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/log.h"

enum { WAITING_MAX = 1024 };

TAILQ_HEAD(hash_list, hash_task);

struct hasher {
	void (*wake)(void *arg);
	void *arg;
	bool started;
	pthread_t thread;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t more;
	struct hash_list waiting, done;
	size_t waiting_count;
	bool stopping;
};

/* --- tasks -------------------------------------------------------------------- */

struct hash_task *
hash_task_new(struct bytes user, struct bytes password)
{
	struct hash_task *t = xcalloc(1, sizeof *t);

	t->user = xbytesdup(user);
	t->password = xbytesdup(password);
	return t;
}

static void
destroy(struct hash_task *t)
{
	OPENSSL_cleanse((void *)t->password.p, t->password.n);
	free((void *)t->password.p);
	free((void *)t->user.p);
	free(t);
}

/* Takes it back from where it waits; true if nobody else has it then. */
static bool
reclaim(struct hasher *h, struct hash_task *t)
{
	bool free_now = true;

	pthread_mutex_lock(&h->lock);
	if (t->state == HASH_WAITS) {
		TAILQ_REMOVE(&h->waiting, t, link);
		h->waiting_count--;
	} else if (t->state == HASH_DONE) {
		TAILQ_REMOVE(&h->done, t, link);
	} else if (t->state == HASH_RUNS) {
		t->abandoned = true;
		free_now = false;
	}
	pthread_mutex_unlock(&h->lock);
	return free_now;
}

void
hash_task_free(struct hash_task *t)
{
	if (t != NULL && (t->hasher == NULL || reclaim(t->hasher, t)))
		destroy(t);
}

/* --- the thread ---------------------------------------------------------------- */

static void
work(struct hash_task *t)
{
	struct bytes hash = {t->hash, t->n};

	if (t->n > 0)
		t->right = password_matches(t->password, hash, PASSWORD_SCRYPT);
	else
		t->n = password_hash(t->password, PASSWORD_SCRYPT, t->hash);
}

static struct hash_task *
next(struct hasher *h)
{
	struct hash_task *t;

	while ((t = TAILQ_FIRST(&h->waiting)) == NULL && !h->stopping)
		pthread_cond_wait(&h->more, &h->lock);
	if (h->stopping)
		return NULL;
	TAILQ_REMOVE(&h->waiting, t, link);
	h->waiting_count--;
	t->state = HASH_RUNS;
	return t;
}

static void *
run(void *arg)
{
	struct hasher *h = arg;
	struct hash_task *t;

	pthread_mutex_lock(&h->lock);
	while ((t = next(h)) != NULL) {
		pthread_mutex_unlock(&h->lock);
		work(t);
		pthread_mutex_lock(&h->lock);
		t->state = HASH_DONE;
		TAILQ_INSERT_TAIL(&h->done, t, link);
		pthread_mutex_unlock(&h->lock);
		h->wake(h->arg);
		pthread_mutex_lock(&h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* --- the loop's side ------------------------------------------------------------- */

struct hasher *
hasher_new(void (*wake)(void *arg), void *arg)
{
	struct hasher *h = xcalloc(1, sizeof *h);

	h->wake = wake;
	h->arg = arg;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	TAILQ_INIT(&h->waiting);
	TAILQ_INIT(&h->done);
	return h;
}

void
hasher_stop(struct hasher *h)
{
	if (!h->started)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_cond_signal(&h->more);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	hasher_turn(h); /* frees what was abandoned */
	h->started = false;
}

void
hasher_free(struct hasher *h)
{
	pthread_cond_destroy(&h->more);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

bool
hasher_submit(struct hasher *h, struct hash_task *t)
{
	bool room;

	if (!h->started && pthread_create(&h->thread, NULL, run, h) != 0)
		fatalx("no thread for hashing passwords");
	h->started = true;
	pthread_mutex_lock(&h->lock);
	room = h->waiting_count < WAITING_MAX && !h->stopping;
	if (room) {
		t->hasher = h;
		t->state = HASH_WAITS;
		h->waiting_count++;
		TAILQ_INSERT_TAIL(&h->waiting, t, link);
		pthread_cond_signal(&h->more);
	}
	pthread_mutex_unlock(&h->lock);
	return room;
}

static struct hash_task *
take(struct hasher *h)
{
	struct hash_task *t;

	pthread_mutex_lock(&h->lock);
	if ((t = TAILQ_FIRST(&h->done)) != NULL) {
		TAILQ_REMOVE(&h->done, t, link);
		t->state = HASH_IDLE;
	}
	pthread_mutex_unlock(&h->lock);
	return t;
}

void
hasher_turn(struct hasher *h)
{
	struct hash_task *t;

	while (h->started && (t = take(h)) != NULL) {
		if (t->abandoned) {
			destroy(t);
			continue;
		}
		t->finished = true;
		if (t->done != NULL)
			t->done(t);
	}
}
