/* mutate.c - changes a session by whole steps: they come, go, move and repeat,
 * and now and then one of their octets is another.
 *
 * libFuzzer calls these two; a replay never does. */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/session.h"

size_t LLVMFuzzerCustomMutator(
    uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size,
    const uint8_t *b, size_t b_size, uint8_t *out, size_t max_size,
    unsigned seed);

enum { STEP = sizeof(struct step) };

/* Steps that only together have a sense: a queue bound, filled and emptied;
 * confirms; a transaction; a reply lost. Those of one motif are done by the same
 * client on the same channel; SAME is one and the same of the first names. */
enum { SAME = 254 };

static const struct step motifs[][4] = {
    {{DO_METHOD, 0, 4, 0, SAME}, {DO_METHOD, 0, 7, 0, SAME, 4, 0},
	{DO_PUBLISH, 0, 4, SAME, 1, 0, 3}, {DO_METHOD, 0, 13, 0, SAME}},
    {{DO_METHOD, 0, 20}, {DO_METHOD, 0, 4, 2, SAME},
	{DO_PUBLISH, 0, 7, SAME, 1, 1, 3}, {DO_COMMIT}},
    {{DO_METHOD, 0, 21}, {DO_PUBLISH, 0, 7, SAME, 1, 1, 2},
	{DO_METHOD, 0, 22}, {DO_COMMIT}},
    {{DO_METHOD, 0, 16, 0, SAME}, {DO_SETTLE, 0, 1, 0},
	{DO_SETTLE, 0, 1, 14}, {DO_METHOD, 0, 18, 1}},
    {{DO_METHOD, 0, 12, 0, SAME, 0, 1}, {DO_METHOD, 0, 13, 0, SAME},
	{DO_SETTLE, 0, 0, 4}, {DO_METHOD, 0, 15, 0, SAME}},
    {{DO_PUBLISH, WHO_HOLDS, 7, SAME, 1, 0, 8}, {DO_PART, 0, 1, 0},
	{DO_PART, 0, 200, 0}, {DO_RESET}},
    {{DO_HEAR, 0, 1}, {DO_PUBLISH, 0, 7, SAME, 0, 0, 9},
	{DO_PUBLISH, 0, 7, SAME, 0, 0, 9}, {DO_HEAR}},
    {{DO_DISK, 0, 1}, {DO_PUBLISH, 0, 7, SAME, 1, 0, 3}, {DO_DISK},
	{DO_TIME, 0, 2}},
    {{DO_METHOD, 0, 4, 16, SAME}, {DO_METHOD, 0, 13, 0, SAME},
	{DO_OPERATOR, 0, 1, SAME}, {DO_NEIGHBOUR}},
    /* delayed: kept, and its time comes */
    {{DO_METHOD, 0, 0, 2, SAME, 8, 31},
	{DO_METHOD, 0, 7, 0, SAME, SAME, 8},
	{DO_PUBLISH, 0, SAME, SAME, 101}, {DO_TIME, 0, 1}},
    /* a history, told to who comes later */
    {{DO_METHOD, 0, 0, 2, SAME, 7, 35}, {DO_PUBLISH, 0, SAME, SAME, 1},
	{DO_METHOD, 0, 7, 0, SAME, SAME, 8}, {DO_METHOD, 0, 13, 0, SAME}},
    /* hashes: of a header, and of the key */
    {{DO_METHOD, 0, 0, 2, SAME, 4, 34},
	{DO_METHOD, 0, 7, 0, SAME, SAME, 11},
	{DO_PUBLISH, 0, SAME, SAME, 61}, {DO_METHOD, 0, 10, 0, SAME}},
    {{DO_METHOD, 0, 0, 2, SAME, 5}, {DO_METHOD, 0, 7, 0, SAME, SAME},
	{DO_PUBLISH, 0, SAME, SAME, 1}, {DO_METHOD, 0, 11, 0, SAME, SAME}},
    /* a request, and its answer */
    {{DO_METHOD, 0, 13, 2, 12}, {DO_PUBLISH, 0, 7, SAME, 48},
	{DO_METHOD, 0, 16, 0, SAME}, {DO_PUBLISH, 0, 7, 31, 0}},
    /* quorum: given back too often */
    {{DO_METHOD, 0, 4, 2, SAME, 16}, {DO_PUBLISH, 0, 7, SAME, 1},
	{DO_METHOD, 0, 16, 0, SAME}, {DO_SETTLE, 0, 1, 10}},
    /* priorities */
    {{DO_METHOD, 0, 4, 2, SAME, 12}, {DO_PUBLISH, 0, 7, SAME, 73},
	{DO_PUBLISH, 0, 7, SAME, 9}, {DO_METHOD, 0, 13, 0, SAME}},
    /* copies, in a transaction */
    {{DO_METHOD, 0, 21}, {DO_PUBLISH, 0, 7, SAME, 133},
	{DO_PUBLISH, 0, 7, SAME, 141}, {DO_METHOD, 0, 22}},
    /* dead letters by way of an exchange */
    {{DO_METHOD, 0, 4, 2, SAME, 11}, {DO_METHOD, 0, 0, 2, 5, 1},
	{DO_METHOD, 0, 7, 0, 0, 5}, {DO_PUBLISH, 0, 7, SAME, 1}},
    /* a policy comes and goes; all is traced */
    {{DO_OPERATOR, 0, 5, 0}, {DO_PUBLISH, 0, 7, SAME, 1},
	{DO_PUBLISH, 0, 7, SAME, 1}, {DO_OPERATOR, 0, 6}},
    {{DO_OPERATOR, 0, 4}, {DO_METHOD, 0, 7, 0, SAME, 13, 8},
	{DO_PUBLISH, 0, 7, SAME, 5}, {DO_METHOD, 0, 16, 0, SAME}},
};

