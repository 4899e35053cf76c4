/* peer.c - a client's end of a connection that believes nothing it is told. */
#include "tests/fuzz/peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/frame.h"
#include "amqp/props.h"
#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/fuzz/fuzz.h"

enum { READ_AT_ONCE = 64 * 1024, BODY_MAX = 512 * 1024, FRAME_MAX = 131072 };

static const uint16_t numbers[CHANNELS] = {1, 2, 3, 65535};

uint16_t
peer_number(unsigned channel)
{
	return numbers[channel % CHANNELS];
}

static struct peer_channel *
channel_of(struct peer *p, uint16_t number)
{
	for (unsigned i = 0; i < CHANNELS; i++)
		if (numbers[i] == number)
			return &p->channels[i];
	return NULL;
}

/* --- what is sent ------------------------------------------------------------ */

void
peer_frame(
    struct peer *p, uint8_t type, uint16_t channel, struct bytes payload)
{
	size_t mark = amqp_frame_begin(&p->out, type, channel);

	writer_bytes(&p->out, payload);
	amqp_frame_end(&p->out, mark);
}

void
peer_method(struct peer *p, uint16_t channel, const struct amqp_method *m)
{
	amqp_method_frame(&p->out, channel, m);
}

/* Its period is no power of two: a block that went missing is seen. */
struct bytes
peer_body(size_t size)
{
	static uint8_t body[BODY_MAX];

	if (body[1] == 0)
		for (size_t i = 0; i < BODY_MAX; i++)
			body[i] = (uint8_t)(i % 251);
	return (struct bytes){body, size < BODY_MAX ? size : BODY_MAX};
}

void
peer_publish(struct peer *p, uint16_t channel,
    const struct amqp_method *publish, struct bytes props, size_t size,
    size_t chunk)
{
	struct bytes body = peer_body(size);
	size_t mark;

	peer_method(p, channel, publish);
	p->published++;
	mark = amqp_frame_begin(&p->out, FRAME_HEADER, channel);
	writer_u16(&p->out, 60);
	writer_u16(&p->out, 0);
	writer_u64(&p->out, body.n);
	writer_bytes(&p->out, props);
	amqp_frame_end(&p->out, mark);
	for (size_t n; body.n > 0; body.p += n, body.n -= n) {
		n = body.n < chunk ? body.n : chunk;
		peer_frame(p, FRAME_BODY, channel, (struct bytes){body.p, n});
	}
}

