/* held.h - dead letters that nobody took, of queues that ask for at-least-once.
 *
 * They stand in a lane of their queue's own, each with its reason for a note, and
 * are not the queue's to give any more, after a restart neither. The first of them
 * are in the window: these are in memory, and tried again each second, if it may
 * help; where one goes, the next follows at once. While the window is full, letters
 * join the lane untried, as in RabbitMQ. */
#ifndef BROKER_HELD_H
#define BROKER_HELD_H

#include "broker/letter.h"

struct load;

/* How many the queue holds, and the bytes of their bodies. */
uint64_t held_count(const struct queue *);
uint64_t held_bytes(const struct queue *);

/* How much of its lane may be in memory, beside the window. */
extern const struct lane_mark held_mark;

/* Must a letter that was not held join them untried? */
bool held_first(const struct queue *);

/* Nobody took the letter; takes it. */
void held_keep(struct letter *);

/* One that was held is done with; frees it, and the next may go. */
void held_done(struct letter *);

/* Why nobody took it: the exchange is not there, it leads nowhere, or back to the
 * queue named, where it died before. RabbitMQ's warnings, once each until the
 * queue's limits change. */
void held_warn_missing(struct queue *);
void held_warn_nowhere(struct queue *);
void held_warn_cycle(struct queue *, const struct message *letter,
    struct bytes deaths, struct bytes queue);

/* A load of its lane has come back; takes it. */
void held_loaded(struct queue *, struct load *);

/* The disk has caught up: more of them may go. */
void held_go_on(struct queue *);

/* The store had some, from before the start. */
void held_restored(struct queue *);

/* The limits of the queue have changed: it may have asked for at-least-once before.
 * If it does no more, all that it holds is thrown away, as in RabbitMQ. */
void held_limit(struct queue *, bool before);

/* The queue is deleted, its lane sees to what is not in the window. */
void held_delete(struct queue *);

/* Frees what is held, at the end: the store has it still. */
void held_fini(struct queue *);

#endif
