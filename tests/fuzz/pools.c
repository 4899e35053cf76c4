/* pools.c - what the fields of a session's methods are chosen from. */
#include "tests/fuzz/pools.h"

#include <string.h>

#include "amqp/props.h"
#include "amqp/table.h"
#include "tests/fuzz/fuzz.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char longest[] =
    "0123456789012345678901234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345678901234567890123456789"
    "012345678901234567890123456789012345678901234";

static const char *const names[] = {"q0", "q1", "q2", "q3", "x0", "x1", "x2",
    "", "amq.direct", "amq.topic", "amq.fanout", "amq.headers",
    "amq.rabbitmq.reply-to", "amq.rabbitmq.trace", "amq.mine", "\xff\xfe",
    "a\r\nb", "\xc3\xa9", longest};

static const char *const keys[] = {"q0", "q1", "q2", "q3", "", "a", "a.b",
    "a.*", "#", "*.b", "a.#.b", "5", "0", "..", "\xff", longest};

static const char *const types[] = {"direct", "fanout", "topic", "headers",
    "x-consistent-hash", "x-modulus-hash", "x-random", "x-recent-history",
    "x-delayed-message", "x-local-random", "x-none", ""};

static const char *const tags[] = {"c0", "c1", "c2", "", longest};

/* Of queues, exchanges, bindings, consumers and headers alike. */
static const char *const tables[] = {"{}",
    "{x-message-ttl:I:0}", "{x-message-ttl:I:1000}", "{x-expires:I:5000}",
    "{x-max-length:I:2}", "{x-max-length:I:0}",
    "{x-max-length:I:1,x-overflow:S:reject-publish}",
    "{x-max-length:I:1,x-overflow:S:reject-publish-dlx,"
    "x-dead-letter-exchange:S:\"\",x-dead-letter-routing-key:S:q1}",
    "{x-max-length-bytes:I:1000,x-dead-letter-exchange:S:x0}",
    "{x-dead-letter-exchange:S:\"\",x-dead-letter-routing-key:S:q0}",
    "{x-message-ttl:I:0,x-dead-letter-exchange:S:\"\","
    "x-dead-letter-routing-key:S:q0}",
    "{x-message-ttl:I:100,x-dead-letter-exchange:S:x1}",
    "{x-max-priority:I:5}", "{x-max-priority:I:3,x-max-length:I:2}",
    "{x-single-active-consumer:t:1}", "{x-queue-type:S:quorum}",
    "{x-queue-type:S:quorum,x-delivery-limit:I:1,"
    "x-dead-letter-exchange:S:\"\",x-dead-letter-routing-key:S:q2}",
    "{x-queue-type:S:stream}", "{x-consumer-timeout:I:1000}",
    "{alternate-exchange:S:x1}", "{alternate-exchange:S:x0}",
    "{alternate-exchange:I:1}", "{x-match:S:any,h:I:1}",
    "{x-match:S:all,h:I:1,i:S:a}", "{x-match:S:any-with-x,x-h:I:1}",
    "{x-match:S:none}", "{h:I:1}", "{h:I:1,i:S:a,x-h:I:1}",
    "{x-priority:I:5}", "{x-priority:I:-5}", "{x-priority:S:high}",
    "{x-delayed-type:S:topic}", "{x-delay:I:100}", "{x-delay:I:-1}",
    "{hash-header:S:h}", "{x-recent-history-length:I:2}",
    "{CC:[S:q1,S:q2],BCC:[S:q3]}", "{BCC:[S:q1]}", "{CC:S:q1}",
    "{x-message-ttl:I:-1}", "{x-message-ttl:S:1}", "{x-expires:I:0}",
    "{x-death:[{queue:S:q0,reason:S:expired,count:l:1}]}",
    "{x-death:S:a}", "{x-max-length:I:2,x-message-ttl:I:1000,"
    "x-expires:I:5000,x-dead-letter-exchange:S:x2}"};

