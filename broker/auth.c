/* auth.c - who you are and what you may touch. */
#include "broker/auth.h"

#include <stdio.h>
#include <stdlib.h>

#include "amqp/xalloc.h"
#include "broker/json.h"
#include "broker/log.h"
#include "broker/password.h"
#include "broker/pattern.h"
#include "broker/topic_rights.h"

enum { DECISIONS = 1024 }; /* remembered at once, a power of two */

/* A decision lies where its key's hash says and is overwritten by the next one
 * of that place. All are forgotten with any change of a permission. */
struct decision {
	const struct permission *permission; /* NULL: the place is free */
	enum verb verb;
	bool allowed;
	struct bytes name; /* own */
};

struct auth {
	struct names users;
	struct names loopback; /* struct bytes, own */
	struct decision decisions[DECISIONS];
	const char *algorithm; /* of new hashes */
	size_t slow_users;     /* whose hashes are slow */
	auth_store *store;
	void *store_arg;
};

const char *
verb_name(enum verb verb)
{
	static const char *const verbs[VERBS] = {
	    [VERB_CONFIGURE] = "configure",
	    [VERB_WRITE] = "write",
	    [VERB_READ] = "read",
	};

	return verbs[verb];
}

static void
bytes_free(struct bytes b)
{
	free((void *)b.p);
}

/* --- decisions --------------------------------------------------------- */

static void
forget_decisions(struct auth *a)
{
	for (size_t i = 0; i < DECISIONS; i++) {
		bytes_free(a->decisions[i].name);
		a->decisions[i] = (struct decision){0};
	}
}

static struct decision *
decision_place(struct auth *a, const struct permission *p, enum verb verb,
    struct bytes name)
{
	uint64_t hash = bytes_hash(name) + (uintptr_t)p / 64 + verb * 7919;

	return &a->decisions[hash % DECISIONS];
}

static bool
decide(struct auth *a, const struct permission *p, enum verb verb,
    struct bytes name)
{
	struct decision *d = decision_place(a, p, verb, name);

	if (d->permission == p && d->verb == verb && bytes_eq(d->name, name))
		return d->allowed;
	bytes_free(d->name);
	*d = (struct decision){
	    .permission = p,
	    .verb = verb,
	    .allowed = pattern_matches(p->patterns[verb], name),
	    .name = xbytesdup(name),
	};
	return d->allowed;
}

/* --- permissions ------------------------------------------------------- */

static struct permission *
permission_find(const struct user *user, struct bytes vhost)
{
	return names_get(&user->permissions, vhost);
}

static void
permission_free(struct permission *p)
{
	for (int verb = 0; verb < VERBS; verb++) {
		bytes_free(p->text[verb]);
		pattern_free(p->patterns[verb]);
	}
	bytes_free(p->vhost);
	free(p);
}

/* ".*" matches every name and "" none but the empty one, as in RabbitMQ. False
 * with a sentence if it does not compile. */
static bool
compile(struct bytes text, struct pattern **pattern, char *error, size_t size)
{
	*pattern = NULL;
	if (bytes_eq(text, BYTES(".*")))
		return true;
	if (text.n == 0)
		text = BYTES("^$");
	return (*pattern = pattern_new(text, error, size)) != NULL;
}

static struct permission *
permission_new(struct user *user, struct bytes vhost,
    const struct bytes text[VERBS], char *error, size_t size)
{
	struct permission *p = xcalloc(1, sizeof *p);
	char reason[160];

	p->user = user;
	p->vhost = xbytesdup(vhost);
	for (int verb = 0; verb < VERBS; verb++) {
		if (!compile(text[verb], &p->patterns[verb], reason,
			sizeof reason)) {
			snprintf(error, size, "regular expression '%s': %s",
			    log_safe(text[verb]), reason);
			permission_free(p);
			return NULL;
		}
		p->text[verb] = xbytesdup(text[verb]);
	}
	return p;
}

static bool
permission_drop(struct auth *a, struct user *user, struct bytes vhost)
{
	struct permission *p = names_take(&user->permissions, vhost);

	if (p == NULL)
		return false;
	forget_decisions(a);
	permission_free(p);
	return true;
}

static void
permission_install(struct auth *a, struct permission *p)
{
	permission_drop(a, p->user, p->vhost);
	names_put(&p->user->permissions, p->vhost, p);
}

