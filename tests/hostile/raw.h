/* raw.h - bytes and silences that no client library produces. */
#ifndef HOSTILE_RAW_H
#define HOSTILE_RAW_H

void test_silent_connections(void);
void test_announced_bodies(void);
void test_cut_short(void);
void test_byte_by_byte(void);
void test_deaf_clients(void);
void test_deaf_requester(void);

#endif