/* No tables at all. */
static const struct bytes broken_tables[] = {
    {(const uint8_t *)"\3abc", 4}, {(const uint8_t *)"\1aS\377\377\377\377", 7},
    {(const uint8_t *)"\1aF\0\0\0\4\1aI", 10}, {(const uint8_t *)"\0", 1},
    {(const uint8_t *)"\1az", 3}, {(const uint8_t *)"\1aA\177\0\0\0", 7}};

struct bytes
pool_name(unsigned choice, const char *named)
{
	if (choice % 32 == 31)
		return bytes_str(named);
	return bytes_str(names[choice % COUNT(names)]);
}

struct bytes
pool_key(unsigned choice, const char *named)
{
	if (choice % 32 == 31)
		return bytes_str(named);
	return bytes_str(keys[choice % COUNT(keys)]);
}

/* Made once, and kept. */
struct bytes
pool_table(unsigned choice)
{
	static struct writer made[COUNT(tables)];
	struct writer *w = &made[choice % COUNT(tables)];

	if (choice >= 256 - COUNT(broken_tables))
		return broken_tables[255 - choice];
	if (w->p == NULL) {
		MUST(amqp_table_scan(
		    w, bytes_str(tables[choice % COUNT(tables)])));
		writer_room(w, 1);
	}
	return writer_view(w);
}

/* --- properties ---------------------------------------------------------------- */

static void
make_props(struct writer *w, unsigned choice)
{
	static const char *const expirations[] = {"0", "100", "1000", "-1",
	    "x", "99999999999999"};
	struct amqp_props p = {0};

	if (choice & 1) {
		p.flags |= PROP_DELIVERY_MODE;
		p.delivery_mode = (choice & 30) == 30 ? 9 : 2;
	}
	if (choice & 2) {
		p.flags |= PROP_EXPIRATION;
		p.expiration = bytes_str(expirations[choice / 4 % 6]);
	}
	if (choice & 4) {
		p.flags |= PROP_HEADERS;
		p.headers = pool_table(choice / 8 + 20);
	}
	if ((choice & 24) == 8) {
		p.flags |= PROP_PRIORITY;
		p.priority = (uint8_t)(choice / 16);
	}
	if ((choice & 24) == 16) {
		p.flags |= PROP_REPLY_TO | PROP_USER_ID | PROP_CORRELATION_ID;
		p.reply_to = BYTES("amq.rabbitmq.reply-to");
		p.user_id = choice & 32 ? BYTES("guest") : BYTES("nobody");
		p.correlation_id = BYTES("\0\xff");
	}
	amqp_props_write(w, &p);
}

struct bytes
pool_props(unsigned choice)
{
	static struct writer made[256];
	struct writer *w = &made[choice % 256];

	if (w->p == NULL)
		make_props(w, choice % 256);
	return writer_view(w);
}

size_t
pool_size(unsigned choice)
{
	static const size_t sizes[] = {0, 1, 10, 100, 1000, 4000, 8192, 9000, 3,
	    20, 300, 2000, 70000, 140000, 300000, 300001};

	return sizes[choice % COUNT(sizes)];
}

size_t
pool_chunk(unsigned choice)
{
	static const size_t chunks[] = {131064, 131072, 100, 5000, 40000};

	return chunks[choice % COUNT(chunks)];
}

/* --- methods ---------------------------------------------------------------------- */

/* Those of clients come first and so most often. */
static const uint32_t usual[] = {AMQP_exchange_declare, AMQP_exchange_delete,
    AMQP_exchange_bind, AMQP_exchange_unbind, AMQP_queue_declare,
    AMQP_queue_declare, AMQP_queue_declare, AMQP_queue_bind, AMQP_queue_bind,
    AMQP_queue_purge, AMQP_queue_delete, AMQP_queue_unbind, AMQP_basic_qos,
    AMQP_basic_consume, AMQP_basic_consume, AMQP_basic_cancel, AMQP_basic_get,
    AMQP_basic_get, AMQP_basic_recover, AMQP_basic_recover_async,
    AMQP_confirm_select, AMQP_tx_select, AMQP_tx_commit, AMQP_tx_rollback,
    AMQP_channel_open, AMQP_channel_flow, AMQP_channel_close,
    AMQP_access_request, AMQP_connection_close,
    AMQP_connection_update_secret};

