/* log_exchange.h - the log as messages: each is published to the exchange
 * amq.rabbitmq.log of the default vhost, with its level as routing key, as RabbitMQ
 * does where log.exchange is true. */
#ifndef BROKER_LOG_EXCHANGE_H
#define BROKER_LOG_EXCHANGE_H

struct server;

/* As the settings say: from here on messages of the log are kept for the next
 * turn, and the exchange is there, or no longer. */
void log_exchange_open(struct server *);
void log_exchange_close(void);

/* Publishes what was kept; not while a queue is at work. What is logged meanwhile
 * is not published. */
void log_exchange_turn(struct server *);

#endif
