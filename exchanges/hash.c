/* hash.c - hashes of field values and tables, for looking up bindings. */
#include "exchanges/hash.h"

#include <stdlib.h>

#include "amqp/xalloc.h"

/* The finalizer of SplitMix64 (Steele, Lea, Flood, 2014). */
uint64_t
hash_spread(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

/* FNV-1a. */
uint64_t
hash_stable(struct bytes b)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < b.n; i++)
		hash = (hash ^ b.p[i]) * 0x100000001b3;
	return hash_spread(hash);
}

uint64_t
hash_stable_value(const struct amqp_value *v)
{
	uint64_t bits = 0;

	switch (v->tag) {
	case 'S':
	case 'x':
	case 'A':
	case 'F':
		return hash_stable(v->bytes);
	case 'f':
	case 'd':
		memcpy(&bits, &v->d, sizeof bits);
		break;
	case 'D':
		bits = (uint64_t)v->decimal.scale << 32 |
		    (uint32_t)v->decimal.value;
		break;
	case 't':
		bits = v->t;
		break;
	case 'V':
		break;
	default:
		bits = (uint64_t)v->i;
	}
	return hash_spread(bits);
}

uint64_t
hash_join(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

/* By way of bytes_hash, whose seed a peer does not know. */
static uint64_t
hash_bits(uint64_t bits)
{
	return bytes_hash((struct bytes){(const uint8_t *)&bits, sizeof bits});
}

/* 0.0 is -0.0; what is not a number is in no table. */
static uint64_t
hash_double(double d)
{
	uint64_t bits = 0;

	if (d != 0)
		memcpy(&bits, &d, sizeof bits);
	return hash_bits(bits);
}

static uint64_t
hash_array(struct bytes array)
{
	struct reader r = reader_of(array);
	struct amqp_value value;
	uint64_t hash = 'A';

	while (amqp_array_next(&r, &value))
		hash = hash_join(hash, hash_value(&value));
	return hash;
}

/* A pair of a table; equal tables have equal first pairs of each key, and later
 * ones do not count. */
struct pair {
	struct bytes key;
	uint64_t value;
};

/* By key, and where keys are the same by place in the table. */
static int
pair_order(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;
	int order = bytes_cmp(a->key, b->key);

	return order != 0 ? order
			  : (a->key.p > b->key.p) - (a->key.p < b->key.p);
}

static uint64_t
hash_pairs(struct pair *pairs, size_t count)
{
	uint64_t hash = 'F';

	qsort(pairs, count, sizeof *pairs, pair_order);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || !bytes_eq(pairs[i].key, pairs[i - 1].key))
			hash =
			    hash_join(hash_join(hash, bytes_hash(pairs[i].key)),
				pairs[i].value);
	return hash;
}

static size_t
count_pairs(struct bytes table)
{
	struct reader r = reader_of(table);
	struct bytes key;
	struct amqp_value value;
	size_t count = 0;

	while (amqp_table_next(&r, &key, &value))
		count++;
	return count;
}

uint64_t
hash_table(struct bytes table)
{
	size_t count = count_pairs(table);
	struct pair few[8], *pairs = few;
	struct reader r = reader_of(table);
	struct bytes key;
	struct amqp_value value;
	uint64_t hash;

	if (count > sizeof few / sizeof *few)
		pairs = xcalloc(count, sizeof *pairs);
	for (size_t i = 0; amqp_table_next(&r, &key, &value); i++)
		pairs[i] = (struct pair){key, hash_value(&value)};
	hash = hash_pairs(pairs, count);
	if (pairs != few)
		free(pairs);
	return hash;
}

/* Numbers of all tags by their value as a double, since I 1 is alike to d 1.0.
 * Calls itself at most AMQP_TABLE_DEPTH deep. */
uint64_t
hash_value(const struct amqp_value *value)
{
	switch (value->tag) {
	case 'f':
	case 'd':
		return hash_double(value->d);
	case 'S':
	case 'x':
		return bytes_hash(value->bytes);
	case 'A':
		return hash_array(value->bytes);
	case 'F':
		return hash_table(value->bytes);
	case 't':
		return hash_bits(value->t);
	case 'D':
		return hash_bits((uint64_t)value->decimal.scale << 32 |
				 (uint32_t)value->decimal.value);
	case 'V':
		return 'V';
	case 'T':
		return hash_double((double)(uint64_t)value->i);
	default:
		return hash_double((double)value->i);
	}
}