static void
permissions_clear(struct auth *a, struct user *user)
{
	struct permission *p;
	size_t at = 0;

	while ((p = names_each(&user->permissions, &at)) != NULL)
		permission_free(p);
	names_fini(&user->permissions);
	names_init(&user->permissions);
	forget_decisions(a);
}

/* --- users ------------------------------------------------------------- */

static struct user *
user_new(struct auth *a, struct bytes name)
{
	struct user *user = xcalloc(1, sizeof *user);

	user->refs = 1;
	user->max_connections = user->max_channels = -1;
	user->name = xbytesdup(name);
	user->tags = xstrdup("");
	user->algorithm = xstrdup(PASSWORD_ALGORITHM);
	user->loopback_only = names_get(&a->loopback, name) != NULL;
	names_init(&user->permissions);
	names_init(&user->topic_rights);
	names_put(&a->users, user->name, user);
	return user;
}

void
user_unref(struct user *user)
{
	if (--user->refs > 0)
		return;
	names_fini(&user->permissions);
	bytes_free(user->name);
	bytes_free(user->hash);
	free(user->algorithm);
	free(user->tags);
	free(user);
}

static void
user_set_hash(struct auth *a, struct user *user, struct bytes hash,
    const char *algorithm)
{
	char *copy = xstrdup(algorithm);

	a->slow_users -= password_slow(user->algorithm);
	a->slow_users += password_slow(algorithm);
	bytes_free(user->hash);
	free(user->algorithm);
	user->hash = xbytesdup(hash);
	user->algorithm = copy;
}

static void
user_set_tags(struct user *user, const char *tags)
{
	char *copy = xstrdup(tags);

	free(user->tags);
	user->tags = copy;
}

/* The one that held it in the table lets go. */
static void
user_drop(struct auth *a, struct user *user)
{
	permissions_clear(a, user);
	topic_rights_free(user);
	a->slow_users -= password_slow(user->algorithm);
	user->deleted = true;
	user_unref(user);
}

struct user *
auth_user(const struct auth *a, struct bytes name)
{
	return names_get(&a->users, name);
}

struct user *
auth_each_user(const struct auth *a, size_t *at)
{
	return names_each(&a->users, at);
}

/* --- what the store is told -------------------------------------------- */

void
auth_tell(struct auth *a, const struct definition *d, bool remove)
{
	a->store(a->store_arg, d, remove);
}

static void
tell_user(struct auth *a, const struct user *user, bool remove)
{
	struct definition d = {
	    .kind = DEF_user,
	    .user =
		{
		    .name = user->name,
		    .hash = user->hash,
		    .algorithm = bytes_str(user->algorithm),
		    .tags = bytes_str(user->tags),
		    .max_connections = user->max_connections,
		    .max_channels = user->max_channels,
		},
	};

	auth_tell(a, &d, remove);
}

static void
tell_permission(struct auth *a, const struct permission *p, bool remove)
{
	struct definition d = {
	    .kind = DEF_permission,
	    .permission =
		{
		    .vhost = p->vhost,
		    .user = p->user->name,
		    .configure = p->text[VERB_CONFIGURE],
		    .write = p->text[VERB_WRITE],
		    .read = p->text[VERB_READ],
		},
	};

	auth_tell(a, &d, remove);
}

static struct user *
take_user(struct auth *a, const struct def_user *d)
{
	struct user *old = auth_user(a, d->name);
	struct user *user = old != NULL ? old : user_new(a, d->name);
	char *algorithm = xasprintf("%.*s", BYTES_FMT(d->algorithm));
	char *tags = xasprintf("%.*s", BYTES_FMT(d->tags));

	user_set_hash(a, user, d->hash, algorithm);
	user_set_tags(user, tags);
	user->max_connections = d->max_connections;
	user->max_channels = d->max_channels;
	free(algorithm);
	free(tags);
	return user;
}

static void
restore_permission(struct auth *a, const struct def_permission *d)
{
	struct user *user = auth_user(a, d->user);
	const struct bytes text[VERBS] = {d->configure, d->write, d->read};
	struct permission *p;
	char error[512];

	if (user == NULL)
		return;
	p = permission_new(user, d->vhost, text, error, sizeof error);
	if (p != NULL)
		permission_install(a, p);
	else
		log_error(
		    "permissions of user '%s' in vhost '%s' are left out: "
		    "%s",
		    log_safe(d->user), log_safe(d->vhost), error);
}