void
peer_send(struct peer *p, size_t n)
{
	ssize_t sent;

	n = n < p->out.n ? n : p->out.n;
	if (p->fd < 0 || p->shut)
		p->out.n = 0;
	if (p->fd < 0 || p->shut || n == 0)
		return;
	sent = send(p->fd, p->out.p, n, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		p->out.n = 0;
	if (sent <= 0)
		return;
	p->out.n -= (size_t)sent;
	memmove(p->out.p, p->out.p + sent, p->out.n);
}

/* --- what comes --------------------------------------------------------------- */

static bool
said_by_servers(uint32_t id)
{
	switch (id) {
	case AMQP_connection_start: case AMQP_connection_tune:
	case AMQP_connection_open_ok: case AMQP_connection_close:
	case AMQP_connection_close_ok: case AMQP_connection_blocked:
	case AMQP_connection_unblocked: case AMQP_connection_update_secret_ok:
	case AMQP_channel_open_ok: case AMQP_channel_flow_ok:
	case AMQP_channel_close: case AMQP_channel_close_ok:
	case AMQP_access_request_ok: case AMQP_exchange_declare_ok:
	case AMQP_exchange_delete_ok: case AMQP_exchange_bind_ok:
	case AMQP_exchange_unbind_ok: case AMQP_queue_declare_ok:
	case AMQP_queue_bind_ok: case AMQP_queue_purge_ok:
	case AMQP_queue_delete_ok: case AMQP_queue_unbind_ok:
	case AMQP_basic_qos_ok: case AMQP_basic_consume_ok:
	case AMQP_basic_cancel: case AMQP_basic_cancel_ok:
	case AMQP_basic_return: case AMQP_basic_deliver:
	case AMQP_basic_get_ok: case AMQP_basic_get_empty:
	case AMQP_basic_recover_ok: case AMQP_basic_ack: case AMQP_basic_nack:
	case AMQP_confirm_select_ok: case AMQP_tx_select_ok:
	case AMQP_tx_commit_ok: case AMQP_tx_rollback_ok:
		return true;
	default:
		return false;
	}
}

static void
take_on_connection(struct peer *p, const struct amqp_method *m)
{
	MUST(m->id >> 16 == 10);
	MUST(!p->closing || m->id == AMQP_connection_close_ok);
	if (m->id == AMQP_connection_close) {
		p->closing = true;
		peer_method(p, 0,
		    &(struct amqp_method){AMQP_connection_close_ok});
	}
	if (m->id == AMQP_connection_blocked) {
		MUST(!p->blocked);
		p->blocked = true;
	}
	if (m->id == AMQP_connection_unblocked) {
		MUST(p->blocked);
		p->blocked = false;
	}
}

static void
take_tag(struct peer_channel *ch, uint64_t tag)
{
	MUST(tag > ch->delivered);
	ch->delivered = tag;
	ch->tags[tag % TAGS] = tag;
}

/* Confirms come in order, each once, for what was published. */
static void
take_confirm(struct peer *p, struct peer_channel *ch, uint64_t tag,
    bool multiple, unsigned *count)
{
	MUST(tag > ch->confirmed);
	MUST(multiple || tag == ch->confirmed + 1);
	MUST(!p->checks_bodies || tag <= p->published);
	*count += (unsigned)(tag - ch->confirmed);
	ch->confirmed = tag;
}

static void
take_on_channel(struct peer *p, struct peer_channel *ch,
    const struct amqp_method *m)
{
	MUST(m->id >> 16 != 10 && ch->due == 0);
	MUST(!p->closing);
	switch (m->id) {
	case AMQP_channel_open_ok:
		MUST(!ch->open);
		*ch = (struct peer_channel){.open = true, .asked = true};
		return;
	case AMQP_channel_close_ok:
		ch->open = ch->asked = false;
		return;
	}
	MUST(ch->open);
	switch (m->id) {
	case AMQP_channel_close:
		ch->open = ch->asked = false;
		peer_method(p, numbers[ch - p->channels],
		    &(struct amqp_method){AMQP_channel_close_ok});
		break;
	case AMQP_basic_ack:
		take_confirm(p, ch, m->basic_ack.delivery_tag,
		    m->basic_ack.multiple, &ch->acks);
		break;
	case AMQP_basic_nack:
		take_confirm(p, ch, m->basic_nack.delivery_tag,
		    m->basic_nack.multiple, &ch->nacks);
		break;
	case AMQP_basic_deliver:
		take_tag(ch, m->basic_deliver.delivery_tag);
		ch->deliveries++;
		break;
	case AMQP_basic_get_ok:
		take_tag(ch, m->basic_get_ok.delivery_tag);
		ch->gets++;
		break;
	case AMQP_basic_get_empty:
		ch->empties++;
		break;
	case AMQP_basic_return:
		ch->returns++;
		break;
	case AMQP_queue_declare_ok:
		ch->declared = m->queue_declare_ok.message_count;
		if (bytes_starts(m->queue_declare_ok.queue, BYTES("amq.gen-")))
			snprintf(p->named, sizeof p->named, "%.*s",
			    BYTES_FMT(m->queue_declare_ok.queue));
		break;
	}
	if (amqp_method_has_content(m->id)) {
		ch->due = m->id;
		ch->has_header = false;
	}
}

/* The texts of refusals name what the client named, UTF-8 or not. */
static bool
is_method(struct bytes payload, struct amqp_method *m)
{
	switch (amqp_method_decode(payload, m)) {
	case AMQP_DECODED:
		return true;
	case AMQP_DECODE_UTF8:
		return m->id == AMQP_channel_close ||
		    m->id == AMQP_connection_close;
	default:
		return false;
	}
}

static void
take_method(struct peer *p, uint16_t number, struct bytes payload)
{
	struct peer_channel *ch = channel_of(p, number);
	struct amqp_method m;

	MUST(is_method(payload, &m));
	MUST(said_by_servers(m.id));
	if (number == 0)
		take_on_connection(p, &m);
	else if (ch != NULL)
		take_on_channel(p, ch, &m);
}

static void
take_header(struct peer *p, struct peer_channel *ch, struct bytes payload)
{
	struct reader r = reader_of(payload);
	struct amqp_props props;

	MUST(ch->due != 0 && !ch->has_header);
	MUST(reader_u16(&r) == 60 && reader_u16(&r) == 0);
	ch->size = ch->left = reader_u64(&r);
	MUST(!r.bad);
	MUST(amqp_props_parse(reader_bytes(&r, reader_left(&r)), &props));
	ch->has_header = true;
	if (ch->left == 0)
		ch->due = 0;
}

static void
take_body(struct peer *p, struct peer_channel *ch, struct bytes payload)
{
	MUST(ch->due != 0 && ch->has_header);
	MUST(payload.n > 0 && payload.n <= ch->left);
	if (p->checks_bodies)
		MUST(memcmp(payload.p, peer_body(ch->size).p + ch->size - ch->left,
			 payload.n) == 0);
	ch->left -= payload.n;
	if (ch->left == 0)
		ch->due = 0;
}

static void
take_frame(struct peer *p, const struct amqp_frame *f)
{
	struct peer_channel *ch = channel_of(p, f->channel);

	switch (f->type) {
	case FRAME_METHOD:
		take_method(p, f->channel, f->payload);
		return;
	case FRAME_HEARTBEAT:
		MUST(f->channel == 0 && f->size == 0);
		return;
	}
	MUST(f->type == FRAME_HEADER || f->type == FRAME_BODY);
	MUST(f->channel != 0 && !p->closing);
	if (ch == NULL)
		return;
	if (f->type == FRAME_HEADER)
		take_header(p, ch, f->payload);
	else
		take_body(p, ch, f->payload);
}

/* Frames only, or once the protocol that would have been understood. */
static void
take_input(struct peer *p)
{
	struct bytes in = writer_view(&p->in);
	struct amqp_frame f;
	enum amqp_frame_status status;

	if (in.n > 0 && in.p[0] == 'A') {
		MUST(in.n <= 8 && memcmp(in.p, "AMQP\0\0\11\1", in.n) == 0);
		return;
	}
	while ((status = amqp_frame_peek(in, FRAME_MAX, &f)) ==
	    FRAME_COMPLETE) {
		take_frame(p, &f);
		in.p += f.size + FRAME_OVERHEAD;
		in.n -= f.size + FRAME_OVERHEAD;
	}
	MUST(status == FRAME_PARTIAL);
	memmove(p->in.p, in.p, in.n);
	p->in.n = in.n;
}

void
peer_read(struct peer *p)
{
	ssize_t n = 0;

	while (p->fd >= 0 && !p->deaf) {
		n = read(p->fd, writer_room(&p->in, READ_AT_ONCE), READ_AT_ONCE);
		if (n <= 0)
			break;
		p->in.n += (size_t)n;
		take_input(p);
	}
	if (p->fd >= 0 && !p->deaf && (n == 0 || errno != EAGAIN))
		peer_close(p);
}

/* --- life ----------------------------------------------------------------------- */

void
peer_connect(struct peer *p, struct stage *stage)
{
	*p = (struct peer){.stage = stage, .fd = stage_connect(stage)};
}

void
peer_login(struct peer *p, uint16_t heartbeat)
{
	struct amqp_method m = {AMQP_connection_start_ok};
	struct writer w = {0};

	MUST(amqp_table_scan(&w,
	    BYTES("{capabilities:{authentication_failure_close:t:1,"
		  "consumer_cancel_notify:t:1,connection.blocked:t:1}}")));
	writer_bytes(&p->out, BYTES("AMQP\0\0\11\1"));
	m.connection_start_ok = (struct amqp_connection_start_ok){
	    writer_view(&w), BYTES("PLAIN"), BYTES("\0guest\0guest"),
	    BYTES("en_US")};
	peer_method(p, 0, &m);
	writer_fini(&w);
	m = (struct amqp_method){AMQP_connection_tune_ok,
	    .connection_tune_ok = {2047, FRAME_MAX, heartbeat}};
	peer_method(p, 0, &m);
	m = (struct amqp_method){AMQP_connection_open,
	    .connection_open = {.virtual_host = BYTES("/")}};
	peer_method(p, 0, &m);
}

void
peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	writer_fini(&p->out);
	writer_fini(&p->in);
}
