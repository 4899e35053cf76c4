/* commands_connection.c - listings of connections, channels and consumers, and
 * commands that close connections. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/connection.h"
#include "broker/consumer.h"
#include "broker/evict.h"
#include "broker/folder.h"
#include "broker/json.h"
#include "broker/listing.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/tls.h"
#include "broker/tls_stream.h"
#include "broker/tx.h"
#include "broker/vhost.h"

/* --- connections ------------------------------------------------------- */

/* Our own end, out of "127.0.0.1:5 -> 127.0.0.1:5672". */
static struct bytes
local_host(const struct connection *c)
{
	const char *arrow = c->name != NULL ? strstr(c->name, " -> ") : NULL;
	const char *colon = arrow != NULL ? strrchr(arrow, ':') : NULL;

	if (colon == NULL)
		return BYTES("");
	arrow += strlen(" -> ");
	return (struct bytes){(const uint8_t *)arrow, (size_t)(colon - arrow)};
}

COLUMN(connection_pid, struct connection, put_owner, t)
COLUMN(connection_name, struct connection, put_string, t->name)
COLUMN(connection_given_name, struct connection, put_string, t->client_name)
COLUMN(connection_port, struct connection, put_int_value, t->local_port)
COLUMN(connection_host, struct connection, put_text_value, local_host(t))
COLUMN(connection_peer_port, struct connection, put_int_value, t->peer_port)
COLUMN(connection_peer_host, struct connection, put_string, t->peer_host)
COLUMN(connection_state_, struct connection, put_string,
    t->blocked ? "blocked" : connection_state_name(t))
COLUMN(connection_channels, struct connection, put_int_value,
    (int64_t)t->channel_count)
COLUMN(connection_protocol, struct connection, put_string,
    t->state > CONNECTION_HEADER ? "{0,9,1}" : "")
COLUMN(connection_mechanism, struct connection, put_string, t->mechanism)
COLUMN(connection_user, struct connection, put_text_value,
    t->user != NULL ? t->user->name : BYTES(""))
COLUMN(connection_vhost, struct connection, put_text_value,
    t->vhost != NULL ? t->vhost->name : BYTES(""))
COLUMN(connection_timeout, struct connection, put_int_value, t->heartbeat)
COLUMN(connection_frame_max, struct connection, put_int_value, t->frame_max)
COLUMN(connection_channel_max, struct connection, put_int_value, t->channel_max)
COLUMN(connection_properties, struct connection, put_table_value,
    t->client_properties)
COLUMN(connection_connected, struct connection, put_int_value, t->connected_at)
COLUMN(connection_received, struct connection, put_int_value,
    (int64_t)t->transport.bytes_in)
COLUMN(connection_sent, struct connection, put_int_value,
    (int64_t)t->transport.bytes_out)
COLUMN(connection_pending, struct connection, put_int_value,
    (int64_t)t->transport.pending)

/* --- what TLS has agreed on ---------------------------------------------- */

static void
put_tls(struct request *r, const struct connection *c, enum tls_fact fact)
{
	const struct tls_stream *tls = c->transport.tls;
	char *text = tls != NULL && tls_stream_established(tls)
			 ? tls_describe(tls_stream_ssl(tls), fact)
			 : NULL;

	if (text != NULL)
		put_string(r, text);
	else
		put_no_value(r);
	free(text);
}

#define TLS_COLUMN(function, fact)                                             \
	static void function(struct request *r, const void *thing)             \
	{                                                                      \
		put_tls(r, thing, fact);                                       \
	}

COLUMN(connection_tls, struct connection, put_bool_value,
    t->transport.tls != NULL)
TLS_COLUMN(connection_tls_protocol, TLS_PROTOCOL)
TLS_COLUMN(connection_tls_exchange, TLS_KEY_EXCHANGE)
TLS_COLUMN(connection_tls_cipher, TLS_CIPHER)
TLS_COLUMN(connection_tls_hash, TLS_HASH)
TLS_COLUMN(connection_cert_subject, TLS_PEER_SUBJECT)
TLS_COLUMN(connection_cert_issuer, TLS_PEER_ISSUER)
TLS_COLUMN(connection_cert_validity, TLS_PEER_VALIDITY)
COLUMN(connection_reads, struct connection, put_int_value,
    (int64_t)t->transport.reads)
