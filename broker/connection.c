/* connection.c - one client: frames to channels, heartbeats, closing. */
#include "broker/connection.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "amqp/xalloc.h"
#include "broker/channel.h"
#include "broker/connection_log.h"
#include "broker/consumer.h"
#include "broker/hasher.h"
#include "broker/log.h"
#include "broker/proxy.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"

enum {
	CHANNELS_MIN = 4,
	CLOSE_WAIT_MS = 10000, /* for the peer to take its leave */
	LINGER_MS = 500, /* for the peer to close its socket first */
	SILENT_BEATS = 4,	 /* half intervals: two intervals */
};

static void on_drained(void *);
static void on_closed(void *, int);
static void on_timer(evutil_socket_t, short, void *);

static int on_prefix(void *, struct bytes);

static const struct transport_events events = {
    .input = connection_input,
    .prefix = on_prefix,
    .drained = on_drained,
    .closed = on_closed,
};

/* --- state -------------------------------------------------------------------- */

static const char *const state_names[] = {"starting", "starting", "tuning",
    "opening", "running", "closing", "closed", "closed"};

/* What may follow what: a bit for each state. */
#define TO(state) (1u << CONNECTION_##state)
static const unsigned allowed[] = {
    [CONNECTION_HEADER] = TO(START) | TO(CLOSED) | TO(DEAD),
    [CONNECTION_START] = TO(TUNE) | TO(CLOSING) | TO(CLOSED) | TO(DEAD),
    [CONNECTION_TUNE] = TO(OPEN) | TO(CLOSING) | TO(CLOSED) | TO(DEAD),
    [CONNECTION_OPEN] = TO(RUNNING) | TO(CLOSING) | TO(CLOSED) | TO(DEAD),
    [CONNECTION_RUNNING] = TO(CLOSING) | TO(CLOSED) | TO(DEAD),
    [CONNECTION_CLOSING] = TO(CLOSED) | TO(DEAD),
    [CONNECTION_CLOSED] = TO(DEAD),
    [CONNECTION_DEAD] = 0,
};
#undef TO

void
connection_enter(struct connection *c, enum connection_state state)
{
	assert(allowed[c->state] & 1u << state);
	c->state = state;
}

const char *
connection_state_name(const struct connection *c)
{
	if (c->state != CONNECTION_RUNNING)
		return state_names[c->state];
	if (c->blocked)
		return "blocked";
	if (c->server->pressure.alarms != 0)
		return "blocking"; /* as soon as it publishes */
	return c->parked == PARKED_HELD ? "flow" : "running";
}

void
connection_set_timer(struct connection *c, int64_t ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	if (ms == 0)
		evtimer_del(c->timer);
	else
		evtimer_add(c->timer, &tv);
}

/* --- life ---------------------------------------------------------------------- */

static unsigned
print_address(const struct sockaddr_storage *a, char *text, size_t size)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;

	if (a->ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, text, (socklen_t)size);
		return ntohs(v4->sin_port);
	}
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text,
		    (socklen_t)size);
	else
		inet_ntop(AF_INET6, &v6->sin6_addr, text, (socklen_t)size);
	return ntohs(v6->sin6_port);
}

static void
set_names(struct connection *c, const char *from, const char *to)
{
	free(c->peer_host);
	free(c->name);
	c->peer_host = xstrdup(from);
	c->name = xasprintf(
	    "%s:%u -> %s:%u", from, c->peer_port, to, c->local_port);
}

static void
learn_names(struct connection *c, int fd)
{
	struct sockaddr_storage peer = {0}, local = {0};
	socklen_t peer_size = sizeof peer, local_size = sizeof local;
	char from[INET6_ADDRSTRLEN] = "", to[INET6_ADDRSTRLEN] = "";

	getpeername(fd, (struct sockaddr *)&peer, &peer_size);
	getsockname(fd, (struct sockaddr *)&local, &local_size);
	c->peer_port = print_address(&peer, from, sizeof from);
	c->local_port = print_address(&local, to, sizeof to);
	set_names(c, from, to);
}

