/* commands_auth.c - commands about users and what they may do. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/commands.h"
#include "broker/evict.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/credentials.h"
#include "broker/hasher.h"
#include "broker/log.h"
#include "broker/server.h"
#include "broker/topic_rights.h"
#include "broker/vhost.h"

/* An argument, or "" where it was left out. */
static const char *
argument(const struct request *r, size_t i)
{
	return i < r->words.count ? r->words.arguments[i] : "";
}

static const char no_password[] =
    "Password is not provided via argument or stdin";

/* What is wrong with a user or a vhost, for those who asked for JSON; a refusal
 * follows. */
static void
tell_wrong(struct request *r, const char *kind, const char *name, const char *wrong)
{
	json_t *d = json_object();
	char *text = xasprintf("%s %s %s", kind, name, wrong);

	json_object_set_new(d, "message", json_string(text));
	json_object_set_new(d, "node", json_string(node_name()));
	json_object_set_new(d, "result", json_string("error"));
	command_document(r, d);
	free(text);
}

/* The answer to a change, in RabbitMQ's words. */
static void
answer(struct request *r, enum auth_status status, const char *name)
{
	switch (status) {
	case AUTH_OK:
		request_end(r);
		break;
	case AUTH_EXISTS:
		tell_wrong(r, "User", name, "already exists");
		request_fail(
		    r, CODE_SOFTWARE, "User \"%s\" already exists", name);
		break;
	case AUTH_NO_USER:
		tell_wrong(r, "User", name, "does not exists");
		command_no_user(r, name);
		break;
	case AUTH_EMPTY:
		request_fail(r, CODE_DATA, "a name cannot be blank");
		break;
	case AUTH_BAD_PATTERN:
		request_fail(r, CODE_UNAVAILABLE, "invalid pattern");
		break;
	case AUTH_BAD_LIMITS:
		request_fail(r, CODE_UNAVAILABLE, "invalid limits");
		break;
	}
}

/* --- users ------------------------------------------------------------- */

/* Gives a slow hash to its thread. True once it is back, in r->hashing; until
 * then the request waits, or has failed. */
static bool
hash_slowly(struct request *r, const char *password, const uint8_t *hash,
    size_t n)
{
	if (r->hashing != NULL)
		return r->hashing->finished;
	r->hashing = hash_task_new(BYTES(""), bytes_str(password));
	r->hashing->n = n;
	put_bytes(r->hashing->hash, (struct bytes){hash, n});
	if (!hasher_submit(r->server->hasher, r->hashing))
		request_fail(r, CODE_UNAVAILABLE,
		    "too many passwords are being hashed");
	return false;
}

/* A new password, the request's second argument: true when its hash is there. */
static bool
hash_new(struct request *r, uint8_t hash[PASSWORD_HASH_MAX], size_t *n)
{
	const char *algorithm = r->server->config->password_hashing_module;
	const char *password = argument(r, 1);
	char why[200];

	if (!r->begun && r->words.count < r->words.command->max) {
		request_fail(r, CODE_DATA, "%s", no_password);
		return false;
	}
	if (!r->begun && !credential_acceptable(r->server->config,
			      bytes_str(password), why, sizeof why)) {
		log_warnx("Credential validation for user '%s' failed!",
		    argument(r, 0));
		request_fail(r, CODE_UNAVAILABLE, "%s", why);
		return false;
	}
	if (!password_slow(algorithm)) {
		*n = password_hash(bytes_str(password), algorithm, hash);
		return true;
	}
	if (!hash_slowly(r, password, NULL, 0))
		return false;
	*n = r->hashing->n;
	memcpy(hash, r->hashing->hash, *n);
	return true;
}

/* Advice is for people; in JSON it is there all the same, as in RabbitMQ. */
static void
tell_added(struct request *r)
{
	static const char advice[] =
	    "Done. Don't forget to grant the user permissions to some virtual "
	    "hosts! See 'leveretctl help set_permissions' to learn more.";
	json_t *d = json_object();

	request_advice(r, "%s", advice);
	json_object_set_new(d, "message", json_string(advice));
	json_object_set_new(d, "node", json_string(node_name()));
	json_object_set_new(d, "status", json_string("ok"));
	command_document(r, d);
}

