/* scene.h - one scenario being played: its script, its connections, what it
 * has named and what must be taken away behind it. */
#ifndef SCENARIO_SCENE_H
#define SCENARIO_SCENE_H

#include <sys/queue.h>

#include "amqp/bytes.h"
#include "amqp/wire.h"
#include "tests/scenario/broker.h"
#include "tests/scenario/peer.h"

/* One line of a script. A line that ends in ':' opens a block: the lines below
 * it that are indented deeper. */
struct line {
	unsigned number;
	unsigned indent;
	struct bytes text;
};

struct script {
	char *path;
	char *name; /* the file's, without folder and ending */
	struct line *lines;
	size_t n;
	bool needs_own_broker;
	bool needs_ctl;
	char **settings; /* "key=value", for a Leveret of its own */
	size_t n_settings;
};

struct variable {
	TAILQ_ENTRY(variable) next;
	struct bytes name;
	struct bytes value;
};

/* Something to remove at the end: a queue or exchange, or what "ctl add_..."
 * made. */
struct made {
	TAILQ_ENTRY(made) next;
	struct bytes kind; /* "name", or the thing behind "add_" */
	struct bytes name;
};

struct scene {
	const struct script *script;
	const struct line *at;
	struct broker *broker;
	char prefix[24]; /* what '@' stands for: names no other run has */
	bool muted;      /* a handshake or clean-up: not in the transcript */
	bool trace;
	struct writer transcript;
	TAILQ_HEAD(, peer) peers;
	TAILQ_HEAD(, variable) variables;
	TAILQ_HEAD(, made) made;
};

struct script *script_read(const char *path);

/* Plays it and ends the process: status 0 if all came as the script says, 1
 * with "not ok" and the place otherwise. Run it in a process of its own. With
 * transcripts, what was said is written to that folder. */
void scene_play(const struct script *, struct broker *, const char *transcripts,
    bool trace) __attribute__((noreturn));

/* Ends the scenario: it has failed at the line being played. */
void scene_fail(struct scene *, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/* Notes a line of the conversation; direction is '>' or '<'. */
void scene_note(struct scene *, const struct peer *, unsigned channel,
    char direction, struct bytes line);

/* The text without what differs from run to run: prefix and generated names. */
struct bytes scene_normal(const struct scene *, struct bytes line);

/* An event as one line, its body included; kept for the process's life. */
struct bytes scene_show(const struct event *);

/* Takes the next event of that channel, or fails. */
struct event *scene_next(
    struct scene *, struct peer *, unsigned channel, const char *wanted);

/* Sends a method and notes it. */
void scene_send(struct scene *, struct peer *, unsigned channel,
    const struct amqp_method *);

/* Closes a connection as AMQP does, if it is open, and its socket. Fails if the
 * broker had said something that the script never expected. */
void scene_part(struct scene *, struct peer *);

/* The connection of that name, or NULL. */
struct peer *scene_peer(struct scene *, struct bytes name);

/* "A" or "A.1": the connection, which must be there, and the channel. */
struct peer *scene_address(
    struct scene *, struct bytes word, unsigned *channel);

/* Remembers to remove something at the end. */
void scene_made(struct scene *, struct bytes kind, struct bytes name);

/* --- values ------------------------------------------------------------- */

enum value_kind {
	VALUE_TEXT,
	VALUE_TABLE,   /* {key:S:text}: bytes holds this text */
	VALUE_ANY,     /* *: whatever it is */
	VALUE_REGEX,   /* ~pattern */
	VALUE_CAPTURE, /* $name, not yet known: takes what came */
};

struct value {
	enum value_kind kind;
	struct bytes bytes;
};

/* Reads a value of the script: names behind '@', variables and escapes are
 * replaced. Fails the scenario if it cannot be read. */
struct value scene_value(struct scene *, struct bytes raw);

/* The same where only a text makes sense. */
struct bytes scene_text(struct scene *, struct bytes raw);
uint64_t scene_number(struct scene *, struct bytes raw);

/* A value as amqp_method_set reads it. */
struct bytes scene_written(struct scene *, struct bytes raw);

/* The next word of the line, which must be there. */
struct bytes scene_word(struct scene *, struct bytes *line, const char *what);

void scene_set(struct scene *, struct bytes name, struct bytes value);

/* --- what the files of verbs share --------------------------------------- */

/* Carries out one line, blocks apart. */
void verb_line(struct scene *, struct bytes line);

/* Is this the kind of event the words ask for? Only the named fields are
 * compared. Variables are set only if all matches. On false, why says which
 * field differs. */
bool match_event(struct scene *, const struct event *, struct bytes wanted,
    struct writer *why);

/* The verbs of content.c: "publish", "header", "body". */
void content_publish(
    struct scene *, struct peer *, unsigned channel, struct bytes words);
void content_header(
    struct scene *, struct peer *, unsigned channel, struct bytes words);
void content_body(
    struct scene *, struct peer *, unsigned channel, struct bytes words);

/* handshake.c: "connect" and "dial"; and the close of a connection, which
 * leaves what else came unread. */
void handshake_connect(struct scene *, struct bytes words);
struct peer *handshake_dial(struct scene *, struct bytes name);
void handshake_disconnect(struct scene *, struct peer *);

#endif