/* A proxy tells for whom it speaks; then the connection is that peer's. */
static int
on_prefix(void *arg, struct bytes in)
{
	struct connection *c = arg;
	struct proxy_header h;
	int size = proxy_read(in, &h);

	if (size < 0) {
		connection_refuse(c, "there is no header of a proxy");
		return -1;
	}
	if (size > 0 && h.names) {
		c->peer_port = h.source_port;
		c->local_port = h.target_port;
		set_names(c, h.source, h.target);
	}
	if (size > 0)
		connection_log_accepted(c);
	return size;
}

/* The largest until that is negotiated; the input has room for no more. */
static uint32_t
first_frame_max(const struct config *c)
{
	return (uint32_t)(c->initial_frame_max < c->frame_max
			      ? c->initial_frame_max
			      : c->frame_max);
}

struct connection *
connection_new(struct server *s, int fd, struct ssl_ctx_st *tls)
{
	struct connection *c = xcalloc(1, sizeof *c);

	c->server = s;
	c->id = ++s->last_id;
	c->frame_max = first_frame_max(s->config);
	c->connected_at = s->clock.wall;
	TAILQ_INIT(&c->holds);
	TAILQ_INIT(&c->owned);
	TAILQ_INIT(&c->stalled);
	learn_names(c, fd);
	transport_init(&c->transport, &s->io, fd, &events, c);
	if (tls != NULL)
		transport_secure(&c->transport, tls);
	c->timer = evtimer_new(s->base, on_timer, c);
	connection_set_timer(c,
	    tls != NULL ? s->config->ssl_handshake_timeout
			: s->config->handshake_timeout);
	TAILQ_INSERT_TAIL(&s->connections, c, link);
	s->connection_count++;
	s->stats.connections_opened++;
	if (s->config->proxy_protocol)
		transport_expect_prefix(&c->transport);
	else
		connection_log_accepted(c);
	return c;
}

void
connection_free(struct connection *c)
{
	transport_fini(&c->transport);
	event_free(c->timer);
	while (!TAILQ_EMPTY(&c->holds))
		hold_free(TAILQ_FIRST(&c->holds));
	if (c->user != NULL)
		user_unref(c->user);
	writer_fini(&c->last_replies);
	free(c->channels);
	free((void *)c->client_properties.p);
	free(c->client_name);
	free(c->vhost_name);
	free(c->name);
	free(c->peer_host);
	free(c->mechanism);
	free(c->mechanisms);
	free(c->refused);
	free(c);
}

/* --- waiting -------------------------------------------------------------------- */

static void
unpark(struct connection *c)
{
	if (c->parked == PARKED_READY)
		TAILQ_REMOVE(&c->server->ready, c, park_link);
	else if (c->parked != NOT_PARKED)
		TAILQ_REMOVE(&c->server->held, c, park_link);
	c->parked = NOT_PARKED;
}

void
connection_park(struct connection *c, bool held)
{
	unpark(c);
	transport_pause(&c->transport);
	if (held)
		TAILQ_INSERT_TAIL(&c->server->held, c, park_link);
	else
		TAILQ_INSERT_TAIL(&c->server->ready, c, park_link);
	c->parked = held ? PARKED_HELD : PARKED_READY;
}

void
connection_park_publishes(struct connection *c)
{
	if (c->parked != NOT_PARKED)
		return;
	TAILQ_INSERT_TAIL(&c->server->held, c, park_link);
	c->parked = PARKED_PUBLISHES;
	c->server->pressure.on = true;
}

void
connection_suspend(struct connection *c)
{
	c->suspended = true;
	transport_pause(&c->transport);
}

void
connection_continue(struct connection *c)
{
	c->suspended = false;
	c->job = NULL;
	if (c->state != CONNECTION_DEAD && !c->choked)
		connection_park(c, false);
}

