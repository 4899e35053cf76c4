/* stress.c - many clients that do random things at once. */
#include "tests/hostile/stress.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "amqp/reply.h"
#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/hostile/client.h"
#include "tests/hostile/rig.h"

enum {
	CLIENTS = 14,
	CHANNELS = 4,
	QUEUES = 12,
	EXCLUSIVE = 7, /* numbers of queues */
	FORGETFUL = 6,
	EXCHANGES = 6,
	TAGS = 256,
	UIDS = 4096, /* channels ever opened, told apart in messages */
	LARGE = 200 * 1024,
};

struct stress_channel {
	uint16_t number;
	enum { CLOSED, OPEN, LEAVING } state;
	uint32_t uid;
	uint64_t sequence;
	uint64_t tags[TAGS]; /* some that were delivered */
	size_t tag_count;
};

struct actor {
	struct client *client;
	struct stress_channel channels[CHANNELS];
	bool asleep; /* reads nothing for a while */
};

static struct actor actors[CLIENTS];
static uint8_t large[LARGE];
static uint32_t uids;

static unsigned
below(unsigned n)
{
	return (unsigned)random() % n;
}

static bool
one_in(unsigned n)
{
	return below(n) == 0;
}

/* Good until called eight times more. */
static const char *
name(const char *kind, unsigned n)
{
	static char texts[8][16];
	static unsigned next;
	char *text = texts[next++ % 8];

	snprintf(text, sizeof texts[0], "%s%u", kind, n);
	return text;
}

/* The exclusive one seldom, for to most it is only an error. */
static unsigned
which_queue(void)
{
	unsigned n = below(QUEUES);

	return n != EXCLUSIVE || one_in(30) ? n : 0;
}

static struct bytes
queue(void)
{
	return bytes_str(name("q", which_queue()));
}

static struct bytes
exchange(void)
{
	return bytes_str(name("x", below(EXCHANGES)));
}

/* What a channel is like, all its life. */
static bool
takes_freely(const struct stress_channel *ch)
{
	return ch->uid % 3 == 0;
}

static bool
is_transactional(const struct stress_channel *ch)
{
	return ch->uid % 4 == 1;
}

static bool
is_confirming(const struct stress_channel *ch)
{
	return ch->uid % 4 == 2;
}

/* --- one client ----------------------------------------------------------------- */

static void
leave(struct actor *a)
{
	client_drop(a->client);
	*a = (struct actor){0};
}

static void
add(struct actor *a, const struct stress_channel *ch,
    const struct amqp_method *m)
{
	client_add(a->client, ch->number, m);
}

static void
note_tag(struct stress_channel *ch, uint64_t tag)
{
	if (ch->tag_count == TAGS)
		ch->tag_count = below(TAGS);
	ch->tags[ch->tag_count++] = tag;
}

/* False: the connection has gone. */
static bool
hear(struct actor *a, uint16_t number, const struct amqp_method *m)
{
	struct stress_channel *ch =
	    &a->channels[(number + CHANNELS - 1u) % CHANNELS];

	switch (m->id) {
	case AMQP_basic_deliver:
		note_tag(ch, m->basic_deliver.delivery_tag);
		return true;
	case AMQP_basic_get_ok:
		note_tag(ch, m->basic_get_ok.delivery_tag);
		return true;
	case AMQP_channel_close:
		add(a, ch, &(struct amqp_method){AMQP_channel_close_ok});
		if (ch->state == OPEN)
			ch->state = CLOSED;
		return true;
	case AMQP_channel_close_ok:
		ch->state = CLOSED;
		return true;
	case AMQP_connection_close:
		CHECK(m->connection_close.reply_code != AMQP_INTERNAL_ERROR);
		return false;
	case AMQP_connection_close_ok:
		return false;
	}
	return true;
}

static bool
listen_to(struct actor *a)
{
	struct amqp_frame f;
	struct amqp_method m;

	while (client_next(a->client, &f, 0))
		if (f.type == FRAME_METHOD &&
		    amqp_method_decode(f.payload, &m) == AMQP_DECODED &&
		    !hear(a, f.channel, &m))
			return false;
	return true;
}

