/* topic_rights.h - which routing keys a user may write and read at an exchange of
 * type topic.
 *
 * RabbitMQ's topic permissions: two patterns for each user, vhost and exchange,
 * asked besides the permissions for the exchange itself. Where there is none,
 * every key may be used. {username} and {vhost} in a pattern stand for those
 * names. */
#ifndef BROKER_TOPIC_RIGHTS_H
#define BROKER_TOPIC_RIGHTS_H

#include "broker/auth.h"

struct topic_right {
	struct bytes key;	      /* own: vhost, zero, exchange */
	struct bytes vhost, exchange; /* in it */
	struct user *user;
	struct bytes write_text, read_text; /* own, as they were set */
	struct pattern *write, *read;	    /* NULL: every key */
};

/* May the user use the key there? verb is VERB_WRITE or VERB_READ. */
bool topic_right_allows(const struct user *, struct bytes vhost,
    struct bytes exchange, enum verb, struct bytes key);

/* Sets what the user may do; error says which pattern is wrong. */
enum auth_status topic_right_set(struct auth *, struct bytes user,
    struct bytes vhost, struct bytes exchange, struct bytes write,
    struct bytes read, char *error, size_t size);

/* Only checks the patterns, for a user who need not be there. */
bool topic_right_check(
    const struct def_topic_permission *, char *error, size_t size);

/* Removes one, or all of the vhost if exchange is NULL; what is not there is no
 * error. */
enum auth_status topic_right_clear(struct auth *, struct bytes user,
    struct bytes vhost, const struct bytes *exchange);

/* Walks a user's: start with *at = 0, ends with NULL. */
const struct topic_right *topic_right_each(const struct user *, size_t *at);

/* Takes back what the store told at start. */
void topic_right_restore(struct auth *, const struct def_topic_permission *);

/* Frees all of a user that goes. The caller tells the store, if need be. */
void topic_rights_free(struct user *);

#endif
