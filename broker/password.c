/* password.c - RabbitMQ's password hashes. */
#include "broker/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "broker/log.h"

struct algorithm {
	const char *name; /* RabbitMQ's */
	const EVP_MD *(*digest)(void);
};

/* New hashes are made with the first; the others come from definitions that
 * other brokers wrote. */
static const struct algorithm algorithms[] = {
    {PASSWORD_ALGORITHM, EVP_sha256},
    {"rabbit_password_hashing_sha512", EVP_sha512},
    {"rabbit_password_hashing_md5", EVP_md5},
};

static const struct algorithm *
algorithm_find(const char *name)
{
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	return NULL;
}

/* hash begins with the salt; the digest goes behind it. Returns the size of
 * both, 0 if OpenSSL refuses (MD5 where only FIPS algorithms are allowed). */
static size_t
digest(const struct algorithm *a, struct bytes password,
    uint8_t hash[PASSWORD_HASH_MAX])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned n = 0;

	if (context == NULL)
		fatalx("no memory for hashing a password");
	if (!EVP_DigestInit_ex(context, a->digest(), NULL) ||
	    !EVP_DigestUpdate(context, hash, PASSWORD_SALT) ||
	    !EVP_DigestUpdate(context, password.p, password.n) ||
	    !EVP_DigestFinal_ex(context, hash + PASSWORD_SALT, &n))
		n = 0;
	EVP_MD_CTX_free(context);
	return n > 0 ? PASSWORD_SALT + n : 0;
}

size_t
password_hash(struct bytes password, uint8_t hash[PASSWORD_HASH_MAX])
{
	size_t n;

	if (RAND_bytes(hash, PASSWORD_SALT) != 1)
		fatalx("no random bytes for a salt");
	if ((n = digest(&algorithms[0], password, hash)) == 0)
		fatalx("OpenSSL has no SHA-256");
	return n;
}

bool
password_matches(
    struct bytes password, struct bytes hash, const char *algorithm)
{
	static const uint8_t no_digest[PASSWORD_SALT + 32]; /* of no password */
	const struct algorithm *a = algorithm_find(algorithm);
	uint8_t own[PASSWORD_HASH_MAX];
	size_t n;

	if (a == NULL || hash.n < PASSWORD_SALT) {
		a = &algorithms[0];
		hash = (struct bytes){no_digest, sizeof no_digest};
	}
	memcpy(own, hash.p, PASSWORD_SALT);
	n = digest(a, password, own);
	return n != 0 && n == hash.n && CRYPTO_memcmp(own, hash.p, n) == 0;
}
