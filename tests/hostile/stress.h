/* stress.h - many clients that do random things at once. */
#ifndef HOSTILE_STRESS_H
#define HOSTILE_STRESS_H

/* Runs for some seconds (or $STRESS_SECONDS), then sees that every queue holds
 * what it says, in order, and can go. kill: the broker is killed before that. */
void stress(unsigned seconds, int kill);

#endif