/* Writes what is to be said, and reads as long as that does not fit. */
static bool
speak(struct actor *a)
{
	struct writer *out = &a->client->out;
	size_t at = 0, end = out->n;
	ssize_t n;

	while (at < end) {
		n = send(a->client->fd, out->p + at, end - at,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno != EAGAIN || !listen_to(a)))
			return false;
		if (n < 0)
			poll(&(struct pollfd){a->client->fd,
				 POLLIN | POLLOUT, 0},
			    1, 100);
		else
			at += (size_t)n;
	}
	memmove(out->p, out->p + end, out->n - end);
	out->n -= end;
	return true;
}

/* --- what it does ------------------------------------------------------------------ */

/* Some are short, some forgetful; what leaves them goes to "dead". */
static void
put_limits(struct writer *w, unsigned n)
{
	if (n == 4)
		table_put_int(w, "x-max-length", 20);
	if (n == FORGETFUL)
		table_put_int(w, "x-message-ttl", 50);
	if (n == 10) {
		table_put_int(w, "x-max-length-bytes", 5000);
		table_put_longstr(w, "x-overflow", BYTES("reject-publish"));
	}
	if (n != 4 && n != FORGETFUL && n != 0)
		return;
	table_put_longstr(w, "x-dead-letter-exchange", BYTES(""));
	table_put_longstr(w, "x-dead-letter-routing-key", BYTES("dead"));
}

static void
declare_queue(struct actor *a, struct stress_channel *ch, unsigned n)
{
	struct writer limits = {0};

	put_limits(&limits, n);
	add(a, ch,
	    &(struct amqp_method){AMQP_queue_declare,
		.queue_declare = {.queue = bytes_str(name("q", n)),
		    .durable = n % 2 == 0 || one_in(300),
		    .auto_delete = n % 5 == 3,
		    .exclusive = n == EXCLUSIVE,
		    .passive = one_in(100),
		    .nowait = one_in(6),
		    .arguments = writer_view(&limits)}});
	writer_fini(&limits);
}

static void
declare_exchange(struct actor *a, struct stress_channel *ch, unsigned n)
{
	static const char *const types[] = {
	    "direct", "fanout", "topic", "headers", "fanout", "direct"};

	add(a, ch,
	    &(struct amqp_method){AMQP_exchange_declare,
		.exchange_declare = {.exchange = bytes_str(name("x", n)),
		    .type = bytes_str(types[n]),
		    .durable = n % 2 == 0,
		    .auto_delete = n > 3}});
}

/* What it names later is there, at first. */
static void
open_channel(struct actor *a, struct stress_channel *ch)
{
	*ch = (struct stress_channel){
	    .number = (uint16_t)(1 + (ch - a->channels)), .state = OPEN};
	ch->uid = uids++ % UIDS;
	add(a, ch, &(struct amqp_method){AMQP_channel_open});
	if (is_transactional(ch))
		add(a, ch, &(struct amqp_method){AMQP_tx_select});
	if (is_confirming(ch))
		add(a, ch, &(struct amqp_method){AMQP_confirm_select});
	for (unsigned n = 0; n < QUEUES; n++)
		if (n != EXCLUSIVE)
			declare_queue(a, ch, n);
	for (unsigned n = 0; n < EXCHANGES; n++)
		declare_exchange(a, ch, n);
}

static void
declare(struct actor *a, struct stress_channel *ch)
{
	if (one_in(4))
		declare_exchange(a, ch, below(EXCHANGES));
	else
		declare_queue(a, ch, which_queue());
}

static void
bind_to(struct actor *a, struct stress_channel *ch)
{
	struct bytes key = queue();

	if (one_in(4))
		add(a, ch,
		    &(struct amqp_method){AMQP_exchange_bind,
			.exchange_bind = {.destination = exchange(),
			    .source = exchange(),
			    .routing_key = key}});
	else
		add(a, ch,
		    &(struct amqp_method){AMQP_queue_bind,
			.queue_bind = {.queue = queue(),
			    .exchange = exchange(),
			    .routing_key = key}});
}

static void
unbind(struct actor *a, struct stress_channel *ch)
{
	add(a, ch,
	    &(struct amqp_method){AMQP_queue_unbind,
		.queue_unbind = {.queue = queue(),
		    .exchange = exchange(),
		    .routing_key = queue()}});
}

