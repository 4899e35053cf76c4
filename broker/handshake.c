/* handshake.c - from the protocol header to an open connection. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/connection.h"
#include "broker/connection_log.h"
#include "broker/hasher.h"
#include "broker/log.h"
#include "broker/parameters.h"
#include "broker/sasl.h"
#include "broker/server.h"
#include "broker/tls.h"
#include "broker/tls_stream.h"
#include "broker/vhost.h"

enum { HEADER_SIZE = 8, FRAME_MIN = 4096 };

static const uint8_t header_0_9_1[HEADER_SIZE] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};
static const uint8_t header_0_9[HEADER_SIZE] = {'A', 'M', 'Q', 'P', 1, 1, 0, 9};

/* What works here, and nothing else. */
static const char *const capabilities[] = {"publisher_confirms",
    "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
    "connection.blocked", "consumer_priorities", "authentication_failure_close",
    "per_consumer_qos", "direct_reply_to", NULL};

/* --- start ---------------------------------------------------------------------- */

static void
put_properties(struct writer *w, const struct server *s)
{
	size_t mark = table_begin(w, "capabilities");
	char *cluster = server_cluster_name(s);

	for (const char *const *name = capabilities; *name != NULL; name++)
		table_put_bool(w, *name, true);
	table_end(w, mark);
	table_put_longstr(w, "cluster_name", bytes_str(cluster));
	free(cluster);
	table_put_longstr(w, "copyright",
	    BYTES("Copyright (c) 2026 the Leveret maintainers"));
	table_put_longstr(
	    w, "information", BYTES("Licensed under the MIT License"));
	table_put_longstr(w, "platform", BYTES("C"));
	table_put_longstr(w, "product", bytes_str(s->config->product));
	table_put_longstr(w, "version", bytes_str(s->config->version));
}

static void
send_start(struct connection *c)
{
	struct writer properties = {0};
	struct amqp_method m = {AMQP_connection_start};

	c->mechanisms =
	    sasl_offer(c->server->config, c->transport.tls != NULL);
	put_properties(&properties, c->server);
	m.connection_start =
	    (struct amqp_connection_start){0, 9, writer_view(&properties),
		bytes_str(c->mechanisms), BYTES("en_US")};
	connection_send(c, 0, &m);
	writer_fini(&properties);
}

/* Looks at as much of the header as has come: what is no AMQP is told at once
 * what would be. */
size_t
connection_start(struct connection *c, struct bytes in)
{
	size_t n = in.n < HEADER_SIZE ? in.n : HEADER_SIZE;

	if (memcmp(in.p, header_0_9_1, n) != 0 &&
	    memcmp(in.p, header_0_9, n) != 0) {
		connection_log_bad_header(c, (struct bytes){in.p, n});
		connection_send_encoded(
		    c, (struct bytes){header_0_9_1, HEADER_SIZE});
		connection_enter(c, CONNECTION_CLOSED);
		transport_finish(&c->transport);
		return in.n;
	}
	if (in.n < HEADER_SIZE)
		return 0;
	connection_enter(c, CONNECTION_START);
	if (c->transport.tls != NULL) /* its own handshake is over */
		connection_set_timer(c, c->server->config->handshake_timeout);
	send_start(c);
	return HEADER_SIZE;
}

/* --- login ----------------------------------------------------------------------- */

static bool
is_true(struct bytes table, const char *key)
{
	struct amqp_value v;

	return amqp_table_get(table, bytes_str(key), &v) && v.tag == 't' &&
	    v.t;
}

static void
read_properties(struct connection *c, struct bytes properties)
{
	struct amqp_value v;

	c->client_properties = xbytesdup(properties);
	if (amqp_table_get(properties, BYTES("connection_name"), &v) &&
	    v.tag == 'S') {
		c->client_name = xstrdup(log_safe(v.bytes));
		connection_log_named(c);
	}
	if (!amqp_table_get(properties, BYTES("capabilities"), &v) ||
	    v.tag != 'F')
		return;
	if (is_true(v.bytes, "authentication_failure_close"))
		c->capabilities |= CAN_AUTH_FAILURE_CLOSE;
	if (is_true(v.bytes, "consumer_cancel_notify"))
		c->capabilities |= CAN_CONSUMER_CANCEL;
	if (is_true(v.bytes, "connection.blocked"))
		c->capabilities |= CAN_BLOCKED;
}

static bool
is_loopback(const struct connection *c)
{
	return strncmp(c->peer_host, "127.", 4) == 0 ||
	    strcmp(c->peer_host, "::1") == 0;
}

