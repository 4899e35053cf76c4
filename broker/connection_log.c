/* connection_log.c - what the log says of a connection, in RabbitMQ's words and
 * order. */
#include "broker/connection_log.h"

#include <errno.h>
#include <stdio.h>

#include "amqp/reply.h"
#include "broker/connection.h"
#include "broker/log.h"
#include "broker/server.h"

enum {
	NAME = 600, /* room for the addresses and a name */
};

/* "127.0.0.1:5 -> 127.0.0.1:5672 - client". */
static const char *
name_of(const struct connection *c)
{
	static char text[NAME];

	snprintf(text, sizeof text, "%s%s%s", c->name,
	    c->client_name != NULL ? " - " : "",
	    c->client_name != NULL ? c->client_name : "");
	return text;
}

/* Once it has asked for a vhost: "name, vhost: '/', user: 'guest'". */
static const char *
described(const struct connection *c)
{
	static char text[2 * NAME];

	if (c->vhost_name == NULL)
		return name_of(c);
	snprintf(text, sizeof text, "%s, vhost: '%s', user: '%s'", name_of(c),
	    c->vhost_name, log_safe(c->user->name));
	return text;
}

/* "1D, 2H, 3M, 4s", "1M, 2s", "15ms". */
static void
put_duration(char *p, size_t size, int64_t ms)
{
	static const char letters[] = "DHM";
	static const int64_t lengths[] = {86400, 3600, 60};
	int64_t seconds = ms / 1000;
	size_t n = 0;

	if (ms < 1000) {
		snprintf(p, size, "%lldms", (long long)(ms > 0 ? ms : 0));
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		if (n > 0 || seconds >= lengths[i])
			n += (size_t)snprintf(p + n, size - n, "%lld%c, ",
			    (long long)(seconds / lengths[i]), letters[i]);
		seconds %= lengths[i];
	}
	snprintf(p + n, size - n, "%llds", (long long)seconds);
}

/* The first time? */
static bool
ends(struct connection *c)
{
	bool first = !c->told_end;

	c->told_end = true;
	return first;
}

void
connection_log_accepted(const struct connection *c)
{
	log_of(LOG_CONNECTION, LEVEL_INFO, c->id,
	    "accepting AMQP connection <0.%u.0> (%s)", c->id, c->name);
}

void
connection_log_named(const struct connection *c)
{
	log_of(LOG_CONNECTION, LEVEL_INFO, c->id,
	    "connection <0.%u.0> (%s) has a client-provided name: %s", c->id,
	    c->name, c->client_name);
}

void
connection_log_open(const struct connection *c)
{
	log_of(LOG_CONNECTION, LEVEL_INFO, c->id,
	    "connection <0.%u.0> (%s): user '%s' authenticated and granted "
	    "access to vhost '%s'",
	    c->id, name_of(c), log_safe(c->user->name), c->vhost_name);
}

void
connection_log_login_refused(const struct connection *c)
{
	log_of(LOG_CONNECTION, LEVEL_ERROR, c->id,
	    "Error on AMQP connection <0.%u.0> (%s, state: starting):\n%s "
	    "login refused: %s",
	    c->id, c->name, c->mechanism, c->refused);
}

/* In RabbitMQ's words, which are others until it is open. */
void
connection_log_exception(const struct connection *c, int code, const char *text,
    uint32_t method, uint16_t channel)
{
	if (c->state < CONNECTION_RUNNING)
		log_of(LOG_CONNECTION, LEVEL_ERROR, c->id,
		    "Error on AMQP connection <0.%u.0> (%s, user: '%s', "
		    "state: %s):\n%s",
		    c->id, name_of(c),
		    c->user ? log_safe(c->user->name) : "none",
		    connection_state_name(c), log_safe(bytes_str(text)));
	else
		log_of(LOG_CONNECTION, LEVEL_ERROR, c->id,
		    "Error on AMQP connection <0.%u.0> (%s, state: %s), "
		    "channel %u:\n operation %s caused a connection exception "
		    "%s: \"%s\"",
		    c->id, described(c), connection_state_name(c), channel,
		    method ? amqp_method_name(method) : "none",
		    amqp_reply_log_text(code), log_safe(bytes_str(text)));
}

