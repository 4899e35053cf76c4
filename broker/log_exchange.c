/* log_exchange.c - the log as messages, published to amq.rabbitmq.log. */
#include "broker/log_exchange.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "amqp/props.h"
#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "broker/config.h"
#include "broker/envelope.h"
#include "broker/folder.h"
#include "broker/log.h"
#include "broker/queue.h"
#include "broker/server.h"
#include "broker/vhost.h"
#include "exchanges/type.h"

#define LOG_EXCHANGE_NAME "amq.rabbitmq.log"

enum { KEPT_MAX = 256 }; /* of one turn; more are lost to it */

struct kept {
	enum log_level level;
	char *text; /* with the ends of its lines */
	size_t n;
	STAILQ_ENTRY(kept) link;
};

static STAILQ_HEAD(, kept) all = STAILQ_HEAD_INITIALIZER(all);
static unsigned count;
static bool publishing;

/* Called from wherever something is logged. */
static void
keep(enum log_level level, struct bytes text)
{
	struct kept *k;

	if (publishing || count == KEPT_MAX)
		return;
	k = xcalloc(1, sizeof *k);
	k->level = level;
	k->text = (char *)xbytesdup(text).p;
	k->n = text.n;
	STAILQ_INSERT_TAIL(&all, k, link);
	count++;
}

static struct kept *
take(void)
{
	struct kept *k = STAILQ_FIRST(&all);

	if (k != NULL) {
		STAILQ_REMOVE_HEAD(&all, link);
		count--;
	}
	return k;
}

static void
drop(struct kept *k)
{
	free(k->text);
	free(k);
}

/* --- the exchange ---------------------------------------------------------------- */

static struct vhost *
vhost_of(struct server *s)
{
	return server_vhost(s, bytes_str(s->config->default_vhost));
}

void
log_exchange_open(struct server *s)
{
	struct vhost *v = vhost_of(s);
	struct bytes name = BYTES(LOG_EXCHANGE_NAME);
	struct exchange *x = v != NULL ? vhost_exchange(v, name) : NULL;

	if (!s->config->log_exchange) {
		log_exchange_close();
		if (x != NULL)
			vhost_delete_exchange(v, x);
		return;
	}
	if (v != NULL && x == NULL)
		vhost_add_exchange(
		    v, &type_topic, name, BYTES(""), true, false, true);
	log_take(keep);
}

void
log_exchange_close(void)
{
	struct kept *k;

	log_take(NULL);
	while ((k = take()) != NULL)
		drop(k);
}

/* --- publishing ------------------------------------------------------------------- */

static struct message *
make_message(const struct server *s, const struct kept *k, struct bytes key)
{
	struct writer headers = {0}, props = {0};
	bool json = strcmp(s->config->log_exchange_formatter, "json") == 0;
	struct amqp_props p = {
	    .flags = PROP_CONTENT_TYPE | PROP_HEADERS | PROP_TIMESTAMP,
	    .content_type = json ? BYTES("application/json")
				 : BYTES("text/plain"),
	    .timestamp = (uint64_t)time(NULL),
	};
	struct message *m;

	table_put_longstr(&headers, "node", bytes_str(node_name()));
	p.headers = writer_view(&headers);
	amqp_props_write(&props, &p);
	m = message_new(
	    BYTES(LOG_EXCHANGE_NAME), key, writer_view(&props), k->n);
	if (m != NULL)
		memcpy((uint8_t *)message_body(m).p, k->text, k->n);
	writer_fini(&headers);
	writer_fini(&props);
	return m;
}

static void
publish(struct vhost *v, struct exchange *x, const struct kept *k)
{
	struct bytes key = bytes_str(log_level_name(k->level));
	struct routing routing = {.key = key};
	struct route r = {0};
	struct message *m;

	route_begin(&r);
	route(&r, x, &routing, &v->exchanges, &v->queues);
	m = r.count > 0 ? make_message(v->server, k, key) : NULL;
	for (size_t i = 0; m != NULL && i < r.count; i++)
		queue_pass_on((struct queue *)r.queues[i], m, -1);
	if (m != NULL)
		message_unref(m);
	route_fini(&r);
}

void
log_exchange_turn(struct server *s)
{
	struct vhost *v = count > 0 ? vhost_of(s) : NULL;
	struct exchange *x =
	    v != NULL ? vhost_exchange(v, BYTES(LOG_EXCHANGE_NAME)) : NULL;
	struct kept *k;

	publishing = true;
	while ((k = take()) != NULL) {
		if (x != NULL)
			publish(v, x, k);
		drop(k);
	}
	publishing = false;
}
