/* secure.h - peers that speak TLS, and mean no good. */
#ifndef HOSTILE_SECURE_H
#define HOSTILE_SECURE_H

void test_stalled_handshakes(void);
void test_many_handshakes(void);
void test_renegotiation(void);
void test_endless_chain(void);
void test_cut_records(void);
void test_garbage_records(void);
void test_deaf_secure_clients(void);
void test_paused_secure_client(void);
void test_proxies(void);

#endif