void
auth_restore(struct auth *a, const struct definition *d)
{
	if (d->kind == DEF_user)
		take_user(a, &d->user);
	else if (d->kind == DEF_permission)
		restore_permission(a, &d->permission);
	else if (d->kind == DEF_topic_permission)
		topic_right_restore(a, &d->topic_permission);
}

/* --- life -------------------------------------------------------------- */

struct auth *
auth_new(auth_store *store, void *arg)
{
	struct auth *a = xcalloc(1, sizeof *a);

	a->store = store;
	a->store_arg = arg;
	a->algorithm = PASSWORD_ALGORITHM;
	names_init(&a->users);
	names_init(&a->loopback);
	return a;
}

void
auth_free(struct auth *a)
{
	struct user *user;
	size_t at = 0;

	auth_clear_loopback(a);
	while ((user = names_each(&a->users, &at)) != NULL)
		user_drop(a, user);
	names_fini(&a->users);
	names_fini(&a->loopback);
	forget_decisions(a);
	free(a);
}

static void
mark_loopback(struct auth *a)
{
	struct user *user;
	size_t at = 0;

	while ((user = names_each(&a->users, &at)) != NULL)
		user->loopback_only =
		    names_get(&a->loopback, user->name) != NULL;
}

void
auth_clear_loopback(struct auth *a)
{
	struct bytes *name;
	size_t at = 0;

	while ((name = names_each(&a->loopback, &at)) != NULL) {
		bytes_free(*name);
		free(name);
	}
	names_fini(&a->loopback);
	names_init(&a->loopback);
	mark_loopback(a);
}

void
auth_add_loopback(struct auth *a, struct bytes name)
{
	struct bytes *own;

	if (names_get(&a->loopback, name) != NULL)
		return;
	own = xmalloc(sizeof *own);
	*own = xbytesdup(name);
	names_put(&a->loopback, *own, own);
	mark_loopback(a);
}

/* --- questions --------------------------------------------------------- */

static const char blank[] =
    "user '%s' attempted to log in with a blank password, which is prohibited "
    "by the internal authN backend. To use TLS/x509 certificate-based "
    "authentication, see the rabbitmq_auth_mechanism_ssl plugin and configure "
    "the client to use the EXTERNAL authentication mechanism. Alternatively "
    "change the password for the user to be non-blank.";

struct user *
auth_let_in(struct auth *a, struct bytes name, enum auth_proof proof,
    bool from_loopback, char *reason, size_t size)
{
	struct user *user = auth_user(a, name);

	if (proof == AUTH_BLANK) {
		snprintf(reason, size, blank, log_safe(name));
		return NULL;
	}
	if (user == NULL || proof != AUTH_RIGHT) {
		snprintf(reason, size, "user '%s' - invalid credentials",
		    log_safe(name));
		return NULL;
	}
	if (user->loopback_only && !from_loopback) {
		snprintf(reason, size,
		    "user '%s' can only connect via localhost", log_safe(name));
		return NULL;
	}
	user->refs++;
	return user;
}

/* Whoever is not known, or has a quick hash, is compared with none. */
static void
need_slow(const struct user *user, bool slow_user, struct slow_check *check)
{
	memset(check->hash, 0, sizeof check->hash);
	check->n = slow_user ? user->hash.n : sizeof check->hash;
	if (check->n == 0 || check->n > sizeof check->hash)
		check->n = sizeof check->hash;
	else if (slow_user)
		memcpy(check->hash, user->hash.p, check->n);
}

bool
auth_check_password(struct auth *a, struct bytes name, struct bytes password,
    struct slow_check *check)
{
	const struct user *user = auth_user(a, name);
	bool slow_user = user != NULL && password_slow(user->algorithm);
	bool quick = user != NULL && !slow_user;
	bool right = password_matches(password,
	    quick ? user->hash : (struct bytes){0},
	    quick ? user->algorithm : PASSWORD_ALGORITHM);

	check->n = 0;
	if (!right && (a->slow_users > 0 || password_slow(a->algorithm)))
		need_slow(user, slow_user, check);
	return right;
}

bool
auth_has_hash(const struct auth *a, struct bytes name, struct bytes hash)
{
	const struct user *user = auth_user(a, name);

	return user != NULL && bytes_eq(user->hash, hash);
}

