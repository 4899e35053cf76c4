/* type.c - the types of exchange by name. */
#include "exchanges/type.h"

static const struct exchange_type *const types[] = {
    &type_direct,
    &type_fanout,
    &type_topic,
    &type_headers,
};

const struct exchange_type *
exchange_type_find(struct bytes name)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (bytes_eq(name, bytes_str(types[i]->name)))
			return types[i];
	return NULL;
}
