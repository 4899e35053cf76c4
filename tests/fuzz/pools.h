/* pools.h - what the fields of a session's methods are chosen from. */
#ifndef POOLS_H
#define POOLS_H

#include "amqp/method.h"
#include "tests/fuzz/session.h"

/* named is what the server has made up. */
struct bytes pool_name(unsigned choice, const char *named);
struct bytes pool_key(unsigned choice, const char *named);
struct bytes pool_table(unsigned choice);
struct bytes pool_props(unsigned choice); /* flags and list */
size_t pool_size(unsigned choice);	  /* of a body */
size_t pool_chunk(unsigned choice);	  /* of it in a frame */

/* Any method, a chooses it; then a choice for each of the fields
 * that are no bits, and b for all bits. */
void pool_method(
    struct amqp_method *, const struct step *, const char *named);

/* A payload that may be anything. */
void pool_octets(struct writer *, const struct step *);

#endif
