/* bytes.c - compares, hashes and checks runs of bytes. */
#include "amqp/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

int
bytes_cmp(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n != 0 ? memcmp(a.p, b.p, n) : 0;
	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

bool
bytes_starts(struct bytes a, struct bytes prefix)
{
	return a.n >= prefix.n &&
	       bytes_eq((struct bytes){a.p, prefix.n}, prefix);
}

/* --- hash ---------------------------------------------------------------- */

/* Multiply and fold as in wyhash (Wang Yi, public domain), with its constants
 * replaced by words drawn at start: without them collisions cannot be
 * computed. */
static uint64_t secret[3];

__attribute__((constructor)) static void
draw_secret(void)
{
	if (getrandom(secret, sizeof secret, 0) != sizeof secret) {
		perror("getrandom");
		abort();
	}
}

static inline uint64_t
load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

static inline uint64_t
load32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

static inline uint64_t
mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Up to 16 bytes as two words; the loads overlap instead of looping. */
static inline void
load_short(const uint8_t *p, size_t n, uint64_t *a, uint64_t *b)
{
	if (n >= 8) {
		*a = load64(p);
		*b = load64(p + n - 8);
	} else if (n >= 4) {
		*a = load32(p);
		*b = load32(p + n - 4);
	} else {
		*a = n != 0 ? (uint64_t)p[0] << 16 | p[n / 2] << 8 | p[n - 1]
			    : 0;
		*b = 0;
	}
}

uint64_t
bytes_hash(struct bytes bytes)
{
	const uint8_t *p = bytes.p;
	size_t left = bytes.n;
	uint64_t seed = secret[0], a, b;
	for (; left > 16; p += 16, left -= 16)
		seed = mix(load64(p) ^ secret[1], load64(p + 8) ^ seed);
	load_short(p, left, &a, &b);
	return mix(secret[2] ^ bytes.n, mix(a ^ secret[1], b ^ seed));
}

/* --- UTF-8 --------------------------------------------------------------- */

static inline bool
ascii8(const uint8_t *p)
{
	return (load64(p) & 0x8080808080808080u) == 0;
}

/* How many bytes at the front are certainly ASCII; all of them, if the whole
 * is. */
static inline size_t
ascii_front(struct bytes b)
{
	size_t i = 0;
	for (; i + 8 <= b.n; i += 8) {
		if (!ascii8(b.p + i))
			return i;
	}
	while (i < b.n && b.p[i] < 0x80)
		i++;
	return i;
}

/* The length of the well-formed sequence at p, of which left > 0 bytes are
 * there; 0 if there is none. The second byte's bounds exclude overlong forms,
 * surrogates and what lies above U+10FFFF (RFC 3629 §4). */
static size_t
sequence(const uint8_t *p, size_t left)
{
	if (p[0] < 0x80)
		return 1;
	size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

bool
bytes_utf8(struct bytes b)
{
	for (size_t i = ascii_front(b), n; i < b.n; i += n) {
		if ((n = sequence(b.p + i, b.n - i)) == 0)
			return false;
	}
	return true;
}
