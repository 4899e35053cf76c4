/* tls_describe.c - what a TLS connection agreed on, in RabbitMQ's words. */
#include <ctype.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/tls.h"

/* RabbitMQ's names, which are Erlang's. */
static const struct {
	int nid;
	const char *name;
} names[] = {
    {NID_kx_any, "any"},
    {NID_kx_rsa, "rsa"},
    {NID_kx_ecdhe, "ecdhe"},
    {NID_kx_dhe, "dhe"},
    {NID_auth_rsa, "_rsa"},
    {NID_auth_ecdsa, "_ecdsa"},
    {NID_aes_128_gcm, "aes_128_gcm"},
    {NID_aes_256_gcm, "aes_256_gcm"},
    {NID_aes_128_ccm, "aes_128_ccm"},
    {NID_aes_256_ccm, "aes_256_ccm"},
    {NID_aes_128_cbc, "aes_128_cbc"},
    {NID_aes_256_cbc, "aes_256_cbc"},
    {NID_chacha20_poly1305, "chacha20_poly1305"},
    {NID_sha1, "sha"},
    {NID_sha256, "sha256"},
    {NID_sha384, "sha384"},
    {NID_undef, "aead"},
};

static const char *
name_of(int nid)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].nid == nid)
			return names[i].name;
	return "";
}

static char *
lower(const char *text)
{
	char *all = xstrdup(text);

	for (char *p = all; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return all;
}

static char *
time_text(const ASN1_TIME *when)
{
	struct tm tm = {0};
	char text[40];

	if (ASN1_TIME_to_tm(when, &tm) != 1)
		return xstrdup("");
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return xstrdup(text);
}

static char *
validity(const X509 *certificate)
{
	char *from = time_text(X509_get0_notBefore(certificate));
	char *to = time_text(X509_get0_notAfter(certificate));
	char *text = xasprintf("%s - %s", from, to);

	free(from);
	free(to);
	return text;
}

static char *
peer_fact(SSL *ssl, enum tls_fact fact)
{
	X509 *certificate = SSL_get1_peer_certificate(ssl);
	char *text;

	if (certificate == NULL)
		return NULL;
	text = fact == TLS_PEER_SUBJECT
		   ? tls_name_text(X509_get_subject_name(certificate))
	       : fact == TLS_PEER_ISSUER
		   ? tls_name_text(X509_get_issuer_name(certificate))
		   : validity(certificate);
	X509_free(certificate);
	return text;
}

char *
tls_describe(struct ssl_st *ssl, enum tls_fact fact)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
	int auth;

	if (fact >= TLS_PEER_SUBJECT)
		return peer_fact(ssl, fact);
	if (cipher == NULL)
		return NULL;
	auth = SSL_CIPHER_get_auth_nid(cipher);
	switch (fact) {
	case TLS_PROTOCOL:
		return lower(SSL_get_version(ssl));
	case TLS_KEY_EXCHANGE:
		return xasprintf("%s%s",
		    name_of(SSL_CIPHER_get_kx_nid(cipher)),
		    auth != NID_auth_any ? name_of(auth) : "");
	case TLS_CIPHER:
		return xstrdup(name_of(SSL_CIPHER_get_cipher_nid(cipher)));
	default:
		return xstrdup(name_of(SSL_CIPHER_get_digest_nid(cipher)));
	}
}
