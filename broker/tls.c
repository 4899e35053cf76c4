/* tls.c - makes server contexts from the settings, and reads whom a certificate
 * names. */
#include "broker/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/bytes.h"
#include "amqp/xalloc.h"
#include "broker/config.h"

enum { READ_AHEAD = 64 * 1024 }; /* so that a read takes several records */

/* --- contexts ---------------------------------------------------------------- */

/* A context in the making, and where to say what is wrong. */
struct making {
	SSL_CTX *context;
	const struct config *config;
	char *error;
	size_t size;
};

static bool
wrong(struct making *m, const char *key, const char *value)
{
	unsigned long code = ERR_peek_error();
	const char *why = ERR_SYSTEM_ERROR(code)
	    ? strerror(ERR_GET_REASON(code))
	    : ERR_reason_error_string(code);

	snprintf(m->error, m->size, "ssl_options.%s: '%s' cannot be used: %s",
	    key, value, why != NULL ? why : "no such thing");
	return false;
}

static int
give_password(char *p, int size, int writing, void *password)
{
	size_t n = strlen(password);

	if (n > (size_t)size)
		return -1;
	memcpy(p, password, n);
	return (int)n;
}

static bool
use_certificate(struct making *m)
{
	const struct config *c = m->config;

	SSL_CTX_set_default_passwd_cb(m->context, give_password);
	SSL_CTX_set_default_passwd_cb_userdata(m->context, c->ssl_password);
	if (SSL_CTX_use_certificate_chain_file(m->context, c->ssl_certfile) != 1)
		return wrong(m, "certfile", c->ssl_certfile);
	if (SSL_CTX_use_PrivateKey_file(
		m->context, c->ssl_keyfile, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(m->context) != 1)
		return wrong(m, "keyfile", c->ssl_keyfile);
	return true;
}

static bool
use_authorities(struct making *m)
{
	const char *file = m->config->ssl_cacertfile;
	STACK_OF(X509_NAME) *names;

	if (file[0] == '\0')
		return true;
	if (SSL_CTX_load_verify_locations(m->context, file, NULL) != 1 ||
	    (names = SSL_load_client_CA_file(file)) == NULL)
		return wrong(m, "cacertfile", file);
	SSL_CTX_set_client_CA_list(m->context, names);
	return true;
}

static void
set_verify(struct making *m)
{
	const struct config *c = m->config;
	bool peer = strcmp(c->ssl_verify, "verify_peer") == 0;
	int mode = SSL_VERIFY_NONE;

	if (peer)
		mode = SSL_VERIFY_PEER;
	if (peer && c->ssl_fail_if_no_peer_cert)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(m->context, mode, NULL);
	SSL_CTX_set_verify_depth(m->context, (int)c->ssl_depth);
}

/* The lowest and the highest of those named; a gap between them cannot be. */
static bool
set_versions(struct making *m)
{
	const struct config_map *map = &m->config->ssl_versions;
	bool v12 = map->count == 0, v13 = map->count == 0;

	for (size_t i = 0; i < map->count; i++) {
		const char *value = map->pairs[i].value;

		v12 = v12 || strcmp(value, "tlsv1.2") == 0;
		v13 = v13 || strcmp(value, "tlsv1.3") == 0;
	}
	return SSL_CTX_set_min_proto_version(m->context,
		   v12 ? TLS1_2_VERSION : TLS1_3_VERSION) == 1 &&
	    SSL_CTX_set_max_proto_version(
		m->context, v13 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1;
}

/* The names joined by colons, those of TLS 1.3 (TLS_...) or the others. */
static char *
join_ciphers(const struct config_map *map, bool v13)
{
	char *all = xstrdup(""), *more;

	for (size_t i = 0; i < map->count; i++) {
		const char *value = map->pairs[i].value;

		if ((strncmp(value, "TLS_", 4) == 0) != v13)
			continue;
		more = xasprintf("%s%s%s", all, all[0] ? ":" : "", value);
		free(all);
		all = more;
	}
	return all;
}

static bool
set_ciphers(struct making *m)
{
	const struct config_map *map = &m->config->ssl_ciphers;
	char *v12 = join_ciphers(map, false), *v13 = join_ciphers(map, true);
	bool ok = true;

	if (v12[0] != '\0' && SSL_CTX_set_cipher_list(m->context, v12) != 1)
		ok = wrong(m, "ciphers", v12);
	if (ok && v13[0] != '\0' &&
	    SSL_CTX_set_ciphersuites(m->context, v13) != 1)
		ok = wrong(m, "ciphers", v13);
	free(v12);
	free(v13);
	return ok;
}

static void
set_habits(SSL_CTX *context, const struct config *c)
{
	uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	    SSL_OP_IGNORE_UNEXPECTED_EOF;

	if (c->ssl_honor_cipher_order)
		options |= SSL_OP_CIPHER_SERVER_PREFERENCE;
	SSL_CTX_set_options(context, options);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD);
	/* Sessions are told from others' by this: needed where certificates
	 * are asked for (SSL_CTX_set_session_id_context(3)). */
	SSL_CTX_set_session_id_context(
	    context, (const unsigned char *)"leveret", 7);
}

struct ssl_ctx_st *
tls_context_new(const struct config *c, char *error, size_t size)
{
	struct making m = {SSL_CTX_new(TLS_server_method()), c, error, size};

	snprintf(error, size, "TLS cannot be set up");
	if (m.context == NULL)
		return NULL;
	ERR_clear_error();
	set_habits(m.context, c);
	set_verify(&m);
	if (use_certificate(&m) && use_authorities(&m) && set_versions(&m) &&
	    set_ciphers(&m))
		return m.context;
	SSL_CTX_free(m.context);
	return NULL;
}

void
tls_context_free(struct ssl_ctx_st *context)
{
	SSL_CTX_free(context);
}

/* --- names in certificates ---------------------------------------------------- */

static char *
memory_text(BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	char *text = n > 0 ? strndup(p, (size_t)n) : NULL;

	BIO_free(bio);
	return text;
}

static char *
subject_of(X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());

	X509_NAME_print_ex(
	    bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
	return memory_text(bio);
}

/* Names with a zero octet inside are nobody's. */
static char *
string_of(const ASN1_STRING *s)
{
	unsigned char *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, s);
	char *text = NULL;

	if (n > 0 && memchr(utf8, 0, (size_t)n) == NULL)
		text = strndup((char *)utf8, (size_t)n);
	OPENSSL_free(utf8);
	return text;
}

