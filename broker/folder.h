/* folder.h - where the data folder is, and what the node is called. */
#ifndef BROKER_FOLDER_H
#define BROKER_FOLDER_H

#include <stdbool.h>

/* The folder for store and control socket when no -d is given: $LEVERET_DIR;
 * else, called by a name of RabbitMQ's, $RABBITMQ_MNESIA_DIR or the node's folder
 * in $RABBITMQ_MNESIA_BASE; else LOCALSTATEDIR/lib/leveret for root, and for
 * whoever may write to it; else $XDG_STATE_HOME/leveret; else
 * $HOME/.local/state/leveret. The caller frees it. NULL if none of these is set.
 * leveret and leveretctl both ask here, so one finds the other. */
char *data_folder(void);

/* Makes the folder, and those above it, for this user only. False with
 * errno. */
bool folder_make(const char *dir);

/* A new folder in $TMPDIR or /tmp for the socket of a broker that keeps
 * nothing; the caller removes and frees it. NULL with errno. */
char *folder_private(void);

/* "rabbit@" and the short name of this machine, as RabbitMQ calls a node; called
 * by a name of RabbitMQ's, $RABBITMQ_NODENAME. */
const char *node_name(void);

/* Another name for it; without an '@' the machine's follows. */
void node_rename(const char *name);

#endif