void
command_add_user(struct request *r, size_t *budget)
{
	const char *name = argument(r, 0);
	uint8_t hash[PASSWORD_HASH_MAX];
	enum auth_status status;
	size_t n;

	if (*name == '\0') {
		request_misused(r, CODE_DATA,
		    ARGUMENT_ERROR
		    "Bad argument: user cannot be an empty string");
		return;
	}
	if (!r->begun)
		request_banner(r, "Adding user \"%s\" ...", name);
	if (!hash_new(r, hash, &n))
		return;
	status = auth_add_hash(r->server->auth, bytes_str(name),
	    (struct bytes){hash, n},
	    r->server->config->password_hashing_module, "");
	if (status == AUTH_OK) {
		log_info("Created user '%s'", name);
		tell_added(r);
	}
	answer(r, status, name);
}

void
command_delete_user(struct request *r, size_t *budget)
{
	struct server *s = r->server;
	const char *name = argument(r, 0);
	struct user *user = auth_user(s->auth, bytes_str(name));

	request_banner(r, "Deleting user \"%s\" ...", name);
	if (user != NULL) {
		evict_user(s, user);
		log_info("Deleted user '%s'", name);
	}
	answer(r, auth_remove_user(s->auth, bytes_str(name)), name);
}

void
command_change_password(struct request *r, size_t *budget)
{
	const char *name = argument(r, 0);
	uint8_t hash[PASSWORD_HASH_MAX];
	enum auth_status status;
	size_t n;

	if (!r->begun)
		request_banner(
		    r, "Changing password for user \"%s\" ...", name);
	if (auth_user(r->server->auth, bytes_str(name)) == NULL) {
		answer(r, AUTH_NO_USER, name);
		return;
	}
	if (r->words.count < r->words.command->max) {
		request_fail(r, CODE_SOFTWARE, "%s", no_password);
		return;
	}
	if (!hash_new(r, hash, &n))
		return;
	status = auth_set_hash(r->server->auth, bytes_str(name),
	    (struct bytes){hash, n},
	    r->server->config->password_hashing_module);
	if (status == AUTH_OK)
		log_info("Successfully changed password for user '%s'", name);
	answer(r, status, name);
}

/* True when it is known whether it is right. */
static bool
check_password(
    struct request *r, struct bytes name, const char *password, bool *right)
{
	struct auth *a = r->server->auth;
	struct slow_check check = {.n = 0};

	if (r->hashing == NULL) {
		*right = auth_check_password(
		    a, name, bytes_str(password), &check);
		if (check.n == 0)
			return true;
	}
	if (!hash_slowly(r, password, check.hash, check.n))
		return false;
	*right = r->hashing->right && auth_has_hash(a, name,
	    (struct bytes){r->hashing->hash, r->hashing->n});
	return true;
}

/* The client sends a password that was left out as the only argument. */
void
command_hash_password(struct request *r, size_t *budget)
{
	unsigned char text[PASSWORD_HASH_MAX * 2];
	uint8_t hash[PASSWORD_HASH_MAX];
	size_t n;

	if (*argument(r, 0) == '\0') {
		request_fail(r, CODE_DATA, "password cannot be blank");
		return;
	}
	n = password_hash(bytes_str(argument(r, 0)), PASSWORD_ALGORITHM, hash);
	EVP_EncodeBlock(text, hash, (int)n);
	request_banner(r, "Will hash a password ...");
	request_text(r, "%s", (char *)text);
	request_end(r);
}

void
command_clear_password(struct request *r, size_t *budget)
{
	const char *name = argument(r, 0);
	enum auth_status status;

	request_banner(r, "Clearing password for user \"%s\" ...", name);
	status = auth_set_hash(r->server->auth, bytes_str(name),
	    BYTES(""), PASSWORD_ALGORITHM);
	if (status == AUTH_OK)
		log_info("Successfully cleared password for user '%s'", name);
	if (status == AUTH_NO_USER)
		command_unexpected_user(r, name);
	else
		answer(r, status, name);
}

