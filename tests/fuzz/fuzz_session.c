/* fuzz_session.c - a whole broker, and clients that do anything at all.
 *
 * The input is a head of one step and then steps of eight octets: what is done,
 * by which client on which channel, and six octets to choose with. Names come
 * from a small pool, so that they meet. A client that is not connected does so
 * first, and opens its channel: most of what is done works. Beside them one
 * client lives that must be served as if it were alone, and at the end nothing
 * of the others may be left. */
#include "tests/fuzz/session.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "amqp/frame.h"
#include "amqp/xalloc.h"
#include "broker/connection.h"
#include "broker/parameters.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/trace.h"
#include "broker/vhost.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/peer.h"
#include "tests/fuzz/pools.h"

struct session {
	struct stage stage;
	struct peer peers[PEERS];
	struct peer neighbour;
	bool full;  /* the disk */
	bool wild;  /* octets were sent that are no frames of ours */
	bool expires; /* some messages do, each in its own time */
};

/* Which channel a step is about; some are wrong on purpose. */
static uint16_t
number_of(const struct step *t)
{
	return t->who & WHO_WRONG ? t->f : peer_number(t->who >> 2);
}

/* Connected, logged in and with its channel open, unless the step says not to
 * care. */
static struct peer *
ready(struct session *s, const struct step *t)
{
	struct peer *p = &s->peers[t->who % PEERS];
	struct peer_channel *ch = &p->channels[(t->who >> 2) % CHANNELS];

	if (p->fd < 0) {
		peer_close(p);
		peer_connect(p, &s->stage);
		p->checks_bodies = !s->wild;
		if (!(t->who & WHO_WRONG))
			peer_login(p, 60);
	}
	if (!ch->asked && !(t->who & WHO_WRONG)) {
		ch->asked = true;
		peer_method(p, number_of(t),
		    &(struct amqp_method){AMQP_channel_open});
	}
	return p;
}

static void
go_wild(struct session *s)
{
	s->wild = s->expires = true;
	for (int i = 0; i < PEERS; i++)
		s->peers[i].checks_bodies = false;
}

/* --- steps --------------------------------------------------------------------- */

static void
step_method(struct session *s, const struct step *t)
{
	struct peer *p = ready(s, t);
	struct amqp_method m;

	pool_method(&m, t, p->named);
	peer_method(p, m.id >> 16 == 10 ? 0 : number_of(t), &m);
	if (m.id == AMQP_basic_publish)
		go_wild(s); /* it lacks its content */
}

static void
step_publish(struct session *s, const struct step *t)
{
	struct peer *p = ready(s, t);
	struct amqp_method m = {AMQP_basic_publish};

	s->expires |= (t->c & 2) != 0;
	m.basic_publish = (struct amqp_basic_publish){0,
	    pool_name(t->a, p->named), pool_key(t->b, p->named),
	    (t->d & 1) != 0, (t->d & 15) == 15};
	peer_publish(p, number_of(t), &m, pool_props(t->c), pool_size(t->e),
	    pool_chunk(t->f));
}

static void
step_settle(struct session *s, const struct step *t)
{
	struct peer *p = ready(s, t);
	struct peer_channel *ch = &p->channels[(t->who >> 2) % CHANNELS];
	uint64_t tag = t->a < 240 ? ch->tags[t->a % TAGS] : t->a - 240u;
	bool multiple = (t->b & 4) != 0, requeue = (t->b & 8) != 0;
	struct amqp_method m = {AMQP_basic_ack};

	if (t->b % 4 < 2)
		m.basic_ack = (struct amqp_basic_ack){tag, multiple};
	else
		m = (struct amqp_method){AMQP_basic_nack,
		    .basic_nack = {tag, multiple, requeue}};
	if (t->b % 4 == 3)
		m = (struct amqp_method){AMQP_basic_reject,
		    .basic_reject = {tag, requeue}};
	ch->tags[t->a % TAGS] = t->a & 1 ? tag : 0;
	peer_method(p, number_of(t), &m);
}

static void
step_frame(struct session *s, const struct step *t)
{
	struct peer *p = ready(s, t);
	static const uint8_t types[] = {1, 2, 3, 8, 0, 255};
	struct writer w = {0};

	go_wild(s);
	pool_octets(&w, t);
	peer_frame(p, types[t->a % sizeof types], number_of(t), writer_view(&w));
	writer_fini(&w);
}

