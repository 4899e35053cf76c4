/* password.h - hashes of passwords: RabbitMQ's, a salt of four bytes before a
 * digest of salt and password, and scrypt's (RFC 7914), which take long on
 * purpose. */
#ifndef BROKER_PASSWORD_H
#define BROKER_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "amqp/bytes.h"

enum { PASSWORD_HASH_MAX = 4 + 64 }; /* the largest salt and digest */

/* The names of algorithms: RabbitMQ's, as definitions have them, and ours. */
#define PASSWORD_ALGORITHM "rabbit_password_hashing_sha256"
#define PASSWORD_SCRYPT "scrypt"

/* The algorithm of that name, for new hashes; the string is static. NULL if
 * there is none, or it is for reading only (MD5). */
const char *password_algorithm(const char *name);

/* Does one hash take some tenths of a second? */
bool password_slow(const char *algorithm);

/* Can RabbitMQ check a hash of that algorithm? */
bool password_travels(const char *algorithm);

/* Fills in a new random salt, and the password's digest under it, and returns
 * the size of both. The algorithm is one for new hashes. May be called on any
 * thread. */
size_t password_hash(struct bytes password, const char *algorithm,
    uint8_t hash[PASSWORD_HASH_MAX]);

/* Is it the password of that hash (salt and digest)? Nothing matches an empty
 * hash, one of the wrong size, or an algorithm nobody knows, and an empty password
 * matches nothing, but the same work is done for them: the time it takes does not tell what was wrong. May be
 * called on any thread. */
bool password_matches(
    struct bytes password, struct bytes hash, const char *algorithm);

/* Is it one of those that password_matches knows? */
bool password_algorithm_known(struct bytes name);

#endif
