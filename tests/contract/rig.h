/* rig.h - a store, a plain model of what must be in it, and their comparison.
 */
#ifndef CONTRACT_RIG_H
#define CONTRACT_RIG_H

#include <stdio.h>

#include "persistence/store.h"
#include "tests/unit/unit.h"

enum { RIG_LANES = 6, RIG_POSITIONS = 1 << 16 };

/* What a lane must hold: the letter at each position, 0 for none. */
struct model_lane {
	uint64_t id;   /* 0: there is no such lane */
	uint64_t base; /* the position of letters[0] */
	uint32_t letters[RIG_POSITIONS];
	int64_t deadlines[RIG_POSITIONS];
	uint32_t notes[RIG_POSITIONS];
	struct lane_state state;
};

struct rig {
	const char *kind;
	char dir[64];
	struct store *store;
	uint64_t seq, next_lane, last_lane;
	uint32_t next_letter;
	struct batch *batch;
	struct lane_change *changes[RIG_LANES];
	struct model_lane lanes[RIG_LANES];
};

/* kind is "memory", "sqlite", or "failing": SQLite behind a shim that fails now
 * and then while something is applied, loaded or tidied. The folder is made
 * and, by rig_close, removed. */
struct rig *rig_open(const char *kind);
void rig_close(struct rig *);

/* A model without a store: commits only count. */
struct rig *rig_model(void);
void rig_model_free(struct rig *);

/* Closes the store and opens it again; a store that forgets is left alone. */
void rig_reopen(struct rig *);
bool rig_forgets(const struct rig *);

/* A letter's content follows from its number; its size is the caller's. */
struct message *rig_letter(uint32_t number, size_t size);
bool rig_is_letter(const struct message *, uint32_t number);

/* A new lane in a free place of the model, and the place. */
int rig_lane(struct rig *, uint64_t base);

/* Each changes the open batch and the model. at is an index: position - base.
 */
void rig_put(
    struct rig *, int lane, uint32_t at, size_t size, int64_t deadline);
void rig_put_letter(struct rig *, int lane, uint32_t at, uint32_t number,
    struct message *, int64_t deadline);
void rig_remove(struct rig *, int lane, uint32_t first, uint32_t last);
void rig_note(struct rig *, int lane, uint32_t at, uint32_t value);
void rig_drop(struct rig *, int lane);

/* Nothing but the lane's numbers changes: all it has may have been delivered. */
void rig_touch(struct rig *, int lane);

/* Applies the open batch, again and again while the store says that may help.
 */
void rig_commit(struct rig *);

/* The same for any batch. */
void rig_apply(struct rig *, const struct batch *);

/* The open batch, complete, for the caller to apply and free; NULL if there is
 * none. */
struct batch *rig_take(struct rig *);

/* Loads every lane in pieces of so many bytes and restores all, and compares
 * with the model. */
void rig_compare(struct rig *, size_t piece);

/* One load, and one of what is due. */
struct load *rig_load(
    struct rig *, uint64_t lane, uint64_t first, uint64_t last, size_t bytes);
struct load *rig_load_due(struct rig *, int lane, uint32_t first, uint32_t last,
    size_t bytes, int64_t due);

/* Compares a load of what is due with the model, removes what it gave back and
 * defers the rest; the load is freed. True if there may be more. */
bool rig_expire(struct rig *, int lane, struct load *);

struct load *rig_load_as(struct rig *, const struct load *wanted);

/* All maintenance there is; how many slices it took. */
int rig_maintain(struct rig *);

/* What an offline check would: the counters of every lane and body are what a
 * scan of the rows finds, and nothing is left behind. Of an SQLite store that
 * is closed or at rest. */
void rig_check_file(const char *dir);

/* A temporary folder, and its end. */
void rig_folder(char dir[64]);
void rig_remove_folder(const char *dir);

#endif
