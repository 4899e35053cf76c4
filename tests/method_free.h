/* method_free.h - frees what amqp_method_set allocated for each field. */
#ifndef TESTS_METHOD_FREE_H
#define TESTS_METHOD_FREE_H

#include <stdlib.h>

#include "amqp/method.h"

#define FREE_u8(f)
#define FREE_u16(f)
#define FREE_u32(f)
#define FREE_u64(f)
#define FREE_bit(f)
#define FREE_shortstr(f) free((void *)(f).p);
#define FREE_octets(f) free((void *)(f).p);
#define FREE_longstr(f) free((void *)(f).p);
#define FREE_table(f) free((void *)(f).p);

static void
method_free_fields(struct amqp_method *m)
{
	switch (m->id) {
#define F(type, name) FREE_##type(f->name)
#define METHOD(class, class_id, name, method_id, sync, ...)                    \
	case AMQP_##class##_##name: {                                          \
		struct amqp_##class##_##name *f = &m->class##_##name;          \
		(void)f;                                                       \
		__VA_ARGS__                                                    \
		break;                                                         \
	}
#include "amqp/methods.def"
#undef METHOD
#undef F
	}
}

#endif
