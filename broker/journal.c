/* journal.c - collects durable changes in one open batch, and hands it over
 * when its time has come. */
#include "broker/journal.h"

void
journal_init(struct journal *j, struct committer *committer)
{
	*j = (struct journal){.committer = committer, .seq = 1};
	j->open = batch_new(j->seq);
	j->hold_ms = 100;
	j->hold_bytes = 4 * 1024 * 1024;
}

void
journal_fini(struct journal *j)
{
	batch_free(j->open);
	if (j->freeing != NULL)
		batch_free(j->freeing);
}

void
journal_put(struct journal *j, const struct definition *d)
{
	batch_put(j->open, d);
}

void
journal_remove(struct journal *j, const struct definition *d)
{
	batch_remove(j->open, d);
}

void
journal_hold(struct journal *j)
{
	j->held++;
}

void
journal_release(struct journal *j)
{
	j->held--;
}

void
journal_abandon(struct journal *j)
{
	batch_free(j->open);
	j->open = batch_new(j->seq);
}

uint64_t
journal_committed(const struct journal *j)
{
	uint64_t committed = committer_committed(j->committer);

	if (committed == j->handed_to && j->skipped_to > committed)
		return j->skipped_to;
	return committed;
}

static void
open_next(struct journal *j)
{
	j->seq++;
	j->promised = false;
}

/* Nothing to write, so nothing to wait for: the batch takes the next number. */
static void
skip(struct journal *j)
{
	j->skipped_to = j->seq;
	open_next(j);
	j->open->seq = j->seq;
	j->open->opened = 0;
}

static void
hand_over(struct journal *j, void (*before)(struct lane_change *))
{
	for (struct lane_change *l = j->open->lanes; l != NULL; l = l->next)
		before(l);
	j->backlog += j->open->bytes;
	j->handed_to = j->seq;
	committer_submit(j->committer, j->open);
	open_next(j);
	j->open = batch_new(j->seq);
}

static bool
due(const struct journal *j, int64_t now)
{
	return j->promised || j->open->bytes >= j->hold_bytes ||
	    now - j->open->opened >= j->hold_ms;
}

void
journal_turn(
    struct journal *j, int64_t now, void (*before)(struct lane_change *))
{
	if (j->held > 0)
		return;
	if (j->open->changes == 0) {
		if (j->promised)
			skip(j);
		return;
	}
	if (j->open->opened == 0)
		j->open->opened = now;
	if (committer_idle(j->committer) && due(j, now))
		hand_over(j, before);
}

void
journal_finish(struct journal *j, void (*before)(struct lane_change *))
{
	if (j->open->changes > 0)
		hand_over(j, before);
}

static bool
reap_next(struct journal *j, void (*after)(struct lane_change *))
{
	struct batch *b = committer_reap(j->committer);

	if (b == NULL)
		return false;
	j->backlog -= b->bytes;
	for (struct lane_change *l = b->lanes; l != NULL; l = l->next)
		after(l);
	j->freeing = b;
	return true;
}

bool
journal_reap(
    struct journal *j, size_t *budget, void (*after)(struct lane_change *))
{
	while (j->freeing != NULL || reap_next(j, after)) {
		if (!batch_free_some(j->freeing, budget))
			return true;
		j->freeing = NULL;
	}
	return false;
}

int64_t
journal_delay(const struct journal *j, int64_t now)
{
	int64_t left;

	if (j->open->changes == 0 || j->open->opened == 0)
		return -1;
	left = j->open->opened + j->hold_ms - now;
	return left > 0 ? left : 0;
}
