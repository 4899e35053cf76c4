/* raw.c - bytes and silences that no client library produces. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "amqp/props.h"
#include "amqp/xalloc.h"
#include "tests/hostile/client.h"
#include "tests/hostile/raw.h"
#include "tests/hostile/rig.h"

enum { MIB = 1024 * 1024 };

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- the one who must not notice ------------------------------------------------ */

struct client *
witness_open(void)
{
	struct client *c = client_open();

	client_channel(c, 1);
	client_declare(c, 1, "witness", false);
	client_call(
	    c, 1, &(struct amqp_method){AMQP_confirm_select}, NULL);
	client_call(c, 1,
	    &(struct amqp_method){AMQP_basic_consume,
		.basic_consume = {.queue = BYTES("witness"), .no_ack = true}},
	    NULL);
	return c;
}

int64_t
witness(struct client *c)
{
	int64_t begin = now_ms();
	bool delivered = false, confirmed = false;
	struct amqp_method m;

	client_add_publish(c, 1, "", "witness", true, BYTES("here"));
	client_flush(c);
	while (!(delivered && confirmed) && client_method(c, &m, ANSWER_MS)) {
		delivered |= m.id == AMQP_basic_deliver;
		confirmed |= m.id == AMQP_basic_ack;
	}
	CHECK(delivered && confirmed);
	return now_ms() - begin;
}

void
witness_all_is_well(struct client *c, unsigned times)
{
	int64_t longest = 0, took;

	while (times-- > 0) {
		took = witness(c);
		longest = took > longest ? took : longest;
	}
	if (!CHECK(longest < 2000))
		printf("%lld ms\n", (long long)longest);
}

/* --- silence -------------------------------------------------------------------------- */

static unsigned
raise_limit(unsigned wanted)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	return r.rlim_cur < wanted + 100 ? (unsigned)r.rlim_cur - 100 : wanted;
}

void
test_silent_connections(void)
{
	unsigned n = raise_limit(10000);
	struct client **all = xcalloc(n, sizeof *all), *c = witness_open();
	size_t before = rig_memory();

	for (unsigned i = 0; i < n; i++) {
		all[i] = client_dial();
		if (i % 500 == 0)
			witness_all_is_well(c, 1);
	}
	witness_all_is_well(c, 20);
	CHECK(!client_ended(all[n - 1], 50));
	if (!CHECK((rig_memory() - before) / n < 16 * 1024))
		printf("%zu bytes each\n", (rig_memory() - before) / n);
	for (unsigned i = 0; i < n; i++) {
		CHECK(client_ended(all[i], ANSWER_MS));
		client_drop(all[i]);
	}
	free(all);
	client_close(c);
}

/* --- sizes that are only announced ------------------------------------------------------- */

static void
add_announcement(struct client *c, uint16_t channel, uint64_t size)
{
	uint8_t header[14];

	client_add(c, channel,
	    &(struct amqp_method){AMQP_basic_publish,
		.basic_publish = {.routing_key = BYTES("witness")}});
	put_u16(put_u64(put_u16(put_u16(header, 60), 0), size), 0);
	client_add_frame(c, FRAME_HEADER, channel,
	    (struct bytes){header, sizeof header});
	client_add_frame(c, FRAME_BODY, channel, BYTES("a little of it"));
}

void
test_announced_bodies(void)
{
	struct client *c = client_open(), *w = witness_open();
	size_t before = rig_memory();

	for (uint16_t channel = 1; channel <= 500; channel++) {
		client_channel(c, channel);
		add_announcement(c, channel, 128 * MIB);
		client_flush(c);
	}
	witness_all_is_well(w, 10);
	CHECK(rig_memory() - before < 64 * MIB);
	client_channel(c, 501);
	add_announcement(c, 501, UINT64_MAX);
	client_flush(c);
	client_expect(c, AMQP_channel_close, NULL);
	client_drop(c);
	client_close(w);
}

/* --- cut short ------------------------------------------------------------------------------ */