void
command_authenticate_user(struct request *r, size_t *budget)
{
	const char *name = argument(r, 0);
	struct user *user;
	char reason[REASON_SIZE];
	bool right;

	if (!r->begun)
		request_banner(r, "Authenticating user \"%s\" ...", name);
	if (r->words.count < r->words.command->max) {
		request_fail(r, CODE_SOFTWARE, "%s", no_password);
		return;
	}
	if (!check_password(r, bytes_str(name), argument(r, 1), &right))
		return;
	user = auth_let_in(r->server->auth, bytes_str(name),
	    auth_proof_of(bytes_str(argument(r, 1)), right), true, reason,
	    sizeof reason);
	if (user == NULL) {
		request_fail(r, CODE_DATA,
		    "Error: failed to authenticate user \"%s\"\n%s", name,
		    reason);
		return;
	}
	user_unref(user);
	request_text(r, "Success");
	request_end(r);
}

void
command_set_user_tags(struct request *r, size_t *budget)
{
	const char *name = argument(r, 0);
	char *shown = words_join(&r->words, 1, ", "), *tags = words_join(&r->words, 1, ",");
	enum auth_status status;

	request_banner(
	    r, "Setting tags for user \"%s\" to [%s] ...", name, shown);
	status = auth_set_tags(r->server->auth, bytes_str(name), tags);
	if (status == AUTH_OK)
		log_info("Successfully set user tags for user '%s' to [%s]",
		    name, tags);
	answer(r, status, name);
	free(shown);
	free(tags);
}

void
command_list_users(struct request *r, size_t *budget)
{
	static const char *const names[] = {"user", "tags"};
	struct user *user;

	if (!r->begun) {
		request_banner(r, "Listing users ...");
		request_columns(r, names, 2);
	}
	for (; *budget > 0; --*budget) {
		user = auth_each_user(r->server->auth, &r->at);
		if (user == NULL) {
			request_end(r);
			return;
		}
		request_row(r);
		put_text_value(r, user->name);
		put_list_value(r, user->tags);
		request_row_end(r);
	}
}

/* --- permissions ------------------------------------------------------- */

/* About rights RabbitMQ speaks in other words than elsewhere. */
static bool
vhost_is_there(struct request *r, const char *vhost)
{
	if (server_vhost(r->server, bytes_str(vhost)) != NULL)
		return true;
	tell_wrong(r, "Virtual host", vhost, "does not exist");
	request_fail(
	    r, CODE_UNAVAILABLE, "Virtual host %s does not exist", vhost);
	return false;
}

static void
has_no_rights(struct request *r, const char *name)
{
	tell_wrong(r, "User", name, "does not exist");
	request_fail(r, CODE_NO_USER, "User %s does not exist", name);
}

static void
answer_right(struct request *r, enum auth_status status, const char *name)
{
	if (status == AUTH_OK)
		request_end(r);
	else
		has_no_rights(r, name);
}

/* Fails the request if it cannot be. */
static void
permit(struct request *r, const char *name, struct bytes vhost)
{
	const struct bytes text[VERBS] = {bytes_str(argument(r, 1)),
	    bytes_str(argument(r, 2)), bytes_str(argument(r, 3))};
	char error[400];

	switch (auth_set_permission(r->server->auth, bytes_str(name), vhost,
	    text, error, sizeof error)) {
	case AUTH_OK:
		log_info("Successfully set permissions for '%s' in virtual "
			 "host '%s' to '%s', '%s', '%s'",
		    name, log_safe(vhost), argument(r, 1), argument(r, 2),
		    argument(r, 3));
		break;
	case AUTH_BAD_PATTERN:
		request_fail(r, CODE_UNAVAILABLE, "%s", error);
		break;
	default:
		has_no_rights(r, name);
	}
}

void
command_set_permissions(struct request *r, size_t *budget)
{
	const char *name = argument(r, 0), *vhost = command_vhost_name(r);

	request_banner(r,
	    "Setting permissions for user \"%s\" in vhost \"%s\" ...", name,
	    vhost);
	if (!vhost_is_there(r, vhost))
		return;
	permit(r, name, bytes_str(vhost));
	if (!r->ended)
		request_end(r);
}

/* All vhosts in one turn, as one change: there are few. */
void
command_set_permissions_globally(struct request *r, size_t *budget)
{
	const char *name = argument(r, 0);
	struct vhost *v;
	size_t at = 0;

	request_banner(r,
	    "Setting permissions for user \"%s\" in all virtual hosts ...",
	    name);
	while (!r->ended && (v = names_each(&r->server->vhosts, &at)) != NULL)
		permit(r, name, v->name);
	if (!r->ended)
		request_end(r);
}

