/* sink.c - a broker that only copies, to see what the load program can do and
 * whether it notices what a broker does wrong.
 *
 * It knows the default exchange, queues with one consumer each, and confirms.
 * Acknowledgements are read and forgotten. What stands in a queue is the frames
 * of each message as they came, with their length in front. */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/frame.h"
#include "amqp/method.h"
#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/bench/die.h"
#include "tests/bench/sink.h"

enum {
	PEERS = 128,
	FRAME_MAX = 131072,
	INPUT_SIZE = 2 * FRAME_MAX,
	OUTPUT_MARK = 1 << 20,         /* bytes that may wait for a consumer */
	QUEUE_MARK = 64 * 1024 * 1024, /* bytes in a queue: its publishers wait,
					* or lose more if nobody consumes */
	FAULT_EVERY = 1000,            /* messages */
};

struct peer {
	int fd; /* -1: none */
	uint8_t *in;
	size_t in_from, in_to;
	struct writer out;
	size_t out_from;
	bool closing; /* once out is written */
	bool confirms;
	uint64_t published;
	uint64_t confirmed;
	uint64_t delivered;
	struct queue *queue; /* of the message that arrives */
	struct writer content;
	uint64_t body_left;
};

struct queue {
	struct queue *next;
	struct bytes name; /* own copy */
	struct writer frames;
	size_t from; /* what stands before is gone */
	uint32_t count;
	struct peer *consumer;
	struct bytes tag; /* of the consumer, own copy */
};

struct sink {
	const struct options *options;
	int listener;
	struct peer peers[PEERS];
	struct queue *queues;
	uint64_t enqueued;
	struct writer held; /* the message to be swapped with the next of */
	struct queue *held_queue;
};

/* --- queues -------------------------------------------------------------- */

static struct queue *
queue_find(struct sink *s, struct bytes name)
{
	struct queue *q = s->queues;

	while (q != NULL && !bytes_eq(q->name, name))
		q = q->next;
	return q;
}

static struct queue *
queue_declare(struct sink *s, struct bytes name)
{
	struct queue *q = queue_find(s, name);

	if (q != NULL)
		return q;
	q = xcalloc(1, sizeof *q);
	q->name = xbytesdup(name);
	q->next = s->queues;
	s->queues = q;
	return q;
}

static void
queue_clear(struct queue *q)
{
	q->frames.n = q->from = q->count = 0;
}

static void
queue_append(struct queue *q, struct bytes frames)
{
	if (q->frames.n - q->from > QUEUE_MARK && q->consumer == NULL)
		return;
	if (q->from > QUEUE_MARK / 4) {
		memmove(
		    q->frames.p, q->frames.p + q->from, q->frames.n - q->from);
		q->frames.n -= q->from;
		q->from = 0;
	}
	writer_u32(&q->frames, (uint32_t)frames.n);
	writer_bytes(&q->frames, frames);
	q->count++;
}

static bool
is(const struct sink *s, const char *fault)
{
	return s->options->fault != NULL &&
	       strcmp(s->options->fault, fault) == 0;
}

/* Appends a message, or does wrong by it. */
static void
enqueue(struct sink *s, struct queue *q, struct writer *content)
{
	bool now = ++s->enqueued % FAULT_EVERY == 0;

	if (now && is(s, "drop"))
		return;
	if (now && is(s, "swap")) {
		s->held.n = 0;
		writer_bytes(&s->held, writer_view(content));
		s->held_queue = q;
		return;
	}
	if (now && is(s, "corrupt"))
		content->p[content->n - 2] ^= 1;
	queue_append(q, writer_view(content));
	if (now && is(s, "twice"))
		queue_append(q, writer_view(content));
	if (s->held_queue == q) {
		queue_append(q, writer_view(&s->held));
		s->held_queue = NULL;
	}
}

/* Moves what there is to the consumer, as long as it keeps up. */
static void
queue_deliver(struct queue *q)
{
	struct peer *p = q->consumer;
	struct amqp_method m = {.id = AMQP_basic_deliver};

	m.basic_deliver.consumer_tag = q->tag;
	m.basic_deliver.routing_key = q->name;
	while (q->count > 0 && p->out.n - p->out_from < OUTPUT_MARK) {
		uint32_t n = get_u32(q->frames.p + q->from);

		m.basic_deliver.delivery_tag = ++p->delivered;
		amqp_method_frame(&p->out, 1, &m);
		writer_bytes(
		    &p->out, (struct bytes){q->frames.p + q->from + 4, n});
		q->from += 4 + n;
		q->count--;
	}
	if (q->count == 0)
		queue_clear(q);
}

