/* conf_env.h - rabbitmq-env.conf: variables for RabbitMQ's programs, in as much of
 * the shell's language as assignments need. */
#ifndef BROKER_CONF_ENV_H
#define BROKER_CONF_ENV_H

/* Reads $RABBITMQ_CONF_ENV_FILE, or /etc/rabbitmq/rabbitmq-env.conf if that is
 * there, and sets what it says in the environment: before there are threads.
 * "NAME=value" counts where RABBITMQ_NAME is not set, "RABBITMQ_NAME=value" in any
 * case. What is no assignment, and names that mean nothing here, are kept for
 * conf_env_tell. */
void conf_env_read(void);

/* Logs what was left out, with file and line. */
void conf_env_tell(void);

#endif