static unsigned state;

static unsigned
chance(unsigned below)
{
	state = state * 1103515245 + 12345;
	return (state >> 16) % below;
}

static uint8_t *
step_at(uint8_t *data, size_t n)
{
	return data + n * STEP;
}

/* Opens a gap of count steps in front of one and returns how many there are
 * now, or as many as before if there is no room. */
static size_t
open_gap(uint8_t *data, size_t n, size_t at, size_t count, size_t max)
{
	if (n + count > max)
		return n;
	memmove(step_at(data, at + count), step_at(data, at), (n - at) * STEP);
	return n + count;
}

static size_t
insert_random(uint8_t *data, size_t n, size_t max)
{
	size_t at = 1 + chance((unsigned)n), more;

	more = open_gap(data, n, at, 1, max);
	for (size_t i = 0; more > n && i < STEP; i++)
		step_at(data, at)[i] = (uint8_t)chance(256);
	if (more > n && chance(2))
		step_at(data, at)[0] = (uint8_t)chance(3); /* the usual */
	if (more > n && chance(4))
		step_at(data, at)[1] &= 15;
	return more;
}

static size_t
insert_motif(uint8_t *data, size_t n, size_t max)
{
	const struct step *motif =
	    motifs[chance(sizeof motifs / sizeof *motifs)];
	size_t at = 1 + chance((unsigned)n), more;
	uint8_t who = (uint8_t)chance(12), same = (uint8_t)chance(4);

	more = open_gap(data, n, at, 4, max);
	for (size_t i = 0; more > n && i < 4; i++) {
		struct step t = motif[i];

		t.who |= who;
		memcpy(step_at(data, at + i), &t, STEP);
		for (size_t k = 2; k < STEP; k++)
			if (step_at(data, at + i)[k] == SAME)
				step_at(data, at + i)[k] = same;
	}
	return more;
}

static size_t
remove_some(uint8_t *data, size_t n)
{
	size_t at = 1 + chance((unsigned)n), count = 1 + chance(4);

	if (at + count > n)
		return n;
	memmove(step_at(data, at), step_at(data, at + count),
	    (n - at - count) * STEP);
	return n - count;
}

static size_t
repeat(uint8_t *data, size_t n, size_t max)
{
	size_t from = 1 + chance((unsigned)n), at, count = 1 + chance(4), more;
	uint8_t copy[4 * STEP];

	if (from + count > n)
		return n;
	at = 1 + chance((unsigned)n);
	memcpy(copy, step_at(data, from), count * STEP);
	more = open_gap(data, n, at, count, max);
	if (more > n)
		memcpy(step_at(data, at), copy, count * STEP);
	return more;
}

static size_t
swap(uint8_t *data, size_t n)
{
	uint8_t *a = step_at(data, chance((unsigned)n));
	uint8_t *b = step_at(data, chance((unsigned)n)), copy[STEP];

	memcpy(copy, a, STEP);
	memmove(a, b, STEP);
	memcpy(b, copy, STEP);
	return n;
}

static size_t
change_octet(uint8_t *data, size_t n)
{
	uint8_t *p = &step_at(data, chance((unsigned)n))[chance(STEP)];

	*p = chance(2) ? (uint8_t)chance(256)
		       : (uint8_t)(*p + (chance(2) ? 1 : -1));
	return n;
}

static size_t
mutate(uint8_t *data, size_t n, size_t max)
{
	switch (chance(8)) {
	case 0: return insert_random(data, n, max);
	case 1: return insert_motif(data, n, max);
	case 2: return remove_some(data, n);
	case 3: return repeat(data, n, max);
	case 4: return swap(data, n);
	default: return change_octet(data, n);
	}
}

size_t
LLVMFuzzerCustomMutator(
    uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t n = size / STEP, max = max_size / STEP;

	state = seed;
	max = max < STEPS_MAX ? max : STEPS_MAX;
	if (max < 2)
		return size;
	if (n == 0) {
		memset(data, 0, STEP);
		n = 1;
	}
	for (unsigned i = 1 + chance(4); i > 0; i--)
		n = mutate(data, n, max);
	return n * STEP;
}

/* The beginning of one and the end of the other. */
size_t
LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b,
    size_t b_size, uint8_t *out, size_t max_size, unsigned seed)
{
	size_t head, tail, from;

	state = seed;
	head = chance((unsigned)(a_size / STEP) + 1) * STEP;
	from = chance((unsigned)(b_size / STEP) + 1) * STEP;
	tail = b_size / STEP * STEP - from;
	if (head > max_size)
		head = max_size / STEP * STEP;
	if (tail > max_size - head)
		tail = (max_size - head) / STEP * STEP;
	memcpy(out, a, head);
	memcpy(out + head, b + from, tail);
	return head + tail;
}
