/* pressure.h - publishers that do not care how much memory there is. */
#ifndef HOSTILE_PRESSURE_H
#define HOSTILE_PRESSURE_H

/* The marks these tests are made for, in MiB; the broker's settings. */
#define PRESSURE_MARK "120"

void test_deaf_publishers(void);
void test_one_connection_drains(void);
void test_many_blocked(void);
void test_lost_while_blocked(void);

#endif
