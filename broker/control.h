/* control.h - answers leveretctl on a UNIX socket in the data folder.
 *
 * One request for each connection:
 *
 *   request:  u32 size, then words, each with a length of four octets
 *   answer:   frames: u8 kind, u32 size, payload
 *     B  a banner: what is being done, for people
 *     C  columns of a table: an AMQP array of strings
 *     R  a row of it: an AMQP array of values
 *     T  text
 *     A  advice: text that goes as banners go
 *     D  a part of a document, as it is
 *     J  JSON, to be shown instead of the text in that format
 *     E  the end: u8 exit code, then a sentence if it is not 0
 *     F  the same, and nothing stands in front of the sentence
 *     U  the same, for words that cannot be: usage is told behind it
 *
 * Answers stream: a command that has much to tell is asked again each turn, with
 * a budget, while the peer keeps up. */
#ifndef BROKER_CONTROL_H
#define BROKER_CONTROL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "amqp/table.h"
#include "amqp/wire.h"
#include "broker/words.h"

enum {
	CONTROL_REQUEST_MAX = 256 * 1024 * 1024, /* bytes */
	CONTROL_FRAME_PREFIX = 5,
};

#define CONTROL_SOCKET "leveret.sock"

/* sysexits' numbers, as rabbitmqctl uses them. */
enum control_code {
	CODE_OK = 0,
	CODE_USAGE = 64,
	CODE_DATA = 65,	  /* no such vhost, wrong password */
	CODE_NO_USER = 67,
	CODE_UNAVAILABLE = 69, /* no broker; anything RabbitMQ has no number for */
	CODE_SOFTWARE = 70, /* there is one of that name already */
	CODE_TIMEOUT = 75,
};

struct control;
struct hash_task;
struct server;

enum { REQUEST_COLUMNS = 64 };

/* What a command works on. It is begun with everything below "the command's
 * own" zero, and asked until it has called request_end. */
struct request {
	struct server *server;
	struct words words;
	unsigned uid, pid; /* of who asks */
	struct writer out; /* frames not yet with the socket */
	uint8_t *input;	   /* what words borrow from; a command may take it */
	size_t row;	   /* mark of the open row */
	bool ended;
	uint64_t changed; /* the end is told when this batch is on disk */
	bool until_closed; /* or when control_close is called */
	struct hash_task *hashing; /* given back when the request goes */
	unsigned pause_ms; /* set by a step: the next comes no earlier */

	/* The command's own. */
	bool begun;
	size_t at, phase; /* where to go on */
	unsigned columns[REQUEST_COLUMNS], column_count; /* asked for */
	void *work;
	void (*release)(void *work); /* called at the end, if there is work */
};

struct control_host {
	struct server *server;

	/* One step of the request's command: uses up to *budget units (a row is
	 * one), and returns when it has ended, used them up, or must wait for
	 * another turn. */
	void (*step)(struct request *, size_t *budget);
};

/* Opens dir/leveret.sock. NULL with a sentence in error if there is a broker on
 * it already, or it cannot be made. The host is copied. */
struct control *control_open(struct event_base *, const char *dir,
    const struct control_host *, char *error, size_t size);

/* Says the last word where one is due, closes and unlinks the socket. */
void control_close(struct control *);

/* Each turn: serves requests with what is left of the budget. True if there is
 * more to do at once; what waits for the disk or for its peer does not count. */
bool control_turn(struct control *, size_t *budget);

/* Each turn, after that: tells the end to those whose changes are on disk,
 * which all are up to this batch. */
void control_keep(struct control *, uint64_t committed);

/* --- for commands ------------------------------------------------------ */

#define CONTROL_FORMAT __attribute__((format(printf, 2, 3)))

void request_banner(struct request *, const char *format, ...) CONTROL_FORMAT;
void request_text(struct request *, const char *format, ...) CONTROL_FORMAT;
void request_advice(struct request *, const char *format, ...) CONTROL_FORMAT;
void request_document(struct request *, struct bytes part);

void request_columns(
    struct request *, const char *const *names, unsigned count);

/* A row: begin, put as many values as there are columns, end. */
void request_row(struct request *);
void request_row_end(struct request *);
void put_text_value(struct request *, struct bytes);
void put_int_value(struct request *, int64_t);
void put_real_value(struct request *, double);
void put_bool_value(struct request *, bool);
void put_table_value(struct request *, struct bytes table);
void put_list_value(struct request *, const char *joined_by_commas);
void put_no_value(struct request *);

/* What the answer is as JSON, where that is more than its text in a string, or
 * other than its rows: then it must come before their columns. */
void request_json(struct request *, const char *json);

/* The last thing a command does. A sentence for every code but CODE_OK; "Error:"
 * stands in front of it, as in RabbitMQ, unless it is bare; misused: the words
 * were wrong, and how they are used is told behind it. */
void request_end(struct request *);
void request_fail(struct request *, enum control_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void request_fail_bare(struct request *, enum control_code, const char *format,
    ...) __attribute__((format(printf, 3, 4)));
void request_misused(struct request *, enum control_code, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* --- for leveretctl ---------------------------------------------------- */

/* Fills in the address of dir/leveret.sock. A path too long for it goes through
 * a descriptor of the folder, in *folder, which the caller closes after use (-1:
 * none). False with errno. */
struct sockaddr_un;
bool control_address(
    const char *dir, struct sockaddr_un *address, int *folder);

/* A request from words, ready to be sent. */
void control_request(
    struct writer *, const char *const *words, size_t count);

/* A frame at the front of input: its size with the prefix, 0 if it is not yet
 * complete. */
size_t control_frame(struct bytes input, char *kind, struct bytes *payload);

#endif
