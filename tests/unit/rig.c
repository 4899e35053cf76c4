/* rig.c - exchanges, queues and a route for the tests of exchanges/. */
#include "tests/unit/rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/table.h"
#include "amqp/xalloc.h"
#include "tests/unit/unit.h"

void
rig_init(struct rig *rig)
{
	*rig = (struct rig){0};
	names_init(&rig->exchanges);
	names_init(&rig->queues);
}

void
rig_fini(struct rig *rig)
{
	struct exchange *x;
	struct destination *queue;

	for (size_t at = 0; (x = names_each(&rig->exchanges, &at)) != NULL;) {
		rig_check(x);
		while (x->bindings != NULL)
			exchange_unbind(x->bindings);
		rig_check(x);
	}
	for (size_t at = 0; (x = names_each(&rig->exchanges, &at)) != NULL;)
		exchange_free(x);
	for (size_t at = 0; (queue = names_each(&rig->queues, &at)) != NULL;) {
		CU_ASSERT_PTR_NULL(queue->bindings);
		free((void *)queue->name.p);
		free(queue);
	}
	names_fini(&rig->exchanges);
	names_fini(&rig->queues);
	route_fini(&rig->route);
}

struct exchange *
rig_exchange(
    struct rig *rig, const struct exchange_type *type, const char *name)
{
	struct exchange *x = names_get(&rig->exchanges, bytes_str(name));

	if (x == NULL) {
		x = exchange_new(type, bytes_str(name), BYTES(""));
		names_put(&rig->exchanges, x->destination.name, x);
	}
	return x;
}

struct destination *
rig_queue(struct rig *rig, const char *name)
{
	struct destination *queue = names_get(&rig->queues, bytes_str(name));

	if (queue == NULL) {
		queue = xcalloc(1, sizeof *queue);
		queue->kind = TO_QUEUE;
		queue->name = xbytesdup(bytes_str(name));
		names_put(&rig->queues, queue->name, queue);
	}
	return queue;
}

struct destination *
rig_queue_numbered(struct rig *rig, const char *prefix, unsigned number)
{
	return rig_queue(rig, rig_text("%s%u", prefix, number));
}

struct bytes
rig_table(const char *text)
{
	struct writer w = {0};
	struct bytes table;

	if (text != NULL)
		CU_ASSERT_FATAL(amqp_table_scan(&w, bytes_str(text)));
	table = xbytesdup(writer_view(&w));
	writer_fini(&w);
	return table;
}

struct binding *
rig_bind(struct exchange *x, struct destination *to, const char *key,
    const char *arguments)
{
	struct bytes table = rig_table(arguments);
	struct binding *b = exchange_bind(x, to, bytes_str(key), table, NULL);

	free((void *)table.p);
	return b;
}

bool
rig_unbind(struct exchange *x, struct destination *to, const char *key,
    const char *arguments)
{
	struct bytes table = rig_table(arguments);
	struct binding *b = exchange_find_binding(x, to, bytes_str(key), table);

	free((void *)table.p);
	if (b != NULL)
		exchange_unbind(b);
	return b != NULL;
}

static size_t
route_once(struct rig *rig, struct exchange *x, const struct routing *routing)
{
	route_begin(&rig->route);
	route(&rig->route, x, routing, &rig->exchanges, &rig->queues);
	return rig->route.count;
}

size_t
rig_route(struct rig *rig, struct exchange *x, const char *key)
{
	return route_once(rig, x, &(struct routing){.key = bytes_str(key)});
}

size_t
rig_route_headers(struct rig *rig, struct exchange *x, const char *headers)
{
	struct bytes table = rig_table(headers);

	route_once(rig, x, &(struct routing){.headers = table});
	free((void *)table.p);
	return rig->route.count;
}

bool
rig_reached(const struct rig *rig, const char *queue)
{
	for (size_t i = 0; i < rig->route.count; i++)
		if (bytes_eq(rig->route.queues[i]->name, bytes_str(queue)))
			return true;
	return false;
}

void
rig_check(const struct exchange *x)
{
	size_t count = 0;

	for (struct binding *const *at = &x->bindings; *at != NULL;
	     at = &(*at)->from_next) {
		struct binding *b = *at;

		CU_ASSERT_PTR_EQUAL(b->source, x);
		CU_ASSERT_PTR_EQUAL(b->from_prev, at);
		CU_ASSERT_PTR_EQUAL(*b->to_prev, b);
		CU_ASSERT_PTR_EQUAL(exchange_find_binding(x, b->destination,
					b->key, b->arguments),
		    b);
		count++;
	}
	CU_ASSERT_EQUAL(count, x->binding_count);
	CU_ASSERT_EQUAL(count, x->identities.count);
}

unsigned
rig_random(unsigned limit)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % limit;
}

uint64_t __real_bytes_hash(struct bytes);
uint64_t __wrap_bytes_hash(struct bytes);

static bool colliding;

uint64_t
__wrap_bytes_hash(struct bytes b)
{
	return colliding ? 42 : __real_bytes_hash(b);
}

void
rig_collide(bool on)
{
	colliding = on;
}

const char *
rig_text(const char *format, ...)
{
	static char buffers[4][512];
	static unsigned turn;
	char *buffer = buffers[turn++ % 4];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(buffer, sizeof *buffers, format, arguments);
	va_end(arguments);
	return buffer;
}
