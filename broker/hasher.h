/* hasher.h - one thread that does the hashing which takes long.
 *
 * All functions are the loop thread's. The thread is started with the first
 * task; who never asks for a slow hash has none. wake(arg) is called on it when
 * something is done; it may only poke the loop. */
#ifndef BROKER_HASHER_H
#define BROKER_HASHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "amqp/bytes.h"
#include "broker/password.h"

struct hasher;

/* One password to be hashed, or compared with a hash: by scrypt. It belongs to
 * whoever asks, who gives it back with hash_task_free, whenever that is. */
struct hash_task {
	struct bytes password;		/* own; wiped */
	struct bytes user;		/* own; for the asker */
	uint8_t hash[PASSWORD_HASH_MAX]; /* to compare with, or the answer */
	size_t n;			/* of it; 0: make one */
	bool right;			/* the answer of a comparison */
	bool finished;			/* that, or hash, is there */

	/* Called from hasher_turn, once; or NULL. */
	void (*done)(struct hash_task *);
	void *arg;

	struct hasher *hasher; /* the hasher's from here */
	enum hash_state { HASH_IDLE, HASH_WAITS, HASH_RUNS, HASH_DONE } state;
	bool abandoned;
	TAILQ_ENTRY(hash_task) link;
};

struct hasher *hasher_new(void (*wake)(void *arg), void *arg);

/* Ends the thread; tasks that are out are given back afterwards as usual. */
void hasher_stop(struct hasher *);
void hasher_free(struct hasher *);

/* Copies user and password. */
struct hash_task *hash_task_new(struct bytes user, struct bytes password);

/* What was not begun is not done at all, and done is not called any more. */
void hash_task_free(struct hash_task *);

/* False if too many wait already. */
bool hasher_submit(struct hasher *, struct hash_task *);

/* Tells those whose tasks are done. */
void hasher_turn(struct hasher *);

#endif