struct user *
auth_check_name(struct auth *a, struct bytes name, bool from_loopback,
    char *reason, size_t size)
{
	return auth_let_in(a, name, AUTH_RIGHT, from_loopback, reason, size);
}

bool
auth_may_enter(const struct user *user, struct bytes vhost)
{
	return permission_find(user, vhost) != NULL;
}

bool
auth_may(struct auth *a, const struct user *user, struct bytes vhost,
    enum verb verb, struct bytes name)
{
	const struct permission *p = permission_find(user, vhost);

	if (p == NULL)
		return false;
	if (p->patterns[verb] == NULL)
		return true;
	return decide(a, p, verb, name.n > 0 ? name : BYTES("amq.default"));
}

/* --- changes ----------------------------------------------------------- */

void
auth_set_algorithm(struct auth *a, const char *algorithm)
{
	a->algorithm = algorithm;
}

bool
auth_travels(const struct user *user)
{
	return password_travels(user->algorithm);
}

enum auth_status
auth_add_hash(struct auth *a, struct bytes name, struct bytes hash,
    const char *algorithm, const char *tags)
{
	struct user *user;

	if (name.n == 0)
		return AUTH_EMPTY;
	if (auth_user(a, name) != NULL)
		return AUTH_EXISTS;
	user = user_new(a, name);
	user_set_hash(a, user, hash, algorithm);
	user_set_tags(user, tags);
	tell_user(a, user, false);
	return AUTH_OK;
}

enum auth_status
auth_set_hash(struct auth *a, struct bytes name, struct bytes hash,
    const char *algorithm)
{
	struct user *user = auth_user(a, name);

	if (user == NULL)
		return AUTH_NO_USER;
	user_set_hash(a, user, hash, algorithm);
	tell_user(a, user, false);
	return AUTH_OK;
}

enum auth_status
auth_add_user(struct auth *a, struct bytes name, struct bytes password,
    const char *tags)
{
	uint8_t hash[PASSWORD_HASH_MAX];
	size_t n;

	if (password.n == 0)
		return AUTH_EMPTY;
	n = password_hash(password, a->algorithm, hash);
	return auth_add_hash(
	    a, name, (struct bytes){hash, n}, a->algorithm, tags);
}

enum auth_status
auth_set_password(struct auth *a, struct bytes name, struct bytes password)
{
	uint8_t hash[PASSWORD_HASH_MAX];
	size_t n;

	if (auth_user(a, name) == NULL)
		return AUTH_NO_USER;
	if (password.n == 0)
		return AUTH_EMPTY;
	n = password_hash(password, a->algorithm, hash);
	return auth_set_hash(a, name, (struct bytes){hash, n}, a->algorithm);
}

enum auth_status
auth_set_tags(struct auth *a, struct bytes name, const char *tags)
{
	struct user *user = auth_user(a, name);

	if (user == NULL)
		return AUTH_NO_USER;
	user_set_tags(user, tags);
	tell_user(a, user, false);
	return AUTH_OK;
}

void
auth_put_user(struct auth *a, const struct def_user *d)
{
	tell_user(a, take_user(a, d), false);
}

/* Where a limit of that name is kept, or NULL. */
static int64_t *
user_limit(struct user *user, const char *key)
{
	if (strcmp(key, "max-connections") == 0)
		return &user->max_connections;
	if (strcmp(key, "max-channels") == 0)
		return &user->max_channels;
	return NULL;
}

/* In RabbitMQ's words; false if there is anything. */
static bool
check_limits(const json_t *v, char *error, size_t size)
{
	struct writer w = {0};
	struct user any;
	const char *key;
	json_t *value;

	if (!json_is_object(v)) {
		writer_bytes(&w, BYTES("Unrecognised terms "));
		json_print_term(&w, v);
		writer_bytes(&w, BYTES(" in user-limits"));
	}
	json_object_foreach((json_t *)v, key, value) {
		if (user_limit(&any, key) == NULL) {
			writer_bytes(&w, BYTES("Unrecognised terms ["));
			json_print_pair(&w, key, value);
			writer_bytes(&w, BYTES("] in user-limits"));
			break;
		}
		if (json_is_integer(value))
			continue;
		writer_bytes(&w, bytes_str(key));
		writer_bytes(
		    &w, BYTES(" should be a number, actually was "));
		json_print_term(&w, value);
		break;
	}
	snprintf(error, size, "%.*s", (int)w.n, w.n > 0 ? (char *)w.p : "");
	writer_fini(&w);
	return error[0] == '\0';
}

