/* tls.c - makes server contexts from the settings. */
#include "broker/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
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

/* Names the setting, and where it was set. */
static bool
wrong(struct making *m, enum setting_id id, const char *key, const char *value)
{
	const char *source = m->config->source[id];
	unsigned long code = ERR_peek_error();
	const char *why = ERR_SYSTEM_ERROR(code)
	    ? strerror(ERR_GET_REASON(code))
	    : ERR_reason_error_string(code);

	snprintf(m->error, m->size,
	    "%s%sssl_options.%s: '%s' cannot be used: %s",
	    source != NULL ? source : "", source != NULL ? ": " : "", key,
	    value, why != NULL ? why : "no such thing");
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

	if (*c->ssl_certfile == '\0' || *c->ssl_keyfile == '\0') {
		snprintf(m->error, m->size,
		    "listeners.ssl needs ssl_options.certfile and "
		    "ssl_options.keyfile");
		return false;
	}
	SSL_CTX_set_default_passwd_cb(m->context, give_password);
	SSL_CTX_set_default_passwd_cb_userdata(m->context, c->ssl_password);
	if (SSL_CTX_use_certificate_chain_file(m->context, c->ssl_certfile) != 1)
		return wrong(m, SETTING_ssl_certfile, "certfile", c->ssl_certfile);
	if (SSL_CTX_use_PrivateKey_file(
		m->context, c->ssl_keyfile, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(m->context) != 1)
		return wrong(m, SETTING_ssl_keyfile, "keyfile", c->ssl_keyfile);
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
		return wrong(m, SETTING_ssl_cacertfile, "cacertfile", file);
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

const char *const tls_versions[] = {"tlsv1.3", "tlsv1.2", NULL};

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
		ok = wrong(m, SETTING_ssl_ciphers, "ciphers", v12);
	if (ok && v13[0] != '\0' &&
	    SSL_CTX_set_ciphersuites(m->context, v13) != 1)
		ok = wrong(m, SETTING_ssl_ciphers, "ciphers", v13);
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
	if (!c->ssl_reuse_sessions) {
		options |= SSL_OP_NO_TICKET;
		SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	}
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