static void
publish(struct actor *a, struct stress_channel *ch)
{
	static const size_t sizes[] = {
	    12, 12, 12, 100, 900, 5000, 20000, LARGE};
	size_t size = sizes[below(one_in(20) ? 8 : 6)];
	const char *key = name("q", below(QUEUES));
	const char *to = one_in(3) ? name("x", below(EXCHANGES)) : "";

	for (unsigned n = 1 + below(20); n > 0; n--) {
		put_u64(put_u32(large, ch->uid), ++ch->sequence);
		client_add_publish(a->client, ch->number, to, key,
		    one_in(2), (struct bytes){large, size});
	}
}

static void
consume(struct actor *a, struct stress_channel *ch)
{
	struct writer arguments = {0};

	if (one_in(3))
		table_put_int(&arguments, "x-priority", below(3));
	add(a, ch,
	    &(struct amqp_method){AMQP_basic_consume,
		.basic_consume = {.queue = queue(),
		    .consumer_tag = bytes_str(
			one_in(50) ? "same" : name("c", below(100000))),
		    .no_ack = takes_freely(ch),
		    .exclusive = one_in(30),
		    .nowait = one_in(3),
		    .arguments = writer_view(&arguments)}});
	writer_fini(&arguments);
}

static void
cancel(struct actor *a, struct stress_channel *ch)
{
	add(a, ch,
	    &(struct amqp_method){AMQP_basic_cancel,
		.basic_cancel = {BYTES("same"), one_in(3)}});
}

static void
get(struct actor *a, struct stress_channel *ch)
{
	for (unsigned n = below(8); n > 0; n--)
		add(a, ch,
		    &(struct amqp_method){AMQP_basic_get,
			.basic_get = {.queue = queue(),
				.no_ack = takes_freely(ch)}});
}

/* Those up to tag, or only that one, are not to be settled again. */
static void
forget_tags(struct stress_channel *ch, uint64_t tag, bool multiple)
{
	size_t n = 0;

	for (size_t i = 0; i < ch->tag_count; i++)
		if (multiple ? ch->tags[i] > tag : ch->tags[i] != tag)
			ch->tags[n++] = ch->tags[i];
	ch->tag_count = n;
}

static void
settle(struct actor *a, struct stress_channel *ch)
{
	size_t i = below(TAGS) % (ch->tag_count + 1);
	uint64_t tag = one_in(200) ? 0 : ch->tags[i];
	bool multiple = one_in(6);

	if (i == ch->tag_count || takes_freely(ch))
		return;
	switch (below(4)) {
	case 0:
		add(a, ch,
		    &(struct amqp_method){AMQP_basic_nack,
			.basic_nack = {tag, multiple, one_in(2)}});
		break;
	case 1:
		multiple = false;
		add(a, ch,
		    &(struct amqp_method){AMQP_basic_reject,
			.basic_reject = {tag, one_in(2)}});
		break;
	default:
		add(a, ch,
		    &(struct amqp_method){AMQP_basic_ack,
			.basic_ack = {tag, multiple}});
	}
	if (!one_in(200))
		forget_tags(ch, tag, multiple);
}

/* In order and each once, as a well-behaved consumer. */
static void
settle_in_order(struct actor *a, struct stress_channel *ch)
{
	for (size_t i = 0; i < ch->tag_count && !takes_freely(ch); i++)
		add(a, ch,
		    &(struct amqp_method){AMQP_basic_ack,
			.basic_ack = {ch->tags[i], false}});
	ch->tag_count = 0;
}

static void
recover(struct actor *a, struct stress_channel *ch)
{
	if (one_in(2))
		add(a, ch,
		    &(struct amqp_method){AMQP_basic_recover,
			.basic_recover = {true}});
	else
		add(a, ch,
		    &(struct amqp_method){AMQP_basic_recover_async,
			.basic_recover_async = {true}});
}

static void
qos(struct actor *a, struct stress_channel *ch)
{
	add(a, ch,
	    &(struct amqp_method){AMQP_basic_qos,
		.basic_qos = {0, (uint16_t)below(20), one_in(2)}});
}

static void
purge(struct actor *a, struct stress_channel *ch)
{
	add(a, ch,
	    &(struct amqp_method){AMQP_queue_purge,
		.queue_purge = {.queue = queue(), .nowait = one_in(3)}});
}

