/* xalloc.h - small allocations that cannot fail: they end the process.
 *
 * Sizes that come from a peer are checked before they get here. */
#ifndef AMQP_XALLOC_H
#define AMQP_XALLOC_H

#include <stddef.h>

#include "amqp/bytes.h"

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size); /* zeroed; overflow checked */
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *s);

/* A copy of b that the caller frees, with a zero behind it for printing. The
 * result borrows that copy: free((void *)result.p). Never a null pointer. */
struct bytes xbytesdup(struct bytes b);

/* A formatted string the caller frees. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
