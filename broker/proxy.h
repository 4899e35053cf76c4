/* proxy.h - the PROXY protocol: what a proxy says in front of a stream about whom
 * it speaks for. Versions 1 and 2 of HAProxy's specification (2.1, 2.2). */
#ifndef BROKER_PROXY_H
#define BROKER_PROXY_H

#include <netinet/in.h>
#include <stdbool.h>

#include "amqp/bytes.h"

enum { PROXY_HEADER_MAX = 2048 }; /* octets; TLVs behind the addresses count */

struct proxy_header {
	bool names; /* the addresses are those of a client */
	char source[INET6_ADDRSTRLEN], target[INET6_ADDRSTRLEN];
	unsigned source_port, target_port;
};

/* The size of the header at the front of input, 0 if more of it must come, -1 if
 * it is none. names is false for a proxy that speaks for itself (LOCAL) or does
 * not know (UNKNOWN), and for what is not TCP over IP. */
int proxy_read(struct bytes input, struct proxy_header *);

#endif
