/* config_value.c - what the values of settings say: numbers with units, flags,
 * levels, addresses. */
#include "broker/config_row.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/log_sink.h"
#include "broker/pattern.h"

#define TIMES                                                                  \
	"rfc3339_space, rfc3339_T, epoch_usecs, epoch_secs, lager_default"
#define LEVEL_FORMS "lc, uc, lc3, uc3, lc4, uc4"

/* What a CHOICE or one of NAMES may be, joined by commas. */
static const char *const choices[SETTINGS] = {
    [SETTING_log_console_formatter] = "plaintext, json",
    [SETTING_log_file_formatter] = "plaintext, json",
    [SETTING_log_exchange_formatter] = "plaintext, json",
    [SETTING_log_console_stdio] = "stdout, stderr",
    [SETTING_log_console_time] = TIMES,
    [SETTING_log_file_time] = TIMES,
    [SETTING_log_exchange_time] = TIMES,
    [SETTING_log_console_level_format] = LEVEL_FORMS,
    [SETTING_log_file_level_format] = LEVEL_FORMS,
    [SETTING_log_exchange_level_format] = LEVEL_FORMS,
    [SETTING_auth_backends] = "internal, rabbit_auth_backend_internal",
    [SETTING_auth_mechanisms] = "PLAIN, AMQPLAIN, EXTERNAL, ANONYMOUS",
    [SETTING_ssl_verify] = "verify_none, verify_peer",
    [SETTING_ssl_versions] = "tlsv1.2, tlsv1.3",
    [SETTING_ssl_cert_login_from] =
	"distinguished_name, common_name, subject_alternative_name, "
	"subject_alt_name",
    [SETTING_ssl_cert_login_san_type] = "dns, ip, email, uri, other_name",
    [SETTING_default_queue_type] = "classic, quorum",
    [SETTING_password_hashing_module] =
	"rabbit_password_hashing_sha256, rabbit_password_hashing_sha512, "
	"scrypt",
    [SETTING_credential_backend] =
	"rabbit_credential_validator_accept_everything, "
	"rabbit_credential_validator_min_password_length, "
	"rabbit_credential_validator_password_regexp",
    [SETTING_definitions_backend] =
	"local_filesystem, local, "
	"rabbit_definitions_import_local_filesystem, "
	"rabbitmq_definitions_import_local_filesystem",
    [SETTING_connection_max] = "infinity",
    [SETTING_channel_max_per_node] = "infinity",
    [SETTING_consumer_max_per_channel] = "infinity",
    [SETTING_ssl_crl_check] = "false",
    [SETTING_handshake_timeout] = "infinity",
};

/* --- reading values ---------------------------------------------------- */

struct unit {
	const char *name;
	int64_t factor;
};

/* As RabbitMQ's information units: a letter alone is a power of 1024. */
static const struct unit size_units[] = {{"", 1}, {"B", 1}, {"k", 1LL << 10},
    {"kiB", 1LL << 10}, {"kB", 1000}, {"M", 1LL << 20}, {"MiB", 1LL << 20},
    {"MB", 1000000}, {"G", 1LL << 30}, {"GiB", 1LL << 30}, {"GB", 1000000000},
    {"T", 1LL << 40}, {"TiB", 1LL << 40}, {"TB", 1000000000000}};

static const struct unit time_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000},
    {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct unit *
find_unit(const struct unit *units, size_t count, const char *name, size_t n)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(units[i].name) == n &&
		    strncasecmp(units[i].name, name, n) == 0)
			return &units[i];
	return NULL;
}

/* Digits, and behind them a unit of letters: one term of "1h30m". Moves *p
 * behind it and adds it to *sum; false if it is none or does not fit. */
static bool
read_term(const char **p, const struct unit *units, size_t count, int64_t *sum)
{
	const struct unit *unit;
	const char *letters;
	int64_t n = 0;

	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); ++*p)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, **p - '0', &n))
			return false;
	while (**p == ' ')
		++*p;
	letters = *p;
	while (isalpha((unsigned char)**p))
		++*p;
	unit = find_unit(units, count, letters, (size_t)(*p - letters));
	return unit != NULL && !__builtin_mul_overflow(n, unit->factor, &n) &&
	       !__builtin_add_overflow(*sum, n, sum);
}

static bool
read_int(const char *p, int64_t *n)
{
	static const struct unit none[] = {{"", 1}};

	*n = 0;
	return read_term(&p, none, 1, n) && *p == '\0';
}