/* --- ends -------------------------------------------------------------------- */

void
connection_log_end(struct connection *c)
{
	char duration[64];

	if (!ends(c))
		return;
	put_duration(
	    duration, sizeof duration, c->server->clock.wall - c->connected_at);
	log_of(LOG_CONNECTION, LEVEL_INFO, c->id,
	    "closing AMQP connection <0.%u.0> (%s%s%s%s)", c->id, described(c),
	    c->vhost_name != NULL ? ", duration: '" : "",
	    c->vhost_name != NULL ? duration : "",
	    c->vhost_name != NULL ? "'" : "");
}

/* Nobody wants to read of peers that said nothing. */
void
connection_log_lost(struct connection *c, int error)
{
	if (c->state >= CONNECTION_CLOSING || !ends(c))
		return;
	if (c->state == CONNECTION_HEADER && error == EPROTO)
		log_of(LOG_CONNECTION, LEVEL_ERROR, c->id,
		    "closing AMQP connection <0.%u.0> (%s): TLS handshake "
		    "failed: %s",
		    c->id, c->name, transport_error(&c->transport, error));
	else if (c->state == CONNECTION_HEADER && c->transport.bytes_in == 0)
		log_of(LOG_CONNECTION, LEVEL_DEBUG, c->id,
		    "closing AMQP connection <0.%u.0> (%s): nothing was sent",
		    c->id, c->name);
	else
		log_of(LOG_CONNECTION, LEVEL_WARNING, c->id,
		    "closing AMQP connection <0.%u.0> (%s):\n%s", c->id,
		    described(c),
		    error == 0 ? "client unexpectedly closed TCP connection"
			       : transport_error(&c->transport, error));
}

void
connection_log_silent(struct connection *c)
{
	if (ends(c))
		log_of(LOG_CONNECTION, LEVEL_ERROR, c->id,
		    "closing AMQP connection <0.%u.0> (%s):\nmissed heartbeats "
		    "from client, timeout: %us",
		    c->id, name_of(c), c->heartbeat);
}

void
connection_log_refused(struct connection *c, const char *text)
{
	if (ends(c))
		log_of(LOG_CONNECTION, LEVEL_ERROR, c->id,
		    "closing AMQP connection <0.%u.0> (%s):\n%s", c->id,
		    name_of(c), text);
}

/* As Erlang shows it: <<"GET / HT">>, or its octets as numbers. */
static void
put_term(char *p, size_t size, struct bytes b)
{
	size_t n = 0;
	bool text = true;

	for (size_t i = 0; i < b.n; i++)
		text = text && b.p[i] >= ' ' && b.p[i] < 0x7f &&
		    b.p[i] != '"' && b.p[i] != '\\';
	if (text) {
		snprintf(p, size, "<<\"%.*s\">>", BYTES_FMT(b));
		return;
	}
	n += (size_t)snprintf(p, size, "<<");
	for (size_t i = 0; i < b.n && n + 8 < size; i++)
		n += (size_t)snprintf(
		    p + n, size - n, "%s%u", i > 0 ? "," : "", b.p[i]);
	snprintf(p + n, size - n, ">>");
}

void
connection_log_bad_header(struct connection *c, struct bytes header)
{
	char term[80], text[120];

	put_term(term, sizeof term, header);
	snprintf(text, sizeof text, "{bad_header,%s}", term);
	if (bytes_starts(header, BYTES("GET ")))
		connection_log_refused(c, "HTTP GET request detected on AMQP port. Ensure "
			       "the client is connecting to the correct port");
	else if (bytes_starts(header, BYTES("\x16\x03")))
		connection_log_refused(c, "TLS client detected on non-TLS AMQP port. "
			       "Ensure the client is connecting to the correct "
			       "port");
	else
		connection_log_refused(c, text);
}
