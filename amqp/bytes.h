/* bytes.h - a borrowed run of bytes. */
#ifndef AMQP_BYTES_H
#define AMQP_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Always borrows: whoever stores one says who owns the memory behind it. */
struct bytes {
	const uint8_t *p;
	size_t n;
};

/* A string literal as bytes, without its final zero. */
#define BYTES(literal)                                                         \
	((struct bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

/* For printf's "%.*s". */
#define BYTES_FMT(b) (int)(b).n, (const char *)(b).p

/* A zero-ended string as bytes. */
static inline struct bytes
bytes_str(const char *s)
{
	return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static inline bool
bytes_eq(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Orders by bytes, then by length: below, equal to or above zero. */
int bytes_cmp(struct bytes a, struct bytes b);

/* Does a begin with prefix? */
bool bytes_starts(struct bytes a, struct bytes prefix);

/* A hash whose seed is drawn once per process, so that a peer cannot choose
 * names that collide. */
uint64_t bytes_hash(struct bytes b);

/* Is b well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms)? */
bool bytes_utf8(struct bytes b);

#endif