/* A session as bytes: login, a queue, a publication, its consumer. */
static void
write_session(struct client *c)
{
	writer_bytes(&c->out, BYTES("AMQP\0\0\x09\x01"));
	client_add(c, 0,
	    &(struct amqp_method){AMQP_connection_start_ok,
		.connection_start_ok = {.mechanism = BYTES("PLAIN"),
		    .response = BYTES("\0guest\0guest"),
		    .locale = BYTES("en_US")}});
	client_add(c, 0,
	    &(struct amqp_method){AMQP_connection_tune_ok,
		.connection_tune_ok = {10, 4096, 0}});
	client_add(c, 0,
	    &(struct amqp_method){AMQP_connection_open,
		.connection_open = {.virtual_host = BYTES("/")}});
	client_add(c, 1, &(struct amqp_method){AMQP_channel_open});
	client_add(c, 1,
	    &(struct amqp_method){AMQP_queue_declare,
		.queue_declare = {.queue = BYTES("cut"), .durable = true}});
	client_add_publish(c, 1, "", "cut", true, BYTES("cut me short"));
	client_add(c, 1,
	    &(struct amqp_method){AMQP_basic_consume,
		.basic_consume = {.queue = BYTES("cut")}});
	client_add(c, 1, &(struct amqp_method){AMQP_channel_close});
	client_add(c, 0, &(struct amqp_method){AMQP_connection_close});
}

void
test_cut_short(void)
{
	struct client *w = witness_open(), *c;
	size_t n = 1;

	for (size_t at = 0; at < n; at++) {
		c = client_dial();
		write_session(c);
		n = c->out.n;
		client_write(c, (struct bytes){c->out.p, at});
		shutdown(c->fd, SHUT_WR); /* half open */
		if (at % 3 == 0)
			CHECK(client_ended(c, ANSWER_MS));
		client_drop(c);
	}
	witness_all_is_well(w, 10);
	client_close(w);
}

/* The same a byte at a time: no frame comes whole. */
void
test_byte_by_byte(void)
{
	struct client *c = client_dial();
	struct amqp_method m = {0};

	write_session(c);
	for (size_t at = 0; at < c->out.n; at++)
		client_write(c, (struct bytes){c->out.p + at, 1});
	while (client_method(c, &m, ANSWER_MS) &&
	    m.id != AMQP_connection_close_ok)
		CHECK(m.id != AMQP_connection_close);
	CHECK(m.id == AMQP_connection_close_ok);
	client_drop(c);
}

/* --- those who never read ---------------------------------------------------------------------- */

static uint8_t body[100 * 1024];

static void
add_gets(struct client *c)
{
	for (int i = 0; i < 2000; i++)
		client_add(c, 1,
		    &(struct amqp_method){AMQP_basic_get,
			.basic_get = {.queue = BYTES("big")}});
}

/* Asks for what it is told, and listens to nothing. */
static struct client *
deaf_open(bool consumes, bool mandatory)
{
	struct client *c = client_open();

	client_channel(c, 1);
	client_declare(c, 1, "big", false);
	if (consumes)
		client_add(c, 1,
		    &(struct amqp_method){AMQP_basic_consume,
			.basic_consume = {.queue = BYTES("big")}});
	else if (!mandatory)
		add_gets(c);
	for (int i = 0; mandatory && i < 300; i++) {
		client_add(c, 1,
		    &(struct amqp_method){AMQP_basic_publish,
			.basic_publish = {.routing_key = BYTES("nowhere"),
			    .mandatory = true}});
		client_add_frame(c, FRAME_HEADER, 1,
		    BYTES("\0\x3c\0\0\0\0\0\0\0\1\0\0\0\0"));
		client_add_frame(
		    c, FRAME_BODY, 1, (struct bytes){body, 65536});
	}
	client_push(c, writer_view(&c->out));
	return c;
}

