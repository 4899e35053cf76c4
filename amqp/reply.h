/* reply.h - the reply codes and whether they close the channel or the
 * connection. */
#ifndef AMQP_REPLY_H
#define AMQP_REPLY_H

#include "amqp/bytes.h"

enum amqp_reply {
	AMQP_OK = 0, /* nothing to refuse; never on the wire */
#define REPLY(name, code, log_text, closes) AMQP_##name = code,
#include "amqp/replies.def"
#undef REPLY
};

/* "NOT_FOUND", or "UNKNOWN". */
const char *amqp_reply_text(int code);

/* "not_found", RabbitMQ's spelling in its log. */
const char *amqp_reply_log_text(int code);

/* "NOT_FOUND - no queue 'q'", or the name alone if there is no text. As RabbitMQ
 * does it, what is too long for a short string is cut to 252 octets and "...";
 * here no character is cut in two. */
enum { AMQP_REPLY_SIZE = 256 };
struct bytes amqp_reply_print(
    char full[AMQP_REPLY_SIZE], int code, const char *text);

/* What a client called something, for the text of a refusal: a zero octet in it
 * stands there as C0 80, which no UTF-8 has, and amqp_reply_print makes it one
 * again. Good until eight more have been asked for; cut where no reply goes on. */
const char *amqp_reply_word(struct bytes);

/* True for hard errors; false for those that close only the channel. */
bool amqp_reply_closes_connection(int code);

#endif