static char *
common_name_of(X509 *certificate)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	if (at < 0)
		return NULL;
	return string_of(
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

static char *
address_of(const ASN1_OCTET_STRING *ip)
{
	char text[INET6_ADDRSTRLEN];
	int n = ASN1_STRING_length(ip);

	if (n != 4 && n != 16)
		return NULL;
	inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text,
	    sizeof text);
	return xstrdup(text);
}

static char *
alternative_text(const GENERAL_NAME *name)
{
	const ASN1_TYPE *other;

	switch (name->type) {
	case GEN_DNS:
	case GEN_EMAIL:
	case GEN_URI:
		return string_of(name->d.ia5);
	case GEN_IPADD:
		return address_of(name->d.ip);
	case GEN_OTHERNAME:
		other = name->d.otherName->value;
		return other->type == V_ASN1_UTF8STRING
		    ? string_of(other->value.utf8string)
		    : NULL;
	default:
		return NULL;
	}
}

static int
alternative_type(const char *word)
{
	static const struct {
		const char *word;
		int type;
	} types[] = {{"dns", GEN_DNS}, {"ip", GEN_IPADD}, {"email", GEN_EMAIL},
	    {"uri", GEN_URI}, {"other_name", GEN_OTHERNAME}};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i].word, word) == 0)
			return types[i].type;
	return -1;
}

/* The name of that type, counted from 0. */
static char *
alternative_of(X509 *certificate, const char *word, int64_t index)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(
	    certificate, NID_subject_alt_name, NULL, NULL);
	int type = alternative_type(word);
	char *text = NULL;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && text == NULL; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == type && index-- == 0)
			text = alternative_text(name);
	}
	GENERAL_NAMES_free(names);
	return text;
}

static char *
name_in(X509 *certificate, const struct config *c)
{
	if (strcmp(c->ssl_cert_login_from, "common_name") == 0)
		return common_name_of(certificate);
	if (strcmp(c->ssl_cert_login_from, "subject_alternative_name") == 0 ||
	    strcmp(c->ssl_cert_login_from, "subject_alt_name") == 0)
		return alternative_of(certificate, c->ssl_cert_login_san_type,
		    c->ssl_cert_login_san_index);
	return subject_of(certificate);
}

char *
tls_peer_user(
    struct ssl_st *ssl, const struct config *c, char *reason, size_t size)
{
	X509 *certificate = SSL_get1_peer_certificate(ssl);
	char *name;

	if (certificate == NULL) {
		snprintf(reason, size,
		    "connection peer presented no TLS (x.509) certificate");
		return NULL;
	}
	name = name_in(certificate, c);
	X509_free(certificate);
	if (name == NULL)
		snprintf(reason, size,
		    "no %s in the peer's certificate", c->ssl_cert_login_from);
	return name;
}

char *
tls_peer_subject(struct ssl_st *ssl)
{
	X509 *certificate = SSL_get1_peer_certificate(ssl);
	char *text;

	if (certificate == NULL)
		return NULL;
	text = subject_of(certificate);
	X509_free(certificate);
	return text;
}