/* --- methods ------------------------------------------------------------- */

static void
say(struct peer *p, uint16_t channel, const struct amqp_method *m)
{
	amqp_method_frame(&p->out, channel, m);
}

static void
on_declare(struct sink *s, struct peer *p, const struct amqp_method *m)
{
	struct queue *q = queue_declare(s, m->queue_declare.queue);
	struct amqp_method ok = {.id = AMQP_queue_declare_ok};

	ok.queue_declare_ok.queue = q->name;
	ok.queue_declare_ok.message_count = q->count;
	say(p, 1, &ok);
}

static void
on_consume(struct sink *s, struct peer *p, const struct amqp_method *m)
{
	struct queue *q = queue_declare(s, m->basic_consume.queue);
	struct amqp_method ok = {.id = AMQP_basic_consume_ok};

	q->consumer = p;
	q->tag = xbytesdup(m->basic_consume.consumer_tag);
	ok.basic_consume_ok.consumer_tag = q->tag;
	say(p, 1, &ok);
}

static void
leave(struct sink *s, struct peer *p, const struct bytes *tag)
{
	for (struct queue *q = s->queues; q != NULL; q = q->next) {
		if (q->consumer != p || (tag && !bytes_eq(q->tag, *tag)))
			continue;
		q->consumer = NULL;
		free((void *)q->tag.p);
		q->tag = (struct bytes){0};
	}
}

static void
on_publish(struct sink *s, struct peer *p, struct bytes key)
{
	if (p->queue == NULL || !bytes_eq(p->queue->name, key))
		p->queue = queue_find(s, key);
	p->content.n = 0;
}

/* The -ok of nearly every method has the next number. */
static void
on_method(struct sink *s, struct peer *p, const struct amqp_frame *f)
{
	struct amqp_method m, ok = {0};
	struct queue *q;

	if (amqp_method_decode(f->payload, &m) != AMQP_DECODED)
		die(EXIT_BROKER, "sink: a malformed method came");
	ok.id = m.id + 1;
	switch (m.id) {
	case AMQP_basic_publish:
		on_publish(s, p, m.basic_publish.routing_key);
		return;
	case AMQP_basic_ack:
	case AMQP_basic_nack:
	case AMQP_connection_tune_ok:
		return;
	case AMQP_connection_start_ok:
		ok.id = AMQP_connection_tune;
		ok.connection_tune.channel_max = 1;
		ok.connection_tune.frame_max = FRAME_MAX;
		break;
	case AMQP_queue_declare:
		on_declare(s, p, &m);
		return;
	case AMQP_queue_delete:
	case AMQP_queue_purge:
		if ((q = queue_find(s, m.queue_purge.queue)) != NULL)
			queue_clear(q);
		break;
	case AMQP_basic_consume:
		on_consume(s, p, &m);
		return;
	case AMQP_basic_cancel:
		leave(s, p, &m.basic_cancel.consumer_tag);
		break;
	case AMQP_confirm_select:
		p->confirms = true;
		break;
	case AMQP_connection_close:
		p->closing = true;
		break;
	}
	say(p, f->channel, &ok);
}

/* --- frames -------------------------------------------------------------- */

static void
on_content(struct sink *s, struct peer *p, const struct amqp_frame *f)
{
	if (f->type == FRAME_HEADER)
		p->body_left = get_u64(f->payload.p + 4);
	else
		p->body_left -= f->size;
	writer_bytes(&p->content, (struct bytes){f->payload.p - FRAME_PREFIX,
				      f->size + FRAME_OVERHEAD});
	if (p->body_left > 0)
		return;
	p->published++;
	if (p->queue != NULL)
		enqueue(s, p->queue, &p->content);
}

static void
confirm(struct peer *p)
{
	struct amqp_method m = {.id = AMQP_basic_ack};

	if (!p->confirms || p->confirmed == p->published)
		return;
	p->confirmed = p->published;
	m.basic_ack.delivery_tag = p->published;
	m.basic_ack.multiple = true;
	say(p, 1, &m);
}

static void
greet(struct peer *p)
{
	struct amqp_method m = {.id = AMQP_connection_start};
	struct writer table = {0};

	if (p->in_to - p->in_from < 8)
		return;
	p->in_from += 8;
	table_put_longstr(&table, "product", BYTES("sink"));
	m.connection_start.version_minor = 9;
	m.connection_start.server_properties = writer_view(&table);
	m.connection_start.mechanisms = BYTES("PLAIN");
	m.connection_start.locales = BYTES("en_US");
	say(p, 0, &m);
	writer_fini(&table);
}

