/* raw.h - bytes and silences that no client library produces. */
#ifndef HOSTILE_RAW_H
#define HOSTILE_RAW_H

#include <stdint.h>

struct client;

/* The one who must not notice: a client that confirms and consumes. */
struct client *witness_open(void);

/* A message there and back, and its confirm. Returns the milliseconds it took. */
int64_t witness(struct client *);

/* So many of them; none may take long. */
void witness_all_is_well(struct client *, unsigned times);

void test_silent_connections(void);
void test_announced_bodies(void);
void test_cut_short(void);
void test_byte_by_byte(void);
void test_deaf_clients(void);
void test_deaf_requester(void);

#endif