void
connection_tell_refused(struct connection *c)
{
	char text[256];

	connection_log_login_refused(c);
	if (!(c->capabilities & CAN_AUTH_FAILURE_CLOSE)) {
		connection_kill(c);
		return;
	}
	snprintf(text, sizeof text,
	    "Login was refused using authentication mechanism %s. For "
	    "details see the broker logfile.",
	    c->mechanism);
	connection_fail(c, AMQP_ACCESS_REFUSED, text, 0, 0);
}

/* At once, or when those who guess have waited for their answer. */
static void
refuse_login(struct connection *c, const char *why)
{
	int64_t delay = c->server->config->auth_failure_delay;

	c->refused = xstrdup(why);
	if (delay == 0) {
		connection_tell_refused(c);
		return;
	}
	connection_suspend(c);
	connection_set_timer(c, delay);
}

static void
send_tune(struct connection *c)
{
	const struct config *config = c->server->config;

	connection_enter(c, CONNECTION_TUNE);
	connection_send(c, 0,
	    &(struct amqp_method){AMQP_connection_tune,
		.connection_tune = {(uint16_t)config->channel_max,
		    (uint32_t)config->frame_max,
		    (uint16_t)(config->heartbeat / 1000)}});
}

/* A new reference to the user, or NULL with the reason for the log. */
static struct user *
log_in_by_certificate(struct connection *c, char *why, size_t size)
{
	struct user *user;
	char *name = tls_peer_user(tls_stream_ssl(c->transport.tls),
	    c->server->config, why, size);

	if (name == NULL)
		return NULL;
	user = auth_check_name(
	    c->server->auth, bytes_str(name), is_loopback(c), why, size);
	free(name);
	return user;
}

static void
end_login(struct connection *c, struct user *user, const char *why)
{
	struct stats *stats = &c->server->stats;

	c->user = user;
	stats->logins++;
	stats->logins_refused += user == NULL;
	if (user != NULL)
		send_tune(c);
	else
		refuse_login(c, why);
}

static void
answer_login(struct connection *c, struct bytes name, enum auth_proof proof)
{
	char why[REASON_SIZE];
	struct user *user = auth_let_in(c->server->auth, name, proof,
	    is_loopback(c), why, sizeof why);

	end_login(c, user, why);
}

/* The password may have been changed meanwhile. */
static void
hashed(struct hash_task *t)
{
	struct connection *c = t->arg;
	bool known = t->right && auth_has_hash(c->server->auth, t->user,
	    (struct bytes){t->hash, t->n});

	c->login = NULL;
	connection_continue(c);
	answer_login(c, t->user, auth_proof_of(t->password, known));
	hash_task_free(t);
}

/* The peer's input waits; its handshake's time goes on. */
static void
log_in_slowly(struct connection *c, const struct credentials *who,
    const struct slow_check *check)
{
	struct hash_task *t = hash_task_new(who->user, who->password);

	put_bytes(t->hash, (struct bytes){check->hash, check->n});
	t->n = check->n;
	t->done = hashed;
	t->arg = c;
	if (!hasher_submit(c->server->hasher, t)) {
		hash_task_free(t);
		end_login(c, NULL, "too many logins wait already");
		return;
	}
	c->login = t;
	connection_suspend(c);
}

static void
log_in(struct connection *c, const struct credentials *who)
{
	struct slow_check check;
	bool right = auth_check_password(
	    c->server->auth, who->user, who->password, &check);

	if (check.n > 0)
		log_in_slowly(c, who, &check);
	else
		answer_login(
		    c, who->user, auth_proof_of(who->password, right));
}

static struct credentials
anonymous(const struct config *c)
{
	return (struct credentials){
	    bytes_str(c->anonymous_user), bytes_str(c->anonymous_pass)};
}

static void
start_ok(struct connection *c, const struct amqp_connection_start_ok *m)
{
	enum sasl_status status = SASL_UNKNOWN;
	struct credentials who;
	struct user *user;
	char why[REASON_SIZE];

	read_properties(c, m->client_properties);
	if (sasl_offers(c->mechanisms, m->mechanism))
		status = sasl_read(m->mechanism, m->response, &who);
	switch (status) {
	case SASL_UNKNOWN:
		connection_refuse(c, "unknown authentication mechanism '%s'",
		    log_safe(m->mechanism));
		return;
	case SASL_MALFORMED:
		connection_refuse(c, "malformed response for %s",
		    log_safe(m->mechanism));
		return;
	case SASL_ANONYMOUS:
		who = anonymous(c->server->config);
		break;
	case SASL_EXTERNAL:
	case SASL_OK:
		break;
	}
	c->mechanism = xstrdup(log_safe(m->mechanism));
	if (status != SASL_EXTERNAL) {
		log_in(c, &who);
		return;
	}
	user = log_in_by_certificate(c, why, sizeof why);
	end_login(c, user, why);
}

