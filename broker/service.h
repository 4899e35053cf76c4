/* service.h - what ties the process to whoever started it: a service manager, a
 * test, a script that waits for its process id. */
#ifndef BROKER_SERVICE_H
#define BROKER_SERVICE_H

#include <stdbool.h>

/* Asks for SIGTERM when the process that started this one ends; if it has ended
 * meanwhile, this one ends with status 0 at once. */
void service_die_with_parent(void);

/* Leaves the terminal and whoever waits; as rabbitmq-server -detached. */
void service_detach(void);

/* Children that others left to this process, as process 1 of a container, are
 * not kept as zombies. */
void service_reap(void);

/* Writes the process id and a newline. False with errno. */
bool service_write_pid(const char *path);

/* Tells the service manager at $NOTIFY_SOCKET, if there is one, as sd_notify(3)
 * does: "READY=1". */
void service_notify(const char *state);

/* Sockets that were passed in, as sd_listen_fds(3) says: how many; they begin at
 * SERVICE_FIRST. What others inherit from this process does not count. */
enum { SERVICE_FIRST = 3 };
int service_sockets(void);

/* The n-th one's name in $LISTEN_FDNAMES: is it for TLS ("amqps", "tls")? */
bool service_socket_secure(int n);

#endif