/* No alarm is set any more. */
static void
unblock(struct connection *c)
{
	c->blocked = false;
	if (c->state == CONNECTION_RUNNING && c->capabilities & CAN_BLOCKED)
		connection_send(c, 0,
		    &(struct amqp_method){AMQP_connection_unblocked});
}

void
connection_serve(struct connection *c)
{
	unpark(c);
	if (c->blocked && c->server->pressure.alarms == 0)
		unblock(c);
	if (!c->suspended && !c->choked && connection_catch_up(c))
		transport_resume(&c->transport);
}

static void
on_drained(void *arg)
{
	struct connection *c = arg;
	struct consumer *consumer;

	while ((consumer = TAILQ_FIRST(&c->stalled)) != NULL)
		consumer_wake(consumer);
	if (!c->choked)
		return;
	c->choked = false;
	if (!c->suspended && c->parked <= PARKED_PUBLISHES)
		connection_park(c, false);
}

/* --- channels -------------------------------------------------------------------- */

static size_t
channel_slot(const struct connection *c, uint16_t number)
{
	size_t i = number & (c->channel_room - 1);

	while (c->channels[i] != NULL && c->channels[i]->number != number)
		i = (i + 1) & (c->channel_room - 1);
	return i;
}

struct channel *
connection_channel(const struct connection *c, uint16_t number)
{
	if (c->last_channel != NULL && c->last_channel->number == number)
		return c->last_channel;
	return c->channel_room > 0 ? c->channels[channel_slot(c, number)]
				   : NULL;
}

static void
resize_channels(struct connection *c, size_t room)
{
	struct channel **old = c->channels;
	size_t n = c->channel_room;

	c->channels = xcalloc(room, sizeof *c->channels);
	c->channel_room = room;
	for (size_t i = 0; i < n; i++)
		if (old[i] != NULL)
			c->channels[channel_slot(c, old[i]->number)] = old[i];
	free(old);
}

void
connection_add_channel(struct connection *c, struct channel *ch)
{
	if ((c->channel_count + 1) * 4 > c->channel_room * 3)
		resize_channels(c,
		    c->channel_room ? c->channel_room * 2 : CHANNELS_MIN);
	c->channels[channel_slot(c, ch->number)] = ch;
	c->channel_count++;
	c->user->channels++;
	c->server->channel_count++;
}

/* Members of the run behind it move up, so that none is cut off. */
void
connection_drop_channel(struct connection *c, struct channel *ch)
{
	size_t i = channel_slot(c, ch->number);

	if (c->last_channel == ch)
		c->last_channel = NULL;
	c->channels[i] = NULL;
	c->channel_count--;
	c->user->channels--;
	c->server->channel_count--;
	for (;;) {
		struct channel *next;

		i = (i + 1) & (c->channel_room - 1);
		if ((next = c->channels[i]) == NULL)
			return;
		c->channels[i] = NULL;
		c->channels[channel_slot(c, next->number)] = next;
	}
}

/* Freeing one may move others to earlier slots: around until none is left. */
static void
end_channels(struct connection *c)
{
	struct channel *ch;
	size_t i = 0;

	while (c->channel_count > 0) {
		if ((ch = c->channels[i]) == NULL) {
			i = (i + 1) & (c->channel_room - 1);
			continue;
		}
		if (!ch->ended)
			channel_end(ch, NULL);
		channel_free(ch);
	}
}

/* --- the end ---------------------------------------------------------------------- */

bool
connection_disown(struct connection *c, size_t *budget)
{
	struct queue *q;

	while ((q = TAILQ_FIRST(&c->owned)) != NULL && *budget > 0) {
		queue_delete(q);
		budget_spend(budget, QUEUE_DELETION);
	}
	return q == NULL;
}

