/* tls_name.c - whom a certificate names, as RabbitMQ writes it. */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/bytes.h"
#include "amqp/xalloc.h"
#include "broker/config.h"
#include "broker/tls.h"

/* --- distinguished names --------------------------------------------------------- */

enum {
	VALUE = ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL |
	    ASN1_STRFLGS_ESC_MSB | ASN1_STRFLGS_UTF8_CONVERT,
};

/* The kinds of attribute that RabbitMQ 3.10.8 was seen to name; others are told by
 * their numbers. */
static const struct {
	int nid;
	const char *name;
} kinds[] = {
    {NID_commonName, "CN"},
    {NID_surname, "SN"},
    {NID_givenName, "GIVENNAME"},
    {NID_initials, "INITIALS"},
    {NID_generationQualifier, "GENERATIONQUALIFIER"},
    {NID_localityName, "L"},
    {NID_stateOrProvinceName, "ST"},
    {NID_organizationName, "O"},
    {NID_organizationalUnitName, "OU"},
    {NID_title, "TITLE"},
    {NID_countryName, "C"},
    {NID_serialNumber, "SERIALNUMBER"},
    {NID_pseudonym, "PSEUDONYM"},
    {NID_domainComponent, "DC"},
    {NID_pkcs9_emailAddress, "EMAILADDRESS"},
    {NID_userId, "UID"},
};

static void
put_kind(BIO *out, const ASN1_OBJECT *kind)
{
	int nid = OBJ_obj2nid(kind);
	char numbers[200];

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].nid == nid) {
			BIO_puts(out, kinds[i].name);
			return;
		}
	OBJ_obj2txt(numbers, sizeof numbers, kind, 1);
	BIO_puts(out, numbers);
}

/* The parts of a name that has several stand in order, joined by +. */
static void
put_part(BIO *out, const X509_NAME *name, int from, int end)
{
	for (int i = from; i < end; i++) {
		const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);

		if (i > from)
			BIO_puts(out, "+");
		put_kind(out, X509_NAME_ENTRY_get_object(e));
		BIO_puts(out, "=");
		ASN1_STRING_print_ex(out, X509_NAME_ENTRY_get_data(e), VALUE);
	}
}

/* Where the part begins that ends there. */
static int
part_before(const X509_NAME *name, int end)
{
	int from = end - 1;
	int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, from));

	while (from > 0 &&
	    X509_NAME_ENTRY_set(X509_NAME_get_entry(name, from - 1)) == set)
		from--;
	return from;
}

char *
tls_name_text(const struct X509_name_st *name)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *p, *text;
	long n;

	for (int from, end = X509_NAME_entry_count(name); end > 0; end = from) {
		from = part_before(name, end);
		put_part(out, name, from, end);
		if (from > 0)
			BIO_puts(out, ",");
	}
	n = BIO_get_mem_data(out, &p);
	text = n > 0 ? xasprintf("%.*s", (int)n, p) : NULL;
	BIO_free(out);
	return text;
}

/* --- whom EXTERNAL lets in -------------------------------------------------------- */

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

/* All there are, joined by commas, unless one is nobody's. */
static char *
common_name_of(X509 *certificate)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	char *all = NULL, *one, *more;
	int at = -1;

	while ((at = X509_NAME_get_index_by_NID(
		    subject, NID_commonName, at)) >= 0) {
		one = string_of(X509_NAME_ENTRY_get_data(
		    X509_NAME_get_entry(subject, at)));
		if (one == NULL) {
			free(all);
			return NULL;
		}
		more = all != NULL ? xasprintf("%s,%s", all, one)
				   : xstrdup(one);
		free(one);
		free(all);
		all = more;
	}
	return all;
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
	return tls_name_text(X509_get_subject_name(certificate));
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
