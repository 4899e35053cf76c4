/* fingerprint.c - by what definitions are known again that were imported once. */
#include "broker/fingerprint.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/log.h"
#include "broker/parameters.h"
#include "broker/server.h"

struct fingerprint {
	EVP_MD_CTX *digest; /* NULL: nothing was added */
};

struct fingerprint *
fingerprint_new(void)
{
	return xcalloc(1, sizeof(struct fingerprint));
}

/* OpenSSL takes a millisecond to wake up: only where there is something to digest
 * is it woken. */
void
fingerprint_add(struct fingerprint *f, struct bytes text)
{
	if (f->digest == NULL) {
		f->digest = EVP_MD_CTX_new();
		if (f->digest == NULL ||
		    !EVP_DigestInit_ex(f->digest, EVP_sha256(), NULL))
			fatalx("OpenSSL has no SHA-256");
	}
	if (!EVP_DigestUpdate(f->digest, text.p, text.n))
		fatalx("OpenSSL fails at SHA-256");
}

/* Of what was added until now, as JSON; malloc'd. */
static char *
write_down(const struct fingerprint *f)
{
	uint8_t digest[EVP_MAX_MD_SIZE], text[EVP_MAX_MD_SIZE * 2];
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	unsigned n = 0;

	if (copy == NULL || !EVP_MD_CTX_copy_ex(copy, f->digest) ||
	    !EVP_DigestFinal_ex(copy, digest, &n))
		fatalx("OpenSSL fails at SHA-256");
	EVP_MD_CTX_free(copy);
	EVP_EncodeBlock(text, digest, (int)n);
	return xasprintf("\"%s\"", (char *)text);
}

bool
fingerprint_known(const struct fingerprint *f, const struct server *s)
{
	const struct global_parameter *g =
	    names_get(&s->global_parameters, BYTES(FINGERPRINT_NAME));
	char *text = write_down(f);
	bool known = g != NULL && strcmp(g->value, text) == 0;

	free(text);
	return known;
}

void
fingerprint_keep(const struct fingerprint *f, struct server *s)
{
	char *text = write_down(f), why[200];

	global_parameter_set(
	    s, BYTES(FINGERPRINT_NAME), bytes_str(text), why, sizeof why);
	free(text);
}

void
fingerprint_free(struct fingerprint *f)
{
	if (f == NULL)
		return;
	EVP_MD_CTX_free(f->digest);
	free(f);
}