/* As many at once as the turn allows. */
static void
begin_disowning(struct connection *c)
{
	struct server *s = c->server;
	size_t all = s->budget + 1, budget = all;

	if (c->disowning)
		return;
	if (!connection_disown(c, &budget)) {
		c->disowning = true;
		TAILQ_INSERT_TAIL(&s->disowning, c, disown_link);
	}
	server_spend(s, all - budget);
}

/* Everything it had in the broker goes; the socket stays. */
static void
let_go(struct connection *c)
{
	end_channels(c);
	begin_disowning(c);
	hash_task_free(c->login);
	c->login = NULL;
	if (c->waiting_for != NULL)
		TAILQ_REMOVE(&c->waiting_for->waiting, c, waiting_link);
	c->waiting_for = NULL;
	if (c->job != NULL)
		c->job->asker = NULL;
	c->job = NULL;
	c->suspended = false;
	if (c->vhost != NULL) {
		c->vhost->connection_count--;
		c->user->connections--;
		c->server->open_connections--;
	}
	c->vhost = NULL;
}

void
connection_kill(struct connection *c)
{
	struct server *s = c->server;

	if (c->state == CONNECTION_DEAD)
		return;
	connection_log_end(c);
	let_go(c);
	unpark(c);
	if (c->leaving)
		TAILQ_REMOVE(&s->leaving, c, leave_link);
	connection_enter(c, CONNECTION_DEAD);
	transport_stop(&c->transport);
	connection_set_timer(c, 0);
	TAILQ_REMOVE(&s->connections, c, link);
	TAILQ_INSERT_TAIL(&s->dead, c, link);
	s->connection_count--;
	s->stats.connections_closed++;
}

static void
on_closed(void *arg, int error)
{
	struct connection *c = arg;

	if (c->state == CONNECTION_DEAD)
		return;
	if (error >= 0)
		connection_log_lost(c, error);
	connection_kill(c);
}

void
connection_refuse(struct connection *c, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	connection_log_refused(c, text);
	connection_kill(c);
}

static void
send_close(struct connection *c, int code, struct bytes full, uint32_t method)
{
	struct amqp_method m = {AMQP_connection_close};

	m.connection_close = (struct amqp_connection_close){(uint16_t)code,
	    full, (uint16_t)(method >> 16), (uint16_t)method};
	connection_enter(c, CONNECTION_CLOSING);
	connection_send(c, 0, &m);
	connection_set_timer(c, CLOSE_WAIT_MS);
	c->choked = false;
	if (!c->transport.reading)
		connection_park(c, false); /* read on, for the close-ok */
}

void
connection_fail(struct connection *c, int code, const char *text,
    uint32_t method, uint16_t channel)
{
	char buffer[AMQP_REPLY_SIZE];
	struct bytes full;

	if (c->state >= CONNECTION_CLOSING)
		return;
	if (c->state < CONNECTION_OPEN && code != AMQP_ACCESS_REFUSED) {
		connection_refuse(c, "%s: %s", amqp_reply_log_text(code), text);
		return;
	}
	if (c->refused == NULL) /* that was told already */
		connection_log_exception(c, code, text, method, channel);
	full = amqp_reply_print(buffer, code, text); /* its channel may go */
	let_go(c);
	send_close(c, code, full, method);
}

void
connection_force(struct connection *c, const char *reason)
{
	char buffer[AMQP_REPLY_SIZE];
	struct bytes full;

	if (c->state < CONNECTION_OPEN)
		connection_kill(c);
	if (c->state >= CONNECTION_CLOSING)
		return;
	connection_log_exception(c, AMQP_CONNECTION_FORCED, reason, 0, 0);
	full = amqp_reply_print(buffer, AMQP_CONNECTION_FORCED, reason);
	let_go(c);
	send_close(c, AMQP_CONNECTION_FORCED, full, 0);
}

/* The peer closes its socket when it hears ok. A client may still be writing
 * from another thread: an end of ours that came before would look to it like a
 * failure. */
