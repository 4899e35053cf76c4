/* fuzz.h - what harnesses share: the entry that libFuzzer or replay.c calls,
 * and a check that stays in whatever the build. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(property)                                                         \
	do {                                                                   \
		if (!(property)) {                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__,       \
			    __LINE__, #property);                              \
			abort();                                               \
		}                                                              \
	} while (0)

#endif