static void
take_all(struct sink *s, struct peer *p)
{
	struct amqp_frame f;

	if (p->in[p->in_from] == 'A')
		greet(p);
	while (amqp_frame_peek(
		   (struct bytes){p->in + p->in_from, p->in_to - p->in_from},
		   FRAME_MAX, &f) == FRAME_COMPLETE) {
		p->in_from += f.size + FRAME_OVERHEAD;
		if (f.type == FRAME_METHOD)
			on_method(s, p, &f);
		else if (f.type != FRAME_HEARTBEAT)
			on_content(s, p, &f);
	}
	confirm(p);
	memmove(p->in, p->in + p->in_from, p->in_to - p->in_from);
	p->in_to -= p->in_from;
	p->in_from = 0;
}

/* --- sockets ------------------------------------------------------------- */

static void
hang_up(struct sink *s, struct peer *p)
{
	leave(s, p, NULL);
	close(p->fd);
	free(p->in);
	writer_fini(&p->out);
	writer_fini(&p->content);
	*p = (struct peer){.fd = -1};
}

static void
receive(struct sink *s, struct peer *p)
{
	ssize_t n =
	    recv(p->fd, p->in + p->in_to, INPUT_SIZE - p->in_to, MSG_DONTWAIT);

	if (n > 0) {
		p->in_to += (size_t)n;
		take_all(s, p);
	} else if (n == 0 || errno != EAGAIN)
		hang_up(s, p);
}

static void
transmit(struct sink *s, struct peer *p)
{
	ssize_t n = send(p->fd, p->out.p + p->out_from, p->out.n - p->out_from,
	    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		hang_up(s, p);
		return;
	}
	p->out_from += n > 0 ? (size_t)n : 0;
	if (p->out_from < p->out.n)
		return;
	p->out.n = p->out_from = 0;
	if (p->closing)
		hang_up(s, p);
}

static void
welcome(struct sink *s)
{
	int fd = accept(s->listener, NULL, NULL);

	for (int i = 0; fd >= 0 && i < PEERS; i++) {
		if (s->peers[i].fd >= 0)
			continue;
		s->peers[i].fd = fd;
		s->peers[i].in = xmalloc(INPUT_SIZE);
		return;
	}
	if (fd >= 0)
		close(fd);
}

static short
wishes(const struct sink *s, const struct peer *p)
{
	const struct queue *q = p->queue;
	short events = 0;

	if (q == NULL || q->frames.n - q->from < QUEUE_MARK ||
	    q->consumer == NULL)
		events |= POLLIN;
	if (p->out_from < p->out.n)
		events |= POLLOUT;
	for (q = s->queues; q != NULL; q = q->next)
		if (q->consumer == p && q->count > 0)
			events |= POLLOUT;
	return events;
}

static void
turn(struct sink *s)
{
	struct pollfd p[PEERS + 1] = {{s->listener, POLLIN, 0}};

	for (int i = 0; i < PEERS; i++)
		p[i + 1] =
		    (struct pollfd){s->peers[i].fd, wishes(s, &s->peers[i]), 0};
	poll(p, PEERS + 1, -1);
	if (p[0].revents != 0)
		welcome(s);
	for (int i = 0; i < PEERS; i++)
		if (p[i + 1].revents & (POLLIN | POLLERR | POLLHUP))
			receive(s, &s->peers[i]);
	for (struct queue *q = s->queues; q != NULL; q = q->next)
		if (q->consumer != NULL)
			queue_deliver(q);
	for (int i = 0; i < PEERS; i++)
		if (s->peers[i].fd >= 0 && s->peers[i].out.n > 0)
			transmit(s, &s->peers[i]);
}

/* --- the child ----------------------------------------------------------- */

static void
child(const struct options *o, int listener, pid_t parent)
{
	static struct sink s;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	s.options = o;
	s.listener = listener;
	for (int i = 0; i < PEERS; i++)
		s.peers[i].fd = -1;
	for (;;)
		turn(&s);
}

void
sink_start(struct options *o)
{
	socklen_t length = sizeof o->address;
	pid_t parent = getpid(), pid;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	/* Accepted sockets inherit it. */
	setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	o->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	o->address.sin_port = 0;
	if (bind(listener, (struct sockaddr *)&o->address, length) != 0 ||
	    listen(listener, PEERS) != 0 ||
	    getsockname(listener, (struct sockaddr *)&o->address, &length) != 0)
		die(EXIT_BROKER, "sink: %s", strerror(errno));
	if ((pid = fork()) < 0)
		die(EXIT_BROKER, "sink: %s", strerror(errno));
	if (pid == 0)
		child(o, listener, parent);
	close(listener);
	o->pid = (int)pid;
}