void
command_clear_permissions(struct request *r, size_t *budget)
{
	const char *name = argument(r, 0), *vhost = command_vhost_name(r);

	request_banner(r,
	    "Clearing permissions for user \"%s\" in vhost \"%s\" ...", name,
	    vhost);
	if (vhost_is_there(r, vhost))
		answer_right(r,
		    auth_remove_permission(
			r->server->auth, bytes_str(name), bytes_str(vhost)),
		    name);
}

/* first is the vhost or the user, whatever the listing does not hold fixed. */
static void
put_permission(
    struct request *r, struct bytes first, const struct permission *p)
{
	request_row(r);
	put_text_value(r, first);
	for (int verb = 0; verb < VERBS; verb++)
		put_text_value(r, p->text[verb]);
	request_row_end(r);
}

void
command_list_permissions(struct request *r, size_t *budget)
{
	static const char *const names[] = {
	    "user", "configure", "write", "read"};
	struct bytes vhost = bytes_str(command_vhost_name(r));
	const struct permission *p;
	struct user *user;

	if (!r->begun) {
		request_banner(r, "Listing permissions for vhost \"%s\" ...",
		    command_vhost_name(r));
		if (command_vhost(r) == NULL)
			return;
		request_columns(r, names, 4);
	}
	for (; *budget > 0; --*budget) {
		user = auth_each_user(r->server->auth, &r->at);
		if (user == NULL) {
			request_end(r);
			return;
		}
		p = names_get(&user->permissions, vhost);
		if (p != NULL)
			put_permission(r, user->name, p);
	}
}

void
command_list_user_permissions(struct request *r, size_t *budget)
{
	static const char *const names[] = {
	    "vhost", "configure", "write", "read"};
	const char *name = argument(r, 0);
	const struct user *user = auth_user(r->server->auth, bytes_str(name));
	const struct permission *p;

	if (!r->begun)
		request_banner(
		    r, "Listing permissions for user \"%s\" ...", name);
	if (user == NULL) {
		command_unexpected_user(r, name);
		return;
	}
	if (!r->begun)
		request_columns(r, names, 4);
	for (; *budget > 0; --*budget) {
		p = names_each(&user->permissions, &r->at);
		if (p == NULL) {
			request_end(r);
			return;
		}
		put_permission(r, p->vhost, p);
	}
}

/* --- permissions for routing keys ------------------------------------------------ */

static void
set_topic_permission(struct request *r, const char *name, const char *vhost)
{
	char error[400];

	switch (topic_right_set(r->server->auth, bytes_str(name),
	    bytes_str(vhost), bytes_str(argument(r, 1)),
	    bytes_str(argument(r, 2)), bytes_str(argument(r, 3)), error,
	    sizeof error)) {
	case AUTH_OK:
		log_info("Successfully set topic permissions on exchange '%s' "
			 "for '%s' in virtual host '%s' to '%s', '%s'",
		    argument(r, 1), name, vhost, argument(r, 2),
		    argument(r, 3));
		request_end(r);
		break;
	case AUTH_BAD_PATTERN:
		request_fail(r, CODE_UNAVAILABLE, "%s", error);
		break;
	default:
		has_no_rights(r, name);
	}
}

void
command_set_topic_permissions(struct request *r, size_t *budget)
{
	const char *name = argument(r, 0), *vhost = command_vhost_name(r);

	request_banner(r,
	    "Setting topic permissions on \"%s\" for user \"%s\" in vhost "
	    "\"%s\" ...",
	    argument(r, 1), name, vhost);
	if (vhost_is_there(r, vhost))
		set_topic_permission(r, name, vhost);
}

void
command_clear_topic_permissions(struct request *r, size_t *budget)
{
	const char *name = argument(r, 0), *vhost = command_vhost_name(r);
	struct bytes exchange = bytes_str(argument(r, 1));

	if (exchange.n > 0)
		request_banner(r,
		    "Clearing topic permissions on \"%s\" for user \"%s\" in "
		    "vhost \"%s\" ...",
		    argument(r, 1), name, vhost);
	else
		request_banner(r,
		    "Clearing topic permissions for user \"%s\" in vhost "
		    "\"%s\" ...",
		    name, vhost);
	if (vhost_is_there(r, vhost))
		answer_right(r,
		    topic_right_clear(r->server->auth, bytes_str(name),
			bytes_str(vhost), exchange.n > 0 ? &exchange : NULL),
		    name);
}