static void
step_octets(struct session *s, const struct step *t)
{
	struct peer *p = ready(s, t);

	go_wild(s);
	writer_bytes(&p->out, (struct bytes){&t->a, 1 + t->f % 6u});
}

/* One octet of what is not yet sent changes. */
static void
step_flip(struct session *s, const struct step *t)
{
	struct peer *p = ready(s, t);
	size_t at = (size_t)t->a << 8 | t->b;

	if (p->out.n == 0)
		return;
	go_wild(s);
	p->out.p[t->c & 1 ? p->out.n - 1 - at % p->out.n : at % p->out.n] ^=
	    t->d ? t->d : 1;
}

static void
step_cut(struct session *s, const struct step *t)
{
	struct peer *p = ready(s, t);
	size_t n = (size_t)t->a << 8 | t->b;

	if (p->out.n == 0)
		return;
	go_wild(s);
	p->out.n -= n % p->out.n;
}

static void
step_part(struct session *s, const struct step *t)
{
	peer_send(&s->peers[t->who % PEERS], (size_t)t->a << 8 | t->b);
}

static void
step_reset(struct session *s, const struct step *t)
{
	peer_close(&s->peers[t->who % PEERS]);
}

static void
step_shut(struct session *s, const struct step *t)
{
	struct peer *p = &s->peers[t->who % PEERS];

	if (p->fd >= 0)
		shutdown(p->fd, t->a & 1 ? SHUT_RD : SHUT_WR);
	p->shut |= !(t->a & 1);
}

static void
step_hear(struct session *s, const struct step *t)
{
	s->peers[t->who % PEERS].deaf = t->a & 1;
}

static void
step_commit(struct session *s, const struct step *t)
{
	if (t->a & 1)
		s->stage.commits = t->a & 2;
	stage_commit(&s->stage);
}

static void
step_disk(struct session *s, const struct step *t)
{
	s->full = t->a & 1;
	stage_fill(&s->stage, s->full);
}

static void
step_time(struct session *s, const struct step *t)
{
	static const int64_t spans[] = {1, 100, 1000, 5000, 30000, 60000};

	stage_pass(&s->stage, spans[t->a % 6]);
}

/* --- what an operator does ------------------------------------------------------- */

static struct vhost *
vhost_of(struct session *s)
{
	return server_vhost(s->stage.server, BYTES("/"));
}

static void
force_all(struct session *s)
{
	struct connection *c = TAILQ_FIRST(&s->stage.server->connections);
	struct connection *next;

	for (c = TAILQ_NEXT(c, link); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		connection_force(c, "because");
	}
}

/* For all names but the neighbour's. */
static void
set_policy(struct session *s, const struct step *t)
{
	static const char *const values[] = {"\"max-length\":2",
	    "\"max-length\":1,\"overflow\":\"reject-publish\"",
	    "\"message-ttl\":100", "\"expires\":1000",
	    "\"dead-letter-exchange\":\"x1\"",
	    "\"alternate-exchange\":\"x0\"", "\"delivery-limit\":1",
	    "\"consumer-timeout\":100", "\"max-length-bytes\":0"};
	char text[200], error[200];

	snprintf(text, sizeof text,
	    "{\"pattern\":\"^[qxa]\",\"priority\":%d,\"definition\":{%s}}",
	    t->c % 3, values[t->b % (sizeof values / sizeof *values)]);
	s->expires = true;
	MUST(parameter_set(vhost_of(s), BYTES("policy"),
	    t->d & 1 ? BYTES("one") : BYTES("other"), bytes_str(text), error,
	    sizeof error));
}

static void
clear_policies(struct session *s)
{
	parameter_clear(vhost_of(s), BYTES("policy"), BYTES("one"));
	parameter_clear(vhost_of(s), BYTES("policy"), BYTES("other"));
}

static void
step_operator(struct session *s, const struct step *t)
{
	struct vhost *v = vhost_of(s);
	struct queue *q = vhost_queue(v, pool_name(t->b, s->peers[0].named));

	switch (t->a % 8) {
	case 0: force_all(s); break;
	case 4: trace_turn(v, !(t->c & 1)); break;
	case 5: set_policy(s, t); break;
	case 6: clear_policies(s); break;
	case 1:
		if (q != NULL)
			queue_delete(q);
		break;
	default:
		if (q != NULL)
			queue_purge(q, NULL);
	}
}

/* --- the neighbour ------------------------------------------------------------------ */

