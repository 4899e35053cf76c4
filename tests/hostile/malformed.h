/* malformed.h - every kind of malformed input, beside those who go on. */
#ifndef HOSTILE_MALFORMED_H
#define HOSTILE_MALFORMED_H

void test_malformed(void);

#endif
