/* committer.h - one thread that turns batches of changes into transactions.
 *
 * All functions are the loop thread's. The committer's thread applies batches
 * in the order submitted and does the store's maintenance in between; a second
 * thread loads. wake(arg) is called on those threads when something is there to
 * reap and nothing was before, or when trouble changes; it may only poke the
 * loop (an eventfd). With an immediate store there are no threads, and wake is
 * called within submit or load. */
#ifndef PERSISTENCE_COMMITTER_H
#define PERSISTENCE_COMMITTER_H

#include "persistence/store.h"

struct committer;

/* The store is borrowed and must outlive the committer. */
struct committer *committer_start(
    struct store *, void (*wake)(void *arg), void *arg);

/* Takes the batch. */
void committer_submit(struct committer *, struct batch *);

/* Whether no batch waits or is being applied. */
bool committer_idle(const struct committer *);

/* The highest seq that is durable; it only grows. */
uint64_t committer_committed(const struct committer *);

/* A batch that is durable, for the loop to free, or NULL. */
struct batch *committer_reap(struct committer *);

/* Takes the load (malloc'd); it comes back through committer_loaded. */
void committer_load(struct committer *, struct load *);
struct load *committer_loaded(struct committer *);

/* STORE_OK, or what holds the current batch up: STORE_FULL and STORE_IO are
 * tried again every second, STORE_BROKEN never. The sentence is copied into
 * text (size bytes). */
enum store_status committer_trouble(
    struct committer *, char *text, size_t size);

/* Applies what was submitted, then ends the threads. With trouble, gives up at
 * once and returns false. Nothing is reaped afterwards: all is freed. */
bool committer_stop(struct committer *);

#endif
