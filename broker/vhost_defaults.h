/* vhost_defaults.h - what the settings give each new vhost: users, limits and
 * operator policies, to those whose names match. */
#ifndef BROKER_VHOST_DEFAULTS_H
#define BROKER_VHOST_DEFAULTS_H

#include <stdbool.h>

struct server;
struct vhost;
struct vhost_defaults;

/* Reads and checks them, and hashes passwords: for the start. NULL if one cannot
 * be, which the log tells. */
struct vhost_defaults *vhost_defaults_new(struct server *);
void vhost_defaults_free(struct vhost_defaults *);

/* To a vhost that was just made and described. A user that is there already only
 * gets the permissions. */
void vhost_defaults_apply(const struct vhost_defaults *, struct vhost *);

#endif