void
test_deaf_clients(void)
{
	struct client *w = witness_open(), *filler = client_open();
	struct client *deaf[12];
	size_t before, after;

	client_channel(filler, 1);
	client_declare(filler, 1, "big", false);
	for (int i = 0; i < 500; i++)
		client_add_publish(filler, 1, "", "big", false,
		    (struct bytes){body, sizeof body});
	client_flush(filler);
	CHECK(client_ready(filler, 1, "big") == 500);
	before = rig_memory();
	for (int i = 0; i < 12; i++)
		deaf[i] = deaf_open(i % 3 == 0, i % 3 == 1);
	witness_all_is_well(w, 200);
	after = rig_memory();
	if (!CHECK(after < before + 150 * MIB))
		printf("%zu MiB more\n", (after - before) / MIB);
	for (int i = 0; i < 12; i++)
		client_drop(deaf[i]);
	for (int i = 0; i < 200 && client_ready(filler, 1, "big") < 500; i++)
		witness(w);
	CHECK(client_ready(filler, 1, "big") == 500);
	client_close(filler);
	client_close(w);
}

/* --- requests whose answers are not read ------------------------------------- */

enum { REPLIES = 1000 };

/* Consumes replies, asks once and tells where the answer is to go. */
static struct bytes
ask(struct client *c, struct client *replier, uint8_t *room)
{
	static const char header[] = "\0\x3c\0\0\0\0\0\0\0\0\0\0\x02\0\x15"
				     "amq.rabbitmq.reply-to";
	struct amqp_props p = {0};
	struct amqp_frame f;
	struct amqp_method m;

	client_call(c, 1,
	    &(struct amqp_method){AMQP_basic_consume,
		.basic_consume = {.queue = BYTES("amq.rabbitmq.reply-to"),
		    .no_ack = true}},
	    &m);
	client_add(c, 1,
	    &(struct amqp_method){AMQP_basic_publish,
		.basic_publish = {.routing_key = BYTES("ask")}});
	client_add_frame(c, FRAME_HEADER, 1,
	    (struct bytes){(const uint8_t *)header, sizeof header - 1});
	client_flush(c);
	client_ready(c, 1, "ask");
	client_send(replier, 1,
	    &(struct amqp_method){AMQP_basic_get,
		.basic_get = {.queue = BYTES("ask"), .no_ack = true}});
	client_expect(replier, AMQP_basic_get_ok, &m);
	if (CHECK(client_next(replier, &f, ANSWER_MS) && f.payload.n > 12))
		amqp_props_parse(
		    (struct bytes){f.payload.p + 12, f.payload.n - 12}, &p);
	CHECK(p.reply_to.n > 0);
	put_bytes(room, p.reply_to);
	return (struct bytes){room, p.reply_to.n};
}

/* Publishes a large reply; true if it was confirmed, false for nack. */
static bool
reply(struct client *c, const char *to)
{
	struct amqp_method m = {0};

	client_add_publish(
	    c, 1, "", to, false, (struct bytes){body, sizeof body});
	client_flush(c);
	CHECK(client_method(c, &m, ANSWER_MS) &&
	    (m.id == AMQP_basic_ack || m.id == AMQP_basic_nack));
	return m.id == AMQP_basic_ack;
}

/* What is dropped is not confirmed; what was confirmed is there to be read. */
void
test_deaf_requester(void)
{
	struct client *w = witness_open(), *c = client_open();
	struct client *replier = client_open();
	struct amqp_method m;
	char to[256] = "";
	unsigned confirmed = 0;

	client_channel(c, 1);
	client_channel(replier, 1);
	client_declare(replier, 1, "ask", false);
	ask(c, replier, (uint8_t *)to);
	client_call(replier, 1,
	    &(struct amqp_method){AMQP_confirm_select}, &m);
	for (int i = 0; i < REPLIES; i++)
		confirmed += reply(replier, to);
	CHECK(confirmed >= 64 * MIB / sizeof body && confirmed < REPLIES);
	witness(w);
	for (unsigned i = 0; i < confirmed; i++)
		client_expect(c, AMQP_basic_deliver, &m);
	CHECK(reply(replier, to));
	client_expect(c, AMQP_basic_deliver, &m);
	client_close(replier);
	client_close(c);
	client_close(w);
}