static void
delete(struct actor *a, struct stress_channel *ch)
{
	if (one_in(3))
		add(a, ch,
		    &(struct amqp_method){AMQP_exchange_delete,
			.exchange_delete = {.exchange = exchange(),
			    .if_unused = one_in(2)}});
	else
		add(a, ch,
		    &(struct amqp_method){AMQP_queue_delete,
			.queue_delete = {.queue = queue(),
			    .if_empty = one_in(2),
			    .if_unused = one_in(2)}});
}

static void
commit(struct actor *a, struct stress_channel *ch)
{
	if (is_transactional(ch))
		add(a, ch,
		    &(struct amqp_method){
			one_in(4) ? AMQP_tx_rollback : AMQP_tx_commit});
}

static void
close_channel(struct actor *a, struct stress_channel *ch)
{
	add(a, ch, &(struct amqp_method){AMQP_channel_close});
	ch->state = LEAVING;
}

static const struct {
	unsigned weight;
	void (*act)(struct actor *, struct stress_channel *);
} acts[] = {
    {20, declare}, {10, bind_to}, {3, unbind},
    {60, publish}, {12, consume}, {3, cancel}, {20, get}, {10, settle},
    {60, settle_in_order}, {3, recover}, {4, qos}, {2, purge}, {1, delete},
    {6, commit}, {2, close_channel},
};

static void
act(struct actor *a)
{
	struct stress_channel *ch = &a->channels[below(CHANNELS)];
	unsigned all = 0, n;
	size_t i;

	if (ch->state == CLOSED)
		open_channel(a, ch);
	if (ch->state != OPEN)
		return;
	for (i = 0; i < sizeof acts / sizeof *acts; i++)
		all += acts[i].weight;
	n = below(all);
	for (i = 0; n >= acts[i].weight; i++)
		n -= acts[i].weight;
	acts[i].act(a, ch);
}

/* Nobody is polite for ever. */
static bool
misbehave(struct actor *a)
{
	uint8_t noise[64];

	if (one_in(3)) {
		client_add(a->client, 0,
		    &(struct amqp_method){AMQP_connection_close});
		return speak(a) && client_ended(a->client, 100) && false;
	}
	if (one_in(3)) {
		for (size_t i = 0; i < sizeof noise; i++)
			noise[i] = (uint8_t)random();
		client_push(a->client, (struct bytes){noise, below(64)});
	}
	return false;
}

static void
take_turn(struct actor *a)
{
	bool stays = true;

	if (a->client == NULL) {
		a->client = client_open();
		return;
	}
	if (one_in(200))
		a->asleep = !a->asleep;
	for (unsigned n = below(10); n > 0; n--)
		act(a);
	stays = speak(a);
	if (stays && !a->asleep)
		stays = listen_to(a);
	if (stays && one_in(400))
		stays = misbehave(a);
	if (!stays)
		leave(a);
}

/* --- afterwards ------------------------------------------------------------------------- */