void
connection_leave(struct connection *c)
{
	c->leaving = false;
	if (c->last_replies.n > 0)
		connection_send_encoded(c, writer_view(&c->last_replies));
	connection_send(
	    c, 0, &(struct amqp_method){AMQP_connection_close_ok});
	connection_set_timer(
	    c, c->transport.held_up ? CLOSE_WAIT_MS : LINGER_MS);
}

/* What it had must be back in its queues, what it threw away must have gone where
 * it goes, what it acknowledged must be safe, and its exclusive queues gone. */
bool
connection_settled(struct connection *c)
{
	struct server *s = c->server;

	if (c->settling > 0 || c->letters > s->letters_carried)
		return false;
	if (c->letters > 0)
		c->close_seq = s->journal.seq;
	c->letters = 0;
	journal_promise(&s->journal, c->close_seq);
	return c->close_seq <= journal_committed(&s->journal) && !c->disowning;
}

/* What its channels could not yet say it hears before. */
static void
collect_replies(struct connection *c)
{
	uint64_t seq;

	for (size_t i = 0; i < c->channel_room; i++) {
		if (c->channels[i] == NULL)
			continue;
		seq = promises_collect(c->channels[i], &c->last_replies);
		c->close_seq = seq > c->close_seq ? seq : c->close_seq;
	}
}

/* It hears ok once all that is so. */
void
connection_closed_by_peer(struct connection *c)
{
	connection_log_end(c);
	collect_replies(c);
	let_go(c);
	connection_enter(c, CONNECTION_CLOSED);
	connection_set_timer(c, 0);
	if (connection_settled(c)) {
		connection_leave(c);
		return;
	}
	c->leaving = true;
	TAILQ_INSERT_TAIL(&c->server->leaving, c, leave_link);
}

/* --- timers ------------------------------------------------------------------------ */

static void
send_heartbeat(struct connection *c)
{
	static const uint8_t beat[] = {
	    FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END};

	connection_send_encoded(c, (struct bytes){beat, sizeof beat});
}

/* Every half interval: say something if nothing was said, and give up on a peer
 * that was silent for two whole ones. */
static void
heartbeat(struct connection *c)
{
	const struct transport *t = &c->transport;

	if (t->bytes_in != c->seen_in || c->parked > PARKED_PUBLISHES ||
	    c->suspended || c->choked)
		c->silent_beats = 0;
	else
		c->silent_beats++;
	if (c->silent_beats > SILENT_BEATS) {
		connection_log_silent(c);
		connection_kill(c);
		return;
	}
	if (t->bytes_out == c->seen_out && t->pending == 0)
		send_heartbeat(c);
	c->seen_in = t->bytes_in;
	c->seen_out = t->bytes_out;
	connection_set_timer(c, c->heartbeat * 500);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	if (c->refused != NULL && c->state < CONNECTION_CLOSING)
		connection_tell_refused(c);
	else if (c->state < CONNECTION_RUNNING)
		connection_refuse(c, "handshake_timeout");
	else if (c->state == CONNECTION_RUNNING)
		heartbeat(c);
	else
		connection_kill(c);
}

/* --- output ------------------------------------------------------------------------ */

void
connection_send(
    struct connection *c, uint16_t channel, const struct amqp_method *m)
{
	struct writer *w = &c->server->writer;

	if (c->state == CONNECTION_DEAD)
		return;
	w->n = 0;
	amqp_method_frame(w, channel, m);
	transport_write(&c->transport, writer_view(w));
}

void
connection_send_encoded(struct connection *c, struct bytes frame)
{
	if (c->state != CONNECTION_DEAD)
		transport_write(&c->transport, frame);
}

void
connection_block(struct connection *c, const char *reason)
{
	if (c->blocked || c->state != CONNECTION_RUNNING)
		return;
	c->blocked = true;
	if (c->capabilities & CAN_BLOCKED)
		connection_send(c, 0,
		    &(struct amqp_method){AMQP_connection_blocked,
			.connection_blocked = {bytes_str(reason)}});
}
