/* reach.h - finds the broker that a tool is to talk to. */
#ifndef BROKER_REACH_H
#define BROKER_REACH_H

/* A connection to the control socket at path; else to that of the data folder
 * dir; else, both NULL, to that of data_folder(). -1 with errno. */
int reach_broker(const char *path, const char *dir);

/* Says on standard error, with errno, that none answers there. */
void reach_failed(const char *path, const char *dir);

#endif