COLUMN(connection_writes, struct connection, put_int_value,
    (int64_t)t->transport.writes)

static const struct column connection_columns[] = {
    {"pid", connection_pid},
    {"name", connection_name},
    {"user_provided_name", connection_given_name},
    {"port", connection_port},
    {"host", connection_host},
    {"peer_port", connection_peer_port},
    {"peer_host", connection_peer_host},
    {"state", connection_state_},
    {"channels", connection_channels},
    {"protocol", connection_protocol},
    {"auth_mechanism", connection_mechanism},
    {"user", connection_user},
    {"vhost", connection_vhost},
    {"timeout", connection_timeout},
    {"frame_max", connection_frame_max},
    {"channel_max", connection_channel_max},
    {"client_properties", connection_properties},
    {"connected_at", connection_connected},
    {"recv_oct", connection_received},
    {"send_oct", connection_sent},
    {"send_pend", connection_pending},
    {"recv_cnt", connection_reads},
    {"send_cnt", connection_writes},
    {"ssl", connection_tls},
    {"ssl_protocol", connection_tls_protocol},
    {"ssl_key_exchange", connection_tls_exchange},
    {"ssl_cipher", connection_tls_cipher},
    {"ssl_hash", connection_tls_hash},
    {"peer_cert_subject", connection_cert_subject},
    {"peer_cert_issuer", connection_cert_issuer},
    {"peer_cert_validity", connection_cert_validity},
};

/* They stand in the order of their numbers; at is the last one told. */
static struct connection *
next_connection(struct request *r)
{
	struct connection *c;

	TAILQ_FOREACH(c, &r->server->connections, link)
	if (c->id > r->at) {
		r->at = c->id;
		return c;
	}
	return NULL;
}

/* The first is looked for, the others of this turn follow it. */
static bool
each_connection(struct request *r, struct connection **c, const size_t *budget)
{
	if (*budget == 0)
		return false;
	*c = *c == NULL ? next_connection(r) : TAILQ_NEXT(*c, link);
	if (*c != NULL)
		r->at = (*c)->id;
	else
		request_end(r);
	return *c != NULL;
}

void
command_list_connections(struct request *r, size_t *budget)
{
	struct connection *c = NULL;

	if (!r->begun &&
	    !listing_begin(r, COLUMNS(connection_columns),
		"user peer_host peer_port state", "Listing connections ..."))
		return;
	for (; each_connection(r, &c, budget); --*budget)
		listing_row(r, connection_columns, c);
}

/* --- channels ---------------------------------------------------------- */

static void
channel_pid(struct request *r, const void *thing)
{
	const struct channel *ch = thing;

	put_pid(r, ch->connection->id, ch->number);
}

static void
channel_name(struct request *r, const void *thing)
{
	const struct channel *ch = thing;
	char name[256];

	snprintf(
	    name, sizeof name, "%s (%u)", ch->connection->name, ch->number);
	put_string(r, name);
}

static int64_t
unconfirmed(const struct channel *ch)
{
	return ch->confirming
		   ? (int64_t)(ch->published - ch->promises.confirmed)
		   : 0;
}

COLUMN(channel_connection, struct channel, put_owner, t->connection)
COLUMN(channel_number, struct channel, put_int_value, t->number)
COLUMN(channel_user, struct channel, put_text_value, t->connection->user->name)
COLUMN(
    channel_vhost, struct channel, put_text_value, t->connection->vhost->name)
COLUMN(channel_confirm, struct channel, put_bool_value, t->confirming)
COLUMN(channel_consumers, struct channel, put_int_value, t->consumer_count)
COLUMN(channel_unacked, struct channel, put_int_value, (int64_t)t->ledger.count)
COLUMN(channel_unconfirmed, struct channel, put_int_value, unconfirmed(t))
COLUMN(channel_prefetch, struct channel, put_int_value, t->limit_each)
COLUMN(channel_global_prefetch, struct channel, put_int_value, t->limit)

