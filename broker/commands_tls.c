/* commands_tls.c - commands about TLS: versions, ciphers, how long certificates are
 * good. */
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "broker/commands.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/listener.h"
#include "broker/server.h"
#include "broker/tls.h"

/* --- what can be agreed on ---------------------------------------------- */

void
command_tls_versions(struct request *r, size_t *budget)
{
	json_t *d = json_object(), *list = json_array();

	request_banner(r, "Listing all TLS versions supported by the runtime...");
	for (const char *const *v = tls_versions; *v != NULL; v++) {
		request_text(r, "%s", *v);
		json_array_append_new(list, json_string(*v));
	}
	json_object_set_new(d, "versions", list);
	command_document(r, d);
	request_end(r);
}

/* False after having refused the format. */
static bool
is_openssls(struct request *r, const char *format)
{
	if (format == NULL || strcmp(format, "openssl") == 0)
		return true;
	if (strcmp(format, "erlang") == 0 || strcmp(format, "map") == 0)
		request_fail(r, CODE_UNAVAILABLE,
		    "cipher suites have OpenSSL's names here, and no others");
	else
		request_misused(r, CODE_DATA,
		    ARGUMENT_ERROR "Bad argument: Format should be either "
				   "openssl, erlang or map");
	return false;
}

/* Those of the listeners: without one OpenSSL is not even awake. */
void
command_cipher_suites(struct request *r, size_t *budget)
{
	STACK_OF(SSL_CIPHER) *ciphers;

	if (!is_openssls(r, words_option(&r->words, "format")))
		return;
	if (r->server->tls == NULL) {
		request_fail(r, CODE_UNAVAILABLE,
		    "no listener takes TLS: no cipher suite is enabled");
		return;
	}
	request_banner(r, "Listing available cipher suites in OpenSSL format");
	ciphers = SSL_CTX_get_ciphers(r->server->tls);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
		request_text(r, "%s",
		    SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
	request_end(r);
}

/* --- how long certificates are good ------------------------------------- */

static const struct unit {
	const char *plural, *singular;
	int days;
} units[] = {
    {"days", "day", 1},
    {"weeks", "week", 7},
    {"months", "month", 30},
    {"years", "year", 365},
};

enum { UNITS = sizeof units / sizeof *units, WITHIN = 4, DAYS_MAX = 1 << 24 };

/* NULL after having refused it. */
static const struct unit *
unit_asked(struct request *r)
{
	const char *name = words_option(&r->words, "unit");

	for (size_t i = 0; i < UNITS; i++)
		if (strcmp(name != NULL ? name : "weeks", units[i].plural) == 0)
			return &units[i];
	request_misused(r, CODE_USAGE,
	    ARGUMENT_ERROR "\"unit '%s' is not supported. Please use one of: "
			   "days, weeks, months, years\"",
	    name);
	return NULL;
}

/* -1 after having refused it. */
static long
within_asked(struct request *r)
{
	const char *text = words_option(&r->words, "within");
	long n = text != NULL ? strtol(text, NULL, 10) : WITHIN;

	if (n >= 0 && n <= DAYS_MAX)
		return n;
	request_misused(r, CODE_USAGE,
	    ARGUMENT_ERROR
	    "Invalid options for this command:\n--within : %s",
	    text);
	return -1;
}

/* "2026-12-17 07:17:17" */
static json_t *
expiry_text(const X509 *certificate)
{
	struct tm tm = {0};
	char text[40];

	ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
	return json_string(text);
}

static bool
expires(const X509 *certificate, time_t when)
{
	return X509_cmp_time(X509_get0_notAfter(certificate), &when) < 0;
}

/* Of the certificate that is shown, and of the authorities that clients' ones are
 * checked with; true if one of them goes before that. */
static bool
own_expires(const struct server *s, time_t when, json_t *dates)
{
	const X509 *own = SSL_CTX_get0_certificate(s->tls);

	json_array_append_new(dates, expiry_text(own));
	return expires(own, when);
}

static bool
authority_expires(const struct server *s, time_t when, json_t *dates)
{
	X509_STORE *store = SSL_CTX_get_cert_store(s->tls);
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(store);
	bool any = false;

	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		const X509 *one =
		    X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));

		if (one == NULL)
			continue;
		json_array_append_new(dates, expiry_text(one));
		any = any || expires(one, when);
	}
	return any;
}

/* Adds the listener to those that show or trust what is about to expire. */
static void
add_expired(const struct listener *l, time_t when, json_t *expired)
{
	const struct server *s = l->server;
	json_t *own = json_array(), *authorities = json_array();
	bool first = own_expires(s, when, own);
	bool soon = authority_expires(s, when, authorities) || first;
	json_t *d = json_pack("{s:s, s:o, s:s, s:o, s:s, s:s, s:i, s:s, s:s}",
	    "cacertfile", s->config->ssl_cacertfile, "cacertfile_expires_on",
	    authorities, "certfile", s->config->ssl_certfile,
	    "certfile_expires_on", own, "interface", l->host, "node",
	    node_name(), "port", (int)l->port, "protocol",
	    listener_protocol(l), "purpose", listener_purpose(l));

	if (soon)
		json_array_append_new(expired, d);
	else
		json_decref(d);
}

static void
tell_expired(struct request *r, json_t *expired)
{
	json_t *d = json_pack(
	    "{s:O, s:s}", "expired", expired, "result", "error");
	char *text = json_write(expired);

	command_document(r, d);
	request_fail_bare(r, CODE_UNAVAILABLE, "%s", text);
	free(text);
}

static void
tell_good(struct request *r, long within, const struct unit *u)
{
	request_text(r, "No certificates are expiring within %ld %s.", within,
	    within == 1 ? u->singular : u->plural);
	command_document(r, json_pack("{s:s}", "result", "ok"));
	request_end(r);
}

void
command_check_certificate_expiration(struct request *r, size_t *budget)
{
	const struct unit *u = unit_asked(r);
	long within = u != NULL ? within_asked(r) : -1;
	json_t *expired;
	struct listener *l;

	if (within < 0)
		return;
	request_banner(
	    r, "Checking certificate expiration on node %s ...", node_name());
	expired = json_array();
	TAILQ_FOREACH(l, &r->server->listeners, link)
		if (l->secure)
			add_expired(l,
			    time(NULL) + (time_t)within * u->days * 86400,
			    expired);
	if (json_array_size(expired) > 0)
		tell_expired(r, expired);
	else
		tell_good(r, within, u);
	json_decref(expired);
}

/* --- the certificates themselves ---------------------------------------- */

static json_t *
pem(X509 *certificate)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *p;
	long n;
	json_t *text;

	PEM_write_bio_X509(out, certificate);
	n = BIO_get_mem_data(out, &p);
	text = json_stringn(p, (size_t)n);
	BIO_free(out);
	return text;
}

void
command_certificates(struct request *r, size_t *budget)
{
	json_t *list = json_array(), *one;
	const struct listener *l;

	request_banner(r, "Certificates of node %s ...", node_name());
	TAILQ_FOREACH(l, &r->server->listeners, link)
	{
		if (!l->secure)
			continue;
		one = pem(SSL_CTX_get0_certificate(r->server->tls));
		request_text(r, "Interface: %s, port: %u, protocol: amqp/ssl\n%s",
		    l->host, l->port, json_string_value(one));
		json_array_append_new(list,
		    json_pack("{s:o, s:s, s:s, s:i, s:s}", "certfile", one,
			"interface", l->host, "node", node_name(), "port",
			(int)l->port, "protocol", "amqp/ssl"));
	}
	command_document(r, list);
	request_end(r);
}