/* Until all it sent is answered. */
static void
let_work(struct session *s)
{
	struct peer *p = &s->neighbour;
	uint64_t before;

	do {
		before = s->stage.server->io.bytes_out;
		peer_send(p, SIZE_MAX);
		stage_settle(&s->stage);
		peer_read(p);
		MUST(p->fd >= 0);
	} while (p->out.n > 0 || s->stage.server->io.bytes_out != before);
}

static void
neighbour_comes(struct session *s)
{
	struct peer *p = &s->neighbour;

	peer_connect(p, &s->stage);
	p->checks_bodies = true;
	peer_login(p, 0);
	peer_method(p, 1, &(struct amqp_method){AMQP_channel_open});
	peer_method(p, 1, &(struct amqp_method){AMQP_confirm_select});
	peer_method(p, 1,
	    &(struct amqp_method){AMQP_queue_declare,
		.queue_declare = {.queue = BYTES("neighbour"),
		    .durable = true}});
	let_work(s);
	MUST(p->channels[0].open);
}

/* Publishes, has its confirms, and gets back what it published. */
static void
neighbour_works(struct session *s, size_t size)
{
	struct peer *p = &s->neighbour;
	struct peer_channel *ch = &p->channels[0], before;
	struct amqp_method m = {AMQP_basic_publish,
	    .basic_publish = {.routing_key = BYTES("neighbour")}};

	if (s->full)
		return;
	let_work(s);
	before = *ch;
	for (int i = 0; i < 3; i++)
		peer_publish(p, 1, &m, pool_props(i % 2), size, 100000);
	let_work(s);
	MUST(ch->acks == before.acks + 3);
	m = (struct amqp_method){AMQP_basic_get,
	    .basic_get = {.queue = BYTES("neighbour"), .no_ack = true}};
	for (int i = 0; i < 4; i++)
		peer_method(p, 1, &m);
	let_work(s);
	MUST(ch->gets == before.gets + 3 && ch->size == size);
	MUST(ch->empties == before.empties + 1);
}

static void
step_neighbour(struct session *s, const struct step *t)
{
	neighbour_works(s, pool_size(t->a % 14u));
}

/* --- the end -------------------------------------------------------------------------- */

static void
others_leave(struct session *s)
{
	s->full = false;
	stage_fill(&s->stage, false);
	for (int i = 0; i < PEERS; i++)
		peer_close(&s->peers[i]);
	stage_settle(&s->stage);
	stage_pass(&s->stage, 1000);
	stage_settle(&s->stage);
}

/* What nobody waits for is written when it is old enough; meanwhile a queue may
 * expire, whose end has to be written too. */
static void
come_to_rest(struct session *s)
{
	struct server *v = s->stage.server;
	int passes = 0;

	do {
		MUST(++passes < 100);
		stage_pass(&s->stage, 150);
		stage_settle(&s->stage);
	} while (v->journal.open->changes > 0 ||
	    !TAILQ_EMPTY(&v->deleted_queues));
}

/* What lies in memory and what is out are all that is ready. */
static void
check_lane(const struct lane *l)
{
	MUST(l->ready == l->head.count + l->incoming.count +
		l->requeued.count + l->out_count);
	MUST(l->stored_count <= l->ready); /* none was lost on its way */
	MUST(l->change == NULL && l->loading == NULL);
}

static void
check_queue(struct queue *q)
{
	struct lane *l;

	MUST(q->owner == NULL && !q->deleted && q->refs == 1);
	MUST(q->consumer_count == 0 && q->unacked == 0);
	MUST(TAILQ_EMPTY(&q->consumers) && TAILQ_EMPTY(&q->active));
	for (unsigned i = 0; (l = lanes_nth(&q->lanes, i)) != NULL; i++)
		check_lane(l);
}

static void
check_rest(struct session *s)
{
	struct server *v = s->stage.server;
	struct queue *q;

	MUST(v->connection_count == 1 && vhost_of(s)->connection_count == 1);
	MUST(TAILQ_EMPTY(&v->jobs) && TAILQ_EMPTY(&v->runnable));
	MUST(TAILQ_EMPTY(&v->ready) && TAILQ_EMPTY(&v->held));
	MUST(TAILQ_EMPTY(&v->leaving) && TAILQ_EMPTY(&v->dead));
	MUST(TAILQ_EMPTY(&v->owing) && TAILQ_EMPTY(&v->deleted_queues));
	MUST(TAILQ_EMPTY(&v->dead_queues) && v->carrier == NULL);
	MUST(journal_unsaved(&v->journal) == 0);
	for (size_t at = 0; (q = names_each(&vhost_of(s)->queues, &at));)
		check_queue(q);
}