static void
put_topic_right(
    struct request *r, struct bytes first, const struct topic_right *t)
{
	request_row(r);
	put_text_value(r, first);
	put_text_value(r, t->exchange);
	put_text_value(r, t->write_text);
	put_text_value(r, t->read_text);
	request_row_end(r);
}

/* A user's, all at once: they are few. */
static void
put_topic_rights(struct request *r, const struct user *user, struct bytes vhost)
{
	const struct topic_right *t;
	size_t at = 0;

	while ((t = topic_right_each(user, &at)) != NULL)
		if (bytes_eq(t->vhost, vhost))
			put_topic_right(r, user->name, t);
}

void
command_list_topic_permissions(struct request *r, size_t *budget)
{
	static const char *const names[] = {
	    "user", "exchange", "write", "read"};
	struct bytes vhost = bytes_str(command_vhost_name(r));
	const struct user *user;

	if (!r->begun) {
		request_banner(r,
		    "Listing topic permissions for vhost \"%s\" ...",
		    command_vhost_name(r));
		if (command_vhost(r) == NULL)
			return;
		request_columns(r, names, 4);
	}
	for (; *budget > 0; --*budget) {
		user = auth_each_user(r->server->auth, &r->at);
		if (user == NULL) {
			request_end(r);
			return;
		}
		put_topic_rights(r, user, vhost);
	}
}

void
command_list_user_topic_permissions(struct request *r, size_t *budget)
{
	static const char *const names[] = {
	    "vhost", "exchange", "write", "read"};
	const char *name = argument(r, 0);
	const struct user *user = auth_user(r->server->auth, bytes_str(name));
	const struct topic_right *t;

	if (!r->begun)
		request_banner(r,
		    "Listing topic permissions for user \"%s\" ...", name);
	if (user == NULL) {
		command_unexpected_user(r, name);
		return;
	}
	if (!r->begun)
		request_columns(r, names, 4);
	for (; *budget > 0; --*budget) {
		if ((t = topic_right_each(user, &r->at)) == NULL) {
			request_end(r);
			return;
		}
		put_topic_right(r, t->vhost, t);
	}
}

/* --- logins ------------------------------------------------------------- */

static const char *const login_names[] = {"protocol", "auth_attempts",
    "auth_attempts_failed", "auth_attempts_succeeded"};

static void
login_document(struct request *r, const struct stats *stats, bool any)
{
	json_t *list = json_array();

	if (any)
		json_array_append_new(list,
		    json_pack("{s:I, s:I, s:I, s:s}", login_names[1],
			(json_int_t)stats->logins, login_names[2],
			(json_int_t)stats->logins_refused, login_names[3],
			(json_int_t)(stats->logins - stats->logins_refused),
			login_names[0], "amqp091"));
	command_document(r,
	    json_pack("{s:o, s:s, s:s}", "attempts", list, "node", node_name(),
		"result", "ok"));
}

static void
login_row(struct request *r, const struct stats *stats)
{
	request_columns(r, login_names, 4);
	request_row(r);
	put_text_value(r, BYTES("amqp091"));
	put_int_value(r, (int64_t)stats->logins);
	put_int_value(r, (int64_t)stats->logins_refused);
	put_int_value(r, (int64_t)(stats->logins - stats->logins_refused));
	request_row_end(r);
}

/* They are not told apart by where they came from. */
void
command_list_node_auth_attempt_stats(struct request *r, size_t *budget)
{
	const struct stats *stats = &r->server->stats;
	bool any = stats->logins > 0 &&
	    words_option(&r->words, "by-source") == NULL;

	request_banner(r, "Listing authentication");
	request_banner(r, " attempts for node \"%s\" ...", node_name());
	login_document(r, stats, any);
	if (any)
		login_row(r, stats);
	else
		request_text(r,
		    "Node %s reported no authentication attempt stats",
		    node_name());
	request_end(r);
}

void
command_reset_node_auth_attempt_metrics(struct request *r, size_t *budget)
{
	request_banner(
	    r, "Reset auth attempt metrics on node %s ...", node_name());
	r->server->stats.logins = r->server->stats.logins_refused = 0;
	request_end(r);
}

/* It never was on. */
void
command_disable_auth_attempt_source_tracking(
    struct request *r, size_t *budget)
{
	request_banner(
	    r, "Disabling authentication attempt source tracking ...");
	request_end(r);
}