static bool
read_size(const char *p, int64_t *n)
{
	*n = 0;
	return read_term(&p, size_units, COUNT(size_units), n) && *p == '\0';
}

static int64_t
factor_of(const struct row *row)
{
	const struct unit *unit = find_unit(
	    time_units, COUNT(time_units), row->unit, strlen(row->unit));

	return unit != NULL ? unit->factor : 1;
}

/* In the row's unit: a bare number, or terms that add up to a whole one. */
static bool
read_time(const struct row *row, const char *p, int64_t *n)
{
	int64_t ms = 0;

	if (read_int(p, n))
		return true;
	do {
		if (!read_term(&p, time_units, COUNT(time_units), &ms))
			return false;
	} while (*p != '\0');
	*n = ms / factor_of(row);
	return ms % factor_of(row) == 0;
}

/* Rows that may be without a limit have their largest number for it. */
static bool
is_unlimited(const struct row *row)
{
	const char *words = choices[row - config_rows];

	return words != NULL && strcmp(words, "infinity") == 0;
}

static bool
read_number(const struct row *row, const char *value, int64_t *n)
{
	bool read;

	if (is_unlimited(row) && strcmp(value, "infinity") == 0) {
		*n = row->max;
		return true;
	}
	if (row->type == TYPE_SIZE || row->type == TYPE_SIZES)
		read = read_size(value, n);
	else if (row->type == TYPE_TIME || row->type == TYPE_TIMES)
		read = read_time(row, value, n);
	else
		read = read_int(value, n);
	return read && *n >= row->min && *n <= row->max;
}

/* A decimal number. */
static bool
read_ratio(const struct row *row, const char *p, double *ratio)
{
	char *end;

	if (p[strspn(p, "0123456789.")] != '\0')
		return false;
	*ratio = strtod(p, &end);
	return end != p && *end == '\0' && *ratio >= (double)row->min &&
	       *ratio <= (double)row->max;
}

static bool
read_bool(const char *value, bool *b)
{
	*b = strcmp(value, "true") == 0 || strcmp(value, "on") == 0;
	return *b || strcmp(value, "false") == 0 || strcmp(value, "off") == 0;
}

/* Is it one of the row's choices? Rows without take anything. */
static bool
read_choice(const struct row *row, const char *value)
{
	const char *p = choices[row - config_rows];
	size_t n;

	if (p == NULL)
		return true;
	if (*value == '\0')
		return *row->fallback == '\0';
	for (; *p != '\0'; p += n) {
		p += strspn(p, ", ");
		n = strcspn(p, ",");
		if (strlen(value) == n && memcmp(p, value, n) == 0)
			return true;
	}
	return false;
}

static bool
is_address(const char *host)
{
	struct in6_addr room;

	return inet_pton(AF_INET, host, &room) == 1 ||
	       inet_pton(AF_INET6, host, &room) == 1;
}

bool
config_address(const char *value, char *host, size_t host_size, unsigned *port)
{
	const char *colon = strrchr(value, ':');
	const char *digits = colon != NULL ? colon + 1 : value;
	size_t n = colon != NULL ? (size_t)(colon - value) : 0;
	int64_t number;

	if (!read_int(digits, &number) || number > 65535)
		return false;
	if (colon != NULL && n == 0)
		return false;
	if (n > 2 && value[0] == '[' && value[n - 1] == ']') {
		value++;
		n -= 2;
	}
	if (n >= host_size)
		return false;
	memcpy(host, value, n);
	host[n] = '\0';
	*port = (unsigned)number;
	return n == 0 || is_address(host);
}

/* --- what fields and maps keep -------------------------------------------- */

static bool
text_set(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
	return true;
}

/* Passwords that a key elsewhere would open. */
static bool
is_encrypted(const char *value)
{
	return strncmp(value, "encrypted:", 10) == 0;
}

/* If not, why. */
static bool
is_pattern(const char *value, char *why, size_t size)
{
	struct pattern *p = pattern_new(bytes_str(value), why, size);

	if (p == NULL)
		return false;
	pattern_free(p);
	return true;
}

static bool
read_into_number(const struct row *row, const char *value, int64_t *field)
{
	int64_t n;

	if (!read_number(row, value, &n))
		return false;
	*field = row->type == TYPE_TIME ? n * factor_of(row) : n;
	return true;
}

