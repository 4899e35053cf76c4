/* commands.h - what leveretctl can ask of a server. */
#ifndef BROKER_COMMANDS_H
#define BROKER_COMMANDS_H

#include "broker/control.h"

/* The control socket of a server in its data folder. NULL with a sentence in
 * error. Closed with control_close, after everything is written down. */
struct control *commands_open(struct server *, char *error, size_t size);

/* command_list_queues and so on, one for each row of commands.def that is neither
 * refused nor local. */
typedef void command_step(struct request *, size_t *budget);
#define COMMAND(name, ...) command_step command_##name;
#define REFUSED(name, ...)
#define LOCAL(name, ...)
#include "broker/commands.def"
#undef COMMAND

/* --- what they share --------------------------------------------------- */

struct queue;
struct vhost;

/* The vhost of -p, "/" without one. NULL after having failed the request. */
struct vhost *command_vhost(struct request *);

/* The name given with -p, "/" without. */
const char *command_vhost_name(const struct request *);

/* The queue that the first argument names. NULL if there is none, or not even the
 * vhost: RabbitMQ says the same of both. */
struct queue *command_queue(const struct request *);

/* Does the broker serve clients? */
bool command_is_up(const struct request *);

/* Fails the request: the broker is down. */
void command_needs_app(struct request *);

/* What the answer is as JSON; takes the reference. */
struct json_t;
void command_document(struct request *, struct json_t *);

/* The alarms that are set, a line each in RabbitMQ's words; empty if none is. */
void alarms_text(const struct server *, char *text, size_t size);
void tell_alarms(struct request *); /* a section of a status */
struct json_t *alarms_document(const struct server *);

/* Where clients are served, a line each; as an array. */
void tell_listeners(struct request *);
struct json_t *listeners_document(const struct server *);

/* Where the log goes: all places, or the first; as an array of texts. */
struct json_t *log_locations(bool all);

/* The feature flags, a line each; as an array. */
void tell_flags(struct request *);
struct json_t *flags_document(void);

/* Fails the request: {:no_such_user, "x"}, as RabbitMQ does where it does not
 * expect it. */
void command_unexpected_user(struct request *, const char *name);

/* Fails the request: Virtual host 'x' does not exist. */
void command_no_vhost(struct request *, const char *name);

/* Fails the request: User "x" does not exist. */
void command_no_user(struct request *, const char *name);

/* One column of a listing. */
struct column {
	const char *name;
	void (*put)(struct request *, const void *thing);
};

/* Begins a table of the columns asked for by name, or of those named in
 * defaults ("name messages"), with a banner: a format for the vhost's name. False
 * after having failed the request: there is no such column, or no such vhost
 * where the command is about one. */
bool listing_begin(struct request *, const struct column *columns,
    unsigned count, const char *defaults, const char *banner);

/* One row of it. */
void listing_row(
    struct request *, const struct column *columns, const void *thing);

#endif
