/* flapping.h - policies that change all the time, on queues that are in use. */
#ifndef HOSTILE_FLAPPING_H
#define HOSTILE_FLAPPING_H

void test_flapping_policies(void);
void test_runaway_policy(void);

#endif