bool
value_read(const struct row *row, const char *value, void *field)
{
	bool b;
	double d;

	switch (row->type) {
	case TYPE_TEXT:
		return text_set(field, value);
	case TYPE_SECRET:
		return !is_encrypted(value) && text_set(field, value);
	case TYPE_CHOICE:
		return read_choice(row, value) && text_set(field, value);
	case TYPE_BOOL:
		return read_bool(value, &b) && (*(bool *)field = b, true);
	case TYPE_RATIO:
		return read_ratio(row, value, &d) &&
		    (*(double *)field = d, true);
	case TYPE_LEVEL:
		return log_level_find(value, field);
	case TYPE_DATE:
		return log_date_next(value, 1) >= 0 && text_set(field, value);
	case TYPE_PATTERN:
		return is_pattern(value, NULL, 0) && text_set(field, value);
	default:
		return read_into_number(row, value, field);
	}
}

static const char *
kept_number(const struct row *row, const char *value)
{
	static char text[24];
	int64_t n;

	if (!read_number(row, value, &n))
		return NULL;
	snprintf(text, sizeof text, "%lld", (long long)n);
	return text;
}

const char *
value_kept(const struct row *row, const char *value)
{
	char host[256];
	unsigned port;
	bool flag;

	switch (row->type) {
	case TYPE_ADDRESSES:
		return config_address(value, host, sizeof host, &port) ? value
								       : NULL;
	case TYPE_NAMES:
		return read_choice(row, value) ? value : NULL;
	case TYPE_PATTERNS:
		return is_pattern(value, NULL, 0) ? value : NULL;
	case TYPE_SECRETS:
		return is_encrypted(value) ? NULL : value;
	case TYPE_FLAGS:
		if (!read_bool(value, &flag))
			return NULL;
		return flag ? "true" : "false";
	default:
		return kept_number(row, value);
	}
}

/* --- telling ---------------------------------------------------------------- */

const char *
value_text(const struct row *row, const void *field, char *p, size_t size)
{
	int64_t n;

	switch (row->type) {
	case TYPE_TEXT:
	case TYPE_CHOICE:
	case TYPE_DATE:
	case TYPE_PATTERN:
		return *(char *const *)field;
	case TYPE_SECRET:
		return **(char *const *)field != '\0' ? "********" : "";
	case TYPE_BOOL:
		return *(const bool *)field ? "true" : "false";
	case TYPE_RATIO:
		snprintf(p, size, "%.10g", *(const double *)field);
		return p;
	case TYPE_LEVEL:
		return log_level_name(*(const enum log_level *)field);
	default:
		n = *(const int64_t *)field;
		n /= row->type == TYPE_TIME ? factor_of(row) : 1;
		if (is_unlimited(row) && n == row->max)
			return "infinity";
		snprintf(p, size, "%lld", (long long)n);
		return p;
	}
}

static const char *
kind_of(const struct row *row)
{
	switch (row->type) {
	case TYPE_INT:
	case TYPE_COUNTS:
		return "a whole number";
	case TYPE_SIZE:
	case TYPE_SIZES:
		return "a size (100, 64kB, 8MiB)";
	case TYPE_TIME:
	case TYPE_TIMES:
		return "a time (100, 500ms, 10s, 5m)";
	case TYPE_RATIO:
		return "a number (0.6)";
	case TYPE_BOOL:
	case TYPE_FLAGS:
		return "true or false";
	case TYPE_LEVEL:
		return "debug, info, notice, warning, error, critical, alert, "
		       "emergency or none";
	case TYPE_DATE:
		return "a date ($H30, $D23, $W0D2, $M1)";
	case TYPE_ADDRESSES:
		return "a port or address:port, the address in numbers";
	case TYPE_SECRET:
	case TYPE_SECRETS:
		return "a text in the clear: there is nothing here to "
		       "decrypt it with";
	default:
		return "a text";
	}
}

void
value_describe(const struct row *row, const char *value, char *p, size_t size)
{
	const char *words = choices[row - config_rows];
	char why[200] = "";

	if (row->type == TYPE_PATTERN || row->type == TYPE_PATTERNS) {
		is_pattern(value, why, sizeof why);
		snprintf(p, size, "a pattern: %s", why);
	} else if (words != NULL && !is_unlimited(row))
		snprintf(p, size, "one of: %s", words);
	else if (row->max == 0)
		snprintf(p, size, "%s", kind_of(row));
	else
		snprintf(p, size, "%s from %lld to %lld%s%s%s", kind_of(row),
		    (long long)row->min, (long long)row->max,
		    *row->unit != '\0' ? " " : "", row->unit,
		    words != NULL ? ", or infinity" : "");
}
