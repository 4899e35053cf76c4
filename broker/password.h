/* password.h - RabbitMQ's password hashes: a salt of four bytes, then the
 * digest of salt and password. */
#ifndef BROKER_PASSWORD_H
#define BROKER_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "amqp/bytes.h"

enum {
	PASSWORD_SALT = 4,
	PASSWORD_HASH_MAX = PASSWORD_SALT + 64, /* the largest digest */
};

/* What RabbitMQ calls the algorithm of hashes made here. */
#define PASSWORD_ALGORITHM "rabbit_password_hashing_sha256"

/* Fills in salt and SHA-256 digest of a password under a new random salt, and
 * returns their size. */
size_t password_hash(struct bytes password, uint8_t hash[PASSWORD_HASH_MAX]);

/* Is it the password of that hash (salt and digest)? Nothing matches an empty
 * hash, one of the wrong size, or an algorithm nobody knows, but the same work
 * is done for them: the time it takes does not tell what was wrong. */
bool password_matches(
    struct bytes password, struct bytes hash, const char *algorithm);

#endif
