/* xalloc.c - small allocations that cannot fail: they end the process. */
#include "amqp/xalloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void *
checked(void *p, size_t size)
{
	if (p == NULL) {
		fprintf(stderr, "cannot allocate %zu bytes\n", size);
		abort();
	}
	return p;
}

void *
xmalloc(size_t size)
{
	return checked(malloc(size != 0 ? size : 1), size);
}

void *
xcalloc(size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		return checked(NULL, SIZE_MAX);
	return checked(calloc(1, total != 0 ? total : 1), total);
}

void *
xrealloc(void *old, size_t size)
{
	return checked(realloc(old, size != 0 ? size : 1), size);
}

char *
xstrdup(const char *s)
{
	size_t size = strlen(s) + 1;
	return memcpy(xmalloc(size), s, size);
}

struct bytes
xbytesdup(struct bytes b)
{
	uint8_t *copy = xmalloc(b.n + 1);
	if (b.n != 0)
		memcpy(copy, b.p, b.n);
	copy[b.n] = 0;
	return (struct bytes){copy, b.n};
}

char *
xasprintf(const char *format, ...)
{
	va_list args;
	char *result;
	va_start(args, format);
	int n = vasprintf(&result, format, args);
	va_end(args);
	return checked(n < 0 ? NULL : result, strlen(format));
}