COLUMN(channel_transactional, struct channel, put_bool_value, t->tx != NULL)
COLUMN(channel_uncommitted, struct channel, put_int_value,
    t->tx != NULL ? (int64_t)tx_publications(t->tx) : 0)
COLUMN(channel_acks_uncommitted, struct channel, put_int_value,
    t->tx != NULL ? (int64_t)tx_acknowledgements(t->tx) : 0)

static const struct column channel_columns[] = {
    {"pid", channel_pid},
    {"connection", channel_connection},
    {"name", channel_name},
    {"number", channel_number},
    {"user", channel_user},
    {"vhost", channel_vhost},
    {"transactional", channel_transactional},
    {"confirm", channel_confirm},
    {"consumer_count", channel_consumers},
    {"messages_unacknowledged", channel_unacked},
    {"messages_unconfirmed", channel_unconfirmed},
    {"messages_uncommitted", channel_uncommitted},
    {"acks_uncommitted", channel_acks_uncommitted},
    {"prefetch_count", channel_prefetch},
    {"global_prefetch_count", channel_global_prefetch},
};

static void
channel_rows(struct request *r, const struct connection *c, size_t *budget)
{
	for (size_t i = 0; i < c->channel_room; i++)
		if (c->channels[i] != NULL && !c->channels[i]->ended) {
			listing_row(r, channel_columns, c->channels[i]);
			*budget -= *budget > 1;
		}
}

void
command_list_channels(struct request *r, size_t *budget)
{
	struct connection *c = NULL;

	if (!r->begun &&
	    !listing_begin(r, COLUMNS(channel_columns),
		"pid user consumer_count messages_unacknowledged",
		"Listing channels ..."))
		return;
	for (; each_connection(r, &c, budget); --*budget)
		channel_rows(r, c, budget);
}

/* --- consumers --------------------------------------------------------- */

static void
consumer_channel(struct request *r, const void *thing)
{
	const struct consumer *c = thing;

	put_pid(r, c->channel->connection->id, c->channel->number);
}

static const char *
activity(const struct consumer *c)
{
	if (c->behind)
		return "waiting";
	return c->queue->single != NULL ? "single_active" : "up";
}

COLUMN(consumer_queue, struct consumer, put_text_value, queue_name(t->queue))
COLUMN(consumer_tag, struct consumer, put_text_value, t->tag)
COLUMN(consumer_ack, struct consumer, put_bool_value, !t->no_ack)
COLUMN(consumer_prefetch, struct consumer, put_int_value, t->limit)
COLUMN(consumer_active, struct consumer, put_bool_value, !t->behind)
COLUMN(consumer_activity, struct consumer, put_string, activity(t))
COLUMN(consumer_arguments, struct consumer, put_table_value, t->arguments)

static const struct column consumer_columns[] = {
    {"queue_name", consumer_queue},
    {"channel_pid", consumer_channel},
    {"consumer_tag", consumer_tag},
    {"ack_required", consumer_ack},
    {"prefetch_count", consumer_prefetch},
    {"active", consumer_active},
    {"activity_status", consumer_activity},
    {"arguments", consumer_arguments},
};

void
command_list_consumers(struct request *r, size_t *budget)
{
	struct consumer *c;
	struct vhost *v;
	struct queue *q;

	if (!r->begun &&
	    !listing_begin(r, COLUMNS(consumer_columns),
		"queue_name channel_pid consumer_tag ack_required "
		"prefetch_count active arguments",
		"Listing consumers in vhost %s ..."))
		return;
	if ((v = command_vhost(r)) == NULL)
		return;
	for (; *budget > 0; --*budget) {
		if ((q = names_each(&v->queues, &r->at)) == NULL) {
			request_end(r);
			return;
		}
		TAILQ_FOREACH(c, &q->consumers, queue_link)
		{
			listing_row(r, consumer_columns, c);
			*budget -= *budget > 1;
		}
	}
}

/* --- closing ------------------------------------------------------- */

/* By the number in "<0.7.0>", or by its name. */
static struct connection *
find_connection(const struct server *s, const char *word)
{
	struct connection *c;
	unsigned id = 0;

	sscanf(word, "<0.%u.0>", &id);
	TAILQ_FOREACH(c, &s->connections, link)
	if (c->id == id || (c->name != NULL && strcmp(c->name, word) == 0))
		return c;
	return NULL;
}

