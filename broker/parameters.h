/* parameters.h - what operators set while the broker runs, as JSON: limits and
 * policies of vhosts, and values that are only kept.
 *
 * A parameter belongs to a component, which says what its value may be and acts
 * on it. RabbitMQ's own are policy, operator_policy and vhost-limits; those of
 * its shovels and federation are kept, so that definitions travel through. */
#ifndef BROKER_PARAMETERS_H
#define BROKER_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>

#include "amqp/bytes.h"
#include "persistence/change.h"

struct server;
struct vhost;

struct parameter {
	struct bytes key;	       /* own: component, zero, name */
	struct bytes component, name;  /* in it */
	char *value;		       /* JSON on one line */
};

/* Checks, sets, stores and acts. False with what is wrong in RabbitMQ's words,
 * "Validation failed" before them; nothing has changed then. */
bool parameter_set(struct vhost *, struct bytes component, struct bytes name,
    struct bytes value, char *error, size_t size);

/* Only checks. */
bool parameter_check(struct bytes component, struct bytes name,
    struct bytes value, char *error, size_t size);

/* False if it is not there. */
bool parameter_clear(struct vhost *, struct bytes component, struct bytes name);

const struct parameter *parameter_find(
    const struct vhost *, struct bytes component, struct bytes name);

/* Walks a vhost's: start with *at = 0, ends with NULL. */
const struct parameter *parameter_each(const struct vhost *, size_t *at);

/* For the end of a vhost, or of the server. */
void parameters_free(struct vhost *);

/* Those of the whole broker: kept, and without a meaning. */
struct global_parameter {
	struct bytes name; /* own */
	char *value;	   /* JSON on one line */
};
bool global_parameter_set(struct server *, struct bytes name,
    struct bytes value, char *error, size_t size);
bool global_parameter_clear(struct server *, struct bytes name);

/* What clients are told of the cluster: set by a command, or in the settings, or
 * after the machine. malloc'd. */
char *server_cluster_name(const struct server *);
void global_parameters_free(struct server *);

/* Takes back what the store told at start: DEF_parameter, DEF_global_parameter. */
void parameters_restore(struct server *, const struct definition *);

#endif
