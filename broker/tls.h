/* tls.h - makes server contexts from the settings, and reads whom a certificate
 * names. */
#ifndef BROKER_TLS_H
#define BROKER_TLS_H

#include <stddef.h>

struct config;
struct ssl_ctx_st;
struct ssl_st;
struct X509_name_st;

/* What can be spoken, the newest first, NULL behind the last: ssl_options.versions
 * chooses from them. */
extern const char *const tls_versions[];

/* A context as ssl_options.* say, for TLS 1.2 and 1.3; the caller's reference,
 * given back with tls_context_free. NULL with a sentence in error: which setting
 * it is, and what is wrong with its file. */
struct ssl_ctx_st *tls_context_new(
    const struct config *, char *error, size_t size);
void tls_context_free(struct ssl_ctx_st *); /* or NULL */

/* The peer's name for a login with EXTERNAL, from its certificate: where in it
 * is ssl_cert_login_from's to say. malloc'd; NULL with a reason for the log, if
 * there is no certificate or no such name in it. */
char *tls_peer_user(
    struct ssl_st *, const struct config *, char *reason, size_t size);

/* A name as RFC 2253 writes it, with RabbitMQ's words for the kinds of its parts;
 * malloc'd, NULL if it is empty. */
char *tls_name_text(const struct X509_name_st *);

/* What was agreed on and whom the peer's certificate names, in the words of
 * RabbitMQ's list_connections; malloc'd, NULL where there is nothing to tell. */
enum tls_fact {
	TLS_PROTOCOL,	   /* tlsv1.3 */
	TLS_KEY_EXCHANGE,  /* ecdhe_rsa, any */
	TLS_CIPHER,	   /* aes_256_gcm */
	TLS_HASH,	   /* aead, sha256 */
	TLS_PEER_SUBJECT,  /* tls_name_text */
	TLS_PEER_ISSUER,
	TLS_PEER_VALIDITY, /* 2026-01-02T03:04:05Z - 2036-01-02T03:04:05Z */
};
char *tls_describe(struct ssl_st *, enum tls_fact);

#endif
