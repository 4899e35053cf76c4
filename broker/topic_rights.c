/* topic_rights.c - which routing keys a user may write and read at an exchange of
 * type topic. */
#include "broker/topic_rights.h"

#include <stdio.h>
#include <stdlib.h>

#include "amqp/wire.h"
#include "amqp/xalloc.h"
#include "broker/log.h"
#include "broker/pattern.h"

static struct bytes
key_of(struct bytes vhost, struct bytes exchange)
{
	uint8_t *p = xmalloc(vhost.n + 1 + exchange.n);

	put_bytes(p, vhost);
	p[vhost.n] = 0;
	put_bytes(p + vhost.n + 1, exchange);
	return (struct bytes){p, vhost.n + 1 + exchange.n};
}

static struct topic_right *
find(const struct user *user, struct bytes vhost, struct bytes exchange)
{
	struct bytes key;
	struct topic_right *t;

	if (user->topic_rights.count == 0)
		return NULL;
	key = key_of(vhost, exchange);
	t = names_get(&user->topic_rights, key);
	free((void *)key.p);
	return t;
}

bool
topic_right_allows(const struct user *user, struct bytes vhost,
    struct bytes exchange, enum verb verb, struct bytes key)
{
	const struct topic_right *t = find(user, vhost, exchange);
	struct pattern *p;

	if (t == NULL)
		return true;
	p = verb == VERB_WRITE ? t->write : t->read;
	return p == NULL || pattern_matches(p, key);
}

/* --- patterns ------------------------------------------------------------------ */

static bool
takes(struct bytes *rest, struct bytes word)
{
	if (!bytes_starts(*rest, word))
		return false;
	rest->p += word.n;
	rest->n -= word.n;
	return true;
}

/* With the names in place of their variables, as they are: RabbitMQ does not
 * quote them either. */
static struct bytes
expand(struct writer *w, struct bytes text, const struct topic_right *t)
{
	while (text.n > 0) {
		if (takes(&text, BYTES("{username}")))
			writer_bytes(w, t->user->name);
		else if (takes(&text, BYTES("{vhost}")))
			writer_bytes(w, t->vhost);
		else {
			writer_u8(w, *text.p);
			text.p++;
			text.n--;
		}
	}
	return writer_view(w);
}

/* An empty pattern is for the empty key alone, as in permissions. */
static bool
compile(const struct topic_right *t, struct bytes text, struct pattern **p,
    char *error, size_t size)
{
	struct writer w = {0};
	char reason[160];

	*p = NULL;
	if (bytes_eq(text, BYTES(".*")))
		return true;
	*p = pattern_new(text.n == 0 ? BYTES("^$") : expand(&w, text, t),
	    reason, sizeof reason);
	writer_fini(&w);
	if (*p == NULL)
		snprintf(error, size, "regular expression '%s': %s",
		    log_safe(text), reason);
	return *p != NULL;
}

static void
right_free(struct topic_right *t)
{
	if (t == NULL)
		return;
	pattern_free(t->write);
	pattern_free(t->read);
	free((void *)t->write_text.p);
	free((void *)t->read_text.p);
	free((void *)t->key.p);
	free(t);
}

static struct topic_right *
right_new(struct user *user, const struct def_topic_permission *d,
    char *error, size_t size)
{
	struct topic_right *t = xcalloc(1, sizeof *t);

	t->user = user;
	t->key = key_of(d->vhost, d->exchange);
	t->vhost = (struct bytes){t->key.p, d->vhost.n};
	t->exchange =
	    (struct bytes){t->key.p + d->vhost.n + 1, d->exchange.n};
	t->write_text = xbytesdup(d->write);
	t->read_text = xbytesdup(d->read);
	if (compile(t, d->write, &t->write, error, size) &&
	    compile(t, d->read, &t->read, error, size))
		return t;
	right_free(t);
	return NULL;
}

static void
install(struct user *user, struct topic_right *t)
{
	right_free(names_take(&user->topic_rights, t->key));
	names_put(&user->topic_rights, t->key, t);
}

/* --- changes --------------------------------------------------------------------- */

static void
tell(struct auth *a, const struct topic_right *t, bool remove)
{
	auth_tell(a,
	    &(struct definition){DEF_topic_permission,
		.topic_permission = {t->vhost, t->user->name, t->exchange,
		    t->write_text, t->read_text}},
	    remove);
}

bool
topic_right_check(
    const struct def_topic_permission *d, char *error, size_t size)
{
	struct user user = {.name = d->user};
	struct topic_right *t = right_new(&user, d, error, size);
	bool good = t != NULL;

	right_free(t);
	return good;
}

enum auth_status
topic_right_set(struct auth *a, struct bytes name, struct bytes vhost,
    struct bytes exchange, struct bytes write, struct bytes read, char *error,
    size_t size)
{
	struct user *user = auth_user(a, name);
	struct topic_right *t;

	if (user == NULL)
		return AUTH_NO_USER;
	t = right_new(user,
	    &(struct def_topic_permission){vhost, name, exchange, write, read},
	    error, size);
	if (t == NULL)
		return AUTH_BAD_PATTERN;
	install(user, t);
	tell(a, t, false);
	return AUTH_OK;
}

static void
drop(struct auth *a, struct user *user, struct topic_right *t)
{
	tell(a, t, true);
	names_take(&user->topic_rights, t->key);
	right_free(t);
}

static struct topic_right *
any_of(const struct user *user, struct bytes vhost)
{
	struct topic_right *t;
	size_t at = 0;

	while ((t = names_each(&user->topic_rights, &at)) != NULL)
		if (bytes_eq(t->vhost, vhost))
			return t;
	return NULL;
}

enum auth_status
topic_right_clear(struct auth *a, struct bytes name, struct bytes vhost,
    const struct bytes *exchange)
{
	struct user *user = auth_user(a, name);
	struct topic_right *t;

	if (user == NULL)
		return AUTH_NO_USER;
	if (exchange != NULL) {
		if ((t = find(user, vhost, *exchange)) != NULL)
			drop(a, user, t);
		return AUTH_OK;
	}
	while ((t = any_of(user, vhost)) != NULL)
		drop(a, user, t);
	return AUTH_OK;
}

const struct topic_right *
topic_right_each(const struct user *user, size_t *at)
{
	return names_each(&user->topic_rights, at);
}

void
topic_right_restore(struct auth *a, const struct def_topic_permission *d)
{
	struct user *user = auth_user(a, d->user);
	struct topic_right *t;
	char error[512];

	if (user == NULL)
		return;
	t = right_new(user, d, error, sizeof error);
	if (t != NULL)
		install(user, t);
	else
		log_error("topic permissions of user '%s' in vhost '%s' are "
			  "left out: %s",
		    log_safe(d->user), log_safe(d->vhost), error);
}

void
topic_rights_free(struct user *user)
{
	struct topic_right *t;
	size_t at = 0;

	while ((t = names_each(&user->topic_rights, &at)) != NULL)
		right_free(t);
	names_fini(&user->topic_rights);
	names_init(&user->topic_rights);
}
