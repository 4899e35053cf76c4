/* auth.h - who you are and what you may touch.
 *
 * Users with RabbitMQ's salted hashes, and for each user and vhost three
 * patterns. What is decided about a name is remembered until anything here
 * changes. */
#ifndef BROKER_AUTH_H
#define BROKER_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "amqp/bytes.h"
#include "amqp/names.h"
#include "broker/password.h"
#include "persistence/change.h"

struct auth;
struct permission;

/* Lives as long as somebody holds a reference; one that was removed has deleted
 * set and may nothing. */
struct user {
	struct bytes name; /* own, with a zero behind it */
	struct bytes hash; /* own: salt and digest */
	char *algorithm;
	char *tags; /* joined by commas, as in "administrator,monitoring" */
	bool loopback_only;
	bool deleted;
	unsigned refs;
	struct names permissions; /* by vhost */
	struct names topic_rights; /* see there */
	int64_t max_connections, max_channels; /* -1: no limit */
	unsigned connections, channels;	       /* open now; the connections' */
};

enum verb { VERB_CONFIGURE, VERB_WRITE, VERB_READ, VERBS };

/* "configure", "write", "read": for "configure access to queue 'q' ..." */
const char *verb_name(enum verb);

struct permission {
	struct bytes vhost; /* own */
	struct user *user;  /* who has it */
	struct bytes text[VERBS];	  /* own */
	struct pattern *patterns[VERBS]; /* NULL: matches every name */
};

/* What must be hashed slowly before a login can be answered. */
struct slow_check {
	uint8_t hash[PASSWORD_HASH_MAX]; /* to compare the password with */
	size_t n;			 /* 0: nothing need be */
};

/* Called with each change that must survive, in order. */
typedef void auth_store(
    void *arg, const struct definition *definition, bool remove);

struct auth *auth_new(auth_store *store, void *arg);
void auth_free(struct auth *);

/* --- questions, asked for clients -------------------------------------- */

/* Is it the user's password, as far as can be told at once? Where scrypt is in
 * use, no answer but yes is given without it: an unknown user, one whose hash is
 * of another kind and a wrong password all cost one quick and one slow hash. */
bool auth_check_password(struct auth *, struct bytes user,
    struct bytes password, struct slow_check *);

enum { REASON_SIZE = 1500 }; /* room for each of these reasons */

enum auth_proof { AUTH_WRONG, AUTH_RIGHT, AUTH_BLANK };

/* What a password proves, which was found right or not. */
static inline enum auth_proof
auth_proof_of(struct bytes password, bool right)
{
	return password.n == 0 ? AUTH_BLANK : right ? AUTH_RIGHT : AUTH_WRONG;
}

/* A new reference to the user, or NULL with the reason for the log (never for
 * the client): "user 'x' - invalid credentials", "user 'guest' can only connect
 * via localhost". */
struct user *auth_let_in(struct auth *, struct bytes user, enum auth_proof,
    bool from_loopback, char *reason, size_t size);

/* Does the user still have that hash? */
bool auth_has_hash(
    const struct auth *, struct bytes user, struct bytes hash);

/* The same for a user whom somebody else has vouched for. */
struct user *auth_check_name(struct auth *, struct bytes user,
    bool from_loopback, char *reason, size_t size);

void user_unref(struct user *);

/* Has the user any permission in the vhost? */
bool auth_may_enter(const struct user *, struct bytes vhost);

/* May the user do it to the queue or exchange of that name? The default
 * exchange, with an empty name, is called amq.default in permissions. */
bool auth_may(struct auth *, const struct user *, struct bytes vhost,
    enum verb, struct bytes name);

/* --- changes, for operators -------------------------------------------- */

enum auth_status {
	AUTH_OK,
	AUTH_EXISTS,  /* there is a user of that name already */
	AUTH_NO_USER,
	AUTH_BAD_PATTERN, /* a sentence says which and why */
	AUTH_EMPTY,	  /* an empty name or password */
	AUTH_BAD_LIMITS,  /* a sentence says what is wrong */
};

struct user *auth_user(const struct auth *, struct bytes name); /* or NULL */

/* Passwords are hashed with that from now on, one of password.h's; SHA-256 if it
 * was never said. */
void auth_set_algorithm(struct auth *, const char *algorithm);

/* tags is joined by commas. These hash at once, however long that takes. */
enum auth_status auth_add_user(struct auth *, struct bytes name,
    struct bytes password, const char *tags);
enum auth_status auth_set_password(
    struct auth *, struct bytes name, struct bytes password);

/* The same with a hash that was made before; any algorithm's name is kept. */
enum auth_status auth_add_hash(struct auth *, struct bytes name,
    struct bytes hash, const char *algorithm, const char *tags);
enum auth_status auth_set_hash(struct auth *, struct bytes name,
    struct bytes hash, const char *algorithm);

/* Would RabbitMQ know the user by its password, with the hash as it is? For
 * those who write definitions: they name the users of whom it is not so. */
bool auth_travels(const struct user *);
enum auth_status auth_set_tags(
    struct auth *, struct bytes name, const char *tags);

/* Makes the user, or changes all of it: for definitions. */
void auth_put_user(struct auth *, const struct def_user *);

/* False, with RabbitMQ's words for what is wrong with them; text as below. */
bool user_limits_check(struct bytes text, char *error, size_t size);

/* text is JSON: {"max-connections": N, "max-channels": N}; what is not in it
 * stays. Negative is no limit. */
enum auth_status auth_set_limits(struct auth *, struct bytes name,
    struct bytes text, char *error, size_t size);

/* "max-connections", "max-channels" or "all"; others are no error. */
enum auth_status auth_clear_limit(
    struct auth *, struct bytes name, const char *which);

/* As JSON, {} without any; malloc'd. */
char *user_limits_text(const struct user *);

/* Its permissions go too. The caller closes its connections. */
enum auth_status auth_remove_user(struct auth *, struct bytes name);

/* text holds the patterns for configure, write, read. */
enum auth_status auth_set_permission(struct auth *, struct bytes user,
    struct bytes vhost, const struct bytes text[VERBS], char *error,
    size_t size);

/* Removing what is not there is no error. */
enum auth_status auth_remove_permission(
    struct auth *, struct bytes user, struct bytes vhost);

/* All permissions in a vhost that goes. */
void auth_forget_vhost(struct auth *, struct bytes vhost);

/* The only users that may not come from elsewhere; name by name, after
 * auth_clear_loopback. */
void auth_clear_loopback(struct auth *);
void auth_add_loopback(struct auth *, struct bytes name);

/* Stores a change; for those who keep theirs with a user. */
void auth_tell(struct auth *, const struct definition *, bool remove);

/* Takes back a user or permission the store told at start. */
void auth_restore(struct auth *, const struct definition *);

/* Walks: start with *at = 0, ends with NULL. */
struct user *auth_each_user(const struct auth *, size_t *at);

#endif