/* --- tune -------------------------------------------------------------------------- */

/* 0 means no limit, which is higher than any the server has. */
static bool
check_limit(struct connection *c, const char *name, uint64_t client,
    uint64_t server, uint64_t least)
{
	char text[200];

	if (client != 0 && client < least)
		snprintf(text, sizeof text,
		    "negotiated %s = %llu is lower than the minimum allowed "
		    "value (%llu)",
		    name, (unsigned long long)client,
		    (unsigned long long)least);
	else if (server != 0 && client == 0)
		snprintf(text, sizeof text,
		    "negotiated %s = 0 (no limit) is higher than the maximum "
		    "allowed value (%llu)",
		    name, (unsigned long long)server);
	else if (server != 0 && client > server)
		snprintf(text, sizeof text,
		    "negotiated %s = %llu is higher than the maximum allowed "
		    "value (%llu)",
		    name, (unsigned long long)client,
		    (unsigned long long)server);
	else
		return true;
	connection_refuse(c, "%s", text);
	return false;
}

static void
tune_ok(struct connection *c, const struct amqp_connection_tune_ok *m)
{
	const struct config *config = c->server->config;

	if (!check_limit(c, "frame_max", m->frame_max, config->frame_max,
		FRAME_MIN) ||
	    !check_limit(c, "channel_max", m->channel_max,
		(uint64_t)config->channel_max, 1))
		return;
	c->frame_max = m->frame_max;
	c->channel_max = m->channel_max;
	c->heartbeat = m->heartbeat;
	connection_enter(c, CONNECTION_OPEN);
}

/* --- open -------------------------------------------------------------------------- */

static void
fail_open(struct connection *c, const char *format, struct bytes vhost)
{
	char text[700];

	snprintf(text, sizeof text, format, amqp_reply_word(vhost),
	    amqp_reply_word(c->user->name));
	connection_fail(c, AMQP_NOT_ALLOWED, text, AMQP_connection_open, 0);
}

static bool
is_reached(int64_t limit, unsigned count)
{
	return limit >= 0 && count >= limit;
}

/* In RabbitMQ's order: node, vhost, user. */
static bool
over_limit(struct connection *c, const struct vhost *v)
{
	const struct server *s = c->server;
	char text[700] = "";

	if (is_reached(s->config->connection_max, s->open_connections))
		snprintf(text, sizeof text,
		    "connection refused: node connection limit (%lld) is "
		    "reached",
		    (long long)s->config->connection_max);
	else if (is_reached(v->max_connections, v->connection_count))
		snprintf(text, sizeof text,
		    "access to vhost '%s' refused for user '%s': "
		    "connection limit (%lld) is reached",
		    amqp_reply_word(v->name), amqp_reply_word(c->user->name),
		    (long long)v->max_connections);
	else if (is_reached(c->user->max_connections, c->user->connections))
		snprintf(text, sizeof text,
		    "connection refused for user '%s': user connection "
		    "limit (%lld) is reached",
		    amqp_reply_word(c->user->name),
		    (long long)c->user->max_connections);
	if (text[0] != '\0')
		connection_fail(
		    c, AMQP_NOT_ALLOWED, text, AMQP_connection_open, 0);
	return text[0] != '\0';
}

static void
open_vhost(struct connection *c, const struct amqp_connection_open *m)
{
	struct vhost *v = server_vhost(c->server, m->virtual_host);

	c->vhost_name = xstrdup(log_safe(m->virtual_host));
	if (v == NULL) {
		fail_open(c, "vhost %s not found", m->virtual_host);
		return;
	}
	if (over_limit(c, v))
		return;
	if (!auth_may_enter(c->user, v->name)) {
		fail_open(c, "access to vhost '%s' refused for user '%s'",
		    m->virtual_host);
		return;
	}
	c->vhost = v;
	v->connection_count++;
	c->user->connections++;
	c->server->open_connections++;
	connection_enter(c, CONNECTION_RUNNING);
	connection_set_timer(c, c->heartbeat * 500);
	connection_send(c, 0, &(struct amqp_method){AMQP_connection_open_ok});
	connection_log_open(c);
}

void
connection_handshake(struct connection *c, const struct amqp_method *m)
{
	if (c->state == CONNECTION_START && m->id == AMQP_connection_start_ok)
		start_ok(c, &m->connection_start_ok);
	else if (c->state == CONNECTION_TUNE &&
	    m->id == AMQP_connection_tune_ok)
		tune_ok(c, &m->connection_tune_ok);
	else if (c->state == CONNECTION_OPEN && m->id == AMQP_connection_open)
		open_vhost(c, &m->connection_open);
	else
		connection_unexpected(c, m->id);
}
