/* password.c - hashes of passwords. */
#include "broker/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include "broker/log.h"

/* What one scrypt costs: 16 MiB of memory, once; its authors' choice for people
 * who wait for their login. More would be too slow for a thousand clients that
 * come back at once. */
enum {
	SCRYPT_N = 16384,
	SCRYPT_R = 8,
	SCRYPT_P = 1,
	SCRYPT_DIGEST = 32,
	SCRYPT_MEMORY = 32 * 1024 * 1024, /* that it may take at most */
};

struct algorithm {
	const char *name;
	const EVP_MD *(*digest)(void); /* NULL: scrypt */
	size_t salt;
	bool is_new; /* for new hashes too */
};

/* The first stands in for those nobody knows. The ones that are not new come
 * from definitions that other brokers wrote. */
static const struct algorithm algorithms[] = {
    {PASSWORD_ALGORITHM, EVP_sha256, 4, true},
    {"rabbit_password_hashing_sha512", EVP_sha512, 4, true},
    {"rabbit_password_hashing_md5", EVP_md5, 4, false},
    {PASSWORD_SCRYPT, NULL, 16, true},
};

static const struct algorithm *
algorithm_find(const char *name)
{
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	return NULL;
}

bool
password_algorithm_known(struct bytes name)
{
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
		if (bytes_eq(bytes_str(algorithms[i].name), name))
			return true;
	return false;
}

const char *
password_algorithm(const char *name)
{
	const struct algorithm *a = algorithm_find(name);

	return a != NULL && a->is_new ? a->name : NULL;
}

bool
password_slow(const char *algorithm)
{
	return strcmp(algorithm, PASSWORD_SCRYPT) == 0;
}

bool
password_travels(const char *algorithm)
{
	const struct algorithm *a = algorithm_find(algorithm);

	return a != NULL && a->digest != NULL;
}

/* 0 if OpenSSL refuses (MD5 where only FIPS algorithms are allowed). */
static size_t
quick_digest(const struct algorithm *a, struct bytes password,
    uint8_t hash[PASSWORD_HASH_MAX])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned n = 0;

	if (context == NULL)
		fatalx("no memory for hashing a password");
	if (!EVP_DigestInit_ex(context, a->digest(), NULL) ||
	    !EVP_DigestUpdate(context, hash, a->salt) ||
	    !EVP_DigestUpdate(context, password.p, password.n) ||
	    !EVP_DigestFinal_ex(context, hash + a->salt, &n))
		n = 0;
	EVP_MD_CTX_free(context);
	return n;
}

static size_t
slow_digest(const struct algorithm *a, struct bytes password,
    uint8_t hash[PASSWORD_HASH_MAX])
{
	if (EVP_PBE_scrypt((const char *)password.p, password.n, hash, a->salt,
		SCRYPT_N, SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY, hash + a->salt,
		SCRYPT_DIGEST) != 1)
		return 0;
	return SCRYPT_DIGEST;
}

/* hash begins with the salt; the digest goes behind it. Returns the size of
 * both, or 0. */
static size_t
digest(const struct algorithm *a, struct bytes password,
    uint8_t hash[PASSWORD_HASH_MAX])
{
	size_t n = a->digest != NULL ? quick_digest(a, password, hash)
				     : slow_digest(a, password, hash);

	return n > 0 ? a->salt + n : 0;
}

size_t
password_hash(struct bytes password, const char *algorithm,
    uint8_t hash[PASSWORD_HASH_MAX])
{
	const struct algorithm *a = algorithm_find(algorithm);
	size_t n;

	if (getrandom(hash, a->salt, 0) != (ssize_t)a->salt)
		fatal("no random bytes for a salt");
	if ((n = digest(a, password, hash)) == 0)
		fatalx("OpenSSL cannot hash passwords with %s", algorithm);
	return n;
}

bool
password_matches(
    struct bytes password, struct bytes hash, const char *algorithm)
{
	static const uint8_t no_salt[PASSWORD_HASH_MAX]; /* of no password */
	const struct algorithm *a = algorithm_find(algorithm);
	uint8_t own[PASSWORD_HASH_MAX];
	size_t n;

	if (a == NULL)
		a = &algorithms[0];
	memcpy(own, hash.n > a->salt ? hash.p : no_salt, a->salt);
	n = digest(a, password, own);
	return n != 0 && n == hash.n && password.n > 0 &&
	    algorithm_find(algorithm) != NULL &&
	    CRYPTO_memcmp(own, hash.p, n) == 0;
}