static const uint32_t all[] = {
#define METHOD(class, class_id, name, ...) AMQP_##class##_##name,
#include "amqp/methods.def"
#undef METHOD
};

/* Choices, used up one by one. */
struct choices {
	const uint8_t *next;
	uint8_t bits;
	const char *named;
};

static struct bytes
choose_string(const char *field, unsigned choice, const char *named)
{
	if (strcmp(field, "type") == 0)
		return bytes_str(types[choice % COUNT(types)]);
	if (strcmp(field, "consumer_tag") == 0)
		return bytes_str(tags[choice % COUNT(tags)]);
	if (strcmp(field, "routing_key") == 0)
		return pool_key(choice, named);
	if (strcmp(field, "virtual_host") == 0)
		return choice & 1 ? BYTES("nowhere") : BYTES("/");
	if (strcmp(field, "mechanism") == 0)
		return choice & 1 ? BYTES("AMQPLAIN") : BYTES("PLAIN");
	if (strcmp(field, "response") == 0)
		return choice & 1 ? BYTES("\0guest\0guest")
				  : BYTES("\5LOGINS\0\0\0\1g");
	return pool_name(choice, named);
}

static uint32_t
choose_number(const char *field, unsigned choice)
{
	static const uint32_t sizes[] = {131072, 4096, 4095, 0, 131073};

	if (strcmp(field, "frame_max") == 0)
		return sizes[choice % COUNT(sizes)];
	if (strcmp(field, "prefetch_count") == 0)
		return choice % 4;
	return strcmp(field, "prefetch_size") == 0 ? choice == 255
	    : strcmp(field, "channel_max") == 0    ? choice % 4 * 1023
						   : choice;
}

#define SET_u8(f) (f) = *c->next++;
#define SET_u16(f)                                                             \
	(f) = strcmp(field, "ticket") == 0                                     \
	    ? 0                                                                \
	    : (uint16_t)choose_number(field, *c->next++);
#define SET_u32(f) (f) = choose_number(field, *c->next++);
#define SET_u64(f) (f) = *c->next++;
#define SET_bit(f) (f) = c->bits & 1, c->bits >>= 1;
#define SET_shortstr(f) (f) = choose_string(field, *c->next++, c->named);
#define SET_octets(f) (f) = choose_string(field, *c->next++, c->named);
#define SET_longstr(f) (f) = choose_string(field, *c->next++, c->named);
#define SET_table(f) (f) = pool_table(*c->next++);

static void
fill(struct amqp_method *m, struct choices *c)
{
	const char *field;

	switch (m->id) {
#define F(type, name) field = #name; SET_##type(f->name)
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	case AMQP_##class##_##name: {                                          \
		struct amqp_##class##_##name *f = &m->class##_##name;          \
		(void)f;                                                       \
		__VA_ARGS__                                                    \
		break;                                                         \
	}
#include "amqp/methods.def"
#undef METHOD
#undef F
	}
	(void)field;
}

/* Bits are those of b; a chooses the method. */
void
pool_method(struct amqp_method *m, const struct step *t, const char *named)
{
	uint8_t fields[8] = {t->c, t->d, t->e, t->f, t->b, t->a};
	struct choices c = {fields, t->b, named};

	*m = (struct amqp_method){0};
	if (t->a < 192)
		m->id = usual[t->a % COUNT(usual)];
	else
		m->id = all[(t->a - 192u) % COUNT(all)];
	fill(m, &c);
}

void
pool_octets(struct writer *w, const struct step *t)
{
	size_t n = t->f % 5u;

	writer_u16(w, t->b % 8 * 10);
	writer_u16(w, t->c % 13 * 10);
	writer_bytes(w, (struct bytes){&t->d, 1 + t->e % 3u});
	while (n-- > 0)
		writer_u32(w, t->d * 0x1010101u);
	if (t->b & 128)
		writer_bytes(w, pool_table(t->c));
}
