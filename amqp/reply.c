/* reply.c - the reply codes and whether they close the channel or the
 * connection. */
#include "amqp/reply.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum closes { CHANNEL, CONNECTION };

struct reply {
	int code;
	const char *text;
	const char *log_text;
	enum closes closes;
};

static const struct reply replies[] = {
#define REPLY(name, code, log_text, closes) {code, #name, log_text, closes},
#include "amqp/replies.def"
#undef REPLY
};

static const struct reply unknown = {0, "UNKNOWN", "unknown", CONNECTION};

static const struct reply *
find(int code)
{
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		if (replies[i].code == code)
			return &replies[i];
	}
	return &unknown;
}

const char *
amqp_reply_text(int code)
{
	return find(code)->text;
}

const char *
amqp_reply_log_text(int code)
{
	return find(code)->log_text;
}

bool
amqp_reply_closes_connection(int code)
{
	return find(code)->closes == CONNECTION;
}

enum { ZERO_LEAD = 0xc0, ZERO_TAIL = 0x80 };

const char *
amqp_reply_word(struct bytes b)
{
	static char words[8][2 * AMQP_REPLY_SIZE];
	static unsigned next;
	char *word = words[next++ % 8], *end = word;

	for (size_t i = 0; i < b.n && i < AMQP_REPLY_SIZE - 1; i++) {
		if (b.p[i] == 0)
			*end++ = (char)ZERO_LEAD;
		*end++ = b.p[i] == 0 ? (char)ZERO_TAIL : (char)b.p[i];
	}
	*end = '\0';
	return word;
}

/* Puts the zeroes of words back. */
static struct bytes
with_zeroes(char *full)
{
	const uint8_t *from = (const uint8_t *)full;
	uint8_t *to = (uint8_t *)full;

	for (; *from != 0; from++)
		if (from[0] == ZERO_LEAD && from[1] == ZERO_TAIL) {
			*to++ = 0;
			from++;
		} else {
			*to++ = *from;
		}
	return (struct bytes){(uint8_t *)full, (size_t)(to - (uint8_t *)full)};
}

static void
print(char full[AMQP_REPLY_SIZE], int code, const char *text)
{
	size_t cut = AMQP_REPLY_SIZE - sizeof "...";
	int n = snprintf(full, AMQP_REPLY_SIZE, "%s%s%s", amqp_reply_text(code),
	    text[0] != '\0' ? " - " : "", text);

	if (n < AMQP_REPLY_SIZE)
		return;
	for (int i = 0; i < 3 && ((uint8_t)full[cut] & 0xc0) == 0x80; i++)
		cut--;
	strcpy(full + cut, "...");
}

struct bytes
amqp_reply_print(char full[AMQP_REPLY_SIZE], int code, const char *text)
{
	print(full, code, text);
	return with_zeroes(full);
}
