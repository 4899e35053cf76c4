/* proxy.c - the PROXY protocol. */
#include "broker/proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "amqp/wire.h"

enum {
	LINE_MAX_V1 = 107, /* with its end */
	PREFIX_V2 = 16,
	LOCAL = 0x20, /* version 2, and what it is about */
	PROXY = 0x21,
	TCP4 = 0x11,
	TCP6 = 0x21,
};

static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n";

/* Is there as much of it as there can be? */
static bool
begins(struct bytes input, struct bytes word)
{
	if (input.n < word.n)
		word.n = input.n;
	return bytes_starts(input, word);
}

/* --- version 1: a line of text -------------------------------------------- */

static bool
read_line(const char *line, struct proxy_header *h)
{
	uint8_t address[16];
	int family = AF_INET, end = 0;
	char version;

	if (strncmp(line, "PROXY UNKNOWN", 13) == 0)
		return line[13] == '\0' || line[13] == ' ';
	if (sscanf(line, "PROXY TCP%c %45[0-9.] %45[0-9.] %5u %5u%n", &version,
		h->source, h->target, &h->source_port, &h->target_port,
		&end) != 5) {
		family = AF_INET6;
		if (sscanf(line,
			"PROXY TCP%c %45[0-9a-fA-F:.] %45[0-9a-fA-F:.] %5u "
			"%5u%n",
			&version, h->source, h->target, &h->source_port,
			&h->target_port, &end) != 5)
			return false;
	}
	h->names = true;
	return line[end] == '\0' && version == (family == AF_INET ? '4' : '6') &&
	    h->source_port <= 65535 && h->target_port <= 65535 &&
	    inet_pton(family, h->source, address) == 1 &&
	    inet_pton(family, h->target, address) == 1;
}

static int
read_v1(struct bytes in, struct proxy_header *h)
{
	size_t most = in.n < LINE_MAX_V1 ? in.n : LINE_MAX_V1;
	const uint8_t *end = memchr(in.p, '\n', most);
	char line[LINE_MAX_V1];
	size_t n;

	if (end == NULL)
		return most == LINE_MAX_V1 ? -1 : 0;
	n = (size_t)(end - in.p);
	if (in.p[n - 1] != '\r' || memchr(in.p, 0, n) != NULL)
		return -1;
	memcpy(line, in.p, n - 1);
	line[n - 1] = '\0';
	return read_line(line, h) ? (int)n + 1 : -1;
}

/* --- version 2: octets ----------------------------------------------------- */

static void
read_addresses(struct bytes in, int family, struct proxy_header *h)
{
	size_t size = family == AF_INET ? 4 : 16;

	if (in.n < 2 * size + 4)
		return; /* less than it announces: nobody is named */
	inet_ntop(family, in.p, h->source, sizeof h->source);
	inet_ntop(family, in.p + size, h->target, sizeof h->target);
	h->source_port = get_u16(in.p + 2 * size);
	h->target_port = get_u16(in.p + 2 * size + 2);
	h->names = true;
}

static int
read_v2(struct bytes in, struct proxy_header *h)
{
	struct bytes rest;
	size_t size;

	if (in.n < PREFIX_V2)
		return 0;
	size = PREFIX_V2 + get_u16(in.p + 14);
	if ((in.p[12] != LOCAL && in.p[12] != PROXY) || size > PROXY_HEADER_MAX)
		return -1;
	if (in.n < size)
		return 0;
	rest = (struct bytes){in.p + PREFIX_V2, size - PREFIX_V2};
	if (in.p[12] == PROXY && in.p[13] == TCP4)
		read_addresses(rest, AF_INET, h);
	else if (in.p[12] == PROXY && in.p[13] == TCP6)
		read_addresses(rest, AF_INET6, h);
	return (int)size;
}

int
proxy_read(struct bytes in, struct proxy_header *h)
{
	memset(h, 0, sizeof *h);
	if (begins(in, BYTES("PROXY ")))
		return in.n < 6 ? 0 : read_v1(in, h);
	if (begins(in, (struct bytes){signature, 12}))
		return read_v2(in, h);
	return -1;
}
