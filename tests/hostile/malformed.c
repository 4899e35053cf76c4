/* malformed.c - every kind of malformed input, beside those who go on.
 *
 * One connection publishes with confirms as fast as it can, another consumes; a
 * third does what malformed.def says, again and again, and once more cut in the
 * middle and reset. Each time the right answer must come, and behind it new
 * confirms; what is consumed is all that was published, in order. */
#include "tests/hostile/malformed.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/hostile/client.h"
#include "tests/hostile/rig.h"

enum { WINDOW = 300, OCTETS_MAX = 512 };

static const struct malformed {
	const char *kind;
	uint32_t closes; /* the method that comes */
	const char *octets, *text;
} rows[] = {
#define MALFORMED(kind, closes, octets, text)                                  \
	{kind, AMQP_##closes##_close, octets, text},
#include "tests/hostile/malformed.def"
#undef MALFORMED
};

/* --- those who go on -------------------------------------------------------- */

struct load {
	struct client *publisher, *consumer;
	uint64_t published, consumed;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t more;  /* is confirmed, or it has failed */
	uint64_t confirmed;
	bool stop, failed;
};

static bool
load_stopped(struct load *l)
{
	bool stopped;

	pthread_mutex_lock(&l->lock);
	stopped = l->stop;
	pthread_mutex_unlock(&l->lock);
	return stopped;
}

static void
load_tell(struct load *l, uint64_t confirmed, bool failed)
{
	pthread_mutex_lock(&l->lock);
	l->confirmed = confirmed;
	l->failed = failed;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
}

static void
load_open(struct load *l)
{
	*l = (struct load){client_open(), client_open()};
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->more, NULL);
	client_channel(l->publisher, 1);
	client_channel(l->consumer, 1);
	client_declare(l->publisher, 1, "load", false);
	client_call(l->publisher, 1,
	    &(struct amqp_method){AMQP_confirm_select}, NULL);
	client_call(l->consumer, 1,
	    &(struct amqp_method){AMQP_basic_consume,
		.basic_consume = {.queue = BYTES("load"), .no_ack = true}},
	    NULL);
}

static bool
publish_more(struct load *l)
{
	uint8_t number[8];

	while (l->published < l->confirmed + WINDOW) {
		put_u64(number, ++l->published);
		client_add_publish(l->publisher, 1, "", "load", false,
		    (struct bytes){number, sizeof number});
	}
	return client_flush(l->publisher);
}

static bool
take_confirm(struct load *l)
{
	struct amqp_method m;

	if (!client_method(l->publisher, &m, ANSWER_MS) ||
	    m.id != AMQP_basic_ack ||
	    m.basic_ack.delivery_tag <= l->confirmed)
		return false;
	load_tell(l, m.basic_ack.delivery_tag, false);
	return true;
}

/* What is confirmed comes, each once and in order. */
static bool
consume_all(struct load *l)
{
	struct amqp_frame f;

	while (l->consumed < l->confirmed) {
		if (!client_next(l->consumer, &f, ANSWER_MS))
			return false;
		if (f.type == FRAME_BODY &&
		    get_u64(f.payload.p) != ++l->consumed)
			return false;
	}
	return true;
}

static void *
load_run(void *arg)
{
	struct load *l = arg;
	bool well = true;

	while (well && !load_stopped(l))
		well = publish_more(l) && take_confirm(l) && consume_all(l);
	while (well && l->confirmed < l->published)
		well = take_confirm(l) && consume_all(l);
	load_tell(l, l->confirmed, !well);
	return NULL;
}

/* New confirms have come. */
static bool
load_goes_on(struct load *l)
{
	uint64_t before;
	bool well;

	pthread_mutex_lock(&l->lock);
	before = l->confirmed;
	while (l->confirmed == before && !l->failed)
		pthread_cond_wait(&l->more, &l->lock);
	well = !l->failed;
	pthread_mutex_unlock(&l->lock);
	return well;
}

static void
load_end(struct load *l, pthread_t thread)
{
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_mutex_unlock(&l->lock);
	pthread_join(thread, NULL);
	CHECK(!l->failed && l->consumed == l->published);
	CHECK(client_ready(l->consumer, 1, "load") == 0);
	client_drop(l->publisher);
	client_drop(l->consumer);
	pthread_cond_destroy(&l->more);
	pthread_mutex_destroy(&l->lock);
}

/* --- the one who does not -------------------------------------------------------- */

static struct bytes
octets_of(const char *text)
{
	static uint8_t octets[OCTETS_MAX];
	size_t n = 0;
	unsigned octet;

	for (; *text != '\0'; text += isspace((unsigned char)*text) ? 1 : 2)
		if (!isspace((unsigned char)*text) && n < sizeof octets &&
		    sscanf(text, "%2x", &octet) == 1)
			octets[n++] = (uint8_t)octet;
	return (struct bytes){octets, n};
}

static struct bytes
text_of(const struct amqp_method *m)
{
	return m->id == AMQP_channel_close ? m->channel_close.reply_text
					   : m->connection_close.reply_text;
}

static void
check_answer(struct client *c, const struct malformed *row)
{
	struct amqp_method m = {0};
	struct bytes text = bytes_str(row->text);

	if (strcmp(row->text, "*") == 0)
		CHECK(client_next(c, &(struct amqp_frame){0}, ANSWER_MS));
	else if (!CHECK(client_method(c, &m, ANSWER_MS)) ||
	    !CHECK(m.id == row->closes) ||
	    !CHECK(bytes_eq(text_of(&m), text)))
		printf("%s: %s %.*s\n", row->kind, amqp_method_name(m.id),
		    BYTES_FMT(text_of(&m)));
}

static void
send_malformed(const struct malformed *row)
{
	struct client *c = client_open();

	client_channel(c, 1);
	client_write(c, octets_of(row->octets));
	check_answer(c, row);
	client_drop(c);
}

/* The half of it, and then a reset. */
static void
send_cut(const struct malformed *row)
{
	struct client *c = client_open();
	struct bytes octets = octets_of(row->octets);
	struct linger at_once = {1, 0};

	client_channel(c, 1);
	client_write(c, (struct bytes){octets.p, octets.n / 2});
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	client_drop(c);
}

void
test_malformed(void)
{
	struct load l;
	pthread_t thread;

	load_open(&l);
	CHECK(pthread_create(&thread, NULL, load_run, &l) == 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		send_malformed(&rows[i]);
		if (!CHECK(load_goes_on(&l)))
			printf("%s disturbs\n", rows[i].kind);
		send_cut(&rows[i]);
	}
	load_end(&l, thread);
}
