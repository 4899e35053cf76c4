/* import_rights.c - users and what they may do, from a definitions file. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/credentials.h"
#include "broker/import.h"
#include "broker/json.h"
#include "broker/log.h"
#include "broker/password.h"
#include "broker/pattern.h"
#include "broker/topic_rights.h"

/* --- users --------------------------------------------------------------------- */

/* A user as it is read; hash and tags are own. */
struct reading {
	struct bytes name, algorithm;
	uint8_t *hash;
	size_t hash_size;
	char *tags;
	int64_t max_connections, max_channels;
};

static bool
decode(struct import *im, struct bytes text, struct reading *u)
{
	int n = 0;

	u->hash = xmalloc(text.n / 4 * 3 + 1);
	if (text.n > 0 && text.n % 4 == 0)
		n = EVP_DecodeBlock(u->hash, text.p, (int)text.n);
	if (n < 0 || text.n % 4 != 0)
		return import_refuse(im, "its password_hash is no base64");
	if (n > 0) /* the padding counts as zeros */
		n -= (text.p[text.n - 1] == '=') + (text.p[text.n - 2] == '=');
	u->hash_size = (size_t)n;
	return true;
}

static bool
read_hash(struct import *im, struct reading *u)
{
	struct bytes text = {0};

	u->algorithm = im->old_hashes ? BYTES("rabbit_password_hashing_md5")
				      : BYTES(PASSWORD_ALGORITHM);
	if (!import_text(
		im, "hashing_algorithm", MAY, SIZE_MAX, &u->algorithm) ||
	    !import_text(im, "password_hash", MAY, 1000, &text))
		return false;
	if (!password_algorithm_known(u->algorithm))
		return import_refuse(im, "hashing_algorithm '%s' is unknown",
		    log_safe(u->algorithm));
	return decode(im, text, u);
}

static void
hash(struct import *im, struct bytes password, struct reading *u)
{
	const char *algorithm = im->server->config->password_hashing_module;

	struct bytes slow;

	u->algorithm = bytes_str(algorithm);
	u->hash = xmalloc(PASSWORD_HASH_MAX);
	if (!password_slow(algorithm)) {
		u->hash_size = password_hash(password, algorithm, u->hash);
		return;
	}
	slow = import_hashed(im);
	put_bytes(u->hash, slow);
	u->hash_size = slow.n;
}

static bool
read_password(struct import *im, struct reading *u)
{
	struct bytes text = {0};
	char why[300];

	if (!import_text(im, "password", MAY, SIZE_MAX, &text))
		return false;
	if (text.p == NULL || json_object_get(im->member, "password_hash"))
		return read_hash(im, u);
	if (text.n == 0)
		return import_refuse(im, "its password is empty");
	if (!credential_acceptable(im->server->config, text, why, sizeof why))
		return import_refuse(im, "%s", why);
	if (!import_checks(im))
		hash(im, text, u);
	else if (password_slow(im->server->config->password_hashing_module))
		import_hash_later(im, text);
	return true;
}

static void
take_limit(const json_t *limits, const char *key, int64_t *limit)
{
	const json_t *v = json_object_get(limits, key);
	int64_t n = json_integer_value(v);

	if (v != NULL)
		*limit = n < 0 ? -1 : n;
}

static bool
check_limits(struct import *im, const json_t *limits)
{
	char *text = json_write(limits), why[300];
	bool good = user_limits_check(bytes_str(text), why, sizeof why);

	free(text);
	return good || import_refuse(im, "%s", why);
}

/* Limits that are not named stay. */
static bool
read_limits(struct import *im, struct reading *u)
{
	const struct user *old = auth_user(im->server->auth, u->name);
	const json_t *limits = NULL;

	u->max_connections = old != NULL ? old->max_connections : -1;
	u->max_channels = old != NULL ? old->max_channels : -1;
	if (!import_object(im, "limits", MAY, &limits) ||
	    (limits != NULL && !check_limits(im, limits)))
		return false;
	take_limit(limits, "max-connections", &u->max_connections);
	take_limit(limits, "max-channels", &u->max_channels);
	return true;
}

static bool
read_user(struct import *im, struct reading *u)
{
	const json_t *tags = json_object_get(im->member, "tags");

	if (!import_name(im, "name", &u->name) || !read_password(im, u) ||
	    !read_limits(im, u))
		return false;
	if (tags == NULL)
		return import_refuse(im, "has no tags");
	return import_tags(im, tags, &u->tags);
}

bool
import_user(struct import *im)
{
	struct reading u = {0};
	bool good = read_user(im, &u);

	if (good && import_checks(im))
		import_brings_user(im, u.name);
	else if (good)
		auth_put_user(im->server->auth,
		    &(struct def_user){.name = u.name,
			.hash = {u.hash, u.hash_size},
			.algorithm = u.algorithm,
			.tags = bytes_str(u.tags),
			.max_connections = u.max_connections,
			.max_channels = u.max_channels});
	free(u.hash);
	free(u.tags);
	return good;
}

/* --- permissions ------------------------------------------------------------------ */

static bool
read_who(struct import *im, struct bytes *user, struct bytes *vhost)
{
	if (!import_name(im, "user", user) || !import_vhost(im, vhost))
		return false;
	return !import_checks(im) || import_has_user(im, *user) ||
	    import_refuse(im, "user '%s' does not exist", log_safe(*user));
}

static bool
check_pattern(struct import *im, const char *key, struct bytes text)
{
	char why[160];
	struct pattern *p = pattern_new(text, why, sizeof why);

	if (p == NULL)
		return import_refuse(im, "%s: regular expression '%s': %s",
		    key, log_safe(text), why);
	pattern_free(p);
	return true;
}

bool
import_permission(struct import *im)
{
	struct bytes user, vhost, text[VERBS];
	char why[400];

	if (!read_who(im, &user, &vhost))
		return false;
	for (int verb = 0; verb < VERBS; verb++)
		if (!import_text(
			im, verb_name(verb), NEED, SIZE_MAX, &text[verb]))
			return false;
	for (int verb = 0; verb < VERBS && import_checks(im); verb++)
		if (!check_pattern(im, verb_name(verb), text[verb]))
			return false;
	if (!import_checks(im) && server_vhost(im->server, vhost) != NULL)
		auth_set_permission(
		    im->server->auth, user, vhost, text, why, sizeof why);
	return true;
}

bool
import_topic_permission(struct import *im)
{
	struct def_topic_permission d;
	char why[400];

	if (!read_who(im, &d.user, &d.vhost) ||
	    !import_text(im, "exchange", NEED, UINT8_MAX, &d.exchange) ||
	    !import_text(im, "write", NEED, SIZE_MAX, &d.write) ||
	    !import_text(im, "read", NEED, SIZE_MAX, &d.read))
		return false;
	if (import_checks(im))
		return topic_right_check(&d, why, sizeof why) ||
		    import_refuse(im, "%s", why);
	if (server_vhost(im->server, d.vhost) != NULL)
		topic_right_set(im->server->auth, d.user, d.vhost, d.exchange,
		    d.write, d.read, why, sizeof why);
	return true;
}