static void
pause_ms(unsigned ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* A passive declaration: false if there is no such queue, and the channel is
 * open again. */
static bool
look(struct client *c, const char *queue, struct amqp_queue_declare_ok *ok)
{
	struct amqp_method m = {0};

	client_send(c, 1,
	    &(struct amqp_method){AMQP_queue_declare,
		.queue_declare = {
		    .queue = bytes_str(queue), .passive = true}});
	CHECK(client_method(c, &m, ANSWER_MS));
	*ok = m.queue_declare_ok;
	if (m.id == AMQP_queue_declare_ok)
		return true;
	CHECK(m.id == AMQP_channel_close);
	client_channel_again(c, 1);
	return false;
}

/* After a start nothing is in memory: limits are applied to what is loaded. */
static void
touch(struct client *c, const char *queue)
{
	struct amqp_method m = {0};
	struct amqp_frame f;

	client_send(c, 1,
	    &(struct amqp_method){AMQP_basic_get,
		.basic_get = {.queue = bytes_str(queue)}});
	CHECK(client_method(c, &m, ANSWER_MS));
	if (m.id == AMQP_channel_close)
		client_channel_again(c, 1);
	if (m.id != AMQP_basic_get_ok)
		return;
	while (client_next(c, &f, 50))
		;
	client_send(c, 1,
	    &(struct amqp_method){AMQP_basic_nack,
		.basic_nack = {m.basic_get_ok.delivery_tag, false, true}});
}

/* Until what the others left behind has been put back. */
static bool
settle_down(
    struct client *c, const char *queue, struct amqp_queue_declare_ok *ok)
{
	unsigned before, quiet = 0;

	if (!look(c, queue, ok))
		return false;
	for (int i = 0; i < 200 && quiet < 5; i++) {
		before = ok->message_count;
		pause_ms(20);
		if (!look(c, queue, ok))
			return false;
		if (ok->message_count == before && ok->consumer_count == 0)
			quiet++;
		else
			quiet = 0;
	}
	CHECK(ok->consumer_count == 0);
	return true;
}

/* The messages of one channel stand in the order in which it said them. */
static void
check_order(struct client *c, uint64_t *last)
{
	struct amqp_frame f;
	uint32_t uid;
	uint64_t sequence;
	size_t size, got;

	CHECK(client_next(c, &f, ANSWER_MS) && f.type == FRAME_HEADER);
	size = get_u64(f.payload.p + 4);
	for (got = 0; got < size; got += f.size) {
		if (!CHECK(client_next(c, &f, ANSWER_MS)))
			return;
		CHECK(f.type == FRAME_BODY);
		if (got > 0)
			continue;
		uid = get_u32(f.payload.p) % UIDS;
		sequence = get_u64(f.payload.p + 4);
		CHECK(sequence > last[uid]);
		last[uid] = sequence;
	}
}

/* Gets all, which must be as many as the queue says at each step. */
static void
drain(struct client *c, const char *queue, unsigned count)
{
	uint64_t *last = xcalloc(UIDS, sizeof *last);
	struct amqp_method m;

	for (; count > 0; count--) {
		client_send(c, 1,
		    &(struct amqp_method){AMQP_basic_get,
			.basic_get = {
			    .queue = bytes_str(queue), .no_ack = true}});
		if (!client_expect(c, AMQP_basic_get_ok, &m))
			break;
		if (!CHECK(m.basic_get_ok.message_count == count - 1))
			break;
		check_order(c, last);
	}
	client_send(c, 1,
	    &(struct amqp_method){AMQP_basic_get,
		.basic_get = {.queue = bytes_str(queue)}});
	client_expect(c, AMQP_basic_get_empty, NULL);
	free(last);
}

static void
take_down(struct client *c)
{
	struct amqp_queue_declare_ok ok;

	for (unsigned i = 0; i < QUEUES; i++) {
		const char *queue = name("q", i);

		touch(c, queue);
		if (settle_down(c, queue, &ok)) {
			CHECK(i != FORGETFUL || ok.message_count == 0);
			drain(c, queue, ok.message_count);
		}
		client_call(c, 1,
		    &(struct amqp_method){AMQP_queue_delete,
			.queue_delete = {.queue = bytes_str(queue)}},
		    NULL);
	}
	client_call(c, 1,
	    &(struct amqp_method){AMQP_queue_delete,
		.queue_delete = {.queue = BYTES("dead")}},
	    NULL);
	for (unsigned i = 0; i < EXCHANGES; i++)
		client_call(c, 1,
		    &(struct amqp_method){AMQP_exchange_delete,
			.exchange_delete = {
			    .exchange = bytes_str(name("x", i))}},
		    NULL);
}

void
stress(unsigned seconds, int kill)
{
	const char *wanted = getenv("STRESS_SECONDS");
	const char *seed = getenv("STRESS_SEED");
	unsigned number = seed ? (unsigned)atoi(seed) : (unsigned)time(NULL);
	time_t until;
	struct client *c;

	if (wanted != NULL)
		seconds = (unsigned)atoi(wanted);
	printf("STRESS_SEED=%u\n", number);
	srandom(number);
	c = client_open();
	client_channel(c, 1);
	client_declare(c, 1, "dead", true);
	client_close(c);
	for (until = time(NULL) + seconds; time(NULL) < until;)
		take_turn(&actors[below(CLIENTS)]);
	for (int i = 0; i < CLIENTS; i++)
		if (actors[i].client != NULL)
			leave(&actors[i]);
	if (kill)
		rig_restart(true);
	c = client_open();
	client_channel(c, 1);
	take_down(c);
	client_close(c);
}
