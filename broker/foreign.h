/* foreign.h - RabbitMQ's keys that do nothing here, and what an unknown key may
 * have meant. */
#ifndef BROKER_FOREIGN_H
#define BROKER_FOREIGN_H

/* Why the key of RabbitMQ's does nothing here: a constant; NULL if it is none of
 * foreign.def. */
const char *foreign_find(const char *key);

/* The key, of RabbitMQ's or of Leveret's, that it is a slip of; NULL if it is
 * like none. Good until called again. */
const char *foreign_close_to(const char *key);

#endif
