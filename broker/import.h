/* import.h - what the parts of an import share: the document, what it brings, and
 * the member that is being read. */
#ifndef BROKER_IMPORT_H
#define BROKER_IMPORT_H

#include <jansson.h>

#include "amqp/names.h"
#include "amqp/wire.h"
#include "broker/definitions.h"
#include "broker/document.h"
#include "broker/server.h"

struct exchange;
struct exchange_type;
struct fingerprint;
struct hash_task;
struct queue_type;

enum import_phase {
	IMPORT_SCAN,   /* where are the sections? */
	IMPORT_OTHERS, /* those that mean nothing here must be JSON too */
	IMPORT_CHECK,  /* each member, knowing what those before it bring */
	IMPORT_HASH,   /* passwords, where that takes long */
	IMPORT_APPLY,  /* each again: now it is made */
	IMPORT_DONE,
};

/* In the order of the members they belong to. */
struct passwords {
	struct hash_task **tasks;
	size_t count, room;
	size_t next; /* to be hashed; then, to be taken */
};

/* Life of an import: whoever made it and the server's list of jobs hold a
 * reference each. What happens in the broker between its slices is as if it had
 * happened before or behind all of it: a thing that is gone when its turn comes was
 * made and deleted. */
struct import {
	struct job job;
	struct server *server;
	unsigned refs;
	void *memory;	    /* own: the text is in it */
	struct bytes vhost; /* own: for things that name none */
	struct document document;
	bool in_turns;	    /* a job of the loop, not at its start */
	bool old_hashes;    /* written before RabbitMQ 3.6: MD5 */
	struct fingerprint *fingerprint; /* of the text, if it is asked for */
	bool unchanged;

	enum import_phase phase;
	size_t section;
	struct members members;
	const json_t *member; /* or the part of it that is being read */
	const json_t *whole;

	/* While members are checked: what those before would make. */
	struct names users, vhosts, exchanges, queues;
	struct writer key; /* for looking them up */
	struct passwords passwords;

	struct writer arguments; /* of the member; empty between members */
	size_t count, left_out;
	bool refused;
	char error[1024];
};

/* Something that will be there, in import.c's care. */
struct coming {
	struct bytes key; /* own: name, or vhost, zero, name */
	const struct queue_type *queue;
	struct exchange *exchange;
	size_t queues; /* new ones in the vhost */
};

/* --- what an import brings ------------------------------------------------- */

bool import_has_user(const struct import *, struct bytes name);
bool import_has_vhost(const struct import *, struct bytes name);

/* Counts as being there from now on. */
void import_brings_user(struct import *, struct bytes name);
void import_brings_vhost(struct import *, struct bytes name);
void import_brings_queue(struct import *, struct bytes vhost,
    struct bytes name, const struct queue_type *);
void import_brings_exchange(struct import *, struct bytes vhost,
    struct bytes name, const struct exchange_type *, struct bytes arguments);

/* How many new queues it brings to a vhost. */
size_t import_new_queues(const struct import *, struct bytes vhost);

/* The type of a queue, or an exchange that stands for the one of that name: there
 * already, or brought. NULL if there is none. */
const struct queue_type *import_queue(
    struct import *, struct bytes vhost, struct bytes name);
const struct exchange *import_exchange(
    struct import *, struct bytes vhost, struct bytes name);

/* --- reading a member ------------------------------------------------------ */

/* Says what is wrong with the member, behind which one it is; false. */
bool import_refuse(struct import *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fields of the member. False after having refused it: a field that must be there
 * is not, or it has another type, or is longer than max bytes. Without need the
 * value stays as it is where the field is missing. */
enum { NEED = true, MAY = false };
bool import_text(struct import *, const char *key, bool need, size_t max,
    struct bytes *value);
bool import_name(struct import *, const char *key, struct bytes *name);
bool import_flag(struct import *, const char *key, bool need, bool *value);
bool import_object(
    struct import *, const char *key, bool need, const json_t **value);

/* RabbitMQ writes some objects as lists of pairs, [["max-length",10]], and empty
 * ones as []: makes it an object again. import_object does so. */
void import_unfold(const json_t *object, const char *key);

/* Tags, as a list or in one text: joined by commas, malloc'd; NULL if there are
 * none or they were refused. */
bool import_tags(struct import *, const json_t *value, char **tags);

/* The vhost it is in, which must exist. */
bool import_vhost(struct import *, struct bytes *name);

/* Its arguments as a table, good until the next member. */
bool import_arguments(struct import *, struct bytes *table);

/* --- passwords that take long to hash ---------------------------------------- */

/* While members are checked: it is to be hashed before anything is made. Copies
 * it. */
void import_hash_later(struct import *, struct bytes password);

/* True when all are hashed. In turns the job is parked until then, and the hasher
 * is given one at a time, so that a login waits behind one of them; if it has no
 * room the import is refused. */
bool import_hash(struct import *);

/* The hash of the next of them, borrowed. */
struct bytes import_hashed(struct import *);

void import_forget_passwords(struct import *);

/* --- sections --------------------------------------------------------------- */

/* Checks the member or makes what it says, by the import's phase. What was checked
 * is not refused any more. */
typedef bool import_section(struct import *);
import_section import_user, import_a_vhost, import_permission,
    import_topic_permission, import_parameter, import_global_parameter,
    import_policy, import_a_queue, import_an_exchange, import_binding;

static inline bool
import_checks(const struct import *im)
{
	return im->phase == IMPORT_CHECK;
}

#endif
