/* rig.h - exchanges, queues and a route for the tests of exchanges/. */
#ifndef RIG_H
#define RIG_H

#include "amqp/names.h"
#include "exchanges/exchange.h"
#include "exchanges/router.h"
#include "exchanges/type.h"

struct rig {
	struct names exchanges;
	struct names queues; /* plain destinations */
	struct route route;
};

void rig_init(struct rig *);

/* Checks every exchange (see rig_check), unbinds and frees everything. */
void rig_fini(struct rig *);

/* Makes one, or returns the one of that name. */
struct exchange *rig_exchange(
    struct rig *, const struct exchange_type *, const char *name);
struct destination *rig_queue(struct rig *, const char *name);

/* A queue named prefix and number. */
struct destination *rig_queue_numbered(
    struct rig *, const char *prefix, unsigned number);

/* Arguments are written as in amqp_table_scan, or NULL for none. */
struct binding *rig_bind(struct exchange *, struct destination *,
    const char *key, const char *arguments);
bool rig_unbind(struct exchange *, struct destination *, const char *key,
    const char *arguments);

/* A table the caller frees with free((void *)result.p). */
struct bytes rig_table(const char *text);

/* Routes one message and returns how many queues it reached; the queues and
 * the work are in rig->route. */
size_t rig_route(struct rig *, struct exchange *, const char *key);
size_t rig_route_headers(struct rig *, struct exchange *, const char *headers);

/* Did the last route name that queue? */
bool rig_reached(const struct rig *, const char *queue);

/* Asserts that lists, index and counts of an exchange agree. */
void rig_check(const struct exchange *);

/* The same numbers in each run, so that a failure comes again. Below limit. */
unsigned rig_random(unsigned limit);

/* From now on, or until now, all hashes of bytes are the same. Every lookup
 * must still tell things apart. (Linked with --wrap=bytes_hash.) */
void rig_collide(bool);

/* A formatted string in one of a few static buffers. */
const char *rig_text(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
