/* program.h - by which name a program was called: its own, or one of RabbitMQ's,
 * which brings RabbitMQ's identity and environment with it. */
#ifndef BROKER_PROGRAM_H
#define BROKER_PROGRAM_H

#include <stdbool.h>

/* The version of RabbitMQ that is meant where RabbitMQ's is asked for. */
#define RABBITMQ_VERSION "3.13.7"

/* First thing in main, with argv[0]; before that it is "leveret". By one of
 * RabbitMQ's names it reads rabbitmq-env.conf. Standard streams that are closed
 * are /dev/null from then on. */
void program_init(const char *argv0);

/* Without folders: "leveret", "rabbitmqctl". Borrowed from argv. */
const char *program_name(void);

/* Does it begin with "rabbitmq"? */
bool program_is_rabbitmq(void);

/* The value of RABBITMQ_name where the program goes by one of RabbitMQ's names,
 * of LEVERET_name else; NULL if it is not set or empty. */
const char *program_variable(const char *name);

#endif