void
command_close_connection(struct request *r, size_t *budget)
{
	const char *word = r->words.arguments[0];
	const char *reason = r->words.arguments[1];
	struct connection *c = find_connection(r->server, word);

	request_banner(r, "Closing connection %s, reason: %s...", word, reason);
	if (c == NULL) {
		request_fail(
		    r, CODE_UNAVAILABLE, "there is no connection %s", word);
		return;
	}
	connection_force(c, reason);
	request_end(r);
}

/* Which connections are meant: of a vhost, of a user, or all. */
struct meant {
	struct bytes vhost, user;
	bool all;
};

static bool
is_meant(const struct connection *c, const struct meant *m)
{
	if (c->state >= CONNECTION_CLOSING)
		return false;
	if (m->all)
		return true;
	if (m->user.n > 0)
		return c->user != NULL && bytes_eq(c->user->name, m->user);
	return c->vhost != NULL && bytes_eq(c->vhost->name, m->vhost);
}

/* r->at is the last one looked at, r->phase how many were closed. False when
 * all were looked at, or as many closed as may be. */
static bool
close_meant(struct request *r, const struct meant *m, size_t limit,
    const char *reason, size_t *budget)
{
	struct connection *c = next_connection(r), *next;

	for (; c != NULL && *budget > 0; c = next, --*budget) {
		if (limit > 0 && r->phase == limit)
			return false;
		next = TAILQ_NEXT(c, link);
		r->at = c->id;
		if (!is_meant(c, m))
			continue;
		connection_force(c, reason);
		*budget -= *budget < EVICT_UNITS ? *budget - 1 : EVICT_UNITS;
		r->phase++;
		if (r->pause_ms > 0)
			return true;
	}
	return c != NULL;
}

static size_t
number(const struct request *r, const char *option)
{
	const char *text = words_option(&r->words, option);
	long n = text != NULL ? strtol(text, NULL, 10) : 0;

	return n > 0 ? (size_t)n : 0;
}

static void
banner_all(struct request *r, size_t limit, const char *reason)
{
	if (words_option(&r->words, "global") != NULL)
		request_banner(r,
		    "Closing all connections to node %s (across all vhosts), "
		    "reason: %s...",
		    node_name(), reason);
	else if (limit > 0)
		request_banner(r,
		    "Closing %zu connections in vhost %s, reason: %s...", limit,
		    command_vhost_name(r), reason);
	else
		request_banner(r,
		    "Closing all connections in vhost %s, reason: %s...",
		    command_vhost_name(r), reason);
}

static void
tell_closed(struct request *r)
{
	char *text = xasprintf("Closed %zu connections", r->phase);
	json_t *d = json_object();

	request_text(r, "%s", text);
	json_object_set_new(d, "node", json_string(node_name()));
	json_object_set_new(d, "result", json_string("ok"));
	json_object_set_new(d, "value", json_string(text));
	command_document(r, d);
	free(text);
	request_end(r);
}

/* With a pause, one for each: so that clients come back one by one. */
void
command_close_all_connections(struct request *r, size_t *budget)
{
	const struct meant meant = {
	    .vhost = bytes_str(command_vhost_name(r)),
	    .all = words_option(&r->words, "global") != NULL};
	const char *reason = r->words.arguments[0];
	size_t limit = number(r, "limit");

	r->pause_ms = (unsigned)number(r, "per-connection-delay");
	if (!r->begun)
		banner_all(r, limit, reason);
	if (!close_meant(r, &meant, limit, reason, budget))
		tell_closed(r);
}

void
command_close_all_user_connections(struct request *r, size_t *budget)
{
	const char *name = r->words.arguments[0];
	const char *reason = r->words.arguments[1];
	const struct meant meant = {.user = bytes_str(name)};

	if (!r->begun)
		request_banner(r,
		    "Closing connections of user %s, reason: %s...", name,
		    reason);
	if (!close_meant(r, &meant, 0, reason, budget))
		request_end(r);
}