/* As many come out of each queue as it says it holds: what has expired behind
 * others is counted until it is in front. */
static void
drain(struct session *s, struct bytes name)
{
	struct peer *p = &s->neighbour;
	struct peer_channel *ch = &p->channels[0];
	struct amqp_method m = {AMQP_queue_declare,
	    .queue_declare = {.queue = name, .passive = true}};
	unsigned before;

	peer_method(p, 1, &m);
	let_work(s);
	before = ch->gets;
	m = (struct amqp_method){
	    AMQP_basic_get, .basic_get = {.queue = name, .no_ack = true}};
	for (unsigned i = 0; i <= ch->declared; i++) {
		peer_method(p, 1, &m);
		let_work(s);
	}
	MUST(ch->gets <= before + ch->declared);
	MUST(ch->gets == before + ch->declared || s->expires);
	m = (struct amqp_method){
	    AMQP_queue_delete, .queue_delete = {.queue = name}};
	peer_method(p, 1, &m);
	let_work(s);
}

static void
drain_all(struct session *s)
{
	struct names *queues = &vhost_of(s)->queues;
	struct queue *q;
	struct bytes name;

	s->neighbour.checks_bodies = !s->wild;
	for (size_t at = 0; (q = names_each(queues, &at)) != NULL; at = 0) {
		name = xbytesdup(queue_name(q));
		drain(s, name);
		MUST(vhost_queue(vhost_of(s), name) == NULL);
		free((void *)name.p);
	}
	MUST(s->neighbour.channels[0].open);
}

static void
neighbour_leaves(struct session *s)
{
	struct peer *p = &s->neighbour;

	peer_method(p, 0, &(struct amqp_method){AMQP_connection_close});
	peer_send(p, SIZE_MAX);
	stage_settle(&s->stage);
	peer_read(p);
	peer_close(p);
	stage_settle(&s->stage);
	MUST(s->stage.server->connection_count == 0);
}

/* --- a session -------------------------------------------------------------------------- */

static void (*const actions[ACTIONS])(struct session *, const struct step *) = {
    [DO_METHOD] = step_method,
    [DO_PUBLISH] = step_publish,
    [DO_SETTLE] = step_settle,
    [DO_FRAME] = step_frame,
    [DO_OCTETS] = step_octets,
    [DO_FLIP] = step_flip,
    [DO_CUT] = step_cut,
    [DO_PART] = step_part,
    [DO_RESET] = step_reset,
    [DO_SHUT] = step_shut,
    [DO_HEAR] = step_hear,
    [DO_COMMIT] = step_commit,
    [DO_DISK] = step_disk,
    [DO_TIME] = step_time,
    [DO_OPERATOR] = step_operator,
    [DO_NEIGHBOUR] = step_neighbour,
};

static void
take_step(struct session *s, const struct step *t)
{
	actions[t->action % ACTIONS](s, t);
	if (t->who & WHO_HOLDS)
		return;
	for (int i = 0; i < PEERS; i++)
		if (t->action % ACTIONS != DO_PART)
			peer_send(&s->peers[i], SIZE_MAX);
	stage_turn(&s->stage);
	for (int i = 0; i < PEERS; i++)
		peer_read(&s->peers[i]);
}

static void
begin(struct session *s, const struct step *head)
{
	*s = (struct session){.stage.commits = (head->action & 1) != 0};
	for (int i = 0; i < PEERS; i++)
		s->peers[i].fd = -1;
	stage_open(&s->stage, head->action & 2 ? 2 : 1000);
	neighbour_comes(s);
}

static void
end(struct session *s)
{
	others_leave(s);
	clear_policies(s);
	trace_turn(vhost_of(s), false);
	neighbour_works(s, 100);
	come_to_rest(s);
	check_rest(s);
	drain_all(s);
	neighbour_leaves(s);
	stage_close(&s->stage);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct step *steps = (const struct step *)data;
	struct session s;

	if (size < 2 * sizeof *steps)
		return 0;
	begin(&s, steps);
	for (size_t i = 1; i < size / sizeof *steps && i < STEPS_MAX; i++)
		take_step(&s, &steps[i]);
	end(&s);
	return 0;
}