/* The value read and found good; NULL with what is wrong. */
static json_t *
read_limits(struct bytes text, char *error, size_t size)
{
	char reason[200];
	json_t *v = json_read(text, reason, sizeof reason);

	if (v == NULL) {
		snprintf(error, size, "JSON decoding error. Reason: %s", reason);
		return NULL;
	}
	if (check_limits(v, error, size))
		return v;
	json_decref(v);
	return NULL;
}

bool
user_limits_check(struct bytes text, char *error, size_t size)
{
	json_t *v = read_limits(text, error, size);

	json_decref(v);
	return v != NULL;
}

enum auth_status
auth_set_limits(struct auth *a, struct bytes name, struct bytes text,
    char *error, size_t size)
{
	struct user *user = auth_user(a, name);
	const char *key;
	json_t *v, *value;

	if (user == NULL)
		return AUTH_NO_USER;
	if ((v = read_limits(text, error, size)) == NULL)
		return AUTH_BAD_LIMITS;
	json_object_foreach(v, key, value) {
		int64_t n = json_integer_value(value);

		*user_limit(user, key) = n < 0 ? -1 : n;
	}
	json_decref(v);
	tell_user(a, user, false);
	return AUTH_OK;
}

enum auth_status
auth_clear_limit(struct auth *a, struct bytes name, const char *which)
{
	struct user *user = auth_user(a, name);
	int64_t *limit;

	if (user == NULL)
		return AUTH_NO_USER;
	if ((limit = user_limit(user, which)) != NULL)
		*limit = -1;
	if (strcmp(which, "all") == 0)
		user->max_connections = user->max_channels = -1;
	tell_user(a, user, false);
	return AUTH_OK;
}

char *
user_limits_text(const struct user *user)
{
	json_t *v = json_object();
	char *text;

	if (user->max_channels >= 0)
		json_object_set_new(
		    v, "max-channels", json_integer(user->max_channels));
	if (user->max_connections >= 0)
		json_object_set_new(
		    v, "max-connections", json_integer(user->max_connections));
	text = json_write(v);
	json_decref(v);
	return text;
}

enum auth_status
auth_remove_user(struct auth *a, struct bytes name)
{
	struct user *user = auth_user(a, name);
	const struct topic_right *t;
	struct permission *p;
	size_t at = 0;

	if (user == NULL)
		return AUTH_NO_USER;
	while ((p = names_each(&user->permissions, &at)) != NULL)
		tell_permission(a, p, true);
	for (at = 0; (t = topic_right_each(user, &at)) != NULL;)
		auth_tell(a,
		    &(struct definition){DEF_topic_permission,
			.topic_permission = {.vhost = t->vhost,
			    .user = user->name, .exchange = t->exchange}},
		    true);
	tell_user(a, user, true);
	names_take(&a->users, name);
	user_drop(a, user);
	return AUTH_OK;
}

enum auth_status
auth_set_permission(struct auth *a, struct bytes name, struct bytes vhost,
    const struct bytes text[VERBS], char *error, size_t size)
{
	struct user *user = auth_user(a, name);
	struct permission *p;

	if (user == NULL)
		return AUTH_NO_USER;
	if ((p = permission_new(user, vhost, text, error, size)) == NULL)
		return AUTH_BAD_PATTERN;
	permission_install(a, p);
	tell_permission(a, p, false);
	return AUTH_OK;
}

enum auth_status
auth_remove_permission(struct auth *a, struct bytes name, struct bytes vhost)
{
	struct user *user = auth_user(a, name);
	struct permission *p;

	if (user == NULL)
		return AUTH_NO_USER;
	if ((p = permission_find(user, vhost)) == NULL)
		return AUTH_OK;
	tell_permission(a, p, true);
	permission_drop(a, user, vhost);
	return AUTH_OK;
}

void
auth_forget_vhost(struct auth *a, struct bytes vhost)
{
	struct user *user;
	size_t at = 0;

	while ((user = names_each(&a->users, &at)) != NULL) {
		auth_remove_permission(a, user->name, vhost);
		topic_right_clear(a, user->name, vhost, NULL);
	}
}
